//! What older servers wrote, made here by hand, byte for byte as their formats are described.
use super::{world::NOW_MS, *};

/// A string as it is.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match bytes.len() {
        len @ 0..64 => out.push(len as u8),
        len @ 64..16_384 => out.extend_from_slice(&(0x4000 | len as u16).to_be_bytes()),
        len => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
    out
}
fn plains(words: &[&[u8]]) -> Vec<u8> {
    words.iter().flat_map(|word| plain(word)).collect()
}

/// The encoding and the bytes of an entry of a ziplist.
fn zip(word: &[u8]) -> Vec<u8> {
    let number = str::from_utf8(word).ok().and_then(|word| word.parse::<i64>().ok());
    match (number, word.len()) {
        (Some(number @ 0..=12), _) => vec![0xF1 + number as u8],
        (Some(number @ -128..=127), _) => vec![0xFE, number as u8],
        (Some(number @ -32_768..=32_767), _) => [&[0xC0][..], &(number as i16).to_le_bytes()].concat(),
        (Some(number @ -8_388_608..=8_388_607), _) => [&[0xF0][..], &number.to_le_bytes()[..3]].concat(),
        (Some(number), _) if i32::try_from(number).is_ok() => {
            [&[0xD0][..], &(number as i32).to_le_bytes()].concat()
        }
        (Some(number), _) => [&[0xE0][..], &number.to_le_bytes()].concat(),
        (None, len @ 0..64) => [&[len as u8][..], word].concat(),
        (None, len @ 64..16_384) => [&(0x4000 | len as u16).to_be_bytes()[..], word].concat(),
        (None, len) => [&[0x80][..], &(len as u32).to_be_bytes(), word].concat(),
    }
}

fn ziplist(words: &[&[u8]]) -> Vec<u8> {
    let (mut entries, mut before, mut last_at) = (Vec::new(), 0, 10);
    for word in words {
        last_at = 10 + entries.len();
        let head = match before {
            0..254 => vec![before as u8],
            _ => [&[0xFE][..], &(before as u32).to_le_bytes()].concat(),
        };
        let entry = [head, zip(word)].concat();
        before = entry.len();
        entries.extend_from_slice(&entry);
    }
    let bytes = (entries.len() + 11) as u32;
    [
        &bytes.to_le_bytes()[..],
        &(last_at as u32).to_le_bytes(),
        &(words.len() as u16).to_le_bytes(),
        &entries,
        &[0xFF],
    ]
    .concat()
}

const WORDS: [&[u8]; 12] = [
    b"0",
    b"12",
    b"-1",
    b"127",
    b"-300",
    b"8388607",
    b"-8388608",
    b"2147483647",
    b"-9223372036854775808",
    b"text",
    &[b'x'; 300],
    &[b'y'; 20_000],
];

/// What is seen of a value that stands for these bytes.
#[track_caller]
fn seen(kind: ValueType, payload: &[u8]) -> (String, Vec<String>) {
    let limits = EncodingLimits::default();
    let mut world = World::new();
    world.load(b"key", content(kind, payload, &limits), None);
    (world.get("key").encoding().to_string(), shown(world.get("key")))
}

/// What is seen of a value that a client makes by itself.
fn expected(kind: &str, items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = items.into_iter().collect();
    if !["list", "zset"].contains(&kind) {
        lines.sort();
    }
    [vec![format!("{kind} None")], lines].concat()
}
fn bytes(word: &[u8]) -> String {
    format!("{:?}", Bytes::copy_from_slice(word))
}

#[test]
fn lists_in_every_form() {
    let list = expected("list", WORDS.iter().map(|word| bytes(word)));
    let (_, by_ziplist) = seen(ValueType::ListZiplist, &plain(&ziplist(&WORDS)));
    assert_eq!(by_ziplist, list);
    let linked = [&[12][..], &plains(&WORDS)].concat();
    assert_eq!(seen(ValueType::List, &linked).1, list);
    let (front, back) = WORDS.split_at(5);
    let nodes = [&[3][..], &plain(&ziplist(front)), &plain(&ziplist(&[])), &plain(&ziplist(back))].concat();
    assert_eq!(seen(ValueType::Quicklist1, &nodes).1, list);
    let (encoding, small) = seen(ValueType::ListZiplist, &plain(&ziplist(&[b"a", b"1"])));
    assert_eq!((&encoding[..], small), ("listpack", expected("list", [bytes(b"a"), bytes(b"1")])));
}

#[test]
fn nodes_of_one_element_each() {
    let listpack = [15, 0, 0, 0, 2, 0, 0x82, b'a', b'b', 3, 0x07, 1, 0xFF];
    let listpack = [&[listpack.len() as u8][..], &listpack[1..]].concat();
    let nodes = [&[2, 1][..], &plain(&[b'p'; 90]), &[2], &plain(&listpack)].concat();
    let (encoding, shown) = seen(ValueType::Quicklist2, &nodes);
    assert_eq!(encoding, "quicklist");
    assert_eq!(shown, expected("list", [bytes(&[b'p'; 90]), bytes(b"ab"), bytes(b"7")]));
}

