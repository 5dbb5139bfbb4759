//! The connection itself: greetings, protocols, names, and what clients learn of and do to each other.

use crate::support::{Client, Protocol, Server, Value, ours};

#[test]
fn small_talk() {
    transcript!(
        r#"
        PING
        PING hello
        PING ""
        PING a b
        ping
        ECHO "hello world"
        ECHO
        ECHO a b
        NOSUCH
        NOSUCH a "b c" d
        GET
        QUIT
        !read
        a> QUIT now
        a> !read
        "#
    );
}

#[test]
fn hello_negotiates() {
    transcript!(
        r#"
        HELLO 1
        HELLO 4
        HELLO x
        HELLO 99999999999999999999
        HELLO 3 FOO
        HELLO 3 SETNAME
        HELLO 3 AUTH
        HELLO 3 AUTH default
        ~ HELLO 3 AUTH default wrong
        HELLO 3 AUTH nobody secret
        HELLO 3 SETNAME "bad name"
        PING
        ~ HELLO 2 SETNAME a
        CLIENT GETNAME
        ~ HELLO 3 AUTH default any SETNAME b
        GET absent
        CLIENT GETNAME
        HELLO 2 SETNAME x AUTH nobody secret
        CLIENT GETNAME ## since 7.2 a failing HELLO leaves the name alone
        ~ HELLO 2
        GET absent
        "#
    );
}

/// Versions and ids differ between servers, so the greeting is checked by its fields.
#[test]
fn hello_tells() {
    let server = Server::start(&ours(), &[]);
    for (version, protocol) in [("2", Protocol::Resp2), ("3", Protocol::Resp3)] {
        let mut client = server.connect();
        let greeting = client.call(&["HELLO", version]);
        assert_eq!(matches!(greeting, Value::Map(_)), protocol == Protocol::Resp3, "{greeting:?}");
        let keys: Vec<_> = greeting.items().chunks(2).map(|pair| pair[0].clone()).collect();
        let expected = ["server", "version", "proto", "id", "mode", "role", "modules"].map(Value::bulk);
        assert_eq!(keys, expected);
        assert_eq!(greeting.field("server"), Some(Value::bulk("redis")));
        let said = greeting.field("version").expect("checked above");
        assert!(matches!(&said, Value::Bulk(text) if text.starts_with(b"7.4.")), "{said:?}");
        assert_eq!(greeting.field("proto"), Some(Value::Integer(version.parse().expect("2 or 3"))));
        assert_eq!(greeting.field("id"), Some(client.call(&["CLIENT", "ID"])));
        assert_eq!(greeting.field("mode"), Some(Value::bulk("standalone")));
        assert_eq!(greeting.field("role"), Some(Value::bulk("master")));
        assert_eq!(greeting.field("modules"), Some(Value::Array(vec![])));
        let again = client.call(&["HELLO"]);
        assert_eq!(again, greeting, "HELLO without a version changes nothing");
    }
}

#[test]
fn reset() {
    transcript!(
        r#"
        SELECT 5
        CLIENT SETNAME me
        SET k five
        RESET
        GET k
        CLIENT GETNAME
        PING
        RESET now
        FLUSHALL
        "#
    );
}

#[test]
fn names() {
    transcript!(
        r#"
        CLIENT GETNAME
        CLIENT SETNAME me
        CLIENT GETNAME
        CLIENT SETNAME "with space"
        CLIENT SETNAME "new\nline"
        CLIENT SETNAME "\xc3\xa9"
        CLIENT GETNAME
        CLIENT SETNAME ""
        CLIENT GETNAME
        CLIENT SETNAME
        CLIENT SETNAME a b
        CLIENT GETNAME x
        CLIENT SETINFO LIB-NAME mylib ## since 7.2
        CLIENT SETINFO lib-ver 1.2.3 ## since 7.2
        CLIENT SETINFO LIB-NAME "a b" ## since 7.2
        CLIENT SETINFO LIB-VER "a\nb" ## since 7.2
        CLIENT SETINFO FOO bar ## since 7.2
        CLIENT SETINFO LIB-NAME ## since 7.2
        CLIENT NO-TOUCH ON ## since 7.2
        CLIENT NO-TOUCH off ## since 7.2
        CLIENT NO-TOUCH maybe ## since 7.2
        CLIENT NO-TOUCH ## since 7.2
        CLIENT NO-EVICT ON
        CLIENT NO-EVICT off
        CLIENT NO-EVICT maybe
        CLIENT NO-EVICT
        CLIENT
        CLIENT FOO
        CLIENT MAINT_NOTIFICATIONS ON
        CLIENT ID x
        CLIENT HELP ## the words are our own
        CLIENT HELP x
        "#
    );
}

