//! A master that is played by the test: it tells its replica what no server of today would, byte by byte.
use crate::{
    node::{
        Make::{Ours, Redis},
        Node, until,
    },
    support::{Protocol, Value, client::encode},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// An old server's snapshot without data.
const EMPTY: &[u8] = b"REDIS0009\xff\0\0\0\0\0\0\0\0";

struct Puppet {
    link: BufReader<TcpStream>,
    /// How long the stream is.
    offset: u64,
}
impl Puppet {
    /// Has the node follow it, and sends it these data, which it takes.
    fn of(node: &Node, data: &[u8]) -> Puppet {
        let puppet = Puppet::offering(node, data);
        node.await_link();
        puppet
    }
    /// The same, whatever becomes of them.
    fn offering(node: &Node, data: &[u8]) -> Puppet {
        let mut puppet = Puppet::greeting(node);
        puppet.give(data);
        puppet
    }
    /// Has the node follow it, and ask for data.
    fn greeting(node: &Node) -> Puppet {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("its address").port();
        node.done(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
        Puppet::accept(&listener)
    }
    /// Has a node that follows it ask for data.
    fn accept(listener: &TcpListener) -> Puppet {
        let (link, _) = listener.accept().expect("the replica");
        let mut puppet = Puppet { link: BufReader::new(link), offset: 0 };
        loop {
            let answer = match puppet.hear()[0].as_str() {
                "PING" => "+PONG\r\n",
                "PSYNC" => break,
                _ => "+OK\r\n",
            };
            puppet.send(answer.as_bytes());
        }
        puppet
    }
    fn give(&mut self, data: &[u8]) {
        self.give_as(&"b".repeat(40), data);
    }
    /// The data of this history.
    fn give_as(&mut self, id: &str, data: &[u8]) {
        let head = format!("+FULLRESYNC {id} 0\r\n${}\r\n", data.len());
        self.send(head.as_bytes());
        self.send(data);
    }
    fn send(&mut self, bytes: &[u8]) {
        self.link.get_mut().write_all(bytes).expect("the replica listens");
    }
    /// A request of the replica.
    fn hear(&mut self) -> Vec<String> {
        let mut line = String::new();
        while !line.starts_with('*') {
            line.clear();
            self.link.read_line(&mut line).expect("a line");
        }
        let count = line[1..].trim_end().parse().expect("a number");
        let word = |_| {
            let mut line = String::new();
            self.link.read_line(&mut line).expect("a line");
            let mut word = vec![0; line[1..].trim_end().parse::<usize>().expect("a length") + 2];
            self.link.read_exact(&mut word).expect("a word");
            String::from_utf8_lossy(&word[..word.len() - 2]).to_uppercase()
        };
        (0..count).map(word).collect()
    }
    /// Tells these commands, all at once, and waits until the node has applied them.
    fn tell(&mut self, node: &Node, commands: &[&[&str]]) {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| encode(words)).collect();
        self.send(&bytes);
        self.offset += bytes.len() as u64;
        until("all is applied", || node.count("slave_repl_offset") == self.offset);
    }
    /// How far it says to be, once that is so far.
    fn await_ack(&mut self, offset: u64) -> u64 {
        loop {
            let words = self.hear();
            let said = words.get(2).and_then(|word| word.parse().ok());
            if words.get(1).is_some_and(|word| word == "ACK")
                && let Some(said) = said.filter(|said| *said >= offset)
            {
                return said;
            }
        }
    }
    fn address(&self) -> String {
        self.link.get_ref().local_addr().expect("its address").to_string()
    }
}

fn strings(node: &Node, keys: &[&str]) -> Vec<String> {
    let words: Vec<&str> = ["MGET"].iter().chain(keys).copied().collect();
    node.call(&words).items().iter().map(Value::text).collect()
}

/// Neither of the data nor of the file.
#[test]
fn a_damaged_snapshot_takes_the_place_of_nothing() {
    let node = Node::ours(&[]);
    node.done(&["SAVE"]);
    let files = || {
        let entries = std::fs::read_dir(node.dir()).expect("a directory").flatten();
        let rdb = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".rdb"));
        rdb.map(|entry| std::fs::read(entry.path()).expect("a file")).collect::<Vec<_>>()
    };
    let before = files();
    let keys = b"REDIS0009\x00\x01k\x01v\xff".to_vec();
    let (cut, wrong_sum) = (keys[..14].to_vec(), [&keys[..], b"\x01\0\0\0\0\0\0\0"].concat());
    let unknown_type = [&keys[..14], b"\xc8\x01l\x01v\xff\0\0\0\0\0\0\0\0"].concat();
    for (count, data) in [cut, wrong_sum, unknown_type].iter().enumerate() {
        let _master = Puppet::offering(&node, data);
        until("it is refused", || {
            node.output().matches("Failed trying to load the MASTER synchronization DB").count() > count
        });
        assert_eq!((files(), node.call(&["DBSIZE"])), (before.clone(), Value::Integer(0)));
    }
}

