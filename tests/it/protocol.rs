//! Requests as bytes: pieces, pipelines, and all the ways of getting them wrong (BAD-INPUT 1 to 3).

use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::encode;
use crate::support::{Client, Server, Value, ours, redis_server};

/// Ours with each I/O setting, and redis-server, started with the same options.
pub fn servers(options: &[&str]) -> [Server; 3] {
    [
        Server::start(&ours(), &[options, &["--io-threads", "1"]].concat()),
        Server::start(&ours(), &[options, &["--io-threads", "2"]].concat()),
        Server::start(&redis_server(), options),
    ]
}

/// Sends bytes and returns all that comes back before the server closes; panics if it stays.
fn until_closed(server: &Server, bytes: &[u8]) -> String {
    let mut client = server.connect();
    // A server may close before it has read all: only its answer matters.
    let _ = client.send_raw(bytes);
    String::from_utf8_lossy(&client.read_to_end().expect("the server closes")).into_owned()
}

#[test]
fn requests_in_every_form() {
    transcript!(
        r#"
        !raw "PING\r\n"
        !read
        !raw "PING\n"
        !read
        !raw "\r\n\r\n\nPING\r\n"
        !read
        !raw "   PING   hello  \r\n"
        !read
        !raw "SET k 'a \\'quoted\\' one'\r\nGET k\r\n"
        !read
        !read
        !raw "SET k \"tab \\t bell \\a hex \\x00\\xff \\q\"\r\nGET k\r\n"
        !read
        !read
        !raw "SET k ''\r\nGET k\r\n"
        !read
        !read
        !raw "*0\r\n*-1\r\n*-10\r\nPING\r\n"
        !read
        !raw "*1\r\n$4\r\nPI"
        !raw "NG\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n"
        !read
        !read
        !raw "*2\r\n$4\r\nECHO\r\n$5\r\na\r\nbc\r\n"
        !read
        !raw "*3\r\n$3\r\nSET\r\n$1\r\nn\r\n$3\r\n\x00\x01\x02\r\n"
        !read
        GET n
        !raw "*1\r\n$0\r\n\r\nPING\r\n"
        !read
        !read
        !raw "*2\r\n$4\r\nECHO\r\n$02\r\nab\r\n"
        !read
        !read
        "#
    );
}

#[test]
fn broken_requests_are_told_and_closed() {
    let long = |head: &str| [head.as_bytes(), &vec![b'1'; 70_000]].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"*3000000000\r\n".to_vec(), "invalid multibulk length"),
        (b"*2147483648\r\n".to_vec(), "invalid multibulk length"),
        (b"*blabla\r\n".to_vec(), "invalid multibulk length"),
        (b"*1x\r\n".to_vec(), "invalid multibulk length"),
        (b"*99999999999999999999\r\n".to_vec(), "invalid multibulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n".to_vec(), "invalid bulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n".to_vec(), "invalid bulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$\r\n".to_vec(), "invalid bulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n".to_vec(), "expected '$', got 'f'"),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n".to_vec(), "expected '$', got '*'"),
        (vec![0; 70_000], "too big inline request"),
        ([&b"*1\r\n"[..], &[0; 70_000]].concat(), "too big bulk count string"),
        (b"SET \"x y\r\n".to_vec(), "unbalanced quotes in request"),
        (b"SET 'x y\r\n".to_vec(), "unbalanced quotes in request"),
        (b"SET \"x\"y z\r\n".to_vec(), "unbalanced quotes in request"),
        (long("SET k "), "too big inline request"),
        (long("*"), "too big mbulk count string"),
        (long("*1\r\n$"), "too big bulk count string"),
    ];
    for server in servers(&[]) {
        for (request, reason) in &cases {
            let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
            let said = until_closed(&server, request);
            assert!(said.starts_with(&format!("-ERR Protocol error: {reason}")), "{shown:?}: {said:?}");
            assert_eq!(said.matches("\r\n").count(), 1, "one reply to {shown:?}: {said:?}");
            let piped = [b"PING\r\n", &request[..]].concat();
            let said = until_closed(&server, &piped);
            assert!(said.starts_with("+PONG\r\n-ERR Protocol error"), "the replies before stay: {said:?}");
        }
        assert_eq!(server.connect().call(&["DBSIZE"]), Value::Integer(0), "nothing was changed");
    }
}

