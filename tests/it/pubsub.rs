//! Publish and subscribe, and the events that are published by themselves.

use crate::support::{Client, Protocol, Server, Value, client::encode, ours};
use std::thread;

#[test]
fn channels() {
    transcript!(
        r#"
        a> SUBSCRIBE one two one
        a> !read
        a> !read
        PUBSUB CHANNELS o*
        PUBSUB NUMSUB one two three
        PUBSUB NUMPAT
        PUBLISH one hello
        a> !read
        PUBLISH none hello
        PUBLISH two ""
        a> !read
        PUBLISH "bin\r\n\x00" x
        # Another one, and patterns: who listens twice hears twice.
        b> SUBSCRIBE one
        b> PSUBSCRIBE o* *e *
        b> !read
        b> !read
        PUBSUB NUMPAT
        PUBLISH one again
        a> !read
        b> !read
        !info pubsub_channels pubsub_patterns pubsubshard_channels
        a> UNSUBSCRIBE one nothing
        a> !read
        a> UNSUBSCRIBE
        a> UNSUBSCRIBE
        a> PUNSUBSCRIBE
        a> GET k
        PUBSUB CHANNELS
        PUBSUB NUMSUB
        "#
    );
}

#[test]
fn patterns() {
    transcript!(
        r#"
        a> PSUBSCRIBE news.* h?llo
        a> !read
        PUBLISH news.art 1
        a> !read
        PUBLISH hello 2
        a> !read
        PUBLISH hllo 3
        PUBLISH news. 4
        a> !read
        a> PUNSUBSCRIBE news.*
        PUBLISH news.art 5
        a> PUNSUBSCRIBE nothing
        a> PUNSUBSCRIBE
        a> PUNSUBSCRIBE
        PUBLISH hello 6
        PUBSUB NUMPAT
        "#
    );
}

#[test]
fn shard_channels() {
    transcript!(
        r#"
        a> SSUBSCRIBE one two
        a> !read
        a> SUBSCRIBE one
        PUBSUB SHARDCHANNELS t*
        PUBSUB SHARDNUMSUB one two three
        PUBLISH one plain
        a> !read
        SPUBLISH one sharded
        a> !read
        a> PSUBSCRIBE *
        SPUBLISH two again
        a> !read
        !info pubsub_channels pubsub_patterns pubsubshard_channels
        a> SUNSUBSCRIBE none
        a> SUNSUBSCRIBE one
        a> SUNSUBSCRIBE
        a> SUNSUBSCRIBE
        PUBSUB SHARDCHANNELS
        SPUBLISH one nobody
        COMMAND GETKEYS SPUBLISH one x
        COMMAND GETKEYS SSUBSCRIBE one two
        "#
    );
}

#[test]
fn errors() {
    transcript!(
        r#"
        SUBSCRIBE
        PSUBSCRIBE
        SSUBSCRIBE
        PUBLISH one
        SPUBLISH one two three
        PUBSUB
        PUBSUB NOTHING
        PUBSUB CHANNELS one two
        PUBSUB SHARDCHANNELS one two
        PUBSUB NUMPAT more
        "#
    );
}

/// In RESP2 a client that listens can do little else; in RESP3 everything.
#[test]
fn what_a_listener_may_say() {
    transcript!(
        r#"
        a> SUBSCRIBE one
        a> GET k
        a> get
        a> nosuch
        a> CONFIG GET maxmemory
        a> PING
        a> PING hello
        a> PING one two
        a> PUBLISH other nobody
        a> ECHO hello
        a> RESET
        a> PING
        PUBSUB CHANNELS
        a> ~ HELLO 3
        a> SUBSCRIBE one
        a> PUBLISH one myself ## since 7.2 the reply comes before what the command itself had told
        a> !read ## the same
        a> SET k v
        a> GET k
        a> ~ HELLO 2 SETNAME me
        a> GET k
        PUBLISH one last
        a> !read
        CLIENT KILL TYPE pubsub
        a> !read
        PUBLISH one nobody
        b> SUBSCRIBE two
        b> QUIT
        b> !read
        "#
    );
}

/// Without a word being lost or out of its place, also where all is asked at once.
#[test]
fn in_a_pipeline() {
    transcript!(
        r#"
        ~ HELLO 3
        !raw "SUBSCRIBE a\r\nPUBLISH a 1\r\nPING\r\nUNSUBSCRIBE a\r\nPUBLISH a 2\r\nGET k\r\n"
        !read
        !read ## since 7.2 the reply comes before what the command itself had told
        !read ## the same
        !read
        !read
        !read
        !read
        !raw "SUBSCRIBE a b\r\nSET k v\r\nSUBSCRIBE c\r\nGET k\r\nUNSUBSCRIBE b\r\nPING\r\n"
        !read
        !read
        !read
        !read
        !read
        !read
        !read
        "#
    );
}

