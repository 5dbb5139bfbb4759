//! Long pipelines: every request is answered, whoever answers it, and neither a flood nor the end of the input
//! changes that.

use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::{servers, used_memory};
use crate::support::client::encode;
use crate::support::{Client, Server, Value, ours};

#[test]
fn pipelines_are_answered_in_order() {
    for server in servers(&[]) {
        let mut client = server.connect();
        let mut request = Vec::new();
        for number in 0..20_000 {
            let text = number.to_string();
            match number % 5 {
                0 => request.extend(encode(&["ECHO", &text])),
                1 => request.extend(encode(&["SET", "k", &text])),
                2 => request.extend(encode(&["GET", "k"])),
                3 => request.extend(encode(&["NOSUCH", &text])),
                _ => request.extend(encode(&["PING", &text])),
            }
        }
        check_replies(&mut client, &request);
    }
}

/// A command with the reply that it has, every time.
type Exchange = (&'static [u8], &'static [u8]);

/// Of every kind that a connection answers by itself, without the data.
const ANSWERED_AT_ONCE: [Exchange; 9] = [
    (b"PING\r\n", b"+PONG\r\n"),
    (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    (b"*2\r\n$4\r\nECHO\r\n$1\r\na\r\n", b"$1\r\na\r\n"),
    (b"SELECT 0\r\n", b"+OK\r\n"),
    (b"CLIENT GETNAME\r\n", b"$-1\r\n"),
    (b"NOSUCH a\r\n", b"-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n"),
    (b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n"),
    (b"SET k v EX abc\r\n", b"-ERR value is not an integer or out of range\r\n"),
    (b"AUTH\r\n", b"-ERR wrong number of arguments for 'auth' command\r\n"),
];

/// Writes all of it at once, reading at the same time, and expects exactly these replies.
fn converse(client: &mut Client, request: &[u8], replies: &[u8]) {
    let mut writer = client.another_handle();
    thread::scope(|scope| {
        scope.spawn(move || writer.send_raw(request).expect("the server takes it"));
        let said = client.read_some(replies.len()).expect("all replies");
        assert!(said == replies, "{}", difference(&said, replies));
    });
}
fn difference(said: &[u8], expected: &[u8]) -> String {
    let at = said.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 100)]).into_owned();
    format!("at byte {at}: {:?} instead of {:?}", shown(said), shown(expected))
}

/// Nothing but the bytes already sent can bring about their replies: no later request comes to help.
#[test]
fn long_pipelines_are_answered_to_the_last() {
    for server in servers(&[]) {
        for (request, reply) in ANSWERED_AT_ONCE {
            for count in [127, 128, 129, 255, 256, 257, 1000, 100_000] {
                converse(&mut server.connect(), &request.repeat(count), &reply.repeat(count));
            }
        }
    }
}

#[test]
fn long_pipelines_before_authentication_are_answered_to_the_last() {
    // redis-server cuts one whom it has told so much before it authenticates.
    let [one, two, _] = servers(&["--requirepass", "secret"]);
    for server in [one, two] {
        for count in [257, 100_000] {
            let replies = b"-NOAUTH Authentication required.\r\n".repeat(count);
            converse(&mut server.connect(), &b"GET k\r\n".repeat(count), &replies);
            let (request, replies) = (b"AUTH secret\r\n".repeat(count), b"+OK\r\n".repeat(count));
            converse(&mut server.connect(), &request, &replies);
        }
    }
}

