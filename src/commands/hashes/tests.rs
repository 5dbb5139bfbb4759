//! Sessions at the prompt: what each command replies, which events and effects it has.
use crate::{commands::testing::Prompt, config::Config, store::Stored};

/// One prompt for each form of a hash with deadlines.
fn both() -> [Prompt; 2] {
    let table = Config { hash_max_listpack_entries: 0, ..Config::default() };
    [Prompt::new(), Prompt::with(table)]
}
/// Lets time pass without the wheel: what is due stays until somebody meets it.
fn pass(prompt: &mut Prompt, ms: i64) {
    prompt.now_ms += ms;
}

#[test]
fn a_due_field_is_deleted_when_it_is_met() {
    for mut prompt in both() {
        prompt.ask("HSET h a 1 b 2 c 3 d 4");
        assert_eq!(prompt.ask("HPEXPIRE h 10 FIELDS 4 a b c d"), "[1, 1, 1, 1]");
        pass(&mut prompt, 10);
        prompt.events();
        prompt.effects();
        prompt.check(&[("HLEN h", "4"), ("HGET h a", "nil"), ("HLEN h", "3"), ("EXISTS h", "1")]);
        assert_eq!(prompt.events(), ["hexpired h"]);
        assert_eq!(prompt.effects(), "HDEL h a");
        prompt.check(&[
            ("HEXISTS h b", "0"),
            ("HSTRLEN h c", "0"),
            ("HLEN h", "1"),
            ("HMGET h d x", "[nil, nil]"),
        ]);
        assert_eq!(prompt.events(), ["hexpired h", "hexpired h", "hexpired h", "del h"]);
        assert_eq!(prompt.effects(), "HDEL h b HDEL h c HDEL h d");
        prompt.check(&[("EXISTS h", "0"), ("HLEN h", "0")]);
        assert_eq!(prompt.stage.store.counts.expired_fields, 4);
    }
}

#[test]
fn several_due_fields_are_one_event() {
    for mut prompt in both() {
        prompt.ask("HSET h a 1 b 2 c 3");
        prompt.ask("HPEXPIRE h 10 FIELDS 2 a b");
        pass(&mut prompt, 10);
        prompt.events();
        prompt.check(&[("HMGET h a b c", "[nil, nil, \"3\"]"), ("HLEN h", "1")]);
        assert_eq!(prompt.events(), ["hexpired h"]);
    }
}

#[test]
fn what_goes_over_all_fields_hides_due_ones_and_leaves_them() {
    for mut prompt in both() {
        prompt.ask("HSET h a 1 b 2 c 3");
        prompt.ask("HPEXPIRE h 10 FIELDS 2 a b");
        pass(&mut prompt, 10);
        prompt.events();
        prompt.check(&[
            ("HGETALL h", "[\"c\", \"3\"]"),
            ("HKEYS h", "[\"c\"]"),
            ("HVALS h", "[\"3\"]"),
            ("HSCAN h 0", "[\"0\", [\"c\", \"3\"]]"),
            ("HTTL h FIELDS 3 a c x", "[-2, -1, -2]"),
            ("HPERSIST h FIELDS 1 a", "[-2]"),
            ("HLEN h", "3"),
        ]);
        assert_eq!(prompt.events(), Vec::<String>::new());
        prompt.check(&[("HRANDFIELD h 5", "[\"c\"]"), ("HLEN h", "1")]);
        assert_eq!(prompt.events(), ["hexpired h"]);
    }
}

