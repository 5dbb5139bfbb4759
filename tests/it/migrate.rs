//! MIGRATE: keys on their way to another server, of either make. (What is asked for wrongly is in a transcript.)
use crate::{
    pause::wait_for,
    support::{Client, Protocol, Server, Value, ours, redis_server},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    time::{Duration, Instant},
};

#[test]
fn what_cannot_be_moved() {
    transcript!(
        r#"
        MIGRATE 127.0.0.1 1 k 0
        MIGRATE 127.0.0.1 1 k x 100
        MIGRATE 127.0.0.1 1 k 0 x
        MIGRATE 127.0.0.1 1 absent 0 100
        MIGRATE 127.0.0.1 1 "" 0 100 KEYS absent also-absent
        SET k v
        MIGRATE 127.0.0.1 1 k 0 100
        MIGRATE 127.0.0.1 1 k 0 100 COPY REPLACE
        MIGRATE 127.0.0.1 1 k 0 100 FOO
        MIGRATE 127.0.0.1 1 k 0 100 AUTH
        MIGRATE 127.0.0.1 1 k 0 100 AUTH2 user
        MIGRATE 127.0.0.1 1 k 0 100 KEYS k
        GET k
        COMMAND GETKEYS MIGRATE 127.0.0.1 1 k 0 100
        COMMAND GETKEYS MIGRATE 127.0.0.1 1 "" 0 100 COPY KEYS a b
        COMMAND GETKEYS MIGRATE 127.0.0.1 1 k 0 100 AUTH keys
        "#
    );
}

fn migrate(from: &mut Client, to: &Server, rest: &[&str]) -> String {
    let port = to.port().to_string();
    from.call(&[&["MIGRATE", "127.0.0.1", &port][..], rest].concat()).text()
}

/// One key of each type, with and without an end.
/// Whoever keeps a copy of the key hears that it has gone.
#[test]
fn what_goes_is_invalidated() {
    for from in [Server::start(&ours(), &[]), Server::start(&redis_server(), &[])] {
        let to = Server::start(&ours(), &[]);
        let (mut client, mut reader) = (from.connect(), from.connect());
        client.call(&["SET", "k", "v"]);
        reader.hello(Protocol::Resp3);
        reader.call(&["CLIENT", "TRACKING", "ON"]);
        reader.call(&["GET", "k"]);
        assert_eq!(migrate(&mut client, &to, &["k", "0", "5000"]), "OK");
        // Nothing else is asked meanwhile.
        assert_eq!(reader.receive().items()[0], Value::bulk("invalidate"));
    }
}

fn fill(client: &mut Client) {
    for line in [
        "SET text value",
        "SET brief value PX 500000",
        "RPUSH list a b c",
        "SADD set 1 2 x",
        "HSET hash f v g w",
        "ZADD board 1 a 2.5 b",
        "XADD stream 1-1 f v",
        "PFADD log a b c",
    ] {
        assert!(!client.call(&line.split(' ').collect::<Vec<_>>()).is_error(), "{line}");
    }
}
const KEYS: [&str; 8] = ["text", "brief", "list", "set", "hash", "board", "stream", "log"];

#[test]
fn keys_of_all_types_go_to_servers_of_either_make() {
    for (from, to) in [(ours(), ours()), (ours(), redis_server()), (redis_server(), ours())] {
        let options = ["--enable-debug-command", "yes"];
        let (source, target) = (Server::start(&from, &options), Server::start(&to, &options));
        let (mut here, mut there) = (source.connect(), target.connect());
        fill(&mut here);
        let digests =
            |client: &mut Client| client.call(&[&["DEBUG", "DIGEST-VALUE"][..], &KEYS].concat()).items();
        let before = digests(&mut here);
        assert_eq!(migrate(&mut here, &target, &["text", "3", "1000"]), "OK");
        let rest = [&["", "3", "1000", "KEYS"][..], &KEYS].concat();
        assert_eq!(migrate(&mut here, &target, &rest), "OK");
        assert_eq!(here.call(&["DBSIZE"]).integer(), 0);
        there.call(&["SELECT", "3"]);
        assert_eq!(digests(&mut there), before);
        assert!((1..=500_000).contains(&there.call(&["PTTL", "brief"]).integer()));
        assert_eq!(there.call(&["PTTL", "text"]).integer(), -1);
    }
}

#[test]
fn what_is_there_already_is_replaced_only_if_asked_for() {
    let (source, target) = (Server::start(&ours(), &[]), Server::start(&ours(), &[]));
    let (mut here, mut there) = (source.connect(), target.connect());
    for key in ["a", "b", "c"] {
        here.call(&["SET", key, "new"]);
    }
    there.call(&["SET", "b", "old"]);
    let busy = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    assert_eq!(migrate(&mut here, &target, &["", "0", "1000", "KEYS", "a", "b", "c"]), busy);
    // What has arrived is gone; what was refused is not.
    assert_eq!(here.call(&["EXISTS", "a", "c"]).integer(), 0);
    assert_eq!(here.call(&["GET", "b"]), Value::bulk("new"));
    assert_eq!(there.call(&["GET", "b"]), Value::bulk("old"));
    assert_eq!(migrate(&mut here, &target, &["b", "0", "1000", "COPY", "REPLACE"]), "OK");
    assert_eq!(here.call(&["EXISTS", "b"]).integer(), 1);
    assert_eq!(there.call(&["MGET", "a", "b", "c"]).items(), vec![Value::bulk("new"); 3]);
}

