//! MULTI, EXEC, DISCARD, WATCH and UNWATCH.
use crate::{
    pause::servers,
    support::{Client, Protocol, Server, Value, client::encode, ours},
};

#[test]
fn a_transaction() {
    transcript!(
        r#"
        MULTI
        SET k 1
        INCR k
        GET k
        EXEC
        GET k
        MULTI
        EXEC
        MULTI
        SET k 5
        DISCARD
        GET k
        EXEC
        DISCARD
        EXEC x
        MULTI x
        DISCARD x
        MULTI
        MULTI
        WATCH k
        PING
        EXEC
        "#
    );
}

#[test]
fn errors_when_queued_spoil_it() {
    transcript!(
        r#"
        SET k 1
        MULTI
        INCR k
        NOSUCH a b
        INCR k
        EXEC
        GET k
        MULTI
        GET
        DISCARD
        MULTI
        INCR k
        EXEC x
        EXEC
        GET k
        MULTI
        CONFIG NOSUCH
        INCR k
        EXEC
        MULTI
        SAVE
        EXEC
        MULTI
        SHUTDOWN NOSAVE
        EXEC
        "#
    );
}

#[test]
fn errors_when_run_stand_in_their_place() {
    transcript!(
        r#"
        MULTI
        SET k text
        INCR k
        SET k v XX NX
        SET k v EX 0
        LPUSH k a
        SET after 1
        EXEC
        GET k
        GET after
        "#
    );
}

#[test]
fn what_is_watched() {
    transcript!(
        r#"
        SET k 1
        WATCH k
        SET k 1
        MULTI
        GET k
        EXEC
        WATCH k other
        b> SET other 1
        MULTI
        PING
        EXEC
        # once only
        MULTI
        PING
        EXEC
        WATCH k
        b> GET k
        b> SET unrelated 1
        MULTI
        PING
        EXEC
        WATCH k
        b> SET k 2
        UNWATCH
        MULTI
        PING
        EXEC
        WATCH k
        b> SET k 3
        MULTI
        DISCARD
        MULTI
        PING
        EXEC
        WATCH k
        b> DEL k
        MULTI
        NOSUCH
        EXEC
        MULTI
        PING
        EXEC
        WATCH
        "#
    );
}

#[test]
fn every_way_of_changing_is_noticed() {
    transcript!(
        r#"
        SET k 1
        SET j 1
        WATCH none
        b> DEL none
        MULTI
        PING
        EXEC
        WATCH none
        b> SET none 1
        MULTI
        PING
        EXEC
        WATCH none
        b> RENAME none away
        MULTI
        PING
        EXEC
        WATCH k
        b> EXPIRE k 100
        MULTI
        PING
        EXEC
        WATCH k
        b> PERSIST k
        MULTI
        PING
        EXEC
        WATCH k
        b> RENAME j k
        MULTI
        PING
        EXEC
        WATCH k
        b> FLUSHALL
        MULTI
        PING
        EXEC
        WATCH k
        b> FLUSHALL
        MULTI
        PING
        EXEC
        b> SELECT 1
        b> SET k other
        WATCH k
        b> SWAPDB 0 1
        MULTI
        GET k
        EXEC
        WATCH nowhere
        b> SWAPDB 0 1
        MULTI
        PING
        EXEC
        SELECT 1
        SET k 1
        SELECT 0
        WATCH k
        SELECT 1
        SET k 2
        SELECT 0
        MULTI
        PING
        EXEC
        "#
    );
}

#[test]
fn what_is_over_does_not_change_any_more() {
    transcript!(
        r#"
        # Over before it is watched: that it goes is no change.
        DEBUG SET-ACTIVE-EXPIRE 0
        SET k 1 PX 1
        !sleep 10
        WATCH k
        b> GET k
        MULTI
        PING
        EXEC
        SET k 1 PX 1
        !sleep 10
        WATCH k
        b> DEL k
        MULTI
        PING
        EXEC
        # It ends while it is watched: that is one.
        SET k 1 PX 20
        WATCH k
        !sleep 40
        MULTI
        PING
        EXEC
        SET k 1 PX 20
        WATCH k
        !sleep 40
        b> GET k
        MULTI
        PING
        EXEC
        DEBUG SET-ACTIVE-EXPIRE 1
        SET k 1 PX 20
        WATCH k
        !sleep 60
        MULTI
        PING
        EXEC
        "#
    );
}

