//! DUMP and RESTORE: values on their way from server to server.

use crate::support::{Server, Value, ours, redis_server};

/// Where the oldest version of the format is enough, the bytes are Redis' own.
#[test]
fn values_that_are_dumped() {
    transcript!(
        r#"
        DUMP absent
        SET text text
        DUMP text
        SET number -300
        DUMP number
        SET large 12345678901
        DUMP large
        SADD numbers 1 2 70000
        DUMP numbers
        ZADD board 1 a 2.5 b
        DUMP board
        HSET hash f v g 12
        DUMP hash
        XADD stream 1-1 f v
        DUMP stream
        RPUSH list a 1
        DUMP list
        DUMP
        DUMP a b
        "#
    );
}

#[test]
fn values_that_are_restored() {
    transcript!(
        r#"
        RESTORE text 0 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31"
        GET text
        TTL text
        RESTORE text 0 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31"
        RESTORE text 100000 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31" REPLACE
        TTL text
        RESTORE text 99999999999999 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31" replace ABSTTL
        PEXPIRETIME text
        RESTORE text 1 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31" ABSTTL
        RESTORE text 1 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31" ABSTTL REPLACE
        EXISTS text
        RESTORE list 0 "\x12\x01\x02\x0c\x0c\x00\x00\x00\x02\x00\x81\x61\x02\x01\x01\xff\x0a\x00\x94\x96\x2b\x23\xac\x17\xaa\x85"
        LRANGE list 0 -1
        RESTORE set 0 "\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x70\x11\x01\x00\x0a\x00\x85\xd5\xc1\x06\x5b\x1d\xd0\x55"
        SMEMBERS set
        RESTORE zset 0 "\x11\x14\x14\x00\x00\x00\x04\x00\x81\x61\x02\x01\x01\x81\x62\x02\x83\x32\x2e\x35\x04\xff\x0a\x00\xd4\x4c\x6e\xa4\xf6\x44\xd9\xd7"
        ZRANGE zset 0 -1 WITHSCORES
        RESTORE hash 0 "\x10\x12\x12\x00\x00\x00\x04\x00\x81\x66\x02\x81\x76\x02\x81\x67\x02\x0c\x01\xff\x0a\x00\xde\x13\x39\x93\xf7\x83\x81\x7e"
        HGETALL hash
        RESTORE-ASKING other 0 "\x10\x12\x12\x00\x00\x00\x04\x00\x81\x66\x02\x81\x76\x02\x81\x67\x02\x0c\x01\xff\x0a\x00\xde\x13\x39\x93\xf7\x83\x81\x7e" FREQ 7
        HLEN other
        "#
    );
}

#[test]
fn what_cannot_be_restored() {
    transcript!(
        r#"
        RESTORE k 0
        RESTORE k -1 x
        RESTORE k x x
        RESTORE k 0 x
        RESTORE k 0 ""
        RESTORE k 0 "\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x32"
        RESTORE k 0 x FOO
        RESTORE k 0 x IDLETIME
        RESTORE k 0 x IDLETIME x
        RESTORE k 0 x IDLETIME -1
        RESTORE k 0 x IDLETIME 1 IDLETIME 2
        RESTORE k 0 x IDLETIME 1 FREQ 1
        RESTORE k 0 x FREQ
        RESTORE k 0 x FREQ 256
        RESTORE k 0 x FREQ -1
        RESTORE k 0 x FREQ 1 FREQ 2
        RESTORE k 0 x FREQ 1 IDLETIME 1
        RESTORE k 0 x REPLACE REPLACE ABSTTL ABSTTL
        SET k 1
        RESTORE k -1 x
        RESTORE k -1 x REPLACE
        GET k
        "#
    );
}

/// Values of every encoding, in commands.
pub fn fill(client: &mut crate::support::Client) -> Vec<String> {
    let number = |count: usize| (0..count).map(|at| at.to_string());
    let words = |count: usize| (0..count).map(|at| format!("element-{at}-of-some-length"));
    let mut keys = Vec::new();
    let mut call = |command: &str, key: &str, words: Vec<String>| {
        let mut all = vec![command.to_string(), key.to_string()];
        all.extend(words);
        client.call(&all);
        keys.push(key.to_string());
    };
    call("SET", "string", vec!["abc ".repeat(500)]);
    call("SET", "integer", vec!["-77".into()]);
    call("RPUSH", "list", words(9).collect());
    call("RPUSH", "quicklist", words(3000).collect());
    call("RPUSH", "plain", vec!["x".repeat(70_000), "y".into(), "z".repeat(90_000)]);
    call("SADD", "intset", number(100).collect());
    call("SADD", "set", words(20).collect());
    call("SADD", "table", words(2000).collect());
    call("ZADD", "zset", number(20).zip(words(20)).flat_map(|(score, member)| [score, member]).collect());
    call("ZADD", "ranked", number(900).zip(words(900)).flat_map(|(score, member)| [score, member]).collect());
    call("HSET", "hash", words(20).flat_map(|field| [field, "v".into()]).collect());
    call("HSET", "fields", words(900).flat_map(|field| [field, "v".into()]).collect());
    for id in 1..300 {
        call("XADD", "stream", vec![format!("{id}-1"), "field".into(), id.to_string()]);
    }
    client.call(&["XGROUP", "CREATE", "stream", "group", "0"]);
    client.call(&["XREADGROUP", "GROUP", "group", "ann", "COUNT", "20", "STREAMS", "stream", ">"]);
    client.call(&["XREADGROUP", "GROUP", "group", "bob", "COUNT", "5", "STREAMS", "stream", ">"]);
    keys.dedup();
    keys
}

#[test]
fn each_server_restores_what_the_other_dumped() {
    let options = ["--enable-debug-command", "yes", "--list-compress-depth", "1"];
    let servers = [Server::start(&ours(), &options), Server::start(&redis_server(), &options)];
    let mut clients = servers.each_ref().map(Server::connect);
    let keys = fill(&mut clients[0]);
    fill(&mut clients[1]);
    for key in keys {
        let digest = clients[0].call(&["DEBUG", "DIGEST-VALUE", &key]);
        let dumps = clients.each_mut().map(|client| client.call(&["DUMP", &key]).bytes().to_vec());
        for (client, dump) in clients.iter_mut().zip(dumps.iter().rev()) {
            let restore = [&b"RESTORE"[..], b"copy", b"0", dump, b"REPLACE"];
            assert_eq!(client.call(&restore), Value::ok(), "{key}");
            assert_eq!(client.call(&["DEBUG", "DIGEST-VALUE", "copy"]), digest, "{key}");
            let encoding = client.call(&["OBJECT", "ENCODING", &key]);
            assert_eq!(client.call(&["OBJECT", "ENCODING", "copy"]), encoding, "{key}");
        }
        if key == "stream" {
            let pending = clients[0].call(&["XPENDING", "copy", "group"]);
            assert_eq!(clients[1].call(&["XPENDING", "copy", "group"]), pending);
        }
    }
}