#[test]
fn sets_in_every_form() {
    let words: Vec<String> = WORDS.iter().map(|word| bytes(word)).collect();
    let members = [&[12][..], &plains(&WORDS)].concat();
    assert_eq!(seen(ValueType::Set, &members), ("hashtable".into(), expected("set", words)));
    let intset = [&[4, 0, 0, 0, 3, 0, 0, 0][..], &(-70_000_i32).to_le_bytes(), &[5, 0, 0, 0, 6, 0, 0, 0]];
    let (encoding, shown) = seen(ValueType::SetIntset, &plain(&intset.concat()));
    assert_eq!(
        (&encoding[..], shown),
        ("intset", expected("set", ["-70000", "5", "6"].map(|n| bytes(n.as_bytes()))))
    );
    let small = [&[2, 0xC0, 9][..], &plain(b"a")].concat();
    assert_eq!(
        seen(ValueType::Set, &small),
        ("listpack".into(), expected("set", [bytes(b"9"), bytes(b"a")]))
    );
}

#[test]
fn sorted_sets_in_every_form() {
    let items = ["-inf", "-1.5", "0", "3", "1e+300"].iter().zip(["e", "d", "c", "b", "a"]);
    let lines = [("e", "-inf"), ("d", "-1.5"), ("c", "0.0"), ("b", "3.0"), ("a", "1e300")];
    let lines =
        expected("zset", lines.map(|(member, score)| format!("{} {score}", bytes(member.as_bytes()))));
    let words: Vec<&[u8]> =
        items.clone().flat_map(|(score, member)| [member.as_bytes(), score.as_bytes()]).collect();
    let (encoding, by_ziplist) = seen(ValueType::SortedSetZiplist, &plain(&ziplist(&words)));
    assert_eq!((&encoding[..], by_ziplist), ("listpack", lines.clone()));
    let as_texts: Vec<u8> = items
        .clone()
        .flat_map(|(score, member)| match *score {
            "-inf" => [plain(member.as_bytes()), vec![255]].concat(),
            score => [plain(member.as_bytes()), vec![score.len() as u8], score.as_bytes().to_vec()].concat(),
        })
        .collect();
    assert_eq!(seen(ValueType::SortedSet1, &[&[5][..], &as_texts].concat()).1, lines);
    let as_doubles: Vec<u8> = items
        .flat_map(|(score, member)| {
            [plain(member.as_bytes()), score.parse::<f64>().unwrap().to_le_bytes().to_vec()].concat()
        })
        .collect();
    assert_eq!(seen(ValueType::SortedSet2, &[&[5][..], &as_doubles].concat()).1, lines);
}

#[test]
fn hashes_in_every_form() {
    let long = [b'v'; 260];
    let pairs: [(&[u8], &[u8]); 3] = [(b"name", b"value"), (b"7", b""), (b"long", &long)];
    let line = |(name, value): (&[u8], &[u8])| format!("{} {} None", bytes(name), bytes(value));
    let lines = expected("hash", pairs.map(line));
    let words: Vec<&[u8]> = pairs.iter().flat_map(|(name, value)| [*name, *value]).collect();
    assert_eq!(seen(ValueType::HashZiplist, &plain(&ziplist(&words))), ("listpack".into(), lines.clone()));
    assert_eq!(
        seen(ValueType::Hash, &[&[3][..], &plains(&words)].concat()),
        ("hashtable".into(), lines.clone())
    );
    let zipmap =
        [&b"\x03\x04name\x05\x02valueXX\x017\x00\x00\x04long\xfe\x04\x01\x00\x00\x00"[..], &long, b"\xff"]
            .concat();
    assert_eq!(seen(ValueType::HashZipmap, &plain(&zipmap)), ("hashtable".into(), lines));
    let small = seen(ValueType::HashZipmap, &plain(b"\x02\x03foo\x03\x00bar\x05hello\x05\x00world\xff"));
    assert_eq!(small.0, "listpack");
    assert_eq!(small.1.len(), 3);
}

