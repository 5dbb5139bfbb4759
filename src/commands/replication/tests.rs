//! What clients say that want to be replicas, and what they are answered.
use super::Wish;
use crate::{
    board::{History, Link, LinkState},
    commands::server::testing::{Client, client},
};
use std::sync::{Arc, atomic::Ordering::Relaxed};

#[track_caller]
fn check(client: &mut Client, transcript: &[(&str, &str)]) {
    for (command, reply) in transcript {
        assert_eq!(client.say(command).trim_end(), *reply, "{command}");
    }
}

#[test]
fn a_replica_says_what_it_is() {
    let mut client = client();
    check(
        &mut client,
        &[
            ("REPLCONF", "+OK"),
            ("REPLCONF listening-port 6380 ip-address 10.0.0.1 capa eof capa psync2 capa later", "+OK"),
            ("REPLCONF rdb-only 1 version 7.4.1", "+OK"),
            ("REPLCONF rdb-filter-only functions", "+OK"),
        ],
    );
    let announced = &client.session.announced;
    assert_eq!((announced.ip.as_deref(), announced.port), (Some("10.0.0.1"), 6380));
    assert!(announced.capa_eof && announced.capa_psync2 && announced.rdb_only);
    assert!(announced.without_data && !announced.without_functions);
    assert_eq!(announced.version, 0x07_04_01);
    check(&mut client, &[("REPLCONF rdb-filter-only '' rdb-only 0", "+OK")]);
    let announced = &client.session.announced;
    assert!(announced.without_data && announced.without_functions && !announced.rdb_only);
}

#[test]
fn what_stands_before_a_wrong_pair_counts() {
    let mut client = client();
    let long = format!("REPLCONF ip-address {}", "a".repeat(256));
    check(
        &mut client,
        &[
            ("REPLCONF capa", "-ERR syntax error"),
            ("REPLCONF capa eof color red capa psync2", "-ERR Unrecognized REPLCONF option: color"),
            ("REPLCONF listening-port x", "-ERR value is not an integer or out of range"),
            ("REPLCONF rdb-only 2", "-ERR value is out of range, value must between 0 and 1"),
            ("REPLCONF rdb-filter-only keys", "-ERR Unsupported rdb-filter-only option: keys"),
            (&long, "-ERR REPLCONF ip-address provided by replica instance is too long: 256 bytes"),
        ],
    );
    let announced = &client.session.announced;
    assert!(announced.capa_eof && !announced.capa_psync2);
}

#[test]
fn acknowledgements_are_never_answered() {
    check(&mut client(), &[("REPLCONF ACK 1", ""), ("REPLCONF ACK nonsense", ""), ("REPLCONF GETACK *", "")]);
}

#[test]
fn who_asks_to_be_in_step_says_nothing_more() {
    for (command, wish) in [
        ("SYNC", Wish::Sync),
        ("PSYNC ? -1", Wish::Resume { id: "?".into(), first: -1 }),
        ("psync abc 12 whatever", Wish::Resume { id: "abc".into(), first: 12 }),
    ] {
        let mut client = client();
        check(&mut client, &[(command, "")]);
        assert_eq!(client.session.wish, Some(wish));
    }
    let mut client = client();
    check(&mut client, &[("PSYNC ? first", "-ERR value is not an integer or out of range")]);
    assert_eq!(client.session.wish, None);
}

#[test]
fn part_of_the_data_goes_by_no_file() {
    let mut client = client();
    check(
        &mut client,
        &[
            ("REPLCONF rdb-filter-only functions", "+OK"),
            ("PSYNC ? -1", "-ERR Filtered replica requires EOF capability"),
            ("REPLCONF capa eof", "+OK"),
            ("PSYNC ? -1", ""),
        ],
    );
}

#[test]
fn a_replica_without_its_master_cannot_be_followed() {
    let mut client = client();
    let replication = &client.stage.board.replication;
    let link = Arc::new(Link::new("here".into(), 1));
    replication.follows.store(true, Relaxed);
    replication.link.store(Some(link.clone()));
    let refusal = "-NOMASTERLINK Can't SYNC while not connected with my master";
    check(&mut client, &[("SYNC", refusal), ("PSYNC ? -1", refusal)]);
    link.set_state(LinkState::Connected);
    check(&mut client, &[("SYNC", "")]);
}

#[test]
fn only_a_replica_of_the_same_history_takes_over() {
    let mut client = client();
    check(&mut client, &[("PSYNC abc 1 FAILOVER", "-ERR PSYNC FAILOVER can't be sent to a master.")]);
    let replication = &client.stage.board.replication;
    replication.follows.store(true, Relaxed);
    replication.history.store(Arc::new(History { id: "abc".into(), second_id: None, second_end: 0 }));
    check(
        &mut client,
        &[
            ("PSYNC abd 1 FAILOVER", "-ERR PSYNC FAILOVER replid must match my replid."),
            ("PSYNC abc 1 failover", ""),
        ],
    );
    assert_eq!(client.session.wish, Some(Wish::TakeOver { id: "abc".into(), first: 1 }));
}
