//! Replicas that are slow, and many at once: the master goes on.
use crate::{
    load::{Extras, Loader},
    node::{
        Make::{Ours, Redis},
        Node, until,
    },
    proxy::{Proxy, Weather},
    state::{assert_same, converge_nodes},
    support::{Client, Value, client::encode},
};
use std::{thread, time::Duration};

#[test]
fn who_does_not_read_is_dropped() {
    for make in [Ours, Redis] {
        let master = Node::start(make, &["--client-output-buffer-limit", "replica 0 0 0"]);
        let proxy = Proxy::start(master.port(), 1);
        let [stuck, other] = [Node::ours(&[]), Node::ours(&[])];
        stuck.follow(proxy.port());
        other.follow(master.port());
        // It holds for those who are there, too.
        master.config("client-output-buffer-limit", "replica 4mb 0 0");
        proxy.set(Weather { holds: true, ..Weather::FAIR });
        let (mut client, value) = (master.connect(), "v".repeat(100_000));
        until("the master has dropped it", || {
            assert_eq!(client.call(&["SET", "k", &value]), Value::ok());
            master.info("connected_slaves") == "1"
        });
        master.done(&["SET", "k", "short"]);
        assert_same(&[&master, &other]);
        proxy.set(Weather::FAIR);
        proxy.cut();
        stuck.await_link();
        assert_same(&[&master, &stuck]);
    }
}

/// The soft limit: so much for so long, and not at once.
#[test]
fn who_is_behind_for_too_long_is_dropped() {
    for make in [Ours, Redis] {
        let master = Node::start(make, &["--client-output-buffer-limit", "replica 1gb 2mb 2"]);
        let proxy = Proxy::start(master.port(), 1);
        let stuck = Node::ours(&[]);
        stuck.follow(proxy.port());
        proxy.set(Weather { holds: true, ..Weather::FAIR });
        let (mut client, value) = (master.connect(), "v".repeat(1_000_000));
        // The system takes some of it.
        for _ in 0..60 {
            assert_eq!(client.call(&["SET", "k", &value]), Value::ok());
        }
        assert_eq!(master.info("connected_slaves"), "1", "{make:?}: at once");
        until("the master has dropped it", || {
            // Redis looks at it when it has something to send.
            assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
            master.info("connected_slaves") == "0"
        });
        assert!(master.output().contains("overcoming of output buffer limits"), "{make:?}");
    }
}

/// However many replicas do not read, and in however small pieces the stream comes: it is there once.
#[test]
fn many_stuck_replicas_cost_little_more_than_one() {
    let master = Node::ours(&["--repl-ping-replica-period", "3600"]);
    let mut stuck: Vec<Client> = (0..8)
        .map(|_| {
            // They never say that they have their snapshot, and so are sent nothing behind it.
            let mut peer = master.connect();
            assert_eq!(peer.call(&["REPLCONF", "capa", "eof", "capa", "psync2"]), Value::ok());
            peer.send(&["PSYNC", "?", "-1"]);
            peer
        })
        .collect();
    let mut client = master.connect();
    until("they have begun", || master.count("connected_slaves") == 8 && master.count("sync_full") == 8);
    let mut expected = Vec::new();
    let mut write = |command: &[&str]| {
        assert!(!client.call(command).is_error());
        expected.extend(encode(command));
    };
    write(&["INCR", "n"]);
    let (before, begin) = (master.count("used_memory"), master.count("master_repl_offset"));
    let large = "v".repeat(5000);
    for number in 0..20_000 {
        match number % 1000 {
            999 => write(&["SET", "large", &large]),
            _ => write(&["INCR", "n"]),
        }
    }
    let streamed = master.count("master_repl_offset") - begin;
    let grown = master.count("used_memory").saturating_sub(before);
    assert!(streamed > 400_000 && grown < 4 * streamed, "{streamed} bytes cost {grown}");
    // What keeps the row in order is told, too.
    let told = master.count("mem_clients_slaves");
    assert!(
        (streamed / 2..grown * 2).contains(&(told + master.count("mem_replication_backlog"))),
        "{told} of {grown}"
    );
    // Who does go on is sent each byte of it.
    let mut late = stuck.pop().expect("one of them");
    late.send(&["REPLCONF", "ACK", "0"]);
    let mut sent = Vec::new();
    while !sent.ends_with(&expected) {
        assert!(sent.len() <= 2 * expected.len(), "{} bytes instead of {}", sent.len(), expected.len());
        sent.extend(late.read_some(1).expect("more of it"));
    }
}

