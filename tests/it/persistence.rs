//! Saving, logging and loading, as whoever runs the server sees them: commands, INFO, files.
//!
//! How files go from server to server is in `exchange`; what is left after a crash has tests of its own.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{Client, Protocol, Server, Value, ours, redis_server};
use crate::transcript::until;

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

#[test]
fn saving() {
    transcript!(
        [],
        r#"
        LASTSAVE now
        SAVE now
        BGSAVE now
        BGSAVE SCHEDULE now
        BGREWRITEAOF now
        !info rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_bgsave_status rdb_last_bgsave_time_sec
        !info rdb_current_bgsave_time_sec rdb_saves rdb_last_load_keys_expired rdb_last_load_keys_loaded
        SET k v
        RPUSH l a b c
        !info rdb_changes_since_last_save
        SAVE
        !info rdb_changes_since_last_save rdb_saves rdb_last_bgsave_time_sec
        ~ LASTSAVE
        DEL k
        BGSAVE
        !until rdb_bgsave_in_progress:0
        !info rdb_changes_since_last_save rdb_last_bgsave_status rdb_current_bgsave_time_sec rdb_saves
        ~ !info rdb_last_bgsave_time_sec rdb_last_save_time
        BGSAVE SCHEDULE
        !until rdb_saves:3
        !until rdb_bgsave_in_progress:0
        "#
    );
}

/// FLUSHALL ends what is held up: redis-server's process does not hear of a new delay.
#[test]
fn while_a_snapshot_is_written() {
    transcript!(
        [],
        r#"
        CONFIG SET rdb-key-save-delay 2000000000
        MSET a 1 b 2
        BGSAVE
        !info rdb_bgsave_in_progress current_save_keys_total
        BGSAVE
        BGSAVE SCHEDULE
        SAVE
        BGREWRITEAOF
        BGREWRITEAOF
        !info aof_rewrite_scheduled aof_rewrite_in_progress
        SET c 3
        FLUSHALL
        !until rdb_bgsave_in_progress:0
        # What was deleted was never saved, so it still counts.
        !info rdb_changes_since_last_save rdb_saves rdb_last_bgsave_status
        !until aof_rewrite_scheduled:0
        !until aof_rewrite_in_progress:0
        !info aof_last_bgrewrite_status aof_enabled
        "#
    );
}

#[test]
fn while_the_log_is_rewritten() {
    transcript!(
        ["--appendonly", "yes"],
        r#"
        MSET a 1 b 2
        CONFIG SET rdb-key-save-delay 2000000000
        BGREWRITEAOF
        !info aof_rewrite_in_progress
        BGREWRITEAOF
        BGSAVE
        BGSAVE SCHEDULE
        CONFIG SET rdb-key-save-delay 0
        SAVE
        CONFIG SET appendonly no
        !until aof_rewrite_in_progress:0
        # The one that was scheduled.
        !until rdb_saves:2
        !until rdb_bgsave_in_progress:0
        !info rdb_last_bgsave_status aof_enabled
        "#
    );
}

#[test]
fn the_log_is_switched_on_and_off() {
    transcript!(
        [],
        r#"
        SET before 1
        !info aof_enabled aof_rewrite_in_progress aof_last_rewrite_time_sec aof_last_write_status aof_current_size
        CONFIG SET appendonly yes
        !info aof_enabled
        !until aof_rewrite_in_progress:0
        SET after 2
        INCRBYFLOAT float 1.5
        !info aof_last_bgrewrite_status aof_rewrite_scheduled aof_last_write_status aof_pending_rewrite
        CONFIG SET appendonly no
        !info aof_enabled aof_current_size
        SET lost 3
        # Nothing is taken out of a log that is off; it can be loaded all the same.
        DEBUG LOADAOF
        MGET before after float lost
        CONFIG SET appendonly yes
        !until aof_rewrite_in_progress:0
        CONFIG SET appendfsync always
        SET kept 4
        APPEND kept 5
        CONFIG SET appendfsync no
        APPEND kept 6
        DEBUG LOADAOF
        MGET before after float kept
        BGREWRITEAOF
        !until aof_rewrite_in_progress:0
        DEBUG LOADAOF
        MGET before after float kept
        "#
    );
}

#[test]
fn reload() {
    transcript!(
        [],
        r#"
        SET k v
        PEXPIREAT k 4102444800000
        SELECT 3
        HSET hash f v
        SELECT 0
        DEBUG RELOAD
        GET k
        PEXPIRETIME k
        !info rdb_last_load_keys_loaded rdb_last_load_keys_expired rdb_changes_since_last_save rdb_saves
        SET k changed
        SET other 1
        # What is on disk comes back, and takes the place of all.
        DEBUG RELOAD NOSAVE
        GET k
        EXISTS other
        SET k changed
        SET other 1
        # It takes the place of what has the same name.
        DEBUG RELOAD NOSAVE NOFLUSH MERGE
        GET k
        EXISTS other
        SELECT 3
        HGETALL hash
        DEBUG RELOAD FOO
        DEBUG RELOAD NOSAVE FOO
        "#
    );
}