/// What the connection answers, the data answers, the Supervisor answers, in all orders.
#[test]
fn long_pipelines_may_mix_who_answers() {
    let (pings, pongs) = (b"PING\r\n".repeat(1000), b"+PONG\r\n".repeat(1000));
    let set: Exchange = (b"SET k v\r\n", b"+OK\r\n");
    let config: Exchange = (b"CONFIG GET port-nosuch\r\n", b"*0\r\n");
    let pause: Exchange = (b"CLIENT PAUSE 50 ALL\r\n", b"+OK\r\n");
    let silence: Exchange = (b"CLIENT REPLY OFF\r\nGET k\r\n", b"");
    let speech: Exchange = (b"CLIENT REPLY ON\r\n", b"+OK\r\n");
    for server in servers(&[]) {
        for (request, reply) in [set, config, pause] {
            let mut client = server.connect();
            converse(&mut client, &[request, &pings].concat(), &[reply, &pongs].concat());
            converse(&mut client, &[&pings, request].concat(), &[&pongs, reply].concat());
            let (request, reply) = ([&pings, request].concat(), [&pongs, reply].concat());
            converse(&mut client, &request.repeat(3), &reply.repeat(3));
        }
        let (request, reply) = ([silence.0, &pings, speech.0].concat(), [silence.1, speech.1].concat());
        converse(&mut server.connect(), &request.repeat(10), &reply.repeat(10));
    }
}

/// One client sends without end and reads all; the bytes of its requests wait in the system, not in the server, and
/// others are served meanwhile.
#[test]
fn one_who_floods_is_slowed() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        for (request, reply) in [ANSWERED_AT_ONCE[0], ANSWERED_AT_ONCE[5]] {
            let (mut flooder, mut watcher) = (server.connect(), server.connect());
            let mut writer = flooder.another_handle();
            let count = 2_000_000;
            thread::scope(|scope| {
                scope.spawn(move || {
                    let piece = request.repeat(count / 100);
                    (0..100).for_each(|_| writer.send_raw(&piece).expect("the server takes it"));
                });
                let reader = scope.spawn(move || {
                    let piece = reply.repeat(count / 1000);
                    (0..1000)
                        .for_each(|_| assert!(flooder.read_some(piece.len()).expect("replies") == piece));
                });
                while !reader.is_finished() {
                    let most = query_buffers(&mut watcher).into_iter().max().expect("the watcher at least");
                    assert!(most <= 256 * 1024, "{most} bytes of requests are kept");
                }
            });
        }
    }
}

/// A client library may write a whole pipeline before it reads the first reply.
#[test]
fn one_may_write_everything_before_reading() {
    const COUNT: usize = 300_000;
    let value = "x".repeat(100);
    let reply = format!("$100\r\n{value}\r\n").into_bytes();
    for server in servers(&[]) {
        let (mut client, mut watcher) = (server.connect(), server.connect());
        assert_eq!(client.call(&["SET", "v", &value]), Value::ok());
        client.send_raw(&encode(&["GET", "v"]).repeat(COUNT)).expect("the server takes it");
        assert_eq!(watcher.call(&["PING"]), Value::Simple("PONG".into()));
        let replies = client.read_some(COUNT * reply.len()).expect("all replies");
        assert!(replies == reply.repeat(COUNT), "{}", difference(&replies, &reply.repeat(COUNT)));
        assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    }
}

/// Sends without end until nothing more is taken; says how many bytes of memory that costs.
fn flood(watcher: &mut Client, deaf: &mut Client, request: &[u8]) -> i64 {
    let before = used_memory(watcher);
    deaf.set_patience(Duration::from_secs(2));
    let request = request.repeat(100_000);
    let sent = (0..500).take_while(|_| deaf.send_raw(&request).is_ok()).count();
    assert!(sent < 500, "sending without reading was not stopped");
    let most = query_buffers(watcher).into_iter().max().expect("the watcher at least");
    assert!(most <= 256 * 1024, "{most} bytes of requests are kept");
    used_memory(watcher) - before
}

/// One that does not even read: it is stopped at 256 MiB of replies, and keeps little beyond.
#[test]
fn one_who_floods_and_never_reads_is_stopped() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let (mut watcher, mut deaf) = (server.connect(), server.connect());
        assert_eq!(watcher.call(&["SET", "v", &"x".repeat(8000)]), Value::ok());
        let kept = flood(&mut watcher, &mut deaf, b"GET v\r\n");
        assert!((250 << 20..280 << 20).contains(&kept), "{kept} bytes are kept for it");
        // It changes its mind: what it asked is still answered, also what the server had not read yet.
        let reply = format!("$8000\r\n{}\r\n", "x".repeat(8000)).into_bytes();
        let piece = reply.repeat(100);
        (0..400).for_each(|_| assert!(deaf.read_some(piece.len()).expect("replies") == piece));
        drop(deaf);
    }
}

