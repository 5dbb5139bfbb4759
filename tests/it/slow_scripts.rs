//! What goes on while a script takes longer than `busy-reply-threshold`, and what it may return.
use crate::support::{Client, Protocol, Server, ours};
use std::time::Duration;

fn server(options: &[&str]) -> Server {
    Server::start(&ours(), &[&["--busy-reply-threshold", "20"], options].concat())
}
fn say(client: &mut Client, command: &[&str]) -> String {
    client.call(command).text()
}
/// Waits until the server says BUSY.
fn until_busy(client: &mut Client) {
    for _ in 0..500 {
        if say(client, &["PING"]).starts_with("BUSY") {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the server is not busy");
}
/// What a monitor shows next, without time and client, and without those who asked whether the server is busy.
fn shown(monitor: &mut Client) -> String {
    loop {
        let line = monitor.receive().text();
        let shown = line.split_once("] ").map_or(&*line, |(_, shown)| shown);
        if shown != "\"PING\"" {
            return shown.to_string();
        }
    }
}

/// Monitors are no reason to make those wait who could end the script. They see later what was done meanwhile.
#[test]
fn operators_are_answered_while_somebody_monitors() {
    for threads in ["1", "2"] {
        let server = server(&["--io-threads", threads, "--requirepass", "pw"]);
        let [mut slow, mut monitor, mut leaver, mut waiting] = [(); 4].map(|()| server.connect());
        for client in [&mut slow, &mut monitor, &mut leaver, &mut waiting] {
            client.call(&["AUTH", "pw"]);
        }
        monitor.call(&["MONITOR"]);
        leaver.call(&["MONITOR"]);
        slow.send(&["EVAL", "while true do end", "0"]);
        until_busy(&mut waiting);
        drop(leaver);
        let mut operator = server.connect();
        assert!(say(&mut operator, &["SCRIPT", "KILL"]).starts_with("NOAUTH"));
        assert_eq!(say(&mut operator, &["AUTH", "pw"]), "OK");
        operator.hello(Protocol::Resp3);
        assert_eq!(say(&mut operator, &["MULTI"]), "OK");
        assert_eq!(say(&mut operator, &["RESET"]), "RESET");
        assert_eq!(say(&mut operator, &["AUTH", "pw"]), "OK");
        assert!(say(&mut operator, &["FUNCTION", "STATS"]).starts_with("BUSY"));
        assert!(say(&mut operator, &["FUNCTION", "KILL"]).starts_with("BUSY"));
        assert!(say(&mut operator, &["GET", "k"]).starts_with("BUSY"));
        assert_eq!(say(&mut operator, &["SCRIPT", "KILL"]), "OK");
        drop(operator);
        assert!(slow.receive().is_error());
        assert_eq!(say(&mut waiting, &["ECHO", "end"]), "end");
        // A second monitor came and was seen coming by none; what was refused was not executed.
        assert!(shown(&mut monitor).starts_with("\"EVAL\""));
        for line in [
            "\"AUTH\" \"(redacted)\"",
            "\"HELLO\" \"3\"",
            "\"MULTI\"",
            "\"RESET\"",
            "\"AUTH\" \"(redacted)\"",
            "\"FUNCTION\" \"STATS\"",
            "\"FUNCTION\" \"KILL\"",
            "\"SCRIPT\" \"KILL\"",
            "\"ECHO\" \"end\"",
        ] {
            assert_eq!(shown(&mut monitor), line);
        }
    }
}

/// CLIENT CACHING is for one command, which may be one that is answered while a script is slow.
#[test]
fn caching_ends_while_a_script_is_slow() {
    for threads in ["1", "2"] {
        let server = server(&["--io-threads", threads]);
        let [mut slow, mut client, mut other] = [(); 3].map(|()| server.connect());
        client.hello(Protocol::Resp3);
        client.call(&["CLIENT", "TRACKING", "ON", "OPTIN"]);
        client.call(&["CLIENT", "CACHING", "YES"]);
        slow.send(&["EVAL", "while true do end", "0"]);
        until_busy(&mut other);
        assert!(say(&mut client, &["FUNCTION", "KILL"]).starts_with("BUSY"));
        assert_eq!(say(&mut other, &["SCRIPT", "KILL"]), "OK");
        assert!(slow.receive().is_error());
        client.call(&["GET", "k"]);
        other.call(&["SET", "k", "1"]);
        // No invalidation comes between.
        assert_eq!(say(&mut client, &["PING"]), "PONG");
    }
}

/// Time stands still in a script until it is slow: then one that waits for a time sees it come. What it has written does
/// not expire under its hands.
#[test]
fn the_clock_goes_on() {
    let body = "local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end \
                redis.call('SET', 'k', 'v', 'PX', 50) \
                local start = now() \
                while now() < start + 100 do end \
                return {redis.call('EXISTS', 'k'), redis.call('PTTL', 'k')}";
    for threads in ["1", "2"] {
        let server = server(&["--io-threads", threads]);
        let mut client = server.connect();
        let found: Vec<i64> =
            client.call(&["EVAL", body, "0"]).items().iter().map(|one| one.integer()).collect();
        assert_eq!(found, [1, 50]);
        assert!(client.call(&["GET", "k"]).is_null());
        client.call(&["MULTI"]);
        client.call(&["TIME"]);
        client.call(&["EVAL", body, "0"]);
        client.call(&["TIME"]);
        let replies = client.call(&["EXEC"]).items();
        assert_ne!(replies[0], replies[2]);
        assert_eq!(replies[1].items()[0].integer(), 1);
    }
}

/// What a slow script publishes is heard before its end, which may never come; and shown, what it calls.
#[test]
fn a_slow_script_is_heard() {
    let body = "redis.call('PUBLISH', 'c', 'early') redis.call('SET', 'k', 'v') \
                for i = 1, 1e6 do local t = redis.call('TIME') end \
                redis.call('PUBLISH', 'c', 'late') while true do end";
    for options in [["--io-threads", "1"], ["--io-threads", "2"], ["--appendonly", "yes"]] {
        let mut server = server(&[&options[..], &["--notify-keyspace-events", "KA"]].concat());
        let [mut slow, mut listener, mut other] = [(); 3].map(|()| server.connect());
        listener.call(&["SUBSCRIBE", "c", "__keyspace@0__:k"]);
        listener.receive();
        slow.send(&["EVAL", body, "0"]);
        for heard in ["early", "set", "late"] {
            assert_eq!(listener.receive().items()[2].text(), heard, "{options:?}");
        }
        until_busy(&mut other);
        other.send(&["SHUTDOWN", "NOSAVE"]);
        server.wait();
    }
}

/// A client that listens to itself is answered first, and nobody hears what a crash could take back.
#[test]
fn some_scripts_are_heard_at_their_end() {
    let body = "redis.call('PUBLISH', 'c', 'm') redis.call('SET', 'k', 'v') \
                local start = redis.call('TIME') while redis.call('TIME')[1] - start[1] < 1 do end return 'done'";
    let server = server(&["--appendonly", "yes", "--appendfsync", "always"]);
    let [mut slow, mut listener] = [(); 2].map(|()| server.connect());
    listener.call(&["SUBSCRIBE", "c"]);
    slow.call(&["EVAL", body, "0"]);
    assert_eq!(listener.receive().items()[2].text(), "m");
    slow.call(&["CONFIG", "SET", "appendonly", "no"]);
    slow.hello(Protocol::Resp3);
    slow.call(&["SUBSCRIBE", "c"]);
    assert_eq!(say(&mut slow, &["EVAL", body, "0"]), "done");
    assert_eq!(slow.receive().items()[2].text(), "m");
}

/// A reply without end has one, in a transaction, too; and until then the script can be killed.
#[test]
fn a_reply_that_is_too_large() {
    let tree = "local t = {} t[1] = t t[2] = t return t";
    let strings = "local s = string.rep('x', 100 * 1024 * 1024) local t = {} \
                   for i = 1, 11 do t[i] = s end return t";
    let part = "return string.rep('x', 400 * 1024 * 1024)";
    let server = server(&[]);
    let [mut slow, mut other] = [(); 2].map(|()| server.connect());
    slow.send(&["EVAL", tree, "0"]);
    until_busy(&mut other);
    assert_eq!(say(&mut other, &["SCRIPT", "KILL"]), "OK");
    assert!(slow.receive().text().starts_with("ERR Script killed by user"));
    let text = say(&mut slow, &["EVAL", strings, "0"]);
    assert!(text.contains("its reply is too large"), "{text}");
    slow.call(&["MULTI"]);
    (0..3).for_each(|_| drop(slow.call(&["EVAL", part, "0"])));
    let replies = slow.call(&["EXEC"]).items();
    assert!(!replies[0].is_error() && !replies[1].is_error());
    assert!(replies[2].text().contains("its reply is too large"));
    assert_eq!(say(&mut other, &["PING"]), "PONG");
}
