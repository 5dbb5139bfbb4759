//! WAIT, as a replica hears of it.
use crate::{
    replicas::{field, full_resync, snapshot},
    support::{
        Client, Server, Value,
        client::{Protocol, encode},
        ours, redis_server,
    },
};
use std::{
    thread,
    time::{Duration, Instant},
};

const OPTIONS: [&str; 4] = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600"];

fn masters() -> [Server; 3] {
    [["1", "no"], ["1", "yes"], ["2", "no"]].map(|[threads, log]| {
        let more = ["--io-threads", threads, "--appendonly", log];
        Server::start(&ours(), &[&OPTIONS[..], &more].concat())
    })
}

/// A replica that says nothing by itself, whatever it has promised.
struct Replica {
    line: Client,
    offset: u64,
}
impl Replica {
    fn of(master: &Server, client: &mut Client, capa: &[&str]) -> Replica {
        let mut line = master.connect();
        line.call(&[&["REPLCONF", "capa", "psync2"], capa].concat());
        line.send(&["PSYNC", "?", "-1"]);
        let (_, offset) = full_resync(&mut line);
        snapshot(&mut line);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !field(client, "replication", "slave0").contains("state=online") {
            assert!(Instant::now() < deadline, "it is never in step");
            thread::sleep(Duration::from_millis(5));
        }
        Replica { line, offset }
    }
    /// The next command of the stream.
    fn hear(&mut self) -> Vec<String> {
        let words: Vec<String> = self.line.receive().items().iter().map(Value::text).collect();
        let bytes = encode(&words.iter().map(String::as_str).collect::<Vec<_>>());
        self.offset += bytes.len() as u64;
        words
    }
    /// Hears until it is asked.
    fn await_question(&mut self) {
        while self.hear()[1..] != ["GETACK", "*"] {}
    }
    fn acknowledge(&mut self) {
        self.line.send(&["REPLCONF", "ACK", &self.offset.to_string()]);
    }
}

/// Where there is one WAIT there are more: who was asked once says by itself how far it is.
#[test]
fn who_was_asked_need_not_be_asked_again_at_once() {
    for master in masters() {
        let mut client = master.connect();
        let mut replica = Replica::of(&master, &mut client, &["capa", "unasked-acks"]);
        let deadline = Instant::now() + Duration::from_secs(30);
        // A slow machine has it asked all the same, now and then.
        loop {
            assert!(Instant::now() < deadline, "it is asked each time");
            client.call(&["SET", "k", "1"]);
            client.send(&["WAIT", "1", "0"]);
            replica.await_question();
            replica.acknowledge();
            assert_eq!(client.receive(), Value::Integer(1));
            client.call(&["SET", "k", "2"]);
            client.send(&["WAIT", "1", "0"]);
            while replica.hear().last().is_none_or(|word| word != "2") {}
            replica.acknowledge();
            assert_eq!(client.receive(), Value::Integer(1));
            if field(&mut client, "replication", "master_repl_offset") == replica.offset.to_string() {
                break;
            }
            replica.await_question();
        }
        // It keeps silent: then it is asked.
        client.call(&["SET", "k", "3"]);
        client.send(&["WAIT", "1", "0"]);
        replica.await_question();
        replica.acknowledge();
        assert_eq!(client.receive(), Value::Integer(1));
    }
}

/// Who waits before there is any replica waits for the first one, too.
#[test]
fn a_replica_that_comes_later_counts() {
    for master in masters() {
        let (mut client, mut other) = (master.connect(), master.connect());
        client.call(&["SET", "k", "1"]);
        client.send(&["WAIT", "1", "0"]);
        let mut replica = Replica::of(&master, &mut other, &[]);
        replica.acknowledge();
        assert_eq!(client.receive(), Value::Integer(1));
    }
}

