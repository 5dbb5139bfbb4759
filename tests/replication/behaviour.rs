//! What clients of masters and replicas are told, and what they may do.
use crate::{
    node::{Make, Make::Ours, Make::Redis, Node, until},
    proxy::{Proxy, Weather},
    state::{assert_same, converge_nodes},
    support::{Client, Protocol, Value, client::encode, server::free_port},
};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// A master and a replica of it.
fn pair(options: &[&str]) -> [Node; 2] {
    pair_of([Ours, Ours], options)
}
fn pair_of(makes: [Make; 2], options: &[&str]) -> [Node; 2] {
    let [master, replica] = makes.map(|make| Node::start(make, options));
    replica.follow(master.port());
    [master, replica]
}

fn error(reply: Value) -> String {
    assert!(reply.is_error(), "{reply:?}");
    reply.text()
}
fn texts(value: &Value) -> Vec<String> {
    value.items().iter().map(Value::text).collect()
}
/// A reply that both makes give, to the letter.
fn both<T: PartialEq + std::fmt::Debug>(nodes: [&Node; 2], ask: impl Fn(&Node) -> T) -> T {
    let [ours, theirs] = nodes.map(&ask);
    assert_eq!(ours, theirs, "ours and redis-server's");
    ours
}

#[test]
fn a_replica_is_only_read() {
    let [master, ours] = pair(&[]);
    let theirs = Node::start(Redis, &[]);
    theirs.follow(master.port());
    master.done(&["SET", "k", "v"]);
    master.done(&["RPUSH", "l", "1"]);
    converge_nodes(&[&master, &ours, &theirs]);
    for command in [
        &["SET", "k", "w"][..],
        &["DEL", "nothing"],
        &["FLUSHALL"],
        &["PFADD", "h"],
        &["EVAL", "return redis.call('SET', KEYS[1], 1)", "1", "k"],
        &["EVAL", "#!lua\nreturn redis.call('GET', KEYS[1])", "1", "k"],
        &["EVAL", "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])", "1", "k"],
        &["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)"],
        &["BLPOP", "l", "0"],
        &["SORT", "l", "STORE", "k"],
        &["SORT", "l"],
        &["GETEX", "k"],
        &["PUBLISH", "c", "m"],
        &["SWAPDB", "0", "1"],
        &["GET", "k"],
    ] {
        // What versions say of a script differs.
        let reply = |node: &Node| match node.call(command) {
            Value::Error(text) => Value::Error(text.split(' ').next().unwrap_or_default().into()),
            reply => reply,
        };
        both([&ours, &theirs], reply);
    }
    let refusal = error(ours.call(&["SET", "k", "w"]));
    assert_eq!(refusal, "READONLY You can't write against a read only replica.");
    both([&ours, &theirs], |node| {
        let mut client = node.connect();
        [&["MULTI"][..], &["GET", "k"], &["SET", "k", "w"], &["EXEC"]].map(|command| client.call(command))
    });
    assert_same(&[&master, &ours, &theirs]);
}

#[test]
fn a_writable_replica_keeps_what_it_is_given_for_itself() {
    let [master, replica] = pair(&["--replica-read-only", "no"]);
    replica.done(&["SET", "own", "1"]);
    replica.done(&["SET", "short", "1", "PX", "20"]);
    master.done(&["SET", "common", "1"]);
    converge_nodes(&[&master, &replica]);
    until("its own key has expired", || replica.call(&["DBSIZE"]).integer() == 2);
    assert_eq!(replica.call(&["MGET", "own", "common"]).items(), ["1", "1"].map(Value::bulk));
    assert_eq!(master.call(&["DBSIZE"]).integer(), 1);
    replica.config("replica-read-only", "yes");
    assert!(error(replica.call(&["SET", "own", "2"])).starts_with("READONLY"));
}

#[test]
fn stale_data_are_served_if_that_is_wanted() {
    for make in [Ours, Redis] {
        let mut master = Node::ours(&[]);
        let replica = Node::start(make, &[]);
        master.done(&["SET", "k", "v"]);
        replica.follow(master.port());
        master.kill();
        until("the link is down", || replica.info("master_link_status") == "down");
        assert_eq!(replica.call(&["GET", "k"]), Value::bulk("v"));
        replica.config("replica-serve-stale-data", "no");
        let refusal = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
        for command in [&["GET", "k"][..], &["DBSIZE"]] {
            assert_eq!(error(replica.call(command)), refusal, "{make:?} {command:?}");
        }
        assert!(replica.call(&["EVAL", "return redis.call('GET', KEYS[1])", "1", "k"]).is_error());
        assert!(!replica.call(&["INFO"]).is_error() && !replica.call(&["ROLE"]).is_error());
        assert_eq!(texts(&replica.call(&["ROLE"]))[0], "slave");
    }
}

