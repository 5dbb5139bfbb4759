//! Starting and stopping: configuration from files, stdin and arguments, sockets, files, signals.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::server::{command, free_port, output, send_signal, spawn, wait};
use crate::support::{Certificates, Client, Protocol, Server, Value, ours, redis_server};

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Tries until it works, or fails after a long while.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(found) = attempt() {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never happened: {what}")
}

/// Runs a server that is expected to refuse; its exit code and what it printed.
fn refused(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(&ours(), dir);
    command.args(arguments);
    let mut child = spawn(command).expect("the binary runs");
    (wait(&mut child).code(), output(dir))
}

fn config(client: &mut Client, name: &str) -> String {
    let pair = client.call(&["CONFIG", "GET", name]).items();
    assert_eq!(pair.len(), 2, "{name}: {pair:?}");
    pair[1].text()
}

#[test]
fn file_includes_and_arguments() {
    let dir = directory();
    let included = dir.path().join("included.conf");
    let file = dir.path().join("a server.conf");
    fs::write(&included, "timeout 33\nmaxmemory-samples 7\n").expect("written");
    let text = format!(
        "# a remark\n\n   timeout 11\ninclude {}\nMAXMEMORY-POLICY \"allkeys-lru\"\nmaxmemory 1gb\n\
         maxclients 200\nloglevel 'verbose'\ntcp-keepalive 10\n",
        included.display()
    );
    fs::write(&file, text).expect("written");
    let options = ["--tcp-keepalive", "20", "--maxmemory-samples", "3"];
    let server = Server::start_with(&ours(), Some(&file), &options);
    let mut client = server.connect();
    for (name, value) in [
        ("timeout", "33"),
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory", "1073741824"),
        ("maxclients", "200"),
        ("loglevel", "verbose"),
        ("tcp-keepalive", "20"),
        ("maxmemory-samples", "3"),
    ] {
        assert_eq!(config(&mut client, name), value, "{name}");
    }
    let info = client.call(&["INFO", "server"]).text();
    assert!(info.contains("config_file:/") && info.contains("/a server.conf"), "{info}");
}

