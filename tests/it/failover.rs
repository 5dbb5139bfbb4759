//! A master that gives way: to one of its replicas (FAILOVER), or to nobody (SHUTDOWN). Its replicas have all before. The
//! judge is a redis-server, which is asked the same.
use crate::{
    pause,
    replicas::{field, full_resync, snapshot, told, wait_for},
    support::{Client, Server, Value, ours, redis_server},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

const OPTIONS: [&str; 4] = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600"];

fn masters(more: &[&str]) -> [Server; 3] {
    let options = [&OPTIONS[..], more].concat();
    [
        Server::start(&ours(), &[&options[..], &["--io-threads", "1"]].concat()),
        Server::start(&ours(), &[&options[..], &["--io-threads", "2"]].concat()),
        Server::start(&redis_server(), &options),
    ]
}
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
/// A replica that only says what we let it say.
fn puppet(master: &Server, client: &mut Client, port: u16) -> Client {
    let mut replica = master.connect();
    replica.call(&["REPLCONF", "listening-port", &port.to_string()]);
    replica.send(&["PSYNC", "?", "-1"]);
    full_resync(&mut replica);
    snapshot(&mut replica);
    wait_until("online", || field(client, "replication", "slave0").contains("state=online"));
    replica
}
/// It has all that there is.
fn acknowledge(replica: &mut Client, client: &mut Client) -> u64 {
    let offset = field(client, "replication", "master_repl_offset");
    replica.send(&["REPLCONF", "ACK", &offset]);
    let wanted = format!("offset={offset},");
    wait_until("acknowledged", || field(client, "replication", "slave0").contains(&wanted));
    offset.parse().expect("a number")
}
fn role(client: &mut Client) -> String {
    client.call(&["ROLE"]).items()[0].text()
}

/// The replica says nothing until the time is over, and is made the master all the same.
#[test]
fn a_replica_that_is_behind_is_forced() {
    for (one, other) in [(ours(), ours()), (ours(), redis_server()), (redis_server(), ours())] {
        let (master, replica) = (Server::start(&one, &OPTIONS), Server::start(&other, &OPTIONS));
        let (mut client, mut follower) = (master.connect(), replica.connect());
        follower.call(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        wait_until("online", || client.call(&["INFO", "replication"]).text().contains("state=online"));
        replica.signal(libc::SIGSTOP);
        assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
        let port = replica.port().to_string();
        let force = ["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "300", "FORCE"];
        assert_eq!(client.call(&force), Value::ok());
        assert_eq!(field(&mut client, "replication", "master_failover_state"), "waiting-for-sync");
        wait_until("it gives way", || role(&mut client) == "slave");
        assert_eq!(field(&mut client, "replication", "master_failover_state"), "failover-in-progress");
        replica.signal(libc::SIGCONT);
        wait_until("it takes over", || role(&mut follower) == "master");
        wait_until("the other follows", || field(&mut client, "replication", "master_link_status") == "up");
        assert_eq!(field(&mut client, "replication", "master_failover_state"), "no-failover");
        assert_eq!(follower.call(&["SET", "l", "v"]), Value::ok());
        assert_eq!(follower.call(&["WAIT", "1", "30000"]), Value::Integer(1));
        assert_eq!(client.call(&["GET", "l"]), Value::bulk("v"));
    }
}

/// Both ways with Redis: no write is lost, and nobody needs all data anew.
#[test]
fn a_replica_takes_over() {
    for (one, other) in [(ours(), ours()), (ours(), redis_server()), (redis_server(), ours())] {
        let (master, replica) = (Server::start(&one, &OPTIONS), Server::start(&other, &OPTIONS));
        let (mut client, mut follower) = (master.connect(), replica.connect());
        follower.call(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        wait_until("online", || client.call(&["INFO", "replication"]).text().contains("state=online"));
        for number in 0..100 {
            client.call(&["SET", &format!("k{number}"), "v"]);
        }
        assert_eq!(client.call(&["FAILOVER", "TO", "127.0.0.1", &replica.port().to_string()]), Value::ok());
        wait_for(&mut client, "replication", "master_failover_state", "no-failover");
        assert_eq!((role(&mut client), role(&mut follower)), ("slave".into(), "master".into()));
        assert!(client.call(&["SET", "k", "v"]).text().starts_with("READONLY"));
        assert_eq!(follower.call(&["SET", "k", "v"]), Value::ok());
        wait_until("the write has come", || client.call(&["GET", "k"]) == Value::bulk("v"));
        assert_eq!(client.call(&["DBSIZE"]).integer(), 101);
        assert_eq!(field(&mut follower, "stats", "sync_full"), "0");
        assert_eq!(field(&mut follower, "stats", "sync_partial_ok"), "1");
    }
}

/// What a server that follows us asks.
fn request(stream: &mut BufReader<TcpStream>) -> Vec<String> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a line");
        line.trim_end().to_string()
    };
    let count: usize = line()[1..].parse().expect("a count");
    let words = (0..count).map(|_| {
        line();
        line()
    });
    words.collect()
}
/// Who is asked to take over says no, or yes.
#[test]
fn writers_go_on_whatever_comes_of_it() {
    for agrees in [false, true] {
        for master in masters(&[]) {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("it listens").port();
            let (mut client, mut writer) = (master.connect(), master.connect());
            let mut replica = puppet(&master, &mut client, port);
            client.call(&["SET", "k", "1"]);
            let id = field(&mut client, "replication", "master_replid");
            assert_eq!(client.call(&["FAILOVER"]), Value::ok());
            // Later it would be told at once that it asks a replica.
            writer.send(&["SET", "k", "2"]);
            pause::wait_for(&mut client, 1);
            let offset = acknowledge(&mut replica, &mut client);
            let (socket, _) = listener.accept().expect("it comes");
            let mut heard = BufReader::new(socket);
            let asked = loop {
                let words = request(&mut heard);
                match words[0].as_str() {
                    "PSYNC" => break words,
                    "PING" => heard.get_mut().write_all(b"+PONG\r\n").expect("it listens"),
                    _ => heard.get_mut().write_all(b"+OK\r\n").expect("it listens"),
                }
            };
            assert_eq!(asked[1..], [id, (offset + 1).to_string(), "FAILOVER".into()]);
            assert_eq!(field(&mut client, "replication", "master_failover_state"), "failover-in-progress");
            // Readers go on, and nobody may come between.
            assert_eq!(client.call(&["GET", "k"]).text(), "1");
            assert_eq!(client.call(&["FAILOVER"]).text(), "ERR FAILOVER already in progress.");
            assert_eq!(
                client.call(&["REPLICAOF", "NO", "ONE"]).text(),
                "ERR REPLICAOF not allowed while failing over."
            );
            let answer = if agrees { "+CONTINUE\r\n" } else { "-ERR not me\r\n" };
            heard.get_mut().write_all(answer.as_bytes()).expect("it listens");
            match agrees {
                true => assert!(writer.receive().text().starts_with("READONLY")),
                false => assert_eq!(writer.receive(), Value::ok()),
            }
            wait_for(&mut client, "replication", "master_failover_state", "no-failover");
            assert_eq!(role(&mut client), if agrees { "slave" } else { "master" });
            // The puppet's end is that of the link: only then may the server go.
            drop(heard);
        }
    }
}

#[test]
fn a_failover_ends_by_itself_or_is_called_off() {
    for master in masters(&[]) {
        let (mut client, mut writer) = (master.connect(), master.connect());
        assert_eq!(client.call(&["FAILOVER"]).text(), "ERR FAILOVER requires connected replicas.");
        let _replica = puppet(&master, &mut client, 7);
        assert_eq!(client.call(&["FAILOVER", "ABORT"]).text(), "ERR No failover in progress.");
        assert_eq!(
            client.call(&["FAILOVER", "TO", "127.0.0.1", "8"]).text(),
            "ERR FAILOVER target HOST and PORT is not a replica."
        );
        assert_eq!(
            client.call(&["FAILOVER", "TO", "127.0.0.1", "7", "FORCE"]).text(),
            "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
        );
        client.call(&["SET", "k", "1"]);
        assert_eq!(client.call(&["FAILOVER", "TO", "127.0.0.1", "7"]), Value::ok());
        assert_eq!(field(&mut client, "replication", "master_failover_state"), "waiting-for-sync");
        writer.send(&["SET", "k", "2"]);
        pause::wait_for(&mut client, 1);
        // It is not CLIENT PAUSE that writers wait for.
        assert_eq!(client.call(&["CLIENT", "UNPAUSE"]), Value::ok());
        assert_eq!(client.call(&["GET", "k"]).text(), "1");
        assert_eq!(client.call(&["FAILOVER", "ABORT"]), Value::ok());
        assert_eq!(writer.receive(), Value::ok());
        assert_eq!(client.call(&["FAILOVER", "TIMEOUT", "50"]), Value::ok());
        wait_for(&mut client, "replication", "master_failover_state", "no-failover");
        assert_eq!((client.call(&["SET", "k", "3"]), role(&mut client)), (Value::ok(), "master".into()));
    }
}

#[test]
fn a_shutdown_waits_for_replicas() {
    // Redis 7.0 fails an assertion of its own when a shutdown that was called off begins again.
    let [one, two, _] = masters(&[]);
    for mut master in [one, two] {
        let (mut client, mut writer, mut asker) = (master.connect(), master.connect(), master.connect());
        let mut replica = puppet(&master, &mut client, 7);
        client.call(&["SET", "k", "1"]);
        assert_eq!(client.call(&["SHUTDOWN", "ABORT"]).text(), "ERR No shutdown in progress.");
        asker.send(&["SHUTDOWN", "NOSAVE"]);
        let is_going = |client: &mut Client| {
            client.call(&["INFO", "server"]).text().contains("shutdown_in_milliseconds:")
        };
        wait_until("going down", || is_going(&mut client));
        writer.send(&["SET", "k", "2"]);
        pause::wait_for(&mut client, 2);
        assert_eq!(client.call(&["SHUTDOWN", "ABORT"]), Value::ok());
        assert_eq!(asker.receive().text(), "ERR Errors trying to SHUTDOWN. Check logs.");
        assert_eq!(writer.receive(), Value::ok());
        assert!(!is_going(&mut client));
        // Again, and now the replica says that it has all.
        asker.send(&["SHUTDOWN", "NOSAVE"]);
        while told(&mut replica)[1..] != ["k", "2"] {}
        assert_eq!(replica.receive().items()[1].text(), "GETACK");
        let offset = field(&mut client, "replication", "master_repl_offset");
        replica.send(&["REPLCONF", "ACK", &offset]);
        assert!(master.wait().success() && asker.is_closed());
        assert!(master.output().contains("1 of 1 replicas are in sync when shutting down"));
    }
}

#[test]
fn it_does_not_wait_for_ever() {
    for mut master in masters(&["--shutdown-timeout", "1"]) {
        let mut client = master.connect();
        let _replica = puppet(&master, &mut client, 7);
        client.call(&["SET", "k", "1"]);
        master.signal(libc::SIGTERM);
        assert!(master.wait().success());
        let output = master.output();
        assert!(output.contains("Lagging replica 127.0.0.1:7 reported offset"), "{output}");
        assert!(output.contains("0 of 1 replicas are in sync when shutting down"), "{output}");
    }
    for mut master in masters(&["--shutdown-timeout", "0"]) {
        let mut client = master.connect();
        let _replica = puppet(&master, &mut client, 7);
        client.call(&["SET", "k", "1"]);
        master.signal(libc::SIGTERM);
        assert!(master.wait().success());
        assert!(!master.output().contains("Waiting for replicas before shutting down"));
    }
}