/// Of a file that turns out to be damaged nothing is kept, and nothing takes the place of what is on disk: a start finds what
/// was there before. Who is promoted then begins anew.
#[test]
fn a_damaged_snapshot_leaves_what_is_on_disk() {
    const OLD: &str = "#!lua name=l\nredis.register_function('f', function() return 'old' end)";
    let damaged = [&b"REDIS0009\x00\x01k\x01v\xc8\x01l\x01v\xff"[..], &[0; 8]].concat();
    let options: [&[&str]; 2] = [&["--appendonly", "yes"], &["--save", "3600 1"]];
    for (with_log, options) in [true, false].into_iter().zip(options) {
        let mut node = Node::ours(options);
        node.done(&["FUNCTION", "LOAD", OLD]);
        node.done(&["MSET", "a", "1", "b", "2"]);
        if !with_log {
            node.done(&["SAVE"]);
        }
        let fails = |node: &Node| {
            let master = Puppet::offering(node, &damaged);
            node.await_printed("Failed trying to load the MASTER synchronization DB");
            until("the data are gone", || node.call(&["DBSIZE"]) == Value::Integer(0));
            master
        };
        let has_old = |node: &Node| {
            assert_eq!(strings(node, &["a", "b"]), ["1", "2"], "{options:?}\n{}", node.output());
            assert_eq!(node.call(&["FCALL", "f", "0"]), Value::bulk("old"), "{options:?}");
        };
        let master = fails(&node);
        // It would have been due by now.
        let ticks_at = node.count("uptime_in_seconds") + 2;
        until("time goes on", || node.count("uptime_in_seconds") >= ticks_at);
        node.kill();
        drop(master);
        node.again();
        has_old(&node);
        let master = fails(&node);
        // And if it ends as it should.
        let mut client = node.connect();
        client.send(&["SHUTDOWN"]);
        assert!(client.read_to_end().expect("an end").is_empty(), "{}", node.output());
        node.kill();
        drop(master);
        node.again();
        has_old(&node);
        let _master = fails(&node);
        node.done(&["REPLICAOF", "NO", "ONE"]);
        node.done(&["FUNCTION", "LOAD", &OLD.replace("old", "new")]);
        let mut client = node.connect();
        assert_eq!(client.call(&["SET", "a", "3"]), Value::ok());
        match with_log {
            true => assert_eq!(client.call(&["WAITAOF", "1", "0", "0"]).items()[0], Value::Integer(1)),
            false => assert_eq!(client.call(&["SAVE"]), Value::ok()),
        }
        node.kill();
        node.again();
        assert_eq!(strings(&node, &["a"]), ["3"], "{options:?}");
        assert_eq!(node.call(&["DBSIZE"]), Value::Integer(1));
        assert_eq!(node.call(&["FCALL", "f", "0"]), Value::bulk("new"), "{options:?}");
    }
}