#[test]
fn configuration_from_stdin() {
    let dir = directory();
    let port = free_port().to_string();
    let mut command = command(&ours(), dir.path());
    command.args(["-", "--port", &port, "--save", ""]).stdin(Stdio::piped());
    let mut child = spawn(command).expect("the binary runs");
    child.stdin.take().expect("piped").write_all(b"timeout 44\nmaxmemory 2mb\n").expect("taken");
    let mut client = eventually("an answer", || Client::tcp("127.0.0.1", port.parse().ok()?).ok());
    assert_eq!(config(&mut client, "timeout"), "44");
    assert_eq!(config(&mut client, "maxmemory"), "2097152");
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_wrong_line_is_named() {
    for (line, reason) in [
        ("nosuch 1", "Bad directive or wrong number of arguments"),
        ("timeout", "wrong number of arguments"),
        ("timeout 1 2", "wrong number of arguments"),
        ("timeout abc", "argument couldn't be parsed into an integer"),
        ("timeout -1", "argument must be between 0 and 2147483647 inclusive"),
        ("maxmemory-policy sometimes", "argument(s) must be one of the following: volatile-lru"),
        ("daemonize maybe", "argument must be 'yes' or 'no'"),
        ("loglevel \"notice", "Unbalanced quotes in configuration line"),
        ("client-output-buffer-limit normal 1", "wrong number of arguments"),
        ("maxmemory 1x", "argument must be a memory value"),
    ] {
        let dir = directory();
        let file = dir.path().join("wrong.conf");
        fs::write(&file, format!("# the first line is right\nhz 10\n{line}\n")).expect("written");
        let (code, printed) = refused(dir.path(), &[&file.to_string_lossy(), "--port", "0"]);
        assert_eq!(code, Some(1), "{line}: {printed}");
        assert!(printed.contains("wrong.conf"), "the file of {line}: {printed}");
        assert!(printed.contains("line 3"), "the line of {line}: {printed}");
        assert!(printed.to_lowercase().contains(&reason.to_lowercase()), "the reason of {line}: {printed}");
    }
}

#[test]
fn wrong_arguments_and_missing_files() {
    let dir = directory();
    for arguments in
        [&["/nonexistent/server.conf"][..], &["--nosuch", "1"], &["--timeout", "abc"], &["--timeout"]]
    {
        let (code, printed) = refused(dir.path(), arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {printed}");
        assert!(!printed.trim().is_empty(), "{arguments:?} is answered by a reason");
    }
    let (code, printed) = refused(dir.path(), &["--port", "0", "--dir", "/nonexistent"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("No such file or directory"), "{printed}");
}

#[test]
fn version_and_help() {
    for (argument, expected) in [("--version", "v="), ("-v", "v="), ("--help", "Usage:"), ("-h", "Usage:")] {
        let run = Command::new(ours()).arg(argument).output().expect("the binary runs");
        let printed = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert!(printed.contains(expected), "{argument}: {printed}");
    }
}

#[test]
fn unix_socket_and_port_zero() {
    let dir = directory();
    let path = dir.path().join("socket");
    fs::write(dir.path().join("config"), format!("unixsocket {}\nunixsocketperm 700\n", path.display()))
        .expect("written");
    let mut command = command(&ours(), dir.path());
    command.args(["config", "--port", "0", "--save", ""]);
    let mut child = spawn(command).expect("the binary runs");
    let mut client = eventually("a socket that answers", || Client::unix(&path).ok());
    for protocol in Protocol::BOTH {
        client.hello(protocol);
        assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
        let info = client.call(&["CLIENT", "INFO"]).text();
        assert!(info.contains(&format!("addr={}:0", path.display())), "{info}");
        assert!(info.contains(" flags=U "), "{info}");
    }
    assert_eq!(config(&mut client, "port"), "0");
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(&path).expect("the socket");
    assert!(
        metadata.file_type().is_socket() && metadata.permissions().mode() & 0o777 == 0o700,
        "{metadata:?}"
    );
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(!path.exists(), "the socket's file is removed");
}

#[test]
fn several_addresses() {
    let server = Server::start(&ours(), &["--bind", "127.0.0.1", "::1"]);
    let six = std::net::TcpStream::connect(("::1", server.port()));
    assert!(six.is_ok(), "{six:?}");
    for host in ["127.0.0.1", "::1"] {
        let mut client = Client::tcp(host, server.port()).expect("bound there");
        assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    }
    let mut client = Client::tcp("::1", server.port()).expect("bound there");
    let info = client.call(&["CLIENT", "INFO"]).text();
    assert!(info.contains("addr=[::1]:"), "{info}");
    let elsewhere = Client::tcp("127.0.0.2", server.port());
    assert!(elsewhere.is_err(), "only the addresses that were asked for");
}

#[test]
fn addresses_that_may_be_missing() {
    // TEST-NET-1 is nobody's: with a dash in front it may be missing, without one it may not.
    let server = Server::start(&ours(), &["--bind", "127.0.0.1", "-192.0.2.1"]);
    assert_eq!(server.connect().call(&["PING"]), Value::Simple("PONG".into()));
    let dir = directory();
    let port = free_port().to_string();
    let (code, printed) = refused(dir.path(), &["--port", &port, "--bind", "127.0.0.1", "192.0.2.1"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("192.0.2.1"), "{printed}");
}

#[test]
fn files_of_a_running_server() {
    let dir = directory();
    let pid_file = dir.path().join("pid");
    let log_file = dir.path().join("log");
    let paths = [pid_file.to_string_lossy(), log_file.to_string_lossy()];
    let options = ["--pidfile", &paths[0], "--logfile", &paths[1]];
    let mut server = Server::start(&ours(), &options);
    let pid = fs::read_to_string(&pid_file).expect("a pid file");
    assert_eq!(pid.trim(), server.pid().to_string());
    // Whoever comes early is answered before this is said.
    let log = eventually("it is ready", || {
        let log = fs::read_to_string(&log_file).expect("a log file");
        log.contains("Ready to accept connections").then_some(log)
    });
    assert!(log.contains(&pid.trim().to_string()) && log.contains(&server.port().to_string()), "{log}");
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!pid_file.exists(), "the pid file is removed");
    let log = fs::read_to_string(&log_file).expect("a log file");
    assert!(log.contains("SIGTERM"), "{log}");
}

#[test]
fn daemonize() {
    let dir = directory();
    let port = free_port();
    let file = dir.path().join("config");
    let path = dir.path().display();
    let text = format!(
        "daemonize yes\nport {port}\ndir {path}\npidfile {path}/pid\nlogfile {path}/log\nsave \"\"\n"
    );
    fs::write(&file, text).expect("written");
    let (code, printed) = refused(dir.path(), &[&file.to_string_lossy()]);
    assert_eq!(code, Some(0), "the one who started it returns: {printed}");
    let mut client = eventually("an answer", || Client::tcp("127.0.0.1", port).ok());
    let info = client.call(&["INFO", "server"]).text();
    let pid: u32 =
        eventually("a pid file", || fs::read_to_string(dir.path().join("pid")).ok()?.trim().parse().ok());
    assert!(info.contains(&format!("process_id:{pid}\r\n")), "{pid} in {info}");
    send_signal(pid, libc::SIGTERM);
    assert!(client.is_closed());
    eventually("the port is free", || Client::tcp("127.0.0.1", port).err());
    eventually("the pid file is gone", || (!dir.path().join("pid").exists()).then_some(()));
}

#[test]
fn signals_stop_it() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        for io_threads in ["1", "2"] {
            let mut server = Server::start(&ours(), &["--io-threads", io_threads]);
            let mut client = server.connect();
            assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
            server.signal(signal);
            assert_eq!(server.wait().code(), Some(0), "{}", server.output());
            assert!(client.is_closed());
        }
    }
}

#[test]
fn signals_that_it_ignores() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &[]);
        let mut client = server.connect();
        for signal in [libc::SIGHUP, libc::SIGPIPE, libc::SIGUSR2] {
            // Debian's redis-server, 7.0, does not know the last yet.
            if signal != libc::SIGUSR2 || binary == ours() {
                server.signal(signal);
            }
            assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()), "after signal {signal}");
        }
    }
    // It has always ended Redis, without a word.
    for binary in [ours(), redis_server()] {
        let mut server = Server::start(&binary, &[]);
        server.signal(libc::SIGUSR1);
        assert_eq!(server.wait().code(), None, "ended by the signal");
    }
}