#[test]
fn replies_off() {
    transcript!(
        r#"
        CLIENT REPLY ON
        !send CLIENT REPLY OFF
        !send SET k v
        !send GET k
        CLIENT REPLY ON
        GET k
        !send CLIENT REPLY SKIP
        !send GET k
        PING
        !send CLIENT REPLY SKIP
        !send CLIENT REPLY OFF
        !send PING
        CLIENT REPLY ON
        CLIENT REPLY MAYBE
        CLIENT REPLY
        "#
    );
}

#[test]
fn pause() {
    transcript!(
        r#"
        a> CLIENT PAUSE 100000 WRITE
        a> GET k
        b> !send SET k v
        a> GET k
        a> PING
        a> CLIENT UNPAUSE
        b> !read
        a> GET k
        a> CLIENT PAUSE 30
        b> GET k
        a> CLIENT PAUSE 30 ALL
        b> PING
        a> CLIENT PAUSE -1
        a> CLIENT PAUSE a
        a> CLIENT PAUSE 9223372036854775808
        a> CLIENT PAUSE 10 FOO
        a> CLIENT PAUSE
        a> CLIENT UNPAUSE x
        a> CLIENT UNBLOCK 123456789
        a> CLIENT UNBLOCK a
        a> CLIENT UNBLOCK 1 FOO
        a> CLIENT UNBLOCK
        "#
    );
}

#[test]
fn kill_errors() {
    transcript!(
        r#"
        CLIENT KILL 127.0.0.1:1
        CLIENT KILL
        CLIENT KILL ID
        CLIENT KILL ID a
        CLIENT KILL ID 0
        CLIENT KILL ID -1
        CLIENT KILL ID 123456789
        CLIENT KILL TYPE foo
        CLIENT KILL TYPE pubsub
        CLIENT KILL TYPE master
        CLIENT KILL TYPE replica
        CLIENT KILL TYPE slave
        CLIENT KILL USER nobody
        CLIENT KILL ADDR 127.0.0.1:1
        CLIENT KILL LADDR 127.0.0.1:1
        CLIENT KILL SKIPME maybe
        CLIENT KILL FOO bar
        CLIENT KILL ID 123456789 SKIPME
        CLIENT KILL MAXAGE 100000 ## since 7.4
        CLIENT KILL MAXAGE a ## since 7.4
        CLIENT KILL MAXAGE 0 ## since 7.4
        CLIENT LIST TYPE foo
        CLIENT LIST ID a
        CLIENT LIST ID
        CLIENT LIST FOO
        CLIENT LIST ID 123456789
        CLIENT LIST TYPE pubsub
        CLIENT INFO x
        "#
    );
}

/// One client's line of CLIENT LIST or INFO, by field.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let found = line.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {line}"))
}

#[test]
fn client_info_and_list() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let mut one = server.connect();
        let mut two = server.connect();
        one.hello(Protocol::Resp3);
        one.call(&["CLIENT", "SETNAME", "one"]);
        one.call(&["CLIENT", "SETINFO", "LIB-NAME", "lib"]);
        one.call(&["CLIENT", "SETINFO", "LIB-VER", "1.0"]);
        one.call(&["SELECT", "4"]);
        one.call(&["CLIENT", "NO-EVICT", "ON"]);
        one.call(&["CLIENT", "NO-TOUCH", "ON"]);
        let reply = one.call(&["CLIENT", "INFO"]);
        assert!(matches!(&reply, Value::Verbatim(format, _) if format == "txt"), "{reply:?}");
        let info = reply.text();
        let names: Vec<_> =
            info.trim_end().split(' ').map(|pair| pair.split('=').next().unwrap_or("")).collect();
        let expected = "id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free \
                        argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver";
        assert_eq!(names.join(" "), expected);
        let one_id = one.call(&["CLIENT", "ID"]).integer().to_string();
        let two_id = two.call(&["CLIENT", "ID"]).integer().to_string();
        assert_ne!(one_id, two_id);
        let port = server.port();
        for (name, value) in [
            ("id", one_id.as_str()),
            ("addr", &format!("127.0.0.1:{}", one.local_port())),
            ("laddr", &format!("127.0.0.1:{port}")),
            ("name", "one"),
            ("db", "4"),
            ("sub", "0"),
            ("multi", "-1"),
            ("flags", "eT"),
            ("qbuf", "26"),
            ("argv-mem", "10"),
            ("cmd", "client|info"),
            ("user", "default"),
            ("redir", "-1"),
            ("resp", "3"),
            ("lib-name", "lib"),
            ("lib-ver", "1.0"),
        ] {
            assert_eq!(field(&info, name), value, "{name} in {info}");
        }
        let list = two.call(&["CLIENT", "LIST", "ID", &one_id, "123456", &two_id]).text();
        let ids: Vec<_> = list.lines().map(|line| field(line, "id")).collect();
        assert_eq!(ids, [&one_id, &two_id], "{list}");
        assert_eq!(field(list.lines().last().expect("two lines"), "cmd"), "client|list");
        for options in [&["CLIENT", "LIST"][..], &["CLIENT", "LIST", "TYPE", "normal"]] {
            let list = two.call(options).text();
            assert!(list.lines().count() >= 2, "{list}");
            assert_eq!(list.lines().filter(|line| field(line, "name") == "one").count(), 1, "{list}");
        }
    }
}

