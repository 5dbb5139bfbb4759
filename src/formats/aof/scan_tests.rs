//! The scanner: the same whatever the pieces are, and right about where a file was cut off or damaged.
use super::*;
use crate::resp::encode_command;
use proptest::prelude::*;

/// What a log says, and how it ends.
#[derive(Debug, PartialEq)]
struct Told {
    /// Offset, end, whether in a transaction, and the words of each command; annotations have one word and no end.
    items: Vec<(u64, u64, bool, Vec<Vec<u8>>)>,
    end: Result<Result<(), Unfinished>, Damage>,
}

fn told_in_pieces(log: &[u8], pieces: &mut dyn Iterator<Item = usize>) -> Told {
    let mut scanner = Scanner::default();
    let (mut items, mut rest) = (Vec::new(), log);
    loop {
        match scanner.next_item() {
            Ok(Some(Item::Command(Command { request, offset, end, in_transaction }))) => {
                items.push((offset, end, in_transaction, request.iter().map(<[u8]>::to_vec).collect()));
            }
            Ok(Some(Item::Annotation { text, offset })) => {
                items.push((offset, 0, false, vec![text.to_vec()]))
            }
            Ok(None) if rest.is_empty() => return Told { items, end: Ok(scanner.finish()) },
            Ok(None) => {
                let (piece, behind) = rest.split_at(pieces.next().unwrap_or(rest.len()).clamp(1, rest.len()));
                scanner.feed(piece);
                rest = behind;
            }
            Err(damage) => return Told { items, end: Err(damage) },
        }
    }
}
fn told(log: &[u8]) -> Told {
    told_in_pieces(log, &mut std::iter::empty())
}

fn log_of(lines: &[&str]) -> Vec<u8> {
    let mut log = Vec::new();
    for line in lines {
        match line.starts_with('#') {
            true => log.extend(format!("{line}\r\n").bytes()),
            false => {
                encode_command(&mut log, line.split(' ').map(str::as_bytes).collect::<Vec<_>>().into_iter())
            }
        }
    }
    log
}

#[test]
fn commands_and_annotations_come_with_their_places() {
    let log = log_of(&["SELECT 0", "#TS:17", "multi", "SET k v", "Exec", "PING"]);
    let told = told(&log);
    let short: Vec<_> = told.items.iter().map(|item| (item.0, item.1, item.2, item.3[0].clone())).collect();
    let word = |text: &str| text.as_bytes().to_vec();
    assert_eq!(
        short,
        [
            (0, 23, false, word("SELECT")),
            (23, 0, false, word("#TS:17")),
            (31, 46, true, word("multi")),
            (46, 73, true, word("SET")),
            (73, 87, true, word("Exec")),
            (87, 101, false, word("PING")),
        ]
    );
    assert_eq!(told.end, Ok(Ok(())));
    assert_eq!(timestamp(b"#TS:17"), Some(Ok(17)));
    assert_eq!((timestamp(b"#TS:x"), timestamp(b"#note")), (Some(Err(())), None));
}

#[test]
fn arguments_are_slices_of_what_was_read() {
    let log = log_of(&["SET key value"]);
    let mut scanner = Scanner::default();
    assert_eq!(scanner.read(&mut &log[..]).ok(), Some(log.len()));
    let inside = scanner.buffer.as_ptr() as usize..scanner.buffer.as_ptr() as usize + log.len();
    let Ok(Some(Item::Command(command))) = scanner.next_item() else { panic!("it is whole") };
    let value = command.request.share(2).expect("three words");
    assert!(&value[..] == b"value" && inside.contains(&(value.as_ptr() as usize)));
}

#[test]
fn what_is_no_command_is_damage() {
    let head = log_of(&["SELECT 0"]);
    let long_number = format!("*{}\r\n", "1".repeat(40));
    let long_annotation = "#".repeat(ANNOTATION_BYTES_MAX + 1);
    let line_end = |bytes: &[u8; 2]| Reason::LineEnd(*bytes);
    for (text, at, reason) in [
        ("\0\0\0", 0, Reason::Format),
        ("PING\r\n", 0, Reason::Format),
        ("*\r\n", 0, Reason::Number),
        ("*x\r\n", 0, Reason::Number),
        ("*1x\r\n", 0, line_end(b"x\r")),
        ("*1\n", 0, line_end(b"\n\0")),
        ("*0\r\n", 0, Reason::Count(0)),
        ("*-1\r\n", 0, Reason::Count(-1)),
        ("*2147483648\r\n", 0, Reason::Count(1 << 31)),
        ("*99999999999999999999\r\n", 0, Reason::Count(i64::MAX)),
        (&long_number, 0, line_end(b"\0\0")),
        ("*1\r\n:1\r\n", 4, Reason::Prefix { expected: b'$', found: b':' }),
        ("*1\r\n$-1\r\n", 4, Reason::Length(-1)),
        ("*1\r\n$4294967296\r\n", 4, Reason::Length(1 << 32)),
        ("*2\r\n$1\r\nxx\r\n", 8, line_end(b"x\r")),
        ("*2\r\n$1\r\nx\r\n\r\n", 11, Reason::Prefix { expected: b'$', found: b'\r' }),
        (&long_annotation, 0, Reason::Annotation),
        ("*1\r\n$4\r\nEXEC\r\n", 8, Reason::LoneExec),
    ] {
        let told = told(&[&head[..], text.as_bytes()].concat());
        let whole = head.len() as u64;
        assert_eq!(told.end, Err(Damage { offset: whole + at, whole, reason }), "{text:?}");
        assert_eq!(told.items.len(), 1);
    }
    let multi = log_of(&["SELECT 0", "MULTI", "PING", "MULTI"]);
    let damage = Damage { offset: 60, whole: 23, reason: Reason::NestedMulti };
    assert_eq!(told(&multi).end, Err(damage));
}

