//! Listpacks against the format's bytes, against a vector, and against damage.

use proptest::prelude::*;

use super::*;

fn listpack(elements: &[&[u8]]) -> Listpack {
    let mut listpack = Listpack::new();
    elements.iter().for_each(|element| listpack.push(element));
    listpack
}

fn contents(listpack: &Listpack) -> Vec<Vec<u8>> {
    listpack.iter().map(|element| element.to_bytes().to_vec()).collect()
}

/// The bytes of a listpack of one element, without header and end.
fn entry(element: &[u8]) -> Vec<u8> {
    let listpack = listpack(&[element]);
    listpack.as_bytes()[HEADER_BYTES..listpack.end()].to_vec()
}

#[test]
fn a_listpack_is_one_pointer() {
    assert_eq!(size_of::<Option<Listpack>>(), 8);
}

#[test]
fn the_bytes_are_those_of_the_format() {
    assert_eq!(Listpack::new().as_bytes(), [7, 0, 0, 0, 0, 0, 0xFF]);
    let two = listpack(&[b"a", b"1"]);
    assert_eq!(two.as_bytes(), [12, 0, 0, 0, 2, 0, 0x81, b'a', 2, 1, 1, 0xFF]);
    let integers: [(&[u8], &[u8]); 20] = [
        (b"0", &[0, 1]),
        (b"127", &[127, 1]),
        (b"128", &[0xC0, 0x80, 2]),
        (b"-1", &[0xDF, 0xFF, 2]),
        (b"4095", &[0xCF, 0xFF, 2]),
        (b"-4096", &[0xD0, 0x00, 2]),
        (b"4096", &[0xF1, 0x00, 0x10, 3]),
        (b"-4097", &[0xF1, 0xFF, 0xEF, 3]),
        (b"32767", &[0xF1, 0xFF, 0x7F, 3]),
        (b"-32768", &[0xF1, 0x00, 0x80, 3]),
        (b"32768", &[0xF2, 0x00, 0x80, 0x00, 4]),
        (b"8388607", &[0xF2, 0xFF, 0xFF, 0x7F, 4]),
        (b"-8388608", &[0xF2, 0x00, 0x00, 0x80, 4]),
        (b"8388608", &[0xF3, 0x00, 0x00, 0x80, 0x00, 5]),
        (b"2147483647", &[0xF3, 0xFF, 0xFF, 0xFF, 0x7F, 5]),
        (b"-2147483648", &[0xF3, 0x00, 0x00, 0x00, 0x80, 5]),
        (b"2147483648", &[0xF4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]),
        (b"9223372036854775807", &[0xF4, 255, 255, 255, 255, 255, 255, 255, 127, 9]),
        (b"-9223372036854775808", &[0xF4, 0, 0, 0, 0, 0, 0, 0, 128, 9]),
        (b"9223372036854775808", b"\x939223372036854775808\x14"),
    ];
    for (text, bytes) in integers {
        assert_eq!(entry(text), bytes, "{}", text.escape_ascii());
        assert_eq!(contents(&listpack(&[text])), [text]);
    }
}

