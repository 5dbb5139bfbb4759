//! The append-only file is switched off and on while clients write: what WAITAOF has confirmed is there afterwards.
use crate::{
    site::{Running, Site},
    support::{Client, Value, client::encode},
};
use std::{fs, thread, time::Duration};

/// Writes keys until one of them is said to be on the medium with all before it; says how many. Then the server is killed.
fn write_and_kill(server: Running, client: &mut Client) -> usize {
    let mut count = 0;
    loop {
        for _ in 0..5 {
            assert_eq!(client.call(&["SET", &format!("k{count}"), "v"]), Value::ok());
            count += 1;
        }
        if client.call(&["WAITAOF", "1", "0", "5"]).items()[0] == Value::Integer(1) {
            server.kill();
            return count;
        }
    }
}
fn assert_all(site: &Site, count: usize, what: &str) {
    let server = site.start(&["--appendonly", "yes"]);
    let mut client = server.connect();
    let keys: Vec<String> = (0..count).map(|number| format!("k{number}")).collect();
    let words: Vec<&str> = ["MGET"].into_iter().chain(keys.iter().map(String::as_str)).collect();
    let values = client.call(&words).items();
    let lost: Vec<&String> =
        keys.iter().zip(&values).filter(|(_, value)| value.is_null()).map(|(key, _)| key).collect();
    assert!(lost.is_empty(), "{what}: {} of {count}: {lost:?}\n{}", lost.len(), site.output());
}
fn send_transaction(client: &mut Client, commands: &[&[&str]]) {
    let all = [&[&["MULTI"][..]], commands, &[&["EXEC"][..]]].concat();
    let bytes: Vec<u8> = all.iter().flat_map(|command| encode(command)).collect();
    client.send_raw(&bytes).expect("the server takes it");
    for _ in &all {
        assert!(!client.receive().is_error());
    }
}

/// What is said of the log that ends is not taken for a word about the one that begins.
#[test]
fn each_log_has_all_that_it_confirms() {
    let changes: [(&str, &[&[&str]]); 3] = [
        ("yes", &[&["CONFIG", "SET", "appendonly", "no"], &["CONFIG", "SET", "appendonly", "yes"]]),
        ("no", &[&["CONFIG", "SET", "appendonly", "yes"], &["CONFIG", "SET", "appendfsync", "always"]]),
        ("no", &[&["CONFIG", "SET", "appendonly", "yes"], &["CONFIG", "SET", "appendfsync", "no"]]),
    ];
    for (appendonly, commands) in changes {
        for round in 0..4 {
            let site = Site::new();
            let server = site.start(&["--appendonly", appendonly]);
            let mut client = server.connect();
            match round % 2 {
                0 => send_transaction(&mut client, commands),
                // Two at a time.
                _ => {
                    let mut others = [server.connect(), server.connect()];
                    others.iter_mut().zip(commands).for_each(|(other, command)| other.send(command));
                    others.iter_mut().for_each(|other| assert_eq!(other.receive(), Value::ok()));
                    client.call(&["CONFIG", "SET", "appendonly", "yes"]);
                }
            }
            if commands[1][3] == "no" {
                // Nothing is synced but with the base: whatever is on its way by then has to be in it.
                client.call(&["CONFIG", "SET", "appendfsync", "everysec"]);
            }
            let count = write_and_kill(server, &mut client);
            assert_all(&site, count, &format!("{commands:?}, round {round}"));
        }
    }
}

/// The Keyspace, which the end of a log needs, is amid the transaction that asks for it.
#[test]
fn a_log_ends_behind_the_transaction_that_ends_it() {
    let site = Site::new();
    let server = site.start(&["--appendonly", "yes"]);
    let mut client = server.connect();
    client.call(&["SET", "k0", "v"]);
    send_transaction(&mut client, &[&["CONFIG", "SET", "appendonly", "no"]]);
    while client.call(&["INFO", "persistence"]).text().contains("aof_enabled:1") {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.call(&["SET", "not logged", "v"]), Value::ok());
    server.kill();
    assert_all(&site, 1, "what was logged");
    let server = site.start(&["--appendonly", "yes"]);
    assert_eq!(server.connect().call(&["DBSIZE"]), Value::Integer(1));
}

/// It is the next base that brings the write to the medium, not the beginning of it.
#[test]
fn who_waits_for_a_log_that_cannot_begin_waits_for_the_next() {
    let site = Site::new();
    let server = site.start(&["--appendonly", "no"]);
    let [mut client, mut waiter] = [server.connect(), server.connect()];
    for number in 0..200 {
        client.call(&["SET", &format!("filler:{number}"), "v"]);
    }
    // Each base takes some tenths of a second, and then finds its place taken.
    client.call(&["CONFIG", "SET", "rdb-key-save-delay", "2000"]);
    let places = (1..40).map(|number| site.path(&format!("appendonlydir/appendonly.aof.{number}.base.rdb")));
    let places: Vec<_> = places.collect();
    places.iter().for_each(|place| fs::create_dir_all(place.join("a folder")).expect("a folder"));
    client.call(&["CONFIG", "SET", "appendonly", "yes"]);
    assert_eq!(waiter.call(&["SET", "k0", "v"]), Value::ok());
    waiter.send(&["WAITAOF", "1", "0", "0"]);
    let failures = || site.output().matches("Background append only file rewriting error").count();
    while failures() < 3 {
        let clients = client.call(&["INFO", "clients"]).text();
        assert!(clients.contains("blocked_clients:1"), "{clients}\n{}", site.output());
        thread::sleep(Duration::from_millis(5));
    }
    places.iter().for_each(|place| fs::remove_dir_all(place).expect("our own folder"));
    assert_eq!(waiter.receive().items()[0], Value::Integer(1));
    server.kill();
    assert_all(&site, 1, "the write");
}
