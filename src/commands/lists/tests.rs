//! Lists as a client meets them: encodings about their limits, events, effects, and the order of those who wait.
use crate::{
    commands::{registry::Registry, testing::Prompt, waiting::Ending},
    config::Config,
    resp::Request,
};

#[test]
fn several_elements_stand_as_they_were_added() {
    Prompt::new().check(&[
        ("RPUSH l a b c", "3"),
        ("LPUSH l 1 2", "5"),
        ("LRANGE l 0 -1", r#"["2", "1", "a", "b", "c"]"#),
        ("LPUSHX l z", "6"),
        ("RPUSHX none z", "0"),
        ("LPOP l", r#""z""#),
        ("RPOP l 2", r#"["c", "b"]"#),
        ("LPOP l 0", "[]"),
        ("LPOP none 0", "nil"),
        ("LPOP l 100", r#"["2", "1", "a"]"#),
        ("EXISTS l", "0"),
        ("LPOP l", "nil"),
        ("RPOP l 1", "nil"),
    ]);
}

fn with_limit(size: i32) -> Prompt {
    Prompt::with(Config { list_max_listpack_size: size, ..Config::default() })
}

#[test]
fn a_list_changes_its_encoding_at_the_limit_and_back_below_half_of_it() {
    with_limit(4).check(&[
        ("RPUSH l 1 2 3 4", "4"),
        ("OBJECT ENCODING l", r#""listpack""#),
        ("RPUSH l 5", "5"),
        ("OBJECT ENCODING l", r#""quicklist""#),
        ("LPOP l 2", r#"["1", "2"]"#),
        ("OBJECT ENCODING l", r#""quicklist""#),
        ("RPOP l", r#""5""#),
        ("OBJECT ENCODING l", r#""listpack""#),
        ("RPUSH big a b c d e", "5"),
        ("LTRIM big 0 1", "OK"),
        ("OBJECT ENCODING big", r#""listpack""#),
        // That it will not be found is not known yet when the list grows.
        ("RPUSH full 1 2 3 4", "4"),
        ("LINSERT full BEFORE none x", "-1"),
        ("OBJECT ENCODING full", r#""quicklist""#),
        ("LREM full 0 1", "1"),
        ("LREM full 0 2", "1"),
        ("OBJECT ENCODING full", r#""listpack""#),
    ]);
}

#[test]
fn a_large_element_makes_a_quicklist_whose_other_elements_stay_together() {
    let mut prompt = with_limit(-1);
    let large = "x".repeat(5000);
    prompt.check(&[
        ("RPUSH l a b c", "3"),
        (&format!("LSET l 1 {large}"), "OK"),
        ("OBJECT ENCODING l", r#""quicklist""#),
        ("LINDEX l -1", r#""c""#),
        ("STRLEN l", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("LSET l 1 b", "OK"),
        ("OBJECT ENCODING l", r#""quicklist""#),
        ("LRANGE l 0 -1", r#"["a", "b", "c"]"#),
        ("LPOP l", r#""a""#),
        ("OBJECT ENCODING l", r#""listpack""#),
    ]);
    assert_eq!(prompt.ask(&format!("RPUSH l {large}")), "3");
    assert_eq!(prompt.ask("LPOS l c RANK -1"), "1");
    assert_eq!(prompt.ask(&format!("LPOS l {large}")), "2");
}

#[test]
fn each_change_tells_its_events() {
    let mut prompt = Prompt::new();
    for (line, events) in [
        ("RPUSH l a b c d e", &["rpush l"][..]),
        ("LPUSHX l z", &["lpush l"]),
        ("LSET l 0 y", &["lset l"]),
        ("LSET l 10 y", &[]),
        ("LINSERT l AFTER y x", &["linsert l"]),
        ("LINSERT l AFTER none x", &[]),
        ("LREM l 1 x", &["lrem l"]),
        ("LREM l 1 x", &[]),
        ("LTRIM l 0 -1", &["ltrim l"]),
        ("LPOP l", &["lpop l"]),
        ("LPOP l 0", &[]),
        ("LMPOP 2 none l RIGHT COUNT 2", &["rpop l"]),
        ("LMOVE l l LEFT RIGHT", &["rpush l", "lpop l"]),
        ("RPOPLPUSH l m", &["lpush m", "rpop l"]),
        ("RPOPLPUSH l m", &["lpush m", "rpop l"]),
        ("RPOPLPUSH l m", &["lpush m", "rpop l", "del l"]),
        ("LTRIM m 5 6", &["ltrim m", "del m"]),
    ] {
        prompt.ask(line);
        assert_eq!(prompt.events(), events, "{line}");
    }
}

#[test]
fn replicas_are_told_what_was_taken_where() {
    let mut prompt = Prompt::new();
    prompt.ask("RPUSH l a b c d e f");
    prompt.effects();
    for (line, effects) in [
        ("LMPOP 2 none l LEFT COUNT 2", "LPOP l 2"),
        ("LMPOP 1 none LEFT", ""),
        ("BLPOP none l 0", "LPOP l"),
        ("BLMPOP 0 1 l RIGHT COUNT 1", "RPOP l 1"),
        ("BLMOVE l m LEFT RIGHT 0", "LMOVE l m LEFT RIGHT"),
        ("BRPOPLPUSH m l 0", "RPOPLPUSH m l"),
        ("LTRIM l 0 -1", ""),
        ("LPOS l x", ""),
        ("BLMPOP 0 1 l RIGHT COUNT 100", "RPOP l 2"),
    ] {
        prompt.ask(line);
        assert_eq!(prompt.effects(), effects, "{line}");
    }
}

#[test]
fn who_waits_is_served_in_the_order_of_arrival() {
    let mut prompt = Prompt::new();
    assert_eq!(prompt.ask_as(1, "BLPOP a b 0"), "waits");
    assert_eq!(prompt.ask_as(2, "BRPOP b a 0"), "waits");
    assert_eq!(prompt.ask_as(3, "BLMPOP 0 1 b LEFT COUNT 5"), "waits");
    assert_eq!(prompt.ask("RPUSH b 1 2 3 4"), "4");
    assert_eq!(prompt.served(), [r#"1: ["b", "1"]"#, r#"2: ["b", "4"]"#, r#"3: ["b", ["2", "3"]]"#]);
    assert_eq!(prompt.ask("EXISTS b"), "0");
}

#[test]
fn moves_that_wait_for_each_other_wake_each_other() {
    let mut prompt = Prompt::new();
    assert_eq!(prompt.ask_as(1, "BLMOVE b c LEFT LEFT 0"), "waits");
    assert_eq!(prompt.ask_as(2, "BLMOVE a b LEFT LEFT 0"), "waits");
    assert_eq!(prompt.ask_as(3, "BRPOPLPUSH c d 0"), "waits");
    assert_eq!(prompt.ask("LPUSH a x"), "1");
    assert_eq!(prompt.served(), [r#"2: "x""#, r#"1: "x""#, r#"3: "x""#]);
    assert_eq!(prompt.ask("LRANGE d 0 -1"), r#"["x"]"#);
    // One that would go round for ever is served once.
    assert_eq!(prompt.ask_as(1, "BLMOVE r r LEFT RIGHT 0"), "waits");
    assert_eq!(prompt.ask("RPUSH r y"), "1");
    assert_eq!(prompt.served(), [r#"1: "y""#]);
}

#[test]
fn a_key_of_another_type_wakes_nobody_and_a_wrong_destination_fails() {
    let mut prompt = Prompt::new();
    assert_eq!(prompt.ask_as(1, "BLPOP k 0"), "waits");
    assert_eq!(prompt.ask("SET k v"), "OK");
    assert_eq!(prompt.served(), [""; 0]);
    assert!(prompt.ask_as(2, "BLPOP k 0").starts_with("WRONGTYPE"));
    prompt.check(&[("DEL k", "1"), ("SET s v", "OK")]);
    assert_eq!(prompt.ask_as(3, "BLMOVE l s LEFT LEFT 0"), "waits");
    assert_eq!(prompt.ask("RPUSH l a"), "1");
    let served = prompt.served();
    assert!(matches!(&served[..], [one] if one.starts_with("3: WRONGTYPE")), "{served:?}");
    assert_eq!(prompt.ask("LRANGE l 0 -1"), r#"["a"]"#);
    assert_eq!(prompt.ask("RPUSH k a"), "1");
    assert_eq!(prompt.served(), [r#"1: ["k", "a"]"#]);
}

/// Who waits in vain has called the command all the same.
#[test]
fn a_wait_counts_as_one_call_when_it_is_over() {
    let mut prompt = Prompt::new();
    let node = Registry::get().resolve(&Request::from_args(&["BLPOP", "l", "0"])).expect("a command");
    let counted = |prompt: &Prompt| {
        let sums = prompt.stage.board.tallies.sums();
        sums.get(node.index).map_or((0, 0), |tally| (tally.calls, tally.failed))
    };
    assert_eq!(prompt.ask_as(1, "BLPOP l 0"), "waits");
    assert_eq!(counted(&prompt), (0, 0));
    assert!(prompt.stage.waiting.end(1, Ending::TimeOver));
    assert_eq!(prompt.served(), ["1: nil"]);
    assert_eq!(counted(&prompt), (1, 0));

    assert_eq!(prompt.ask_as(1, "BLPOP l 0"), "waits");
    assert!(prompt.stage.waiting.end(1, Ending::Unblocked));
    assert_eq!(prompt.served(), ["1: UNBLOCKED client unblocked via CLIENT UNBLOCK"]);
    assert_eq!(counted(&prompt), (2, 1));

    assert_eq!(prompt.ask_as(1, "BLPOP l 0"), "waits");
    assert_eq!(prompt.ask("RPUSH l a"), "1");
    assert_eq!(prompt.served(), [r#"1: ["l", "a"]"#]);
    assert_eq!(counted(&prompt), (3, 1));
}