#[test]
fn unauthenticated_clients_are_kept_short() {
    for server in servers(&["--requirepass", "secret"]) {
        let mut client = server.connect();
        assert_eq!(client.call(&["GET", "k"]), Value::Error("NOAUTH Authentication required.".into()));
        assert_eq!(client.call(&["HELLO"]).text()[..7], *"NOAUTH ");
        let said = until_closed(&server, b"*100\r\n$3\r\nSET\r\n");
        assert!(said.starts_with("-ERR Protocol error: unauthenticated multibulk length"), "{said:?}");
        let said = until_closed(&server, b"*11\r\n");
        assert!(said.starts_with("-ERR Protocol error: unauthenticated multibulk length"), "{said:?}");
        let said = until_closed(&server, b"*2\r\n$3\r\nGET\r\n$16385\r\n");
        assert!(said.starts_with("-ERR Protocol error: unauthenticated bulk length"), "{said:?}");
        let ten = ["SET", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        assert_eq!(client.call(&ten).text()[..7], *"NOAUTH ", "ten arguments are allowed");
        assert_eq!(client.call(&["GET", &"x".repeat(16_384)]).text()[..7], *"NOAUTH ", "and 16 KiB");
        let wrong = client.call(&["AUTH", "wrong"]).text();
        assert_eq!(wrong, "WRONGPASS invalid username-password pair or user is disabled.");
        assert_eq!(client.call(&["AUTH", "secret"]), Value::ok());
        assert_eq!(client.call(&["GET", &"x".repeat(20_000)]), Value::NullBulk);
    }
}

/// One who may not do anything yet must not make us keep megabytes: neither of requests nor of replies unread.
/// Redis mended this in 7.4.3, Debian in its 7.0.15.
#[test]
fn unauthenticated_output_is_bounded() {
    for server in servers(&["--requirepass", "secret"]) {
        let mut client = server.connect();
        client.set_patience(Duration::from_secs(2));
        let request = b"GET k\r\n".repeat(10_000);
        let sent = (0..500).take_while(|_| client.send_raw(&request).is_ok()).count();
        assert!(sent < 500, "sending without reading was not stopped");
        let mut watcher = server.connect();
        watcher.call(&["AUTH", "secret"]);
        assert!(used_memory(&mut watcher) < 32_000_000);
    }
}

#[test]
fn one_byte_at_a_time() {
    for server in servers(&[]) {
        let mut client = server.connect();
        let value = "a\r\nb$*\0";
        let request =
            [&encode(&["SET", "key", value])[..], b"GET key\r\n", &encode(&["STRLEN", "key"])].concat();
        for byte in request {
            client.send_raw(&[byte]).expect("the server reads on");
        }
        assert_eq!(client.receive(), Value::ok());
        assert_eq!(client.receive(), Value::bulk(value));
        assert_eq!(client.receive(), Value::Integer(value.len() as i64));
    }
}

/// The same requests, cut at every place: what is said must not depend on how the bytes arrive.
#[test]
fn cut_anywhere() {
    let request =
        [&encode(&["SET", "k", "12"])[..], b"INCR k\r\n\r\n", &encode(&["ECHO", "a\r\nb"])].concat();
    for server in servers(&[]) {
        let mut client = server.connect();
        for cut in 1..request.len() {
            let (head, tail) = request.split_at(cut);
            client.send_raw(head).expect("the server reads on");
            thread::sleep(Duration::from_micros(200));
            client.send_raw(tail).expect("the server reads on");
            let said = [client.receive(), client.receive(), client.receive()];
            assert_eq!(said, [Value::ok(), Value::Integer(13), Value::bulk("a\r\nb")], "cut at {cut}");
        }
    }
}

#[test]
fn web_pages_cannot_talk_to_us() {
    for server in servers(&[]) {
        for request in
            ["POST / HTTP/1.1\r\nSET k v\r\n", "Host: here\r\nSET k v\r\n", "post / x\r\nSET k v\r\n"]
        {
            assert_eq!(until_closed(&server, request.as_bytes()), "", "{request:?}");
        }
        let request = "GET / HTTP/1.1\r\nHost: here\r\nSET k v\r\n";
        let said = until_closed(&server, request.as_bytes());
        // Whether the reply before gets out is not promised.
        assert!(
            ["", "-ERR wrong number of arguments for 'get' command\r\n"].contains(&said.as_str()),
            "{said:?}"
        );
        assert_eq!(server.connect().call(&["EXISTS", "k"]), Value::Integer(0));
        assert!(server.output().contains("Possible SECURITY ATTACK"), "{}", server.output());
    }
}

#[test]
fn errors_stay_on_one_line() {
    transcript!(
        r#"
        "NO\r\nSUCH" "a\r\n+OK" "b\nc"
        "\r\n"
        ""
        NOSUCH "\x00\xff"
        NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b c d
        NOSUCH 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50
        NOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCH a
        CONFIG "SE\r\nT" x
        OBJECT "a\r\nb" k
        CLIENT "a\r\nb"
        CONFIG SET "no\r\nsuch" x
        CONFIG SET maxmemory-policy "a\r\nb"
        SET k v "a\r\nb"
        PING
        "#
    );
}

/// An error repeats a client's bytes as they are, whatever they are.
#[test]
fn errors_repeat_bytes() {
    let words: [&[u8]; 5] =
        [b"\xff\xfe", b"n\xc3\xa9", b"\xf4\x8f\xbf\xbf", b"\xc3", b"\xf0\x9f\x8e\xad\xf0"];
    let [one, two, judge] = servers(&["--enable-debug-command", "yes"]);
    let say = |server: &Server, request: &[Vec<u8>]| {
        let mut client = server.connect();
        client.send(request);
        client.send(&["QUIT"]);
        client.read_to_end().expect("two replies")
    };
    for word in words {
        let long = [&b"x".repeat(126), word].concat();
        for request in [
            vec![word.to_vec(), word.to_vec(), b"b".to_vec()],
            vec![long.clone(), long.clone(), word.to_vec()],
            vec![b"CLIENT".to_vec(), word.to_vec()],
            vec![b"CONFIG".to_vec(), b"SET".to_vec(), word.to_vec(), b"x".to_vec()],
            vec![b"DEBUG".to_vec(), b"ERROR".to_vec(), [b"ERR ", word].concat()],
        ] {
            let expected = say(&judge, &request);
            for server in [&one, &two] {
                let said = say(server, &request);
                assert_eq!(said.escape_ascii().to_string(), expected.escape_ascii().to_string());
            }
        }
    }
}

#[test]
fn bulks_have_a_limit() {
    for server in servers(&["--proto-max-bulk-len", "1mb"]) {
        let mut client = server.connect();
        assert_eq!(client.call(&["SET", "k", &"x".repeat(1_048_576)]), Value::ok());
        let said = until_closed(&server, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
        assert!(said.starts_with("-ERR Protocol error: invalid bulk length"), "{said:?}");
        let too_long = Value::Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into());
        assert_eq!(client.call(&["APPEND", "k", "x"]), too_long);
        assert_eq!(client.call(&["SETRANGE", "new", "1048576", "x"]), too_long);
        assert_eq!(client.call(&["SETRANGE", "new", "1048575", "x"]), Value::Integer(1_048_576));
        let beyond = client.call(&["SETBIT", "bits", "8388608", "1"]);
        assert_eq!(beyond.text(), "ERR bit offset is not an integer or out of range");
        assert_eq!(client.call(&["SETBIT", "bits", "8388607", "1"]), Value::Integer(0));
    }
}

#[test]
fn query_buffers_have_a_limit() {
    for server in servers(&["--client-query-buffer-limit", "1mb"]) {
        let mut client = server.connect();
        let big = encode(&["SET", "k", &"x".repeat(4_000_000)]);
        let _ = client.send_raw(&big);
        assert!(client.is_closed(), "a request larger than the limit ends the connection");
        assert_eq!(server.connect().call(&["EXISTS", "k"]), Value::Integer(0));
        let mut patient = server.connect();
        for _ in 0..50 {
            assert_eq!(patient.call(&["SET", "k", &"x".repeat(100_000)]), Value::ok(), "small ones go on");
        }
    }
}

pub fn used_memory(client: &mut Client) -> i64 {
    let info = client.call(&["INFO", "memory"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("a field of INFO");
    line.trim().parse().expect("bytes")
}

/// A client asks for gigabytes and reads nothing: it is cut at its limit, and memory stays near that.
#[test]
fn one_who_never_reads_is_cut() {
    let options = ["--client-output-buffer-limit", "normal 20mb 0 0"];
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &[&options[..], &["--io-threads", io_threads]].concat());
        let mut watcher = server.connect();
        assert_eq!(watcher.call(&["SET", "k", &"x".repeat(100_000)]), Value::ok());
        let before = used_memory(&mut watcher);
        let mut deaf = server.connect();
        let id = deaf.call(&["CLIENT", "ID"]).integer().to_string();
        deaf.send_raw(&encode(&["GET", "k"]).repeat(10_000)).expect("requests are small");
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut peak = before;
        loop {
            peak = peak.max(used_memory(&mut watcher));
            if watcher.call(&["CLIENT", "LIST", "ID", &id]).text().is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "still connected; {peak} bytes in use");
        }
        assert!(peak - before < 60_000_000, "{} bytes held for a limit of 20 MB", peak - before);
        let left = used_memory(&mut watcher) - before;
        assert!(left < 5_000_000, "{left} bytes kept after it was cut");
    }
}

