//! Sessions at the prompt with a client that may use DEBUG; shapes in both protocols where they differ.
use crate::{
    commands::server::testing::{check, client, client_of},
    config::{Config, Permission},
};

#[test]
fn it_is_off_unless_enabled() {
    let with = |enable_debug_command| client_of(Config { enable_debug_command, ..Config::default() });
    let refusal = "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
        you can run it from a local connection, otherwise you need to set this option in the configuration \
        file, and then restart the server. ";
    with(Permission::No).check(&[("DEBUG SLEEP 0", refusal), ("DEBUG NOSUCH", refusal)]);
    with(Permission::Local).check(&[("DEBUG SLEEP 0", "+OK ")]);
    with(Permission::Yes).check(&[("DEBUG SLEEP 0", "+OK ")]);
}

#[test]
fn errors_and_acceptances() {
    check(&[
        ("DEBUG", "-ERR wrong number of arguments for 'debug' command "),
        (
            "DEBUG nosuch",
            "-ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP. ",
        ),
        ("DEBUG SLEEP", "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP. "),
        (
            "DEBUG SLEEP 0 0",
            "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP. ",
        ),
        ("DEBUG SLEEP x", "+OK "),
        ("DEBUG SLEEP 0.001x", "+OK "),
        ("DEBUG SLEEP -1", "+OK "),
        ("DEBUG ERROR \"MINE a b\"", "-MINE a b "),
        ("DEBUG LOG hello", "+OK "),
        ("DEBUG REPLYBUFFER RESIZING 0", "+OK "),
        ("DEBUG REPLYBUFFER PEAK-RESET-TIME never", "+OK "),
        (
            "DEBUG REPLYBUFFER other 0",
            "-ERR unknown subcommand or wrong number of arguments for 'REPLYBUFFER'. Try DEBUG HELP. ",
        ),
        ("DEBUG DICT-RESIZING 1", "+OK "),
        ("DEBUG CHANGE-REPL-ID", "+OK "),
        ("DEBUG CONFIG-REWRITE-FORCE-ALL", "-ERR The server is running without a config file "),
        ("DEBUG STRINGMATCH-LEN 5 a*a", ":1 "),
        ("DEBUG STRINGMATCH-TEST", "+the matcher came through "),
        ("DEBUG HTSTATS 16", "-ERR Out of range database "),
        ("DEBUG HTSTATS-KEY nosuch", "-ERR no such key "),
        ("DEBUG OBJECT nosuch", "-ERR no such key "),
    ]);
}

#[test]
fn one_reply_of_each_type() {
    let cases = [
        ("string", "$11 Hello World ", "$11 Hello World "),
        ("integer", ":12345 ", ":12345 "),
        ("double", "$5 3.141 ", ",3.141 "),
        ("bignum", "$37 1234567999999999999999999999999999999 ", "(1234567999999999999999999999999999999 "),
        ("null", "$-1 ", "_ "),
        ("array", "*3 :0 :1 :2 ", "*3 :0 :1 :2 "),
        ("set", "*3 :0 :1 :2 ", "~3 :0 :1 :2 "),
        ("map", "*6 :0 :0 :1 :1 :2 :0 ", "%3 :0 #f :1 #t :2 #f "),
        (
            "attrib",
            "$39 Some real reply following the attribute ",
            "|1 $14 key-popularity *2 $7 key:123 :90 $39 Some real reply following the attribute ",
        ),
        (
            "push",
            "-ERR RESP2 is not supported by this command ",
            ">2 $16 server-cpu-usage :42 $40 Some real reply following the push reply ",
        ),
        ("verbatim", "$25 This is a verbatim\nstring ", "=29 txt:This is a verbatim\nstring "),
        ("true", ":1 ", "#t "),
        ("false", ":0 ", "#f "),
        (
            "nosuch",
            "-ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false ",
            "-ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false ",
        ),
    ];
    let (mut resp2, mut resp3) = (client(), client().resp3());
    for (name, in_resp2, in_resp3) in cases {
        let line = format!("DEBUG PROTOCOL {name}");
        resp2.check(&[(&line, in_resp2)]);
        resp3.check(&[(&line, in_resp3)]);
    }
}

