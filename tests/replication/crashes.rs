//! Servers that die and come back, and servers that take another's place.
use crate::{
    load::{Extras, Loader},
    node::{
        Make::{self, Ours, Redis},
        Node, until,
    },
    number,
    state::{assert_same, converge_nodes},
    support::{Value, client::encode},
};

const SEED: u64 = 77_016_003;
/// Nothing gets into the stream but what clients write: offsets are those of the data.
const QUIET: &[&str] = &["--repl-ping-replica-period", "3600"];

fn load_some(node: &Node) {
    let seed = number("REPLICATION_SEED", SEED);
    println!("REPLICATION_SEED={seed}");
    Loader::start(node, seed, Extras::COMMON).stop_after(500);
    node.done(&["SET", "at the end", "there is something"]);
}

fn syncs(node: &Node) -> [u64; 3] {
    ["sync_full", "sync_partial_ok", "sync_partial_err"].map(|field| node.count(field))
}

/// Options with which a server follows another from its start.
fn following<'a>(port: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    [&["--replicaof", "127.0.0.1", port], others].concat()
}

/// What it was sent in full may be in a file: then it goes on from there.
#[test]
fn a_killed_replica_begins_anew_or_with_what_it_was_sent() {
    for (load, full, partial) in [("on-empty-db", 2, 0), ("disabled", 1, 1)] {
        for [master, replica] in [[Ours, Ours], [Ours, Redis], [Redis, Ours]] {
            println!("{master:?} and {replica:?}, {load}");
            let master = Node::start(master, &["--repl-backlog-size", "256mb"]);
            load_some(&master);
            let port = master.port().to_string();
            let mut replica = Node::start(replica, &following(&port, &["--repl-diskless-load", load]));
            replica.await_link();
            let load = Loader::start(&master, SEED, Extras::COMMON);
            replica.kill();
            replica.again();
            replica.await_link();
            load.stop();
            assert_same(&[&master, &replica]);
            let syncs = syncs(&master);
            // Redis' child that still serves the dead one takes the next one with it.
            let is_full = syncs[0] == full || master.make == Redis && partial == 0 && syncs[0] > full;
            assert!(is_full && syncs[1..] == [partial, 0], "{syncs:?}\n{}", replica.output());
        }
    }
}
/// SAVE says where in the stream its data are, though nobody had been told yet of what came just before it; what the new
/// master tells from there on selects its database.
#[test]
fn a_killed_master_goes_on_from_what_it_saved() {
    for log in ["no", "yes"] {
        for save in [&["SAVE"][..], &["DEBUG", "RELOAD"]] {
            let master = Node::ours(&[QUIET, &["--save", ""]].concat());
            let replica = Node::ours(&[QUIET, &["--repl-backlog-size", "1mb"]].concat());
            let mut master = master;
            replica.follow(master.port());
            replica.await_link();
            master.config("appendonly", log);
            let mut client = master.connect();
            client.call(&["SELECT", "3"]);
            client.call(&["SET", "x", "0"]);
            // In one packet, so that the write is still untold when the file is made.
            let packet = [encode(&["INCR", "x"]), encode(&["PUBLISH", "c", "m"]), encode(save)].concat();
            client.send_raw(&packet).expect("it is taken");
            let replies = [(); 3].map(|()| client.receive());
            assert_eq!(replies, [Value::Integer(1), Value::Integer(0), Value::ok()]);
            client.call(&["INCR", "x"]);
            converge_nodes(&[&master, &replica]);
            master.kill();
            replica.done(&["REPLICAOF", "NO", "ONE"]);
            let mut client = replica.connect();
            client.call(&["SELECT", "3"]);
            client.call(&["INCR", "x"]);
            master.again_with(&following(&replica.port().to_string(), QUIET));
            master.await_link();
            assert_same(&[&replica, &master]);
            assert_eq!(syncs(&replica), [0, 1, 0], "{log}, {save:?}\n{}", master.output());
            assert_eq!(client.call(&["GET", "x"]).text(), "3");
        }
    }
}
/// With save points FLUSHALL has an empty file saved, too: its reply waits for the log all the same.
#[test]
fn what_was_deleted_before_a_kill_is_deleted() {
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut node = Node::ours(&options);
    node.config("save", "3600 1");
    for _ in 0..3 {
        node.done(&["SET", "a", "1"]);
        node.done(&["DEBUG", "AOF-FLUSH-SLEEP", "300000"]);
        node.done(&["FLUSHALL"]);
        node.kill();
        node.again();
        node.config("save", "3600 1");
        assert_eq!(node.call(&["DBSIZE"]), Value::Integer(0));
    }
}
#[test]
fn a_killed_replica_with_a_log_comes_back() {
    let master = Node::ours(&["--repl-backlog-size", "256mb"]);
    load_some(&master);
    let port = master.port().to_string();
    let mut replica = Node::ours(&following(&port, &["--appendonly", "yes"]));
    replica.await_link();
    for _ in 0..3 {
        let load = Loader::start(&master, SEED, Extras::COMMON);
        replica.kill();
        replica.again();
        replica.await_link();
        load.stop();
        assert_same(&[&master, &replica]);
    }
    // What the log says is what the stream said.
    until("the log has a base", || {
        ["aof_rewrite_in_progress", "aof_rewrite_scheduled"].iter().all(|field| replica.info(field) == "0")
    });
    Loader::start(&master, SEED, Extras::COMMON).stop_after(500);
    assert_same(&[&master, &replica]);
    replica.shut_down();
    replica.again_with(&["--appendonly", "yes"]);
    assert_eq!(replica.call(&["DEBUG", "DIGEST"]), master.call(&["DEBUG", "DIGEST"]));
}
#[test]
fn a_replica_that_ended_goes_on_from_its_snapshot() {
    for [master, replica] in [[Ours, Ours], [Ours, Redis], [Redis, Ours]] {
        let master = Node::start(master, &["--repl-backlog-size", "256mb"]);
        load_some(&master);
        let port = master.port().to_string();
        let mut replica = Node::start(replica, &following(&port, &[]));
        replica.await_link();
        let load = Loader::start(&master, SEED, Extras::COMMON);
        replica.shut_down();
        replica.again();
        replica.await_link();
        load.stop();
        assert_same(&[&master, &replica]);
        assert_eq!(syncs(&master), [1, 1, 0], "\n{}", replica.output());
    }
}
/// What came due while it was down is its master's to delete, from its first moment on: whatever it told itself would put it
/// out of step for good.
#[test]
fn a_replica_that_ended_leaves_to_its_master_what_came_due() {
    let master = Node::start(Ours, &["--repl-backlog-size", "256mb"]);
    let port = master.port().to_string();
    let mut replica = Node::start(Ours, &following(&port, &[]));
    replica.await_link();
    for round in 1..=8 {
        let mut client = master.connect();
        for number in 0..30 {
            client.call(&["SET", &format!("brief:{number}"), "v", "PX", "150"]);
            client.call(&["HSET", &format!("hash:{number}"), "brief", "v", "lasting", "w"]);
            client.call(&["HPEXPIRE", &format!("hash:{number}"), "150", "FIELDS", "1", "brief"]);
        }
        client.call(&["WAIT", "1", "0"]);
        replica.shut_down();
        until("what was brief is over", || master.call(&["EXISTS", "brief:29"]) == Value::Integer(0));
        replica.again();
        (0..20).for_each(|_| drop(client.call(&["INCR", "count"])));
        replica.await_link();
        assert_same(&[&master, &replica]);
        assert_eq!(syncs(&master), [1, round, 0], "\n{}", replica.output());
    }
}
#[test]
fn a_master_that_ended_goes_on_from_its_snapshot() {
    for [master, replica] in [[Ours, Ours], [Ours, Redis], [Redis, Ours]] {
        let mut master = Node::start(master, QUIET);
        let replica = Node::start(replica, QUIET);
        load_some(&master);
        replica.follow(master.port());
        load_some(&master);
        converge_nodes(&[&master, &replica]);
        let before = master.info("master_replid");
        master.shut_down();
        until("the link is down", || replica.info("master_link_status") == "down");
        master.again();
        replica.await_link();
        load_some(&master);
        assert_same(&[&master, &replica]);
        assert_eq!(syncs(&master), [0, 1, 0], "{:?}\n{}", master.make, replica.output());
        assert_eq!(master.info("master_replid2"), before);
        assert_eq!(replica.info("master_replid"), master.info("master_replid"));
    }
}
#[test]
fn a_killed_master_comes_back_with_its_log_or_with_nothing() {
    for options in [&["--appendonly", "yes", "--appendfsync", "always"][..], &[]] {
        let mut master = Node::ours(options);
        let replicas = [Node::ours(&[]), Node::start(Redis, &[])];
        replicas.iter().for_each(|replica| replica.follow(master.port()));
        load_some(&master);
        let load = Loader::start(&master, SEED, Extras::COMMON);
        master.kill();
        load.stop();
        until("the links are down", || replicas.iter().all(|node| node.info("master_link_status") == "down"));
        master.again();
        replicas.iter().for_each(Node::await_link);
        assert_eq!(master.call(&["EXISTS", "at the end"]).integer(), !options.is_empty() as i64);
        load_some(&master);
        assert_same(&[&master, &replicas[0], &replicas[1]]);
    }
}