#[test]
fn writers_meet_due_fields() {
    for mut prompt in both() {
        prompt.ask("HSET h a 10 b 10 c 10 d 10 e 10 f 10");
        prompt.ask("HPEXPIRE h 10 FIELDS 6 a b c d e f");
        pass(&mut prompt, 10);
        prompt.events();
        prompt.effects();
        prompt.check(&[("HINCRBY h a 1", "1"), ("HINCRBYFLOAT h b 1", "\"1\""), ("HSETNX h c 1", "1")]);
        assert_eq!(
            prompt.events(),
            ["hexpired h", "hincrby h", "hexpired h", "hincrbyfloat h", "hexpired h", "hset h"]
        );
        assert_eq!(
            prompt.effects(),
            "MULTI HDEL h a HINCRBY h a 1 EXEC MULTI HDEL h b HSET h b 1 EXEC MULTI HDEL h c HSETNX h c 1 EXEC"
        );
        // A field that stands there is set again, deleted, or given another deadline, due or not.
        prompt.check(&[
            ("HSET h d 2", "0"),
            ("HDEL h e", "1"),
            ("HEXPIRE h 10 FIELDS 1 f", "[1]"),
            ("HMGET h a b c d e f", "[\"1\", \"1\", \"1\", \"2\", nil, \"10\"]"),
            ("HTTL h FIELDS 6 a b c d e f", "[-1, -1, -1, -1, -2, 10]"),
        ]);
    }
}

#[test]
fn the_last_due_field_takes_the_key_along() {
    for mut prompt in both() {
        for command in ["HINCRBY h a 1", "HINCRBYFLOAT h a 1", "HSETNX h a 1"] {
            prompt.ask("HSET h a 10");
            prompt.ask("HPEXPIRE h 10 FIELDS 1 a");
            pass(&mut prompt, 10);
            prompt.events();
            prompt.ask(command);
            assert_eq!(prompt.events()[..2], ["hexpired h", "del h"], "{command}");
            prompt.check(&[("HGETALL h", "[\"a\", \"1\"]"), ("HTTL h FIELDS 1 a", "[-1]"), ("DEL h", "1")]);
        }
        for (command, reply) in [("HRANDFIELD h", "nil"), ("HRANDFIELD h 2", "[]"), ("HGET h a", "nil")] {
            prompt.ask("HSET h a 10");
            prompt.ask("HPEXPIRE h 10 FIELDS 1 a");
            pass(&mut prompt, 10);
            prompt.check(&[("EXISTS h", "1"), (command, reply), ("EXISTS h", "0")]);
        }
    }
}

#[test]
fn events_and_effects() {
    for mut prompt in both() {
        for (line, events, effects) in [
            ("HSET h a 1 b 2", "hset h", "HSET h a 1 b 2"),
            ("HMSET h a 1", "hset h", "HMSET h a 1"),
            ("HSETNX h a 1", "", ""),
            ("HINCRBY h a 4", "hincrby h", "HINCRBY h a 4"),
            ("HINCRBYFLOAT h a 0.5", "hincrbyfloat h", "HSET h a 5.5"),
            ("HEXPIRE h 10 FIELDS 2 a x", "hexpire h", "HPEXPIREAT h 1700000010000 FIELDS 1 a"),
            (
                "HINCRBYFLOAT h a 0.5",
                "hincrbyfloat h",
                "MULTI HSET h a 6 HPEXPIREAT h 1700000010000 FIELDS 1 a EXEC",
            ),
            ("HEXPIRE h 20 NX FIELDS 2 a b", "hexpire h", "HPEXPIREAT h 1700000020000 NX FIELDS 1 b"),
            ("HPEXPIRE h 5 GT FIELDS 2 a b", "", ""),
            (
                "HEXPIREAT h 1700000015 gt FIELDS 2 a b",
                "hexpire h",
                "HPEXPIREAT h 1700000015000 GT FIELDS 1 a",
            ),
            ("HPERSIST h FIELDS 3 a b x", "hpersist h", "HPERSIST h FIELDS 3 a b x"),
            ("HPERSIST h FIELDS 3 a b x", "", ""),
            ("HSET h c 3 d 4", "hset h", "HSET h c 3 d 4"),
            ("HPEXPIREAT h 1 FIELDS 3 a x b", "hdel h", "MULTI HDEL h a HDEL h b EXEC"),
            ("HDEL h c x", "hdel h", "HDEL h c x"),
            ("HDEL h x", "", ""),
            ("HEXPIRE h 0 FIELDS 1 d", "hdel h, del h", "HDEL h d"),
            ("HSET h a 1 b 2", "hset h", "HSET h a 1 b 2"),
            ("HDEL h a b c", "hdel h, del h", "HDEL h a b c"),
        ] {
            prompt.ask(line);
            assert_eq!(prompt.events().join(", "), events, "{line}");
            assert_eq!(prompt.effects(), effects, "{line}");
        }
    }
}

