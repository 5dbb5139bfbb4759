//! Sessions at the prompt: what is told to the append-only file, which events there are, and who waits for what.
use crate::{commands::testing::Prompt, config::Config};

/// Asks a line; says what effects it had. Several are one transaction, which is left out here.
fn effects_of(prompt: &mut Prompt, line: &str) -> String {
    prompt.effects();
    prompt.ask(line);
    let effects = prompt.effects();
    effects
        .strip_prefix("MULTI ")
        .and_then(|several| several.strip_suffix(" EXEC"))
        .unwrap_or(&effects)
        .into()
}

#[test]
fn an_entry_gets_the_time_as_its_id_and_never_one_twice() {
    let mut prompt = Prompt::new();
    let now_ms = prompt.now_ms;
    assert_eq!(prompt.ask("XADD s * f v"), format!("\"{now_ms}-0\""));
    assert_eq!(prompt.ask("XADD s * f v"), format!("\"{now_ms}-1\""));
    prompt.now_ms -= 1000;
    assert_eq!(prompt.ask("XADD s * f v"), format!("\"{now_ms}-2\""));
    prompt.ask(&format!("XDEL s {now_ms}-2"));
    assert_eq!(prompt.ask("XADD s * f v"), format!("\"{now_ms}-3\""));
}

#[test]
fn effects_say_what_came_out_of_it() {
    let config = Config { stream_node_max_entries: 2, ..Config::default() };
    let mut prompt = Prompt::with(config);
    let now_ms = prompt.now_ms;
    for (line, effects) in [
        ("XADD s * f v", format!("XADD s {now_ms}-0 f v")),
        ("XADD s NOMKSTREAM 9999999999999-* f v", "XADD s 9999999999999-0 f v".into()),
        ("XADD s 9999999999999-1 f v", "XADD s 9999999999999-1 f v".into()),
        ("XADD s MAXLEN ~ 1 9999999999999-2 f v", "XADD s MAXLEN = 2 9999999999999-2 f v".into()),
        ("XADD s MINID ~ 9999999999999-2 LIMIT 100 9999999999999-3 f v", {
            "XADD s MINID = 9999999999999-1 9999999999999-3 f v".into()
        }),
        ("XADD s MAXLEN 2 9999999999999-* f v", "XADD s MAXLEN = 2 9999999999999-4 f v".into()),
        ("XADD none NOMKSTREAM * f v", String::new()),
        ("XADD s 1-1 f v", String::new()),
        ("XTRIM s MAXLEN ~ 100", String::new()),
        ("XTRIM s MAXLEN ~ 1", String::new()),
        ("XTRIM s MINID ~ 9999999999999-4", String::new()),
        ("XTRIM s MAXLEN 1", "XTRIM s MAXLEN 1".into()),
        ("XDEL s 9999999999999-4 1-1", "XDEL s 9999999999999-4 1-1".into()),
        ("XDEL s 9999999999999-4", String::new()),
        ("XADD s 9999999999999-9 f v", "XADD s 9999999999999-9 f v".into()),
        ("XTRIM s MINID ~ 99999999999999", format!("XTRIM s MINID = {}-{}", u64::MAX, u64::MAX)),
    ] {
        assert_eq!(effects_of(&mut prompt, line), effects, "{line}");
    }
}

#[test]
fn what_a_group_delivers_is_told_as_claims() {
    let mut prompt = Prompt::new();
    let now_ms = prompt.now_ms;
    let claim = |id: &str, consumer: &str, count: u64, last: &str| {
        format!("XCLAIM s g {consumer} 0 {id} TIME {now_ms} RETRYCOUNT {count} FORCE JUSTID LASTID {last}")
    };
    for line in ["XADD s 1-1 f v", "XADD s 2-1 f v", "XADD s 3-1 f v", "XGROUP CREATE s g 0"] {
        assert_eq!(effects_of(&mut prompt, line), line);
    }
    for (line, effects) in [
        ("XREADGROUP GROUP g c STREAMS s 0", "XGROUP CREATECONSUMER s g c".into()),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", {
            claim("1-1", "c", 1, "1-1") + " XGROUP SETID s g 1-1 ENTRIESREAD 1"
        }),
        ("XREADGROUP GROUP g c STREAMS s 0", String::new()),
        ("XREADGROUP GROUP g n COUNT 1 NOACK STREAMS s >", {
            "XGROUP CREATECONSUMER s g n XGROUP SETID s g 2-1 ENTRIESREAD 2".into()
        }),
        ("XCLAIM s g d 0 1-1", claim("1-1", "d", 3, "2-1")),
        ("XCLAIM s g e 100000 1-1", "XGROUP CREATECONSUMER s g e".into()),
        ("XCLAIM s g e 0 9-9 LASTID 3-0", "XGROUP SETID s g 3-0 ENTRIESREAD 2".into()),
        ("XDEL s 1-1", "XDEL s 1-1".into()),
        ("XAUTOCLAIM s g c 0 0", claim("1-1", "d", 3, "3-0")),
        ("XACK s g 1-1", String::new()),
        ("XGROUP DELCONSUMER s g c", "XGROUP DELCONSUMER s g c".into()),
        ("XGROUP DESTROY s g", "XGROUP DESTROY s g".into()),
    ] {
        assert_eq!(effects_of(&mut prompt, line), effects, "{line}");
    }
}