#[test]
fn too_few_replicas_are_no_reason_to_write() {
    for make in [Ours, Redis] {
        let master = Node::start(make, &["--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"]);
        let refusal = "NOREPLICAS Not enough good replicas to write.";
        assert_eq!(error(master.call(&["SET", "k", "v"])), refusal);
        assert_eq!(
            error(master.call(&["EVAL", "return redis.call('SET', KEYS[1], 1)", "1", "k"])).split(' ').next(),
            Some("NOREPLICAS")
        );
        assert_eq!(master.call(&["GET", "k"]), Value::NullBulk);
        let mut replica = Node::ours(&[]);
        replica.follow(master.port());
        until("the replica counts", || master.info("min_slaves_good_slaves") == "1");
        until("writes are allowed", || master.call(&["SET", "k", "v"]) == Value::ok());
        replica.kill();
        until("the replica is gone", || master.info("connected_slaves") == "0");
        until("writes are refused", || master.call(&["SET", "k", "v"]).is_error());
        assert_eq!(error(master.call(&["SET", "k", "v"])), refusal);
    }
}

#[test]
fn wait_counts_replicas() {
    let master = Node::ours(&[]);
    assert_eq!(master.call(&["WAIT", "0", "10"]).integer(), 0);
    let proxy = Proxy::start(master.port(), 1);
    let [one, other] = [Node::ours(&[]), Node::start(Redis, &[])];
    one.follow(master.port());
    other.follow(proxy.port());
    let mut client = master.connect();
    client.call(&["SET", "k", "v"]);
    assert_eq!(client.call(&["WAIT", "2", "0"]).integer(), 2);
    // Enough: it does not wait for more.
    assert_eq!(client.call(&["WAIT", "1", "0"]).integer(), 2);
    proxy.set(Weather { holds: true, ..Weather::FAIR });
    client.call(&["SET", "k", "w"]);
    assert_eq!(client.call(&["WAIT", "1", "0"]).integer(), 1);
    assert_eq!(client.call(&["WAIT", "2", "50"]).integer(), 1);
    // In a transaction nobody waits.
    client.call(&["MULTI"]);
    client.call(&["INCR", "n"]);
    client.call(&["WAIT", "2", "0"]);
    let replies = client.call(&["EXEC"]).items();
    assert!(replies[1].integer() <= 1, "{replies:?}");
    // Who is blocked can be let go.
    client.send(&["WAIT", "2", "0"]);
    until("it waits", || master.info("blocked_clients") == "1");
    proxy.set(Weather::FAIR);
    assert_eq!(client.receive().integer(), 2);
    for (arguments, refusal) in [
        (["x", "0"], "ERR value is not an integer or out of range"),
        (["1", "-1"], "ERR timeout is negative"),
    ] {
        assert_eq!(error(client.call(&["WAIT", arguments[0], arguments[1]])), refusal);
    }
    let at_a_replica = error(one.call(&["WAIT", "1", "0"]));
    assert!(at_a_replica.starts_with("ERR WAIT cannot be used with replica instances"), "{at_a_replica}");
}

#[test]
fn waitaof_counts_media() {
    // Nothing else comes by the link that would make the replica speak.
    let master = Node::ours(&["--appendonly", "yes", "--repl-ping-replica-period", "3600"]);
    let [with, without] = [Node::ours(&["--appendonly", "yes"]), Node::ours(&[])];
    [&with, &without].iter().for_each(|node| node.follow(master.port()));
    let mut client = master.connect();
    client.call(&["SET", "k", "v"]);
    // What came by the full sync is on no medium before the log has a base of it.
    assert_eq!(client.call(&["WAITAOF", "1", "1", "0"]).items(), [1, 1].map(Value::Integer));
    // From here on it takes no longer than the next sync does.
    for fsync in ["everysec", "always"] {
        [&master, &with].iter().for_each(|node| node.config("appendfsync", fsync));
        for value in ["1", "2", "3"] {
            client.call(&["SET", "k", value]);
            let media = client.call(&["WAITAOF", "1", "1", "5000"]).items();
            assert_eq!(media, [1, 1].map(Value::Integer), "{fsync} {value}");
        }
    }
    let both = client.call(&["WAITAOF", "1", "2", "50"]).items();
    assert_eq!(both, [1, 1].map(Value::Integer));
    assert!(
        error(without.call(&["WAITAOF", "0", "1", "0"]))
            .starts_with("ERR WAITAOF cannot be used with replica")
    );
    master.config("appendonly", "no");
    assert!(
        error(client.call(&["WAITAOF", "1", "0", "0"]))
            .starts_with("ERR WAITAOF cannot be used when numlocal")
    );
}

