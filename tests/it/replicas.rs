//! What a master says to its replicas, byte by byte. The judge is a redis-server, which is asked the same.
use crate::support::{Client, Server, client::encode, ours, redis_server};
use std::{
    thread,
    time::{Duration, Instant},
};

fn masters() -> [Server; 3] {
    let now =
        ["--repl-diskless-sync-delay", "0", "--repl-diskless-sync", "yes", "--enable-debug-command", "yes"];
    [
        Server::start(&ours(), &[&now[..], &["--io-threads", "1"]].concat()),
        Server::start(&ours(), &[&now[..], &["--io-threads", "2"]].concat()),
        Server::start(&redis_server(), &now),
    ]
}
/// The next line that is not empty: empty ones only say that the master is there.
fn line(replica: &mut Client) -> String {
    let mut line = Vec::new();
    loop {
        match replica.read_some(1).expect("a line")[0] {
            b'\n' if line.is_empty() => {}
            b'\n' => return String::from_utf8(line).expect("text").trim_end().into(),
            byte => line.push(byte),
        }
    }
}
/// Reads a snapshot, up to its mark or of the length that it has.
pub fn snapshot(replica: &mut Client) -> Vec<u8> {
    let head = line(replica);
    let Some(mark) = head.strip_prefix("$EOF:") else {
        return replica.read_some(head[1..].parse().expect("a length")).expect("so much");
    };
    let mut bytes = Vec::new();
    while !bytes.ends_with(mark.as_bytes()) {
        bytes.extend(replica.read_some(1).expect("more"));
    }
    bytes.truncate(bytes.len() - mark.len());
    bytes
}
/// The id and the offset of a full sync.
pub fn full_resync(replica: &mut Client) -> (String, u64) {
    let line = line(replica);
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!((words[0], words[1].len()), ("+FULLRESYNC", 40), "{line}");
    (words[1].into(), words[2].parse().expect("an offset"))
}
/// The next command of the stream that is about data.
pub fn told(replica: &mut Client) -> Vec<String> {
    loop {
        let words: Vec<String> = replica.receive().items().iter().map(|word| word.text()).collect();
        if !["ping", "select", "replconf"].contains(&words[0].to_lowercase().as_str()) {
            return words;
        }
    }
}
pub fn field(client: &mut Client, section: &str, name: &str) -> String {
    let info = client.call(&["INFO", section]).text();
    let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a field");
    found.trim().into()
}
pub fn wait_for(client: &mut Client, section: &str, name: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while field(client, section, name) != wanted {
        assert!(Instant::now() < deadline, "never {name}:{wanted}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_replica_is_sent_all_data_and_then_what_happens() {
    for master in masters() {
        let (mut client, mut replica) = (master.connect(), master.connect());
        client.call(&["SET", "before", "1"]);
        for options in [&["REPLCONF", "listening-port", "7"][..], &["REPLCONF", "capa", "eof"]] {
            assert!(!replica.call(options).is_error());
        }
        replica.send(&["PSYNC", "?", "-1"]);
        full_resync(&mut replica);
        let rdb = snapshot(&mut replica);
        assert!(rdb.starts_with(b"REDIS00") && rdb.windows(6).any(|word| word == b"before"));
        wait_for(&mut client, "persistence", "rdb_bgsave_in_progress", "0");
        wait_for(&mut client, "replication", "connected_slaves", "1");
        // Behind the mark nothing comes before the replica has said that it found it.
        client.call(&["SET", "behind", "2"]);
        replica.send(&["REPLCONF", "ACK", "0"]);
        assert_eq!(told(&mut replica)[1..], ["behind", "2"]);
        let listed = client.call(&["CLIENT", "LIST", "TYPE", "replica"]).text();
        assert!(listed.contains(" flags=S ") && listed.contains(" cmd=replconf "), "{listed}");
        client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
        assert!(replica.is_closed());
        wait_for(&mut client, "replication", "connected_slaves", "0");
        wait_for(&mut client, "clients", "connected_clients", "1");
    }
}

#[test]
fn who_comes_back_is_sent_what_it_missed() {
    for master in masters() {
        let (mut client, mut replica) = (master.connect(), master.connect());
        replica.send(&["PSYNC", "?", "-1"]);
        let (id, offset) = full_resync(&mut replica);
        snapshot(&mut replica);
        client.call(&["SET", "a", "1"]);
        assert_eq!(told(&mut replica)[1..], ["a", "1"]);
        drop(replica);
        client.call(&["SET", "b", "2"]);
        let first = (offset + 1).to_string();
        let mut replica = master.connect();
        replica.call(&["REPLCONF", "capa", "psync2"]);
        replica.send(&["PSYNC", &id, &first]);
        assert_eq!(line(&mut replica), format!("+CONTINUE {id}"));
        assert_eq!(
            (&told(&mut replica)[1..], &told(&mut replica)[1..]),
            (&["a", "1"].map(String::from)[..], &["b", "2"].map(String::from)[..])
        );
        // What there is no more, or not yet, costs all data.
        let mut stranger = master.connect();
        stranger.send(&["PSYNC", &id, "1000000000"]);
        full_resync(&mut stranger);
        assert_eq!(field(&mut client, "stats", "sync_partial_ok"), "1");
        assert_eq!(field(&mut client, "stats", "sync_partial_err"), "1");
    }
}

/// What was asked for before is answered first, however much it is.
#[test]
fn replies_come_before_the_sync() {
    for master in &masters()[..2] {
        let mut replica = master.connect();
        let value = "v".repeat(100_000);
        replica.call(&["SET", "k", &value]);
        let mut requests = encode(&["GET", "k"]).repeat(100);
        requests.extend(encode(&["SYNC"]));
        replica.send_raw(&requests).expect("room");
        // It takes nothing for a while: the master cannot let go of what it has to say.
        thread::sleep(Duration::from_millis(100));
        for _ in 0..100 {
            assert_eq!(replica.receive().text(), value);
        }
        assert!(snapshot(&mut replica).starts_with(b"REDIS00"));
    }
}

#[test]
fn nobody_gets_an_answer_amid_the_stream() {
    for master in masters() {
        for question in ["PING", "GET"] {
            let mut replica = master.connect();
            replica.send(&["SYNC"]);
            snapshot(&mut replica);
            replica.send(&[question, "k"]);
            let rest = replica.read_to_end().expect("its end");
            assert!(!rest.windows(5).any(|bytes| bytes == b"+PONG" || bytes == b"$-1\r\n"));
        }
    }
}

#[test]
fn a_snapshot_goes_by_a_file_where_it_is_to() {
    let master = Server::start(&ours(), &["--repl-diskless-sync", "no"]);
    let mut client = master.connect();
    client.call(&["SET", "k", "v"]);
    let (mut one, mut two) = (master.connect(), master.connect());
    one.call(&["REPLCONF", "capa", "eof"]);
    for replica in [&mut one, &mut two] {
        replica.send(&["PSYNC", "?", "-1"]);
        full_resync(replica);
        assert!(snapshot(replica).starts_with(b"REDIS00"));
    }
    // It has its length: the stream follows at once.
    client.call(&["SET", "k", "w"]);
    for replica in [&mut one, &mut two] {
        assert_eq!(told(replica)[1..], ["k", "w"]);
    }
}

/// Who has just written waits for replicas by the offset that INFO and ROLE tell.
#[test]
fn the_offset_counts_all_that_was_answered() {
    for master in masters() {
        let (mut client, mut replica) = (master.connect(), master.connect());
        replica.send(&["PSYNC", "?", "-1"]);
        full_resync(&mut replica);
        snapshot(&mut replica);
        for _ in 0..20 {
            let offset = |client: &mut Client| field(client, "replication", "master_repl_offset");
            let before: u64 = offset(&mut client).parse().expect("an offset");
            client.call(&["SET", "a", "1"]);
            let behind: u64 = offset(&mut client).parse().expect("an offset");
            assert!(behind > before, "{behind}");
            assert!(client.call(&["ROLE"]).items()[1].integer() >= behind as i64);
        }
    }
}

/// Keys whose time came while the master was down are not loaded; a replica that goes on where it was has them still.
#[test]
fn who_comes_back_after_a_restart_is_told_what_has_expired() {
    for binary in [ours(), redis_server()] {
        let options =
            ["--save", "3600 1", "--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"];
        let mut first = Server::start(&binary, &options);
        let (mut client, mut replica) = (first.connect(), first.connect());
        replica.send(&["PSYNC", "?", "-1"]);
        let (id, _) = full_resync(&mut replica);
        snapshot(&mut replica);
        assert!(!client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]).is_error());
        client.call(&["SET", "short", "1", "PX", "1"]);
        client.call(&["SET", "long", "1"]);
        let next =
            field(&mut client, "replication", "master_repl_offset").parse::<u64>().expect("an offset") + 1;
        client.send(&["SHUTDOWN", "NOW"]);
        first.wait();
        let dir = first.dir().to_str().expect("text");
        let second = Server::start(&binary, &[&options[..], &["--dir", dir]].concat());
        let mut replica = second.connect();
        replica.send(&["PSYNC", &id, &next.to_string()]);
        assert!(line(&mut replica).starts_with("+CONTINUE"));
        assert_eq!(told(&mut replica)[1..], ["short"]);
    }
}

/// What a snapshot for replicas tells was deleted meanwhile: nobody is to go on with it.
#[test]
fn flushall_ends_syncs_under_way() {
    for master in masters() {
        let (mut client, mut replica) = (master.connect(), master.connect());
        assert!(!client.call(&["DEBUG", "POPULATE", "1000"]).is_error());
        client.call(&["CONFIG", "SET", "rdb-key-save-delay", "100000"]);
        replica.send(&["PSYNC", "?", "-1"]);
        full_resync(&mut replica);
        client.call(&["FLUSHALL"]);
        replica.read_to_end().expect("the end");
    }
}

/// A master that is slow to begin is not one that cannot be reached.
#[test]
fn a_replica_tells_that_it_waits_for_the_verdict() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &[]);
        let mut client = server.connect();
        client.call(&["REPLICAOF", "127.0.0.1", &port]);
        let deadline = Instant::now() + Duration::from_secs(30);
        while client.call(&["ROLE"]).items()[3].text() != "handshake" {
            assert!(Instant::now() < deadline, "no handshake");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(server.output().contains(":S "), "a replica's lines are marked");
    }
}
