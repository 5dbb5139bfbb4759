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
use crate::support::{Client, Protocol, Server, Value, ours};

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
    let log = fs::read_to_string(&log_file).expect("a log file");
    assert!(log.contains("Ready to accept connections"), "{log}");
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
        let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
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
    let mut client = server.connect();
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    assert!(client.is_closed());
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