#[test]
fn shutdown() {
    for options in [
        &[][..],
        &["NOSAVE"],
        &["nosave", "NOW"],
        &["NOSAVE", "FORCE"],
        &["NOSAVE", "NOW", "FORCE"],
        &["NOW"],
    ] {
        let mut server = Server::start(&ours(), &[]);
        let mut client = server.connect();
        client.send(&[&["SHUTDOWN"], options].concat());
        assert!(client.is_closed(), "no reply but the end: {options:?}");
        assert_eq!(server.wait().code(), Some(0), "{options:?}: {}", server.output());
    }
    transcript!(
        r#"
        SHUTDOWN ABORT
        SHUTDOWN FOO
        SHUTDOWN SAVE NOSAVE
        SHUTDOWN NOSAVE ABORT
        SHUTDOWN NOSAVE NOW FORCE FOO
        PING
        "#
    );
}

#[test]
fn a_second_server_on_the_port_says_so() {
    let server = Server::start(&ours(), &[]);
    let dir = directory();
    let (code, printed) = refused(dir.path(), &["--port", &server.port().to_string(), "--bind", "127.0.0.1"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("Address already in use"), "{printed}");
    assert!(printed.contains(&server.port().to_string()), "{printed}");
    assert_eq!(server.connect().call(&["PING"]), Value::Simple("PONG".into()), "the first goes on");
}

#[test]
fn no_more_clients_than_allowed() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--maxclients", "5", "--io-threads", io_threads]);
        let mut first = server.connect();
        // Whoever asked whether the server is up may not have left yet.
        eventually("nobody else is connected", || {
            first.send_raw(b"INFO clients\r\n").ok()?;
            let info = first.receive().text();
            info.contains("connected_clients:1\r\n").then_some(())
        });
        let mut clients = vec![first];
        clients.extend((0..4).map(|_| server.connect()));
        clients
            .iter_mut()
            .for_each(|client| assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into())));
        let mut one_more = server.connect();
        let said = one_more.read_to_end().expect("the server closes");
        assert_eq!(String::from_utf8_lossy(&said), "-ERR max number of clients reached\r\n");
        clients.pop();
        let mut again = eventually("a place is free", || {
            let mut client = server.connect();
            client.send_raw(b"PING\r\n").ok()?;
            (client.try_receive().ok()? == Value::Simple("PONG".into())).then_some(client)
        });
        assert_eq!(again.call(&["CONFIG", "SET", "maxclients", "10"]), Value::ok());
        assert_eq!(server.connect().call(&["PING"]), Value::Simple("PONG".into()));
    }
}

