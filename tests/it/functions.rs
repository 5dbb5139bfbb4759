//! FUNCTION and FCALL.
use crate::support::{Server, ours, redis_server};

#[test]
fn libraries() {
    transcript!(
        r##"
        FUNCTION FLUSH
        FUNCTION LOAD "#!lua name=lib\nredis.register_function('one', function(keys, args) return {keys, args} end)"
        FCALL one 1 k a b
        FCALL ONE 0
        FCALL_RO one 0
        FUNCTION LOAD "#!lua name=lib\nredis.register_function('one', function() return 2 end)"
        FUNCTION LOAD REPLACE "#!lua name=lib\nredis.register_function('one', function() return 2 end)"
        FCALL one 0
        FUNCTION LIST
        FUNCTION LIST WITHCODE
        FUNCTION LIST LIBRARYNAME LI*
        FUNCTION LIST LIBRARYNAME x
        FUNCTION LIST LIBRARYNAME
        FUNCTION LIST NOSUCH
        FUNCTION STATS
        FUNCTION DELETE nosuch
        FUNCTION DELETE lib
        FCALL one 0
        FUNCTION LIST
        FUNCTION KILL
        FUNCTION NOSUCH
        FUNCTION LOAD
        FUNCTION LOAD NOSUCH x
        FUNCTION FLUSH SYNC
        FUNCTION FLUSH ASYNC
        FUNCTION FLUSH NOSUCH
        "##
    );
}

#[test]
fn what_functions_may_do() {
    transcript!(
        r##"
        FUNCTION FLUSH
        FUNCTION LOAD "#!lua name=lib\nredis.register_function{function_name='reads', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}\nredis.register_function{function_name='lies', description='it writes', callback=function(keys) return redis.call('SET', keys[1], 1) end, flags={'no-writes'}}\nredis.register_function('writes', function(keys, args) return redis.call('SET', keys[1], args[1]) end)"
        FCALL writes 1 k v
        FCALL_RO writes 1 k w
        FCALL reads 1 k
        FCALL_RO reads 1 k
        FCALL lies 1 k
        FCALL nosuch x
        FCALL writes x
        FCALL writes -1
        FCALL writes 5 k
        FUNCTION LOAD "#!lua name=bad\nredis.register_function('late', function() return nosuch end)\nredis.register_function('fails', function() error('x') end)\nredis.register_function('calls', function() return redis.call('NOSUCH') end)"
        FCALL late 0
        FCALL fails 0
        FCALL calls 0
        FUNCTION LOAD "x"
        FUNCTION LOAD "#!lua name=c"
        FUNCTION LOAD "#!lua\nx x"
        FUNCTION LOAD "#!js name=c\nx x"
        FUNCTION LOAD "#!lua name=c\nx x"
        FUNCTION LOAD "#!lua name=c\nx = 1"
        FUNCTION LOAD "#!lua name=c\nreturn 1"
        FUNCTION LOAD "#!lua name=c\nredis.call('PING')"
        FUNCTION LOAD "#!lua name=c\nredis.register_function('WRITES', function() end)"
        EVAL "return redis.call('FCALL', 'reads', 1, 'k')" 0
        MULTI
        FCALL writes 1 k again
        FCALL reads 1 k
        EXEC
        FUNCTION FLUSH
        "##
    );
}

const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function(keys, arguments) redis.call('SET', 'a', 1) \
                       redis.call('SET', 'b', 2) return arguments[1] end)";

#[test]
fn libraries_survive_a_restart() {
    for options in [
        &["--save", "100 1000", "--appendonly", "no"][..],
        &["--appendonly", "yes"],
        &["--appendonly", "yes", "--aof-use-rdb-preamble", "no"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let options = [options, &["--dir", dir.path().to_str().unwrap()]].concat();
        for rewrites in [false, true] {
            let mut server = Server::start(&ours(), &options);
            let mut client = server.connect();
            if rewrites {
                assert_eq!(client.call(&["FCALL", "f", "0", "x"]).text(), "x");
                if options.contains(&"yes") {
                    client.call(&["BGREWRITEAOF"]);
                    while !client.call(&["INFO", "persistence"]).text().contains("aof_rewrite_in_progress:0")
                    {
                    }
                }
            } else {
                assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]).text(), "lib");
            }
            client.send(&["SHUTDOWN"]);
            server.wait();
        }
        let server = Server::start(&ours(), &options);
        let mut client = server.connect();
        assert_eq!(client.call(&["FCALL", "f", "0", "y"]).text(), "y", "{options:?}");
        assert_eq!(client.call(&["GET", "b"]).text(), "2");
    }
}

#[test]
fn payloads_pass_between_servers() {
    let (ours, theirs) = (Server::start(&ours(), &[]), Server::start(&redis_server(), &[]));
    let (mut ours, mut theirs) = (ours.connect(), theirs.connect());
    ours.call(&["FUNCTION", "LOAD", LIBRARY]);
    let payload = ours.call(&["FUNCTION", "DUMP"]);
    let restore = [&b"FUNCTION"[..], b"RESTORE", payload.bytes()];
    assert_eq!(theirs.call(&restore).text(), "OK");
    assert_eq!(theirs.call(&["FCALL", "f", "0", "x"]).text(), "x");
    assert_eq!(ours.call(&restore).text(), "ERR Library lib already exists");
    let payload = theirs.call(&["FUNCTION", "DUMP"]);
    for policy in ["REPLACE", "FLUSH"] {
        let restore = [&b"FUNCTION"[..], b"RESTORE", payload.bytes(), policy.as_bytes()];
        assert_eq!(ours.call(&restore).text(), "OK");
        assert_eq!(ours.call(&["FCALL", "f", "0", policy]).text(), policy);
    }
    let mut damaged = payload.bytes().to_vec();
    damaged[5] ^= 1;
    let restore = [&b"FUNCTION"[..], b"RESTORE", &damaged];
    assert_eq!(ours.call(&restore).text(), "ERR DUMP payload version or checksum are wrong");
}
