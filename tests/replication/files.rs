//! The file that a full sync leaves behind, and what becomes of it.
use crate::{
    node::{Node, until},
    support::Value,
};
use std::{fs, path::Path};

const KEYS: i64 = 1_000;

fn master() -> Node {
    let master = Node::ours(&[]);
    master.done(&["DEBUG", "POPULATE", &KEYS.to_string()]);
    master
}
fn is_there(replica: &Node, name: &str) -> bool {
    replica.dir().join(name).exists()
}
/// A replica with and one without data go different ways.
fn with_and_without_data(check: impl Fn(Node)) {
    for has_data in [false, true] {
        println!("the replica has data: {has_data}");
        let replica = Node::ours(&["--enable-protected-configs", "yes"]);
        // It has looked for a file of its own.
        replica.await_printed("Ready to accept connections");
        if has_data {
            replica.done(&["SET", "old", "value"]);
        }
        check(replica);
    }
}

#[test]
fn who_keeps_nothing_keeps_no_file_of_the_master() {
    let master = master();
    with_and_without_data(|replica| {
        for (deletes, save, is_kept) in [("yes", "", false), ("no", "", true), ("yes", "3600 1", true)] {
            replica.config("rdb-del-sync-files", deletes);
            replica.config("save", save);
            replica.follow(master.port());
            assert_eq!(
                is_there(&replica, "dump.rdb"),
                is_kept,
                "rdb-del-sync-files {deletes}, save {save:?}"
            );
            replica.done(&["REPLICAOF", "NO", "ONE"]);
            // Else the data would be there to go on from.
            replica.done(&["DEBUG", "CHANGE-REPL-ID"]);
        }
    });
}

/// The data are here, and the next save point tries again.
#[test]
fn a_file_that_finds_no_place_is_a_change_to_save() {
    let master = master();
    with_and_without_data(|mut replica| {
        let place = replica.dir().join("taken.rdb");
        fs::create_dir_all(place.join("by a folder")).expect("a folder");
        replica.config("dbfilename", "taken.rdb");
        replica.follow(master.port());
        replica.await_printed("Failed trying to rename the temp DB into taken.rdb");
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(KEYS));
        assert!(replica.count("rdb_changes_since_last_save") > 0);
        let leftovers = || fs::read_dir(replica.dir()).expect("a folder").flatten();
        assert!(!leftovers().any(|entry| entry.file_name().to_string_lossy().starts_with("temp-")));
        fs::remove_dir_all(&place).expect("our own folder");
        replica.config("save", "1 1");
        until("it is saved", || Path::is_file(&place));
        replica.config("save", "");
        until("nothing is being saved", || replica.info("rdb_bgsave_in_progress") == "0");
        replica.kill();
        replica.again_with(&["--dbfilename", "taken.rdb"]);
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(KEYS));
    });
}

#[test]
fn the_file_gets_the_name_that_holds_at_its_end() {
    let master = master();
    with_and_without_data(|replica| {
        replica.config("key-load-delay", "1000");
        replica.done(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        until("the data are coming", || replica.info("master_sync_in_progress") == "1");
        replica.config("dbfilename", "other.rdb");
        replica.config("key-load-delay", "0");
        replica.await_link();
        assert!(is_there(&replica, "other.rdb") && !is_there(&replica, "dump.rdb"));
        replica.done(&["DEBUG", "RELOAD", "NOSAVE"]);
        assert_eq!(replica.call(&["DBSIZE"]), Value::Integer(KEYS));
    });
}
