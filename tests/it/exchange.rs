//! Files go from ours to redis-server and back, with values of every type, and come out as they went in: snapshots, and
//! append-only files as a snapshot, as commands and as the effects of everything that writes.
//!
//! What comes out is compared by DEBUG DIGEST, which both compute alike, and by what readers see of each key.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::dump::fill;
use super::persistence::copy_of;
use crate::support::{Client, Server, Value, line, ours, redis_server};
use crate::transcript::until;

const OPTIONS: [&str; 4] = ["--enable-debug-command", "yes", "--list-compress-depth", "1"];

/// Everything that a client can see of the data: digest, and for each key its type, deadline and content.
struct Seen {
    digest: Value,
    keys: Vec<(String, Vec<Value>)>,
}

fn see(server: &Server) -> Seen {
    let mut client = server.connect();
    let digest = client.call(&["DEBUG", "DIGEST"]);
    let mut keys = Vec::new();
    for db in ["0", "3"] {
        client.call(&["SELECT", db]);
        let mut names: Vec<String> = client.call(&["KEYS", "*"]).items().iter().map(Value::text).collect();
        names.sort();
        keys.extend(names.into_iter().map(|name| (format!("{db}:{name}"), content(&mut client, &name))));
    }
    Seen { digest, keys }
}

/// Says of the first key that differs how it does: all of them would be too much.
#[track_caller]
fn same(left: &Seen, right: &Seen, what: &str) {
    let names = |seen: &Seen| seen.keys.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(left), names(right), "{what}");
    for (left, right) in left.keys.iter().zip(&right.keys) {
        assert_eq!(left, right, "{what}");
    }
    assert_eq!(left.digest, right.digest, "{what}");
}

fn content(client: &mut Client, key: &str) -> Vec<Value> {
    let kind = client.call(&["TYPE", key]).text();
    let mut seen = vec![
        Value::bulk(&kind),
        client.call(&["PEXPIRETIME", key]),
        client.call(&["DEBUG", "DIGEST-VALUE", key]),
    ];
    let reader: &[&str] = match &*kind {
        "string" => &["GET", key],
        "list" => &["LRANGE", key, "0", "-1"],
        "set" => &["SORT", key, "ALPHA"],
        "zset" => &["ZRANGE", key, "0", "-1", "WITHSCORES"],
        "hash" => &["HGETALL", key],
        _ => &["XRANGE", key, "-", "+"],
    };
    let mut read = client.call(reader);
    if kind == "hash" {
        let mut pairs: Vec<Value> = read.items().chunks(2).map(|pair| Value::Array(pair.to_vec())).collect();
        pairs.sort();
        read = Value::Array(pairs);
    }
    seen.push(read);
    if kind == "stream" {
        // Groups with their consumers and what is pending; not how nodes are laid out, nor when anybody was seen.
        let groups = client.call(&["XINFO", "GROUPS", key]);
        for group in groups.items() {
            let name = group.items()[1].text();
            seen.push(client.call(&["XPENDING", key, &name]));
            let pending = client.call(&["XPENDING", key, &name, "-", "+", "1000"]);
            let entries = pending.items();
            let told = entries.iter().map(|entry| {
                let fields = entry.items();
                Value::Array(vec![fields[0].clone(), fields[1].clone(), fields[3].clone()])
            });
            seen.push(Value::Array(told.collect()));
        }
        seen.push(groups);
    }
    seen
}

/// Runs what it says, line by line; nothing may fail.
fn run(client: &mut Client, text: &str) {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let reply = client.call(&line::split(line));
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
}

/// Every type in every encoding, deadlines, and a second database.
fn populate(client: &mut Client) {
    fill(client);
    run(
        client,
        r#"
        PEXPIREAT set 4102444800123
        SET "with \r\n and \xff\x00" "binary \x00\xfe"
        SET empty ""
        ZADD extremes inf a -inf b 0.5 c -5000 d -0 e
        PFADD counter a b c
        SETBIT bits 100 1
        GEOADD places 13.361389 38.115556 here 15.087269 37.502669 there
        XADD emptied 5-5 f v
        XDEL emptied 5-5
        XGROUP CREATE emptied none $ ENTRIESREAD 1
        XSETID stream 400-1 ENTRIESADDED 500 MAXDELETEDID 3-3
        SELECT 3
        RPUSH elsewhere a b c
        DEBUG POPULATE 2000 key 60
        SELECT 0
        "#,
    );
}