/// What stands before a WAIT in the same packet goes out with its reply, but does not wait for long.
#[test]
fn what_stands_before_a_wait_does_not_wait_for_it() {
    for master in masters() {
        let mut client = master.connect();
        let mut replica = Replica::of(&master, &mut client, &[]);
        let wait: &[&str] = &["WAIT", "1", "0"];
        let set: &[&str] = &["SET", "k", "1"];
        let packets: [(&[&[&str]], Vec<Value>); 3] = [
            (&[set, wait], vec![Value::ok()]),
            (
                &[&["MULTI"], set, &["EXEC"], wait],
                vec![Value::ok(), Value::Simple("QUEUED".into()), Value::Array(vec![Value::ok()])],
            ),
            (
                &[set, &["GET", "k"], &["CLIENT", "REPLY", "SKIP"], set, wait],
                vec![Value::ok(), Value::bulk("1")],
            ),
        ];
        for (commands, before) in packets {
            let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
            client.send_raw(&packet).expect("it is taken");
            // The replica has said nothing yet.
            before.into_iter().for_each(|reply| assert_eq!(client.receive(), reply));
            replica.await_question();
            replica.acknowledge();
            assert_eq!(client.receive(), Value::Integer(1));
        }
        // Who does not want WAIT's reply gets what it was answered before, and what comes behind.
        let commands: [&[&str]; 4] = [set, &["CLIENT", "REPLY", "SKIP"], wait, &["ECHO", "e"]];
        let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
        client.send_raw(&packet).expect("it is taken");
        replica.await_question();
        replica.acknowledge();
        assert_eq!([client.receive(), client.receive()], [Value::ok(), Value::bulk("e")]);
        // Whoever has ended its requests is sent what it was answered, and waited for no longer.
        client.send_raw(&[encode(set), encode(wait)].concat()).expect("it is taken");
        client.finish_sending();
        assert_eq!(client.read_to_end().expect("it comes"), b"+OK\r\n");
    }
}

/// Nor do events and publications, which go another way.
#[test]
fn what_a_client_did_before_a_wait_is_answered_before_it_hears_of_it() {
    for master in masters() {
        let (mut client, mut other) = (master.connect(), master.connect());
        let mut replica = Replica::of(&master, &mut other, &[]);
        other.call(&["CONFIG", "SET", "notify-keyspace-events", "E$"]);
        client.hello(Protocol::Resp3);
        client.call(&["SUBSCRIBE", "__keyevent@0__:incrby", "channel"]);
        assert!(matches!(client.receive(), Value::Push(_)));
        for number in 1..=30 {
            client
                .send_raw(&[encode(&["INCR", "n"]), encode(&["WAIT", "1", "0"])].concat())
                .expect("it is taken");
            replica.await_question();
            assert_eq!(other.call(&["PUBLISH", "channel", "seen"]), Value::Integer(1));
            assert_eq!(client.receive(), Value::Integer(number));
            for _ in 0..2 {
                assert!(matches!(client.receive(), Value::Push(_)));
            }
            replica.acknowledge();
            assert_eq!(client.receive(), Value::Integer(1));
        }
    }
}

/// Whose connection ends meanwhile.
#[test]
fn who_is_killed_is_told_what_it_did_before_its_wait() {
    for master in masters() {
        let mut other = master.connect();
        let _replica = Replica::of(&master, &mut other, &[]);
        for _ in 0..10 {
            let mut client = master.connect();
            let id = client.call(&["CLIENT", "ID"]).text();
            client
                .send_raw(&[encode(&["SET", "k", "1"]), encode(&["WAIT", "1", "0"])].concat())
                .expect("it is taken");
            while !field(&mut other, "clients", "blocked_clients").starts_with('1') {}
            assert_eq!(other.call(&["CLIENT", "KILL", "ID", &id]), Value::Integer(1));
            assert_eq!(client.read_to_end().expect("it comes"), b"+OK\r\n");
        }
    }
}

/// What stands before it takes its time: the timeout begins when the command does.
#[test]
fn a_timeout_begins_when_its_command_waits() {
    for server in [Server::start(&ours(), &OPTIONS), Server::start(&redis_server(), &OPTIONS[..2])] {
        let (mut client, mut other) = (server.connect(), server.connect());
        let mut replica = Replica::of(&server, &mut other, &[]);
        for slow in [&["BLPOP", "nothing", "0.3"][..], &["XREAD", "BLOCK", "300", "STREAMS", "nothing", "$"]]
        {
            let packet = [encode(slow), encode(&["SET", "k", "1"]), encode(&["WAIT", "1", "250"])].concat();
            client.send_raw(&packet).expect("it is taken");
            replica.await_question();
            replica.acknowledge();
            assert_eq!(
                [(); 3].map(|()| client.receive()),
                [Value::NullArray, Value::ok(), Value::Integer(1)],
                "{slow:?}"
            );
        }
    }
}

