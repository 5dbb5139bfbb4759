//! A disk that takes no more, and one that does again.
//!
//! The disk is full because the server's files may not grow (`RLIMIT_FSIZE`), which a test can switch while it runs.
use crate::{
    site::{Running, Site},
    support::{Client, Value, client::encode},
};
use std::{fs, io, thread, time::Duration};

const LOGGED: [&str; 2] = ["--appendonly", "yes"];

/// From now on no file of this server may grow beyond this, bytes.
fn limit_files(server: &Running, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the call reads `limit`, which outlives it, and writes nowhere, as it is given no place for the old limit.
    let done =
        unsafe { libc::prlimit(server.pid() as i32, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}
fn lift_limit(server: &Running) {
    limit_files(server, libc::RLIM_INFINITY);
}

fn info(client: &mut Client, field: &str) -> String {
    let text = client.call(&["INFO", "persistence"]).text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_string()
}
/// Waits until INFO says so.
fn wait_for(client: &mut Client, field: &str, value: &str) {
    for _ in 0..6000 {
        if info(client, field) == value {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{field} never became {value}: {}", client.call(&["INFO", "persistence"]).text());
}
fn save(client: &mut Client) -> String {
    assert!(!client.call(&["BGSAVE"]).is_error());
    wait_for(client, "rdb_bgsave_in_progress", "0");
    info(client, "rdb_last_bgsave_status")
}
fn rewrite(client: &mut Client) -> String {
    assert!(!client.call(&["BGREWRITEAOF"]).is_error());
    wait_for(client, "aof_rewrite_in_progress", "0");
    wait_for(client, "aof_rewrite_scheduled", "0");
    info(client, "aof_last_bgrewrite_status")
}
fn fill(client: &mut Client, keys: usize) {
    for key in 0..keys {
        assert_eq!(client.call(&["SET", &format!("filler:{key}"), &"x".repeat(1000)]), Value::ok());
    }
}
fn count(client: &mut Client) -> i64 {
    match client.call(&["GET", "count"]) {
        value if value.is_null() => 0,
        value => value.text().parse().expect("a number"),
    }
}

/// Counts up until a reply is an error; returns how far it came, and the error.
fn count_until_refused(client: &mut Client) -> (i64, String) {
    let ballast = "x".repeat(500);
    loop {
        client.send_raw(&encode(&["INCR", "count"])).expect("the server takes it");
        client.send_raw(&encode(&["SET", "ballast", &ballast])).expect("the server takes it");
        let (counted, set) = (client.receive(), client.receive());
        if counted.is_error() || set.is_error() {
            let error = if counted.is_error() { counted } else { set };
            return (count(client), error.text());
        }
    }
}

#[test]
fn everysec_refuses_writes_while_the_disk_is_full() {
    let site = Site::new();
    let server = site.start(&LOGGED);
    let mut client = server.connect();
    limit_files(&server, 40_000);
    let (counted, error) = count_until_refused(&mut client);
    assert_eq!(error, "MISCONF Errors writing to the AOF file: File too large");
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    // Reads are answered, and so is what changes nothing.
    assert_eq!(client.call(&["GET", "count"]), Value::bulk(counted.to_string()));
    assert!(client.call(&["PING"]).text().starts_with("MISCONF"));
    // It cannot end either; and goes on as before.
    assert!(client.call(&["SHUTDOWN"]).is_error());
    lift_limit(&server);
    wait_for(&mut client, "aof_last_write_status", "ok");
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(counted + 1));
    wait_for(&mut client, "aof_buffer_length", "0");
    drop(client);
    server.kill();
    let server = site.start(&LOGGED);
    assert_eq!(count(&mut server.connect()), counted + 1);
}

#[test]
fn a_server_does_not_end_before_what_it_told_is_written() {
    let site = Site::new();
    let server = site.start(&LOGGED);
    let mut client = server.connect();
    limit_files(&server, 40_000);
    let (counted, _) = count_until_refused(&mut client);
    assert_eq!(client.call(&["SHUTDOWN", "NOSAVE"]).text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(count(&mut client), counted);
    lift_limit(&server);
    drop(client);
    server.stop();
    let server = site.start(&LOGGED);
    assert_eq!(count(&mut server.connect()), counted);
}

#[test]
fn always_answers_when_the_disk_has_room_again() {
    let site = Site::new();
    let options = [&LOGGED[..], &["--appendfsync", "always"]].concat();
    let server = site.start(&options);
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "before", "1"]), Value::ok());
    limit_files(&server, 40_000);
    let mut writer = server.connect();
    // It waits for the reply to what the disk did not take, and is refused what comes behind it.
    let counting = thread::spawn(move || count_until_refused(&mut writer));
    wait_for(&mut client, "aof_last_write_status", "err");
    assert_eq!(client.call(&["GET", "before"]), Value::bulk("1"));
    assert!(
        client.call(&["SET", "before", "2"]).text().starts_with("MISCONF Errors writing to the AOF file")
    );
    assert_eq!(client.call(&["GET", "before"]), Value::bulk("1"));
    // What nobody was told to be there is shown to nobody.
    let mut reader = server.connect();
    let reading = thread::spawn(move || count(&mut reader));
    lift_limit(&server);
    wait_for(&mut client, "aof_last_write_status", "ok");
    client.send(&["SET", "before", "3"]);
    assert_eq!(client.receive(), Value::ok());
    let shown = reading.join().expect("a reader");
    drop(client);
    server.kill();
    let server = site.start(&options);
    let found = count(&mut server.connect());
    assert!(shown <= found, "{shown} was shown: {found}");
    // The writer lost its connection, or was refused; either way what it was told is there.
    if let Ok((counted, _)) = counting.join() {
        assert!(counted <= found, "{counted} was told: {found}");
    }
    assert_eq!(server.connect().call(&["GET", "before"]), Value::bulk("3"));
}

/// The operator does not want to wait for the disk any more: so nobody does, in the order in which they came.
#[test]
fn who_waits_for_a_full_disk_is_answered_when_it_is_waited_for_no_more() {
    for policy in ["everysec", "no"] {
        let site = Site::new();
        let server = site.start(&[&LOGGED[..], &["--appendfsync", "always"]].concat());
        let (mut client, mut operator) = (server.connect(), server.connect());
        limit_files(&server, 1000);
        let commands: [&[&str]; 3] =
            [&["SET", "k", &"x".repeat(5000)], &["BLPOP", "list", "0.2"], &["ECHO", "e"]];
        let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
        client.send_raw(&packet).expect("the server takes it");
        wait_for(&mut operator, "aof_last_write_status", "err");
        assert_eq!(operator.call(&["CONFIG", "SET", "appendfsync", policy]), Value::ok());
        let replies = [(); 3].map(|()| client.receive());
        assert_eq!(replies, [Value::ok(), Value::NullArray, Value::bulk("e")], "{policy}");
        assert_eq!(operator.call(&["STRLEN", "k"]), Value::Integer(5000));
        assert!(operator.call(&["SET", "k", "v"]).text().starts_with("MISCONF"));
        lift_limit(&server);
        wait_for(&mut operator, "aof_last_write_status", "ok");
    }
}

/// A rule that a transaction has set is in force for what comes behind it.
#[test]
fn a_transaction_can_have_the_disk_waited_for() {
    for threads in ["1", "2"] {
        let options = [&LOGGED[..], &["--enable-debug-command", "yes", "--io-threads", threads]].concat();
        let site = Site::new();
        for round in 0..3 {
            let server = site.start(&options);
            let mut client = server.connect();
            client.call(&["DEBUG", "AOF-FLUSH-SLEEP", "50000"]);
            let value = round.to_string();
            let commands: [&[&str]; 4] =
                [&["MULTI"], &["CONFIG", "SET", "appendfsync", "always"], &["EXEC"], &["SET", "x", &value]];
            let packet: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
            client.send_raw(&packet).expect("the server takes it");
            (0..4).for_each(|_| assert!(!client.receive().is_error()));
            drop(client);
            server.kill();
            let server = site.start(&options);
            assert_eq!(server.connect().call(&["GET", "x"]), Value::bulk(&value));
            server.kill();
        }
    }
}

#[test]
fn what_the_disk_has_not_taken_is_shown_to_nobody() {
    let site = Site::new();
    let options = [&LOGGED[..], &["--appendfsync", "always"]].concat();
    let server = site.start(&options);
    let mut client = server.connect();
    assert_eq!(client.call(&["RPUSH", "list", "1"]), Value::Integer(1));
    limit_files(&server, 40_000);
    let mut writer = server.connect();
    let counting = thread::spawn(move || {
        // It ends with the server.
        let request = encode(&["APPEND", "growing1", &"x".repeat(500)]);
        while writer.send_raw(&request).is_ok() && writer.try_receive().is_ok() {}
    });
    wait_for(&mut client, "aof_last_write_status", "err");
    let questions: [&[&str]; 5] = [
        &["GET", "growing1"],
        &["STRLEN", "growing1"],
        &["MGET", "nothing", "growing1"],
        &["SORT_RO", "list", "BY", "nosort", "GET", "growing*"],
        &["LCS", "growing1", "growing1", "LEN"],
    ];
    let mut readers: Vec<Client> = questions.iter().map(|_| server.connect()).collect();
    for (reader, question) in readers.iter_mut().zip(questions) {
        reader.send(question);
    }
    // Whatever is answered at once has been answered by now.
    for _ in 0..100 {
        assert_eq!(client.call(&["LLEN", "list"]), Value::Integer(1));
    }
    server.kill();
    counting.join().expect("a writer");
    let server = site.start(&options);
    let mut client = server.connect();
    for (mut reader, question) in readers.into_iter().zip(questions) {
        if let Ok(shown) = reader.try_receive() {
            assert_eq!(shown, client.call(question), "{question:?}");
        }
    }
}

#[test]
fn a_snapshot_that_fails_leaves_the_old_one_and_stops_writes() {
    let site = Site::new();
    let options = ["--save", "3600 1000000", "--rdbcompression", "no"];
    let server = site.start(&options);
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "count", "1"]), Value::ok());
    assert_eq!(save(&mut client), "ok");
    let old = fs::read(site.path("dump.rdb")).expect("a snapshot");
    fill(&mut client, 100);
    limit_files(&server, 20_000);
    assert_eq!(save(&mut client), "err");
    assert_eq!(fs::read(site.path("dump.rdb")).expect("a snapshot"), old);
    assert_eq!(site.temporary_names(), [""; 0]);
    let stopped = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                   Commands that may modify the data set are disabled, because this instance is configured to report \
                   errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check \
                   the Redis logs for details about the RDB error.";
    assert_eq!(client.call(&["INCR", "count"]).text(), stopped);
    assert_eq!(client.call(&["GET", "count"]), Value::bulk("1"));
    assert_eq!(client.call(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]), Value::ok());
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(2));
    assert_eq!(client.call(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"]), Value::ok());
    assert!(client.call(&["SAVE"]).is_error());
    lift_limit(&server);
    assert_eq!(save(&mut client), "ok");
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(3));
    drop(client);
    server.kill();
    let server = site.start(&options);
    assert_eq!(count(&mut server.connect()), 2);
}