/// redis-server ends here, so there is nothing to compare.
#[test]
fn files_that_are_not_there_are_not_loaded() {
    let server = Server::start(&ours(), &DEBUG);
    let mut client = server.connect();
    client.call(&["SET", "k", "v"]);
    let refused = client.call(&["DEBUG", "LOADAOF"]).text();
    assert_eq!(refused, "ERR Error trying to load the AOF files, check server logs.");
    assert_eq!(client.call(&["GET", "k"]).text(), "v");
    let refused = client.call(&["DEBUG", "RELOAD", "NOSAVE"]).text();
    assert_eq!(refused, "ERR Error trying to load the RDB dump, check server logs.");
}

/// redis-server ends here, so there is nothing to compare.
#[test]
fn a_reload_that_finds_a_key_twice_is_refused() {
    let server = Server::start(&ours(), &DEBUG);
    let mut client = server.connect();
    client.call(&["SET", "k", "v"]);
    assert_eq!(client.call(&["DEBUG", "RELOAD"]), Value::ok());
    client.call(&["SET", "k", "changed"]);
    let refused = client.call(&["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"]).text();
    assert_eq!(refused, "ERR Error trying to load the RDB dump, check server logs.");
    assert!(server.output().contains("The file has the key 'k' twice"), "{}", server.output());
    assert_eq!(client.call(&["GET", "k"]).text(), "changed");
}

#[test]
fn save_points() {
    transcript!(
        ["--save", "1 2"],
        r#"
        CONFIG GET save
        SET a 1
        SET b 2
        !until rdb_saves:1
        !until rdb_bgsave_in_progress:0
        !info rdb_changes_since_last_save rdb_last_bgsave_status
        CONFIG SET save "3600 1 1 100000"
        CONFIG GET save
        CONFIG SET save "3600"
        CONFIG SET save "3600 -1"
        CONFIG SET save ""
        CONFIG GET save
        "#
    );
}

/// Starts a server on the files of one that was killed.
fn successor(binary: &Path, mut server: Server, options: &[&str]) -> Server {
    server.signal(libc::SIGKILL);
    server.wait();
    let place = server.dir().to_str().expect("a path of ASCII").to_string();
    Server::start(binary, &[options, &["--dir", &place]].concat())
}

/// Where snapshots are wanted at all, deleting everything leaves an empty one: a crash brings nothing back.
#[test]
fn flushall_empties_the_snapshot_too() {
    for binary in [ours(), redis_server()] {
        for (points, left) in [("3600 1", 0), ("", 1)] {
            let server = Server::start(&binary, &["--save", points]);
            let mut client = server.connect();
            client.call(&["SET", "k", "v"]);
            assert_eq!(client.call(&["SAVE"]), Value::ok());
            assert_eq!(client.call(&["FLUSHALL"]), Value::ok());
            let kept = server.dir().join("dump.rdb");
            let place = tempfile::tempdir().expect("a temporary directory");
            fs::copy(&kept, place.path().join("dump.rdb")).expect("it was saved");
            let next = Server::start(&binary, &["--dir", place.path().to_str().expect("a path of ASCII")]);
            assert_eq!(next.connect().call(&["DBSIZE"]), Value::Integer(left), "{points:?}");
        }
    }
}

#[test]
fn a_save_that_fails_is_told_and_stops_writes() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &["--save", "3600 1000"]);
        let mut client = server.connect();
        client.call(&["SET", "k", "v"]);
        // A folder stands where the file belongs.
        let in_the_way = server.dir().join("dump.rdb");
        fs::create_dir_all(in_the_way.join("full")).expect("made");
        assert_eq!(client.call(&["SAVE"]).text(), "ERR");
        // Whoever waited for it was told: that stops nobody else.
        assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
        let refused = client.call(&["SHUTDOWN", "SAVE"]).text();
        assert_eq!(refused, "ERR Errors trying to SHUTDOWN. Check logs.");
        assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
        until(&mut client, "rdb_last_bgsave_status:ok");
        assert_eq!(client.call(&["BGSAVE"]).text(), "Background saving started");
        until(&mut client, "rdb_last_bgsave_status:err");
        until(&mut client, "rdb_bgsave_in_progress:0");
        let refused = client.call(&["SET", "k", "w"]).text();
        assert!(refused.starts_with("MISCONF Redis is configured to save RDB snapshots, but"), "{refused}");
        assert_eq!(client.call(&["GET", "k"]).text(), "v", "readers are served");
        assert_eq!(client.call(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]), Value::ok());
        assert_eq!(client.call(&["SET", "k", "w"]), Value::ok());
        assert_eq!(client.call(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"]), Value::ok());
        assert!(client.call(&["SET", "k", "x"]).is_error());
        fs::remove_dir_all(&in_the_way).expect("removed");
        assert_eq!(client.call(&["SAVE"]), Value::ok());
        until(&mut client, "rdb_last_bgsave_status:ok");
        assert_eq!(client.call(&["SET", "k", "x"]), Value::ok());
        let left: Vec<_> =
            fs::read_dir(server.dir()).expect("a folder").flatten().map(|file| file.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("temp-")), "{left:?}");
    }
}