/// Whatever writes, in the ways that are told by other commands, too.
fn change(client: &mut Client) {
    run(
        client,
        r#"
        SET a 1 EX 100000
        GETEX a PERSIST
        APPEND a bc
        SETRANGE a 5 xyz
        INCR n
        INCRBYFLOAT n 2.5
        MSETNX m 1 o 2
        BITOP NOT inverted bits
        BITFIELD fields:bits SET u8 0 255 INCRBY i5 100 1
        LPUSH l 1 2 3 4 5 6
        LMOVE l l2 LEFT RIGHT
        BLMPOP 1 1 l LEFT COUNT 2
        LINSERT l BEFORE 1 zero
        LREM quicklist 1 element-5-of-some-length
        LTRIM quicklist 5 -5
        LSET l 0 first
        SPOP table 700
        SMOVE set set2 element-3-of-some-length
        SINTERSTORE common set table
        SDIFFSTORE rest table set
        ZINCRBY zset 1.5 element-1-of-some-length
        ZUNIONSTORE union 2 zset ranked WEIGHTS 1 2 AGGREGATE MAX
        ZRANGESTORE part ranked 10 20
        ZREMRANGEBYRANK ranked 0 30
        ZPOPMIN ranked 5
        BZMPOP 1 1 ranked MAX COUNT 3
        GEOSEARCHSTORE near places FROMMEMBER here BYRADIUS 300 km ASC STOREDIST
        HINCRBYFLOAT hash counted 0.1
        HDEL fields element-1-of-some-length element-2-of-some-length
        PFMERGE merged counter
        SORT l ALPHA DESC STORE sorted
        COPY hash copied REPLACE
        COPY hash elsewhere DB 3
        RENAME sorted renamed
        MOVE renamed 3
        SWAPDB 0 3
        SWAPDB 3 0
        XADD stream NOMKSTREAM MAXLEN ~ 200 * f v
        XTRIM stream MAXLEN 150
        XADD stream MAXLEN ~ 160 LIMIT 10 * f v
        XTRIM stream MAXLEN ~ 1 LIMIT 200
        XADD made 1-1 f v g w
        XADD made 1-* f v2
        XGROUP CREATE made workers 0
        XGROUP CREATECONSUMER made workers idle
        XREADGROUP GROUP workers ann COUNT 1 STREAMS made >
        XREADGROUP GROUP workers ann NOACK COUNT 1 STREAMS made >
        XCLAIM made workers bob 0 1-1 RETRYCOUNT 7
        XAUTOCLAIM made workers cleo 0 0 COUNT 10
        XACK stream group 2-1
        XGROUP SETID stream group 100-1
        XGROUP DELCONSUMER stream group bob
        EXPIRE m 100000
        PERSIST m
        PEXPIREAT o 1
        DEL integer
        UNLINK plain
        SELECT 3
        FLUSHDB
        SET back again
        SELECT 0
        "#,
    );
    let dump = client.call(&["DUMP", "copied"]).bytes().to_vec();
    assert_eq!(client.call(&[&b"RESTORE"[..], b"restored", b"100000", &dump]), Value::ok());
}

fn judged(tool: &str, place: &Path, file: &str) {
    let tool = redis_server().with_file_name(tool);
    let said = Command::new(tool).current_dir(place).arg(file).output().expect("the tool runs");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{file}: {text}");
}

fn judged_by_ours(tool: &str, place: &Path, file: &str) {
    let said = Command::new(ours()).current_dir(place).args([tool, file]).output().expect("the tool runs");
    assert!(said.status.success(), "{file}: {}", String::from_utf8_lossy(&said.stdout));
}

/// The ways between the servers, and how OPTIONS are given.
fn ways() -> [(std::path::PathBuf, std::path::PathBuf); 2] {
    [(ours(), redis_server()), (redis_server(), ours())]
}

fn start(binary: &Path, place: &Path, options: &[&str]) -> Server {
    let dir = place.to_str().expect("a path of ASCII");
    Server::start(binary, &[&OPTIONS[..], options, &["--dir", dir]].concat())
}

#[test]
fn snapshots() {
    for (writer, reader) in ways() {
        for compresses in ["yes", "no"] {
            let server = Server::start(&writer, &[&OPTIONS[..], &["--rdbcompression", compresses]].concat());
            let mut client = server.connect();
            populate(&mut client);
            change(&mut client);
            assert_eq!(client.call(&["SAVE"]), Value::ok());
            let place = copy_of(server.dir());
            judged("redis-check-rdb", place.path(), "dump.rdb");
            judged_by_ours("check-rdb", place.path(), "dump.rdb");
            let next = start(&reader, place.path(), &[]);
            same(&see(&next), &see(&server), &format!("{} to {}", writer.display(), reader.display()));
        }
    }
}

