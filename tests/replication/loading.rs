//! While the data of a master are being loaded: a part of them is nobody's data, and nobody hangs on it.
use crate::{
    node::{Node, until},
    proxy::{Proxy, Weather},
    support::{Client, Value, client::encode},
};

const OLD: i64 = 100;
const NEW: i64 = 20_000;

fn master() -> Node {
    let master = Node::ours(&[]);
    master.done(&["DEBUG", "POPULATE", &NEW.to_string()]);
    master
}
/// With data of its own; loading takes it three seconds.
fn replica(options: &[&str]) -> Node {
    let replica = Node::ours(&[&["--key-load-delay", "150"], options].concat());
    replica.done(&["DEBUG", "POPULATE", &OLD.to_string(), "old"]);
    replica
}
fn is_refused(reply: &Value) -> bool {
    reply.is_error() && reply.text().starts_with("LOADING")
}

/// It is on the medium.
fn write_for_good(replica: &Node, key: &str) {
    let mut client = replica.connect();
    assert_eq!(client.call(&["SET", key, "v"]), Value::ok());
    let safe = Value::Array(vec![Value::Integer(1), Value::Integer(0)]);
    assert_eq!(client.call(&["WAITAOF", "1", "0", "0"]), safe);
}

/// What was admitted before the data are replaced, and waits for the end of a pause, meets all of the old or of the new ones.
#[test]
fn nobody_meets_a_part_of_the_data() {
    let master = master();
    let is_whole = |reply: &Value| [OLD, NEW].map(Value::Integer).contains(reply);
    let script = ["EVAL", "return redis.call('DBSIZE')", "0"];
    for (held, is_paused) in [
        (&["DBSIZE"][..], true),
        (&["REPLICAOF", "NO", "ONE"], true),
        (&script, true),
        // Behind a command that waits.
        (&["DBSIZE"], false),
        (&["REPLICAOF", "NO", "ONE"], false),
        (&["REPLICAOF", "127.0.0.1", "1"], false),
    ] {
        let replica = replica(&[]);
        let proxy = Proxy::start(master.port(), 1);
        proxy.set(Weather { holds: true, ..Weather::FAIR });
        replica.done(&["REPLICAOF", "127.0.0.1", &proxy.port().to_string()]);
        let mut client = replica.connect();
        if is_paused {
            let scope = if held == script { "WRITE" } else { "ALL" };
            replica.done(&["CLIENT", "PAUSE", "1000", scope]);
            client.send(held);
        } else {
            let wait = ["XREAD", "BLOCK", "1000", "STREAMS", "nothing", "$"];
            client.send_raw(&[encode(&wait), encode(held)].concat()).expect("the server takes it");
            until("it waits", || replica.info("blocked_clients") == "1");
        }
        proxy.set(Weather::FAIR);
        if !is_paused {
            assert_eq!(client.receive(), Value::NullArray);
        }
        let reply = client.receive();
        assert!(is_whole(&reply) || is_refused(&reply) || reply == Value::ok(), "{held:?}: {reply:?}");
        // Whatever came of it: a master has all of one kind, and a replica will.
        if replica.info("role") == "master" {
            assert!(is_whole(&replica.call(&["DBSIZE"])), "{held:?}");
        } else {
            replica.await_link();
            assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(NEW), "{held:?}");
        }
    }
}