#[test]
fn idle_clients_are_closed() {
    let server = Server::start(&ours(), &["--timeout", "1"]);
    let (mut monitor, mut client) = (server.connect(), server.connect());
    assert_eq!(monitor.call(&["MONITOR"]), Value::ok());
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    assert!(client.is_closed());
    // Who watches has nothing to ask.
    monitor.receive();
    let mut later = server.connect();
    assert_eq!(later.call(&["PING"]), Value::Simple("PONG".into()));
    assert!(monitor.receive().text().ends_with(r#""PING""#));
}

#[test]
fn number_of_databases() {
    let server = Server::start(&ours(), &["--databases", "3"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["SELECT", "2"]), Value::ok());
    assert_eq!(client.call(&["SELECT", "3"]), Value::Error("ERR DB index is out of range".into()));
}

#[test]
fn commands_under_other_names() {
    let dir = directory();
    let file = dir.path().join("server.conf");
    fs::write(&file, "rename-command FLUSHALL badger\nrename-command DEBUG \"\"\n").expect("written");
    let server = Server::start_with(&ours(), Some(&file), &["--rename-command", "FLUSHDB", ""]);
    let mut client = server.connect();
    for name in ["FLUSHALL", "DEBUG", "FLUSHDB"] {
        assert!(client.call(&[name]).text().starts_with("ERR unknown command"), "{name}");
    }
    assert_eq!(client.call(&["Badger"]), Value::ok());
    fs::write(&file, "timeout 1\nrename-command nosuch other\n").expect("written");
    let file = file.to_str().expect("our own path");
    let (code, said) = refused(dir.path(), &[file, "--port", "0"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("at line 2 of") && said.contains("No such command in rename-command"), "{said}");
}

/// Also those that are not here yet: each is named in the log.
#[test]
fn every_command_of_redis_may_be_renamed() {
    let names = |server: &Server| -> Vec<String> {
        let list = server.connect().call(&["COMMAND", "LIST"]).items();
        let names = list.iter().map(Value::text).filter(|name| !name.contains('|') && name != "quit");
        names.collect()
    };
    let theirs = names(&Server::start(&redis_server(), &[]));
    let here = names(&Server::start(&ours(), &[]));
    let dir = directory();
    let file = dir.path().join("server.conf");
    let line = |name: &String| format!("rename-command {name} \"secret-{name}\"\n");
    fs::write(&file, theirs.iter().map(line).collect::<String>()).expect("written");
    let server = Server::start_with(&ours(), Some(&file), &[]);
    assert_eq!(server.connect().call(&["secret-ping"]), Value::Simple("PONG".into()));
    assert!(server.connect().call(&["PING"]).text().starts_with("ERR unknown command"));
    let said = server.output();
    for name in theirs {
        let is_told = said.contains(&format!("rename-command of {name} is kept but not yet in effect"));
        assert_eq!(is_told, !here.contains(&name), "{name}: {said}");
    }
}

#[test]
fn nowhere_to_listen() {
    let dir = directory();
    for binary in [ours(), redis_server()] {
        let mut command = command(&binary, dir.path());
        command.args(["--port", "0", "--save", ""]);
        let mut child = spawn(command).expect("the binary runs");
        assert_eq!(wait(&mut child).code(), Some(1));
        assert!(output(dir.path()).contains("Configured to not listen anywhere"), "{}", output(dir.path()));
    }
}

/// A socket that a crash left behind is replaced; a file, or a socket that somebody answers on, is not ours to take.
#[test]
fn a_socket_path_that_is_taken() {
    let dir = directory();
    let path = dir.path().join("socket");
    let options = ["--unixsocket", path.to_str().expect("a readable path")];
    let mut crashed = Server::start(&ours(), &options);
    crashed.signal(libc::SIGKILL);
    crashed.wait();
    assert!(fs::metadata(&path).expect("left behind").file_type().is_socket());
    let server = Server::start(&ours(), &options);
    let mut client = Client::unix(&path).expect("a socket that answers");
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));

    let elsewhere = directory();
    let (code, printed) = refused(elsewhere.path(), &[&["--port", "0"][..], &options].concat());
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("socket: Address already in use"), "{printed}");
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()), "the first goes on");
    drop(server);

    let file = dir.path().join("precious");
    fs::write(&file, "data").expect("written");
    let (code, printed) =
        refused(elsewhere.path(), &["--port", "0", "--unixsocket", file.to_str().expect("a readable path")]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("precious: Address already in use"), "{printed}");
    assert_eq!(fs::read_to_string(&file).expect("still there"), "data");
}