#[test]
fn client_kill() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let mut killer = server.connect();
        let victim = || {
            let mut client = server.connect();
            let id = client.call(&["CLIENT", "ID"]).integer().to_string();
            (client, id)
        };
        let mut kill = |filters: &[&str]| killer.call(&[&["CLIENT", "KILL"], filters].concat());
        let dies = |mut client: Client| assert!(client.is_closed(), "the victim is disconnected");

        let (client, id) = victim();
        assert_eq!(kill(&["ID", &id]), Value::Integer(1));
        dies(client);
        assert_eq!(kill(&["ID", &id]), Value::Integer(0), "it is gone");

        let (mut client, _) = victim();
        assert_eq!(kill(&[&format!("127.0.0.1:{}", client.local_port())]), Value::ok(), "the old form");
        dies(client);

        let (mut client, id) = victim();
        let address = format!("127.0.0.1:{}", client.local_port());
        assert_eq!(
            kill(&["ADDR", &address, "TYPE", "pubsub"]),
            Value::Integer(0),
            "filters are joined by and"
        );
        assert_eq!(kill(&["ADDR", &address, "TYPE", "normal", "ID", &id]), Value::Integer(1));
        dies(client);

        let (client, _) = victim();
        let (another, _) = victim();
        let laddr = format!("127.0.0.1:{}", server.port());
        assert_eq!(kill(&["LADDR", &laddr, "USER", "default", "skipme", "yes"]), Value::Integer(2));
        dies(client);
        dies(another);

        assert_eq!(kill(&["MAXAGE", "100000"]), Value::Integer(0), "nobody is that old");
        assert_eq!(kill(&["SKIPME", "no"]), Value::Integer(1), "the killer itself, after its reply");
        dies(killer);
        assert_eq!(server.connect().call(&["PING"]), Value::Simple("PONG".into()));
    }
}

/// A killed client's requests that were already sent are not run, and its number is not given again.
#[test]
fn ids_grow() {
    let server = Server::start(&ours(), &["--io-threads", "2"]);
    let mut last = 0;
    for _ in 0..50 {
        let id = server.connect().call(&["CLIENT", "ID"]).integer();
        assert!(id > last);
        last = id;
    }
}

/// The room for a large value is made when it is announced, and given back when the value does not come.
#[test]
fn a_request_that_stalls_keeps_no_room() {
    let server = Server::start(&ours(), &[]);
    let (mut sender, mut watcher) = (server.connect(), server.connect());
    let id = sender.call(&["CLIENT", "ID"]).integer().to_string();
    let mut buffer = || {
        let line = watcher.call(&["CLIENT", "LIST", "ID", &id]).text();
        let bytes = |name| field(&line, name).parse::<usize>().expect("a number");
        (bytes("qbuf"), bytes("qbuf-free"))
    };
    let value = "v".repeat(1_000_000);
    let begun = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len());
    sender.send_raw(begun.as_bytes()).expect("sent");
    while buffer().0 == 0 {}
    assert_eq!(buffer(), (begun.len(), value.len() + "\r\n".len()));
    while buffer().1 > 0 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(buffer(), (begun.len(), 0));
    sender.send_raw(format!("{value}\r\n").as_bytes()).expect("sent");
    assert_eq!(sender.receive(), Value::ok());
    assert_eq!(sender.call(&["STRLEN", "k"]), Value::Integer(1_000_000));
    assert_eq!(buffer(), (0, 0));
}