#[test]
fn a_rewrite_that_fails_leaves_the_log() {
    let site = Site::new();
    let server = site.start(&[&LOGGED[..], &["--appendfsync", "always", "--rdbcompression", "no"]].concat());
    let mut client = server.connect();
    fill(&mut client, 100);
    limit_files(&server, 20_000);
    for _ in 0..2 {
        assert_eq!(rewrite(&mut client), "err");
        // There is a new increment, which has room.
        client.call(&["INCR", "count"]);
    }
    assert_eq!(site.temporary_names(), [""; 0]);
    drop(client);
    let copy = site.copy();
    let mut client = server.connect();
    lift_limit(&server);
    assert_eq!(rewrite(&mut client), "ok");
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(3));
    drop(client);
    server.kill();
    for (site, counted) in [(copy, 2), (site, 3)] {
        let server = site.start(&LOGGED);
        let mut client = server.connect();
        assert_eq!(client.call(&["DBSIZE"]), Value::Integer(101));
        assert_eq!(count(&mut client), counted);
    }
}

#[test]
fn what_stands_in_the_way_is_told_and_left_alone() {
    let site = Site::new();
    fs::write(site.path("appendonlydir"), "a file").expect("a file");
    let status = site.try_start(&LOGGED).err().expect("no start");
    assert_eq!(status.code(), Some(1), "{}", site.output());
    assert!(site.output().contains("can't open the append-only directory"), "{}", site.output());
    assert_eq!(fs::read_to_string(site.path("appendonlydir")).expect("a file"), "a file");

    fs::create_dir(site.path("dump.rdb")).expect("a folder");
    let options = ["--dbfilename", "other.rdb", "--enable-protected-configs", "yes", "--save", "3600 1"];
    let server = site.start(&options);
    let mut client = server.connect();
    assert_eq!(client.call(&["CONFIG", "SET", "dbfilename", "dump.rdb"]), Value::ok());
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(1));
    assert_eq!(save(&mut client), "err");
    assert!(client.call(&["INCR", "count"]).text().starts_with("MISCONF"));
    assert_eq!(rewrite(&mut client), "err");
    fs::remove_dir(site.path("dump.rdb")).expect("an empty folder");
    assert_eq!(save(&mut client), "ok");
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(2));
    assert_eq!(site.temporary_names(), [""; 0]);
}