/// Without a limit the sender is slowed, not served into memory: nothing is lost once it reads.
#[test]
fn one_who_reads_late_gets_everything() {
    for server in servers(&[]) {
        let mut client = server.connect();
        assert_eq!(client.call(&["SET", "k", &"x".repeat(100_000)]), Value::ok());
        client.send_raw(&encode(&["GET", "k"]).repeat(500)).expect("requests are small");
        thread::sleep(Duration::from_millis(50));
        for _ in 0..500 {
            assert_eq!(client.receive().bytes().len(), 100_000);
        }
    }
}

/// Clients that vanish while a large reply is on its way, or a large request is half sent, leave nothing behind.
#[test]
fn who_vanishes_leaves_nothing() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let mut watcher = server.connect();
        assert_eq!(watcher.call(&["SET", "k", &"x".repeat(20_000_000)]), Value::ok());
        let before = used_memory(&mut watcher);
        for _ in 0..10 {
            let mut reader = server.connect();
            reader.send(&["GET", "k"]);
            assert_eq!(reader.read_some(1000).expect("a beginning").len(), 1000);
            let mut writer = server.connect();
            writer.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000000\r\n").expect("the server reads");
            writer.send_raw(&[b'y'; 5_000_000]).expect("the server reads");
            let mut asker = server.connect();
            asker.send_raw(&encode(&["GET", "k"]).repeat(100)).expect("requests are small");
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        while watcher.call(&["CLIENT", "LIST"]).text().lines().count() > 1
            || used_memory(&mut watcher) - before > 1_000_000
        {
            assert!(Instant::now() < deadline, "{} bytes more", used_memory(&mut watcher) - before);
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(watcher.call(&["STRLEN", "k"]), Value::Integer(20_000_000));
    }
}

/// The longest inline request, and one that is longer.
#[test]
fn inline_requests_have_a_limit() {
    for server in servers(&[]) {
        let mut client = server.connect();
        let word = "x".repeat(60_000);
        client.send_raw(format!("PING {word}\r\n").as_bytes()).expect("the server reads");
        assert_eq!(client.receive(), Value::bulk(&word));
        // In pieces, as a slow line would bring it.
        let mut slow = server.connect();
        for _ in 0..66 {
            if slow.send_raw(&[b'x'; 1000]).is_err() {
                break;
            }
        }
        let said = String::from_utf8_lossy(&slow.read_to_end().expect("the server closes")).into_owned();
        assert!(said.is_empty() || said == "-ERR Protocol error: too big inline request\r\n", "{said:?}");
    }
}