/// One that has not even authenticated may keep much less.
#[test]
fn a_stranger_who_floods_and_never_reads_is_stopped_early() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--requirepass", "secret", "--io-threads", io_threads]);
        let (mut watcher, mut deaf) = (server.connect(), server.connect());
        assert_eq!(watcher.call(&["AUTH", "secret"]), Value::ok());
        let kept = flood(&mut watcher, &mut deaf, b"GET v\r\n");
        assert!(kept < 2_000_000, "{kept} bytes are kept for it");
        let piece = b"-NOAUTH Authentication required.\r\n".repeat(1000);
        (0..100).for_each(|_| assert!(deaf.read_some(piece.len()).expect("replies") == piece));
    }
}

/// Bytes of requests that the server keeps, by client.
fn query_buffers(watcher: &mut Client) -> Vec<usize> {
    let list = watcher.call(&["CLIENT", "LIST"]).text();
    let field = |line: &str| {
        let word = line.split(' ').find_map(|word| word.strip_prefix("qbuf="));
        word.expect("a field of CLIENT LIST").parse().expect("bytes")
    };
    list.lines().map(field).collect()
}

/// Sends all requests, in pieces that cut them anywhere, then reads all replies.
fn check_replies(client: &mut Client, request: &[u8]) {
    for piece in request.chunks(request.len() / 20 + 1) {
        client.send_raw(piece).expect("the server takes it");
    }
    for number in 0..20_000 {
        let text = number.to_string();
        let expected = match number % 5 {
            0 | 4 => Value::bulk(&text),
            1 => Value::ok(),
            2 => Value::bulk((number - 1).to_string()),
            _ => Value::Error(format!("ERR unknown command 'NOSUCH', with args beginning with: '{text}' ")),
        };
        assert_eq!(client.receive(), expected);
    }
}

#[test]
fn half_closed_clients_get_their_replies() {
    for server in servers(&[]) {
        let mut client = server.connect();
        client.send_raw(b"SET k v\r\nGET k\r\nQUIT\r\n").expect("the server reads");
        client.finish_sending();
        assert_eq!(client.read_to_end().expect("the rest"), b"+OK\r\n$1\r\nv\r\n+OK\r\n");
    }
}

/// However long the pipeline, and whoever answers: the end of the requests is not the end of the replies.
#[test]
fn half_closed_clients_get_all_their_replies() {
    let set: Exchange = (b"SET k v\r\n", b"+OK\r\n");
    // redis-server writes what the system takes at once, and drops the rest.
    let [one, two, judge] = servers(&[]);
    for (server, most) in [(one, 10_000), (two, 10_000), (judge, 500)] {
        for (request, reply) in ANSWERED_AT_ONCE.into_iter().chain([set]) {
            for count in [257, most] {
                let mut client = server.connect();
                client.send_raw(&request.repeat(count)).expect("the server reads");
                client.finish_sending();
                let (said, expected) = (client.read_to_end().expect("the rest"), reply.repeat(count));
                assert!(said == expected, "{}", difference(&said, &expected));
            }
        }
    }
}

/// Replies that the system does not take at once, so that the server keeps them beyond the end of the requests.
#[test]
fn half_closed_clients_may_read_late() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let mut client = server.connect();
        assert_eq!(client.call(&["SET", "k", &"x".repeat(20_000_000)]), Value::ok());
        client.send_raw(b"GET k\r\nPING\r\n").expect("the server reads");
        client.finish_sending();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(client.receive().bytes().len(), 20_000_000);
        assert_eq!(client.read_to_end().expect("the rest"), b"+PONG\r\n");
    }
}