/// An address of this machine that is not the loopback's. Nothing is sent to find it.
fn outer_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

#[test]
fn strangers_are_not_served_without_a_password() {
    let address =
        outer_address().expect("this test needs an address beside the loopback's, to be a stranger from");
    let (certificates, tls_port) = (Certificates::new(), free_port());
    let mut options = ["--bind", "*", "-::*", "--tls-port", &tls_port.to_string()].map(String::from).to_vec();
    options.extend(certificates.options());
    let server = Server::start(&ours(), &options.iter().map(String::as_str).collect::<Vec<_>>());
    let by_tls = |bytes: &[u8]| {
        let mut stranger = certificates.client_at(&address, tls_port).expect("bound there");
        let _ = stranger.send_raw(bytes);
        String::from_utf8_lossy(&stranger.read_to_end().expect("the server closes")).into_owned()
    };
    let mut friend = server.connect();
    let said = |bytes: &[u8]| {
        let mut stranger = Client::tcp(&address, server.port()).expect("bound there");
        let _ = stranger.send_raw(bytes);
        String::from_utf8_lossy(&stranger.read_to_end().expect("the server closes")).into_owned()
    };
    let refusal = said(b"");
    assert!(refusal.starts_with("-DENIED ") && refusal.ends_with(".\r\n"), "{refusal}");
    assert_eq!(refusal.matches("\r\n").count(), 1, "{refusal}");
    assert_eq!(by_tls(b""), refusal);
    assert_eq!(friend.call(&["CONFIG", "SET", "requirepass", "secret"]), Value::ok());
    assert!(said(b"PING\r\nQUIT\r\n").starts_with("-NOAUTH "));
    assert_eq!(friend.call(&["CONFIG", "SET", "requirepass", ""]), Value::ok());
    assert!(said(b"").starts_with("-DENIED "));
    assert_eq!(friend.call(&["CONFIG", "SET", "protected-mode", "no"]), Value::ok());
    assert_eq!(said(b"PING\r\nQUIT\r\n"), "+PONG\r\n+OK\r\n");
    assert_eq!(by_tls(b"PING\r\nQUIT\r\n"), "+PONG\r\n+OK\r\n");
    // Whoever may run commands from elsewhere may still not change what protects the server.
    let denied = said(b"CONFIG SET dir /\r\nDEBUG OBJECT k\r\nQUIT\r\n");
    assert!(denied.starts_with("-ERR CONFIG SET failed") && denied.contains("\r\n-ERR DEBUG"), "{denied}");
}

