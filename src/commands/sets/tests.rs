//! Sets as a client meets them: encodings about their limits, events, effects, and what a command counts as changes.
use crate::{commands::testing::Prompt, config::Config};

fn with_limits(integers: usize, packed: usize, bytes: usize) -> Prompt {
    Prompt::with(Config {
        set_max_intset_entries: integers,
        set_max_listpack_entries: packed,
        set_max_listpack_value: bytes,
        ..Config::default()
    })
}

#[test]
fn a_set_changes_its_encoding_as_it_grows_and_stays_so() {
    with_limits(3, 4, 5).check(&[
        ("SADD i 3 1 2", "3"),
        ("OBJECT ENCODING i", r#""intset""#),
        ("SMEMBERS i", r#"["1", "2", "3"]"#),
        ("SADD i a", "1"),
        ("OBJECT ENCODING i", r#""listpack""#),
        ("SADD i b", "1"),
        ("OBJECT ENCODING i", r#""hashtable""#),
        ("SREM i a b 1 2", "4"),
        ("OBJECT ENCODING i", r#""hashtable""#),
        ("SADD j 1 2 3", "3"),
        ("SADD j 4", "1"),
        ("OBJECT ENCODING j", r#""hashtable""#),
        ("SADD long a", "1"),
        ("SADD long 123456", "1"),
        ("OBJECT ENCODING long", r#""hashtable""#),
        // So many that are named are expected to be new.
        ("SADD many a a a a a", "1"),
        ("OBJECT ENCODING many", r#""hashtable""#),
        ("SADD few 1 1 1 1", "1"),
        ("OBJECT ENCODING few", r#""listpack""#),
    ]);
}

#[test]
fn a_set_that_is_made_from_others_is_as_small_as_in_redis() {
    let mut prompt = with_limits(3, 4, 5);
    prompt.check(&[
        ("SADD text 1 2 a b c", "5"),
        ("OBJECT ENCODING text", r#""hashtable""#),
        ("SADD numbers 1 2 3 4 5", "5"),
        ("OBJECT ENCODING numbers", r#""hashtable""#),
        ("SINTERSTORE d text numbers", "2"),
        ("OBJECT ENCODING d", r#""intset""#),
        ("SINTERSTORE d numbers", "5"),
        ("OBJECT ENCODING d", r#""hashtable""#),
        ("SDIFFSTORE d text numbers", "3"),
        ("OBJECT ENCODING d", r#""listpack""#),
        ("SADD letters a b", "2"),
        ("SUNIONSTORE d letters d", "3"),
        ("OBJECT ENCODING d", r#""listpack""#),
        ("SUNIONSTORE d letters text", "5"),
        ("OBJECT ENCODING d", r#""hashtable""#),
        // With many sets to subtract, members are removed from a copy.
        ("SADD s a", "1"),
        ("SADD t b", "1"),
        ("SADD u c", "1"),
        ("SDIFFSTORE d text s t u s t u", "2"),
        ("SMEMBERS d", r#"["1", "2"]"#),
        ("OBJECT ENCODING d", r#""hashtable""#),
    ]);
}

#[test]
fn the_last_member_takes_the_key_along() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        ("SADD s a b", "2"),
        ("SREM s a x b", "2"),
        ("EXISTS s", "0"),
        ("SADD s a", "1"),
        ("SMOVE s t a", "1"),
        ("EXISTS s t", "1"),
        ("SPOP t", r#""a""#),
        ("EXISTS t", "0"),
        ("SADD s 1 2 3", "3"),
        ("SPOP s 3", r#"["1", "2", "3"]"#),
        ("EXISTS s", "0"),
    ]);
    assert_eq!(
        prompt.events(),
        [
            "sadd s", "srem s", "del s", "sadd s", "srem s", "del s", "sadd t", "spop t", "del t", "sadd s",
            "spop s", "del s"
        ]
    );
}

/// The changes that a line counts, and its effects.
fn told(prompt: &mut Prompt, line: &str) -> (u64, String) {
    prompt.stage.record.take_changes();
    prompt.effects();
    prompt.ask(line);
    (prompt.stage.record.take_changes(), prompt.effects())
}

#[test]
fn changes_are_counted_and_told() {
    let mut prompt = Prompt::new();
    for (line, changes, effects) in [
        ("SADD s a b c", 3, "SADD s a b c"),
        ("SADD s a b d", 1, "SADD s a b d"),
        ("SADD s a", 0, ""),
        ("SREM s d e", 1, "SREM s d e"),
        ("SREM s e", 0, ""),
        ("SMOVE s t a", 2, "SMOVE s t a"),
        ("SADD s a", 1, "SADD s a"),
        ("SMOVE s t a", 1, "SMOVE s t a"),
        ("SMOVE s t a", 0, ""),
        ("SMOVE s s b", 0, ""),
        ("SPOP t", 1, "SREM t a"),
        ("SPOP t", 0, ""),
        ("SPOP t 3", 0, ""),
        ("SPOP s 0", 0, ""),
        ("SPOP s 9", 2, "DEL s"),
        ("SADD one x", 1, "SADD one x"),
        ("SADD two x y", 2, "SADD two x y"),
        ("SINTERSTORE d one two", 1, "SINTERSTORE d one two"),
        ("SDIFFSTORE d one two", 1, "SDIFFSTORE d one two"),
        ("SDIFFSTORE d one two", 0, ""),
        ("SUNIONSTORE one one two", 1, "SUNIONSTORE one one two"),
        ("SINTERSTORE one none", 1, "SINTERSTORE one none"),
    ] {
        assert_eq!(told(&mut prompt, line), (changes, effects.to_string()), "{line}");
    }
}

#[test]
fn several_that_are_popped_are_told_in_batches() {
    let mut prompt = Prompt::new();
    let members =
        |range: std::ops::Range<usize>| range.map(|n| format!("m{n}")).collect::<Vec<_>>().join(" ");
    prompt.ask(&format!("SADD s {}", members(0..3000)));
    for (count, commands) in [(1024, 1), (1500, 2), (20, 1)] {
        let (changes, effects) = told(&mut prompt, &format!("SPOP s {count}"));
        assert_eq!(changes, count);
        assert_eq!(effects.matches("SREM s ").count(), commands);
        assert_eq!(effects.matches(" m").count() as u64, count);
    }
    prompt.check(&[("SCARD s", "456"), ("OBJECT ENCODING s", r#""hashtable""#)]);
    // Where few are left, they are moved to a new set.
    prompt.ask("SPOP s 396");
    prompt.check(&[("SCARD s", "60"), ("OBJECT ENCODING s", r#""listpack""#)]);
}

#[test]
fn what_has_expired_is_no_set() {
    let mut prompt = Prompt::new();
    prompt.check(&[("SADD s a", "1"), ("SADD t a b", "2"), ("PEXPIRE s 10", "1")]);
    prompt.now_ms += 11;
    prompt.effects();
    prompt.check(&[("SINTERSTORE d s t", "0"), ("SUNIONSTORE d s t", "2")]);
    assert_eq!(prompt.effects(), "DEL s SUNIONSTORE d s t");
    prompt.check(&[("SADD s x", "1"), ("SMEMBERS s", r#"["x"]"#), ("TTL s", "-1")]);
}

#[test]
fn a_limit_ends_the_counting() {
    Prompt::new().check(&[
        ("SADD a 1 2 3 4 x", "5"),
        ("SADD b 2 3 4 5 x y", "6"),
        ("SINTERCARD 2 a b", "4"),
        ("SINTERCARD 2 a b LIMIT 0", "4"),
        ("SINTERCARD 2 a b LIMIT 3", "3"),
        ("SUNIONCARD 2 a b", "7"),
        ("SUNIONCARD 3 a b none APPROX LIMIT 6", "6"),
        ("SDIFFCARD 2 a b", "1"),
        ("SDIFFCARD 2 b a", "2"),
        ("SDIFFCARD 2 b a LIMIT 1", "1"),
        ("SDIFFCARD 2 b b", "0"),
        ("SDIFFCARD 2 a b APPROX", "ERR syntax error"),
        ("SUNIONCARD 0 a", "ERR numkeys should be greater than 0"),
    ]);
}

#[test]
fn a_reply_is_not_larger_than_memory() {
    Prompt::new().check(&[
        ("SADD s a", "1"),
        ("SRANDMEMBER s -3", r#"["a", "a", "a"]"#),
        ("SRANDMEMBER s -9223372036854775807", "ERR value is out of range"),
        ("SRANDMEMBER none -9223372036854775807", "[]"),
        ("SRANDMEMBER s 9223372036854775807", r#"["a"]"#),
        ("SPOP s 9223372036854775807", r#"["a"]"#),
    ]);
}

#[test]
fn popping_all_is_told_as_the_configuration_has_it() {
    for (lazyfree_lazy_server_del, effect) in [(false, "DEL s"), (true, "UNLINK s")] {
        // What clients delete by name is another matter.
        let lazyfree_lazy_user_del = !lazyfree_lazy_server_del;
        let config = Config { lazyfree_lazy_server_del, lazyfree_lazy_user_del, ..Config::default() };
        let mut prompt = Prompt::with(config);
        prompt.ask("SADD s a b");
        assert_eq!(told(&mut prompt, "SPOP s 2"), (2, effect.to_string()));
    }
}