/// One who has ended its requests and never reads is not waited for, however long it holds its end.
#[test]
fn half_closed_clients_that_never_read_are_let_go() {
    for server in servers(&[]) {
        let (mut watcher, mut deaf) = (server.connect(), server.connect());
        assert_eq!(watcher.call(&["SET", "k", &"x".repeat(20_000_000)]), Value::ok());
        deaf.send_raw(b"GET k\r\n").expect("the server reads");
        deaf.finish_sending();
        let connected = |watcher: &mut Client| watcher.call(&["CLIENT", "LIST"]).text().lines().count();
        let gone = (0..3000).any(|_| {
            thread::sleep(Duration::from_millis(10));
            connected(&mut watcher) == 1
        });
        assert!(gone, "it is kept: {}", watcher.call(&["CLIENT", "LIST"]).text());
        drop(deaf);
    }
}

/// Replies of megabytes each: the stop is looked at after few of them, not after a hundred.
#[test]
fn one_who_asks_for_large_replies_and_never_reads_is_stopped_as_early() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let (mut watcher, mut deaf) = (server.connect(), server.connect());
        // A list is not shared with the data: its reply is written out.
        for _ in 0..50 {
            watcher.call(&["RPUSH", "l", &"x".repeat(100_000)]);
        }
        let before = used_memory(&mut watcher);
        deaf.send_raw(&b"PING\r\n".repeat(3)).expect("the server takes it");
        deaf.send_raw(&b"LRANGE l 0 -1\r\n".repeat(4)).expect("the server takes it");
        while total_output(&mut watcher) < 1_000_000 {
            thread::sleep(Duration::from_millis(10));
        }
        deaf.send_raw(&b"LRANGE l 0 -1\r\n".repeat(1000)).expect("the server takes it");
        let mut last = 0;
        loop {
            thread::sleep(Duration::from_millis(200));
            let now = total_output(&mut watcher);
            if now == last {
                break;
            }
            last = now;
        }
        assert!((240 << 20..300 << 20).contains(&last), "{last} bytes of replies wait");
        let kept = used_memory(&mut watcher) - before;
        assert!(kept < 2 * (300 << 20), "{kept} bytes of memory for {last}");
    }
}

/// Bytes of memory that replies hold, of all clients.
fn total_output(watcher: &mut Client) -> usize {
    let list = watcher.call(&["CLIENT", "LIST"]).text();
    list.split([' ', '\n'])
        .filter_map(|word| word.strip_prefix("omem="))
        .map(|n| n.parse::<usize>().unwrap())
        .sum()
}