/// The disk is slow: what was done is told, whoever has ended its requests meanwhile, and when the server gives up its place.
#[test]
fn who_is_let_go_is_told_first_what_it_did() {
    let more = ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
    let server = Server::start(&ours(), &[&OPTIONS[..], &more].concat());
    let mut operator = server.connect();
    operator.call(&["DEBUG", "AOF-FLUSH-SLEEP", "100000"]);
    let waits: [&[&str]; 3] =
        [&["BLPOP", "l", "0"], &["XREAD", "BLOCK", "0", "STREAMS", "s", "$"], &["WAITAOF", "1", "0", "0"]];
    for wait in waits {
        let mut client = server.connect();
        client.send_raw(&[encode(&["SET", "k", "1"]), encode(wait)].concat()).expect("it is taken");
        client.finish_sending();
        assert_eq!(client.read_to_end().expect("it comes")[..5], *b"+OK\r\n", "{wait:?}");
    }
    // What stands behind its wait is held by a pause, and its first replies are not out yet.
    operator.call(&["DEBUG", "AOF-FLUSH-SLEEP", "1000000"]);
    let packet = [encode(&["SET", "k", "1"]), encode(&["BLPOP", "l", "0.1"]), encode(&["GET", "k"])].concat();
    // What it did always comes. The end of its wait goes to the disk behind that, and may come too late: one time in ten.
    let has_all = (0..10).any(|_| {
        let mut client = server.connect();
        client.send_raw(&packet).expect("it is taken");
        while !field(&mut operator, "clients", "blocked_clients").starts_with('1') {}
        assert_eq!(operator.call(&["CLIENT", "PAUSE", "2000", "ALL"]), Value::ok());
        // Its time is over by then.
        thread::sleep(Duration::from_millis(600));
        client.finish_sending();
        let told = client.read_to_end().expect("it comes");
        assert_eq!(told[..5], *b"+OK\r\n");
        // Else whoever is held by the pause would be taken for one who waits.
        assert_eq!(operator.call(&["CLIENT", "UNPAUSE"]), Value::ok());
        told.starts_with(b"+OK\r\n*-1\r\n")
    });
    assert!(has_all, "the end of its wait never comes");
    let mut client = server.connect();
    client.send_raw(&[encode(&["SET", "k", "1"]), encode(waits[0])].concat()).expect("it is taken");
    while !field(&mut operator, "clients", "blocked_clients").starts_with('1') {}
    assert_eq!(operator.call(&["REPLICAOF", "127.0.0.1", "1"]), Value::ok());
    let told = String::from_utf8(client.read_to_end().expect("it comes")).expect("text");
    assert!(told.starts_with("+OK\r\n-UNBLOCKED"), "{told}");
}

/// Nobody is at home then whom they could tell that they go.
#[test]
fn the_blocked_may_leave_while_a_script_runs() {
    for threads in ["1", "2"] {
        let more = ["--maxclients", "20", "--busy-reply-threshold", "50", "--io-threads", threads];
        let server = Server::start(&ours(), &more);
        let mut runner = server.connect();
        let waiters: Vec<Client> = (0..19)
            .map(|_| {
                let mut waiter = server.connect();
                waiter.send(&["BLPOP", "l", "0"]);
                waiter
            })
            .collect();
        while !field(&mut runner, "clients", "blocked_clients").starts_with("19") {}
        runner.send(&["EVAL", "while true do end", "0"]);
        thread::sleep(Duration::from_millis(200));
        drop(waiters);
        let deadline = Instant::now() + Duration::from_secs(30);
        // Their places are free.
        while server.connect().call(&["SCRIPT", "KILL"]) != Value::ok() {
            assert!(Instant::now() < deadline, "nobody is let in");
        }
        assert!(runner.receive().is_error());
    }
}

