//! SORT as a client meets it: what is compared how, what is shown, what is stored.
use crate::{commands::testing::Prompt, config::Config};

#[test]
fn elements_are_compared_as_numbers_or_as_text() {
    Prompt::new().check(&[
        ("RPUSH l 10 9 -3 1e1 0", "5"),
        ("SORT l", r#"["-3", "0", "9", "10", "1e1"]"#),
        ("SORT l DESC", r#"["1e1", "10", "9", "0", "-3"]"#),
        ("SORT l ALPHA", r#"["-3", "0", "10", "1e1", "9"]"#),
        ("SORT l BY nothing DESC LIMIT 1 2", r#"["1e1", "-3"]"#),
        ("SORT l LIMIT 1 2", r#"["0", "9"]"#),
        ("SORT l LIMIT -5 2", r#"["-3", "0"]"#),
        ("SORT l LIMIT 4 -1", r#"["1e1"]"#),
        ("SORT l LIMIT 9 1", "[]"),
        ("RPUSH l x", "6"),
        ("SORT l", "ERR One or more scores can't be converted into double"),
        ("SORT_RO l ALPHA LIMIT 5 5", r#"["x"]"#),
        ("SORT_RO l ALPHA STORE d", "ERR syntax error"),
        ("SORT none", "[]"),
        ("SET s v", "OK"),
        ("SORT s", "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn other_keys_give_weights_and_what_is_shown() {
    Prompt::new().check(&[
        ("RPUSH l a b c", "3"),
        ("MSET w_a 3 w_b 1 w_c 2", "OK"),
        ("SORT l BY w_*", r#"["b", "c", "a"]"#),
        (
            "SORT l BY w_* GET # GET w_* GET none_* GET fixed",
            r#"["b", "1", nil, nil, "c", "2", nil, nil, "a", "3", nil, nil]"#,
        ),
        ("DEL w_a", "1"),
        ("SORT l BY w_*", r#"["a", "b", "c"]"#),
        ("SORT l BY w_* ALPHA DESC", r#"["c", "b", "a"]"#),
    ]);
}

#[test]
fn what_is_stored_is_a_list_and_nothing_stored_deletes() {
    let mut prompt = Prompt::new();
    prompt.check(&[("RPUSH l 3 1 2", "3"), ("SET d v", "OK"), ("EXPIRE d 100", "1")]);
    prompt.events();
    prompt.check(&[("SORT l STORE d", "3"), ("LRANGE d 0 -1", r#"["1", "2", "3"]"#), ("TTL d", "-1")]);
    assert_eq!(prompt.events(), ["sortstore d"]);
    prompt.check(&[
        ("OBJECT ENCODING d", r#""listpack""#),
        ("SORT l BY x GET none_* STORE d", "3"),
        ("LRANGE d 0 -1", r#"["", "", ""]"#),
        ("SORT none STORE d", "0"),
        ("EXISTS d", "0"),
        ("SORT none STORE d", "0"),
        ("SORT l STORE l", "3"),
        ("LRANGE l 0 -1", r#"["1", "2", "3"]"#),
    ]);
    assert_eq!(prompt.events(), ["sortstore d", "del d", "sortstore l"]);
}

#[test]
fn a_sorted_set_that_is_not_sorted_gives_a_stretch_of_its_ranks() {
    for zset_max_listpack_entries in [0, 128] {
        Prompt::with(Config { zset_max_listpack_entries, ..Config::default() }).check(&[
            ("ZADD z 1 a 2 b 3 c 4 d", "4"),
            ("SORT z BY nosort", r#"["a", "b", "c", "d"]"#),
            ("SORT z BY nosort DESC", r#"["d", "c", "b", "a"]"#),
            ("SORT z BY nosort LIMIT 1 2", r#"["b", "c"]"#),
            ("SORT z BY nosort DESC LIMIT 1 2", r#"["c", "b"]"#),
            ("SORT_RO z BY nosort DESC LIMIT 3 9", r#"["a"]"#),
            ("SORT z BY nosort LIMIT 4 1", "[]"),
            ("SORT z BY nosort DESC LIMIT 9 1", "[]"),
            ("SORT z BY nosort LIMIT -2 1", r#"["a"]"#),
            ("SORT z BY nosort LIMIT 1 1 DESC STORE l", "1"),
            ("LRANGE l 0 -1", r#"["c"]"#),
        ]);
    }
}