/// What is being loaded is held up, so that there is time to look.
#[test]
fn loading() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let dir = place.path().to_str().expect("a path of ASCII");
    {
        let server = Server::start(&ours(), &["--dir", dir]);
        let mut client = server.connect();
        client.call(&["MSET", "a", "1", "b", "2"]);
        assert_eq!(client.call(&["SAVE"]), Value::ok());
    }
    for protocol in Protocol::BOTH {
        let mut server = Server::start_loading(&ours(), &["--dir", dir, "--key-load-delay", "2000000000"]);
        let mut client = server.connect();
        let refusal = Value::Error("LOADING Redis is loading the dataset in memory".into());
        for command in [
            &["GET", "a"][..],
            &["SET", "a", "1"],
            &["PING"],
            &["SAVE"],
            &["BGSAVE"],
            &["BGREWRITEAOF"],
            &["FLUSHALL"],
        ] {
            assert_eq!(client.call(command), refusal, "{command:?}");
        }
        // These may be said before it is over; the protocol is chosen by one of them.
        client.hello(protocol);
        let told = client.call(&["INFO", "persistence"]).text();
        assert!(told.contains("loading:1\r\n") && told.contains("loading_total_bytes:"), "{told}");
        assert!(told.contains("loading_loaded_perc:") && told.contains("loading_eta_seconds:"), "{told}");
        assert!(matches!(client.call(&["LASTSAVE"]), Value::Integer(1..)));
        if protocol == Protocol::Resp2 {
            // Part of the data must not take the place of all of it.
            client.send(&["SHUTDOWN", "SAVE"]);
            assert!(client.is_closed());
            assert_eq!(server.wait().code(), Some(0));
            continue;
        }
        assert_eq!(client.call(&["CONFIG", "SET", "key-load-delay", "0"]), Value::ok());
        until(&mut client, "loading:0");
        assert_eq!(client.call(&["DBSIZE"]), Value::Integer(2));
        let told = client.call(&["INFO", "persistence"]).text();
        assert!(
            !told.contains("loading_total_bytes") && told.contains("rdb_last_load_keys_loaded:2"),
            "{told}"
        );
    }
}

#[test]
fn the_last_snapshot_of_a_server_that_nobody_talked_to_tells_the_time() {
    let mut server = Server::start(&ours(), &["--save", "3600 1"]);
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    let file = fs::read(server.dir().join("dump.rdb")).expect("a snapshot");
    let name = b"ctime\xc2";
    let place = file.windows(name.len()).position(|bytes| bytes == name).expect("a time") + name.len();
    let time_s = u32::from_le_bytes(file[place..place + 4].try_into().expect("four bytes"));
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    assert!(now_s.abs_diff(time_s.into()) < 600, "{time_s}");
}

/// Also where one thread does all: clients learn how far it is while it goes on.
#[test]
fn clients_are_answered_between_the_batches_that_are_loaded() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let dir = place.path().to_str().expect("a path of ASCII");
    let options = ["--dir", dir, "--io-threads", "1", "--enable-debug-command", "yes"];
    {
        let server = Server::start(&ours(), &options);
        let mut client = server.connect();
        assert_eq!(client.call(&["DEBUG", "POPULATE", "1000000", "key", "100"]), Value::ok());
        assert_eq!(client.call(&["SAVE"]), Value::ok());
    }
    let server = Server::start_loading(&ours(), &options);
    let mut client = server.connect();
    let mut seen = HashSet::new();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(60), "it never ends");
        let told = client.call(&["INFO", "persistence"]).text();
        match told.lines().find_map(|line| line.strip_prefix("loading_loaded_bytes:")) {
            Some(count) => seen.insert(count.to_string()),
            None => break,
        };
    }
    assert!(seen.len() > 5, "how far it was: {seen:?}");
    assert_eq!(client.call(&["DBSIZE"]), Value::Integer(1_000_000));
}

fn log_folder(server: &Server) -> std::path::PathBuf {
    server.dir().join("appendonlydir")
}

