//! Sessions at the prompt: counts, encodings, and values that only look like a HyperLogLog.
use crate::{commands::testing::Prompt, config::Config};

const NOT_ONE: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED: &str = "INVALIDOBJ Corrupted HLL object detected";

#[test]
fn elements_are_added_and_counted() {
    Prompt::new().check(&[
        ("PFCOUNT k", "0"),
        ("PFADD k", "1"),
        ("PFADD k", "0"),
        ("PFCOUNT k", "0"),
        ("PFADD k a b c d e f g", "1"),
        ("PFADD k a b c", "0"),
        ("PFCOUNT k", "7"),
        ("PFADD other f g h", "1"),
        ("PFCOUNT k other missing", "8"),
        ("PFCOUNT missing missing", "0"),
        ("PFMERGE k other missing", "OK"),
        ("PFCOUNT k", "8"),
        ("PFMERGE new", "OK"),
        ("PFCOUNT new", "0"),
    ]);
}

/// As redis-server 7.0.15 answers.
#[test]
fn bytes_are_those_of_redis() {
    let body = r"Fm\x80V\x0c\x80D<\x848\x80P\xb1\x84I\x8c\x80Bm\x80BZ";
    let stale = format!(r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80{body}""#);
    let kept = format!(r#""HYLL\x01\x00\x00\x00\a\x00\x00\x00\x00\x00\x00\x00{body}""#);
    Prompt::new().check(&[
        ("PFADD empty", "1"),
        ("GET empty", r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff""#),
        ("PFADD k a b c d e f g", "1"),
        ("GET k", &stale),
        ("PFCOUNT k", "7"),
        ("GET k", &kept),
        ("PFMERGE copy k", "OK"),
        ("GET copy", &stale),
    ]);
}

#[test]
fn what_is_none_is_refused() {
    let mut prompt = Prompt::new();
    for value in [
        "12",
        "hello",
        "HYLL",
        r"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0",
        r"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        prompt.ask(&format!("SET k \"{value}\""));
        for line in [
            "PFADD k a",
            "PFCOUNT k",
            "PFCOUNT missing k",
            "PFMERGE d k",
            "PFMERGE k d",
            "PFDEBUG ENCODING k",
        ] {
            assert_eq!(prompt.ask(line), NOT_ONE, "{line} of {value}");
        }
    }
    prompt.check(&[
        ("PFADD k2 a", "1"),
        ("APPEND k2 hello", "26"),
        ("PFCOUNT k2", CORRUPTED),
        ("PFCOUNT missing k2", CORRUPTED),
        ("PFMERGE d k2", CORRUPTED),
        ("PFDEBUG GETREG k2", CORRUPTED),
        ("PFDEBUG TODENSE k2", CORRUPTED),
        ("GET d", "nil"),
        // All registers are missing.
        (r#"SET k3 "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80""#, "OK"),
        ("PFADD k3 a", CORRUPTED),
    ]);
}

#[test]
fn encodings_are_shown_and_changed() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        ("PFDEBUG ENCODING k", "ERR The specified key does not exist"),
        ("PFDEBUG SING k", "ERR The specified key does not exist"),
        ("PFADD k a b c d e f g", "1"),
        ("PFDEBUG SING k", "ERR Unknown PFDEBUG subcommand 'SING'"),
        ("PFDEBUG encoding k", "sparse"),
        (
            "PFDEBUG DECODE k",
            r#""Z:1646 v:1,1 Z:5645 v:1,1 Z:1085 v:2,1 z:57 v:1,1 Z:4274 v:2,1 Z:2445 v:1,1 Z:622 v:1,1 Z:603""#,
        ),
        ("PFDEBUG TODENSE k", "1"),
        ("PFDEBUG TODENSE k", "0"),
        ("PFDEBUG ENCODING k", "dense"),
        ("PFDEBUG DECODE k", "ERR HLL encoding is not sparse"),
        ("STRLEN k", "12304"),
        ("PFCOUNT k", "7"),
        ("PFADD sparse x", "1"),
        ("PFMERGE sparse k", "OK"),
        ("PFDEBUG ENCODING sparse", "dense"),
        ("PFADD k2 a", "1"),
    ]);
    let registers = prompt.ask("PFDEBUG GETREG k2");
    assert_eq!(registers.matches(',').count() + 1, 16_384);
    prompt.check(&[("PFDEBUG ENCODING k2", "dense")]);
}

#[test]
fn the_configured_size_makes_values_dense() {
    let config = Config { hll_sparse_max_bytes: 30, ..Config::default() };
    Prompt::with(config).check(&[
        ("PFADD k a b c", "1"),
        ("PFDEBUG ENCODING k", "sparse"),
        ("PFADD k d e f g", "1"),
        ("PFDEBUG ENCODING k", "dense"),
        ("PFCOUNT k", "7"),
    ]);
}

#[test]
fn only_changes_are_told() {
    let mut prompt = Prompt::new();
    let cases = [
        ("PFADD k a", 2, "pfadd k"),
        ("PFADD k a", 0, ""),
        ("PFADD k b c", 2, "pfadd k"),
        ("PFCOUNT k", 1, ""),
        ("PFCOUNT k", 0, ""),
        ("PFCOUNT k other", 0, ""),
        ("PFMERGE k k", 1, "pfadd k"),
        ("PFDEBUG DECODE k", 0, ""),
        ("PFDEBUG TODENSE k", 1, ""),
        ("PFDEBUG GETREG k", 0, ""),
    ];
    for (line, dirty, event) in cases {
        prompt.ask(line);
        assert_eq!(prompt.stage.record.dirty, dirty, "{line}");
        assert_eq!(prompt.events().concat(), event, "{line}");
        assert_eq!(prompt.effects(), if dirty > 0 { line } else { "" });
    }
    assert_eq!(prompt.stage.store.counts.misses.get(), 1);
}

#[test]
fn an_expired_value_counts_as_missing() {
    let mut prompt = Prompt::new();
    prompt.ask("PFADD k a b c");
    prompt.ask("GETEX k EX 10");
    prompt.now_ms += 10_000;
    prompt.check(&[("PFCOUNT k", "0"), ("PFADD k x", "1"), ("PFCOUNT k", "1")]);
}
