//! Replication by TLS: the same as without, and no link at all where one of the two does not speak it.
use crate::{
    links::{cuts_in_all_data_with_tls, cuts_with_tls},
    node::{
        Make::{self, Ours, Redis},
        Node, until,
    },
    pairs::play,
    state::{assert_same, converge_nodes},
    support::{Certificates, Value},
};
use std::sync::Arc;

const SEQUENCES: u64 = 6;

fn certificates() -> Arc<Certificates> {
    Arc::new(Certificates::new())
}
fn start(make: Make, certificates: &Arc<Certificates>) -> Node {
    Node::start_with(make, &[], Some(certificates))
}

#[test]
fn redis_follows_ours() {
    play(&[Ours, Redis], Some(&certificates()), SEQUENCES);
}
#[test]
fn ours_follows_redis() {
    play(&[Redis, Ours], Some(&certificates()), SEQUENCES);
}
#[test]
fn ours_behind_ours_behind_ours() {
    play(&[Ours, Ours, Ours], Some(&certificates()), SEQUENCES);
}

#[test]
fn cuts_between_ours() {
    cuts_with_tls([Ours, Ours], &certificates());
}
#[test]
fn cuts_behind_redis() {
    cuts_with_tls([Redis, Ours], &certificates());
}
#[test]
fn cuts_in_all_data_by_file() {
    cuts_in_all_data_with_tls([Ours, Ours], "disabled", &certificates());
}
#[test]
fn cuts_in_all_data_beside_the_old() {
    cuts_in_all_data_with_tls([Ours, Ours], "swapdb", &certificates());
}

/// By each way that all data can go: straight from memory, or as a file; and much at once.
#[test]
fn all_data_go_whole() {
    for (master, replica) in [(Ours, Ours), (Ours, Redis), (Redis, Ours)] {
        let certificates = certificates();
        let (master, replica) = (start(master, &certificates), start(replica, &certificates));
        master.done(&["DEBUG", "POPULATE", "20000", "key", "700"]);
        for diskless in ["yes", "no"] {
            master.config("repl-diskless-sync", diskless);
            replica.done(&["REPLICAOF", "NO", "ONE"]);
            replica.done(&["FLUSHALL"]);
            replica.follow(master.link_port());
            assert_same(&[&master, &replica]);
        }
    }
}

/// A value that is larger than every buffer on its way.
#[test]
fn one_large_value() {
    let certificates = certificates();
    let (master, replica) = (start(Ours, &certificates), start(Ours, &certificates));
    replica.follow(master.link_port());
    master.done(&["SETRANGE", "large", "50000000", "x"]);
    master.done(&["APPEND", "large", &"y".repeat(1_000_000)]);
    assert_same(&[&master, &replica]);
    assert_eq!(master.call(&["WAIT", "1", "0"]), Value::Integer(1));
}

/// Sentinel, and a failover, come where the replica says that it is.
#[test]
fn a_replica_says_at_which_port_it_speaks_tls() {
    let certificates = certificates();
    let (master, replica) = (start(Ours, &certificates), start(Ours, &certificates));
    replica.follow(master.link_port());
    let expected = format!("ip=127.0.0.1,port={},state=online", replica.link_port());
    until("the replica is online", || master.info("slave0").starts_with(&expected));
    let port = replica.link_port().to_string();
    master.done(&["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "30000"]);
    until("they have changed places", || {
        master.info("role") == "slave"
            && replica.info("role") == "master"
            && master.info("master_link_status") == "up"
    });
    replica.done(&["SET", "k", "v"]);
    converge_nodes(&[&replica, &master]);
    assert_eq!(master.call(&["GET", "k"]).text(), "v");
    assert_eq!(master.count("sync_full") + replica.count("sync_full"), 1);
}

#[test]
fn where_one_of_them_speaks_no_tls_there_is_no_link() {
    let certificates = certificates();
    let (ours, plain) = (start(Ours, &certificates), Node::start(Ours, &[]));
    ours.done(&["REPLICAOF", "127.0.0.1", &plain.port().to_string()]);
    ours.await_printed("Error condition on socket for SYNC: error:");
    plain.done(&["REPLICAOF", "127.0.0.1", &ours.link_port().to_string()]);
    ours.await_printed("Error accepting a client connection: error:");
    assert_eq!([ours.info("master_link_status"), plain.info("master_link_status")], ["down", "down"]);
    // It is the configuration of each attempt that counts.
    plain.done(&["REPLICAOF", "NO", "ONE"]);
    ours.config("tls-replication", "no");
    ours.await_link();
    assert!(plain.call(&["CONFIG", "SET", "tls-replication", "yes"]).is_error());
}

/// Who follows us must show that he may, and whom we follow must, too.
#[test]
fn a_stranger_is_neither_followed_nor_served() {
    let (ours, others) = (certificates(), certificates());
    let (master, replica) = (start(Ours, &ours), start(Ours, &others));
    replica.done(&["REPLICAOF", "127.0.0.1", &master.link_port().to_string()]);
    replica.await_printed("certificate verify failed");
    // It trusts the master now; but not the other way round.
    replica.done(&["CONFIG", "SET", "tls-ca-cert-file", &ours.path("ca.crt")]);
    master.await_printed("Error accepting a client connection: error:");
    replica.await_printed("alert unknown ca");
    assert_eq!(replica.info("master_link_status"), "down");
    let [certificate, key] = ["client.crt", "client.key"].map(|name| ours.path(name));
    // Whom it is followed by sees another certificate than whom it follows.
    replica.done(&["CONFIG", "SET", "tls-client-cert-file", &certificate, "tls-client-key-file", &key]);
    replica.await_link();
}
