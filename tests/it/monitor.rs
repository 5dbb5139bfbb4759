//! MONITOR.
use crate::support::{Server, ours, redis_server};

#[test]
fn every_command_is_shown() {
    transcript!(
        r#"
        PING
        m> MONITOR
        SET k "a b\n\"\x01\xff"
        m> ~ !read
        get k
        m> ~ !read
        PING
        m> ~ !read
        ECHO x
        m> ~ !read
        SELECT 5
        m> ~ !read
        SELECT 99
        m> ~ !read
        SET k v NOSUCH
        m> ~ !read
        LPUSH k x
        m> ~ !read
        # Not executed, not shown: unknown, or of a wrong form. And what administrators do is not shown either.
        NOSUCH
        GET
        CONFIG GET databases
        CLIENT LIST x
        DEBUG HELP x y
        EXEC
        m> ~ !read
        RESET
        m> ~ !read
        "#
    );
}

#[test]
fn transactions_are_shown_as_they_run() {
    transcript!(
        r#"
        PING
        m> MONITOR
        MULTI
        m> ~ !read
        SET k 1
        PING
        SELECT 3
        INCR k
        CONFIG GET databases
        MONITOR
        EXEC
        m> ~ !read
        m> ~ !read
        m> ~ !read
        m> ~ !read
        m> ~ !read
        SELECT 0
        m> ~ !read
        WATCH k
        m> ~ !read
        MULTI
        m> ~ !read
        WATCH k
        m> ~ !read
        DISCARD
        m> ~ !read
        MULTI
        m> ~ !read
        GET
        EXEC
        m> ~ !read
        DISCARD
        m> ~ !read
        "#
    );
}

#[test]
fn passwords_are_not() {
    transcript!(
        r#"
        PING
        m> MONITOR
        AUTH secret
        m> ~ !read
        AUTH nobody secret
        m> ~ !read
        HELLO 3 SETNAME x AUTH nobody secret
        m> ~ !read
        MIGRATE 127.0.0.1 1 none 0 10 AUTH2 auth secret
        m> ~ !read
        MIGRATE 127.0.0.1 1 none 0 10 AUTH secret
        m> ~ !read
        "#
    );
}

#[test]
fn what_a_monitor_may_do() {
    transcript!(
        r#"
        a> PING
        MONITOR
        PING
        ~ !read
        # It is answered nothing when it asks again.
        !send MONITOR
        GET k
        SET k 1
        PUBLISH a b
        CLIENT REPLY ON
        ~ !read
        RESET
        SET k 1
        a> SET k 2
        GET k
        !send MONITOR
        !read
        !close
        a> GET k
        "#
    );
}

#[test]
fn who_waits_is_shown_once() {
    transcript!(
        r#"
        a> PING
        PING
        m> MONITOR
        !send BLPOP list 0
        m> ~ !read
        a> RPUSH list x
        m> ~ !read
        !read
        PING
        m> ~ !read
        "#
    );
}

/// A client of a Unix socket is shown by its path.
#[test]
fn of_a_unix_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, binary) in [("ours", ours()), ("theirs", redis_server())] {
        let path = dir.path().join(name);
        let path = path.to_str().expect("text");
        let server = Server::start(&binary, &["--unixsocket", path]);
        let mut monitor = server.connect();
        monitor.call(&["MONITOR"]);
        let mut client = crate::support::Client::unix(path.as_ref()).expect("a connection");
        client.call(&["GET", "k"]);
        let line = monitor.receive().text();
        let shown = line.split_once(' ').map_or(&*line, |(_, shown)| shown);
        assert_eq!(shown, format!("[0 unix:{path}] \"GET\" \"k\""));
    }
}

#[test]
fn scripts_are_shown_before_what_they_call() {
    transcript!(
        r#"
        PING
        m> MONITOR
        EVAL "redis.call('SET', KEYS[1], 'v') redis.call('SELECT', 3) return redis.call('GET', KEYS[1])" 1 k
        m> ~ !read
        m> ~ !read
        m> ~ !read
        m> ~ !read
        EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
        m> ~ !read
        MULTI
        EVAL "return redis.pcall('INCR', 'n')" 0
        EXEC
        m> ~ !read
        m> ~ !read
        m> ~ !read
        m> ~ !read
        "#
    );
}