/// A value that is on its way to its reader does not come behind the word that it has changed.
#[test]
fn what_was_read_before_a_wait_is_not_overtaken_by_its_invalidation() {
    for master in masters() {
        let (mut reader, mut writer) = (master.connect(), master.connect());
        let mut replica = Replica::of(&master, &mut writer, &[]);
        reader.hello(Protocol::Resp3);
        assert_eq!(reader.call(&["CLIENT", "TRACKING", "ON"]), Value::ok());
        for number in 0..30 {
            assert_eq!(writer.call(&["SET", "k", &number.to_string()]), Value::ok());
            let packet =
                [encode(&["GET", "k"]), encode(&["SET", "other", "1"]), encode(&["WAIT", "1", "0"])].concat();
            reader.send_raw(&packet).expect("it is taken");
            replica.await_question();
            assert_eq!(writer.call(&["SET", "k", "new"]), Value::ok());
            assert_eq!(reader.receive(), Value::bulk(number.to_string()));
            assert_eq!(reader.receive(), Value::ok());
            assert!(matches!(reader.receive(), Value::Push(_)));
            replica.acknowledge();
            assert_eq!(reader.receive(), Value::Integer(1));
        }
    }
}

/// What a client is answered behind a wait does not overtake what it was answered before, which waits for the disk.
#[test]
fn replies_come_in_the_order_of_the_commands() {
    const SLOW: &str = "for _ = 1, 30000000 do end return 'slow'";
    let more = ["--appendonly", "yes", "--appendfsync", "always", "--busy-reply-threshold", "10"];
    let master = Server::start(&ours(), &[&OPTIONS[..], &more].concat());
    let (mut client, mut other) = (master.connect(), master.connect());
    let mut replica = Replica::of(&master, &mut client, &[]);
    for number in 1..=20 {
        let packet =
            [encode(&["INCR", "n"]), encode(&["WAIT", "1", "0"]), encode(&["GET", "nothing"])].concat();
        client.send_raw(&packet).expect("it is taken");
        replica.await_question();
        replica.acknowledge();
        assert_eq!(
            [(); 3].map(|()| client.receive()),
            [Value::Integer(number), Value::Integer(1), Value::NullBulk]
        );
    }
    let packet = [encode(&["SET", "k", "1"]), encode(&["EVAL", SLOW, "0"]), encode(&["ECHO", "e"])].concat();
    client.send_raw(&packet).expect("it is taken");
    assert_eq!([(); 3].map(|()| client.receive().text()), ["OK", "slow", "e"]);
    for _ in 0..20 {
        let packet = [encode(&["SET", "k", "1"]), encode(&["BLPOP", "list", "0"])].concat();
        client.send_raw(&packet).expect("it is taken");
        other.call(&["LPUSH", "list", "v"]);
        assert_eq!(client.receive(), Value::ok());
        assert_eq!(client.receive().items().len(), 2);
    }
}

/// The reply to FLUSHALL waits until all is freed.
#[test]
fn replies_behind_a_flush_come_in_order() {
    let more = ["--enable-debug-command", "yes", "--busy-reply-threshold", "5"];
    let master = Server::start(&ours(), &[&OPTIONS[..], &more].concat());
    let mut client = master.connect();
    for _ in 0..5 {
        client.call(&["DEBUG", "POPULATE", "200000", "k", "10"]);
        let packet = [encode(&["FLUSHALL"]), encode(&["WAIT", "1", "5"]), encode(&["ECHO", "e"])].concat();
        client.send_raw(&packet).expect("it is taken");
        let replies = [(); 3].map(|()| client.receive());
        assert_eq!(replies, [Value::ok(), Value::Integer(0), Value::bulk("e")]);
        client.call(&["DEBUG", "POPULATE", "200000", "k", "10"]);
        let slow = "for _ = 1, 2000000 do end return 'slow'";
        let packet = [encode(&["FLUSHALL"]), encode(&["EVAL", slow, "0"]), encode(&["ECHO", "e"])].concat();
        client.send_raw(&packet).expect("it is taken");
        assert_eq!([(); 3].map(|()| client.receive().text()), ["OK", "slow", "e"]);
    }
}

