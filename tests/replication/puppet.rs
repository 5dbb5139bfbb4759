//! A master that is played by the test: it tells its replica what no server of today would, byte by byte.
use crate::{
    node::{
        Make::{Ours, Redis},
        Node, until,
    },
    support::{Value, client::encode},
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
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("its address").port();
        node.done(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
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
        let head = format!("+FULLRESYNC {} 0\r\n${}\r\n", "b".repeat(40), data.len());
        puppet.send(head.as_bytes());
        puppet.send(data);
        puppet
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