#[test]
fn who_asks_must_be_known_there() {
    let source = Server::start(&ours(), &[]);
    let target = Server::start(&ours(), &["--requirepass", "secret"]);
    let mut here = source.connect();
    here.call(&["SET", "k", "v"]);
    let refused = |text: String, reason: &str| {
        assert_eq!(text, format!("ERR Target instance replied with error: {reason}"));
    };
    refused(migrate(&mut here, &target, &["k", "0", "1000"]), "NOAUTH Authentication required.");
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    refused(migrate(&mut here, &target, &["k", "0", "1000", "AUTH", "secrets"]), wrong);
    refused(migrate(&mut here, &target, &["k", "0", "1000", "AUTH2", "nobody", "secret"]), wrong);
    refused(
        migrate(&mut here, &target, &["k", "99", "1000", "AUTH", "secret"]),
        "ERR DB index is out of range",
    );
    assert_eq!(here.call(&["EXISTS", "k"]).integer(), 1);
    assert_eq!(migrate(&mut here, &target, &["k", "1", "1000", "AUTH2", "default", "secret"]), "OK");
    assert_eq!(here.call(&["EXISTS", "k"]).integer(), 0);
}

/// A place that takes everything and answers when it is told to.
struct SlowTarget {
    listener: TcpListener,
}
impl SlowTarget {
    fn new() -> SlowTarget {
        SlowTarget { listener: TcpListener::bind("127.0.0.1:0").expect("a free port") }
    }
    fn port(&self) -> String {
        self.listener.local_addr().expect("bound").port().to_string()
    }
    /// Waits for a request, and gives the line to answer it by.
    fn accept(&self) -> impl Write + use<> {
        let (mut stream, _) = self.listener.accept().expect("the server comes");
        let mut some = [0; 8];
        stream.read_exact(&mut some).expect("a request");
        stream
    }
}

/// Only who would change a key on its way must wait.
#[test]
fn readers_and_other_keys_do_not_wait() {
    let source = Server::start(&ours(), &[]);
    let (mut mover, mut reader, mut writer) = (source.connect(), source.connect(), source.connect());
    let target = SlowTarget::new();
    mover.call(&["SET", "k", "v"]);
    mover.send(&["MIGRATE", "127.0.0.1", &target.port(), "k", "0", "60000"]);
    let mut line = target.accept();
    assert_eq!(reader.call(&["GET", "k"]), Value::bulk("v"));
    assert_eq!(reader.call(&["SET", "other", "v"]), Value::ok());
    writer.send(&["APPEND", "k", "w"]);
    writer.send(&["GET", "other"]);
    // It is held, not done.
    wait_for(&mut reader, 2);
    assert_eq!(reader.call(&["GET", "k"]), Value::bulk("v"));
    line.write_all(b"+OK\r\n").expect("the server listens");
    assert_eq!(mover.receive(), Value::ok());
    // To the writer the key had gone before.
    assert_eq!(writer.receive().integer(), 1);
    assert_eq!(writer.receive(), Value::bulk("v"));
    assert_eq!(reader.call(&["GET", "k"]), Value::bulk("w"));
}

#[test]
fn a_client_that_leaves_leaves_no_key_behind() {
    let source = Server::start(&ours(), &[]);
    let (mut mover, mut other) = (source.connect(), source.connect());
    let target = SlowTarget::new();
    mover.call(&["SET", "k", "v"]);
    let id = mover.call(&["CLIENT", "ID"]).integer().to_string();
    mover.send(&["MIGRATE", "127.0.0.1", &target.port(), "k", "0", "60000"]);
    let mut line = target.accept();
    // What is on its way cannot be called back.
    assert_eq!(other.call(&["CLIENT", "UNBLOCK", &id]).integer(), 0);
    assert_eq!(other.call(&["CLIENT", "KILL", "ID", &id]).integer(), 1);
    assert!(mover.is_closed());
    line.write_all(b"+OK\r\n").expect("the server listens");
    let deadline = Instant::now() + Duration::from_secs(30);
    while other.call(&["EXISTS", "k"]).integer() == 1 {
        assert!(Instant::now() < deadline, "it stays");
    }
}

#[test]
fn a_target_that_is_silent_or_goes_keeps_nothing() {
    let source = Server::start(&ours(), &[]);
    let mut here = source.connect();
    here.call(&["SET", "k", "v"]);
    let target = SlowTarget::new();
    let reading = "IOERR error or timeout reading from target instance";
    here.send(&["MIGRATE", "127.0.0.1", &target.port(), "k", "0", "100"]);
    let silent = target.accept();
    assert_eq!(here.receive().text(), reading);
    here.send(&["MIGRATE", "127.0.0.1", &target.port(), "k", "0", "60000"]);
    drop(target.accept());
    assert_eq!(here.receive().text(), reading);
    drop(silent);
    assert_eq!(here.call(&["GET", "k"]), Value::bulk("v"));
    assert_eq!(here.call(&["SET", "k", "w"]), Value::ok());
}