/// With every file descriptor in use, accepting waits and then goes on; who is connected is served.
#[test]
fn no_file_descriptors_left() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let mut first = server.connect();
        assert_eq!(first.call(&["PING"]), Value::Simple("PONG".into()));
        let in_use = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("our own child").count();
        let few = libc::rlimit { rlim_cur: in_use as u64 + 4, rlim_max: in_use as u64 + 4 };
        // SAFETY: the limits are read from a value of ours, and nothing is written back.
        let set =
            unsafe { libc::prlimit(server.pid() as i32, libc::RLIMIT_NOFILE, &few, std::ptr::null_mut()) };
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        let mut crowd: Vec<_> = (0..20).map(|_| server.connect()).collect();
        crowd.iter_mut().for_each(|client| client.send(&["PING"]));
        eventually("a complaint in the log", || server.output().contains("Accepting client").then_some(()));
        assert_eq!(first.call(&["SET", "k", "v"]), Value::ok(), "who is connected is served");
        // As some leave, others are let in: all are answered in the end.
        for mut client in crowd {
            assert_eq!(client.receive(), Value::Simple("PONG".into()));
        }
        let lines = server.output().matches("Accepting client").count();
        assert!(lines < 1000, "{lines} lines in the log");
    }
}

/// What the kernel knows of the server's half of this connection: `timer:expires` of /proc/net/tcp, hexadecimal.
fn kernel_timer(server: &Server, client: &mut Client) -> (String, u64) {
    let ends = (format!(":{:04X}", server.port()), format!(":{:04X}", client.local_port()));
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = fields.into_iter().find(|row| row[1].ends_with(&ends.0) && row[2].ends_with(&ends.1));
    let row = row.expect("a connection");
    let (kind, expires) = row[5].split_once(':').expect("timer:expires");
    (kind.into(), u64::from_str_radix(expires, 16).expect("a hexadecimal number") / 100)
}

#[test]
fn keepalive_is_the_kernels() {
    let server = Server::start(&ours(), &["--tcp-keepalive", "100"]);
    let mut client = server.connect();
    let keepalive = |client: &mut Client| {
        // The timer of an unacknowledged reply comes first.
        client.call(&["PING"]);
        let (kind, seconds) = eventually("an idle connection", || {
            Some(kernel_timer(&server, client)).filter(|(kind, _)| kind != "01")
        });
        (kind == "02").then_some(seconds)
    };
    assert!(keepalive(&mut client).is_some_and(|seconds| (90..=100).contains(&seconds)));
    for (seconds, expected) in [("1000", 900..=1000), ("0", 0..=0)] {
        assert_eq!(client.call(&["CONFIG", "SET", "tcp-keepalive", seconds]), Value::ok());
        let mut next = server.connect();
        assert!(expected.contains(&keepalive(&mut next).unwrap_or(0)), "{seconds}");
    }
}

#[test]
fn the_log_level_changes_while_running() {
    let server = Server::start(&ours(), &["--loglevel", "warning"]);
    let mut client = server.connect();
    let broken = |server: &Server| {
        let mut client = server.connect();
        let _ = client.send_raw(b"*x\r\n");
        client.read_to_end().expect("the server closes");
        server.output().matches("Protocol error from client").count()
    };
    assert!(!server.output().contains("Ready to accept"), "{}", server.output());
    assert_eq!(broken(&server), 0);
    for (level, count) in [("verbose", 1), ("debug", 2), ("notice", 2), ("nothing", 2)] {
        assert_eq!(client.call(&["CONFIG", "SET", "loglevel", level]), Value::ok());
        assert_eq!(broken(&server), count, "{level}");
    }
}

#[test]
fn clients_that_idle_are_closed_when_asked_for_later() {
    let server = Server::start(&ours(), &[]);
    let (mut idle, mut busy) = (server.connect(), server.connect());
    assert_eq!(idle.call(&["PING"]), Value::Simple("PONG".into()));
    assert_eq!(busy.call(&["CONFIG", "SET", "timeout", "1"]), Value::ok());
    eventually("the idle one is closed", || {
        assert_eq!(busy.call(&["PING"]), Value::Simple("PONG".into()), "the busy one stays");
        (busy.call(&["CLIENT", "LIST"]).text().lines().count() == 1).then_some(())
    });
    assert!(idle.is_closed());
}

/// Who takes long over a large reply, or over a large request, is not idle.
#[test]
fn slow_clients_are_not_idle() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--timeout", "1", "--io-threads", io_threads]);
        let (mut reader, mut writer) = (server.connect(), server.connect());
        assert_eq!(reader.call(&["SETRANGE", "k", "19999999", "x"]), Value::Integer(20_000_000));
        reader.send(&["GET", "k"]);
        writer.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nw\r\n$35\r\n").expect("the server reads");
        for _ in 0..35 {
            thread::sleep(Duration::from_millis(100));
            assert_eq!(reader.read_some(550_000).expect("more of the reply").len(), 550_000);
            writer.send_raw(b"x").expect("the server reads");
        }
        writer.send_raw(b"\r\n").expect("the server reads");
        assert_eq!(writer.receive(), Value::ok());
    }
}

