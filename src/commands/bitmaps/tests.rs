//! Sessions at the prompt: a command and its reply per line.
use crate::commands::testing::Prompt;

#[test]
fn single_bits_are_set_and_got() {
    Prompt::new().check(&[
        ("SETBIT k 1 1", "0"),
        ("GET k", r#""@""#),
        ("SETBIT k 1 1", "1"),
        ("SETBIT k 17 1", "0"),
        ("GET k", r#""@\x00@""#),
        ("GETBIT k 17", "1"),
        ("GETBIT k 100", "0"),
        ("GETBIT missing 0", "0"),
        ("SET n 1", "OK"),
        ("GETBIT n 2", "1"),
        ("SETBIT n 6 1", "0"),
        ("GET n", r#""3""#),
        ("INCR n", "4"),
        ("SETBIT k x 1", "ERR bit offset is not an integer or out of range"),
        ("SETBIT k -1 1", "ERR bit offset is not an integer or out of range"),
        ("GETBIT k 4294967296", "ERR bit offset is not an integer or out of range"),
        ("GETBIT k 4294967295", "0"),
        ("SETBIT k 0 2", "ERR bit is not an integer or out of range"),
        ("SETBIT k 0 -1", "ERR bit is not an integer or out of range"),
        ("GETBIT k", "ERR wrong number of arguments for 'getbit' command"),
    ]);
}

#[test]
fn ranges_are_counted() {
    Prompt::new().check(&[
        ("BITCOUNT missing", "0"),
        ("BITCOUNT missing 0 x", "ERR value is not an integer or out of range"),
        ("SET k foobar", "OK"),
        ("BITCOUNT k", "26"),
        ("BITCOUNT k 0 0", "4"),
        ("BITCOUNT k 1 1 byte", "6"),
        ("BITCOUNT k 5 30 BIT", "17"),
        ("BITCOUNT k -2 -1", "7"),
        ("BITCOUNT k -1 -2", "0"),
        ("BITCOUNT k -100 -200", "0"),
        ("BITCOUNT k -200 -100", "4"),
        ("BITCOUNT k 4 2", "0"),
        ("BITCOUNT k 0", "ERR syntax error"),
        ("BITCOUNT k 0 1 nibble", "ERR syntax error"),
        ("BITCOUNT k 0 1 bit 2", "ERR syntax error"),
        ("SET n 123", "OK"),
        ("BITCOUNT n", "10"),
    ]);
}

#[test]
fn bits_are_found() {
    Prompt::new().check(&[
        ("BITPOS missing 0", "0"),
        ("BITPOS missing 1", "-1"),
        ("BITPOS missing 0 5 9", "0"),
        (r#"SET k "\xff\xf0\x00""#, "OK"),
        ("BITPOS k 0", "12"),
        ("BITPOS k 1 2", "-1"),
        ("BITPOS k 1 -2 -1 BYTE", "8"),
        ("BITPOS k 1 7 15 BIT", "7"),
        ("BITPOS k 0 -100 -200", "-1"),
        ("BITPOS k 1 -100 -200", "0"),
        (r#"SET ones "\xff\xff\xff""#, "OK"),
        ("BITPOS ones 0", "24"),
        ("BITPOS ones 0 0", "24"),
        ("BITPOS ones 0 0 -1", "-1"),
        ("BITPOS ones 0 3", "-1"),
        (r#"SET empty """#, "OK"),
        ("BITPOS empty 0", "-1"),
        ("BITPOS k 2", "ERR The bit argument must be 1 or 0."),
        ("BITPOS k x", "ERR value is not an integer or out of range"),
        ("BITPOS k 0 0 1 2", "ERR syntax error"),
        ("BITPOS k 0 0 x", "ERR value is not an integer or out of range"),
        ("BITPOS k 0 0 x BIT", "ERR value is not an integer or out of range"),
        ("BITPOS k 0 0 x y", "ERR syntax error"),
        ("BITPOS k 0 x 1 y", "ERR value is not an integer or out of range"),
        ("BITPOS k 0 0 1 BIT 2", "ERR syntax error"),
    ]);
}

#[test]
fn strings_are_combined() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        (r#"SET a "\xff\x0f\xaa""#, "OK"),
        (r#"SET b "\x0f\xff""#, "OK"),
        ("BITOP AND d a b", "3"),
        ("GET d", r#""\x0f\x0f\x00""#),
        ("BITOP or d a b missing", "3"),
        ("GET d", r#""\xff\xff\xaa""#),
        ("BITOP XOR a a b", "3"),
        ("GET a", r#""\xf0\xf0\xaa""#),
        ("BITOP NOT b b", "2"),
        ("GET b", r#""\xf0\x00""#),
        ("BITOP AND d missing missing", "0"),
        ("GET d", "nil"),
        ("BITOP AND d missing", "0"),
        ("BITOP NOT d a b", "ERR BITOP NOT must be called with a single source key."),
        ("BITOP NAND d a b", "ERR syntax error"),
    ]);
    assert_eq!(prompt.events()[2..], ["set d", "set d", "set a", "set b", "del d"]);
}

#[test]
fn fields_are_read_and_written() {
    Prompt::new().check(&[
        ("BITFIELD k", "[]"),
        ("BITFIELD k GET u8 0", "[0]"),
        ("EXISTS k", "0"),
        ("BITFIELD k SET i8 0 -100 GET u8 0 INCRBY i8 0 1", "[0, 156, -99]"),
        ("BITFIELD k SET u8 #1 255 GET u4 #3", "[0, 15]"),
        ("STRLEN k", "2"),
        (
            "BITFIELD k INCRBY u8 8 1 OVERFLOW SAT INCRBY u8 8 300 OVERFLOW FAIL INCRBY u8 8 1",
            "[0, 255, nil]",
        ),
        (
            "BITFIELD k SET i64 0 -9223372036854775808 OVERFLOW fail INCRBY i64 0 -1",
            "[-7061925690693648384, nil]",
        ),
        ("BITFIELD_RO k GET i64 0 get u1 0", "[-9223372036854775808, 1]"),
        ("BITFIELD k GET u63 4294967295", "[0]"),
    ]);
}

#[test]
fn wrong_fields_are_refused() {
    let kind =
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    let offset = "ERR bit offset is not an integer or out of range";
    let mut prompt = Prompt::new();
    for word in ["u64", "i65", "i0", "u", "x8", "U8", "i08", ""] {
        assert_eq!(prompt.ask(&format!("BITFIELD k GET '{word}' 0")), kind, "{word}");
    }
    for word in ["-1", "x", "#-1", "#", "#x", "4294967296", "#536870912", "#9223372036854775807"] {
        assert_eq!(prompt.ask(&format!("BITFIELD k SET u8 {word} 1")), offset, "{word}");
    }
    prompt.check(&[
        ("BITFIELD k GET u8", "ERR syntax error"),
        ("BITFIELD k SET x 0", "ERR syntax error"),
        ("BITFIELD k SET u8 0 x", "ERR value is not an integer or out of range"),
        ("BITFIELD k OVERFLOW", "ERR syntax error"),
        ("BITFIELD k OVERFLOW never", "ERR Invalid OVERFLOW type specified"),
        ("BITFIELD k PUT u8 0 1", "ERR syntax error"),
        ("BITFIELD_RO k SET u8 0 1 GET u8 0", "ERR BITFIELD_RO only supports the GET subcommand"),
        ("BITFIELD_RO k OVERFLOW SAT GET u8 0", "[0]"),
        ("GET k", "nil"),
    ]);
}

#[test]
fn only_changes_are_told() {
    let mut prompt = Prompt::new();
    let cases = [
        ("SETBIT k 3 0", 1, "setbit k"),
        ("SETBIT k 3 0", 0, ""),
        ("SETBIT k 3 1", 1, "setbit k"),
        ("SETBIT k 9 0", 1, "setbit k"),
        ("BITFIELD k GET u8 0", 0, ""),
        ("BITFIELD k SET u8 0 16", 0, ""),
        ("BITFIELD k SET u8 0 17 SET u8 0 18 SET u8 0 18", 2, "setbit k"),
        ("BITFIELD k SET u8 24 0", 1, "setbit k"),
        // It grows, which copies must do, too; but nothing was written, of which clients would hear.
        ("BITFIELD new OVERFLOW FAIL SET u8 0 256", 1, ""),
        ("BITOP OR k missing", 1, "del k"),
        ("BITOP OR k missing", 0, ""),
    ];
    for (line, dirty, event) in cases {
        prompt.ask(line);
        assert_eq!(prompt.stage.record.dirty, dirty, "{line}");
        assert_eq!(prompt.events().concat(), event, "{line}");
        assert_eq!(prompt.effects(), if dirty > 0 { line } else { "" });
    }
}

#[test]
fn a_write_keeps_the_deadline_except_that_of_a_result() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        ("SET k abc EX 100", "OK"),
        ("SETBIT k 100 1", "0"),
        ("BITFIELD k SET u8 0 1", "[97]"),
        ("SET d abc EX 100", "OK"),
        ("BITOP NOT d d", "3"),
    ]);
    let deadline = |prompt: &Prompt, key: &[u8]| prompt.stage.store.database(0).find(key).unwrap().deadline();
    assert_eq!(deadline(&prompt, b"k"), Some(prompt.now_ms + 100_000));
    assert_eq!(deadline(&prompt, b"d"), None);
    prompt.now_ms += 100_000;
    prompt.check(&[("GETBIT k 100", "0"), ("BITCOUNT k", "0"), ("SETBIT k 0 0", "0"), ("STRLEN k", "1")]);
}

#[test]
fn offsets_end_where_strings_do() {
    let mut prompt = Prompt::new();
    prompt.string_bytes_max = 1000;
    prompt.check(&[
        ("SETBIT k 7999 1", "0"),
        ("SETBIT k 8000 1", "ERR bit offset is not an integer or out of range"),
        ("BITFIELD k SET u16 7999 1", "[32768]"),
        ("STRLEN k", "1002"),
    ]);
}

/// A bit costs the same in a string of ten megabytes as in a small one: the bytes stay where they are.
#[test]
fn a_long_string_is_edited_where_it_lies() {
    use crate::store::TextRef;
    let mut prompt = Prompt::new();
    let address = |prompt: &Prompt| match prompt.stage.store.database(0).find(b"k").unwrap().text() {
        TextRef::Shared(bytes) => bytes.as_ptr(),
        other => panic!("{other:?} is not shared"),
    };
    prompt.ask("SETBIT k 80000000 1");
    let before = address(&prompt);
    for position in (0..80_000_000).step_by(100_000) {
        prompt.ask(&format!("SETBIT k {position} 1"));
        prompt.ask(&format!("BITFIELD k INCRBY u8 {position} 1"));
    }
    assert_eq!(address(&prompt), before);
    // As it came from a client, too.
    let value = vec![0; 10 << 20];
    prompt.answer(&[&b"SET"[..], b"k", &value]);
    let before = address(&prompt);
    prompt.ask("SETBIT k 12345678 1");
    assert_eq!(address(&prompt), before);
}
