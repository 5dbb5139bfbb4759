//! Options of replication, by what they do.
use crate::node::{
    Make::{Ours, Redis},
    Node, until,
};
use crate::state::assert_same;
use crate::support::Value;

/// What a replica says of itself is what its master tells others: Sentinel, and clients who ask for ROLE.
#[test]
fn a_replica_is_where_it_says_to_be() {
    for makes in [[Ours, Ours], [Ours, Redis], [Redis, Ours]] {
        let [master, replica] = makes.map(|make| Node::start(make, &[]));
        let port = replica.port();
        for (ip, announced_port) in [("10.1.2.3", 7000), ("replica.example", 0), ("", 7001)] {
            replica.config("replica-announce-ip", ip);
            replica.config("replica-announce-port", &announced_port.to_string());
            replica.follow(master.port());
            let ip = if ip.is_empty() { "127.0.0.1" } else { ip };
            let port = if announced_port == 0 { port } else { announced_port };
            until("the master has it", || master.info("slave0").contains("state=online"));
            let line = master.info("slave0");
            assert!(line.starts_with(&format!("ip={ip},port={port},")), "{makes:?}: {line}");
            let Value::Array(role) = master.call(&["ROLE"]) else { panic!("{makes:?}: no ROLE") };
            let Value::Array(replicas) = &role[2] else { panic!("{makes:?}: {role:?}") };
            let Value::Array(told) = &replicas[0] else { panic!("{makes:?}: {role:?}") };
            assert_eq!([told[0].text(), told[1].text()], [ip, &port.to_string()], "{makes:?}");
            replica.done(&["REPLICAOF", "NO", "ONE"]);
            until("the master has lost it", || master.info("connected_slaves") == "0");
        }
    }
}

/// Without replicas for so long, there is nothing to go on from: neither the bytes nor the history.
#[test]
fn a_backlog_that_nobody_needs_goes() {
    for make in [Ours, Redis] {
        let (master, replica) = (Node::start(make, &["--repl-backlog-ttl", "1"]), Node::ours(&[]));
        replica.follow(master.port());
        master.done(&["SET", "k", "v"]);
        let id = master.info("master_replid");
        assert_eq!(master.info("repl_backlog_active"), "1");
        replica.done(&["REPLICAOF", "NO", "ONE"]);
        until("the backlog goes", || master.info("repl_backlog_active") == "0");
        assert_ne!(master.info("master_replid"), id, "{make:?}");
        replica.follow(master.port());
        assert_eq!([master.count("sync_full"), master.count("sync_partial_ok")], [2, 0], "{make:?}");
    }
}
/// What it holds stays when it may become longer; when it must become shorter the oldest go, without a write.
#[test]
fn a_backlog_changes_its_size_while_it_is_used() {
    for make in [Ours, Redis] {
        let (master, mut replica) = (Node::start(make, &["--repl-backlog-size", "20kb"]), Node::ours(&[]));
        replica.follow(master.port());
        let (port, value) = (master.port().to_string(), "v".repeat(10_000));
        // Whether the 300,000 bytes that it misses are there.
        for (round, size, is_enough) in [(1, "1mb", true), (2, "50kb", false)] {
            master.config("repl-backlog-size", size);
            replica.shut_down();
            for _ in 0..30 {
                master.done(&["SET", "k", &value]);
            }
            let before = [master.count("sync_full"), master.count("sync_partial_ok")];
            replica.again_with(&["--replicaof", "127.0.0.1", &port]);
            replica.await_link();
            let after = [master.count("sync_full"), master.count("sync_partial_ok")];
            let partial = u64::from(is_enough);
            let expected = [before[0] + 1 - partial, before[1] + partial];
            assert_eq!(after, expected, "{make:?}, round {round}");
            assert_same(&[&master, &replica]);
        }
    }
}
/// Its limits are for clients: what its master has taken it takes, too.
#[test]
fn what_is_too_much_for_clients_is_not_for_a_replica() {
    let limits = ["--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "1mb"];
    let value = "v".repeat(3 << 20);
    for make in [Ours, Redis] {
        let (master, replica) = (Node::start(make, &[]), Node::ours(&limits));
        replica.follow(master.port());
        master.done(&["SET", "by the stream", &value]);
        assert_same(&[&master, &replica]);
        replica.done(&["REPLICAOF", "NO", "ONE"]);
        replica.done(&["FLUSHALL"]);
        replica.follow(master.port());
        assert_same(&[&master, &replica]);
        assert_eq!(master.count("sync_full"), 2, "{make:?}");
    }
}

/// It is kept as long as there is a replica, and without end if so configured: the replica goes on where it was.
#[test]
fn a_backlog_that_is_needed_stays() {
    let (master, mut replica) = (Node::ours(&["--repl-backlog-ttl", "1"]), Node::ours(&[]));
    replica.follow(master.port());
    // Longer than that.
    until("time goes on", || master.count("uptime_in_seconds") > 3);
    assert_eq!(master.info("repl_backlog_active"), "1");
    master.config("repl-backlog-ttl", "0");
    replica.shut_down();
    let gone_at = master.count("uptime_in_seconds");
    until("time goes on", || master.count("uptime_in_seconds") > gone_at + 2);
    assert_eq!(master.info("repl_backlog_active"), "1");
    replica.again_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    replica.await_link();
    assert_eq!([master.count("sync_full"), master.count("sync_partial_ok")], [1, 1]);
}

/// The number is of the socket as it is now: connections of replicas change hands.
#[test]
fn the_list_of_clients_tells_sockets_of_replicas() {
    let (master, replica) = (Node::ours(&[]), Node::ours(&[]));
    replica.follow(master.port());
    let list = master.call(&["CLIENT", "LIST", "TYPE", "replica"]);
    let field = |name: &str| {
        let value = list.text().split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_string);
        value.unwrap_or_else(|| panic!("no {name} in {list:?}"))
    };
    let process = master.info("process_id");
    let link = std::fs::read_link(format!("/proc/{process}/fd/{}", field("fd="))).expect("it is open");
    let port: u16 = field("addr=127.0.0.1:").parse().expect("a port");
    // A line of it: number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode.
    let ends = [format!("0100007F:{:04X}", master.port()), format!("0100007F:{port:04X}")];
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("the system's connections");
    let words = |line: &'_ str| line.split_ascii_whitespace().map(str::to_string).collect::<Vec<_>>();
    let socket = sockets.lines().map(words).find(|words| words[1..3] == ends).expect("the connection");
    assert_eq!(link.to_string_lossy(), format!("socket:[{}]", socket[9]));
}

