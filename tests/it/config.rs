//! CONFIG GET, SET, RESETSTAT and REWRITE.

use std::fs;

use crate::support::{Server, Value, ours};

#[test]
fn get_and_set() {
    transcript!(
        r#"
        CONFIG GET maxmemory-policy
        CONFIG GET MAXMEMORY-POLICY
        CONFIG GET nosuch
        CONFIG GET databases
        CONFIG GET timeout timeout
        CONFIG GET maxmemory-sampl?s
        CONFIG GET slave-read-only
        CONFIG GET replica-read-only
        CONFIG GET client-output-buffer-limit
        CONFIG GET save
        CONFIG GET appendonly
        CONFIG GET
        CONFIG SET timeout 100 tcp-keepalive 200
        CONFIG GET timeout
        CONFIG GET tcp-keepalive
        CONFIG SET timeout 0 tcp-keepalive 300
        CONFIG SET maxmemory 1gb
        CONFIG GET maxmemory
        CONFIG SET maxmemory 1000k
        CONFIG GET maxmemory
        CONFIG SET maxmemory 0
        CONFIG SET timeout 5 timeout 6
        CONFIG SET timeout 5 nosuch 6
        CONFIG SET timeout 5 maxmemory-policy nosuch
        CONFIG GET timeout
        CONFIG SET timeout
        CONFIG SET timeout 5 tcp-keepalive
        CONFIG SET timeout abc
        CONFIG SET timeout -1
        CONFIG SET timeout 99999999999999999999
        CONFIG SET databases 20
        CONFIG SET hz 10
        CONFIG SET lazyfree-lazy-expire maybe
        CONFIG SET lazyfree-lazy-expire yes
        CONFIG GET lazyfree-lazy-expire
        CONFIG SET lazyfree-lazy-expire no
        CONFIG SET loglevel nosuch ## since 7.2 nothing is a level, too
        CONFIG SET loglevel notice
        CONFIG SET client-output-buffer-limit "normal 0 0"
        CONFIG SET client-output-buffer-limit "nosuch 0 0 0"
        CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60"
        CONFIG SET proto-max-bulk-len 1
        CONFIG SET client-query-buffer-limit 1
        CONFIG SET maxmemory 1x
        CONFIG SET maxmemory -5
        CONFIG SET "" ""
        CONFIG FOO
        CONFIG
        CONFIG RESETSTAT
        CONFIG RESETSTAT x
        CONFIG REWRITE
        CONFIG HELP ## in our own words
        "#
    );
}

/// The order of several is nobody's business.
#[test]
fn get_several() {
    let server = Server::start(&ours(), &[]);
    let told = server.connect().call(&["CONFIG", "GET", "hll-sparse-*", "databases", "DATA*"]);
    assert_eq!(told.items().len(), 4, "{told:?}");
    assert_eq!(told.field("hll-sparse-max-bytes"), Some(Value::bulk("3000")));
    assert_eq!(told.field("databases"), Some(Value::bulk("16")));
}

/// Every parameter of redis.conf that 7.0 knows has the same default here; those that differ are named with the reason.
#[test]
fn defaults_agree_with_redis() {
    const DIFFERENT: &[(&str, &str)] = &[
        ("io-threads", "ours chooses by the number of cores"),
        ("io-threads-do-reads", "deprecated in 7.2 and without effect"),
        ("aof-disable-auto-gc", "gone since 7.2"),
        ("port", "given by the test"),
        ("dir", "given by the test"),
        ("jemalloc-bg-thread", "7.0.15 is built with jemalloc, which others need not have"),
        ("activedefrag", "7.0.15 is built with jemalloc, which others need not have"),
        ("oom-score-adj-values", "depends on the process"),
        ("list-max-listpack-size", "shown under both names"),
    ];
    let mine = Server::start(&ours(), &[]);
    let judge = Server::start(&crate::support::redis_server(), &[]);
    let mut differences = String::new();
    let theirs = judge.connect().call(&["CONFIG", "GET", "*"]).items();
    let known = mine.connect().call(&["CONFIG", "GET", "*"]);
    for pair in theirs.chunks(2) {
        let name = pair[0].text();
        if DIFFERENT.iter().any(|(different, _)| *different == name) {
            continue;
        }
        match known.field(&name) {
            Some(value) if value == pair[1] => {}
            value => differences += &format!("{name}: {:?}, in redis-server {:?}\n", value, pair[1]),
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn rewrite_keeps_what_a_person_wrote() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("server.conf");
    let written =
        "# a remark of ours\n\ntimeout 10\n# before the policy\nmaxmemory-policy noeviction\nhz 10\n";
    fs::write(&file, written).expect("a file of ours");
    let server = Server::start_with(&ours(), Some(&file), &["--hz", "20"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["CONFIG", "SET", "timeout", "77", "maxmemory-samples", "9"]), Value::ok());
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    let text = fs::read_to_string(&file).expect("still there");
    let lines: Vec<_> = text.lines().collect();
    let expected = [
        "# a remark of ours",
        "",
        "timeout 77",
        "# before the policy",
        "maxmemory-policy noeviction",
        "hz 20",
    ];
    assert_eq!(lines[..6], expected, "{text}");
    assert!(lines.contains(&"maxmemory-samples 9"), "{text}");
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    assert_eq!(
        fs::read_to_string(&file).expect("still there").trim_end(),
        text.trim_end(),
        "a second rewrite changes nothing"
    );
}
