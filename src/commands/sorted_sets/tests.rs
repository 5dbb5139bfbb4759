//! What transcripts do not show: events, effects, counts of changes, chance, and the order in which clients are served.
use crate::{commands::testing::Prompt, config::Config};

/// A server that ranks even the smallest sorted sets, and one that packs all of these.
fn both() -> [Prompt; 2] {
    let ranked = Config { zset_max_listpack_entries: 0, ..Config::default() };
    [Prompt::with(ranked), Prompt::new()]
}

#[test]
fn events_say_what_happened() {
    for mut prompt in both() {
        let mut events_of = |line: &str| {
            prompt.ask(line);
            prompt.events().join(", ")
        };
        for (line, events) in [
            ("ZADD k 1 a 2 b 3 c", "zadd k"),
            ("ZADD k 1 a", ""),
            ("ZADD k XX 1 nobody", ""),
            ("ZADD k 5 a", "zadd k"),
            ("ZADD k INCR 5 a", "zincr k"),
            ("ZINCRBY k 0 a", ""),
            ("ZINCRBY k 1 a", "zincr k"),
            ("ZREM k nobody", ""),
            ("ZREM k a", "zrem k"),
            ("ZRANGESTORE to k 0 -1", "zrangestore to"),
            ("ZRANGESTORE to k 7 8", "del to"),
            ("ZRANGESTORE to k 7 8", ""),
            ("ZUNIONSTORE to 1 k", "zunionstore to"),
            ("ZINTERSTORE to 1 k", "zinterstore to"),
            ("ZDIFFSTORE to 1 k", "zdiffstore to"),
            ("ZDIFFSTORE to 2 k k", "del to"),
            ("ZPOPMIN k 0", ""),
            ("ZPOPMIN k", "zpopmin k"),
            ("ZPOPMAX k 7", "zpopmax k, del k"),
            ("ZADD k 1 a 2 b 3 c", "zadd k"),
            ("ZMPOP 1 k MAX", "zpopmax k"),
            ("ZREMRANGEBYSCORE k 1 1", "zremrangebyscore k"),
            ("ZREMRANGEBYLEX k [x [y", ""),
            ("ZREMRANGEBYRANK k 0 -1", "zremrangebyrank k, del k"),
            ("ZADD k 1 a", "zadd k"),
            ("ZREM k a a", "zrem k, del k"),
        ] {
            assert_eq!(events_of(line), events, "{line}");
        }
    }
}

#[test]
fn every_member_that_changes_is_a_change() {
    for mut prompt in both() {
        let mut changes_of = |line: &str| {
            prompt.ask(line);
            prompt.stage.record.take_changes()
        };
        for (line, changes) in [
            ("ZADD k 1 a 2 b 3 c 4 d 5 e", 5),
            ("ZADD k 1 a 7 b 8 new", 2),
            ("ZREM k new nobody b", 2),
            ("ZREMRANGEBYRANK k 0 1", 2),
            ("ZADD k 1 a 2 b", 2),
            ("ZPOPMIN k 2", 2),
            ("ZUNIONSTORE to 1 k", 1),
            ("ZCARD k", 0),
        ] {
            assert_eq!(changes_of(line), changes, "{line}");
        }
    }
}

#[test]
fn effects_take_from_one_key_and_never_wait() {
    for mut prompt in both() {
        prompt.ask("ZADD k 1 a 2 b 3 c 4 d 5 e");
        prompt.effects();
        for (line, effects) in [
            ("ZMPOP 2 nokey k MIN", "ZPOPMIN k 1"),
            ("ZMPOP 1 k MAX COUNT 1", "ZPOPMAX k 1"),
            ("BZPOPMIN nokey k 0", "ZPOPMIN k"),
            ("BZMPOP 0 1 k MAX COUNT 9", "ZPOPMAX k 2"),
            ("ZPOPMIN k", ""),
        ] {
            prompt.ask(line);
            assert_eq!(prompt.effects(), effects, "{line}");
        }
    }
}

