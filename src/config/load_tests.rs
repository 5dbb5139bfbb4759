//! Loading, as an operator meets it: command lines, files, and what is said of them.

use super::*;
use crate::config::LogLevel;

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path =
            std::env::temp_dir().join(format!("callboard-load-{}-{}", std::process::id(), fastrand::u64(..)));
        fs::create_dir(&path).expect("a new folder");
        Folder(path.canonicalize().expect("it exists"))
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a new file");
        path.to_str().expect("a plain name").to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(arguments: &[&str]) -> Result<Loaded, ConfigError> {
    load_with_stdin(arguments, "")
}

fn load_with_stdin(arguments: &[&str], stdin: &str) -> Result<Loaded, ConfigError> {
    Config::load(arguments.iter().map(OsString::from), &mut stdin.as_bytes())
}

fn shown(loaded: &Loaded, name: &str) -> String {
    Parameter::named(name).expect("a parameter").show(&loaded.config)
}

fn reason(arguments: &[&str]) -> (String, String) {
    match load(arguments) {
        Err(ConfigError::Line { line, reason, .. }) => (line, reason),
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

#[test]
fn nothing_given_is_the_default() {
    let loaded = load(&[]).expect("valid");
    assert!(loaded.config == Config::default());
    assert_eq!((loaded.file, loaded.set_by_user.len(), loaded.notices.len()), (None, 0, 0));
}

#[test]
fn a_file_is_read_then_the_command_line() {
    let folder = Folder::new();
    let file = folder.file(
        "a.conf",
        "# a comment\n\n  PORT 7000\r\nlogfile \"a b\"\nloglevel 'debug'\nsave 60 1\nsave 30 2\nrequirepass \"\\x41\\n\"",
    );
    let loaded = load(&[&file, "--port", "7001", "--tcp-keepalive", "5"]).expect("valid");
    assert_eq!((loaded.config.port, loaded.config.loglevel), (7001, LogLevel::Debug));
    assert_eq!(loaded.config.logfile, Some(PathBuf::from("a b")));
    assert_eq!(shown(&loaded, "save"), "60 1 30 2");
    assert_eq!(loaded.config.requirepass.as_deref(), Some("A\n"));
    assert_eq!(loaded.file, Some(PathBuf::from(file)));
    assert_eq!(loaded.set_by_user, ["port", "logfile", "loglevel", "save", "requirepass", "tcp-keepalive"]);
}

#[test]
fn standard_input_comes_between_file_and_options() {
    let folder = Folder::new();
    let file = folder.file("a.conf", "port 1\ntimeout 1\ndatabases 1");
    let arguments = [&file, "--databases", "3", "-"];
    let loaded = load_with_stdin(&arguments, "timeout 2\ndatabases 2\n").expect("valid");
    let config = &loaded.config;
    assert_eq!((config.port, config.timeout_seconds, config.databases), (1, 2, 3));
    let error = load_with_stdin(&["-"], "port 1\nport x\n").expect_err("x is no port").to_string();
    assert!(error.contains("at line 2 of standard input\n>>> 'port x'\n"), "{error}");
}

#[test]
fn options_are_lines() {
    let loaded = load(&["--bind", "127.0.0.1", "::1", "--save", "60 1", "--maxmemory 700mb"]).expect("valid");
    assert_eq!(loaded.config.bind, ["127.0.0.1", "::1"]);
    assert_eq!((shown(&loaded, "save").as_str(), loaded.config.maxmemory), ("60 1", 700 << 20));
    for arguments in [&["--save"] as &[&str], &["--save", ""], &["--save", "--port", "1"]] {
        assert_eq!(shown(&load(arguments).expect("valid"), "save"), "", "{arguments:?}");
    }
    let words =
        load(&["--shutdown-on-sigint", "nosave", "force", "now", "--shutdown-on-sigterm", "nosave force"]);
    let words = words.expect("valid");
    assert_eq!(shown(&words, "shutdown-on-sigint"), "nosave now force");
    assert_eq!(shown(&words, "shutdown-on-sigterm"), "nosave force");
}

#[test]
fn save_points_add_up_after_the_first() {
    let folder = Folder::new();
    for (text, expected) in [
        ("", "3600 1 300 100 60 10000"),
        ("save 1 2", "1 2"),
        ("save 1 2\nsave 3 4 5 6", "1 2 3 4 5 6"),
        ("save 1 2\nsave \"\"\nsave 3 4", "3 4"),
        ("save \"\"", ""),
        ("save", ""),
    ] {
        let loaded = load(&[&folder.file("a.conf", text)]).expect("valid");
        assert_eq!(shown(&loaded, "save"), expected, "{text}");
    }
}

#[test]
fn wrong_options_are_named_with_the_reason() {
    for (arguments, line, expected) in [
        (&["--invalid"] as &[&str], "invalid", "Bad directive or wrong number of arguments"),
        (&["--port"], "port", "wrong number of arguments"),
        (&["--port", "6380", "--loglevel"], "loglevel", "wrong number of arguments"),
        (&["--port", "6379", "6380"], r#"port "6379" "6380""#, "wrong number of arguments"),
        (&["--port", "--bla"], r#"port "--bla""#, "argument couldn't be parsed into an integer"),
        (&["--replicaof", "127.0.0.1", "abc"], r#"replicaof "127.0.0.1" "abc""#, "Invalid master port"),
        (&["--replicaof", "--127.0.0.1", "--abc"], r#"replicaof "--127.0.0.1""#, "wrong number of arguments"),
        (&["--logfile 'a"], "logfile 'a", "Unbalanced quotes in configuration line"),
        (&["--include"], "include", "Bad directive or wrong number of arguments"),
        (&["--dir", "/no/such"], r#"dir "/no/such""#, "No such file or directory"),
        (&["--sentinel"], "sentinel", "sentinel directive while not in sentinel mode"),
    ] {
        assert_eq!(reason(arguments), (line.into(), expected.into()), "{arguments:?}");
    }
    let (_, empty) = reason(&["--shutdown-on-sigint"]);
    assert!(empty.starts_with("argument(s) must be one of the following: default, save"), "{empty}");
}

#[test]
fn an_error_shows_file_line_and_reason() {
    let folder = Folder::new();
    let file = folder.file("a.conf", "# one\ntimeout 1\n  port abc\n");
    let expected = format!(
        "\n*** FATAL CONFIG FILE ERROR (Callboard {}) ***\nReading the configuration file, at line 3 of {file}\n\
         >>> 'port abc'\nargument couldn't be parsed into an integer",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(load(&[&file]).expect_err("abc is no port").to_string(), expected);
    let missing = load(&["/no/such.conf"]).expect_err("missing").to_string();
    assert_eq!(missing, "Fatal error, can't open config file '/no/such.conf': No such file or directory");
}

#[test]
fn includes_are_read_where_they_stand() {
    let folder = Folder::new();
    folder.file("inner.conf", "port 2\ntimeout 2");
    let file =
        folder.file("a.conf", &format!("port 1\ndir {}\ninclude inner.conf\ntimeout 3", folder.0.display()));
    let loaded = load(&[&file]).expect("valid");
    assert_eq!((loaded.config.port, loaded.config.timeout_seconds), (2, 3));

    folder.file("inner.conf", "# fine\nport x");
    let error = load(&[&file]).expect_err("x is no port").to_string();
    assert!(error.contains("at line 2 of ") && error.contains("inner.conf"), "{error}");

    folder.file("inner.conf", "include inner.conf");
    let (_, looping) = reason(&[&file]);
    assert_eq!(looping, "files include each other too deeply");
}

#[test]
fn included_patterns_may_match_nothing() {
    let folder = Folder::new();
    let file =
        folder.file("a.conf", &format!("include {}/conf.d-*\ninclude /no/such/*.conf", folder.0.display()));
    assert_eq!(load(&[&file]).expect("valid").config.port, 6379);
    folder.file("conf.d-1", "port 1\ntimeout 1");
    folder.file("conf.d-2", "port 2");
    let loaded = load(&[&file]).expect("valid");
    assert_eq!((loaded.config.port, loaded.config.timeout_seconds), (2, 1));
}

#[test]
fn what_is_not_in_effect_is_named_once() {
    let text = "supervised auto\nsupervised auto\nslowlog-max-len 128\nacllog-max-len 7\nhz 20\nrename-command FLUSHALL \"\"\nuser alice on\nuser bob";
    let loaded = load_with_stdin(&["-"], text).expect("valid");
    assert_eq!(
        loaded.notices,
        [
            "supervised is kept but not yet in effect: it waits for service managers",
            "acllog-max-len is kept but not yet in effect: it waits for access lists",
            "hz is kept but has no effect: timers fire when they are due, there is no heartbeat",
            "user is kept but not yet in effect: it waits for access lists, and as yet only gives the default user its passwords (channels are not restricted)",
        ]
    );
    let [renaming] = &loaded.renamed_commands[..] else { panic!("{:?}", loaded.renamed_commands) };
    assert_eq!((renaming.name.as_str(), renaming.new_name.as_str()), ("FLUSHALL", ""));
    let refused = renaming.refused("No such command in rename-command").to_string();
    assert!(refused.contains("at line 6 of standard input"), "{refused}");
    assert!(refused.ends_with("\nNo such command in rename-command"), "{refused}");
    let users: Vec<_> = loaded.users.iter().map(|user| (user.name.as_str(), &user.rules[..])).collect();
    assert_eq!(users, [("alice", &["on".to_string()][..]), ("bob", &[])]);
}

#[test]
fn comments_need_not_be_utf8() {
    let text = b"# caf\xe9\nport 1\n";
    let loaded = Config::load([OsString::from("-")].into_iter(), &mut &text[..]).expect("valid");
    assert_eq!(loaded.config.port, 1);
}

#[test]
fn a_cluster_node_follows_no_master_by_file() {
    let error = load(&["--cluster-enabled", "yes", "--replicaof", "a", "1"]).expect_err("both").to_string();
    assert!(error.ends_with("\nreplicaof directive not allowed in cluster mode"), "{error}");
}

#[test]
fn a_quote_inside_an_argument_leaves_no_words() {
    for value in ["\"60", "\"60 1", "'"] {
        assert_eq!(shown(&load(&["--save", value]).expect("as Redis starts"), "save"), "", "{value}");
    }
    let (_, reason) = reason(&["--save", "\"60 1\""]);
    assert_eq!(reason, "Invalid save parameters");
}