#[test]
fn strings_have_heads_and_backlens_by_length() {
    let cases: [(usize, &[u8], &[u8]); 12] = [
        (0, &[0x80], &[1]),
        (63, &[0xBF], &[64]),
        (64, &[0xE0, 64], &[66]),
        (125, &[0xE0, 125], &[127]),
        (126, &[0xE0, 126], &[1, 0x80]),
        (4095, &[0xEF, 0xFF], &[32, 0x81]),
        (4096, &[0xF0, 0, 16, 0, 0], &[32, 0x85]),
        (16_377, &[0xF0, 0xF9, 0x3F, 0, 0], &[127, 0xFE]),
        // The highest length of two groups takes three.
        (16_378, &[0xF0, 0xFA, 0x3F, 0, 0], &[0, 0xFF, 0xFF]),
        (16_379, &[0xF0, 0xFB, 0x3F, 0, 0], &[1, 0x80, 0x80]),
        (2_097_145, &[0xF0, 0xF9, 0xFF, 0x1F, 0], &[127, 0xFF, 0xFE]),
        (2_097_146, &[0xF0, 0xFA, 0xFF, 0x1F, 0], &[0, 0xFF, 0xFF, 0xFF]),
    ];
    for (len, head, backlen) in cases {
        let text = vec![b'x'; len];
        let bytes = entry(&text);
        assert!(bytes.starts_with(head) && bytes.ends_with(backlen), "{len}");
        assert_eq!(bytes.len(), head.len() + len + backlen.len());
        assert_eq!(Listpack::encoded_len(&text), bytes.len());
        let pack = listpack(&[b"before", &text, b"behind"]);
        assert_eq!(pack.seek(-2).map(|at| pack.get(at)), Some(Element::Bytes(&text)));
        assert!(Listpack::from_bytes(pack.as_bytes()).is_ok());
    }
}

#[test]
fn the_count_saturates() {
    let mut pack = Listpack::new();
    pack.extend(std::iter::repeat_n(&b"7"[..], 65_534));
    assert_eq!((pack.count(), pack.len()), (65_534, 65_534));
    pack.push(b"8");
    assert_eq!((pack.count(), pack.len()), (COUNT_UNKNOWN, 65_535));
    pack.push(b"9");
    assert_eq!(pack.len(), 65_536);
    assert_eq!(pack.seek(65_535).map(|at| pack.get(at)), Some(Element::Integer(9)));
    assert_eq!(pack.seek(65_536), None);
    assert_eq!(pack.seek(-65_536), pack.first());
    assert_eq!(pack.seek(-65_537), None);
    pack.remove_range(10, 65_000);
    assert_eq!(pack.len(), 536);
    pack.remove_range(-1, 1);
    assert_eq!(pack.iter().next_back(), Some(Element::Integer(8)));
    let back = pack.split_off(500);
    assert_eq!((pack.len(), back.len()), (500, 35));
    assert_eq!(pack.merge(back).count(), 535);
}

#[test]
fn what_is_found_is_what_a_client_would_see() {
    // 5 as text and as a wide integer: no command writes these, but a snapshot may hold them.
    let bytes = [16, 0, 0, 0, 3, 0, 0x81, b'5', 2, 0xF1, 5, 0, 3, 0x80, 1, 0xFF];
    let pack = Listpack::from_bytes(&bytes).unwrap();
    let first = pack.find(None, b"5", 0);
    assert_eq!(first, pack.first());
    assert_eq!(pack.find(pack.next(first.unwrap()), b"5", 0), Some(9));
    assert_eq!(pack.find(None, b"", 0), Some(13));
    assert_eq!(pack.find(None, b"05", 0), None);
    assert!(pack.get(6).equals(b"5") && pack.get(9).equals(b"5") && !pack.get(9).equals(b"05"));
    let map = listpack(&[b"a", b"b", b"b", b"c", b"c"]);
    assert_eq!(map.find(None, b"b", 1), map.seek(2));
    assert_eq!(map.find(None, b"c", 1), map.seek(4));
    assert_eq!(map.pairs().count(), 2);
    assert_eq!(map.find(None, b"c", 100), None);
}

#[test]
fn damage_is_seen() {
    let good = listpack(&[b"some text", b"1000", &[b'x'; 70], b"-5", &[b'y'; 5000]]);
    let bytes = good.as_bytes();
    assert!(Listpack::from_bytes(bytes).is_ok());
    for len in 0..bytes.len() - 1 {
        assert_eq!(Listpack::from_bytes(&bytes[..len]).err(), Some(Corrupt), "cut off at {len}");
        // With a length and an end that fit.
        let mut cut = bytes[..len].to_vec();
        cut.push(END);
        if let Some(total) = cut.first_chunk_mut() {
            *total = (len as u32 + 1).to_le_bytes();
        }
        assert!(Listpack::from_bytes(&cut).is_err(), "ended at {len}");
    }
    let huge = [12, 0, 0, 0, 1, 0, 0xF0, 255, 255, 255, 255, 0xFF];
    assert!(Listpack::from_bytes(&huge).is_err());
    assert!(Listpack::from_bytes(&[8, 0, 0, 0, 0, 0, 0xFF, 0xFF]).is_err());
    let wrong_count = [9, 0, 0, 0, 2, 0, 1, 1, 0xFF];
    assert!(Listpack::from_bytes(&wrong_count).is_err());
}

