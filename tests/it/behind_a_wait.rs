//! What a client asks behind a command that waits (for an element, for the end of a pause): it is answered in its place,
//! whatever it is, and nothing of it overtakes.
use crate::{
    pause::{servers, wait_for},
    protocol::used_memory,
    support::{Client, Server, Value, client::encode, ours, redis_server},
};
use std::time::Duration;

fn pipeline(client: &mut Client, commands: &[&[&str]]) {
    let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
    client.send_raw(&bytes).expect("the server takes it");
}
fn element(key: &str, value: &str) -> Value {
    Value::Array(vec![Value::bulk(key), Value::bulk(value)])
}

#[test]
fn quit_waits_its_turn() {
    for server in servers() {
        let (mut waiter, mut other) = (server.connect(), server.connect());
        pipeline(&mut waiter, &[&["BLPOP", "list", "0"], &["QUIT"]]);
        wait_for(&mut other, 1);
        other.call(&["RPUSH", "list", "a"]);
        assert_eq!(waiter.receive(), element("list", "a"));
        assert_eq!(waiter.receive(), Value::ok());
        assert!(waiter.is_closed());
        let mut pauser = server.connect();
        pauser.call(&["CLIENT", "PAUSE", "200", "WRITE"]);
        let mut writer = server.connect();
        pipeline(&mut writer, &[&["SET", "k", "v"], &["QUIT"]]);
        assert_eq!([writer.receive(), writer.receive()], [Value::ok(), Value::ok()]);
        assert!(writer.is_closed());
        assert_eq!(other.call(&["GET", "k"]), Value::bulk("v"));
    }
}

#[test]
fn broken_input_waits_its_turn() {
    for server in servers() {
        let (mut waiter, mut other) = (server.connect(), server.connect());
        let mut bytes = encode(&["BLPOP", "list", "0"]);
        bytes.extend(b"*1\r\n$-10\r\n");
        waiter.send_raw(&bytes).expect("the server takes it");
        wait_for(&mut other, 1);
        other.call(&["RPUSH", "list", "a"]);
        assert_eq!(waiter.receive(), element("list", "a"));
        assert_eq!(waiter.receive().text(), "ERR Protocol error: invalid bulk length");
        assert!(waiter.is_closed());
    }
}

/// Who has said its last word and waits is noticed when it goes: nothing is given to it.
#[test]
fn who_quits_behind_a_wait_and_goes_gets_nothing() {
    for server in servers() {
        let (mut waiter, mut other) = (server.connect(), server.connect());
        pipeline(&mut waiter, &[&["BLPOP", "list", "0"], &["QUIT"]]);
        wait_for(&mut other, 1);
        drop(waiter);
        wait_for(&mut other, 0);
        other.call(&["RPUSH", "list", "a"]);
        assert_eq!(other.call(&["LLEN", "list"]).integer(), 1);
    }
}

#[test]
fn killing_others_waits_its_turn() {
    for server in servers() {
        let (mut killer, mut victim, mut other) = (server.connect(), server.connect(), server.connect());
        let id = victim.call(&["CLIENT", "ID"]).integer().to_string();
        pipeline(&mut killer, &[&["BLPOP", "list", "0"], &["CLIENT", "KILL", "ID", &id], &["PING"]]);
        wait_for(&mut other, 1);
        assert_eq!(victim.call(&["PING"]), Value::Simple("PONG".into()));
        other.call(&["RPUSH", "list", "a"]);
        assert_eq!(killer.receive(), element("list", "a"));
        assert_eq!(killer.receive().integer(), 1);
        assert_eq!(killer.receive(), Value::Simple("PONG".into()));
        assert!(victim.is_closed());
    }
}

/// Who has read that a client was killed finds that nothing is done any more of what it asks.
#[test]
fn the_killed_do_nothing() {
    for server in servers() {
        let mut killer = server.connect();
        for _ in 0..100 {
            let mut victim = server.connect();
            let id = victim.call(&["CLIENT", "ID"]).integer().to_string();
            assert_eq!(killer.call(&["CLIENT", "KILL", "ID", &id]).integer(), 1);
            // The connection may have ended by now.
            let _ = victim.send_raw(&encode(&["INCR", "ran"]));
            assert!(victim.is_closed());
        }
        assert!(killer.call(&["GET", "ran"]).is_null());
    }
}