#[test]
fn deadlines_of_fields_in_every_form() {
    let lines = |deadlines: [&str; 3]| {
        let fields = ["a", "b", "c"].iter().zip(deadlines);
        expected(
            "hash",
            fields.map(|(name, deadline)| format!("{} b\"v\" {deadline}", bytes(name.as_bytes()))),
        )
    };
    let (first, later) = (NOW_MS + 5, NOW_MS + 900);
    let told = lines([&format!("Some({first})"), "None", &format!("Some({later})")]);
    let number = |deadline: i64| [&[0x81][..], &deadline.to_be_bytes()].concat();
    let v = plain(b"v");
    let absolute =
        [&[3][..], &number(first), b"\x01a", &v, b"\0\x01b", &v, &number(later), b"\x01c", &v].concat();
    assert_eq!(seen(ValueType::HashDeadlinesPreGa, &absolute), ("listpackex".into(), told.clone()));
    let relative =
        [&first.to_le_bytes()[..], b"\x03\x01\x01a", &v, b"\0\x01b", &v, b"\x43\x80\x01c", &v].concat();
    assert_eq!(seen(ValueType::HashDeadlines, &relative), ("listpackex".into(), told.clone()));
    let mut triples = crate::data::listpack::Listpack::new();
    let (near, far) = (first.to_string(), later.to_string());
    triples.extend([&b"a"[..], b"v", near.as_bytes(), b"c", b"v", far.as_bytes(), b"b", b"v", b"0"]);
    let block = plain(triples.as_bytes());
    assert_eq!(seen(ValueType::HashTriplesPreGa, &block), ("listpackex".into(), told.clone()));
    let with_first = [&first.to_le_bytes()[..], &block].concat();
    assert_eq!(seen(ValueType::HashTriples, &with_first), ("listpackex".into(), told));
}

/// A stream of one node: 1-1 with `f` = `v`; a group, two consumers, one entry that is pending.
fn stream(kind: ValueType) -> Vec<u8> {
    let mut node = crate::data::listpack::Listpack::new();
    node.extend("1 0 1 f 0 2 0 0 v 4".split(' ').map(str::as_bytes));
    let id = [[0_u8, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]].concat();
    let newer = kind != ValueType::Stream1;
    let mut out = [&[1][..], &plain(&id), &plain(node.as_bytes()), &[1, 9, 0]].concat();
    if newer {
        out.extend_from_slice(&[1, 1, 8, 0, 5]);
    }
    out.extend_from_slice(b"\x01\x01g\x01\x01");
    if newer {
        out.push(3);
    }
    let time = 77_i64.to_le_bytes();
    out.extend_from_slice(&[&[1][..], &id, &time, &[2, 2]].concat());
    for (name, pending) in [(b'a', &id[..]), (b'b', &[])] {
        out.extend_from_slice(&[&[1, name][..], &time].concat());
        if kind == ValueType::Stream3 {
            out.extend_from_slice(&(-1_i64).to_le_bytes());
        }
        out.push(pending.len() as u8 / 16);
        out.extend_from_slice(pending);
    }
    out
}

#[test]
fn streams_in_every_form() {
    for (kind, counts, read, active) in [
        (ValueType::Stream1, "0-0 1 1", "Some(1)", "Some(77)"),
        (ValueType::Stream2, "8-0 5 1", "Some(3)", "Some(77)"),
        (ValueType::Stream3, "8-0 5 1", "Some(3)", "None"),
    ] {
        let group = |name: &str, pending| format!("[{}] 77 {active} {pending}", name.as_bytes()[0]);
        let lines = [
            "stream None".to_string(),
            "1 1-1 9-0".to_string(),
            counts.to_string(),
            "1-1 [(b\"f\", b\"v\")]".to_string(),
            format!("group [103] 1-1 {read}"),
            "1-1 77 2 [97]".to_string(),
            group("a", "{StreamId { ms: 1, seq: 1 }}"),
            group("b", "{}"),
        ];
        assert_eq!(seen(kind, &stream(kind)).1, lines, "{kind:?}");
    }
}

#[test]
fn nothing_is_stored_for_nothing() {
    let empty = crate::data::listpack::Listpack::new();
    let listpack = plain(empty.as_bytes());
    let cases = [
        (ValueType::List, vec![0]),
        (ValueType::Set, vec![0]),
        (ValueType::SortedSet1, vec![0]),
        (ValueType::SortedSet2, vec![0]),
        (ValueType::Hash, vec![0]),
        (ValueType::ListZiplist, plain(&ziplist(&[]))),
        (ValueType::SortedSetZiplist, plain(&ziplist(&[]))),
        (ValueType::HashZiplist, plain(&ziplist(&[]))),
        (ValueType::Quicklist1, [&[1][..], &plain(&ziplist(&[]))].concat()),
        (ValueType::Quicklist2, [&[1, 2][..], &listpack].concat()),
        (ValueType::SetListpack, listpack.clone()),
        (ValueType::SortedSetListpack, listpack.clone()),
        (ValueType::HashListpack, listpack.clone()),
        (ValueType::HashTriplesPreGa, listpack.clone()),
        (ValueType::HashTriples, [&[0; 8][..], &listpack].concat()),
        (ValueType::HashDeadlines, vec![0; 9]),
        (ValueType::HashDeadlinesPreGa, vec![0]),
    ];
    for (kind, payload) in cases {
        let decoded = decode(kind, &payload.into(), &EncodingLimits::default());
        assert!(matches!(decoded, Ok(Decoded::Empty)), "{kind:?}");
    }
}
