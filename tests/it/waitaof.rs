//! WAITAOF, which redis-server has since 7.2.
use crate::{
    pause::wait_for,
    support::{Client, Server, ours},
};

fn waitaof(client: &mut Client, rest: &[&str]) -> Vec<i64> {
    let reply = client.call(&[&["WAITAOF"][..], rest].concat());
    reply.items().iter().map(|item| item.integer()).collect()
}

#[test]
fn writes_are_waited_for() {
    for policy in ["always", "everysec"] {
        let server = Server::start(&ours(), &["--appendonly", "yes", "--appendfsync", policy]);
        let mut client = server.connect();
        client.call(&["SET", "k", "v"]);
        assert_eq!(waitaof(&mut client, &["1", "0", "0"]), [1, 0], "{policy}");
        // Nobody replicates; what is here is told all the same.
        assert_eq!(waitaof(&mut client, &["1", "1", "10"]), [1, 0], "{policy}");
    }
}

#[test]
fn what_nobody_syncs_is_waited_for_until_the_time_is_over() {
    let server = Server::start(&ours(), &["--appendonly", "yes", "--appendfsync", "no"]);
    let (mut waiter, mut client) = (server.connect(), server.connect());
    waiter.call(&["SET", "k", "v"]);
    assert_eq!(waitaof(&mut waiter, &["1", "0", "50"]), [0, 0]);
    waiter.send(&["WAITAOF", "1", "0", "0"]);
    client.call(&["CONFIG", "SET", "appendfsync", "everysec"]);
    assert_eq!(waiter.receive().items()[0].integer(), 1);
}

/// Each client waits for its own writes.
#[test]
fn others_writes_are_not_waited_for() {
    let server = Server::start(&ours(), &["--appendonly", "yes", "--appendfsync", "no"]);
    let (mut writer, mut reader) = (server.connect(), server.connect());
    assert_eq!(waitaof(&mut reader, &["1", "0", "0"]), [1, 0]);
    writer.call(&["SET", "k", "v"]);
    reader.call(&["GET", "k"]);
    assert_eq!(waitaof(&mut reader, &["1", "0", "0"]), [1, 0]);
    assert_eq!(waitaof(&mut writer, &["1", "0", "50"]), [0, 0]);
    // Who is served with what another one writes has written itself.
    let mut served = server.connect();
    served.send(&["BLPOP", "list", "0"]);
    wait_for(&mut writer, 1);
    writer.call(&["RPUSH", "list", "a"]);
    served.receive();
    assert_eq!(waitaof(&mut served, &["1", "0", "50"]), [0, 0]);
    assert_eq!(waitaof(&mut reader, &["1", "0", "0"]), [1, 0]);
}

/// Its base is on the medium, whatever becomes of the increments.
#[test]
fn a_rewrite_makes_safe_what_was_written_before() {
    let server = Server::start(&ours(), &["--appendonly", "yes", "--appendfsync", "no"]);
    let mut client = server.connect();
    client.call(&["SET", "k", "v"]);
    assert_eq!(waitaof(&mut client, &["1", "0", "50"]), [0, 0]);
    client.call(&["BGREWRITEAOF"]);
    assert_eq!(waitaof(&mut client, &["1", "0", "0"]), [1, 0]);
    client.call(&["SET", "k", "w"]);
    assert_eq!(waitaof(&mut client, &["1", "0", "50"]), [0, 0]);
}

#[test]
fn a_log_that_begins_or_ends_meanwhile() {
    const NO_LOG: &str = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    let server = Server::start(&ours(), &[]);
    let (mut waiter, mut client) = (server.connect(), server.connect());
    waiter.call(&["SET", "k", "v"]);
    assert_eq!(waiter.call(&["WAITAOF", "1", "0", "0"]).text(), NO_LOG);
    assert_eq!(waitaof(&mut waiter, &["0", "0", "0"]), [0, 0]);
    // Its base holds what was written before.
    client.call(&["CONFIG", "SET", "appendonly", "yes"]);
    assert_eq!(waitaof(&mut waiter, &["1", "0", "0"]), [1, 0]);
    client.call(&["CONFIG", "SET", "appendfsync", "no"]);
    waiter.call(&["SET", "k", "w"]);
    waiter.send(&["WAITAOF", "1", "0", "0"]);
    wait_for(&mut client, 1);
    client.call(&["CONFIG", "SET", "appendonly", "no"]);
    assert_eq!(waiter.receive().text(), NO_LOG);
}

#[test]
fn what_is_asked_for_wrongly() {
    let server = Server::start(&ours(), &["--appendonly", "yes"]);
    let mut client = server.connect();
    for (rest, error) in [
        (["2", "0", "0"], "ERR value is out of range, value must between 0 and 1"),
        (["x", "0", "0"], "ERR value is not an integer or out of range"),
        (["1", "-1", "0"], "ERR value is out of range, must be positive"),
        (["1", "0", "-1"], "ERR timeout is negative"),
        (["1", "0", "x"], "ERR timeout is not an integer or out of range"),
    ] {
        assert_eq!(client.call(&[&["WAITAOF"][..], &rest].concat()).text(), error);
    }
}
