//! What is made of `user` lines: what one password expresses is kept, all else ends the start.

use super::*;
use std::ffi::OsString;

const COMMANDS: [&str; 4] = ["get", "config", "@read", "@dangerous"];

const KNOWN: [&str; 7] = ["", "p", "q", "one", "two", "\"two\"", "with space"];

/// Which of the known passwords are accepted; `None`: every one is.
fn adopt(text: &str) -> Result<Option<Vec<&'static str>>, String> {
    let loaded = Config::load([OsString::from("-")].into_iter(), &mut text.as_bytes()).expect("valid lines");
    let mut config = loaded.config;
    let adopted = config.adopt_users(&loaded.users, &|name| COMMANDS.contains(&name));
    let accepted: Vec<&str> =
        KNOWN.into_iter().filter(|password| config.accepts(password.as_bytes())).collect();
    assert!(config.asks_for_password() || accepted == KNOWN);
    let accepted = config.asks_for_password().then_some(accepted);
    adopted.map(|()| accepted).map_err(|error| error.to_string())
}

/// Which passwords are accepted with these rules, which all keys and commands are added to.
fn passwords(rules: &str) -> Result<Option<Vec<&'static str>>, String> {
    adopt(&format!("user default {rules} allkeys allcommands"))
}

#[test]
fn passwords_are_kept() {
    const P: &str = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940";
    for (rules, expected) in [
        ("on >p", &["p"][..]),
        (">p on", &["p"]),
        ("ON nopass >p", &["p"]),
        ("on >p >p", &["p"]),
        ("on >p >q <p", &["q"]),
        ("on >p >q", &["p", "q"]),
        ("on >p resetpass >q", &["q"]),
        ("on >p off reset >q on", &["q"]),
        ("off >p on", &["p"]),
        ("on >p nopass >q", &["q"]),
        ("on >", &[""]),
        ("\"on\" \">with space\"", &["with space"]),
        ("on >p (~a +get) clearselectors sanitize-payload &* resetchannels &a", &["p"]),
        ("on >p %R~a %rw~b ~c +get -@read +config|get +@dangerous", &["p"]),
        (&format!("on #{P}"), &["p"]),
        (&format!("on #{P} >p >q"), &["p", "q"]),
        (&format!("on >q #{P} <p"), &["q"]),
        (&format!("on >q >p !{P}"), &["q"]),
        (&format!("on sanitize-payload #{}", P.replace('1', "2")), &[]),
    ] {
        assert_eq!(passwords(rules), Ok(Some(expected.to_vec())), "{rules}");
    }
    for rules in [
        "on nopass",
        "on >p NoPass",
        "on #0000000000000000000000000000000000000000000000000000000000000000 nopass",
    ] {
        assert_eq!(passwords(rules), Ok(None), "{rules}");
    }
    assert_eq!(adopt("user default on >p ~* &* +@all"), Ok(Some(vec!["p"])));
    assert_eq!(adopt("user bob on nopass +@all ~*"), Ok(None));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    for (rules, reason) in [
        ("", "is off"),
        (">p", "is off"),
        ("on >p off", "is off"),
        ("on nopass reset", "is off"),
        ("on", "has no password and no 'nopass'"),
        ("on >p resetpass", "has no password and no 'nopass'"),
        ("on >p <p", "has no password and no 'nopass'"),
        ("on (~a +get)", "has no password and no 'nopass'"),
    ] {
        let said = passwords(rules).expect_err(rules);
        assert!(said.contains(reason) && said.ends_with("Set requirepass instead."), "{rules}: {said}");
        assert!(said.contains("would be open"), "{rules}: {said}");
    }
    for rules in
        ["on >p", "on >p ~*", "on >p +@all", "on >p ~a +@all", "on >p ~* +@all -get", "on nopass +get"]
    {
        let said = adopt(&format!("user default {rules}")).expect_err(rules);
        assert!(said.contains("is not allowed all keys and commands"), "{rules}: {said}");
    }
}

