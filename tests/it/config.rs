//! CONFIG GET, SET, RESETSTAT and REWRITE.

use std::fs;

use crate::support::server::free_port;
use crate::support::{Client, Server, Value, ours, redis_server};

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

/// Included files stay what they are, what they said goes where CONFIG REWRITE writes; and a file that cannot be
/// written is told.
#[test]
fn rewrite_goes_to_the_main_file_only() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (main, included) = (dir.path().join("main.conf"), dir.path().join("included.conf"));
    fs::write(&included, "timeout 33\n").expect("written");
    fs::write(&main, format!("include {}\n# the end\n", included.display())).expect("written");
    let server = Server::start_with(&ours(), Some(&main), &[]);
    let mut client = server.connect();
    assert_eq!(client.call(&["CONFIG", "SET", "requirepass", "a \"quoted\" \n one"]), Value::ok());
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    assert_eq!(fs::read_to_string(&included).expect("still there"), "timeout 33\n");
    let text = fs::read_to_string(&main).expect("still there");
    assert!(text.starts_with(&format!("include {}\n# the end\n", included.display())), "{text}");
    let again = Server::start_with(&ours(), Some(&main), &[]);
    let mut client = again.connect();
    assert_eq!(client.call(&["AUTH", "a \"quoted\" \n one"]), Value::ok(), "{text}");
    assert_eq!(client.call(&["CONFIG", "GET", "timeout"]).items()[1], Value::bulk("33"));
}

/// Addresses change while clients are connected, and come back when the new ones cannot be had.
#[test]
fn addresses_change_while_running() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let port = server.port();
        let mut client = server.connect();
        let answers = |host: &str, port| {
            Client::tcp(host, port)
                .is_ok_and(|mut client| client.call(&["PING"]) == Value::Simple("PONG".into()))
        };
        assert_eq!(client.call(&["CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2 -::1"]), Value::ok());
        assert!(answers("127.0.0.1", port) && answers("127.0.0.2", port));
        assert_eq!(client.call(&["CONFIG", "SET", "bind", "* -::*"]), Value::ok());
        assert!(answers("127.0.0.1", port) && answers("127.0.0.3", port));
        // TEST-NET-1 is nobody's.
        let refused = client.call(&["CONFIG", "SET", "timeout", "7", "bind", "127.0.0.2 192.0.2.77"]);
        assert_eq!(
            refused.text(),
            "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses."
        );
        assert_eq!(client.call(&["CONFIG", "GET", "timeout"]).items()[1], Value::bulk("0"), "all or nothing");
        assert_eq!(client.call(&["CONFIG", "GET", "bind"]).items()[1], Value::bulk("* -::*"));
        assert!(answers("127.0.0.1", port) && answers("127.0.0.3", port), "the old addresses are back");
        assert_eq!(client.call(&["CONFIG", "SET", "bind", "127.0.0.1"]), Value::ok());
        assert!(answers("127.0.0.1", port) && !answers("127.0.0.3", port));

        let taken = Server::start(&ours(), &[]);
        let refused = client.call(&["CONFIG", "SET", "port", &taken.port().to_string()]);
        assert_eq!(
            refused.text(),
            "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check \
             server logs."
        );
        assert!(answers("127.0.0.1", port));
        let other = free_port();
        assert_eq!(client.call(&["CONFIG", "SET", "port", &other.to_string()]), Value::ok());
        assert!(answers("127.0.0.1", other) && !answers("127.0.0.1", port));
        assert_eq!(client.call(&["CONFIG", "SET", "port", "0"]), Value::ok());
        assert!(!answers("127.0.0.1", other));
        assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()), "who is connected stays");
        assert_eq!(client.call(&["CONFIG", "SET", "port", &port.to_string()]), Value::ok());
        assert!(answers("127.0.0.1", port));
    }
}

#[test]
fn counters_start_anew() {
    for server in [Server::start(&ours(), &[]), Server::start(&redis_server(), &[])] {
        let mut client = server.connect();
        for command in [&["SET", "k", "v"][..], &["GET", "k"], &["GET", "none"], &["NOSUCH"], &["INCR", "k"]]
        {
            client.call(command);
        }
        let before = client.call(&["INFO", "everything"]).text();
        for field in ["keyspace_hits:1", "keyspace_misses:1", "errorstat_ERR:count=2", "cmdstat_get:calls=2,"]
        {
            assert!(before.contains(field), "{field} in {before}");
        }
        assert_eq!(client.call(&["CONFIG", "RESETSTAT"]), Value::ok());
        let after = client.call(&["INFO", "everything"]).text();
        for field in ["keyspace_hits:0", "keyspace_misses:0", "total_error_replies:0", "expired_keys:0"] {
            assert!(after.contains(field), "{field} in {after}");
        }
        for field in ["errorstat_ERR", "cmdstat_get:", "latency_percentiles_usec_get"] {
            assert!(!after.contains(field), "no {field} in {after}");
        }
        assert!(after.contains("db0:keys=1,"), "what is counted now stays: {after}");
    }
}

/// A parameter whose feature is not there yet is kept, and the log says so: once at the start, once for each change.
#[test]
fn what_waits_for_a_feature_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("server.conf");
    fs::write(&file, "slowlog-max-len 7\nslowlog-max-len 7\nhz 10\nactiverehashing no\n").expect("written");
    let server = Server::start_with(&ours(), Some(&file), &["--slowlog-max-len", "7"]);
    let count = |what: &str| server.output().matches(what).count();
    assert_eq!(count("slowlog-max-len is kept but not yet in effect"), 1, "{}", server.output());
    assert_eq!(count("activerehashing is kept but has no effect"), 1, "{}", server.output());
    let mut client = server.connect();
    assert_eq!(client.call(&["CONFIG", "GET", "slowlog-max-len"]).items()[1], Value::bulk("7"));
    assert_eq!(client.call(&["CONFIG", "SET", "latency-monitor-threshold", "7"]), Value::ok());
    assert_eq!(count("latency-monitor-threshold is kept but not yet in effect"), 1, "{}", server.output());
}