/// What waits is shared with the data: it costs once what it costs, and CLIENT LIST does not tell more.
#[test]
fn replies_that_are_shared_with_the_data_are_not_counted_twice() {
    let server = Server::start(&ours(), &[]);
    let (mut watcher, mut deaf) = (server.connect(), server.connect());
    assert_eq!(watcher.call(&["SET", "k", &"x".repeat(20_000_000)]), Value::ok());
    let before = used_memory(&mut watcher);
    deaf.send_raw(&b"GET k\r\n".repeat(10)).expect("the server takes it");
    let longest = |watcher: &mut Client| {
        let info = watcher.call(&["INFO", "clients"]).text();
        let field = info.lines().find_map(|line| line.strip_prefix("client_recent_max_output_buffer:"));
        field.and_then(|bytes| bytes.parse::<usize>().ok()).expect("a field of INFO")
    };
    while longest(&mut watcher) < 150_000_000 {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(total_output(&mut watcher) < 1_000_000);
    assert!(used_memory(&mut watcher) - before < 1_000_000);
}

/// Whatever ends a client that does not read, its socket is closed: a descriptor that stays open takes the place of
/// another client.
#[test]
fn who_is_ended_while_not_reading_holds_no_descriptor() {
    for server in servers(&[]) {
        let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
        let mut operator = server.connect();
        operator.call(&["SET", "big", &"v".repeat(1 << 20)]);
        let before = descriptors();
        let mut deaf: Vec<Client> = (0..10).map(|_| server.connect()).collect();
        for client in &mut deaf {
            (0..20).for_each(|_| client.send(&["GET", "big"]));
        }
        // All of them have begun to be answered.
        while operator.call(&["CLIENT", "LIST"]).text().matches("oll=0").count() > 1 {
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(operator.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]), Value::Integer(10));
        for _ in 0..500 {
            if descriptors() == before {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(descriptors(), before);
    }
}

/// Who waits and has sent much behind that is read on: nothing is given to who is gone.
#[test]
fn who_goes_while_blocked_is_noticed_whatever_it_sent_behind() {
    for server in servers(&[]) {
        let mut other = server.connect();
        let mut blocked = server.connect();
        let mut request = encode(&["BLPOP", "queue", "0"]);
        (0..300).for_each(|_| request.extend(encode(&["SET", "x", &"v".repeat(1000)])));
        blocked.send_raw(&request).unwrap();
        let waiting = |other: &mut Client, count: &str| {
            while !other.call(&["INFO", "clients"]).text().contains(&format!("blocked_clients:{count}\r\n")) {
                thread::sleep(Duration::from_millis(10));
            }
        };
        waiting(&mut other, "1");
        drop(blocked);
        waiting(&mut other, "0");
        assert_eq!(other.call(&["RPUSH", "queue", "job"]), Value::Integer(1));
        assert_eq!(other.call(&["LLEN", "queue"]), Value::Integer(1));
    }
}

/// A large value is kept where it was read, with little room beside it; and a large reply leaves none behind.
#[test]
fn large_values_and_replies_hold_no_more_than_they_need() {
    for server in servers(&[]) {
        let mut client = server.connect();
        for bytes in [1_100_000, 3_000_000, 5_000_000, 20_000_000] {
            // What the first such request makes for good is not counted.
            client.call(&["SET", "k", &"v".repeat(bytes)]);
            client.call(&["FLUSHALL", "SYNC"]);
            let before = used_memory(&mut client);
            client.call(&["SET", "k", &"v".repeat(bytes)]);
            client.call(&["PING"]);
            let held = used_memory(&mut client).saturating_sub(before) as usize;
            assert!(held < bytes + bytes / 10 + 200_000, "{held} bytes for {bytes}");
        }
        client.call(&["FLUSHALL", "SYNC"]);
        let before = used_memory(&mut client);
        client.call(&["SADD", "s", "a", "b"]);
        client.call(&["SRANDMEMBER", "s", "-1000000"]);
        client.call(&["PING"]);
        assert!(used_memory(&mut client) < before + 2_000_000);
    }
}

/// A client that neither reads nor asks any more gives no occasion to look at it; its time is over all the same.
#[test]
fn a_soft_limit_holds_for_who_is_silent() {
    // The field came with 7.2.
    let [one, two, _] = servers(&["--client-output-buffer-limit", "normal 0 200kb 1"]);
    for server in [one, two] {
        let (mut silent, mut other) = (server.connect(), server.connect());
        other.call(&["SET", "k", &"v".repeat(3_000_000)]);
        silent.send_raw(&encode(&["GET", "k"]).repeat(10)).expect("the server takes it");
        let disconnections = "client_output_buffer_limit_disconnections:1\r";
        let deadline = Instant::now() + Duration::from_secs(30);
        while !other.call(&["INFO", "stats"]).text().contains(disconnections) {
            assert!(Instant::now() < deadline, "it is never disconnected");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a connection answers itself is held in a buffer that is used again, but not at any size.
#[test]
fn room_for_large_answers_is_given_back() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let before = used_memory(&mut client);
    let request = encode(&["COMMAND", "DOCS"]).repeat(100);
    client.send_raw(&request).expect("the server takes it");
    (0..100).for_each(|_| assert!(!client.receive().is_error()));
    let grown = used_memory(&mut client) - before;
    assert!(grown < 4 << 20, "{grown} bytes are kept");
}
