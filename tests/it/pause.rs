//! CLIENT PAUSE: who waits, who does not, and what becomes of one who waits and goes away.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Client, Server, Value, client::encode, ours, redis_server};

pub fn servers() -> [Server; 3] {
    [
        Server::start(&ours(), &["--io-threads", "1"]),
        Server::start(&ours(), &["--io-threads", "2"]),
        Server::start(&redis_server(), &[]),
    ]
}

fn waiting(watcher: &mut Client) -> usize {
    let info = watcher.call(&["INFO", "clients"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:")).expect("a field of INFO");
    line.trim().parse().expect("a number")
}

pub fn wait_for(watcher: &mut Client, wanted: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while waiting(watcher) != wanted {
        assert!(Instant::now() < deadline, "never {wanted} waiting, but {}", waiting(watcher));
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every command waits, UNPAUSE too; only what would not have run is answered at once.
#[test]
fn everybody_waits() {
    const PAUSE: Duration = Duration::from_millis(400);
    let commands: [&[&str]; 6] = [
        &["PING"],
        &["CLIENT", "UNPAUSE"],
        &["GET", "k"],
        &["CONFIG", "GET", "port"],
        &["SELECT", "1"],
        &["QUIT"],
    ];
    for server in servers() {
        let mut waiting: Vec<Client> = commands.iter().map(|_| server.connect()).collect();
        let mut hasty = server.connect();
        let mut pauser = server.connect();
        let begun = Instant::now();
        assert_eq!(pauser.call(&["CLIENT", "PAUSE", &PAUSE.as_millis().to_string()]), Value::ok());
        waiting.iter_mut().zip(commands).for_each(|(client, command)| client.send(command));
        pauser.send(&["PING", "me too"]);
        assert!(hasty.call(&["NOSUCH"]).text().starts_with("ERR unknown command"));
        assert!(hasty.call(&["GET"]).text().starts_with("ERR wrong number of arguments"));
        assert!(begun.elapsed() < PAUSE, "errors do not wait");
        for (client, command) in waiting.iter_mut().zip(commands) {
            assert!(!client.receive().is_error());
            // The server rounds to milliseconds.
            assert!(begun.elapsed() >= PAUSE - Duration::from_millis(2), "{command:?} did not wait");
        }
        assert_eq!(pauser.receive(), Value::bulk("me too"));
    }
}

#[test]
fn a_pipeline_goes_on_where_it_stopped() {
    for server in servers() {
        let (mut pauser, mut client) = (server.connect(), server.connect());
        client.call(&["SET", "n", "0"]);
        pauser.call(&["CLIENT", "PAUSE", "100"]);
        let mut text = Vec::new();
        for _ in 0..500 {
            text.extend(b"INCR n\r\nPING\r\nCLIENT GETNAME\r\n");
        }
        client.send_raw(&text).expect("the server reads");
        for number in 1..=500 {
            assert_eq!(client.receive(), Value::Integer(number));
            assert_eq!(client.receive(), Value::Simple("PONG".into()));
            assert_eq!(client.receive(), Value::NullBulk);
        }
    }
}

#[test]
fn writers_wait_and_readers_do_not() {
    for server in servers() {
        let mut watcher = server.connect();
        assert_eq!(watcher.call(&["CLIENT", "PAUSE", "100000", "WRITE"]), Value::ok());
        let writes: [&[&str]; 3] = [&["SET", "k", "v"], &["PFADD", "h", "a"], &["PFCOUNT", "h"]];
        let mut writers: Vec<Client> = writes.iter().map(|_| server.connect()).collect();
        writers.iter_mut().zip(writes).for_each(|(client, command)| client.send(command));
        wait_for(&mut watcher, 3);
        assert!(watcher.call(&["CLIENT", "LIST"]).text().contains(" flags=b "));
        assert!(watcher.call(&["GET", "k"]).is_null());
        assert_eq!(watcher.call(&["CLIENT", "UNPAUSE"]), Value::ok());
        for client in &mut writers {
            assert!(!client.receive().is_error());
        }
        wait_for(&mut watcher, 0);
        assert_eq!(watcher.call(&["GET", "k"]), Value::bulk("v"));
    }
}

/// A client that gave up, or was killed, has perhaps written elsewhere: here it must not write any more.
#[test]
fn who_goes_away_wants_nothing() {
    for server in servers() {
        for scope in ["WRITE", "ALL"] {
            let (mut watcher, mut killed, mut gone) = (server.connect(), server.connect(), server.connect());
            let id = killed.call(&["CLIENT", "ID"]).integer().to_string();
            let ms = if scope == "ALL" { "300" } else { "100000" };
            assert_eq!(watcher.call(&["CLIENT", "PAUSE", ms, scope]), Value::ok());
            killed.send(&["SET", "killed", "1"]);
            gone.send(&["SET", "gone", "1"]);
            if scope == "WRITE" {
                wait_for(&mut watcher, 2);
                assert_eq!(watcher.call(&["CLIENT", "KILL", "ID", &id]), Value::Integer(1));
                drop(gone);
                wait_for(&mut watcher, 0);
                assert_eq!(watcher.call(&["CLIENT", "UNPAUSE"]), Value::ok());
            } else {
                thread::sleep(Duration::from_millis(50));
                drop((gone, killed));
            }
            assert_eq!(watcher.call(&["EXISTS", "killed", "gone"]), Value::Integer(0), "{scope}");
            wait_for(&mut watcher, 0);
        }
    }
}

/// Waiting is not idling.
#[test]
fn who_waits_is_not_timed_out() {
    for server in servers() {
        let mut client = server.connect();
        let mut watcher = server.connect();
        assert_eq!(watcher.call(&["CONFIG", "SET", "timeout", "1"]), Value::ok());
        assert_eq!(watcher.call(&["CLIENT", "PAUSE", "3000", "WRITE"]), Value::ok());
        client.send(&["SET", "k", "v"]);
        assert_eq!(client.receive(), Value::ok());
    }
}

/// Nothing is changed under a pause: what is due is hidden from readers, and stays until it is over.
#[test]
fn what_is_due_stays() {
    for server in servers() {
        let mut client = server.connect();
        client.call(&["SET", "brief", "v", "PX", "50"]);
        client.call(&["HSET", "hash", "f", "v"]);
        client.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !client.call(&["GET", "brief"]).is_null() {
            assert!(Instant::now() < deadline, "it is shown for ever");
        }
        assert_eq!(client.call(&["EXISTS", "brief"]).integer(), 0);
        assert_eq!(client.call(&["DBSIZE"]).integer(), 2);
        assert!(client.call(&["INFO", "stats"]).text().contains("expired_keys:0\r"));
        client.call(&["CLIENT", "UNPAUSE"]);
        assert!(client.call(&["GET", "brief"]).is_null());
        let deadline = Instant::now() + Duration::from_secs(30);
        while client.call(&["DBSIZE"]).integer() == 2 {
            assert!(Instant::now() < deadline, "it is never removed");
        }
    }
}

/// What comes before the first write in the same pipeline is answered at once.
#[test]
fn what_was_asked_before_a_write_does_not_wait() {
    for server in servers() {
        let (mut client, mut pauser) = (server.connect(), server.connect());
        pauser.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        client.send(&["GET", "k"]);
        let both: Vec<u8> = [&["PING"][..], &["GET", "k"], &["SET", "k", "v"], &["GET", "k"]]
            .iter()
            .flat_map(|command| encode(command))
            .collect();
        assert!(client.receive().is_null());
        client.send_raw(&both).expect("the server takes it");
        assert_eq!(client.receive(), Value::Simple("PONG".into()));
        assert!(client.receive().is_null());
        wait_for(&mut pauser, 1);
        pauser.call(&["CLIENT", "UNPAUSE"]);
        assert_eq!(client.receive(), Value::ok());
        assert_eq!(client.receive(), Value::bulk("v"));
    }
}

/// Who waits for the end of a pause waits for the end of one that has become longer meanwhile, and no longer than that.
#[test]
fn a_pause_becomes_longer_and_wider() {
    for server in servers() {
        let (mut client, mut pauser) = (server.connect(), server.connect());
        pauser.call(&["CLIENT", "PAUSE", "200", "WRITE"]);
        client.send(&["SET", "k", "v"]);
        wait_for(&mut pauser, 1);
        assert_eq!(pauser.call(&["CLIENT", "PAUSE", "600", "ALL"]), Value::ok());
        assert_eq!(client.receive(), Value::ok());
    }
}

/// What it does to the session holds for what comes behind it in the pipeline: a large request, another database.
#[test]
fn a_session_command_may_wait() {
    for server in servers() {
        let mut pauser = server.connect();
        pauser.call(&["CONFIG", "SET", "requirepass", "x"]);
        for first in [&["AUTH", "x"][..], &["HELLO", "2", "AUTH", "default", "x"]] {
            pauser.call(&["CLIENT", "PAUSE", "100", "ALL"]);
            let mut client = server.connect();
            let words = (0..30).map(|number| format!("k{number}"));
            let large: Vec<String> = std::iter::once("MSET".into()).chain(words).collect();
            client.send_raw(&[encode(first), encode(&large)].concat()).expect("the server takes it");
            assert!(!client.receive().is_error());
            assert_eq!(client.receive(), Value::ok(), "{first:?}");
        }
        pauser.call(&["CLIENT", "PAUSE", "100", "ALL"]);
        let text = [encode(&["SELECT", "1"]), encode(&["SET", "k", "v"])].concat();
        pauser.send_raw(&text).expect("the server takes it");
        assert_eq!([pauser.receive(), pauser.receive()], [Value::ok(), Value::ok()]);
        assert_eq!(pauser.call(&["DBSIZE"]), Value::Integer(1));
    }
}

/// When the pause began there were enough replicas.
#[test]
fn who_has_waited_meets_the_gates_of_now() {
    for server in servers() {
        let mut pauser = server.connect();
        pauser.call(&["CONFIG", "RESETSTAT"]);
        let mut clients = [server.connect(), server.connect()];
        for command in [&["MULTI"][..], &["SET", "k", "v"]] {
            clients[1].call(command);
        }
        pauser.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        clients[0].send(&["SET", "k", "v"]);
        clients[1].send(&["EXEC"]);
        wait_for(&mut pauser, 2);
        pauser.call(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        pauser.call(&["CLIENT", "UNPAUSE"]);
        assert_eq!(clients[0].receive().text(), "NOREPLICAS Not enough good replicas to write.");
        let because =
            "EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.";
        assert_eq!(clients[1].receive().text(), because);
        assert!(pauser.call(&["GET", "k"]).is_null());
        let stats = pauser.call(&["INFO", "commandstats"]).text();
        for (name, calls) in [("set", 0), ("exec", 0)] {
            let line =
                stats.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:"))).expect("a line");
            assert!(line.starts_with(&format!("cmdstat_{name}:calls={calls},")), "{line}");
            assert!(line.trim_end().ends_with("rejected_calls=1,failed_calls=0"), "{line}");
        }
    }
}

/// One that says so itself writes nothing.
#[test]
fn scripts_that_only_read_do_not_wait() {
    for server in servers() {
        let (mut client, mut pauser) = (server.connect(), server.connect());
        pauser.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        let reads = "#!lua flags=no-writes\nreturn redis.call('DBSIZE')";
        assert_eq!(client.call(&["EVAL", reads, "0"]), Value::Integer(0));
        assert_eq!(client.call(&["EVAL_RO", "return 1", "0"]), Value::Integer(1));
        client.send(&["EVAL", "return 2", "0"]);
        wait_for(&mut pauser, 1);
        pauser.call(&["CLIENT", "UNPAUSE"]);
        assert_eq!(client.receive(), Value::Integer(2));
    }
}

/// Sentinel's word about itself waits, and behind it on the same connection the order to follow another. Whoever waits to write
/// hears no OK for what is going to be lost.
#[test]
fn an_order_behind_a_publication_comes_before_writers() {
    for server in servers() {
        let [mut watcher, mut writer, mut sentinel] = [(); 3].map(|()| server.connect());
        assert_eq!(watcher.call(&["CLIENT", "PAUSE", "500", "WRITE"]), Value::ok());
        writer.send(&["SET", "k", "v"]);
        wait_for(&mut watcher, 1);
        let orders: [&[&str]; 5] = [
            &["PUBLISH", "channel", "word"],
            &["MULTI"],
            &["REPLICAOF", "127.0.0.1", "1"],
            &["CLIENT", "KILL", "TYPE", "normal"],
            &["EXEC"],
        ];
        let text: Vec<u8> = orders.iter().flat_map(|order| encode(order)).collect();
        sentinel.send_raw(&text).expect("the server takes it");
        assert_eq!(String::from_utf8_lossy(&writer.read_to_end().expect("an end")), "");
    }
}