/// The commands of the last increment, without those that select a database.
fn logged(server: &Server) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(log_folder(server)).expect("a folder").flatten().collect();
    names.retain(|file| file.file_name().to_string_lossy().ends_with(".incr.aof"));
    names.sort_by_key(|file| file.file_name());
    let text = fs::read(names.last().expect("an increment").path()).expect("readable");
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut commands: Vec<String> = Vec::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        match line.as_bytes()[0] {
            b'*' => commands.push(String::new()),
            b'$' => {}
            b'#' => commands.push(line.to_string()),
            _ => {
                let command = commands.last_mut().expect("a count comes first");
                *command = format!("{command} {line}").trim_start().to_string();
            }
        }
    }
    commands.retain(|command| !command.to_ascii_lowercase().starts_with("select"));
    commands
}

/// Commands are told so that they give the same data whenever they are run again. (GEOADD is told as it came; Redis tells
/// the ZADD that it makes of it.)
#[test]
fn what_is_logged_is_what_redis_logs() {
    let [ours, theirs] = [ours(), redis_server()].map(|binary| {
        let server = Server::start(&binary, &["--appendonly", "yes", "--appendfsync", "always"]);
        let mut client = server.connect();
        for line in [
            "SET text 1 EXAT 4102444800",
            "SET text 2 KEEPTTL GET",
            "GETEX text PXAT 4102444800000",
            "GETEX text",
            "GETEX text PERSIST",
            "GETDEL text",
            "SET gone v",
            "DEL gone absent",
            "SET n 10",
            "INCRBYFLOAT n 0.5",
            "EXPIREAT n 4102444800",
            "PEXPIREAT n 1",
            "SADD set a",
            "SPOP set",
            "SPOP set 3",
            "SADD set a b",
            "SPOP set 2",
            "RPUSH list a b c d",
            "LMPOP 2 none list LEFT COUNT 2",
            "BLMPOP 1 1 list RIGHT",
            "BLPOP list 1",
            "RPUSH list a",
            "BLMOVE list other LEFT RIGHT 1",
            "BRPOPLPUSH other list 1",
            "ZADD board 1 a 2 b 3 c",
            "ZMPOP 1 board MIN",
            "BZPOPMAX board 1",
            "BZMPOP 1 1 board MAX",
            "ZADD board INCR 2.5 a",
            "ZADD board NX 1 a",
            "HSET hash f 1",
            "HINCRBYFLOAT hash f 1.25",
            "XADD stream 1-1 f v",
            "XADD stream MAXLEN ~ 10 2-* f v",
            "XGROUP CREATE stream group 0",
            "XDEL stream 2-0",
            "SORT list ALPHA STORE sorted",
            "COPY hash copied",
            "RENAME copied renamed",
            "PFADD counter a",
            "SETBIT bits 7 1",
            "SET text kept",
            "SET text other NX",
            "FLUSHDB",
            "FLUSHDB",
            "FLUSHALL ASYNC",
        ] {
            let reply = client.call(&crate::support::line::split(line));
            assert!(!reply.is_error(), "{line}: {reply:?}");
        }
        logged(&server)
    });
    assert_eq!(ours, theirs);
}

#[test]
fn the_time_stands_in_the_log_if_it_is_to() {
    for binary in [ours(), redis_server()] {
        let options =
            ["--appendonly", "yes", "--aof-timestamp-enabled", "yes", "--aof-use-rdb-preamble", "no"];
        let server = Server::start(&binary, &[&options[..], &["--appendfsync", "always"]].concat());
        let mut client = server.connect();
        // Once a second, if there is anything to say; the base has told it already.
        let said = std::iter::from_fn(|| Some((client.call(&["SET", "k", "v"]), logged(&server)).1));
        let told = said.take(100_000).find(|said| said.iter().any(|line| line.starts_with("#TS:1")));
        assert!(told.is_some(), "{:?}", logged(&server));
        client.call(&["BGREWRITEAOF"]);
        until(&mut client, "aof_rewrite_in_progress:0");
        client.call(&["SET", "l", "w"]);
        let base = fs::read_to_string(log_folder(&server).join("appendonly.aof.2.base.aof")).expect("a base");
        assert!(base.starts_with("#TS:1"), "{base}");
        for reader in [ours(), redis_server()] {
            let place = copy_of(server.dir());
            let next = Server::start(
                &reader,
                &["--appendonly", "yes", "--dir", place.path().to_str().expect("ASCII")],
            );
            assert_eq!(
                next.connect().call(&["MGET", "k", "l"]),
                Value::Array(vec![Value::bulk("v"), Value::bulk("w")])
            );
        }
    }
}

/// All that a server has written there.
pub fn copy_of(folder: &Path) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let copied = std::process::Command::new("cp").arg("-r").arg(folder.join(".")).arg(place.path()).status();
    assert!(copied.expect("cp runs").success());
    place
}