#[test]
fn logs_of_a_base_and_what_follows_it() {
    for (writer, reader) in ways() {
        for preamble in ["yes", "no"] {
            let options =
                ["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", preamble];
            let server = Server::start(&writer, &[&OPTIONS[..], &options].concat());
            let mut client = server.connect();
            // In the base.
            populate(&mut client);
            client.call(&["BGREWRITEAOF"]);
            until(&mut client, "aof_rewrite_in_progress:0");
            until(&mut client, "aof_last_bgrewrite_status:ok");
            compare(&server, &reader, &options);
            // In the increment.
            change(&mut client);
            compare(&server, &reader, &options);
        }
    }
}

/// All that was written is in increments alone: the base is empty.
#[test]
fn logs_of_effects_alone() {
    for (writer, reader) in ways() {
        let options = ["--appendonly", "yes", "--appendfsync", "always"];
        let server = Server::start(&writer, &[&OPTIONS[..], &options].concat());
        populate(&mut server.connect());
        change(&mut server.connect());
        compare(&server, &reader, &options);
    }
}

fn compare(server: &Server, reader: &Path, options: &[&str]) {
    let place = copy_of(server.dir());
    let folder = place.path().join("appendonlydir");
    judged("redis-check-aof", &folder, "appendonly.aof.manifest");
    judged_by_ours("check-aof", &folder, "appendonly.aof.manifest");
    let next = start(reader, place.path(), options);
    same(&see(&next), &see(server), &format!("{options:?}, to {}", reader.display()));
    // It goes on with the files: what it adds is read by the one that began them.
    let mut client = next.connect();
    client.call(&["SET", "added", "by another"]);
    client.call(&["SELECT", "3"]);
    client.call(&["RPUSH", "added", "there", "too"]);
    let seen = see(&next);
    drop(next);
    let back = start(&binary_beside(reader), place.path(), options);
    same(&see(&back), &seen, &format!("back from {}", reader.display()));
}

fn binary_beside(reader: &Path) -> std::path::PathBuf {
    if reader == ours() { redis_server() } else { ours() }
}

/// What both tools say of the same snapshots.
#[test]
fn snapshots_are_judged_alike() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &OPTIONS);
        let mut client = server.connect();
        populate(&mut client);
        assert_eq!(client.call(&["SAVE"]), Value::ok());
        let file = fs::read(server.dir().join("dump.rdb")).expect("it was saved");
        let place = tempfile::tempdir().expect("a temporary directory");
        let mut wrong_sum = file.clone();
        *wrong_sum.last_mut().expect("a checksum") ^= 1;
        for (what, bytes) in [
            ("whole", file.clone()),
            ("of no length", Vec::new()),
            ("no snapshot", b"no snapshot, and long enough".to_vec()),
            ("of a later version", [&b"REDIS9999"[..], &file[9..]].concat()),
            ("with a wrong checksum", wrong_sum),
        ] {
            fs::write(place.path().join("dump.rdb"), bytes).expect("written");
            let words = |tool: &mut Command| {
                let said = tool.current_dir(place.path()).output().expect("the tool runs");
                let text = String::from_utf8_lossy(&said.stdout).into_owned();
                // Since 7.4 it counts hashes with deadlines, too; and redis-server takes no type for a string.
                let told = |line: &&str| !line.contains("subexpires") && !line.contains("Reading type 0");
                let lines = text.lines().filter(told).map(verdict);
                (said.status.code(), lines.collect::<Vec<_>>())
            };
            let here = words(Command::new(ours()).args(["check-rdb", "dump.rdb"]));
            let there = words(Command::new(redis_server().with_file_name("redis-check-rdb")).arg("dump.rdb"));
            assert_eq!(here, there, "{what}, by {}", binary.display());
        }
    }
}

/// A line without its offset.
fn verdict(line: &str) -> String {
    match line.strip_prefix("[offset ").and_then(|rest| rest.split_once("] ")) {
        // Ours tells both checksums.
        Some((_, said)) => said.split(": the checksum is").next().unwrap_or(said).to_string(),
        None => line.to_string(),
    }
}