#[test]
fn every_change_counts() {
    let mut prompt = Prompt::new();
    for (line, changes) in [
        ("HSET h a 1 b 2 c 3", 3),
        ("HSET h a 1", 1),
        ("HDEL h b c x", 2),
        ("HEXPIRE h 10 FIELDS 2 a x", 1),
        ("HSETNX h a 1", 0),
        ("HINCRBY h a 1", 1),
        ("HPERSIST h FIELDS 1 x", 0),
        ("HPEXPIREAT h 1 FIELDS 1 a", 1),
    ] {
        prompt.stage.record.take_changes();
        prompt.ask(line);
        assert_eq!(prompt.stage.record.take_changes(), changes, "{line}");
    }
}

#[test]
fn the_wheel_deletes_fields_one_deadline_after_the_other() {
    for mut prompt in both() {
        prompt.ask("HSET h a 1 b 2 c 3 d 4");
        prompt.ask("HPEXPIRE h 10 FIELDS 1 a");
        prompt.ask("HPEXPIRE h 20 FIELDS 1 b");
        prompt.ask("HPEXPIRE h 20 FIELDS 1 c");
        assert_eq!(prompt.stage.store.parted(), 1);
        let start_ms = prompt.now_ms;
        let mut armed = prompt.stage.store.take_deadlines();
        let mut left = Vec::new();
        while let Some(first) = armed.iter().map(|(at, _)| *at).min() {
            prompt.now_ms = first as i64;
            let (now, later): (Vec<_>, Vec<_>) = armed.into_iter().partition(|(at, _)| *at == first);
            armed = later;
            prompt.stage.begin(prompt.now_ms);
            let mut due = Vec::new();
            now.into_iter().for_each(|(_, item)| prompt.stage.store.check_item(item, &mut due));
            for due in due {
                prompt.stage.changes(Default::default()).expire_due(&due, 1);
            }
            armed.extend(prompt.stage.store.take_deadlines());
            left.push((prompt.now_ms - start_ms, prompt.ask("HLEN h")));
        }
        let left: Vec<_> = left.iter().map(|(ms, left)| (*ms, left.as_str())).collect();
        assert_eq!(left, [(10, "3"), (20, "2"), (20, "1")]);
        assert_eq!(prompt.stage.store.parted(), 0);
        prompt.check(&[("HGETALL h", "[\"d\", \"4\"]")]);
    }
}

#[test]
fn deadlines_go_along_with_their_key() {
    for mut prompt in both() {
        prompt.ask("HSET h a 1 b 2");
        prompt.ask("HPEXPIRE h 100 FIELDS 1 a");
        prompt.check(&[
            ("COPY h copy", "1"),
            ("RENAME h renamed", "OK"),
            ("HPTTL copy FIELDS 2 a b", "[100, -1]"),
            ("HPTTL renamed FIELDS 2 a b", "[100, -1]"),
        ]);
        assert_eq!(prompt.stage.store.parted(), 2);
        prompt.check(&[("SET copy x", "OK"), ("DEL renamed", "1")]);
        assert_eq!(prompt.stage.store.parted(), 0);
    }
}

#[test]
fn random_fields_are_told_as_asked_for() {
    for mut prompt in both() {
        (0..60).for_each(|n| drop(prompt.ask(&format!("HSET h f{n} v{n}"))));
        prompt.ask("HPEXPIRE h 10 FIELDS 2 f1 f2");
        for (due, alive) in [(false, 60), (true, 58)] {
            if due {
                pass(&mut prompt, 10);
            }
            for count in [1, 2, 10, 30, 57, 58, 100] {
                let reply = prompt.ask(&format!("HRANDFIELD h {count}"));
                let mut names: Vec<&str> = reply.trim_matches(['[', ']']).split(", ").collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), count.min(alive), "{count}");
            }
            for count in [1, 2, 10, 200] {
                let reply = prompt.ask(&format!("HRANDFIELD h -{count} WITHVALUES"));
                let words: Vec<&str> = reply.trim_matches(['[', ']']).split(", ").collect();
                assert_eq!(words.len(), 2 * count);
                assert!(words.chunks(2).all(|pair| pair[0].replace('f', "v") == pair[1]));
            }
        }
    }
}