/// Text of the manifest, and names of the files beside it.
fn listing(folder: &Path) -> (String, Vec<String>) {
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).expect("a manifest");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    (manifest, names)
}

/// Up to 6.2 the log was a single file beside the snapshot.
#[test]
fn a_log_in_a_single_file_is_taken_over() {
    let [ours, theirs] = [ours(), redis_server()].map(|binary| {
        let place = tempfile::tempdir().expect("a temporary directory");
        fs::write(place.path().join("appendonly.aof"), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")
            .expect("written");
        let options = ["--appendonly", "yes", "--dir", place.path().to_str().expect("ASCII")];
        let mut seen = Vec::new();
        for _ in 0..2 {
            let server = Server::start(&binary, &options);
            let mut client = server.connect();
            seen.push((client.call(&["GET", "k"]).text(), listing(&place.path().join("appendonlydir"))));
            client.call(&["BGREWRITEAOF"]);
            until(&mut client, "aof_rewrite_in_progress:0");
            seen.push((String::new(), listing(&place.path().join("appendonlydir"))));
        }
        assert!(!place.path().join("appendonly.aof").exists());
        seen
    });
    assert_eq!(ours[0].0, "v");
    assert_eq!(ours, theirs);
}

/// Bases and increments as they come and go, byte by byte of the manifest.
#[test]
fn the_manifest_is_redis_own() {
    let [ours, theirs] = [ours(), redis_server()].map(|binary| {
        let mut seen = Vec::new();
        let server = Server::start(&binary, &[&DEBUG[..], &["--appendonly", "yes"]].concat());
        let mut client = server.connect();
        let rewrite = |client: &mut Client, seen: &mut Vec<_>| {
            client.call(&["BGREWRITEAOF"]);
            until(client, "aof_rewrite_in_progress:0");
            until(client, "aof_last_bgrewrite_status:ok");
            seen.push(listing(&log_folder(&server)));
        };
        seen.push(listing(&log_folder(&server)));
        client.call(&["SET", "k", "v"]);
        rewrite(&mut client, &mut seen);
        client.call(&["CONFIG", "SET", "aof-use-rdb-preamble", "no"]);
        rewrite(&mut client, &mut seen);
        client.call(&["CONFIG", "SET", "aof-disable-auto-gc", "yes"]);
        rewrite(&mut client, &mut seen);
        client.call(&["CONFIG", "SET", "appendonly", "no"]);
        rewrite(&mut client, &mut seen);
        client.call(&["CONFIG", "SET", "aof-disable-auto-gc", "no"]);
        rewrite(&mut client, &mut seen);
        // As after a restart: increments are counted from 1 where there is none.
        assert_eq!(client.call(&["DEBUG", "LOADAOF"]), Value::ok());
        client.call(&["CONFIG", "SET", "appendonly", "yes"]);
        until(&mut client, "aof_rewrite_in_progress:0");
        seen.push(listing(&log_folder(&server)));
        let options = ["--appendonly", "yes"];
        let next = successor(&binary, server, &options);
        assert_eq!(next.connect().call(&["GET", "k"]).text(), "v");
        seen
    });
    assert_eq!(ours, theirs);
}

#[test]
fn how_snapshots_are_written() {
    let word = "abc ".repeat(500);
    let save = |binary: &Path, options: &[&str]| {
        let server = Server::start(binary, options);
        let mut client = server.connect();
        client.call(&["SET", "k", &word]);
        assert_eq!(client.call(&["SAVE"]), Value::ok());
        fs::read(server.dir().join("dump.rdb")).expect("it was saved")
    };
    for binary in [ours(), redis_server()] {
        let holds_word = |file: &[u8]| file.windows(word.len()).any(|part| part == word.as_bytes());
        let plain = save(&binary, &["--rdbcompression", "no", "--rdbchecksum", "no"]);
        assert!(holds_word(&plain) && plain.ends_with(b"\xff\0\0\0\0\0\0\0\0"));
        let packed = save(&binary, &["--rdbcompression", "yes", "--rdbchecksum", "yes"]);
        assert!(!holds_word(&packed) && packed.len() < 500 && !packed.ends_with(&[0; 8]));
    }
}

/// A wrong checksum ends the start; a server that is told not to look takes the file.
#[test]
fn checksums_are_looked_at() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let dir = place.path().to_str().expect("a path of ASCII");
    {
        let server = Server::start(&ours(), &["--dir", dir]);
        server.connect().call(&["SET", "k", "v"]);
        assert_eq!(server.connect().call(&["SAVE"]), Value::ok());
    }
    let file = place.path().join("dump.rdb");
    let mut bytes = fs::read(&file).expect("it was saved");
    *bytes.last_mut().expect("a checksum") ^= 1;
    fs::write(&file, bytes).expect("written");
    for binary in [ours(), redis_server()] {
        let mut command = crate::support::server::command(&binary, place.path());
        command.args(["--port", "0", "--unixsocket", "socket", "--dir", dir]);
        let mut child = crate::support::server::spawn(command).expect("the binary runs");
        assert_eq!(crate::support::server::wait(&mut child).code(), Some(1));
        let said = crate::support::server::output(place.path());
        assert!(said.contains("RDB CRC error") || said.contains("Wrong RDB checksum"), "{said}");
        let server = Server::start(&binary, &["--dir", dir, "--rdbchecksum", "no"]);
        assert_eq!(server.connect().call(&["GET", "k"]).text(), "v");
    }
}