/// What is confirmed must be somewhere: while a log that was switched on cannot begin, nothing is.
#[test]
fn a_log_that_cannot_begin_stops_writes() {
    let site = Site::new();
    let server = site.start(&["--appendonly", "no"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(1));
    fs::write(site.path("appendonlydir"), "a file").expect("a file");
    client.call(&["CONFIG", "SET", "appendonly", "yes"]);
    wait_for(&mut client, "aof_last_write_status", "err");
    assert!(client.call(&["INCR", "count"]).text().starts_with("MISCONF Errors writing to the AOF file"));
    assert_eq!(client.call(&["CONFIG", "SET", "appendonly", "no"]), Value::ok());
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(2));
    client.call(&["CONFIG", "SET", "appendonly", "yes"]);
    wait_for(&mut client, "aof_last_write_status", "err");
    fs::remove_file(site.path("appendonlydir")).expect("the file");
    wait_for(&mut client, "aof_last_write_status", "ok");
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(3));
    assert_eq!(client.call(&["WAITAOF", "1", "0", "0"]).items()[0], Value::Integer(1));
    drop(client);
    server.kill();
    let server = site.start(&LOGGED);
    assert_eq!(count(&mut server.connect()), 3);
}

#[test]
fn two_servers_do_not_write_one_log() {
    let site = Site::new();
    let first = site.start(&LOGGED);
    let mut client = first.connect();
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(1));
    let status = site.try_start(&LOGGED).err().expect("no start");
    assert_eq!(status.code(), Some(1), "{}", site.output());
    assert!(site.output().contains("another server writes it"), "{}", site.output());

    let second = site.start(&["--appendonly", "no"]);
    let mut other = second.connect();
    assert_eq!(other.call(&["SET", "count", "100"]), Value::ok());
    assert_eq!(rewrite(&mut other), "err");
    assert_eq!(other.call(&["CONFIG", "SET", "appendonly", "yes"]), Value::ok());
    wait_for(&mut other, "aof_last_bgrewrite_status", "err");
    second.kill();
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(2));
    drop(client);
    first.stop();
    let server = site.start(&LOGGED);
    assert_eq!(count(&mut server.connect()), 2);
}