/// A sync begins as soon as so many wait for it, however long others would be waited for.
#[test]
fn a_sync_waits_for_no_more_than_it_may() {
    for make in [Ours, Redis] {
        let options = ["--repl-diskless-sync-delay", "3600", "--repl-diskless-sync-max-replicas", "2"];
        let master = Node::start(make, &options);
        // (The helper that starts nodes wants no delay.)
        master.config("repl-diskless-sync-delay", "3600");
        let port = master.port().to_string();
        let replicas = [Ours, Redis].map(|make| Node::start(make, &[]));
        replicas[0].done(&["REPLICAOF", "127.0.0.1", &port]);
        until("it waits", || master.info("slave0").contains("state=wait_bgsave"));
        replicas[1].done(&["REPLICAOF", "127.0.0.1", &port]);
        replicas.iter().for_each(Node::await_link);
        assert_eq!(master.count("sync_full"), 2, "{make:?}");
    }
}

/// `replica-announced no`: Sentinel reads it there, and leaves such a replica out of what it tells clients.
#[test]
fn a_replica_may_keep_itself_to_itself() {
    let master = Node::ours(&[]);
    for make in [Ours, Redis] {
        let replica = Node::start(make, &["--replica-announced", "no"]);
        replica.follow(master.port());
        assert_eq!(replica.info("replica_announced"), "0", "{make:?}");
        replica.config("replica-announced", "yes");
        assert_eq!(replica.info("replica_announced"), "1", "{make:?}");
    }
}

/// Who pauses a replica wants its data to stand still: also for what its master writes. Nothing of it is lost.
#[test]
fn a_paused_replica_stands_still() {
    for makes in [[Ours, Ours], [Redis, Ours]] {
        let [master, replica] = makes.map(|make| Node::start(make, &["--repl-ping-replica-period", "3600"]));
        let last = Node::ours(&[]);
        replica.follow(master.port());
        last.follow(replica.port());
        master.done(&["SET", "n", "0"]);
        assert_same(&[&master, &replica, &last]);
        let read = || replica.count("slave_read_repl_offset");
        for _ in 0..3 {
            let stood_at = replica.count("slave_repl_offset");
            replica.done(&["CLIENT", "PAUSE", "100000", "WRITE"]);
            for _ in 0..100 {
                master.done(&["INCR", "n"]);
            }
            until("something of it is there", || read() > stood_at);
            assert_eq!(replica.count("slave_repl_offset"), stood_at, "{makes:?}");
            assert_eq!(replica.call(&["GET", "n"]), last.call(&["GET", "n"]));
            replica.done(&["CLIENT", "UNPAUSE"]);
            assert_same(&[&master, &replica, &last]);
        }
        assert_eq!([master.count("sync_full"), replica.count("sync_full")], [1, 1], "{makes:?}");
        // What is paused for ever may still be told to follow nobody.
        replica.done(&["CLIENT", "PAUSE", "100000", "WRITE"]);
        master.done(&["INCR", "n"]);
        until("it is there", || read() > replica.count("slave_repl_offset"));
        replica.done(&["REPLICAOF", "NO", "ONE"]);
        replica.done(&["CLIENT", "UNPAUSE"]);
        assert_eq!(replica.call(&["GET", "n"]), Value::bulk("300"), "{makes:?}");
        replica.follow(master.port());
        assert_same(&[&master, &replica]);
    }
}