#[test]
fn damage_is_named_in_the_log() {
    let server = Server::start(&ours(), &[&DEBUG[..], &["--loglevel", "verbose"]].concat());
    let mut client = server.connect();
    client.call(&["SET", "text", "text"]);
    let mut dump = client.call(&["DUMP", "text"]).bytes().to_vec();
    *dump.last_mut().expect("a checksum") ^= 1;
    let restore =
        |client: &mut Client, dump: &[u8]| client.call(&[&b"RESTORE"[..], b"copy", b"0", dump]).text();
    assert_eq!(restore(&mut client, &dump), "ERR DUMP payload version or checksum are wrong");
    assert_eq!(client.call(&["DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1"]), Value::ok());
    assert_eq!(restore(&mut client, &dump), "OK");
    // A set whose member comes twice.
    let twice = b"\x02\x02\x01a\x01a\x0a\x00\0\0\0\0\0\0\0\0";
    assert_eq!(restore(&mut client, twice), "BUSYKEY Target key name already exists.");
    client.call(&["DEL", "copy"]);
    assert_eq!(restore(&mut client, twice), "ERR Bad data format");
    assert!(server.output().contains("Duplicate set members detected"), "{}", server.output());
    assert_eq!(client.call(&["DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "0"]), Value::ok());
    assert_eq!(restore(&mut client, &dump), "ERR DUMP payload version or checksum are wrong");
}

/// Each keeps its own log; who would write into another's does not start.
#[test]
fn two_servers_do_not_share_a_log() {
    let first = Server::start(&ours(), &["--appendonly", "yes"]);
    let dir = first.dir().to_str().expect("a path of ASCII");
    let options = ["--appendonly", "yes", "--dir", dir];
    let beside = Server::start(&ours(), &[&options[..], &["--appendfilename", "other.aof"]].concat());
    assert_eq!(beside.connect().call(&["SET", "k", "v"]), Value::ok());
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let mut command = crate::support::server::command(&ours(), elsewhere.path());
    command.args(["--port", "0", "--unixsocket", "socket"]).args(options);
    let mut child = crate::support::server::spawn(command).expect("the binary runs");
    assert_eq!(crate::support::server::wait(&mut child).code(), Some(1));
    let said = crate::support::server::output(elsewhere.path());
    assert!(said.contains("another server writes it"), "{said}");
    // Neither does one that is switched on later.
    let idle = Server::start(&ours(), &["--dir", dir]);
    let mut client = idle.connect();
    assert_eq!(client.call(&["CONFIG", "SET", "appendonly", "yes"]), Value::ok());
    until(&mut client, "aof_last_bgrewrite_status:err");
    assert_eq!(listing(&log_folder(&first)).0.lines().count(), 2);
}

/// The log goes where `dir` leads, from the next rewrite on; what it needs there is made.
#[test]
fn a_log_moves_with_dir() {
    // Who is told OK is on the medium then, however the server ends.
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--enable-protected-configs", "yes"];
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &options);
        let mut client = server.connect();
        client.call(&["SET", "k", "v"]);
        let place = tempfile::tempdir().expect("a temporary directory");
        let dir = place.path().to_str().expect("a path of ASCII");
        assert_eq!(client.call(&["CONFIG", "SET", "dir", dir]), Value::ok());
        client.call(&["BGREWRITEAOF"]);
        until(&mut client, "aof_rewrite_in_progress:0");
        until(&mut client, "aof_last_bgrewrite_status:ok");
        client.call(&["SET", "later", "v"]);
        drop(server);
        let next = Server::start(&binary, &["--appendonly", "yes", "--dir", dir]);
        assert_eq!(next.connect().call(&["MGET", "k", "later"]).items().len(), 2);
        assert_eq!(next.connect().call(&["DBSIZE"]), Value::Integer(2));
    }
}

#[test]
fn a_log_does_not_move_to_where_another_server_writes_one() {
    let options = ["--appendonly", "yes", "--enable-protected-configs", "yes"];
    let (first, second) = (Server::start(&ours(), &options), Server::start(&ours(), &options));
    let mut client = second.connect();
    client.call(&["SET", "k", "v"]);
    let before = listing(&log_folder(&first));
    let dir = first.dir().to_str().expect("a path of ASCII");
    assert_eq!(client.call(&["CONFIG", "SET", "dir", dir]), Value::ok());
    client.call(&["BGREWRITEAOF"]);
    until(&mut client, "aof_last_bgrewrite_status:err");
    assert_eq!(listing(&log_folder(&first)), before);
    // It goes on where it was, and is still its keeper there.
    client.call(&["SET", "later", "v"]);
    let own = second.dir().to_str().expect("a path of ASCII");
    assert_eq!(client.call(&["CONFIG", "SET", "dir", own]), Value::ok());
    client.call(&["BGREWRITEAOF"]);
    until(&mut client, "aof_last_bgrewrite_status:ok");
    // Where it has moved to it is the keeper, too.
    let place = tempfile::tempdir().expect("a temporary directory");
    let dir = place.path().to_str().expect("a path of ASCII");
    assert_eq!(client.call(&["CONFIG", "SET", "dir", dir]), Value::ok());
    client.call(&["BGREWRITEAOF"]);
    until(&mut client, "aof_rewrite_in_progress:0");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let mut command = crate::support::server::command(&ours(), elsewhere.path());
    command.args(["--port", "0", "--unixsocket", "socket", "--dir", dir]).args(options);
    let mut child = crate::support::server::spawn(command).expect("the binary runs");
    assert_eq!(crate::support::server::wait(&mut child).code(), Some(1));
    let said = crate::support::server::output(elsewhere.path());
    assert!(said.contains("another server writes it"), "{said}");
}

/// A folder with a log of these commands.
fn folder_with_log(commands: &[Vec<Vec<u8>>]) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let folder = place.path().join("appendonlydir");
    fs::create_dir(&folder).expect("made");
    fs::write(
        folder.join("appendonly.aof.manifest"),
        "file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n",
    )
    .expect("written");
    fs::write(folder.join("appendonly.aof.1.base.aof"), "").expect("written");
    let bytes: Vec<u8> = commands.iter().flat_map(|words| crate::support::client::encode(words)).collect();
    fs::write(folder.join("appendonly.aof.1.incr.aof"), bytes).expect("written");
    place
}
fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_millis() as i64
}