#[test]
fn in_a_transaction() {
    transcript!(
        r#"
        !raw "MULTI\r\nSUBSCRIBE a\r\nUNSUBSCRIBE a\r\nSSUBSCRIBE b\r\nPUBLISH a 1\r\nEXEC\r\nPING\r\n"
        !read
        !read
        !read
        !read
        !read
        !read
        !read
        b> SUBSCRIBE a
        MULTI
        PUBLISH a 1
        PUBSUB NUMSUB a
        SUBSCRIBE c
        PUBLISH a 2
        EXEC
        b> !read
        b> !read
        PING
        PUBLISH c 3 ## since 7.2 the reply comes before what the command itself had told
        "#
    );
}

/// Pushes are sent in any case, and replies when they are wanted.
#[test]
fn replies_off() {
    transcript!(
        r#"
        a> !send CLIENT REPLY OFF
        a> SUBSCRIBE one
        PUBLISH one 1
        a> !read
        a> !send SUBSCRIBE
        a> !send PING
        a> UNSUBSCRIBE one
        a> CLIENT REPLY ON
        a> !send CLIENT REPLY SKIP
        a> SUBSCRIBE two
        a> PING
        "#
    );
}

#[test]
fn events() {
    transcript!(
        r#"
        CONFIG SET notify-keyspace-events KEA
        a> PSUBSCRIBE __key*
        SET k v
        a> !read
        a> !read
        SELECT 3
        DEL none
        SADD s a b
        a> !read
        a> !read
        RENAME s t
        a> !read
        a> !read
        a> !read
        a> !read
        PEXPIRE t 10
        a> !read
        a> !read
        a> !read
        a> !read
        CONFIG SET notify-keyspace-events Eg$
        SET k v
        LPUSH l a
        DEL k l
        a> !read
        a> !read
        a> !read
        CONFIG SET notify-keyspace-events Kmn
        GET nothing
        a> !read
        MGET k nothing
        a> !read
        a> !read
        SET k w
        a> !read
        EXISTS nothing
        a> !read
        CONFIG SET notify-keyspace-events ""
        SET k x
        a> PING
        "#
    );
}

/// What is published and what happens are told in the order in which they were.
#[test]
fn events_and_publications_in_order() {
    transcript!(
        r#"
        CONFIG SET notify-keyspace-events E$
        a> PSUBSCRIBE *
        !raw "PUBLISH one 1\r\nSET k v\r\nPUBLISH one 2\r\nAPPEND k w\r\nPUBLISH one 3\r\n"
        !read
        !read
        !read
        !read
        !read
        a> !read
        a> !read
        a> !read
        a> !read
        a> !read
        CONFIG SET notify-keyspace-events ""
        "#
    );
}