/// SAVE promises that the data is on disk, which nothing can do yet: only FORCE ends the server all the same.
#[test]
fn shutdown_that_saves() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let dir = folder.path().to_str().expect("a name in UTF-8").to_string();
    let options = ["--dir", &dir, "--save", ""];
    let mut server = Server::start(&ours(), &options);
    let mut client = server.connect();
    client.call(&["SET", "key", "value"]);
    // A folder stands where the file belongs.
    fs::create_dir_all(folder.path().join("dump.rdb/in-the-way")).expect("made");
    assert_eq!(client.call(&["SHUTDOWN", "SAVE"]).text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    fs::remove_dir_all(folder.path().join("dump.rdb")).expect("removed");
    assert_eq!(client.call(&["GET", "key"]), Value::bulk("value"));
    client.send(&["SHUTDOWN", "SAVE"]);
    assert!(client.is_closed());
    assert_eq!(server.wait().code(), Some(0));
    let server = Server::start(&ours(), &options);
    assert_eq!(server.connect().call(&["GET", "key"]), Value::bulk("value"));
}

/// Whoever gave options knows of them.
#[test]
fn options_are_a_configuration() {
    let server = Server::start(&ours(), &[]);
    assert!(server.output().contains("Configuration loaded"), "{}", server.output());
    assert!(!server.output().contains("No config file"), "{}", server.output());
}

#[test]
fn clients_that_are_turned_away_are_counted_apart() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &["--maxclients", "1"]);
        let mut client = server.connect();
        let mut count = |name: &str| {
            let info = client.call(&["INFO", "stats"]).text();
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse::<u64>().ok()).expect("a number")
        };
        let before = count("total_connections_received");
        for _ in 0..3 {
            assert!(server.connect().read_to_end().expect("it is closed").starts_with(b"-ERR max number"));
        }
        assert_eq!(count("total_connections_received"), before);
        assert_eq!(count("rejected_connections"), 3);
    }
}

#[test]
fn tls_that_cannot_be_is_a_reason_not_to_start() {
    let (dir, certificates) = (directory(), Certificates::new());
    let [certificate, key, authority] =
        ["server.crt", "server.key", "ca.crt"].map(|name| certificates.path(name));
    let port = free_port().to_string();
    let begin = ["--port", "0", "--tls-port", &port, "--bind", "127.0.0.1"];
    let identity = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
    for (options, reason) in [
        (&[][..], "No tls-cert-file configured"),
        (&["--tls-auth-clients", "no"], "No tls-cert-file configured"),
        (&["--tls-auth-clients", "no", "--tls-cert-file", &certificate], "No tls-key-file configured"),
        (&identity, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified"),
        (&[&identity[..], &["--tls-ca-cert-file", "/no/authority"]].concat(), "/no/authority"),
        (
            &["--tls-cert-file", "/no/file", "--tls-key-file", &key, "--tls-ca-cert-file", &authority],
            "/no/file",
        ),
        (
            &[
                "--tls-cert-file",
                &certificate,
                "--tls-key-file",
                "/no/file",
                "--tls-ca-cert-file",
                &authority,
            ],
            "/no/file",
        ),
    ] {
        let (code, printed) = refused(dir.path(), &[&begin[..], options].concat());
        assert_eq!(code, Some(1), "{options:?}: {printed}");
        assert!(
            printed.contains("Failed to configure TLS") && printed.contains(reason),
            "{options:?}: {printed}"
        );
        let misses = reason.starts_with('/');
        assert_eq!(printed.contains("No such file or directory"), misses, "{options:?}: {printed}");
    }
    // What nobody uses need not be there.
    let server = Server::start(&ours(), &["--tls-cert-file", "/no/file"]);
    assert_eq!(server.connect().call(&["PING"]), Value::Simple("PONG".into()));
}