#[test]
fn what_a_dead_server_has_left_is_removed() {
    let site = Site::new();
    let server = site.start(&LOGGED);
    assert_eq!(server.connect().call(&["INCR", "count"]), Value::Integer(1));
    let alive = format!("temp-{}.rdb", std::process::id());
    server.stop();
    let left = ["temp-99999999.rdb", "temp-1764000000000.99999999.rdb", "temp-rewriteaof-bg-99999999.aof"];
    let left_inside =
        ["appendonlydir/temp-appendonly.aof.manifest", "appendonlydir/temp-appendonly.aof.incr"];
    for name in left.iter().chain(&left_inside).chain([&&*alive, &"temp-notes.rdb"]) {
        fs::write(site.path(name), "*1\r\n$8\r\nFLUSHALL\r\n").expect("a file");
    }
    let server = site.start(&LOGGED);
    let mut expected = [alive, "temp-notes.rdb".into()];
    expected.sort();
    assert_eq!(site.temporary_names(), expected);
    assert_eq!(count(&mut server.connect()), 1);
}

/// Who is told to end lets go of its clients a moment before it lets go of its files: the next one waits that long.
#[test]
fn the_next_server_waits_for_the_last_one_to_be_gone() {
    let site = Site::new();
    let first = site.start(&LOGGED);
    assert_eq!(first.connect().call(&["INCR", "count"]), Value::Integer(1));
    first.stop();
    let lock = fs::File::open(site.path("appendonlydir/appendonly.aof.lock")).expect("it stays");
    lock.lock().expect("nobody holds it");
    let letting_go = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(lock);
    });
    let server = site.start(&LOGGED);
    assert_eq!(count(&mut server.connect()), 1);
    letting_go.join().expect("it let go");
}

/// Each try to begin fails: that nothing stands in the new log yet does not mean that the disk is well.
#[test]
fn a_log_whose_base_finds_no_room_is_not_solved_before_it_does() {
    let site = Site::new();
    let server = site.start(&["--appendonly", "no", "--save", ""]);
    let mut client = server.connect();
    for key in 0..100_u64 {
        // What can be compressed might find room.
        let words =
            (0..60).map(|word| format!("{:016x}", (key * 60 + word).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        assert_eq!(client.call(&["SET", &format!("filler:{key}"), &words.collect::<String>()]), Value::ok());
    }
    limit_files(&server, 20_000);
    assert_eq!(client.call(&["CONFIG", "SET", "appendonly", "yes"]), Value::ok());
    wait_for(&mut client, "aof_last_write_status", "err");
    let tries = |client: &mut Client| info(client, "aof_rewrites").parse::<u32>().expect("a number");
    let before = tries(&mut client);
    while tries(&mut client) < before + 3 {
        assert_eq!(info(&mut client, "aof_last_write_status"), "err");
        assert!(client.call(&["INCR", "count"]).text().starts_with("MISCONF Errors writing to the AOF file"));
    }
    assert!(!site.output().contains("looks solved"), "{}", site.output());
    lift_limit(&server);
    wait_for(&mut client, "aof_last_write_status", "ok");
    assert_eq!(client.call(&["INCR", "count"]), Value::Integer(1));
    assert_eq!(client.call(&["WAITAOF", "1", "0", "0"]).items()[0], Value::Integer(1));
}