#[test]
fn memory_is_given_back() {
    let mut pack = Listpack::new();
    for _ in 0..1000 {
        pack.push(b"0123456789abcdef");
    }
    assert_eq!((pack.byte_len(), pack.memory_bytes()), (18_007, 20_480));
    pack.remove_range(1, 999);
    assert_eq!((pack.byte_len(), pack.memory_bytes()), (25, 32));
    assert!(pack.fits((1 << 30) - 25) && !pack.fits((1 << 30) - 24) && !pack.fits(usize::MAX));
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<u8>),
    PushFront(Vec<u8>),
    Extend(Vec<Vec<u8>>),
    Insert(usize, Vec<u8>),
    InsertBehind(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    ReplaceInteger(usize, i64),
    Remove(usize),
    RemoveRange(isize, usize),
    RemoveRun(usize, usize),
    RemoveMatching(usize, bool, usize),
    Split(usize),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i64>().prop_map(|integer| integer.to_string().into_bytes()),
        (0..4_u32).prop_map(|digit| digit.to_string().into_bytes()),
        (any::<i64>(), 0..64_u32).prop_map(|(wide, shift)| (wide >> shift).to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80),
        (0..20_000_usize).prop_map(|len| vec![b'z'; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..40_usize;
    prop_oneof![
        4 => text().prop_map(Step::Push),
        2 => text().prop_map(Step::PushFront),
        1 => prop::collection::vec(text(), 0..10).prop_map(Step::Extend),
        2 => (at.clone(), text()).prop_map(|(at, text)| Step::Insert(at, text)),
        2 => (at.clone(), text()).prop_map(|(at, text)| Step::InsertBehind(at, text)),
        2 => (at.clone(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
        1 => (at.clone(), any::<i64>()).prop_map(|(at, integer)| Step::ReplaceInteger(at, integer)),
        2 => at.clone().prop_map(Step::Remove),
        1 => (-40..40_isize, 0..40_usize).prop_map(|(at, count)| Step::RemoveRange(at, count)),
        1 => (at.clone(), 0..10_usize).prop_map(|(at, count)| Step::RemoveRun(at, count)),
        1 => (at.clone(), any::<bool>(), 0..4_usize)
            .prop_map(|(at, from_tail, max)| Step::RemoveMatching(at, from_tail, max)),
        1 => at.prop_map(Step::Split),
    ]
}

fn apply(pack: &mut Listpack, model: &mut Vec<Vec<u8>>, step: Step) {
    let len = model.len();
    let place = |at: usize| (len > 0).then(|| at % len.max(1));
    let position = |pack: &Listpack, at: usize| pack.seek(at as isize).unwrap();
    match step {
        Step::Push(text) => {
            pack.push(&text);
            model.push(text);
        }
        Step::PushFront(text) => {
            pack.push_front(&text);
            model.insert(0, text);
        }
        Step::Extend(texts) => {
            pack.extend(texts.iter().map(Vec::as_slice));
            model.extend(texts);
        }
        Step::RemoveRange(index, count) => {
            pack.remove_range(index, count);
            let from = if index < 0 { len.checked_add_signed(index) } else { Some(index as usize) };
            if let Some(from) = from.filter(|from| *from < len) {
                model.drain(from..(from + count).min(len));
            }
        }
        Step::Split(at) => {
            let back = pack.split_off(at);
            assert_eq!(contents(&back), model[at.min(len)..]);
            let front = std::mem::take(pack);
            assert_eq!(contents(&front), model[..at.min(len)]);
            *pack = front.merge(back);
        }
        Step::Insert(at, text) => {
            let Some(at) = place(at) else { return };
            pack.insert(position(pack, at), &text);
            model.insert(at, text);
        }
        Step::InsertBehind(at, text) => {
            let Some(at) = place(at) else { return };
            let new = pack.insert_behind(position(pack, at), &text);
            assert_eq!(Some(new), pack.seek(at as isize + 1));
            model.insert(at + 1, text);
        }
        Step::Replace(at, text) => {
            let Some(at) = place(at) else { return };
            pack.replace(position(pack, at), &text);
            model[at] = text;
        }
        Step::ReplaceInteger(at, integer) => {
            let Some(at) = place(at) else { return };
            pack.replace_integer(position(pack, at), integer);
            model[at] = integer.to_string().into_bytes();
        }
        Step::Remove(at) => {
            let Some(at) = place(at) else { return };
            let next = pack.remove(position(pack, at));
            assert_eq!(next, pack.seek(at as isize));
            model.remove(at);
        }
        Step::RemoveRun(at, count) => {
            let Some(at) = place(at) else { return };
            pack.remove_run(position(pack, at), count);
            model.drain(at..(at + count).min(len));
        }
        Step::RemoveMatching(at, from_tail, max) => {
            let Some(at) = place(at) else { return };
            let text = model[at].clone();
            let mut found: Vec<usize> = (0..len).filter(|index| model[*index] == text).collect();
            if !from_tail {
                found.reverse();
            }
            let found = found.split_off(found.len().saturating_sub(max));
            assert_eq!(pack.remove_matching(&Needle::new(&text), from_tail, max), found.len());
            let mut index = 0..;
            model.retain(|_| !found.contains(&index.next().unwrap()));
        }
    }
}

fn check(pack: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(pack.len(), model.len());
    assert_eq!(pack.is_empty(), model.is_empty());
    assert_eq!(contents(pack), model);
    let backwards: Vec<_> = pack.iter().rev().map(|element| element.to_bytes().to_vec()).collect();
    assert!(backwards.iter().eq(model.iter().rev()));
    let walked = std::iter::successors(pack.last(), |position| pack.previous(*position));
    assert_eq!(walked.count(), model.len());
    for (index, text) in model.iter().enumerate() {
        let position = pack.seek(index as isize).unwrap();
        assert_eq!(pack.seek(index as isize - model.len() as isize), Some(position));
        assert_eq!(pack.get(position), Element::of(text));
        let first = model.iter().position(|other| other == text).map(|first| first as isize);
        assert_eq!(pack.find(None, text, 0), first.and_then(|first| pack.seek(first)));
        assert_eq!(pack.iter_from(position).count(), model.len() - index);
        assert_eq!(pack.iter_to(position).rev().count(), index + 1);
    }
    assert_eq!(Listpack::from_bytes(pack.as_bytes()).unwrap().as_bytes(), pack.as_bytes());
}

proptest! {
    #[test]
    fn a_listpack_is_a_vector(steps in prop::collection::vec(step(), 1..60)) {
        let (mut pack, mut model) = (Listpack::new(), Vec::new());
        for step in steps {
            apply(&mut pack, &mut model, step);
            check(&pack, &model);
        }
        let copy = pack.clone();
        drop(pack);
        check(&copy, &model);
    }

    /// Whatever is accepted can be walked both ways without a panic.
    #[test]
    fn hostile_bytes_are_refused_or_readable(
        texts in prop::collection::vec(text(), 0..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut pack = Listpack::new();
        pack.extend(texts.iter().map(Vec::as_slice));
        let mut bytes = pack.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(pack) = Listpack::from_bytes(&bytes) {
            let forwards = contents(&pack);
            let mut backwards: Vec<_> = pack.iter().rev().map(|one| one.to_bytes().to_vec()).collect();
            backwards.reverse();
            prop_assert_eq!(forwards.len(), pack.len());
            prop_assert_eq!(forwards, backwards);
        }
    }
}
