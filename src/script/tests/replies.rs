//! How large the reply of a script may be, and what happens while it is written.
use super::Prompt;

const ALL: usize = 1 << 30;
const TOO_LARGE: &str = "-ERR Error running script SHA, its reply is too large: it may have 1 GiB";
/// A table that stands in itself twice: a tree of 2^2000 leaves.
const TREE: &str = "local t = {} t[1] = t t[2] = t return t";

#[test]
fn what_a_script_returns_ends_somewhere() {
    for body in [
        TREE,
        "local t = {} t.map = {t, t} return t",
        "local t = {} t.set = {[t] = true, [{t}] = true} return t",
        "local t = {} for i = 1, 1e5 do t[i] = {err = 'X same'} end return t",
        "local s = string.rep('x', 1e5) local t = {} for i = 1, 100 do t[i] = s end return t",
        "return string.rep('x', 1e7)",
        "return {ok = string.rep('x', 1e7)}",
        "return {err = string.rep('x', 1e7)}",
        "return {big_number = string.rep('1', 1e7)}",
        "return {verbatim_string = {format = 'txt', string = string.rep('x', 1e7)}}",
    ] {
        let mut prompt = Prompt { replied_bytes: ALL - 4_000_000, ..Prompt::default() };
        assert_eq!(prompt.eval(body), TOO_LARGE, "{body}");
        assert_eq!(prompt.eval("return {1, 'a'}"), "*2 :1 $1 a", "after {body}");
    }
    // Nothing is left of it in the buffer that the next reply is written in.
    let mut prompt = Prompt { replied_bytes: ALL, ..Prompt::default() };
    assert_eq!(prompt.eval("return 1"), TOO_LARGE);
    prompt.replied_bytes = 0;
    assert_eq!(prompt.eval("return 1"), ":1");
}

#[test]
fn a_reply_is_written_in_slices() {
    for (body, pauses) in [
        ("local t = {} for i = 1, 100 do t[i] = i end return t", 0..1),
        // Both are made at one go, so the pauses are the writer's.
        ("return {loadstring('return ' .. string.rep('1,', 50) .. '1')()}", 0..1),
        ("local s = string.rep('x', 1e7) return {s, s, s, s, s, s, s, s, s, s}", 2..4),
    ] {
        let mut prompt = Prompt::default();
        assert!(!prompt.outcome(body, &[], &[]).raised, "{body}");
        assert!(pauses.contains(&prompt.pauses), "{body}: {}", prompt.pauses);
    }
    for body in [TREE, "local m = {} for i = 1, 100 do m[i] = {m} end return {map = m}"] {
        let mut prompt = Prompt { patience: 3, ..Prompt::default() };
        let found = prompt.eval(body);
        assert_eq!(found, "-ERR Script killed by user with SCRIPT KILL... script: SHA", "{body}");
        assert_eq!(prompt.pauses, 4, "{body}");
    }
}

/// Long strings stand beside the buffer, and all of it is in its place.
#[test]
fn a_large_reply_is_whole() {
    let body = "local s = string.rep('x', 2^20) return {s, 1, {s, nil, 7}, 'end'}";
    let outcome = Prompt::default().outcome(body, &[], &[]);
    let long = format!("$1048576\r\n{}\r\n", "x".repeat(1 << 20));
    let expected = format!("*4\r\n{long}:1\r\n*1\r\n{long}$3\r\nend\r\n");
    assert!(outcome.reply.into_whole() == expected.as_bytes());
}
