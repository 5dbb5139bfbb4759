//! RDB files: redis-server's, read here and written again, are for redis-server what they were.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use callboard::formats::rdb::{Checksum, Decoded, Encoder, Item, Scanner, Sum, Usage, Version, decode};
use callboard::store::{AccessClock, AccessPolicy, Changes, EncodingLimits, Record, Store, Wants};
use tempfile::TempDir;

use super::dump::fill;
use crate::support::{Server, ours, redis_server};

const OPTIONS: [&str; 6] = ["--enable-debug-command", "yes", "--list-compress-depth", "1", "--save", ""];

/// What a file holds, and its fields of information.
fn read(file: Vec<u8>) -> (Store, BTreeMap<String, String>) {
    let mut store = Store::new(16, 1);
    let mut record = Record::new(Wants::default());
    let (mut db, mut fields) = (0, BTreeMap::new());
    let mut scanner = Scanner::new(true);
    for chunk in file.chunks(5000) {
        scanner.push(chunk.to_vec().into());
        while let Some(item) = scanner.next_item().expect("the file is sound") {
            match item {
                Item::Aux { name, value } => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    fields.insert(text(&name), text(&value));
                }
                Item::SelectDb(index) => db = index as usize,
                Item::Record(found) => {
                    let decoded = decode(found.kind, &found.payload, &EncodingLimits::default());
                    let Ok(Decoded::Value(content)) = decoded else { panic!("{found:?} is damaged") };
                    let mut changes = Changes { store: &mut store, db, touches: false, record: &mut record };
                    assert!(changes.load(&found.key, content, found.deadline, None));
                }
                Item::End(sum) => assert_eq!(sum, Sum::Right),
                _ => {}
            }
        }
    }
    scanner.end_of_input().expect("the end was seen");
    (store, fields)
}

/// A file of all that a store holds.
fn write(store: &Store, compresses: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(Version::of_store(store), compresses, Usage::Untold);
    let clock = AccessClock::new(AccessPolicy::Recency, 0);
    encoder.header(&mut out);
    encoder.aux("redis-ver", "7.4.1", &mut out);
    encoder.aux("redis-bits", "64", &mut out);
    for (index, database) in store.databases().iter().enumerate().filter(|(_, database)| !database.is_empty())
    {
        encoder.select_db(index, &mut out);
        encoder.resize_db(database.len(), database.volatile(), &mut out);
        database.scan_all(&mut |entry| encoder.entry(entry, clock, &mut out));
    }
    encoder.end(&mut out);
    let mut sum = Checksum::new(true);
    sum.update(&out);
    out.extend_from_slice(&sum.trailer());
    out
}

fn check(file: &Path) -> (bool, String) {
    let checked = Command::new(ours()).arg("check-rdb").arg(file).output().expect("it runs");
    (checked.status.success(), String::from_utf8_lossy(&checked.stdout).into_owned())
}

#[test]
fn a_file_goes_there_and_back() {
    let redis = Server::start(&redis_server(), &OPTIONS);
    let mut client = redis.connect();
    fill(&mut client);
    client.call(&["EXPIRE", "set", "100000"]);
    client.call(&["SELECT", "3"]);
    client.call(&["DEBUG", "POPULATE", "3000", "key", "60"]);
    client.call(&["SAVE"]);
    let digest = client.call(&["DEBUG", "DIGEST"]);
    let theirs = redis.dir().join("dump.rdb");
    let (is_fine, report) = check(&theirs);
    assert!(is_fine && report.contains("Checksum OK"), "{report}");
    let (store, fields) = read(fs::read(&theirs).expect("it was saved"));
    assert_eq!(fields["redis-bits"], "64");
    for compresses in [true, false] {
        let dir = TempDir::new().expect("a temporary directory");
        let file = dir.path().join("ours.rdb");
        fs::write(&file, write(&store, compresses)).expect("there is room");
        let (is_fine, report) = check(&file);
        assert!(is_fine && report.contains("[info] 1 expires"), "{report}");
        let place = dir.path().to_str().expect("a path of ASCII");
        let options = [&OPTIONS[..], &["--dir", place, "--dbfilename", "ours.rdb"]].concat();
        let other = Server::start(&redis_server(), &options);
        assert_eq!(other.connect().call(&["DEBUG", "DIGEST"]), digest, "compressed: {compresses}");
    }
}

#[test]
fn a_damaged_file_is_found_out() {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("dump.rdb");
    fs::write(&file, b"REDIS0010\x00\x03key\x05value\xff\x01\x02\x03\x04\x05\x06\x07\x08")
        .expect("there is room");
    let (is_fine, report) = check(&file);
    assert!(!is_fine && report.contains("[offset 21] RDB CRC error"), "{report}");
    assert!(!check(&dir.path().join("absent.rdb")).0);
}