#[test]
fn an_error_makes_no_key() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        ("HINCRBY h a x", "ERR value is not an integer or out of range"),
        ("HINCRBYFLOAT h a inf", "ERR value is NaN or Infinity"),
        ("HSET h a", "ERR wrong number of arguments for 'hset' command"),
        ("HSET h a 1 b", "ERR wrong number of arguments for 'hset' command"),
        ("EXISTS h", "0"),
    ]);
    assert!(prompt.stage.store.database(0).is_empty());
    assert_eq!(crate::store::Hash::default().len(), 0);
}

#[test]
fn two_things_at_once() {
    for mut prompt in both() {
        for (line, reply, events, effects) in [
            ("HGETDEL h FIELDS 2 a b", "[nil, nil]", "", ""),
            ("HGETEX h EX 10 FIELDS 1 a", "[nil]", "", ""),
            ("HSETEX h FXX FIELDS 1 a 1", "0", "", ""),
            ("HSETEX h FIELDS 2 a 1 b 2", "1", "hset h", "HSET h a 1 b 2"),
            ("HSETEX h FNX FIELDS 2 a 1 c 2", "0", "", ""),
            ("HSETEX h FXX FIELDS 2 a 1 c 2", "0", "", ""),
            (
                "HSETEX h FNX EX 10 FIELDS 2 c 3 d 4",
                "1",
                "hset h, hexpire h",
                "MULTI HSET h c 3 d 4 HPEXPIREAT h 1700000010000 FIELDS 2 c d EXEC",
            ),
            (
                "HSETEX h KEEPTTL FIELDS 2 c 5 a 1",
                "1",
                "hset h",
                "MULTI HSET h c 5 a 1 HPEXPIREAT h 1700000010000 FIELDS 1 c EXEC",
            ),
            ("HPTTL h FIELDS 4 a b c d", "[-1, -1, 10000, 10000]", "", ""),
            ("HGETEX h FIELDS 3 a c x", "[\"1\", \"5\", nil]", "", ""),
            (
                "HGETEX h PX 5000 FIELDS 2 a x",
                "[\"1\", nil]",
                "hexpire h",
                "HPEXPIREAT h 1700000005000 FIELDS 1 a",
            ),
            ("HGETEX h PERSIST FIELDS 2 a b", "[\"1\", \"2\"]", "hpersist h", "HPERSIST h FIELDS 2 a b"),
            ("HGETEX h PERSIST FIELDS 2 a b", "[\"1\", \"2\"]", "", ""),
            ("HSETEX h FIELDS 1 d 6", "1", "hset h", "HSET h d 6"),
            ("HPTTL h FIELDS 4 a b c d", "[-1, -1, 10000, -1]", "", ""),
            ("HGETEX h EXAT 1 FIELDS 1 d", "[\"6\"]", "hdel h", "HDEL h d"),
            ("HSETEX h PXAT 1 FIELDS 2 c 7 x 8", "1", "hdel h", "HDEL h c"),
            ("HGETDEL h FIELDS 3 a a x", "[\"1\", nil, nil]", "hdel h", "HDEL h a"),
            ("HGETDEL h FIELDS 1 b", "[\"2\"]", "hdel h, del h", "HDEL h b"),
            ("HSETEX h PXAT 1 FIELDS 1 a 1", "1", "", ""),
            ("EXISTS h", "0", "", ""),
            ("HSETEX h EX 10 FIELDS 2 a 1", "ERR wrong number of arguments for 'hsetex' command", "", ""),
            (
                "HGETEX h EX 10 PX 10 FIELDS 1 a",
                "ERR Mandatory argument FIELDS is missing or not at the right position",
                "",
                "",
            ),
            ("HGETEX h EX -1 FIELDS 1 a", "ERR invalid expire time, must be >= 0", "", ""),
            ("HSETEX h EX 9999999999999 FIELDS 1 a b", "ERR invalid expire time in 'hsetex' command", "", ""),
        ] {
            assert_eq!(prompt.ask(line), reply, "{line}");
            assert_eq!(prompt.events().join(", "), events, "{line}");
            assert_eq!(prompt.effects(), effects, "{line}");
        }
    }
}