#[test]
fn a_length_without_its_bytes_takes_no_room() {
    let mut scanner = Scanner::default();
    scanner.feed(b"*1000000000\r\n$4294967000\r\nabc");
    assert!(matches!(scanner.next_item(), Ok(None)));
    assert!(scanner.buffer.capacity() < 1000 && !scanner.spans.spilled());
    assert_eq!(scanner.finish(), Err(Unfinished { whole: 0, in_transaction: false }));
}

#[test]
fn a_snapshot_at_the_beginning_is_known_and_passed_by() {
    assert!(begins_with_rdb(b"REDIS0011\xfa") && !begins_with_rdb(b"REDI") && !begins_with_rdb(b"*1\r\n$"));
    let mut scanner = Scanner::starting_at(1000);
    scanner.feed(&log_of(&["PING"]));
    let Ok(Some(Item::Command(command))) = scanner.next_item() else { panic!("it is whole") };
    assert_eq!((command.offset, command.end), (1000, 1014));
    scanner.feed(b"*1\r");
    assert!(matches!(scanner.next_item(), Ok(None)));
    assert_eq!(
        (scanner.finish().expect_err("it is not").whole, &scanner.into_rest()[..]),
        (1014, &b"*1\r"[..])
    );
}

/// A log of commands, annotations, and transactions, with where each of these ends.
fn any_log() -> impl Strategy<Value = (Vec<u8>, Vec<u64>)> {
    let word = prop_oneof![prop::collection::vec(any::<u8>(), 0..30), Just(b"*1\r\n$4\r\nEXEC\r\n".to_vec())];
    let command = prop::collection::vec(word, 1..4);
    let unit = prop_oneof![
        4 => prop::collection::vec(command.clone(), 1..2).prop_map(|commands| (commands, false)),
        1 => prop::collection::vec(command, 0..4).prop_map(|commands| (commands, true)),
        1 => Just((Vec::new(), false)),
    ];
    prop::collection::vec(unit, 0..12).prop_map(|units| {
        let (mut log, mut ends) = (Vec::new(), vec![0]);
        for (commands, is_transaction) in units {
            let mut add = |words: Vec<Vec<u8>>| encode_command(&mut log, words.iter().map(Vec::as_slice));
            let is_annotation = commands.is_empty() && !is_transaction;
            if is_transaction {
                add(vec![b"MULTI".to_vec()]);
            }
            commands.into_iter().for_each(&mut add);
            if is_transaction {
                add(vec![b"exec".to_vec()]);
            }
            if is_annotation {
                log.extend(b"#TS:1700000000\r\n");
            }
            ends.push(log.len() as u64);
        }
        (log, ends)
    })
}

proptest! {
    #[test]
    fn pieces_make_no_difference((log, _) in any_log(), cut in 0..1000_usize, pieces in prop::collection::vec(1..40_usize, 0..200)) {
        let log = &log[..log.len().min(cut)];
        let whole = told(log);
        prop_assert_eq!(&told_in_pieces(log, &mut pieces.into_iter()), &whole);
        prop_assert_eq!(&told_in_pieces(log, &mut std::iter::repeat(1)), &whole);
    }

    #[test]
    fn a_cut_is_found_behind_the_last_whole_thing((log, ends) in any_log()) {
        let all = told(&log);
        prop_assert_eq!(&all.end, &Ok(Ok(())));
        for cut in 0..log.len() {
            let before = told(&log[..cut]);
            let whole = *ends.iter().rfind(|end| **end <= cut as u64).expect("0 is one");
            match before.end {
                Ok(Ok(())) => prop_assert_eq!(whole, cut as u64),
                Ok(Err(unfinished)) => prop_assert_eq!(unfinished.whole, whole),
                Err(damage) => prop_assert!(false, "cut at {} it is damaged: {:?}", cut, damage),
            }
            prop_assert_eq!(&before.items[..], &all.items[..before.items.len()]);
        }
    }

    #[test]
    fn no_bytes_panic((mut log, _) in any_log(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for (at, byte) in flips {
            if !log.is_empty() {
                let at = at.index(log.len());
                log[at] = byte;
            }
        }
        let whole = told(&log);
        prop_assert_eq!(told_in_pieces(&log, &mut std::iter::repeat(7)), whole);
    }
}