/// Who was on the way when the old data went is told so, as those are who come later.
#[test]
fn nobody_waits_for_the_end_of_it() {
    let master = master();
    let replica = replica(&["--key-load-delay", "2000"]);
    let proxy = Proxy::start(master.port(), 1);
    proxy.set(Weather { holds: true, ..Weather::FAIR });
    replica.done(&["REPLICAOF", "127.0.0.1", &proxy.port().to_string()]);
    let mut client = replica.connect();
    let id = client.call(&["CLIENT", "ID"]).integer().to_string();
    let script = ["EVAL", "return redis.call('DBSIZE')", "0"];
    let behind: [&[&str]; 5] =
        [&["GET", "old:1"], &["DBSIZE"], &script, &["REPLICAOF", "NO", "ONE"], &["ECHO", "x"]];
    let wait: &[&str] = &["XREAD", "BLOCK", "0", "STREAMS", "nothing", "$"];
    let all: Vec<u8> = [&[wait], &behind[..]].concat().iter().flat_map(|command| encode(command)).collect();
    client.send_raw(&all).expect("the server takes it");
    until("it waits", || replica.info("blocked_clients") == "1");
    proxy.set(Weather::FAIR);
    until("it loads", || replica.info("loading") == "1");
    assert_eq!(replica.call(&["CLIENT", "UNBLOCK", &id]), Value::Integer(1));
    assert_eq!(client.receive(), Value::NullArray);
    for command in behind {
        let reply = client.receive();
        match command[0] {
            "ECHO" => assert_eq!(reply, Value::bulk("x")),
            _ => assert!(is_refused(&reply), "{command:?}: {reply:?}"),
        }
    }
    assert_eq!(replica.info("loading"), "1");
    replica.config("key-load-delay", "0");
    replica.await_link();
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(NEW));
}

/// What falls due amid it waits: whoever crashes then has the data of before, or all of the new ones.
#[test]
fn a_part_of_the_data_is_not_saved() {
    let master = master();
    let mut replica = replica(&["--appendonly", "yes", "--auto-aof-rewrite-min-size", "1"]);
    replica.done(&["SET", "changed", "1"]);
    replica.done(&["BGREWRITEAOF"]);
    until("all is rewritten", || replica.info("aof_rewrite_in_progress") == "0");
    replica.done(&["BGSAVE"]);
    until("all is saved", || replica.info("rdb_changes_since_last_save") == "0");
    // Changes, and a log that has grown.
    replica.done(&["SET", "changed", "2"]);
    replica.config("auto-aof-rewrite-percentage", "0");
    let saves = || replica.output().matches("Background saving started").count();
    let rewrites = || replica.count("aof_rewrites");
    let before = (saves(), rewrites());
    replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    until("it loads", || replica.info("loading") == "1");
    replica.config("save", "1 1");
    replica.config("auto-aof-rewrite-percentage", "1");
    let loaded = || replica.info("loading_loaded_perc").parse::<f64>().unwrap_or(0.0);
    // The save point was a second ago.
    until("it has loaded the most", || loaded() > 70.0);
    let now = (saves(), rewrites());
    assert_eq!((replica.info("loading").as_str(), now), ("1", before), "{}", replica.output());
    replica.kill();
    for log in ["no", "yes"] {
        replica.again_with(&["--appendonly", log]);
        // One key more was changed.
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(OLD + 1), "appendonly {log}");
        replica.kill();
    }
    replica.again_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    replica.await_link();
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(NEW));
}

/// Sentinel sends transactions, and asks behind them on the same connection whether somebody is there.
#[test]
fn transactions_wait_only_for_what_they_need() {
    let master = master();
    let replica = replica(&[]);
    replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    until("it loads", || replica.info("loading") == "1");
    let mut client = replica.connect();
    let last = |client: &mut Client, commands: &[&[&str]]| {
        commands.iter().map(|command| client.call(command)).last().expect("a command")
    };
    assert_eq!(last(&mut client, &[&["MULTI"], &["DISCARD"]]), Value::ok());
    let reply = last(&mut client, &[&["MULTI"], &["GET", "k"], &["EXEC"]]);
    assert!(reply.text().starts_with("EXECABORT"), "{reply:?}");
    let reply = last(
        &mut client,
        &[&["MULTI"], &["INFO", "server"], &["CLIENT", "KILL", "TYPE", "pubsub"], &["EXEC"]],
    );
    assert!(matches!(&reply, Value::Array(replies) if replies.len() == 2), "{reply:?}");
    assert_eq!(replica.info("loading"), "1");
    replica.await_link();
}