#[test]
fn the_session_changes_in_its_place() {
    transcript!(
        r#"
        MULTI
        SET where 0
        SELECT 1
        SET where 1
        CLIENT SETNAME inside
        CLIENT GETNAME
        EXEC
        GET where
        CLIENT GETNAME
        SELECT 0
        GET where
        # What is not run changes nothing.
        WATCH where
        SET where 5
        MULTI
        SELECT 3
        CLIENT SETNAME never
        EXEC
        CLIENT GETNAME
        GET where
        MULTI
        SELECT 99
        SELECT 2
        DISCARD
        GET where
        MULTI
        RESET
        EXEC
        "#
    );
}

#[test]
fn a_protocol_for_the_rest() {
    transcript!(
        r#"
        HSET h f v
        MULTI
        HGETALL h
        HELLO 3
        HGETALL h
        CONFIG GET appendonly
        HELLO 2
        HGETALL h
        ~ EXEC
        HGETALL h
        "#
    );
}

#[test]
fn nothing_blocks() {
    transcript!(
        r#"
        MULTI
        BLPOP l 0
        BLMOVE l m LEFT RIGHT 0
        BRPOPLPUSH l m 0
        BLMPOP 0 1 l LEFT
        BZPOPMIN z 0
        BZMPOP 0 1 z MIN
        XREAD BLOCK 0 STREAMS s $
        RPUSH l a
        BLPOP l 0
        EXEC
        # Who is blocked is served when all is done.
        b> !send BLPOP q 0
        !until blocked_clients:1
        MULTI
        RPUSH q 1
        LPUSH q 0
        EXEC
        b> !read
        LRANGE q 0 -1
        b> !send BLPOP q2 0
        !until blocked_clients:1
        MULTI
        RPUSH q2 1
        DEL q2
        EXEC
        RPUSH q2 2
        b> !read
        "#
    );
}

#[test]
fn commands_of_the_house() {
    transcript!(
        r#"
        CONFIG SET hash-max-listpack-entries 512
        MULTI
        CONFIG SET hash-max-listpack-entries 2
        CONFIG GET hash-max-listpack-entries
        HSET h a 1 b 2 c 3
        OBJECT ENCODING h
        CONFIG SET nosuch 1
        CLIENT PAUSE 0
        CLIENT UNPAUSE
        CONFIG SET hash-max-listpack-entries 512
        FLUSHALL
        DBSIZE
        EXEC
        !info watching_clients total_watched_keys ## since 7.4
        WATCH a b
        !info watching_clients total_watched_keys ## since 7.4
        UNWATCH
        "#
    );
}

fn pipeline(client: &mut Client, commands: &[&[&str]]) {
    let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
    client.send_raw(&bytes).expect("the server takes it");
}