#[test]
fn another_type_is_told_before_what_is_wrong_with_the_arguments() {
    const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
    Prompt::new().check(&[
        ("SET k x", "OK"),
        ("HEXPIRE k abc FIELDS 1 a", WRONG_TYPE),
        ("HPEXPIREAT k -1 FIELDS 1 a", WRONG_TYPE),
        ("HTTL k FIELDS abc a", WRONG_TYPE),
        ("HPERSIST k FIELDS 2 a", WRONG_TYPE),
        ("HGETEX k EX abc FIELDS 1 a", WRONG_TYPE),
        ("HGETDEL k FIELDS 2 a", WRONG_TYPE),
        ("HSETEX k FIELDS 2 a b", "ERR wrong number of arguments for 'hsetex' command"),
        ("HEXPIRE absent abc FIELDS 1 a", "ERR value is not an integer or out of range"),
        ("HTTL absent FIELDS abc a", "ERR Number of fields must be a positive integer"),
        ("HPERSIST absent FIELDS 2 a", "ERR The `numfields` parameter must match the number of arguments"),
    ]);
}

#[test]
fn options_of_hsetex_stand_in_any_order() {
    const ARITY: &str = "ERR wrong number of arguments for 'hsetex' command";
    const TWO_TIMES: &str = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    const TWO_CONDITIONS: &str = "ERR Only one of FXX or FNX arguments can be specified";
    Prompt::new().check(&[
        ("HSETEX h EX 10 FNX FIELDS 1 a 1", "1"),
        ("HSETEX h KEEPTTL FXX FIELDS 1 a 2", "1"),
        ("HTTL h FIELDS 1 a", "[10]"),
        ("HSETEX h fxx px 5000 fields 1 a 3", "1"),
        ("HTTL h FIELDS 1 a", "[5]"),
        ("HSETEX h FXX FNX FIELDS 1 a 1", TWO_CONDITIONS),
        ("HSETEX h FXX EX 1 FXX FIELDS 1 a 1", TWO_CONDITIONS),
        ("HSETEX h EX 1 PX 1 FIELDS 1 a 1", TWO_TIMES),
        ("HSETEX h EX 1 KEEPTTL FIELDS 1 a 1", TWO_TIMES),
        ("HSETEX h KEEPTTL EXAT x FIELDS 1 a 1", TWO_TIMES),
        ("HSETEX h a 1 FIELDS 1 a 1", "ERR unknown argument: a"),
        ("HSETEX h FNX FXY FIELDS 1 a 1", "ERR unknown argument: FXY"),
        ("HSETEX h EX x FIELDS 1 a 1", "ERR value is not an integer or out of range"),
        ("HSETEX h FXX FXX a EX", TWO_CONDITIONS),
        ("HSETEX h FXX a b EX", "ERR unknown argument: a"),
        ("HSETEX h FXX EX 10 PX", TWO_TIMES),
        ("HSETEX h FXX KEEPTTL FNX PX", TWO_CONDITIONS),
        ("HSETEX h FIELDS 0 a 1", "ERR invalid number of fields"),
        ("HSETEX h FIELDS x a 1", "ERR invalid number of fields"),
        ("HSETEX h FIELDS 2147483648 a 1", "ERR invalid number of fields"),
        ("HSETEX h FIELDS 2 a 1", ARITY),
        ("HSETEX h FIELDS 1 a 1 b", ARITY),
        ("HSETEX h FXX FXX", ARITY),
        ("HSETEX h EX 10 FIELDS 1", ARITY),
        ("HSETEX h EX 10 FNX EXAT", TWO_TIMES),
        ("HSETEX h FNX FIELDS EX PX", ARITY),
    ]);
}