/// So does what a client publishes to itself.
#[test]
fn what_is_published_behind_a_flush_comes_behind_its_reply() {
    for threads in ["1", "2"] {
        let more = ["--enable-debug-command", "yes", "--io-threads", threads];
        let master = Server::start(&ours(), &[&OPTIONS[..], &more].concat());
        let (mut client, mut other) = (master.connect(), master.connect());
        client.hello(Protocol::Resp3);
        client.call(&["SUBSCRIBE", "c"]);
        other.call(&["SUBSCRIBE", "c"]);
        let mut filler = master.connect();
        for _ in 0..3 {
            filler.call(&["DEBUG", "POPULATE", "300000", "k", "10"]);
            let commands: [&[&str]; 3] = [&["FLUSHALL", "SYNC"], &["PUBLISH", "c", "x"], &["ECHO", "e"]];
            let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
            client.send_raw(&packet).expect("it is taken");
            assert_eq!([client.receive(), client.receive()], [Value::ok(), Value::Integer(2)], "{threads}");
            // The message may stand among later replies.
            let (echo, message) = match (client.receive(), client.receive()) {
                (message @ Value::Push(_), echo) => (echo, message),
                (echo, message) => (echo, message),
            };
            assert_eq!(echo, Value::bulk("e"));
            assert_eq!(message.items()[2], Value::bulk("x"));
            assert_eq!(other.receive().items()[2], Value::bulk("x"));
        }
    }
}

/// What was published before a client listened is not for it, though it waits behind a flush when the client begins.
#[test]
fn who_subscribes_in_a_transaction_hears_nothing_of_before() {
    let master = Server::start(&ours(), &[&OPTIONS[..], &["--enable-debug-command", "yes"]].concat());
    let (mut flusher, mut publisher) = (master.connect(), master.connect());
    flusher.hello(Protocol::Resp3);
    flusher.call(&["SUBSCRIBE", "c"]);
    for _ in 0..3 {
        publisher.call(&["DEBUG", "POPULATE", "300000", "k", "10"]);
        flusher.send(&["FLUSHALL", "SYNC"]);
        while publisher.call(&["DBSIZE"]) != Value::Integer(0) {}
        assert_eq!(publisher.call(&["PUBLISH", "c", "old"]), Value::Integer(1));
        let mut late = master.connect();
        for command in [&["MULTI"][..], &["SUBSCRIBE", "c"]] {
            late.call(command);
        }
        late.call(&["EXEC"]);
        assert_eq!(flusher.receive(), Value::ok());
        assert_eq!(flusher.receive().items()[2], Value::bulk("old"));
        assert_eq!(publisher.call(&["PUBLISH", "c", "new"]), Value::Integer(2));
        assert_eq!(late.receive().items()[2], Value::bulk("new"));
        assert_eq!(flusher.receive().items()[2], Value::bulk("new"));
    }
}

/// Who has written nothing waits for nothing, whatever replicas keep on their media.
#[test]
fn waitaof_of_who_wrote_nothing_does_not_wait() {
    for master in masters() {
        let mut client = master.connect();
        let _replica = Replica::of(&master, &mut client, &[]);
        let told = master.connect().call(&["WAITAOF", "0", "1", "0"]);
        assert_eq!(told.items()[1], Value::Integer(1));
    }
}

/// What others wait for holds up nobody, and swaps no replies.
#[test]
fn replies_come_in_order_while_others_wait_for_a_flush() {
    for threads in ["1", "2"] {
        let more = ["--enable-debug-command", "yes", "--io-threads", threads];
        let master = Server::start(&ours(), &[&OPTIONS[..], &more].concat());
        let (mut client, mut other) = (master.connect(), master.connect());
        for _ in 0..3 {
            other.call(&["DEBUG", "POPULATE", "300000", "k", "10"]);
            other.send(&["FLUSHALL", "SYNC"]);
            for _ in 0..30 {
                let commands: [&[&str]; 4] =
                    [&["BLPOP", "l", "0.002"], &["ECHO", "e"], &["WAIT", "1", "2"], &["SET", "n", "1"]];
                let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
                client.send_raw(&packet).expect("it is taken");
                let replies = [(); 4].map(|()| client.receive());
                assert_eq!(
                    replies,
                    [Value::NullArray, Value::bulk("e"), Value::Integer(0), Value::ok()],
                    "{threads}"
                );
            }
            assert_eq!(other.receive(), Value::ok());
        }
    }
}

