//! SCAN: its options, its errors, and its promise while keys come and go.

use std::collections::BTreeSet;

use crate::support::{Client, Server, ours};

#[test]
fn options() {
    transcript!(
        r#"
        SCAN 0
        SET k v
        SCAN 0
        SCAN 0 COUNT 10
        SCAN 0 MATCH k*
        SCAN 0 MATCH x*
        SCAN 0 MATCH k TYPE string
        SCAN 0 TYPE list
        SCAN 0 TYPE STRING
        ~ SCAN 0 count 1 match ? type string
        SCAN 0 COUNT 9223372036854775807
        SCAN 0 COUNT 0
        SCAN 0 COUNT -1
        SCAN 0 COUNT a
        SCAN 0 COUNT
        SCAN 0 MATCH
        SCAN 0 TYPE
        SCAN 0 FOO bar
        SCAN a
        SCAN -1 ## since 7.4 a cursor is checked strictly
        SCAN "" ## since 7.4 a cursor is checked strictly
        SCAN 18446744073709551616
        SCAN
        "#
    );
}

fn scan_all(
    client: &mut Client,
    options: &[&str],
    mut between: impl FnMut(&mut Client, usize),
) -> Vec<String> {
    let mut cursor = "0".to_string();
    let mut seen = Vec::new();
    for step in 0.. {
        let reply = client.call(&[&["SCAN", cursor.as_str()], options].concat()).items();
        seen.extend(reply[1].items().iter().map(|key| key.text()));
        cursor = reply[0].text();
        if cursor == "0" {
            break;
        }
        between(client, step);
    }
    seen
}

#[test]
fn every_key_once_when_nothing_changes() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    for key in 0..10_000 {
        client.send(&["SET", &format!("key:{key}"), "v"]);
    }
    (0..10_000).for_each(|_| assert!(!client.receive().is_error()));
    for count in ["1", "10", "5000", "100000"] {
        let seen = scan_all(&mut client, &["COUNT", count], |_, _| {});
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), 10_000, "COUNT {count}");
    }
    let matched = scan_all(&mut client, &["MATCH", "key:77*"], |_, _| {});
    assert_eq!(matched.len(), 111, "77, 770 to 779 and 7700 to 7799");
}

/// The promise: a key that is there from the first call to the last is returned, whatever else happens.
#[test]
fn keys_that_stay_are_seen_while_others_come_and_go() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let put = |client: &mut Client, name: String| assert!(!client.call(&["SET", &name, "v"]).is_error());
    (0..500).for_each(|key| put(&mut client, format!("stays:{key}")));
    (0..500).for_each(|key| put(&mut client, format!("goes:{key}")));
    let seen = scan_all(&mut client, &["COUNT", "10"], |client, step| {
        for key in 0..50 {
            client.call(&["DEL", &format!("goes:{}", step * 50 + key)]);
            // Enough new keys that the table grows several times on the way, and in the end shrinks.
            if step < 60 {
                put(client, format!("comes:{step}:{key}"));
            } else {
                client.call(&["DEL", &format!("comes:{}:{key}", step - 60)]);
            }
        }
    });
    let stayed: BTreeSet<_> = seen.iter().filter(|key| key.starts_with("stays:")).collect();
    assert_eq!(stayed.len(), 500);
}