/// Waits until what is due is gone.
fn until_size(client: &mut Client, keys: i64) {
    let deadline = std::time::Instant::now() + crate::support::client::PATIENCE;
    while client.call(&["DBSIZE"]) != Value::Integer(keys) {
        assert!(
            std::time::Instant::now() < deadline,
            "never {keys} keys, but {:?}",
            client.call(&["KEYS", "*"])
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// What stands in a log happened before, and is replayed now: spans of time begin now, what is due stays until the log is
/// at its end, and then it goes.
#[test]
fn a_log_is_replayed_now_and_nothing_expires_meanwhile() {
    const DUMP: &[u8] = b"\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31";
    let past = now_ms() - 100_000;
    let mut commands: Vec<_> = [
        "SET set v EX 100",
        "SETEX setex 100 v",
        "PSETEX psetex 100000 v",
        "SET getex v",
        "GETEX getex EX 100",
        "SET expire v",
        "EXPIRE expire 100",
        "XADD stream * f v",
        // Due, and used all the same.
        &format!("SET due 5 PXAT {past}"),
        "INCR due",
        "PERSIST due",
        "SET moved v",
        &format!("PEXPIREAT moved {past}"),
        "RENAME moved there",
        "PERSIST there",
        "SET anew v",
        &format!("GETEX anew PXAT {past}"),
        "APPEND anew w",
        "DEL anew",
        "APPEND anew x",
        "SET left v",
        &format!("EXPIREAT left {}", past / 1000),
        "SET also v",
        "PEXPIRE also -100",
        "APPEND also w",
    ]
    .map(words)
    .to_vec();
    commands.push([&b"RESTORE"[..], b"restore", b"100000", DUMP].map(<[u8]>::to_vec).to_vec());
    for binary in [ours(), redis_server()] {
        let place = folder_with_log(&commands);
        let dir = place.path().to_str().expect("a path of ASCII");
        let server = Server::start(&binary, &[&DEBUG[..], &["--appendonly", "yes", "--dir", dir]].concat());
        let mut client = server.connect();
        let look = |client: &mut Client| {
            for key in ["set", "setex", "psetex", "getex", "expire", "restore"] {
                let left = client.call(&["TTL", key]).integer();
                assert!((50..=100).contains(&left), "{key} lives for {left} s");
            }
            let texts = client.call(&["MGET", "due", "there", "anew"]).items();
            assert_eq!(texts, ["6", "v", "x"].map(Value::bulk));
            assert_eq!(client.call(&["EXISTS", "left", "also"]), Value::Integer(0));
            until_size(client, 10);
            let id = client.call(&["XRANGE", "stream", "-", "+"]).items()[0].items()[0].text();
            let added = id.split('-').next().and_then(|ms| ms.parse::<i64>().ok()).expect("an ID");
            assert!((now_ms() - added).abs() < 60_000, "{id}");
        };
        look(&mut client);
        assert_eq!(client.call(&["DEBUG", "LOADAOF"]), Value::ok());
        look(&mut client);
    }
}

/// When an entry was delivered survives a start, and a rewrite as commands.
#[test]
fn a_log_tells_when_entries_were_delivered() {
    let at = now_ms() - 500_000;
    let commands = [
        "XADD stream 1-1 f v".to_string(),
        "XGROUP CREATE stream group 0".into(),
        format!("XCLAIM stream group ann 0 1-1 TIME {at} RETRYCOUNT 7 FORCE JUSTID LASTID 1-1"),
    ];
    for binary in [ours(), redis_server()] {
        let place = folder_with_log(&commands.clone().map(|line| words(&line)));
        let dir = place.path().to_str().expect("a path of ASCII");
        let options = ["--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--dir", dir];
        for _ in 0..2 {
            let server = Server::start(&binary, &[&DEBUG[..], &options].concat());
            let mut client = server.connect();
            for _ in 0..2 {
                let pending = client.call(&["XPENDING", "stream", "group", "-", "+", "10"]).items();
                let entry = pending[0].items();
                let idle_ms = entry[2].integer();
                assert!((500_000..600_000).contains(&idle_ms), "{idle_ms}");
                assert_eq!((entry[1].text(), entry[3].integer()), ("ann".to_string(), 7));
                let ann = client.call(&["XINFO", "CONSUMERS", "stream", "group"]).items()[0].items();
                assert!((0..60_000).contains(&ann[5].integer()), "{ann:?}");
                assert_eq!(client.call(&["DEBUG", "LOADAOF"]), Value::ok());
            }
            client.call(&["BGREWRITEAOF"]);
            until(&mut client, "aof_rewrite_in_progress:0");
            until(&mut client, "aof_last_bgrewrite_status:ok");
        }
    }
}

/// Fields of hashes, which redis-server gives deadlines since 7.4. (There a field that is due is not found while a log is
/// loaded: what the log says of it then, it says in vain, and a counter begins anew. Here it is as it was.)
#[test]
fn a_log_is_replayed_and_no_field_expires_meanwhile() {
    let past = now_ms() - 100_000;
    let commands = [
        "HSET kept counter 4 other 1".to_string(),
        format!("HPEXPIREAT kept {past} FIELDS 1 counter"),
        "HINCRBY kept counter 1".into(),
        "HPERSIST kept FIELDS 1 counter".into(),
        "HSET deleted a 1 b 2".into(),
        format!("HPEXPIREAT deleted {past} FIELDS 2 a b"),
        "HDEL deleted a".into(),
        "HSET deleted a 3".into(),
        "HSET relative a 1 b 2".into(),
        "HEXPIRE relative 100 FIELDS 1 a".into(),
        "HPEXPIRE relative 0 FIELDS 1 b".into(),
        "HSET gone a 1".into(),
        "HPEXPIREAT gone 0 FIELDS 1 a".into(),
    ];
    let place = folder_with_log(&commands.map(|line| words(&line)));
    let dir = place.path().to_str().expect("a path of ASCII");
    let server = Server::start(&ours(), &["--appendonly", "yes", "--dir", dir]);
    let mut client = server.connect();
    until_size(&mut client, 3);
    assert_eq!(client.call(&["HMGET", "kept", "counter", "other"]).items()[0], Value::bulk("5"));
    assert_eq!(client.call(&["HTTL", "kept", "FIELDS", "1", "counter"]).items()[0].integer(), -1);
    assert_eq!(client.call(&["HGETALL", "deleted"]).items().len(), 2);
    assert_eq!(client.call(&["HGET", "deleted", "a"]).text(), "3");
    let left = client.call(&["HTTL", "relative", "FIELDS", "1", "a"]).items()[0].integer();
    assert!((50..=100).contains(&left), "{left}");
    assert_eq!(client.call(&["HGETALL", "relative"]).items().len(), 2);
}

/// Who asked first has said how: a signal behind it changes nothing.
#[test]
fn a_shutdown_that_saves_nothing_is_not_made_to_save() {
    for _ in 0..3 {
        let mut server = Server::start(&ours(), &["--save", "900 1"]);
        let mut client = server.connect();
        client.call(&["SET", "k", "v"]);
        client.send(&["SHUTDOWN", "NOSAVE"]);
        // Its end is the reply.
        let _ = client.read_to_end();
        server.signal(libc::SIGTERM);
        assert!(server.wait().success());
        assert!(!server.dir().join("dump.rdb").exists(), "{}", server.output());
    }
}
