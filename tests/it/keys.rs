//! Keys of any type: existence, names, copies, databases, what OBJECT tells.

use crate::support::{Server, Value, ours};

#[test]
fn existence() {
    transcript!(
        r#"
        MSET a 1 b 2 c 3 d 4 e 5
        EXISTS a
        EXISTS a a absent b
        EXISTS
        TOUCH a b absent
        TOUCH a a
        TOUCH
        TYPE a
        TYPE absent
        TYPE
        TYPE a b
        DEL a absent
        DEL b b
        UNLINK c absent c
        DBSIZE
        DEL
        UNLINK
        DBSIZE x
        "#
    );
}

#[test]
fn patterns() {
    transcript!(
        r#"
        KEYS *
        SET hello 1
        KEYS *
        KEYS h?llo
        KEYS h*llo
        KEYS h[ae]llo
        KEYS h[^e]llo
        KEYS h[a-z]llo
        KEYS h[z-a]llo
        KEYS h\\ello
        KEYS ""
        KEYS hell
        KEYS hello*
        KEYS h[e
        KEYS h[
        KEYS H*
        SET "a*b" 1
        KEYS a\\*b
        KEYS "a\\*b"
        KEYS a[*]b
        RENAME hello "x\x00y"
        KEYS x*y
        KEYS "x\x00*"
        SET aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1
        KEYS a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b
        KEYS
        KEYS a b
        "#
    );
}

#[test]
fn random_key() {
    transcript!(
        r#"
        RANDOMKEY
        SET only 1
        RANDOMKEY
        PEXPIRE only 1
        !sleep 20
        RANDOMKEY
        RANDOMKEY x
        "#
    );
}

#[test]
fn rename() {
    transcript!(
        r#"
        SET a 1
        RENAME a b
        EXISTS a
        GET b
        RENAME a b
        RENAME b b
        GET b
        RENAMENX b b
        RENAMENX absent b
        SETEX t 100 v
        RENAME t b
        TTL b
        GET b
        SET c 3
        RENAMENX b c
        RENAMENX b d
        TTL d
        RENAME c d
        TTL d
        RENAME a
        RENAMENX a
        RENAME a b c
        "#
    );
}

#[test]
fn copy_and_move() {
    transcript!(
        r#"
        SET a 1 EX 100
        COPY a b
        TTL b
        COPY a b
        SET b 2
        COPY a b REPLACE
        GET b
        COPY a a
        COPY a a REPLACE
        COPY absent b REPLACE
        COPY a a DB 1
        COPY a a DB 1
        COPY a c DB 1 replace
        COPY a b DB 16
        COPY a b DB -1
        COPY a b DB x
        COPY a b DB
        COPY a b FOO
        COPY a
        SELECT 1
        KEYS a
        GET c
        TTL a
        SELECT 0
        MOVE a 1
        MOVE b 1
        MOVE absent 1
        MOVE b 0
        MOVE b 16
        MOVE b -1
        MOVE b x
        MOVE b
        SELECT 1
        TTL b
        DBSIZE
        "#
    );
}

#[test]
fn databases() {
    transcript!(
        r#"
        SET k zero
        SELECT 1
        SET k one
        SELECT 0
        SWAPDB 0 1
        GET k
        a> GET k
        SELECT 1
        GET k
        SWAPDB 1 1
        SWAPDB 0 16
        SWAPDB -1 0
        SWAPDB a 0
        SWAPDB 0 a
        SWAPDB 0
        SELECT 16
        SELECT -1
        SELECT a
        SELECT 99999999999999999999
        SELECT
        SELECT 15
        FLUSHDB
        SELECT 0
        FLUSHDB ASYNC
        DBSIZE
        SELECT 1
        DBSIZE
        FLUSHDB SYNC
        FLUSHDB FOO
        FLUSHDB SYNC ASYNC
        FLUSHALL async
        FLUSHALL sync
        FLUSHALL FOO
        FLUSHALL SYNC x
        "#
    );
}

#[test]
fn object() {
    transcript!(
        r#"
        SET k 1
        OBJECT ENCODING k
        OBJECT ENCODING absent
        OBJECT REFCOUNT absent
        OBJECT IDLETIME absent
        OBJECT FREQ absent
        SET k abc
        OBJECT REFCOUNT k
        OBJECT IDLETIME k
        OBJECT FREQ k
        CONFIG SET maxmemory-policy allkeys-lfu
        SET f 1
        OBJECT IDLETIME f
        ~ OBJECT FREQ f
        CONFIG SET maxmemory-policy noeviction
        OBJECT ENCODING
        OBJECT FOO k
        OBJECT
        OBJECT HELP ## the words are our own
        OBJECT HELP x
        "#
    );
}

/// Whoever flushes with SYNC finds the memory freed; requests behind it in the pipeline wait with it.
#[test]
fn a_flush_is_answered_when_all_is_freed() {
    for io_threads in ["1", "2"] {
        let options = ["--io-threads", io_threads, "--enable-debug-command", "yes"];
        let server = Server::start(&ours(), &options);
        let (mut one, mut two) = (server.connect(), server.connect());
        for (round, flush) in ["FLUSHALL", "FLUSHDB SYNC", "flushall sync"].iter().enumerate() {
            assert_eq!(one.call(&["DEBUG", "POPULATE", "50000"]), Value::ok());
            one.send_raw(format!("PING\r\n{flush}\r\nECHO behind\r\n").as_bytes()).expect("sent");
            assert_eq!(two.call(&["ECHO", "others do not wait"]), Value::bulk("others do not wait"));
            assert_eq!(one.receive(), Value::Simple("PONG".into()));
            assert_eq!(one.receive(), Value::ok());
            let memory = two.call(&["INFO", "memory"]).text();
            let freed = format!("lazyfreed_objects:{}\r\n", 50_000 * (round + 1));
            assert!(memory.contains("lazyfree_pending_objects:0\r\n") && memory.contains(&freed), "{memory}");
            assert_eq!(one.receive(), Value::bulk("behind"));
        }
    }
}