#[test]
fn those_who_wait_are_served_in_order() {
    let mut prompt = Prompt::new();
    for (client, line) in [
        (1, "BZPOPMIN one two 0"),
        (2, "BZPOPMAX two 0"),
        (3, "BZMPOP 0 2 one two MIN COUNT 2"),
        (4, "BZPOPMIN two 0"),
    ] {
        assert_eq!(prompt.ask_as(client, line), "waits");
    }
    prompt.ask("SADD two other");
    prompt.ask("SET one text");
    assert!(prompt.served().is_empty());
    prompt.ask("DEL one two");
    prompt.ask("ZADD two 1 a 2 b 3 c 4 d");
    assert_eq!(
        prompt.served(),
        [
            "1: [\"two\", \"a\", \"1\"]",
            "2: [\"two\", \"d\", \"4\"]",
            "3: [\"two\", [[\"b\", \"2\"], [\"c\", \"3\"]]]"
        ]
    );
    // A result that is stored is as good as one that is added.
    prompt.ask("ZADD from 5 e");
    prompt.ask("ZUNIONSTORE two 1 from");
    assert_eq!(prompt.served(), ["4: [\"two\", \"e\", \"5\"]"]);
    assert_eq!(prompt.ask("EXISTS two"), "0");
}

#[test]
fn chance_is_the_same_for_all_and_choices_differ() {
    for mut prompt in both() {
        for member in 0..20 {
            prompt.ask(&format!("ZADD k {member} m{member}"));
        }
        let mut times = std::collections::HashMap::new();
        for count in ["-2000", "1", "7", "19"] {
            for _ in 0..(if count == "-2000" { 1 } else { 200 }) {
                let reply = prompt.ask(&format!("ZRANDMEMBER k {count}"));
                let members: Vec<&str> = reply.trim_matches(['[', ']']).split(", ").collect();
                let distinct: std::collections::HashSet<&&str> = members.iter().collect();
                if count != "-2000" {
                    assert_eq!(distinct.len().to_string(), count);
                }
                for member in members {
                    *times.entry(member.to_string()).or_insert(0) += 1;
                }
            }
        }
        // 2000 + 200 * (1 + 7 + 19) choices among 20: 370 each.
        assert_eq!(times.len(), 20);
        assert!(times.values().all(|&times| (270..470).contains(&times)), "{times:?}");
    }
}

#[test]
fn a_scan_meets_every_member_that_stays() {
    let mut prompt = Prompt::new();
    for member in 0..500 {
        prompt.ask(&format!("ZADD k 0.1 m{member}"));
    }
    let (mut cursor, mut seen) = ("0".to_string(), std::collections::HashSet::new());
    loop {
        let reply = prompt.ask(&format!("ZSCAN k {cursor} COUNT 7"));
        let words: Vec<&str> = reply.split('"').skip(1).step_by(2).collect();
        cursor = words[0].to_string();
        for pair in words[1..].chunks(2) {
            assert_eq!(pair[1], "0.10000000000000001");
            seen.insert(pair[0].to_string());
            // Others come and go meanwhile.
            prompt.ask(&format!("ZADD k 1 other{}", pair[0]));
            prompt.ask(&format!("ZREM k other{}", pair[0]));
        }
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.iter().filter(|member| member.starts_with('m')).count(), 500);
}

#[test]
fn a_negative_offset_counts_from_the_far_end_of_what_is_ranked() {
    let [mut ranked, mut packed] = both();
    for (line, shown) in [
        ("ZRANGEBYSCORE z 2 4 LIMIT -1 9", r#"["d"]"#),
        ("ZRANGEBYSCORE z 2 4 LIMIT -3 2", r#"["b", "c"]"#),
        ("ZRANGEBYSCORE z 2 4 LIMIT -3 -1", r#"["b", "c", "d"]"#),
        ("ZRANGEBYSCORE z 2 4 LIMIT -4 9", "[]"),
        ("ZRANGEBYSCORE z 2 4 LIMIT -9223372036854775808 9", "[]"),
        ("ZREVRANGEBYSCORE z 4 2 LIMIT -1 9", r#"["b"]"#),
        ("ZREVRANGEBYSCORE z 4 2 LIMIT -2 9", r#"["c", "b"]"#),
        ("ZRANGE z 2 4 BYSCORE LIMIT -2 1", r#"["c"]"#),
        ("ZRANGEBYLEX z - + LIMIT -1 1", r#"["e"]"#),
        ("ZREVRANGEBYLEX z + - LIMIT -2 9", r#"["b", "a"]"#),
    ] {
        for (prompt, expected) in [(&mut ranked, shown), (&mut packed, "[]")] {
            prompt.ask("ZADD z 1 a 2 b 3 c 4 d 5 e");
            assert_eq!(prompt.ask(line), expected, "{line}");
        }
    }
}

#[test]
fn scores_have_the_digits_that_redis_gives_them() {
    for mut prompt in both() {
        for score in ["116260781840677.12", "83175997308566.37", "2207059026531166.7", "0.1", "5e-324"] {
            prompt.ask(&format!("ZADD z {score} m"));
            assert_eq!(prompt.ask("ZSCORE z m"), format!("{score:?}"));
        }
    }
}