/// Its data are replaced while replies wait for the disk: they go out before what is said behind that.
#[test]
fn replies_keep_their_order_when_the_log_ends() {
    let options = [
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--replica-read-only",
        "no",
        "--repl-diskless-load",
        "swapdb",
    ];
    for _ in 0..5 {
        let node = Node::ours(&options);
        let mut master = Puppet::greeting(&node);
        let mut client = node.connect();
        assert_eq!(client.call(&["DEBUG", "AOF-FLUSH-SLEEP", "300000"]), Value::ok());
        let requests = [&["SET", "a", "1"][..], &["BLPOP", "q", "10"]].map(encode).concat();
        client.send_raw(&requests).expect("the node listens");
        until("it waits", || node.info("blocked_clients") == "1");
        // A list in which something is.
        master.give(&[&b"REDIS0009\x01\x01q\x01\x01x\xff"[..], &[0; 8]].concat());
        assert_eq!(client.receive(), Value::ok(), "{}", node.output());
        assert_eq!(client.receive().items(), ["q", "x"].map(Value::bulk));
    }
}

/// What is not kept on a disk that refuses it is no copy to count on.
#[test]
fn a_replica_whose_disk_takes_nothing_ends() {
    for make in [Ours, Redis] {
        for ignores in ["no", "yes"] {
            let options = ["--replica-ignore-disk-write-errors", ignores, "--dbfilename", "folder.rdb"];
            let mut node = Node::start(make, &[&options[..], &["--repl-diskless-load", "swapdb"]].concat());
            let mut master = Puppet::of(&node, EMPTY);
            let place = node.dir().join("folder.rdb");
            // What came has been put there.
            let _ = std::fs::remove_file(&place);
            std::fs::create_dir_all(place.join("by a folder")).expect("a folder");
            node.config("save", "3600 1");
            node.done(&["BGSAVE"]);
            until("it fails", || node.info("rdb_last_bgsave_status") == "err");
            // What changes nothing needs no disk.
            master.tell(&node, &[&["PUBLISH", "channel", "message"], &["EVAL", "return 1", "0"]]);
            let write = [&["SELECT", "0"][..], &["SET", "k", "v"]];
            match ignores {
                "yes" => {
                    master.tell(&node, &write);
                    assert_eq!(strings(&node, &["k"]), ["v"], "{make:?}");
                    node.await_printed("unable to write to disk");
                }
                _ => {
                    write.iter().for_each(|words| master.send(&encode(words)));
                    node.await_end();
                    assert!(
                        node.output().contains("unable to write command to disk"),
                        "{make:?}\n{}",
                        node.output()
                    );
                }
            }
        }
    }
}

/// The base of its log fails, while its master goes on: it is tried again, and what failed says nothing of the disk by then.
#[test]
fn a_replica_whose_base_fails_goes_on_and_tries_again() {
    let mut node = Node::ours(&["--appendonly", "yes", "--repl-diskless-load", "swapdb", "--save", ""]);
    let places =
        (2..30).map(|number| node.dir().join(format!("appendonlydir/appendonly.aof.{number}.base.rdb")));
    let places: Vec<_> = places.collect();
    places.iter().for_each(|place| std::fs::create_dir_all(place.join("a folder")).expect("a folder"));
    let mut master = Puppet::of(&node, EMPTY);
    let failures = |node: &Node| node.output().matches("Background append only file rewriting error").count();
    master.tell(&node, &[&["SELECT", "0"]]);
    let mut written = 0;
    until("it has failed three times", || {
        master.tell(&node, &[&["INCR", "n"]]);
        written += 1;
        failures(&node) >= 3
    });
    places.iter().for_each(|place| std::fs::remove_dir_all(place).expect("our own folder"));
    until("it has a base", || {
        master.tell(&node, &[&["INCR", "n"]]);
        written += 1;
        node.info("aof_last_bgrewrite_status") == "ok" && node.info("aof_rewrite_in_progress") == "0"
    });
    // All that is acknowledged as synced is there after a crash.
    master.tell(&node, &[&["REPLCONF", "GETACK", "*"]]);
    until("it is synced", || {
        let mut client = node.connect();
        crate::node::info(&mut client, "aof_pending_bio_fsync") == "0"
            && crate::node::info(&mut client, "aof_buffer_length") == "0"
    });
    node.kill();
    drop(master);
    node.again();
    assert_eq!(strings(&node, &["n"]), [written.to_string()], "{}", node.output());
}

