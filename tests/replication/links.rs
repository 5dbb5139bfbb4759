//! Links that fail under constant load: afterwards the data are the same, and no more was sent than had to be.
use crate::{
    load::{Extras, Loader},
    node::{
        Make::{self, Ours, Redis},
        Node, until,
    },
    number,
    proxy::{Proxy, Weather},
    state::assert_same,
    support::Certificates,
};
use std::{sync::Arc, time::Duration};

/// All that is written while a link is down.
const LARGE_BACKLOG: &[&str] = &["--repl-backlog-size", "256mb"];
const SEED: u64 = 5_120_779;
/// More bytes than all the replies that come before the stream goes on.
const HANDSHAKE_BYTES: usize = 2_000;

/// A master under load, and a replica behind a link.
struct Pair {
    master: Node,
    proxy: Proxy,
    replica: Node,
}
impl Pair {
    fn start(makes: [Make; 2], options: &[&str]) -> Pair {
        Pair::start_with(makes, options, None)
    }
    fn start_with(
        [master, replica]: [Make; 2],
        options: &[&str],
        certificates: Option<&Arc<Certificates>>,
    ) -> Pair {
        let seed = number("REPLICATION_SEED", SEED);
        println!("{master:?} and {replica:?}, {options:?}, REPLICATION_SEED={seed}");
        let master = Node::start_with(master, options, certificates);
        let proxy = Proxy::start(master.link_port(), seed);
        Pair { master, proxy, replica: Node::start_with(replica, options, certificates) }
    }
    fn load(&self) -> Loader {
        Loader::start(&self.master, number("REPLICATION_SEED", SEED), Extras::COMMON)
    }
    fn assert_same(&self) {
        assert_same(&[&self.master, &self.replica]);
    }
    /// Full synchronizations, partial ones, and those that were asked for in vain: the first one is, by who was a master
    /// of its own before.
    fn syncs(&self) -> [u64; 3] {
        ["sync_full", "sync_partial_ok", "sync_partial_err"].map(|field| self.master.count(field))
    }
}

#[test]
fn cuts_between_ours() {
    cuts([Ours, Ours]);
}
#[test]
fn cuts_before_redis() {
    cuts([Ours, Redis]);
}
#[test]
fn cuts_behind_redis() {
    cuts([Redis, Ours]);
}

/// At random bytes of the stream: each time the replica goes on where it was.
fn cuts(makes: [Make; 2]) {
    cuts_of(Pair::start(makes, LARGE_BACKLOG), HANDSHAKE_BYTES);
}
/// With certificates, the handshake of TLS comes before the other.
pub fn cuts_with_tls(makes: [Make; 2], certificates: &Arc<Certificates>) {
    const TLS_HANDSHAKE_BYTES: usize = 20_000;
    cuts_of(Pair::start_with(makes, LARGE_BACKLOG, Some(certificates)), TLS_HANDSHAKE_BYTES);
}
fn cuts_of(pair: Pair, handshake_bytes: usize) {
    pair.replica.follow(pair.proxy.port());
    let load = pair.load();
    pair.proxy.set(Weather::cuts(handshake_bytes..100_000));
    pair.proxy.cut();
    pair.proxy.await_connections(10);
    // The last one that is cut ends as the others did.
    pair.proxy.clear_up(1);
    load.stop();
    pair.assert_same();
    let reconnections = pair.proxy.connections() as u64 - 1;
    assert_eq!(pair.syncs(), [1, reconnections, 1], "\n{}", pair.replica.output());
}

/// Also before the stream goes on.
#[test]
fn cuts_in_handshakes() {
    let pair = Pair::start([Ours, Ours], LARGE_BACKLOG);
    pair.replica.follow(pair.proxy.port());
    let load = pair.load();
    pair.proxy.set(Weather::cuts(0..300));
    pair.proxy.cut();
    pair.proxy.await_connections(6);
    pair.proxy.clear_up(1);
    load.stop();
    pair.assert_same();
    let [full, partial, refused] = pair.syncs();
    assert!(full == 1 && partial >= 1 && refused == 1, "{:?}\n{}", pair.syncs(), pair.replica.output());
}