/// One that floods while it waits is ended at the limit, and what it waited for is not given to it.
#[test]
fn who_sends_too_much_meanwhile_is_ended() {
    for server in servers() {
        let (mut waiter, mut other) = (server.connect(), server.connect());
        other.call(&["CONFIG", "SET", "client-query-buffer-limit", "1mb"]);
        waiter.send(&["BLPOP", "list", "0"]);
        wait_for(&mut other, 1);
        waiter.set_patience(Duration::from_secs(30));
        let flood = encode(&["PING", &"x".repeat(1000)]).repeat(4000);
        // Whether all of it is taken is the system's business.
        let _ = waiter.send_raw(&flood);
        wait_for(&mut other, 0);
        other.call(&["RPUSH", "list", "a"]);
        assert_eq!(other.call(&["LLEN", "list"]).integer(), 1);
    }
}

/// While nobody waits, nothing is kept for who might: neither when a wait ended by its time, nor when its client went.
#[test]
fn when_nobody_waits_nothing_is_noted() {
    let [server, ..] = servers();
    let mut client = server.connect();
    let mut writes = || {
        let sets = encode(&["SET", "k", "v"]).repeat(50_000);
        client.send_raw(&sets).expect("the server takes it");
        (0..50_000).for_each(|_| assert_eq!(client.receive(), Value::ok()));
        used_memory(&mut client)
    };
    let before = writes();
    assert!(server.connect().call(&["BLPOP", "list", "0.01"]).is_null());
    assert!(writes() < before + 1_000_000);
    let mut waiter = server.connect();
    waiter.send(&["BLPOP", "list", "0"]);
    let mut other = server.connect();
    wait_for(&mut other, 1);
    drop(waiter);
    wait_for(&mut other, 0);
    assert!(writes() < before + 1_000_000);
}

/// CLIENT LIST tells what a client waits with, and then what it did last.
#[test]
fn who_waits_is_listed_with_what_it_waits_with() {
    for server in servers() {
        let (mut waiter, mut other) = (server.connect(), server.connect());
        let id = waiter.call(&["CLIENT", "ID"]).integer().to_string();
        let mut command = || {
            let line = other.call(&["CLIENT", "LIST", "ID", &id]).text();
            let command = line.split(' ').find_map(|field| field.strip_prefix("cmd="));
            command.expect("a command").to_string()
        };
        pipeline(
            &mut waiter,
            &[&["BLPOP", "list", "0"], &["GET", "k"], &["BRPOP", "list", "0"], &["INCR", "n"]],
        );
        wait_for(&mut server.connect(), 1);
        assert_eq!(command(), "blpop");
        server.connect().call(&["RPUSH", "list", "a"]);
        assert_eq!([waiter.receive(), waiter.receive()], [element("list", "a"), Value::NullBulk]);
        wait_for(&mut server.connect(), 1);
        assert_eq!(command(), "brpop");
        server.connect().call(&["RPUSH", "list", "b"]);
        assert_eq!([waiter.receive(), waiter.receive()], [element("list", "b"), Value::Integer(1)]);
        assert_eq!(command(), "incr");
    }
}