#[test]
fn who_listens_is_listed() {
    transcript!(
        r#"
        a> SUBSCRIBE one two
        a> !read
        a> PSUBSCRIBE p*
        a> SSUBSCRIBE s
        CLIENT KILL TYPE pubsub SKIPME no
        a> !read
        PUBSUB NUMSUB one
        PUBSUB NUMPAT
        "#
    );
    let server = Server::start(&ours(), &[]);
    let (mut listener, mut watcher) = (server.connect(), server.connect());
    listener.send(&["SUBSCRIBE", "one", "two"]);
    listener.send(&["PSUBSCRIBE", "p*"]);
    listener.send(&["SSUBSCRIBE", "s"]);
    (0..4).for_each(|_| drop(listener.receive()));
    let list = watcher.call(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
    assert!(list.contains(" flags=P db=0 sub=2 psub=1 ssub=1 "), "{list}");
    assert!(watcher.call(&["INFO", "clients"]).text().contains("pubsub_clients:1\r"));
    drop(listener);
    while !watcher.call(&["CLIENT", "LIST", "TYPE", "pubsub"]).text().is_empty() {}
    assert_eq!(watcher.call(&["PUBLISH", "one", "x"]), Value::Integer(0));
}

fn servers() -> [Server; 2] {
    ["1", "3"].map(|threads| Server::start(&ours(), &["--io-threads", threads]))
}

/// The text of a message, or of anything else at the third place.
fn third(value: Value) -> String {
    match value {
        Value::Array(items) | Value::Push(items) => match &items[2] {
            Value::Integer(n) => n.to_string(),
            text => text.text(),
        },
        other => panic!("no message: {other:?}"),
    }
}

/// Each publisher numbers its messages. Every listener hears all of each, in order, from the acknowledgement on, and the
/// receivers that the publishers were told of are as many as the messages that arrived.
#[test]
fn nothing_is_lost_or_out_of_order() {
    const PUBLISHERS: usize = 4;
    const LISTENERS: usize = 12;
    const MESSAGES: usize = 3000;
    for server in servers() {
        let mut listeners: Vec<Client> = (0..LISTENERS).map(|_| server.connect()).collect();
        for (number, listener) in listeners.iter_mut().enumerate() {
            match number % 3 {
                0 => drop(listener.call(&["SUBSCRIBE", "c"])),
                1 => drop(listener.call(&["PSUBSCRIBE", "c*"])),
                _ => {
                    listener.call(&["HELLO", "3"]);
                    listener.call(&["SUBSCRIBE", "c"]);
                }
            }
        }
        let publishers: Vec<Client> = (0..PUBLISHERS).map(|_| server.connect()).collect();
        let threads = publishers.into_iter().enumerate().map(|(publisher, mut client)| {
            thread::spawn(move || {
                let mut told = 0;
                for first in (0..MESSAGES).step_by(50) {
                    let requests = (first..first + 50)
                        .flat_map(|n| encode(&["PUBLISH", "c", &format!("{publisher}:{n}")]));
                    client.send_raw(&requests.collect::<Vec<u8>>()).expect("it is read");
                    told += (0..50).map(|_| client.receive().integer()).sum::<i64>();
                }
                told
            })
        });
        let threads: Vec<_> = threads.collect();
        let hearing: Vec<_> = listeners
            .into_iter()
            .enumerate()
            .map(|(number, mut listener)| {
                thread::spawn(move || {
                    let mut next = [0; PUBLISHERS];
                    for _ in 0..PUBLISHERS * MESSAGES {
                        let items = match listener.receive() {
                            Value::Array(items) | Value::Push(items) => items,
                            other => panic!("no message: {other:?}"),
                        };
                        let text = items.last().expect("a message has items").text();
                        let (publisher, n) = text.split_once(':').expect("as it was published");
                        let next = &mut next[publisher.parse::<usize>().expect("a number")];
                        assert_eq!(n.parse(), Ok(*next), "listener {number} of publisher {publisher}");
                        *next += 1;
                    }
                })
            })
            .collect();
        let told: i64 = threads.into_iter().map(|thread| thread.join().expect("it was answered")).sum();
        assert_eq!(told as usize, PUBLISHERS * MESSAGES * LISTENERS);
        hearing.into_iter().for_each(|thread| thread.join().expect("it heard all"));
    }
}

/// While others publish without end, a client subscribes and ends it, again and again. It hears a run without a gap
/// between the two acknowledgements, nothing twice and nothing before.
#[test]
fn between_its_acknowledgements_nothing_is_missed() {
    for server in servers() {
        let mut publisher = server.connect();
        let mut listener = server.connect();
        listener.call(&["HELLO", "3"]);
        let mut n = 0;
        let mut last_heard = -1;
        for _ in 0..300 {
            let mut requests = Vec::new();
            for _ in 0..20 {
                requests.extend(encode(&["PUBLISH", "c", &n.to_string()]));
                n += 1;
            }
            publisher.send_raw(&requests).expect("it is read");
            listener.send(&["SUBSCRIBE", "c"]);
            assert_eq!(third(listener.receive()), "1");
            // It is acknowledged: from here on all of it is heard.
            (0..20).for_each(|_| drop(publisher.receive()));
            assert_eq!(publisher.call(&["PUBLISH", "c", &n.to_string()]), Value::Integer(1));
            n += 1;
            listener.send(&["UNSUBSCRIBE", "c"]);
            let mut heard = Vec::new();
            loop {
                let text = third(listener.receive());
                if text == "0" && heard.last() == Some(&(n - 1)) {
                    break;
                }
                heard.push(text.parse::<i64>().expect("a number"));
            }
            assert!(heard[0] > last_heard, "{heard:?} behind {last_heard}");
            assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1), "{heard:?}");
            last_heard = n - 1;
            assert_eq!(publisher.call(&["PUBLISH", "c", "nobody"]), Value::Integer(0));
        }
    }
}