/// A reply waits for what is being freed, and is to wait for the disk from here on.
#[test]
fn replies_come_in_order_when_the_log_begins_to_be_waited_for() {
    for (before, change) in [
        (&["--appendonly", "yes"][..], ["appendfsync", "always"]),
        (&["--appendfsync", "always"], ["appendonly", "yes"]),
    ] {
        let more = ["--enable-debug-command", "yes"];
        let master = Server::start(&ours(), &[&OPTIONS[..], &more, before].concat());
        let (mut client, mut operator) = (master.connect(), master.connect());
        for wait in [["WAIT", "1", "20"], ["BLPOP", "l", "0.02"]] {
            client.call(&["DEBUG", "POPULATE", "400000", "k", "10"]);
            let commands: [&[&str]; 5] =
                [&["FLUSHALL", "SYNC"], &wait, &["SET", "q", "1"], &["ECHO", "e"], &["GET", "q"]];
            let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
            client.send_raw(&packet).expect("it is taken");
            thread::sleep(Duration::from_millis(5));
            assert_eq!(operator.call(&[&["CONFIG", "SET"], &change[..]].concat()), Value::ok());
            let replies = [(); 5].map(|()| client.receive());
            let waited = if wait[0] == "WAIT" { Value::Integer(0) } else { Value::NullArray };
            let expected = [Value::ok(), waited, Value::ok(), Value::bulk("e"), Value::bulk("1")];
            assert_eq!(replies, expected, "{change:?}");
            let back = if change[0] == "appendonly" { "no" } else { "everysec" };
            assert_eq!(operator.call(&["CONFIG", "SET", change[0], back]), Value::ok());
        }
    }
}

/// The disk is slow, and it is waited for no more.
#[test]
fn replies_come_in_order_when_the_log_changes() {
    for change in [["appendfsync", "everysec"], ["appendfsync", "no"], ["appendonly", "no"]] {
        let more =
            ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", "--save", ""];
        let master = Server::start(&ours(), &more);
        let [mut first, mut client, mut other, mut operator] = [(); 4].map(|()| master.connect());
        client.call(&["SET", "k", "0"]);
        operator.call(&["DEBUG", "AOF-FLUSH-SLEEP", "300000"]);
        first.send(&["SET", "a", "1"]);
        thread::sleep(Duration::from_millis(50));
        operator.send(&[&["CONFIG", "SET"], &change[..]].concat());
        thread::sleep(Duration::from_millis(50));
        let packet =
            [encode(&["SET", "k", "1"]), encode(&["BLPOP", "l", "0"]), encode(&["ECHO", "e"])].concat();
        client.send_raw(&packet).expect("it is taken");
        thread::sleep(Duration::from_millis(50));
        other.send(&["RPUSH", "l", "v"]);
        assert_eq!(client.receive(), Value::ok(), "{change:?}");
        assert_eq!(client.receive().items().len(), 2, "{change:?}");
        assert_eq!(client.receive(), Value::bulk("e"), "{change:?}");
        assert_eq!((operator.receive(), first.receive()), (Value::ok(), Value::ok()));
    }
}

#[test]
fn others_are_asked_each_time() {
    for master in masters() {
        let mut client = master.connect();
        let mut replica = Replica::of(&master, &mut client, &[]);
        for number in 0..20 {
            client.call(&["SET", "k", &number.to_string()]);
            client.send(&["WAIT", "1", "0"]);
            replica.await_question();
            replica.acknowledge();
            assert_eq!(client.receive(), Value::Integer(1));
        }
    }
}