#[test]
fn events_and_counted_changes() {
    let mut prompt = Prompt::new();
    for (line, events, changes) in [
        ("XADD s 1-1 f v", &["xadd s"][..], 1),
        ("XADD s MAXLEN 1 2-1 f v", &["xadd s", "xtrim s"], 1),
        ("XADD s 3-1 f v", &["xadd s"], 1),
        ("XADD s 4-1 f v", &["xadd s"], 1),
        ("XTRIM s MAXLEN 2", &["xtrim s"], 1),
        ("XTRIM s MAXLEN 2", &[], 0),
        ("XGROUP CREATE s g 0", &["xgroup-create s"], 1),
        ("XGROUP CREATECONSUMER s g c", &["xgroup-createconsumer s"], 1),
        ("XREADGROUP GROUP g d STREAMS s >", &["xgroup-createconsumer s"], 2),
        ("XREADGROUP GROUP g d STREAMS s 0", &[], 0),
        ("XCLAIM s g e 0 3-1 4-1", &["xgroup-createconsumer s"], 3),
        ("XACK s g 3-1 4-1", &[], 2),
        ("XDEL s 3-1 4-1", &["xdel s"], 2),
        ("XSETID s 9-1", &["xsetid s"], 1),
        ("XGROUP SETID s g 0", &["xgroup-setid s"], 1),
        ("XGROUP DELCONSUMER s g c", &["xgroup-delconsumer s"], 1),
        ("XGROUP DESTROY s g", &["xgroup-destroy s"], 1),
        ("XGROUP CREATE new g $ MKSTREAM", &["xgroup-create new"], 1),
    ] {
        prompt.stage.record.take_changes();
        prompt.ask(line);
        assert_eq!(prompt.events(), events, "{line}");
        assert_eq!(prompt.stage.record.take_changes(), changes, "{line}");
    }
}

#[test]
fn an_entry_that_comes_wakes_all_readers_and_one_consumer() {
    let mut prompt = Prompt::new();
    prompt.check(&[("XADD s 1-1 f v", "\"1-1\""), ("XGROUP CREATE s g $", "OK")]);
    for (client, line) in [
        (1, "XREAD BLOCK 0 STREAMS s $"),
        (2, "XREAD BLOCK 0 STREAMS none s 0 1-1"),
        (3, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >"),
        (4, "XREADGROUP GROUP g b BLOCK 0 STREAMS s >"),
        (5, "XREAD BLOCK 0 STREAMS s 5-0"),
        (6, "XREAD BLOCK 0 STREAMS none +"),
    ] {
        assert_eq!(prompt.ask_as(client, line), "waits", "{line}");
    }
    prompt.ask("XADD s 2-1 f w");
    let read = r#"[["s", [["2-1", ["f", "w"]]]]]"#;
    assert_eq!(prompt.served(), [format!("1: {read}"), format!("2: {read}"), format!("3: {read}")]);
    prompt.ask("XADD none 1-1 f w");
    assert_eq!(prompt.served(), [r#"6: [["none", [["1-1", ["f", "w"]]]]]"#]);
    prompt.ask("XGROUP DESTROY s g");
    assert_eq!(
        prompt.served(),
        ["4: NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option"]
    );
    prompt.ask("SET s v");
    assert_eq!(prompt.served(), [""; 0]);
}

#[test]
fn a_copy_has_groups_of_its_own() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        ("XADD s 1-1 f v", "\"1-1\""),
        ("XGROUP CREATE s g 0", "OK"),
        ("XREADGROUP GROUP g c STREAMS s >", r#"[["s", [["1-1", ["f", "v"]]]]]"#),
        ("COPY s t", "1"),
        ("XACK t g 1-1", "1"),
        ("XADD t 2-1 f v", "\"2-1\""),
        ("XPENDING s g", r#"[1, "1-1", "1-1", [["c", "1"]]]"#),
        ("XPENDING t g", "[0, nil, nil, nil]"),
        ("XLEN s", "1"),
        ("RENAME t s", "OK"),
        ("XLEN s", "2"),
    ]);
}

#[test]
fn nodes_are_as_large_as_configured() {
    let nodes = |config: Config| {
        let mut prompt = Prompt::with(config);
        for seq in 1..=10 {
            prompt.ask(&format!("XADD s 1-{seq} field value{seq}"));
        }
        let info = prompt.ask("XINFO STREAM s");
        info.split(", ").nth(3).unwrap_or_default().to_string()
    };
    assert_eq!(nodes(Config::default()), "1");
    assert_eq!(nodes(Config { stream_node_max_entries: 3, ..Config::default() }), "4");
    assert_eq!(nodes(Config { stream_node_max_entries: 0, ..Config::default() }), "1");
    assert_eq!(nodes(Config { stream_node_max_bytes: 1, ..Config::default() }), "10");
    assert_eq!(nodes(Config { stream_node_max_bytes: 0, ..Config::default() }), "1");
}