/// Who is killed has got what was published before, however much of it was still to be written.
#[test]
fn who_is_killed_has_heard_all() {
    const MESSAGES: usize = 40;
    for server in servers() {
        let mut publisher = server.connect();
        for round in 0..30 {
            let mut listener = server.connect();
            let id = listener.call(&["CLIENT", "ID"]).integer().to_string();
            listener.call(&["SUBSCRIBE", "c"]);
            // Some come alone, so that those at the end come in the midst of a stream.
            let text = |n: usize| format!("{round}:{n}");
            for n in 0..MESSAGES / 2 {
                assert_eq!(publisher.call(&["PUBLISH", "c", &text(n)]), Value::Integer(1));
            }
            let mut requests: Vec<u8> =
                (MESSAGES / 2..MESSAGES).flat_map(|n| encode(&["PUBLISH", "c", &text(n)])).collect();
            requests.extend(encode(&["CLIENT", "KILL", "ID", &id]));
            publisher.send_raw(&requests).expect("it is read");
            (MESSAGES / 2..MESSAGES).for_each(|_| assert_eq!(publisher.receive(), Value::Integer(1)));
            assert_eq!(publisher.receive(), Value::Integer(1));
            for n in 0..MESSAGES {
                assert_eq!(third(listener.receive()), text(n));
            }
            assert!(listener.try_receive().is_err(), "it was killed");
            assert_eq!(publisher.call(&["PUBLISH", "c", "nobody"]), Value::Integer(0));
        }
    }
}

/// In a transaction, too: who has killed a client counts it no more.
#[test]
fn who_is_killed_in_a_transaction_is_not_counted() {
    for server in servers() {
        let mut killer = server.connect();
        for _ in 0..100 {
            let mut listener = server.connect();
            listener.call(&["SUBSCRIBE", "c"]);
            for command in [&["MULTI"][..], &["PUBLISH", "c", "x"], &["CLIENT", "KILL", "TYPE", "pubsub"]] {
                killer.call(command);
            }
            killer.call(&["PUBLISH", "c", "y"]);
            let expected = [1, 1, 0].map(Value::Integer).to_vec();
            assert_eq!(killer.call(&["EXEC"]), Value::Array(expected));
        }
    }
}

/// Who does not read is cut off by the limit of its class, and nobody else notices.
#[test]
fn who_does_not_read_is_cut_off() {
    for server in servers() {
        let (mut slow, mut quick, mut publisher) = (server.connect(), server.connect(), server.connect());
        publisher.call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0"]);
        slow.call(&["SUBSCRIBE", "c"]);
        quick.call(&["SUBSCRIBE", "c"]);
        let message = "x".repeat(20_000);
        let mut receivers = 2;
        let mut count = 0;
        while receivers == 2 {
            receivers = publisher.call(&["PUBLISH", "c", &message]).integer();
            assert_eq!(third(quick.receive()), message);
            count += 1;
            assert!(count < 100_000, "it is never cut off");
        }
        let info = publisher.call(&["INFO", "stats"]).text();
        assert!(info.contains("client_output_buffer_limit_disconnections:1\r"), "{info}");
        // What had gone out before can still be read.
        while slow.try_receive().is_ok() {}
        assert_eq!(publisher.call(&["PUBLISH", "c", "y"]), Value::Integer(1));
        assert_eq!(third(quick.receive()), "y");
    }
}

/// With `appendfsync always` nobody hears of what a crash could take back; and who listens to himself is answered first.
#[test]
fn what_is_not_on_the_medium_is_not_told() {
    for threads in ["1", "2"] {
        let options = ["--appendonly", "yes", "--appendfsync", "always", "--io-threads", threads];
        let options =
            [&options[..], &["--enable-debug-command", "yes", "--notify-keyspace-events", "KA"]].concat();
        let server = Server::start(&ours(), &options);
        let (mut writer, mut listener) = (server.connect(), server.connect());
        writer.hello(Protocol::Resp3);
        for client in [&mut writer, &mut listener] {
            client.call(&["SUBSCRIBE", "c", "__keyspace@0__:k"]);
            client.receive();
        }
        // The disk takes its time.
        writer.call(&["DEBUG", "AOF-FLUSH-SLEEP", "20000"]);
        for round in 0..5 {
            let value = format!("value-{round}");
            writer.send(&["MULTI"]);
            writer.send(&["SET", "k", &value]);
            writer.send(&["PUBLISH", "c", "m"]);
            writer.send(&["EXEC"]);
            let heard: Vec<String> = (0..2).map(|_| listener.receive().items()[2].text()).collect();
            assert_eq!(heard, ["set", "m"]);
            let folder = server.dir().join("appendonlydir");
            let logged = std::fs::read_dir(folder).expect("there is a log").any(|file| {
                let bytes = std::fs::read(file.expect("it is readable").path()).expect("it is readable");
                String::from_utf8_lossy(&bytes).contains(&value)
            });
            assert!(logged, "{value} was told before it was written");
            let said: Vec<String> = (0..6).map(|_| writer.receive().render(Protocol::Resp3)).collect();
            assert!(
                said[..3].iter().all(|reply| reply.contains("OK") || reply.contains("QUEUED")),
                "{said:?}"
            );
            assert!(said[4].contains("set") && said[5].contains('m'), "{said:?}");
        }
    }
}