/// What becomes of the one that was the master.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Old {
    /// It is told to follow the new one.
    Demoted,
    /// It ends with a snapshot, and comes back as a replica.
    Ended,
    /// It is killed, and comes back with nothing.
    Killed,
}
#[test]
fn a_replica_takes_the_place_of_its_master() {
    for old in [Old::Demoted, Old::Ended, Old::Killed] {
        promote([Ours, Ours, Ours], old);
    }
}
#[test]
fn a_replica_takes_the_place_of_its_master_among_redis() {
    promote([Redis, Ours, Redis], Old::Demoted);
    promote([Ours, Redis, Ours], Old::Demoted);
    promote([Ours, Ours, Redis], Old::Ended);
}

/// The second follows the first, and so does the third; then the second leads.
fn promote(makes: [Make; 3], old: Old) {
    println!("{makes:?} {old:?}");
    let [mut first, second, third] = makes.map(|make| Node::start(make, QUIET));
    load_some(&first);
    [&second, &third].iter().for_each(|node| node.follow(first.port()));
    load_some(&first);
    converge_nodes(&[&first, &second, &third]);
    let history = first.info("master_replid");
    let offset: u64 = second.info("master_repl_offset").parse().expect("an offset");
    if old == Old::Killed {
        first.kill();
    }
    second.done(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(second.info("role"), "master");
    // The old history is good for whoever asks for what follows this byte, or for one before.
    assert_eq!(second.info("second_repl_offset"), (offset + 1).to_string());
    assert_eq!(second.info("master_replid2"), history);
    assert_ne!(second.info("master_replid"), history);
    third.follow(second.port());
    load_some(&second);
    let port = second.port().to_string();
    match old {
        Old::Demoted => first.follow(second.port()),
        Old::Ended => {
            first.shut_down();
            first.again_with(&following(&port, QUIET));
        }
        Old::Killed => first.again_with(&following(&port, QUIET)),
    }
    first.await_link();
    load_some(&second);
    assert_same(&[&second, &first, &third]);
    let expected = if old == Old::Killed { [1, 1, 0] } else { [0, 2, 0] };
    assert_eq!(syncs(&second), expected, "\n{}", second.output());
    for node in [&first, &third] {
        assert_eq!(node.info("master_replid"), second.info("master_replid"));
    }
}

/// Anybody, again and again, under load.
#[test]
fn any_of_a_chain_is_killed() {
    let mut random = fastrand::Rng::with_seed(number("REPLICATION_SEED", SEED));
    let log = &["--appendonly", "yes"];
    let master = Node::ours(log);
    let port = master.port().to_string();
    let middle = Node::ours(&following(&port, &["--repl-diskless-load", "swapdb"]));
    let port = middle.port().to_string();
    let last = Node::ours(&following(&port, log));
    let mut nodes = [master, middle, last];
    nodes[1..].iter().for_each(Node::await_link);
    for round in 0..6 {
        let load = Loader::start(&nodes[0], SEED + round, Extras::COMMON);
        let (victim, bystander) = (random.usize(..3), random.usize(..3));
        println!("round {round}: {victim} and {bystander} die");
        nodes[victim].kill();
        if bystander != victim {
            nodes[bystander].kill();
            nodes[bystander].again();
        }
        nodes[victim].again();
        load.stop();
        load_some(&nodes[0]);
        nodes[1..].iter().for_each(Node::await_link);
        assert_same(&nodes.each_ref());
    }
}