#[test]
fn replicas_share_a_snapshot() {
    let master = Node::ours(&["--repl-diskless-sync", "yes"]);
    // They come one after the other, and the first one waits for a while.
    master.config("repl-diskless-sync-delay", "2");
    master.done(&["DEBUG", "POPULATE", "20000", "key", "100"]);
    let port = master.port().to_string();
    let replicas = [Ours, Redis, Ours, Redis].map(|make| Node::start(make, &[]));
    let load = Loader::start(&master, 1, Extras::COMMON);
    replicas.iter().for_each(|node| node.done(&["REPLICAOF", "127.0.0.1", &port]));
    replicas.iter().for_each(Node::await_link);
    load.stop();
    assert_same(&[&master, &replicas[0], &replicas[1], &replicas[2], &replicas[3]]);
    assert_eq!(master.count("sync_full"), 4);
    assert_eq!(master.output().matches("Starting BGSAVE for SYNC").count(), 1, "{}", master.output());
}

/// All of the same history; then the backlog does not reach back far enough.
#[test]
fn old_data_are_served_while_new_ones_come() {
    let master = Node::ours(&["--repl-backlog-size", "16kb"]);
    let replica = Node::ours(&["--repl-diskless-load", "swapdb"]);
    master.done(&["MSET", "k", "old", "of old", "v"]);
    let proxy = Proxy::start(master.port(), 1);
    replica.follow(proxy.port());
    proxy.set(Weather::cuts(0..1));
    proxy.cut();
    master.done(&["DEL", "of old"]);
    master.done(&["SET", "k", "new"]);
    for first in (0..20_000).step_by(1000) {
        let pairs = (first..first + 1000).flat_map(|number| [format!("key:{number}"), "v".repeat(100)]);
        let words: Vec<String> = ["MSET".to_string()].into_iter().chain(pairs).collect();
        assert_eq!(master.connect().call(&words), Value::ok());
    }
    proxy.set(Weather { piece_bytes: 1000, delay: Duration::from_millis(1), ..Weather::FAIR });
    until("the data are coming", || replica.info("master_sync_in_progress") == "1");
    let (mut client, mut seen_old) = (replica.connect(), 0);
    until("the new data", || {
        client.send_raw(b"MULTI\r\nMGET k 'of old'\r\nEXISTS key:1\r\nEXEC\r\n").expect("a client");
        let seen = [0; 4].map(|_| client.receive())[3].items();
        let is_old = seen[0].items() == ["old", "v"].map(Value::bulk) && seen[1] == Value::Integer(0);
        let is_new = seen[0].items() == [Value::bulk("new"), Value::NullBulk] && seen[1] == Value::Integer(1);
        assert!(is_old || is_new, "{seen:?}");
        seen_old += is_old as u32;
        if seen_old > 20 {
            proxy.set(Weather::FAIR);
        }
        is_new
    });
    assert!(seen_old > 0, "while they came the old ones were there");
    assert_same(&[&master, &replica]);
}

/// Into a file, and from there into memory while that grows; but nobody notices before all has come.
#[test]
fn an_empty_replica_loads_what_it_keeps() {
    let master = Node::ours(&[]);
    for first in (0..20_000).step_by(1000) {
        let pairs = (first..first + 1000).flat_map(|number| [format!("key:{number}"), "v".repeat(100)]);
        let words: Vec<String> = ["MSET".to_string()].into_iter().chain(pairs).collect();
        assert_eq!(master.connect().call(&words), Value::ok());
    }
    master.done(&["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)"]);
    let proxy = Proxy::start(master.port(), 1);
    let slow = Weather { piece_bytes: 1000, delay: Duration::from_millis(1), ..Weather::FAIR };
    let mut replica = Node::ours(&[]);
    let before = replica.count("used_memory");
    let begin = |replica: &Node| {
        proxy.set(slow.clone());
        replica.done(&["REPLICAOF", "127.0.0.1", &proxy.port().to_string()]);
        until("most of it is loaded", || {
            assert_eq!(replica.info("master_link_status"), "down", "too late");
            replica.count("used_memory") > before + 2_000_000
        });
        assert_eq!(replica.info("master_sync_in_progress"), "1");
        assert_eq!([replica.info("loading"), replica.info("async_loading")], ["0", "0"]);
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(0));
        assert_eq!(replica.call(&["GET", "key:1"]), Value::NullBulk);
        assert_eq!(replica.call(&["FUNCTION", "LIST"]), Value::Array(vec![]));
    };
    let files = |replica: &Node| {
        let names = std::fs::read_dir(replica.dir()).expect("a directory").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".rdb")).collect::<Vec<_>>()
    };
    begin(&replica);
    assert!(matches!(&files(&replica)[..], [name] if name.starts_with("temp-")));
    replica.done(&["REPLICAOF", "NO", "ONE"]);
    until("the file and the data are given up", || {
        files(&replica).is_empty() && replica.count("used_memory") < before + 1_000_000
    });
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(0));
    begin(&replica);
    // What it has meanwhile may be saved and loaded.
    replica.done(&["DEBUG", "RELOAD"]);
    proxy.set(Weather::FAIR);
    replica.await_link();
    converge_nodes(&[&master, &replica]);
    for command in [&["DEBUG", "DIGEST"], &["FUNCTION", "LIST"]] {
        assert_eq!(replica.call(command), master.call(command));
    }
    replica.kill();
    assert_eq!(files(&replica), ["dump.rdb"]);
    replica.again();
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(20_000));
}