/// An operator finds in the log that a replica is sent all data again and again, and why.
#[test]
fn full_syncs_in_a_row_are_told_with_their_reason() {
    let node = Node::ours(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = listener.local_addr().expect("its address").port();
    node.done(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
    let [first, second] = ["b", "c"].map(|letter| letter.repeat(40));
    let gives = |id: &str| {
        let mut master = Puppet::accept(&listener);
        master.give_as(id, EMPTY);
        node.await_link();
        master.tell(&node, &[&["PING"]]);
    };
    gives(&first);
    assert!(!node.output().contains("in a row"), "{}", node.output());
    gives(&second);
    node.await_printed(&format!(
        "full resynchronization number 2 in a row: the master has another history ({second}, ours is {first})"
    ));
    gives(&second);
    node.await_printed(
        "full resynchronization number 3 in a row: the master no longer has what comes behind our offset",
    );
}

/// `propagation-error-behavior`: whose data are not what its master takes them for.
#[test]
fn a_replica_may_end_where_a_command_fails() {
    for make in [Ours, Redis] {
        for behavior in ["ignore", "panic", "panic-on-replicas"] {
            let options = ["--propagation-error-behavior", behavior, "--pidfile", "server.pid"];
            let mut node = Node::start(make, &options);
            let mut master = Puppet::of(&node, EMPTY);
            master.tell(&node, &[&["SELECT", "0"], &["SET", "k", "v"]]);
            let wrong = encode(&["LPUSH", "k", "v"]);
            master.send(&wrong);
            match behavior {
                "ignore" => {
                    master.offset += wrong.len() as u64;
                    master.tell(&node, &[&["SET", "l", "v"]]);
                    assert_eq!(strings(&node, &["k", "l"]), ["v", "v"], "{make:?}");
                }
                _ => {
                    node.await_end();
                    // Whoever started it as a daemon has the log alone.
                    assert!(node.output().contains("Guru Meditation: This replica panicked"), "{make:?}");
                    assert!(make == Redis || !node.dir().join("server.pid").exists());
                }
            }
            assert!(node.output().contains("sending an error to its master"), "{make:?}\n{}", node.output());
        }
    }
}

/// Old masters send scripts as they are: who refuses them has other data from then on.
#[test]
fn scripts_in_the_stream_are_run() {
    for make in [Ours, Redis] {
        // Neither is a reason to refuse what a master tells.
        let node = Node::start(make, &["--min-replicas-to-write", "3"]);
        let mut master = Puppet::of(&node, EMPTY);
        let set = "return redis.call('SET', KEYS[1], ARGV[1])";
        let library =
            "#!lua name=l\nredis.register_function('f', function(k, a) redis.call('SET', k[1], a[1]) end)";
        master.tell(
            &node,
            &[
                &["SELECT", "0"],
                &["EVAL", set, "1", "by eval", "1"],
                &["SCRIPT", "LOAD", "return redis.call('SET', 'by sha', '2')"],
                &["EVALSHA", "386acd84c56407ca6be88d76312a538d62d5a89c", "0"],
                &["EVAL", "#!lua\nreturn redis.call('SET', KEYS[1], 3)", "1", "with flags"],
                &["FUNCTION", "LOAD", library],
                &["FCALL", "f", "1", "by function", "4"],
                &["MULTI"],
                &["SET", "in transaction", "5"],
                &["EVAL", set, "1", "and by eval", "6"],
                &["EXEC"],
            ],
        );
        let keys = ["by eval", "by sha", "with flags", "by function", "in transaction", "and by eval"];
        assert_eq!(strings(&node, &keys), ["1", "2", "3", "4", "5", "6"], "{make:?}\n{}", node.output());
        let refusal = node.call(&["EVAL", set, "1", "k", "v"]);
        assert!(refusal.is_error(), "{make:?}: clients may not write as before: {refusal:?}");
        let refusal = node.call(&["EVAL", "#!lua\nreturn 1", "0"]).text();
        assert_eq!(refusal, "READONLY You can't write against a read only replica.", "{make:?}");
    }
}

/// What a script says of itself counts where the transaction that it is in comes too late.
#[test]
fn a_replica_runs_no_transaction_of_scripts_that_may_write() {
    const WRITES: &str = "#!lua\nreturn 1";
    const READS: &str = "#!lua flags=no-writes\nreturn 2";
    let answers = [Ours, Redis].map(|make| {
        let node = Node::start(make, &[]);
        let sha = node.call(&["SCRIPT", "LOAD", WRITES]).text();
        let queued: [&[&str]; 4] = [
            &["EVAL", WRITES, "0"],
            &["EVALSHA", &sha, "0"],
            &["EVAL", READS, "0"],
            &["EVAL", "return 3", "0"],
        ];
        let mut clients = queued.map(|command| {
            let mut client = node.connect();
            assert_eq!(client.call(&["MULTI"]), Value::ok());
            assert_eq!(client.call(command), Value::Simple("QUEUED".into()));
            client
        });
        let _master = Puppet::of(&node, EMPTY);
        clients.each_mut().map(|client| client.call(&["EXEC"]))
    });
    let [ours, theirs] = answers;
    assert_eq!(ours, theirs);
    assert!(
        ours[0].text().starts_with("EXECABORT") && ours[2] == Value::Array(vec![Value::Integer(2)]),
        "{ours:?}"
    );
}

/// Where there is one WAIT there are more. (Without being asked a replica speaks once a second.)
#[test]
fn who_was_asked_speaks_by_itself_for_a_while() {
    let node = Node::start(Ours, &[]);
    let mut master = Puppet::of(&node, EMPTY);
    let deadline = Instant::now() + Duration::from_secs(20);
    for number in 0..40 {
        let question: &[&str] = if number % 10 == 0 { &["REPLCONF", "GETACK", "*"] } else { &["PING"] };
        let commands = [question, &["SET", "k", &number.to_string()]];
        let bytes = commands.map(encode);
        for command in &bytes {
            // As two parts: what is asked is told before the write is there.
            master.send(command);
            let before = master.offset;
            master.offset += command.len() as u64;
            let said = master.await_ack(before + 1);
            assert!(said <= master.offset, "{said} of {}", master.offset);
        }
        assert!(Instant::now() < deadline, "it waits to be asked: {number} of 40");
    }
}

const STORY: &[&[&str]] = &[
    &["SELECT", "3"],
    &["SET", "a", "1"],
    &["PING"],
    &["SET", "b", "2"],
    &["MULTI"],
    &["INCR", "a"],
    &["INCR", "b"],
    &["EXEC"],
    &["REPLCONF", "GETACK", "*"],
    &["EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "c"],
    &["SELECT", "0"],
    &["DEL", "nothing"],
];

#[test]
fn monitors_of_a_replica_see_what_its_master_tells() {
    let seen = [Ours, Redis].map(|make| {
        let node = Node::start(make, &[]);
        let mut master = Puppet::of(&node, EMPTY);
        let mut monitor = node.connect();
        assert_eq!(monitor.call(&["MONITOR"]), Value::ok());
        master.tell(&node, STORY);
        // Of what the test asks nothing is to be seen.
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains("nothing")) {
            let line = monitor.receive().text();
            let (_, line) = line.split_once(' ').expect("a time");
            if !line.contains("\"INFO\"") {
                lines.push(line.replace(&master.address(), "its master"));
            }
        }
        lines
    });
    let [ours, theirs] = seen;
    assert_eq!(ours, theirs);
    assert!(ours.contains(&"[3 its master] \"SET\" \"a\" \"1\"".to_string()), "{ours:?}");
}

/// Who waits on a replica is served with what a command of its master gives, though the next one takes it away.
#[test]
fn who_waits_on_a_replica_sees_each_command() {
    for make in [Ours, Redis] {
        let node = Node::start(make, &[]);
        let mut master = Puppet::of(&node, EMPTY);
        let mut reader = node.connect();
        reader.send(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
        until("it waits", || node.count("blocked_clients") == 1);
        let commands: [&[&str]; 3] =
            [&["SELECT", "0"], &["XADD", "s", "1-1", "f", "v"], &["XTRIM", "s", "MAXLEN", "0"]];
        master.tell(&node, &commands);
        let streams = reader.receive().items();
        assert_eq!(streams[0].items()[1].items()[0].items()[0], Value::bulk("1-1"), "{make:?}");
    }
}

/// Whoever keeps copies of what a replica has hears that all of it is another's now.
#[test]
fn a_full_sync_invalidates_all() {
    for make in [Ours, Redis] {
        for load in ["disabled", "swapdb"] {
            let node = Node::start(make, &["--repl-diskless-load", load]);
            node.done(&["SET", "k", "v"]);
            let mut reader = node.connect();
            reader.hello(Protocol::Resp3);
            reader.call(&["CLIENT", "TRACKING", "ON"]);
            reader.call(&["GET", "k"]);
            // Nothing is asked of the data meanwhile.
            let _master = Puppet::offering(&node, EMPTY);
            let told = reader.receive().items();
            assert_eq!((told[0].text().as_str(), told[1].is_null()), ("invalidate", true), "{make:?} {load}");
        }
    }
}

#[test]
fn what_a_master_tells_is_counted() {
    let counts = [Ours, Redis].map(|make| {
        let node = Node::start(make, &[]);
        let mut master = Puppet::of(&node, EMPTY);
        node.done(&["CONFIG", "RESETSTAT"]);
        master.tell(&node, STORY);
        let calls = |name: &str| {
            let stat = node.info(&format!("cmdstat_{name}"));
            stat.split(',').next().unwrap_or_default().to_string()
        };
        let own = ["set", "select", "ping", "multi", "exec", "incr", "eval", "del"].map(calls);
        assert!(node.count("total_net_repl_input_bytes") >= master.offset, "{make:?}");
        assert!(node.count("total_net_input_bytes") > node.count("total_net_repl_input_bytes"));
        // All but those that ask for this.
        let asked: u64 = ["info", "config|resetstat"]
            .map(|name| {
                calls(name).strip_prefix("calls=").map_or(0, |count| count.parse().expect("a number"))
            })
            .iter()
            .sum();
        let processed = node.count("total_commands_processed");
        assert!(
            processed >= asked + STORY.len() as u64,
            "{make:?}: {processed} of {asked} and what was told"
        );
        own
    });
    let [ours, theirs] = counts;
    assert_eq!(ours, theirs);
    assert_eq!(
        ours,
        ["calls=3", "calls=2", "calls=1", "calls=1", "calls=1", "calls=2", "calls=1", "calls=1"]
    );
}

#[test]
fn a_replica_tells_of_deadlines_of_its_own_and_of_a_link_that_never_was() {
    for make in [Ours, Redis] {
        let node = Node::start(make, &["--replica-read-only", "no"]);
        let closed = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = closed.local_addr().expect("its address").port().to_string();
        drop(closed);
        node.done(&["REPLICAOF", "127.0.0.1", &port]);
        let mut client = node.connect();
        assert_eq!(crate::node::info(&mut client, "slave_expires_tracked_keys"), "0");
        client.call(&["SET", "k", "v", "EX", "1000"]);
        client.call(&["SET", "l", "v", "EX", "1000"]);
        assert_eq!(crate::node::info(&mut client, "slave_expires_tracked_keys"), "2", "{make:?}");
        assert_eq!(crate::node::info(&mut client, "master_link_status"), "down");
    }
}