/// Of many clients that each increment by WATCH, GET, MULTI, SET, EXEC, no increment is lost.
#[test]
fn optimistic_locks_hold() {
    for threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", threads]);
        server.connect().call(&["SET", "n", "0"]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = server.connect();
                    for _ in 0..50 {
                        loop {
                            client.call(&["WATCH", "n"]);
                            let n: i64 = client.call(&["GET", "n"]).text().parse().expect("a number");
                            client.call(&["MULTI"]);
                            client.call(&["SET", "n", &(n + 1).to_string()]);
                            if !client.call(&["EXEC"]).is_null() {
                                break;
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(server.connect().call(&["GET", "n"]), Value::bulk("400"));
    }
}

/// What stands behind EXEC in a pipeline is meant for the session as EXEC leaves it.
#[test]
fn the_session_is_back_for_what_comes_behind() {
    for threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", threads]);
        let mut client = server.connect();
        pipeline(
            &mut client,
            &[
                &["MULTI"],
                &["SELECT", "4"],
                &["EXEC"],
                &["SET", "k", "four"],
                &["SELECT", "0"],
                &["GET", "k"],
            ],
        );
        for _ in 0..5 {
            client.receive();
        }
        assert!(client.receive().is_null());
        client.call(&["SELECT", "4"]);
        assert_eq!(client.call(&["GET", "k"]), Value::bulk("four"));
        // Who kills itself gets its replies first.
        let id = client.call(&["CLIENT", "ID"]).integer().to_string();
        pipeline(
            &mut client,
            &[
                &["MULTI"],
                &["SET", "k", "1"],
                &["CLIENT", "KILL", "ID", &id, "SKIPME", "no"],
                &["EXEC"],
                &["SET", "k", "2"],
            ],
        );
        assert!(client.read_to_end().is_ok_and(|bytes| bytes.ends_with(b"*2\r\n+OK\r\n:1\r\n")));
        let mut client = server.connect();
        client.call(&["SELECT", "4"]);
        assert_eq!(client.call(&["GET", "k"]), Value::bulk("1"));
    }
}

/// The log tells of a transaction as one block; what SELECT does in it is right, too.
#[test]
fn the_log_has_it_as_a_block() {
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"];
    let server = Server::start(&ours(), &options);
    let mut client = server.connect();
    client.call(&["WATCH", "a"]);
    client.call(&["MULTI"]);
    for command in
        [&["SET", "a", "1"][..], &["GET", "a"], &["SELECT", "1"], &["INCR", "b"], &["CONFIG", "GET", "x"]]
    {
        assert_eq!(client.call(command).text(), "QUEUED");
    }
    client.call(&["EXEC"]);
    client.call(&["MULTI"]);
    client.call(&["INCR", "b"]);
    client.call(&["EXEC"]);
    let log = std::fs::read(server.dir().join("appendonlydir/appendonly.aof.1.incr.aof")).expect("a log");
    let words = String::from_utf8(log)
        .expect("plain")
        .lines()
        .filter(|line| !line.starts_with(['*', '$']))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(words, "MULTI SELECT 0 SET a 1 SELECT 1 INCR b EXEC INCR b");
    client.call(&["DEBUG", "LOADAOF"]);
    assert_eq!(client.call(&["GET", "b"]), Value::bulk("2"));
}

/// What waits to be run counts as much as what waits to be read.
#[test]
fn a_queue_has_a_limit() {
    let server = Server::start(&ours(), &["--client-query-buffer-limit", "1mb"]);
    let mut client = server.connect();
    client.call(&["MULTI"]);
    let value = "x".repeat(100_000);
    let mut sent = 0;
    while sent < 40 && client.send_raw(&encode(&["SET", "k", &value])).is_ok() && client.try_receive().is_ok()
    {
        sent += 1;
    }
    assert!((5..20).contains(&sent), "{sent}");
    let mut other = server.connect();
    other.hello(Protocol::Resp3);
    assert!(other.call(&["GET", "k"]).is_null());
}

/// What a transaction changes holds for what comes behind it in the same packet: who may write, and what a request may be.
#[test]
fn what_is_behind_a_transaction_meets_the_gates_that_it_leaves() {
    const READ_ONLY: &str = "READONLY You can't write against a read only replica.";
    let long = "x".repeat(1_100_000);
    let cases: [(&[&str], &[&str], &str); 5] = [
        (&["REPLICAOF", "127.0.0.1", "1"], &["SET", "k", "v"], READ_ONLY),
        (&["REPLICAOF", "NO", "ONE"], &["SET", "k", "v"], "OK"),
        (
            &["CONFIG", "SET", "min-replicas-to-write", "3"],
            &["SET", "k", "v"],
            "NOREPLICAS Not enough good replicas to write.",
        ),
        (&["CONFIG", "SET", "min-replicas-to-write", "0"], &["SET", "k", "v"], "OK"),
        (
            &["CONFIG", "SET", "proto-max-bulk-len", "1mb"],
            &["SET", "k", &long],
            "ERR Protocol error: invalid bulk length",
        ),
    ];
    for server in servers() {
        for (change, behind, expected) in cases {
            let mut client = server.connect();
            let mut words = [&["MULTI"][..], change, &["EXEC"], behind].map(encode).concat();
            // What is too long is refused by its length, and the connection ends: whoever sent the rest may be cut off before
            // it has read why.
            words.truncate(4096);
            client.send_raw(&words).expect("the server takes it");
            let told: Vec<String> = (0..2).map(|_| client.receive().text()).collect();
            assert_eq!(told, ["OK", "QUEUED"]);
            assert_eq!(client.receive().items(), [Value::ok()], "{change:?}");
            assert_eq!(client.receive().text(), expected, "{change:?}");
        }
        // A pause holds what comes behind it.
        let [mut client, mut other] = [server.connect(), server.connect()];
        let pause = &["CLIENT", "PAUSE", "60000", "WRITE"][..];
        let words = [&["MULTI"][..], pause, &["EXEC"], &["SET", "k", "paused"]].map(encode).concat();
        client.send_raw(&words).expect("the server takes it");
        (0..3).for_each(|_| drop(client.receive()));
        crate::pause::wait_for(&mut other, 1);
        assert_eq!(other.call(&["CLIENT", "UNPAUSE"]), Value::ok());
        assert_eq!(client.receive(), Value::ok());
    }
}