fn names_of_fields(node: &Node) -> Vec<String> {
    let text = node.call(&["INFO", "replication"]).text();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, _)| name.to_string()).collect()
}

#[test]
fn roles_are_told() {
    let [master, middle] = pair(&[]);
    let last = Node::start(Redis, &[]);
    last.follow(middle.port());
    master.done(&["SET", "k", "v"]);
    converge_nodes(&[&master, &middle, &last]);
    // PING moves offsets now and then.
    until("all tell the same offset", || {
        let offset = master.count("master_repl_offset");
        let role = master.call(&["ROLE"]).items();
        let replicas: Vec<Vec<String>> = role[2].items().iter().map(texts).collect();
        let expected = ["127.0.0.1".to_string(), middle.port().to_string(), offset.to_string()];
        let line = format!("ip=127.0.0.1,port={},state=online,offset={offset},lag=", middle.port());
        let follows = |node: &Node, master: &Node| {
            let (port, offset) = (master.port().to_string(), offset.to_string());
            texts(&node.call(&["ROLE"])) == ["slave", "127.0.0.1", &port, "connected", &offset]
        };
        role[..2] == [Value::bulk("master"), Value::Integer(offset as i64)]
            && replicas == [expected]
            && master.info("slave0").starts_with(&line)
            && follows(&middle, &master)
            && follows(&last, &middle)
    });
    for (node, master) in [(&middle, &master), (&last, &middle)] {
        assert_eq!(node.info("master_port"), master.port().to_string());
        assert_eq!(node.info("slave_read_only"), "1");
    }
    for (node, told) in [(&master, "master"), (&middle, "replica"), (&last, "replica")] {
        let hello = node.call(&["HELLO", "2"]).items();
        let role = hello.iter().position(|word| *word == Value::bulk("role")).expect("its role");
        assert_eq!(hello[role + 1], Value::bulk(told), "{:?}", node.make);
    }
    let below = Node::ours(&[]);
    below.follow(last.port());
    assert_eq!(names_of_fields(&middle), names_of_fields(&last), "a replica with a replica");
    let alone = [Ours, Redis].map(|make| Node::start(make, &[]));
    both(alone.each_ref(), names_of_fields);
    below.done(&["REPLICAOF", "127.0.0.1", &alone[1].port().to_string()]);
    below.await_link();
    middle.done(&["REPLICAOF", "127.0.0.1", &alone[0].port().to_string()]);
    middle.await_link();
    both(alone.each_ref(), names_of_fields);
    middle.done(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(middle.call(&["ROLE"]).items()[0], Value::bulk("master"));
}

/// Who waits is told, and is to find out where its master is by now: what it asked behind that is not done.
#[test]
fn who_waits_for_a_master_that_is_none_any_more_is_disconnected() {
    for make in [Ours, Redis] {
        let master = Node::ours(&[]);
        let replica = Node::start(make, &["--replica-read-only", "no"]);
        let commands = [&["BLPOP", "list", "0"][..], &["WAIT", "3", "0"]];
        let mut waiters = commands.map(|command| {
            let mut waiter = replica.connect();
            assert_eq!(waiter.call(&["SET", "before", "1"]), Value::ok());
            let packet = [encode(command), encode(&["SET", "after", "1"])].concat();
            waiter.send_raw(&packet).expect("the server takes it");
            waiter
        });
        until("they wait", || replica.info("blocked_clients") == "2");
        replica.follow(master.port());
        for waiter in &mut waiters {
            let told = waiter.receive().text();
            assert!(told.starts_with("UNBLOCKED force unblock from blocking operation"), "{make:?}: {told}");
            assert!(waiter.is_closed(), "{make:?}");
        }
        assert_eq!(replica.call(&["EXISTS", "after"]), Value::Integer(0), "{make:?}");
        assert_eq!(replica.info("blocked_clients"), "0");
    }
}

#[test]
fn words_between_servers_are_checked() {
    let [master, replica] = pair(&[]);
    let theirs = Node::start(Redis, &[]);
    theirs.follow(master.port());
    let nodes = [&master, &Node::start(Redis, &[])];
    for command in [
        &["REPLCONF"][..],
        &["REPLCONF", "listening-port"],
        &["REPLCONF", "listening-port", "x"],
        &["REPLCONF", "listening-port", "1"],
        &["REPLCONF", "ip-address", "somewhere"],
        &["REPLCONF", "capa", "nobody knows this"],
        &["REPLCONF", "no such option", "1"],
        &["REPLCONF", "rdb-filter-only", "no such part"],
        &["REPLCONF", "rdb-only", "x"],
        &["REPLICAOF", "127.0.0.1", "x"],
        &["REPLICAOF", "127.0.0.1"],
        &["SLAVEOF", "127.0.0.1", "65536"],
        &["REPLICAOF", "NO", "ONE"],
        &["PSYNC", "x"],
    ] {
        both(nodes, |node| node.call(command));
    }
    // Those who follow hear of PSYNC only from a master that they follow.
    for command in [&["REPLICAOF", "127.0.0.1", &master.port().to_string()][..], &["SYNC", "x"]] {
        both([&replica, &theirs], |node| node.call(command));
    }
    both([&replica, &theirs], |node| {
        let mut client = node.connect();
        let replies =
            [&["MULTI"][..], &["REPLICAOF", "NO", "ONE"], &["EXEC"]].map(|command| client.call(command));
        (replies, node.info("role"))
    });
}

#[test]
fn who_follows_before_it_is_synchronized_cannot_be_followed() {
    let nobody = free_port().to_string();
    let nodes = [Ours, Redis].map(|make| Node::start(make, &["--replicaof", "127.0.0.1", &nobody]));
    both(nodes.each_ref(), |node| node.call(&["PSYNC", "?", "-1"]));
    both(nodes.each_ref(), |node| texts(&node.call(&["ROLE"]))[3..].to_vec());
    assert_eq!(nodes[0].info("master_link_status"), "down");
}

#[test]
fn what_has_expired_is_hidden_and_deleted_by_the_master() {
    for makes in [[Ours, Ours], [Redis, Ours], [Ours, Redis]] {
        let master = Node::start(makes[0], &[]);
        let proxy = Proxy::start(master.port(), 1);
        let replica = Node::start(makes[1], &[]);
        master.done(&["SET", "k", "v", "PX", "300"]);
        master.done(&["RPUSH", "l", "1"]);
        master.done(&["PEXPIRE", "l", "300"]);
        replica.follow(proxy.port());
        proxy.set(Weather { holds: true, ..Weather::FAIR });
        until("it is hidden", || replica.call(&["GET", "k"]).is_null());
        until("so is the other", || replica.call(&["EXISTS", "l"]).integer() == 0);
        assert_eq!(replica.call(&["DBSIZE"]).integer(), 2, "{makes:?}: it is there until the master says");
        assert_eq!(replica.call(&["TTL", "k"]).integer(), -2);
        until("the master has deleted them", || {
            master.call(&["EXISTS", "k", "l"]);
            master.call(&["DBSIZE"]).integer() == 0
        });
        proxy.set(Weather::FAIR);
        until("the replica has heard", || replica.call(&["DBSIZE"]).integer() == 0);
        assert_same(&[&master, &replica]);
    }
}

#[test]
fn messages_go_down_a_chain_and_not_up() {
    let [master, middle] = pair(&[]);
    let last = Node::start(Redis, &[]);
    last.follow(middle.port());
    let mut subscribers = [&master, &middle, &last].map(|node| {
        let mut client = node.connect();
        client.hello(Protocol::Resp3);
        client.call(&["SUBSCRIBE", "news"]);
        client.call(&["SSUBSCRIBE", "part"]);
        client
    });
    assert_eq!(middle.call(&["PUBLISH", "news", "from the middle"]).integer(), 1);
    assert_eq!(master.call(&["SPUBLISH", "part", "to a part"]).integer(), 1);
    let mut client = master.connect();
    client.call(&["MULTI"]);
    client.call(&["PUBLISH", "news", "one"]);
    client.call(&["EVAL", "return redis.call('PUBLISH', 'news', 'two')", "0"]);
    client.call(&["EXEC"]);
    let mut hears = |index: usize, expected: &[[&str; 3]]| {
        for message in expected {
            assert_eq!(
                subscribers[index].receive(),
                Value::Push(message.map(Value::bulk).to_vec()),
                "{index}"
            );
        }
    };
    let from_above =
        [["smessage", "part", "to a part"], ["message", "news", "one"], ["message", "news", "two"]];
    hears(0, &from_above);
    hears(1, &[["message", "news", "from the middle"]]);
    hears(1, &from_above);
    hears(2, &from_above);
}

#[test]
fn clients_of_both_kinds_can_be_seen_and_killed() {
    let [master, replica] = pair(&["--repl-backlog-size", "10mb"]);
    let listed = |node: &Node, kind: &str| {
        let list = node.call(&["CLIENT", "LIST", "TYPE", kind]).text();
        list.lines().map(String::from).collect::<Vec<_>>()
    };
    for (node, kind, flag) in [(&master, "replica", "S"), (&replica, "master", "M")] {
        let lines = listed(node, kind);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(&format!(" flags={flag} ")), "{lines:?}");
    }
    let partial = |count: u64| until("it has come back", || master.count("sync_partial_ok") == count);
    assert_eq!(master.call(&["CLIENT", "KILL", "TYPE", "replica"]).integer(), 1);
    partial(1);
    replica.await_link();
    assert_eq!(replica.call(&["CLIENT", "KILL", "TYPE", "master"]).integer(), 1);
    partial(2);
    replica.await_link();
    assert_eq!(master.count("sync_full"), 1, "\n{}{}", master.output(), replica.output());
    master.done(&["SET", "k", "v"]);
    assert_same(&[&master, &replica]);
}