/// Whoever ends before the log has a base of the new data starts with the old ones, not with what came behind the new.
#[test]
fn the_log_is_of_the_old_data_or_of_the_new() {
    let master = Node::ours(&[]);
    master.done(&["DEBUG", "POPULATE", &NEW.to_string()]);
    for load in ["disabled", "swapdb"] {
        let mut replica = Node::ours(&["--appendonly", "yes", "--repl-diskless-load", load]);
        for number in 0..OLD {
            replica.done(&["SET", &format!("old:{number}"), "v"]);
        }
        // The base takes four seconds.
        replica.config("rdb-key-save-delay", "200");
        replica.follow(master.port());
        master.done(&["SET", "after", "v"]);
        until("it has it", || replica.call(&["EXISTS", "after"]) == Value::Integer(1));
        let reply = replica.call(&["SHUTDOWN"]);
        assert!(reply.text().starts_with("ERR Errors trying to SHUTDOWN"), "{load}: {reply:?}");
        assert_eq!(replica.info("aof_rewrite_in_progress"), "1");
        replica.kill();
        replica.again();
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(OLD), "{load}");
        // Once more, and now it may end.
        replica.follow(master.port());
        until("there is a base", || {
            replica.info("aof_rewrite_in_progress") == "0" && replica.info("aof_rewrite_scheduled") == "0"
        });
        replica.done(&["REPLICAOF", "NO", "ONE"]);
        write_for_good(&replica, "after that");
        let keys = replica.call(&["DBSIZE"]);
        replica.kill();
        replica.again();
        assert_eq!(replica.call(&["DBSIZE"]), keys, "{load}");
        master.done(&["DEL", "after"]);
    }
}

/// A base that cannot be written is tried again until it can.
#[test]
fn a_base_of_the_new_data_is_tried_again() {
    let master = master();
    let mut replica = Node::ours(&["--appendonly", "yes"]);
    replica.done(&["SET", "old", "v"]);
    let place = replica.dir().join("appendonlydir/appendonly.aof.2.base.rdb");
    std::fs::create_dir_all(place.join("by a folder")).expect("a folder");
    replica.follow(master.port());
    replica.await_printed("Background append only file rewriting error");
    std::fs::remove_dir_all(&place).expect("our own folder");
    replica.done(&["REPLICAOF", "NO", "ONE"]);
    until("there is a base", || !replica.call(&["SET", "key", "v"]).is_error());
    write_for_good(&replica, "after");
    replica.kill();
    replica.again();
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(NEW + 2));
}

/// They would mix with what comes.
#[test]
fn no_file_is_loaded_beside() {
    let master = master();
    let replica = replica(&["--appendonly", "yes"]);
    replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    until("it loads", || replica.info("loading") == "1");
    for command in [&["DEBUG", "LOADAOF"][..], &["DEBUG", "RELOAD"], &["DEBUG", "RELOAD", "NOSAVE"]] {
        let reply = replica.call(command);
        assert!(is_refused(&reply), "{command:?}: {reply:?}");
    }
    replica.await_link();
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(NEW));
}

/// What Persistence says of the log that ended is not taken for a word about the next: a rewrite or a save ends at the same time.
#[test]
fn each_log_hears_what_is_said_of_it() {
    let master = Node::ours(&[]);
    master.done(&["DEBUG", "POPULATE", "1000"]);
    let mut replica = Node::ours(&["--appendonly", "yes", "--repl-diskless-load", "swapdb"]);
    for round in 0..400 {
        // There is nothing to go on from.
        replica.done(&["REPLICAOF", "NO", "ONE"]);
        replica.done(&["DEBUG", "CHANGE-REPL-ID"]);
        replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        // One may be running.
        replica.call(&[if round % 2 == 0 { "BGREWRITEAOF" } else { "BGSAVE" }]);
        replica.await_link();
    }
    replica.done(&["REPLICAOF", "NO", "ONE"]);
    write_for_good(&replica, "after");
    assert!(!replica.output().contains("switched meanwhile"), "{}", replica.output());
    replica.kill();
    replica.again();
    assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(1001));
}
