//! check-aof and Debian's redis-check-aof read the same files, and say the same of them.
//!
//! Left out of the comparison is where redis-check-aof tells what it has not read: behind a line that is cut off it prints
//! two bytes of an older one, and at a missing EXEC the place of some argument before the end. In manifests it counts lines
//! through all files; here each file begins with its first. What redis-check-aof lists of a snapshot's contents is left out.
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Server, Value, ours, redis_server};

fn judge() -> std::path::PathBuf {
    redis_server().with_file_name("redis-check-aof")
}

/// Exit code and words of a tool, in a directory.
fn said(mut tool: Command, dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = tool.current_dir(dir).args(arguments).output().expect("the tool runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn compare(dir: &Path, arguments: &[&str], what: &str) {
    let mut ours = Command::new(ours());
    ours.arg("check-aof");
    let (ours, theirs) = (said(ours, dir, arguments), said(Command::new(judge()), dir, arguments));
    assert_eq!(ours.0, theirs.0, "{what}\n{}\n{}", ours.1, theirs.1);
    let lines = |text: &str| -> Vec<String> {
        let counts_all = text.starts_with("Start checking Multi Part AOF");
        text.lines().filter(|line| !is_listing(line)).map(|line| comparable(line, counts_all)).collect()
    };
    assert_eq!(lines(&ours.1), lines(&theirs.1), "{what}");
}

fn comparable(line: &str, counts_all: bool) -> String {
    match line {
        _ if line.ends_with("Reached EOF before reading EXEC for MULTI") => line[18..].to_string(),
        _ if line.contains(r"Expected \r\n, got: ") => line[..line.len() - 4].to_string(),
        _ if counts_all && line.starts_with("AOF analyzed") => {
            line.split(", ").filter(|part| !part.starts_with("ok_up_to_line")).collect::<Vec<_>>().join(", ")
        }
        // Ours points at the checksum and tells both.
        _ if line.contains("RDB CRC error") => "RDB CRC error".to_string(),
        // Since 7.4 a snapshot's path is told, before it was its name.
        _ if line.starts_with("[offset 0] Checking RDB file ") => line.replace("./", ""),
        _ => line.to_string(),
    }
}
fn is_listing(line: &&str) -> bool {
    ["AUX FIELD", "Selecting DB", "Checksum OK", "[info]", "[additional info]"]
        .iter()
        .any(|part| line.contains(part))
}

/// A snapshot by the redis-server beside redis-check-aof, with its checksum.
fn snapshot() -> Vec<u8> {
    let server = Server::start(&redis_server(), &["--aof-use-rdb-preamble", "yes"]);
    server.connect().call(&["SET", "key", "value"]);
    server.connect().call(&["RPUSH", "list", "a", "b"]);
    assert_eq!(server.connect().call(&["SAVE"]), Value::ok());
    fs::read(server.dir().join("dump.rdb")).expect("it was saved")
}

#[test]
fn snapshots_at_the_beginning_are_judged_alike() {
    let dir = TempDir::new().expect("a temporary directory");
    let (snapshot, log) = (snapshot(), log());
    let mut wrong = snapshot.clone();
    *wrong.last_mut().expect("a checksum") ^= 1;
    for (what, file) in [
        ("alone", snapshot.clone()),
        ("with a tail", [&snapshot[..], &log].concat()),
        ("with a tail that is cut off", [&snapshot[..], &log[..log.len() - 3]].concat()),
        ("cut off", snapshot[..snapshot.len() - 9].to_vec()),
        ("with a wrong checksum", [&wrong[..], &log].concat()),
    ] {
        fs::write(dir.path().join("a.aof"), file).expect("written");
        fs::write(dir.path().join("manifest"), "file a.aof seq 1 type b\n").expect("written");
        for name in ["a.aof", "manifest"] {
            compare(dir.path(), &[name], &format!("{what}, {name}"));
        }
    }
}

fn log() -> Vec<u8> {
    let mut log = b"#TS:1700000000\r\n".to_vec();
    for line in ["SELECT 0", "SET key value", "MULTI", "INCR n", "DEL key", "EXEC", "RPUSH l a"] {
        let words: Vec<&str> = line.split(' ').collect();
        log.extend(format!("*{}\r\n", words.len()).bytes());
        words.iter().for_each(|word| log.extend(format!("${}\r\n{word}\r\n", word.len()).bytes()));
    }
    log
}

#[test]
fn files_that_are_cut_anywhere_are_judged_alike() {
    let dir = TempDir::new().expect("a temporary directory");
    let log = log();
    // A cut within the annotation is what redis-check-aof does not notice, and a lone `*` it takes for a number.
    for cut in 16..=log.len() {
        let file = &log[..cut];
        if file.ends_with(b"\n*") || file.ends_with(b"\n$") {
            continue;
        }
        fs::write(dir.path().join("a.aof"), file).expect("written");
        compare(dir.path(), &["a.aof"], &format!("cut at {cut}"));
    }
}

#[test]
fn damaged_files_are_judged_alike() {
    let dir = TempDir::new().expect("a temporary directory");
    for (from, to) in [
        ("*2", "x2"),
        ("$6", "x6"),
        ("$6", "$7"),
        ("$6", "$5"),
        ("$6", "$-6"),
        ("$6", "$99999999"),
        ("value", "val\r\n"),
        ("INCR", "EXEC"),
        ("*2\r\n$4\r\nINCR\r\n$1\r\nn", "*1\r\n$5\r\nmulti"),
        ("MULTI", "PINGS"),
        ("EXEC", "PING"),
    ] {
        let text = String::from_utf8_lossy(&log()).replacen(from, to, 1);
        fs::write(dir.path().join("a.aof"), text).expect("written");
        compare(dir.path(), &["a.aof"], &format!("{from:?} is {to:?}"));
    }
}

#[test]
fn manifests_and_options_are_judged_alike() {
    let dir = TempDir::new().expect("a temporary directory");
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("written");
    let log = log();
    write("base", &log);
    write("one", &log);
    write("empty", b"");
    write("half", &log[..log.len() - 3]);
    for (last, first) in
        [("one", "empty"), ("empty", "one"), ("half", "one"), ("one", "half"), ("gone", "one")]
    {
        let text = format!("file base seq 1 type b\nfile {first} seq 1 type i\nfile {last} seq 2 type i\n");
        write("manifest", text.as_bytes());
        for options in [&["manifest"][..], &["--fix", "manifest"]] {
            compare(dir.path(), options, &format!("{first}, {last}, {options:?}"));
        }
    }
    for options in [
        &["none"][..],
        &["empty"],
        &["--truncate-to-timestamp", "1700000001", "one"],
        &["--truncate-to-timestamp", "5", "one"],
        &["--truncate-to-timestamp", "x", "one"],
    ] {
        compare(dir.path(), options, &format!("{options:?}"));
    }
}