#[test]
fn how_values_are_held() {
    let mut client = client();
    for (value, parts) in [
        ("12", "refcount:1 encoding:int serializedlength:2 lru:"),
        ("-300", "encoding:int serializedlength:3 "),
        ("hello", "encoding:embstr serializedlength:6 "),
        (&"x".repeat(100), "encoding:raw serializedlength:102 "),
    ] {
        client.say(&format!("SET k {value}"));
        let shown = client.say("DEBUG OBJECT k");
        assert!(shown.starts_with("+Value at:0x") && shown.contains(parts), "{shown}");
        assert!(shown.ends_with(" lru_seconds_idle:0 "), "{shown}");
    }
    assert!(client.say("DEBUG SDSLEN k").contains("val_sds_len:100, val_sds_avail:0, "));
    assert!(client.say("DEBUG HTSTATS 0").contains(" number of elements: 1\n"));
    assert!(client.say("DEBUG HTSTATS 1").contains("No stats available for empty dictionaries\n"));
}

/// Values in a compact encoding have no table, whatever their kind; those past their thresholds have one.
#[test]
fn tables_of_values() {
    let no_table = "-ERR The value stored at the specified key is not represented using an hash table ";
    let mut client = client();
    client.check(&[
        ("SET string x", "+OK "),
        ("DEBUG HTSTATS-KEY string", no_table),
        ("RPUSH list a", ":1 "),
        ("DEBUG HTSTATS-KEY list", no_table),
    ]);
    let long = "x".repeat(65);
    let growing = [("SADD", "set", ""), ("HSET", "hash", "value"), ("ZADD", "ranked", "1")];
    for (command, key, value) in growing {
        for (member, has_table) in [("short", false), (&long, true)] {
            let pair = if command == "ZADD" { [value, member] } else { [member, value] };
            client.check(&[(&format!("{command} {key} {}", pair.join(" ")), ":1 ")]);
            let shown = client.say(&format!("DEBUG HTSTATS-KEY {key} FULL"));
            match has_table {
                true => assert!(shown.contains(" number of elements: 2\n"), "{shown}"),
                false => assert_eq!(shown, no_table),
            }
        }
    }
}

#[test]
fn keys_are_made_but_not_told() {
    let mut client = client();
    client.check(&[
        ("SET key:1 mine", "+OK "),
        ("DEBUG POPULATE 3", "+OK "),
        ("MGET key:0 key:1 key:2", "*3 $7 value:0 $4 mine $7 value:2 "),
        ("DEBUG POPULATE 1 p 10", "+OK "),
        ("GET p:0", "$10 value:0\0\0\0 "),
        ("DEBUG POPULATE 1 q 3", "+OK "),
        ("GET q:0", "$3 val "),
        ("DEBUG POPULATE -1", "-ERR value is out of range, must be positive "),
    ]);
    let effects = String::from_utf8(client.stage.record.take_effects()).unwrap();
    assert!(effects.contains("mine") && !effects.contains("value:0"));
    assert_eq!(client.stage.record.touched.len(), 5);
}

/// The expected values are those of redis-server 7.0.15 after the same commands.
#[test]
fn digests_are_those_of_redis() {
    let mut client = client();
    client.check(&[("DEBUG DIGEST", "+0000000000000000000000000000000000000000 ")]);
    client.say("MSET a 1 b hello");
    client.say("SET c x EX 1000");
    client.check(&[
        ("DEBUG DIGEST", "+0461cad7c3fe9057a4c3f05eb3e1be01a5ea454c "),
        ("DEBUG DIGEST-VALUE a b c nosuch", "*4 +b4fc66738120fba0b5aa500ab5c2bf89cea1c5da +36b23a1456b2dce2c3ed252c456761301dba8060 +0745672cb1bf060476eedeb8a28f5ffe1ff5a2be +0000000000000000000000000000000000000000 "),
    ]);
}