/// Within all data. What was there of them is of no use; the next time they come whole.
fn cuts_in_all_data(makes: [Make; 2], diskless_load: &str) {
    cuts_in_all_data_of(Pair::start(makes, LARGE_BACKLOG), diskless_load);
}
pub fn cuts_in_all_data_with_tls(makes: [Make; 2], diskless_load: &str, certificates: &Arc<Certificates>) {
    cuts_in_all_data_of(Pair::start_with(makes, LARGE_BACKLOG, Some(certificates)), diskless_load);
}
fn cuts_in_all_data_of(pair: Pair, diskless_load: &str) {
    pair.master.done(&["DEBUG", "POPULATE", "20000", "key", "50"]);
    pair.replica.config("repl-diskless-load", diskless_load);
    pair.replica.done(&["SET", "of old", "value"]);
    let load = pair.load();
    pair.proxy.set(Weather::cuts(0..1_500_000));
    pair.replica.done(&["REPLICAOF", "127.0.0.1", &pair.proxy.port().to_string()]);
    pair.proxy.await_connections(4);
    pair.proxy.set(Weather::FAIR);
    pair.proxy.cut();
    pair.replica.await_link();
    load.stop();
    pair.assert_same();
}
#[test]
fn cuts_in_all_data_by_file() {
    cuts_in_all_data([Ours, Ours], "disabled");
}
#[test]
fn cuts_in_all_data_beside_the_old() {
    cuts_in_all_data([Ours, Ours], "swapdb");
}
#[test]
fn cuts_in_all_data_from_redis() {
    cuts_in_all_data([Redis, Ours], "disabled");
}

/// Bytes come one by one, or a few together.
fn pieces(makes: [Make; 2]) {
    let pair = Pair::start(makes, LARGE_BACKLOG);
    pair.proxy.set(Weather { piece_bytes: 7, ..Weather::FAIR });
    let load = pair.load();
    pair.replica.follow(pair.proxy.port());
    load.stop_after(2_000);
    pair.assert_same();
    // Late, and then many at once.
    pair.proxy.set(Weather { delay: Duration::from_millis(20), ..Weather::FAIR });
    pair.load().stop_after(1_000);
    pair.assert_same();
    assert_eq!(pair.syncs(), [1, 0, 1]);
}
#[test]
fn pieces_between_ours() {
    pieces([Ours, Ours]);
}
#[test]
fn pieces_from_redis() {
    pieces([Redis, Ours]);
}

/// A link on which nothing comes any more, though it is open, is down; and so it is for the master.
fn silence(makes: [Make; 2]) {
    let options = ["--repl-timeout", "2", "--repl-ping-replica-period", "1"];
    let pair = Pair::start(makes, &[&options, LARGE_BACKLOG].concat());
    pair.replica.follow(pair.proxy.port());
    let load = pair.load();
    pair.proxy.set(Weather { holds: true, ..Weather::FAIR });
    until("the replica gives the link up", || pair.replica.info("master_link_status") == "down");
    until("the master gives the replica up", || pair.master.info("connected_slaves") == "0");
    pair.proxy.set(Weather::FAIR);
    pair.replica.await_link();
    load.stop();
    pair.assert_same();
    let [full, partial, refused] = pair.syncs();
    assert!(full == 1 && partial >= 1 && refused == 1, "{:?}\n{}", pair.syncs(), pair.replica.output());
}
#[test]
fn silence_between_ours() {
    silence([Ours, Ours]);
}
#[test]
fn silence_before_redis() {
    silence([Ours, Redis]);
}

/// What the backlog does not hold any more has to come with all data.
fn small_backlog(makes: [Make; 2]) {
    let pair = Pair::start(makes, &["--repl-backlog-size", "16kb"]);
    pair.replica.follow(pair.proxy.port());
    pair.proxy.set(Weather::cuts(0..1));
    pair.proxy.cut();
    until("the link is down", || pair.replica.info("master_link_status") == "down");
    let long = "v".repeat(1000);
    let mut client = pair.master.connect();
    for number in 0..2000 {
        client.call(&["SET", &format!("key:{}", number % 100), &long]);
    }
    pair.proxy.set(Weather::FAIR);
    pair.replica.await_link();
    pair.assert_same();
    let [full, partial, refused] = pair.syncs();
    assert!(full == 2 && partial == 0 && refused == 2, "{:?}\n{}", pair.syncs(), pair.replica.output());
}
#[test]
fn small_backlog_between_ours() {
    small_backlog([Ours, Ours]);
}
#[test]
fn small_backlog_before_redis() {
    small_backlog([Ours, Redis]);
}

/// Whoever follows a replica that lost its master for a while stays with it, and lacks nothing.
#[test]
fn cuts_at_the_head_of_a_chain() {
    let pair = Pair::start([Ours, Ours], LARGE_BACKLOG);
    pair.replica.follow(pair.proxy.port());
    let last = [Node::ours(&[]), Node::start(Redis, &[])];
    last.iter().for_each(|node| node.follow(pair.replica.port()));
    let load = pair.load();
    pair.proxy.set(Weather::cuts(HANDSHAKE_BYTES..50_000));
    pair.proxy.cut();
    pair.proxy.await_connections(6);
    pair.proxy.clear_up(1);
    load.stop();
    assert_same(&[&pair.master, &pair.replica, &last[0], &last[1]]);
    let of_the_middle =
        ["sync_full", "sync_partial_ok", "sync_partial_err"].map(|field| pair.replica.count(field));
    assert_eq!(of_the_middle, [2, 0, 2]);
    assert_eq!(pair.syncs()[0], 1);
}
