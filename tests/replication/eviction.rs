//! Eviction on a master reaches its replicas as effects; a replica evicts by itself only if it is told to.
use crate::{
    node::{
        Make::{Ours, Redis},
        Node, until,
    },
    state::{assert_same, converge_nodes},
    support::Value,
};

fn keys(node: &Node) -> i64 {
    node.call(&["DBSIZE"]).integer()
}
/// Writes far more than there is room for, of all sizes, into two databases.
fn overfill(master: &Node) {
    let limit = master.count("used_memory") + (16 << 20);
    master.config("maxmemory", &limit.to_string());
    let mut client = master.connect();
    for number in 0..6000 {
        let key = format!("key:{number}");
        let command: &[&str] = match number % 8 {
            0 => &["SET", &key, &"v".repeat(20_000)],
            1 => &["SETEX", &key, "10000", &"v".repeat(3000)],
            2 => &["RPUSH", &key, "a", "b", &"c".repeat(5000)],
            3 => &["HSET", &key, "f", &"v".repeat(100)],
            4 => &["SET", &key, &"v".repeat(90_000)],
            5 => &["SELECT", if number % 16 == 5 { "1" } else { "0" }],
            6 => &[
                "EVAL",
                "for n = 1, 100 do redis.call('SADD', KEYS[1], n .. ':' .. ARGV[1]) end",
                "1",
                &key,
                &key,
            ],
            _ => &["INCR", "count"],
        };
        let reply = client.call(command);
        assert!(!reply.is_error(), "{:?}, {} {key}: {reply:?}", master.make, command[0]);
        if number % 50 == 0 {
            // What waits for replicas is not to be what the memory is full of.
            client.call(&["WAIT", "2", "0"]);
        }
    }
    assert!(master.count("evicted_keys") > 100, "{} have gone", master.count("evicted_keys"));
    // Nobody goes any more while they are compared.
    master.config("maxmemory", "0");
}

#[test]
fn replicas_have_what_their_master_has() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let masters = [Node::ours(&["--appendonly", "yes"]), Node::start(Redis, &[])];
        for (master, makes) in masters.iter().zip([[Ours, Redis], [Ours, Ours]]) {
            master.config("maxmemory-policy", policy);
            let replicas = makes.map(|make| Node::start(make, &["--appendonly", "yes"]));
            replicas.iter().for_each(|replica| replica.follow(master.port()));
            // They would have no room themselves, but that is not theirs to see to.
            replicas.iter().for_each(|replica| {
                replica.config("maxmemory-policy", "allkeys-random");
                replica.config("maxmemory", "1");
            });
            overfill(master);
            assert_same(&[master, &replicas[0], &replicas[1]]);
            assert!(replicas.iter().all(|replica| replica.count("evicted_keys") == 0));
        }
    }
}

#[test]
fn a_replica_that_is_told_to_evicts_by_itself() {
    for make in [Ours, Redis] {
        let [master, below] = [&[][..], &[]].map(Node::ours);
        let mut replica = Node::start(make, &["--appendonly", "yes", "--appendfsync", "always"]);
        replica.follow(master.port());
        below.follow(replica.port());
        let pairs = (0..100).flat_map(|number| [format!("key:{number}"), "v".into()]);
        let words: Vec<String> = ["MSET".to_string()].into_iter().chain(pairs).collect();
        assert_eq!(master.connect().call(&words), Value::ok());
        converge_nodes(&[&master, &replica, &below]);
        replica.config("replica-ignore-maxmemory", "no");
        replica.config("maxmemory-policy", "allkeys-lru");
        replica.config("maxmemory", "1");
        until("all have gone", || keys(&replica) == 0);
        replica.config("maxmemory", "0");
        // It hands the stream on as it is: its own deletions are nobody else's.
        master.done(&["SET", "k", "v"]);
        master.done(&["DEL", "key:7"]);
        converge_nodes(&[&master, &replica, &below]);
        assert_eq!([&master, &replica, &below].map(keys), [100, 1, 100]);
        assert_same(&[&master, &below]);
        // Its own log has them.
        replica.done(&["REPLICAOF", "NO", "ONE"]);
        replica.kill();
        replica.again();
        assert_eq!((keys(&replica), replica.call(&["GET", "k"])), (1, Value::bulk("v")));
    }
}

/// What a master has done is done here, too, whether there is room or not.
#[test]
fn a_master_is_never_refused() {
    let [master, replica] = [&[][..], &["--replica-ignore-maxmemory", "no"]].map(Node::ours);
    replica.follow(master.port());
    replica.config("maxmemory", "1");
    master.done(&["SET", "k", "v"]);
    master.done(&["EVAL", "#!lua\nreturn redis.call('SET', 'l', 'v')", "0"]);
    assert_same(&[&master, &replica]);
    assert_eq!(replica.info("unexpected_error_replies"), "0");
}

#[test]
fn a_promoted_replica_drops_nothing_for_what_keys_left_behind_in_its_wheel() {
    let [master, replica] = [&[][..], &["--maxmemory-policy", "allkeys-lru"]].map(Node::ours);
    replica.follow(master.port());
    for lines in [
        "redis.call('SET', 'live:' .. n, 'v', 'EX', 10000)",
        "redis.call('SET', 'gone:' .. n, 'v', 'EX', 10000)",
        "redis.call('DEL', 'gone:' .. n)",
    ] {
        assert_eq!(
            master.call(&["EVAL", &format!("for n = 1, 100000 do {lines} end"), "0"]),
            Value::NullBulk
        );
    }
    converge_nodes(&[&master, &replica]);
    let limit = replica.count("used_memory") - (400 << 10);
    replica.config("maxmemory", &limit.to_string());
    replica.done(&["REPLICAOF", "NO", "ONE"]);
    replica.done(&["SET", "written", "at once"]);
    until("what is left behind has been freed", || replica.count("used_memory") < limit);
    assert_eq!((keys(&replica), replica.count("evicted_keys")), (100_001, 0));
}

#[test]
fn a_promoted_replica_holds_its_limit_from_the_first_write_on() {
    let [master, replica] = [&[][..], &["--maxmemory-policy", "noeviction"]].map(Node::ours);
    replica.follow(master.port());
    master.done(&["SET", "k", "v"]);
    converge_nodes(&[&master, &replica]);
    let limit = replica.count("used_memory") + (5 << 20);
    replica.config("maxmemory", &limit.to_string());
    replica.done(&["REPLICAOF", "NO", "ONE"]);
    let mut client = replica.connect();
    let large = "v".repeat(1 << 20);
    let refused = (0..30).filter(|number| client.call(&["SET", &format!("k:{number}"), &large]).is_error());
    assert!(refused.count() > 20);
}