#[test]
fn what_redis_refuses_is_refused() {
    for (rules, reason) in [
        ("nosuch", "'nosuch': Syntax error"),
        ("on >p <q", "'<q': the password to be removed does not exist"),
        ("on >p nopass <p", "does not exist"),
        ("on #abc", "64 hexadecimal digits"),
        ("on !ABC", "64 hexadecimal digits"),
        ("+nosuch", "Unknown command or category"),
        ("-@nosuch", "Unknown command or category"),
        ("+nosuch|a", "Unknown command or category"),
        ("+config|", "Syntax error"),
        ("~* ~a", "a pattern behind the one for all"),
        ("&* &a", "a pattern behind the one for all"),
        ("%x~a", "Syntax error"),
        ("%RR~a", "Syntax error"),
        ("%~a", "Syntax error"),
        ("%R", "Syntax error"),
        ("\"~a b\"", "Syntax error"),
        ("(~a", "Unmatched parenthesis"),
        ("(~a on)", "Syntax error"),
    ] {
        for name in ["default", "bob"] {
            let said = adopt(&format!("timeout 1\nuser {name} {rules}")).expect_err(rules);
            assert!(said.contains("at line 2 of") && said.contains(reason), "{rules}: {said}");
        }
    }
    let twice = adopt("user default on nopass ~* +@all\nuser default on >p ~* +@all").expect_err("twice");
    assert!(twice.contains("at line 2 of") && twice.contains("Duplicate user"), "{twice}");
    assert!(adopt("user bob on\nuser bob on").is_err());
    assert!(adopt("user \"b ob\" on").is_err());
}

#[test]
fn the_user_overrules_requirepass_in_any_order() {
    let user = "user default on >two ~* +@all";
    for text in [format!("requirepass one\n{user}"), format!("{user}\nrequirepass one")] {
        assert_eq!(adopt(&text), Ok(Some(vec!["two"])), "{text}");
    }
    assert_eq!(adopt("requirepass one\nuser default on nopass ~* +@all"), Ok(None));
    assert_eq!(adopt("requirepass one\nuser bob on"), Ok(Some(vec!["one"])));
}

#[test]
fn a_file_of_users_has_the_same_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.acl");
    let head = format!("dir {}\naclfile users.acl\nrequirepass one\n", folder.path().display());
    assert!(adopt(&head).expect_err("not there").contains("users.acl': No such file"), "not there");
    for (text, expected) in [
        ("", Some("one")),
        ("user bob on >p\n\n", Some("one")),
        ("\n user default on >two ~* +@all \r\nuser bob on", Some("two")),
        ("user default on >\"two\" ~* +@all", Some("\"two\"")),
        ("user default on nopass ~* &* +@all", None),
    ] {
        fs::write(&file, text).expect("written");
        assert_eq!(adopt(&head), Ok(expected.map(|password| vec![password])), "{text}");
    }
    for (text, reason) in [
        ("user bob on\nuser default on >two", "at line 2 of "),
        ("# a remark", "begins with 'user' and a name"),
        ("user", "begins with 'user' and a name"),
        ("user a on\nuser a on", "Duplicate user"),
        ("user default ~* +@all", "would be open"),
    ] {
        fs::write(&file, text).expect("written");
        assert!(adopt(&head).expect_err(text).contains(reason), "{text}");
    }
    fs::write(&file, "").expect("written");
    assert!(adopt(&format!("{head}user bob on")).expect_err("both").contains("not in both"));
}

#[test]
fn a_rewritten_line_says_what_is_in_effect() {
    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    let rewritten = |text: &str, password: Option<&str>| {
        let config = Config { requirepass: password.map(str::to_string), ..Config::default() };
        let rewritten = config.rewrite(Some(text), Default::default());
        rewritten.lines().find(|line| line.starts_with("user default")).map(str::to_string)
    };
    let hashed = format!("user default on #{ONE} ~* &* +@all");
    for line in ["user default  on >one ~* +@all", &hashed] {
        assert_eq!(rewritten(line, Some("one")).as_deref(), Some(line));
        assert_eq!(rewritten(line, None).as_deref(), Some("user default on nopass ~* &* +@all"));
    }
    let other = "user default on >one >two ~* +@all";
    assert_eq!(rewritten(other, Some("one")), Some(hashed));
    assert_eq!(rewritten("port 1", Some("one")), None);
}

#[test]
fn requirepass_set_anew_replaces_the_passwords() {
    let text = "user default on >p >q ~* +@all";
    let loaded = Config::load([OsString::from("-")].into_iter(), &mut text.as_bytes()).expect("valid lines");
    let mut config = loaded.config;
    config.adopt_users(&loaded.users, &|_| true).expect("a valid user");
    assert!(config.accepts(b"p") && config.accepts(b"q") && !config.accepts(b"one"));
    assert_eq!(config.get(&[b"requirepass"]), [("requirepass".into(), String::new())]);
    let set = |value: &[u8]| config.set(&[("requirepass", value)], Default::default()).expect("settable").0;
    assert!(!set(b"one").accepts(b"p") && set(b"one").accepts(b"one"));
    assert!(!set(b"").asks_for_password());
}