/// A save of the data before ends behind the sync: its file must not take the place of the new data's.
#[test]
fn what_is_saved_during_a_sync_is_old() {
    let master = Node::ours(&[]);
    master.done(&["DEBUG", "POPULATE", "20000", "key", "100"]);
    for has_data in [false, true] {
        let proxy = Proxy::start(master.port(), 1);
        let mut replica = Node::ours(&["--replica-read-only", "no"]);
        let fill = |replica: &Node| replica.done(&["DEBUG", "POPULATE", "100"]);
        if has_data {
            fill(&replica);
        }
        proxy.set(Weather { piece_bytes: 1000, delay: Duration::from_millis(1), ..Weather::FAIR });
        replica.done(&["REPLICAOF", "127.0.0.1", &proxy.port().to_string()]);
        until("the data are coming", || replica.info("master_sync_in_progress") == "1");
        if !has_data {
            fill(&replica);
        }
        // All of them are one piece, which is written after a second.
        replica.config("rdb-key-save-delay", "10000");
        replica.done(&["BGSAVE"]);
        proxy.set(Weather::FAIR);
        replica.await_link();
        until("nothing is being saved", || replica.info("rdb_bgsave_in_progress") == "0");
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(20_000));
        assert!(replica.output().contains("the snapshot is given up"), "{}", replica.output());
        replica.kill();
        replica.again();
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(20_000), "had data: {has_data}");
    }
}

#[test]
fn without_swapping_it_says_that_it_loads() {
    let [master, replica] =
        [&[][..], &["--repl-diskless-load", "on-empty-db", "--key-load-delay", "2000"]].map(Node::ours);
    master.done(&["DEBUG", "POPULATE", "5000"]);
    replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    let mut client = replica.connect();
    until("it refuses", || match client.call(&["GET", "key:1"]) {
        Value::Error(text) => text.starts_with("LOADING"),
        _ => false,
    });
    replica.config("key-load-delay", "0");
    replica.await_link();
    assert_same(&[&master, &replica]);
}

/// Attaching, detaching and changing sides, all at once.
#[test]
fn replicas_come_and_go() {
    let masters = [Node::ours(&[]), Node::start(Redis, &[])];
    let loads = masters.each_ref().map(|master| Loader::start(master, 3, Extras::COMMON));
    let replicas = [Ours, Ours, Redis].map(|make| Node::start(make, &[]));
    let ports = masters.each_ref().map(Node::port);
    thread::scope(|scope| {
        for (index, replica) in replicas.iter().enumerate() {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(index as u64);
                for _ in 0..12 {
                    match random.u8(..5) {
                        0 => replica.done(&["REPLICAOF", "NO", "ONE"]),
                        1 => replica.follow(ports[random.usize(..2)]),
                        _ => replica.done(&["REPLICAOF", "127.0.0.1", &ports[random.usize(..2)].to_string()]),
                    }
                }
                replica.follow(ports[0]);
            });
        }
    });
    loads.into_iter().for_each(Loader::stop);
    assert_same(&[&masters[0], &replicas[0], &replicas[1], &replicas[2]]);
    replicas.iter().for_each(|replica| replica.follow(ports[1]));
    converge_nodes(&[&masters[1], &replicas[0], &replicas[1], &replicas[2]]);
    assert_same(&[&masters[1], &replicas[0], &replicas[1], &replicas[2]]);
}
