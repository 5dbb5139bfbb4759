//! Memory comes back: what keys leave behind is forgotten, and the system gets its pages again.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Client, Server, Value, client::encode, ours};

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("never happened: {what}")
}

fn info(client: &mut Client, field: &str) -> u64 {
    let Value::Bulk(text) = client.call(&["INFO", "everything"]) else { panic!("INFO is a bulk string") };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::to_string);
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("INFO tells {field}"))
}

#[test]
fn deadlines_of_keys_that_are_gone_do_not_gather() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    client.call(&["SET", "stays", "v", "EX", "86400"]);
    client.call(&["SET", "ends", "v", "PX", "6000"]);
    // The usual lock: taken for a day at most, released at once. One key, then many, then a flush.
    for n in 0..12_000 {
        client.call(&["SET", "lock", "me", "NX", "EX", "86400"]);
        client.call(&["DEL", "lock"]);
        if n % 4 == 0 {
            client.call(&["SET", &format!("session:{n}"), "v", "EX", "86400"]);
            client.call(&["PERSIST", &format!("session:{n}")]);
        }
    }
    // 15,000 deadlines are left over, of which the wheel keeps 10,000 at the most.
    eventually("the wheel is made anew", || info(&mut client, "callboard_expiry_wheel_items") < 10_100);
    // The key itself is not asked for: a reader would hide it, and so have it deleted.
    eventually("a deadline that lived through it comes", || client.call(&["DBSIZE"]) == Value::Integer(3001));
    let Value::Integer(ttl) = client.call(&["TTL", "stays"]) else { panic!("TTL is an integer") };
    assert!((80_000..=86_400).contains(&ttl), "{ttl}");
}

#[test]
fn freed_memory_goes_back_to_the_system() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let resident = |client: &mut Client| info(client, "used_memory_rss");
    let before = resident(&mut client);
    client.call(&["SETBIT", "large", "1600000000", "1"]);
    client.call(&["DEBUG", "POPULATE", "300000", "small", "100"]);
    assert!(resident(&mut client) > before + 200_000_000, "large values are resident");
    client.call(&["FLUSHALL"]);
    eventually("the pages are back", || resident(&mut client) < before + 40_000_000);
}

/// What a large command is called, and how a client says it.
type Act<'a> = (&'a str, &'a dyn Fn(&mut Client));

/// A command, and so many names behind it.
fn many(command: &str, count: usize) -> Vec<String> {
    let words = (0..count).map(|number| format!("name{number}"));
    std::iter::once(command.to_string()).chain(words).collect()
}

#[test]
fn what_one_large_command_took_is_not_kept() {
    const COUNT: usize = 50_000;
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let large = "x".repeat(20_000_000);
    let acts: [Act; 6] = [
        ("a script's call", &|it| {
            it.call(&[
                "EVAL",
                "redis.call('SET', 'k', ARGV[1]) return redis.call('GETDEL', 'k')",
                "0",
                &large,
            ]);
        }),
        ("a script's arguments", &|it| {
            assert_eq!(it.call(&["EVAL", "return #ARGV[1]", "1", &large, &large]).integer(), 20_000_000);
        }),
        ("a wait", &|it| {
            let mut words = many("BLPOP", COUNT);
            words.push("0.01".into());
            assert!(it.call(&words).is_null());
        }),
        ("watched keys", &|it| {
            it.call(&many("WATCH", COUNT));
            it.call(&["UNWATCH"]);
        }),
        ("channels", &|it| {
            it.send(&many("SUBSCRIBE", COUNT));
            it.send(&["UNSUBSCRIBE"]);
            (0..2 * COUNT).for_each(|_| drop(it.receive()));
        }),
        ("a transaction", &|it| {
            it.call(&["MULTI"]);
            let queued: Vec<u8> = (0..COUNT).flat_map(|_| encode(&["SET", "k", "v"])).collect();
            it.send_raw(&queued).expect("it is read");
            (0..COUNT).for_each(|_| drop(it.receive()));
            assert_eq!(it.call(&["EXEC"]).items().len(), COUNT);
        }),
    ];
    client.call(&["EVAL", "return 1", "0"]);
    let before = info(&mut client, "used_memory");
    for (what, act) in acts {
        act(&mut server.connect());
        // A reply's buffer of up to 1 MB is used again.
        eventually(what, || info(&mut client, "used_memory") < before + 1_500_000);
    }
}