/// A transaction takes its time, and what it made for others to take is past its own: they wait on.
#[test]
fn what_expired_before_the_end_of_a_transaction_serves_nobody() {
    let options = ["--enable-debug-command", "yes"];
    for server in [Server::start(&ours(), &options), Server::start(&redis_server(), &options)] {
        let (mut popper, mut reader, mut client) = (server.connect(), server.connect(), server.connect());
        popper.send(&["BLPOP", "list", "0"]);
        reader.send(&["BZPOPMIN", "ranking", "0"]);
        wait_for(&mut client, 2);
        let brief: [&[&str]; 7] = [
            &["MULTI"],
            &["RPUSH", "list", "early"],
            &["PEXPIRE", "list", "20"],
            &["ZADD", "ranking", "1", "early"],
            &["PEXPIRE", "ranking", "20"],
            &["DEBUG", "SLEEP", "0.1"],
            &["EXEC"],
        ];
        pipeline(&mut client, &brief);
        (0..7).for_each(|_| drop(client.receive()));
        wait_for(&mut client, 2);
        client.call(&["RPUSH", "list", "late"]);
        client.call(&["ZADD", "ranking", "2", "late"]);
        assert_eq!(popper.receive(), element("list", "late"));
        assert_eq!(reader.receive().items()[1], Value::bulk("late"));
    }
}

/// The same of a script that takes so long that others are answered meanwhile.
#[test]
fn what_expired_before_the_end_of_a_script_serves_nobody() {
    let options = ["--busy-reply-threshold", "10"];
    for server in [Server::start(&ours(), &options), Server::start(&redis_server(), &options)] {
        let (mut popper, mut client) = (server.connect(), server.connect());
        popper.send(&["BLPOP", "list", "0"]);
        wait_for(&mut client, 1);
        client.call(&["EVAL", SLOW_MAKER, "0"]);
        client.call(&["RPUSH", "list", "late"]);
        assert_eq!(popper.receive(), element("list", "late"));
    }
}
const SLOW_MAKER: &str = "redis.call('RPUSH', 'list', 'early') redis.call('PEXPIRE', 'list', 20) \
                          for _ = 1, 20000000 do end";

/// What comes behind a command that takes long in the same packet: it sees what has expired meanwhile, and its own deadline
/// counts from when it runs.
#[test]
fn time_goes_on_while_commands_run() {
    const SLOW: &str = "for _ = 1, 20000000 do end";
    let options = ["--enable-debug-command", "yes", "--busy-reply-threshold", "0", "--io-threads", "1"];
    for server in [Server::start(&ours(), &options), Server::start(&redis_server(), &options)] {
        let mut client = server.connect();
        for slow in [&["EVAL", SLOW, "0"][..], &["DEBUG", "SLEEP", "1"]] {
            let commands: [&[&str]; 5] = [
                &["TIME"],
                &["SET", "brief", "v", "PX", "20"],
                slow,
                &["GET", "brief"],
                &["SET", "lasting", "v", "PX", "60000"],
            ];
            pipeline(&mut client, &commands);
            let replies = [(); 5].map(|()| client.receive());
            assert_eq!(replies[3], Value::NullBulk, "{slow:?}");
            if slow[0] == "EVAL" {
                continue;
            }
            let began: Vec<i64> =
                replies[0].items().iter().map(|part| part.text().parse().expect("a number")).collect();
            let over_ms = client.call(&["PEXPIRETIME", "lasting"]).integer();
            // It was set when the sleep was over, though it came with it.
            let later_ms = over_ms - 60_000 - (began[0] * 1000 + began[1] / 1000);
            assert!(later_ms > 900, "{later_ms}");
        }
    }
}

#[test]
fn what_was_answered_before_a_wait_comes_first() {
    let server = Server::start(&ours(), &["--enable-debug-command", "yes", "--io-threads", "1"]);
    let (mut sleeper, mut waiter, mut other) = (server.connect(), server.connect(), server.connect());
    for client in [&mut waiter, &mut other] {
        client.call(&["PING"]);
    }
    for _ in 0..3 {
        // What both ask while the server sleeps, it takes at once.
        sleeper.send(&["DEBUG", "SLEEP", "0.1"]);
        pipeline(&mut waiter, &[&["SET", "k", "v"], &["BLPOP", "list", "0"]]);
        other.send(&["RPUSH", "list", "x"]);
        assert_eq!(waiter.receive(), Value::ok());
        assert_eq!(waiter.receive(), element("list", "x"));
        assert_eq!((other.receive(), sleeper.receive().text()), (Value::Integer(1), "OK".into()));
    }
}
