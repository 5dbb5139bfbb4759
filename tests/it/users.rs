//! Users in files: a server lets in those whom redis-server lets in, or it does not start.

use std::fs;
use std::path::Path;

use crate::support::server::{command, output, spawn, wait};
use crate::support::{Server, Value, ours, redis_server};

/// Which of these passwords a server takes, and whether it is open to who gives none.
#[derive(Debug, PartialEq)]
enum Door {
    Open,
    Guarded(Vec<&'static str>),
}

fn door(server: &Server) -> Door {
    if server.connect().call(&["PING"]) == Value::Simple("PONG".into()) {
        return Door::Open;
    }
    let is_valid = |password: &&str| server.connect().call(&["AUTH", "default", password]) == Value::ok();
    Door::Guarded(["one", "two", "three", ""].into_iter().filter(is_valid).collect())
}

/// What the server says that refuses to start with this file.
fn refusal(binary: &Path, file: &Path) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = command(binary, dir.path());
    command.arg(file).args(["--port", "0", "--unixsocket", "socket"]);
    let mut child = spawn(command).expect("the binary runs");
    assert_eq!(wait(&mut child).code(), Some(1), "{} started", binary.display());
    output(dir.path())
}

#[test]
fn the_default_user_of_a_file_is_guarded_as_in_redis() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (file, users) = (dir.path().join("server.conf"), dir.path().join("users.acl"));
    let aclfile = format!("aclfile {}", users.display());
    fs::write(&users, "user default on >two ~* &* +@all\n").expect("written");
    for lines in [
        "user default on >two ~* &* +@all",
        "user default ~* +@all >one on <one >two",
        "requirepass one\nuser default on >two ~* &* +@all",
        "user default on >two ~* &* +@all\nrequirepass one",
        "user default on nopass ~* &* +@all\nrequirepass one",
        "user default on >one >two ~* +@all",
        "user default on sanitize-payload #7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed ~* &* +@all",
        "requirepass one\nuser bob on >two ~* +@all",
        &aclfile,
    ] {
        fs::write(&file, lines).expect("written");
        let [mine, theirs] =
            [ours(), redis_server()].map(|binary| door(&Server::start_with(&binary, Some(&file), &[])));
        assert_eq!(mine, theirs, "{lines}");
    }
}

#[test]
fn what_protects_in_redis_never_opens() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("server.conf");
    for lines in [
        "user default",
        "user default ~* +@all",
        "user default on ~* +@all",
        "user default on (~a +get)",
        "user default on >one resetpass ~* +@all",
        "user default off >one ~* +@all",
        "requirepass one\nuser default ~* +@all",
    ] {
        fs::write(&file, lines).expect("written");
        let theirs = door(&Server::start_with(&redis_server(), Some(&file), &[]));
        assert_ne!(theirs, Door::Open, "{lines}");
        let said = refusal(&ours(), &file);
        assert!(said.contains("Set requirepass instead"), "{lines}: {said}");
    }
}

#[test]
fn wrong_lines_about_users_end_the_start() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (file, users) = (dir.path().join("server.conf"), dir.path().join("users.acl"));
    let aclfile = format!("aclfile {}", users.display());
    for (lines, reason) in [
        ("user default on >one <two ~* +@all", "does not exist"),
        ("user default on >one nosuch", "Syntax error"),
        ("user default on >one +nosuch", "Unknown command or category"),
        ("user default on >one ~* +@all\nuser default on >two ~* +@all", "Duplicate user"),
        (&aclfile, "No such file"),
    ] {
        fs::write(&file, lines).expect("written");
        refusal(&redis_server(), &file);
        let said = refusal(&ours(), &file);
        assert!(said.contains(reason), "{lines}: {said}");
    }
    fs::write(&users, "").expect("written");
    fs::write(&file, format!("{aclfile}\nuser bob on")).expect("written");
    [ours(), redis_server()].iter().for_each(|binary| drop(refusal(binary, &file)));
}

#[test]
fn a_changed_password_survives_a_rewrite() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("server.conf");
    fs::write(&file, "user default on >one ~* &* +@all\n").expect("written");
    let server = Server::start_with(&ours(), Some(&file), &[]);
    let mut client = server.connect();
    assert_eq!(client.call(&["AUTH", "one"]), Value::ok());
    assert_eq!(client.call(&["CONFIG", "SET", "requirepass", "two"]), Value::ok());
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    // The first server's folder, which the file now names, is there as long as that server.
    assert_eq!(door(&Server::start_with(&ours(), Some(&file), &[])), Door::Guarded(vec!["two"]));
}

#[test]
fn a_file_that_redis_rewrote_starts() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("server.conf");
    fs::write(&file, "user default on >one >two ~* &* +@all\n").expect("written");
    let theirs = Server::start_with(&redis_server(), Some(&file), &[]);
    let mut client = theirs.connect();
    assert_eq!(client.call(&["AUTH", "two"]), Value::ok());
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), Value::ok());
    assert!(fs::read_to_string(&file).expect("there").contains("on sanitize-payload #"));
    assert_eq!(door(&Server::start_with(&ours(), Some(&file), &[])), Door::Guarded(vec!["one", "two"]));
}