#[test]
fn a_role_is_written_into_the_configuration() {
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let file = dir.path().join("callboard.conf");
    std::fs::write(&file, "maxclients 1000\n").expect("a file");
    let master = Node::ours(&[]);
    master.done(&["SET", "k", "v"]);
    let written = || std::fs::read_to_string(&file).expect("the file");
    let mut server = crate::support::Server::start_with(&crate::support::ours(), Some(&file), &[]);
    let mut client = server.connect();
    client.call(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    let line = format!("replicaof 127.0.0.1 {}\n", master.port());
    assert!(written().contains(&line), "{}", written());
    server.signal(libc::SIGKILL);
    server.wait();
    // A server that is given the file follows without being told.
    let server = crate::support::Server::start_with(&crate::support::ours(), Some(&file), &[]);
    let mut client = server.connect();
    until("it has the data", || client.call(&["GET", "k"]) == Value::bulk("v"));
    assert_eq!(client.call(&["REPLICAOF", "NO", "ONE"]), Value::ok());
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    assert!(!written().contains("replicaof"), "{}", written());
}

#[test]
fn a_master_may_want_a_password() {
    for makes in [[Ours, Ours], [Ours, Redis], [Redis, Ours]] {
        let master = Node::start(makes[0], &[]);
        let mut admin = master.connect();
        admin.call(&["SET", "k", "v"]);
        admin.call(&["CONFIG", "SET", "requirepass", "secret"]);
        let replica = Node::start(makes[1], &["--masterauth", "wrong"]);
        replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        replica.await_printed("WRONGPASS");
        assert_eq!(replica.info("master_link_status"), "down");
        replica.config("masterauth", "secret");
        replica.await_link();
        assert_eq!(replica.call(&["GET", "k"]), Value::bulk("v"));
        if makes[0] == Ours {
            continue;
        }
        // A user that may do no more than replicas must.
        let rule = ["ACL", "SETUSER", "follower", "on", ">word", "+psync", "+replconf", "+ping"];
        assert_eq!(admin.call(&rule), Value::ok());
        replica.config("masterauth", "word");
        replica.config("masteruser", "follower");
        admin.call(&["CLIENT", "KILL", "TYPE", "replica"]);
        until("it is back", || {
            let list = admin.call(&["CLIENT", "LIST", "TYPE", "replica"]).text();
            list.contains("user=follower")
        });
        replica.await_link();
    }
}

fn cli(node: &Node, arguments: &[&str]) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &node.port().to_string()]).args(arguments).stdin(Stdio::null());
    command
}
fn check(file: &Path) -> String {
    let output = Command::new("redis-check-rdb").arg(file).output().expect("redis-check-rdb");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn redis_cli_fetches_all_data() {
    let [master, replica] = [Node::ours(&[]), Node::ours(&[])];
    // Replicas are not told of that.
    master.done(&["DEBUG", "POPULATE", "1000"]);
    replica.follow(master.port());
    master.done(&["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)"]);
    converge_nodes(&[&master, &replica]);
    for node in [&master, &replica] {
        let file = node.dir().join("fetched.rdb");
        let name = file.to_str().expect("a name");
        assert!(cli(node, &["--rdb", name]).output().expect("redis-cli").status.success());
        assert!(check(&file).contains("[info] 1000 keys read"), "{}", check(&file));
        assert!(cli(node, &["--functions-rdb", name]).output().expect("redis-cli").status.success());
        assert!(check(&file).contains("[info] 0 keys read"), "{}", check(&file));
    }
    // Another server loads it.
    let file = master.dir().join("fetched.rdb");
    assert!(cli(&master, &["--rdb", file.to_str().expect("a name")]).status().expect("redis-cli").success());
    let mut other = Node::start(Redis, &[]);
    other.kill();
    std::fs::copy(&file, other.dir().join("dump.rdb")).expect("a copy");
    other.again();
    assert_eq!(other.call(&["DEBUG", "DIGEST"]), master.call(&["DEBUG", "DIGEST"]));
}

#[test]
fn redis_cli_listens_to_the_stream() {
    let master = Node::ours(&[]);
    master.done(&["SET", "k", "v"]);
    let printed = master.dir().join("heard");
    let file = std::fs::File::create(&printed).expect("a file");
    let mut command = cli(&master, &["--replica"]);
    command.stdout(file.try_clone().expect("a file handle")).stderr(file);
    let mut child = crate::support::server::spawn(command).expect("redis-cli");
    until("it is attached", || master.info("slave0").contains("state=online"));
    master.done(&["SET", "k", "heard"]);
    until("it prints the command", || {
        std::fs::read_to_string(&printed).expect("a text").contains("\"SET\",\"k\",\"heard\"")
    });
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    until("it is gone", || master.info("connected_slaves") == "0");
}

/// A connection that speaks as a replica does.
fn handshake(node: &Node) -> Client {
    let mut client = node.connect();
    for words in [&["REPLCONF", "listening-port", "1"][..], &["REPLCONF", "capa", "eof", "capa", "psync2"]] {
        assert_eq!(client.call(words), Value::ok());
    }
    client
}

#[test]
fn a_replica_that_says_nothing_of_itself_is_served_as_well() {
    let master = Node::ours(&["--repl-diskless-sync", "no"]);
    master.done(&["SET", "k", "v"]);
    for (mut client, words) in [
        (master.connect(), &["SYNC"][..]),
        (handshake(&master), &["PSYNC", "?", "-1"]),
        (handshake(&master), &["PSYNC", "0000000000000000000000000000000000000000", "17"]),
    ] {
        client.send(words);
        if words[0] == "PSYNC" {
            let verdict = client.receive().text();
            let offset = master.count("master_repl_offset");
            assert_eq!(verdict, format!("FULLRESYNC {} {offset}", master.info("master_replid")));
        }
        // Empty lines keep the link alive until there is something to send.
        let mut line = String::new();
        while !line.ends_with('\n') || line.trim().is_empty() {
            line = if line.ends_with('\n') { String::new() } else { line };
            line.push(client.read_some(1).expect("a line")[0] as char);
        }
        let data = match line.trim().strip_prefix("$EOF:") {
            Some(mark) => {
                let mut data = client.read_some(9).expect("the data");
                while !data.ends_with(mark.as_bytes()) {
                    data.extend(client.read_some(1).expect("the data"));
                }
                data
            }
            None => client.read_some(line.trim()[1..].parse().expect("a length")).expect("the data"),
        };
        assert!(data.starts_with(b"REDIS"), "{data:?}");
        // Nothing of the stream comes before the replica says that it is ready, if it has had no length.
        client.send(&["REPLCONF", "ACK", "0"]);
        until("it is online", || master.call(&["INFO", "replication"]).text().contains("state=online"));
        master.done(&["SET", "k", "w"]);
        let mut heard = Vec::new();
        while heard != ["SET", "k", "w"].map(Value::bulk) {
            heard = client.receive().items();
        }
    }
}
