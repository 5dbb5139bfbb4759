//! Client-side caching: CLIENT TRACKING and what clients are told.
use crate::support::{Client, Protocol, Server, ours, redis_server};

#[test]
fn what_was_read_is_invalidated_once() {
    transcript!(
        r#"
        CLIENT GETREDIR
        CLIENT TRACKINGINFO
        CLIENT TRACKING ON
        CLIENT GETREDIR
        CLIENT TRACKINGINFO
        a> MSET k 1 l 2
        MGET k l none
        a> SET k 2
        !push
        a> SET k 3
        a> LPUSH none x
        !push
        PING
        GET k
        a> SELECT 5
        # A key of another database counts as well.
        a> SET k 3
        !push
        # An own change is told behind the reply to it.
        GET k
        INCR k
        !push
        GET k
        a> RESET
        a> DEL k
        !push
        GET k
        LLEN k
        SADD k a
        !push
        LLEN k
        a> SADD k b
        !push
        CLIENT TRACKING OFF
        GET l
        a> SET l 5
        PING
        "#
    );
}

#[test]
fn words_and_errors() {
    transcript!(
        r#"
        CLIENT TRACKING
        CLIENT TRACKING MAYBE
        CLIENT TRACKING ON NOSUCH
        CLIENT TRACKING ON REDIRECT
        CLIENT TRACKING ON REDIRECT x
        CLIENT TRACKING ON REDIRECT 0
        CLIENT TRACKING ON REDIRECT 999999999 NOSUCH
        CLIENT TRACKING MAYBE REDIRECT 999999999
        CLIENT TRACKING ON PREFIX
        CLIENT TRACKING ON PREFIX a
        CLIENT TRACKING ON BCAST OPTIN
        CLIENT TRACKING ON BCAST OPTOUT
        CLIENT TRACKING ON OPTIN OPTOUT
        CLIENT TRACKING ON BCAST PREFIX foobar PREFIX foo
        CLIENT TRACKING ON BCAST PREFIX foo PREFIX foobar
        CLIENT CACHING YES
        CLIENT CACHING
        CLIENT TRACKINGINFO x
        CLIENT GETREDIR x
        CLIENT TRACKING OFF PREFIX a
        CLIENT TRACKING on bcast prefix foo PREFIX bar nOlOOp
        CLIENT TRACKING ON
        CLIENT TRACKING ON BCAST PREFIX fo
        CLIENT TRACKING ON BCAST PREFIX foob
        CLIENT TRACKING ON BCAST PREFIX more
        CLIENT TRACKINGINFO
        CLIENT CACHING YES
        CLIENT TRACKING OFF
        CLIENT TRACKING ON BCAST
        CLIENT TRACKINGINFO
        CLIENT TRACKING OFF
        CLIENT TRACKING ON
        CLIENT TRACKING ON BCAST
        CLIENT CACHING YES
        CLIENT CACHING NO
        CLIENT TRACKING ON OPTIN NOLOOP
        CLIENT TRACKING ON OPTOUT
        CLIENT CACHING NO
        CLIENT CACHING MAYBE
        CLIENT CACHING YES
        CLIENT TRACKINGINFO
        PING
        CLIENT TRACKINGINFO
        CLIENT TRACKING OFF
        CLIENT TRACKING ON OPTOUT
        CLIENT CACHING NO
        CLIENT TRACKINGINFO
        CLIENT CACHING YES
        RESET
        CLIENT TRACKINGINFO
        "#
    );
}

#[test]
fn a_client_chooses_what_to_cache() {
    transcript!(
        r#"
        a> PING
        CLIENT TRACKING ON OPTIN
        GET k
        CLIENT CACHING YES
        GET l
        GET m
        a> MSET k 1 l 1 m 1
        !push
        # Whatever comes between is the next command: what the connection answers itself, or refuses, too.
        CLIENT CACHING YES
        PING
        GET k
        CLIENT CACHING YES
        NOSUCH
        GET k
        CLIENT CACHING YES
        GET
        GET k
        CLIENT CACHING YES
        SELECT x
        GET k
        a> SET k 2
        CLIENT CACHING YES
        CLIENT ID x
        CLIENT GETNAME
        GET k
        a> SET k 3
        !push
        # A whole transaction is one command.
        CLIENT CACHING YES
        MULTI
        GET k
        PING
        GET l
        EXEC
        GET m
        a> MSET k 4 l 4 m 4
        !push
        !push
        MULTI
        GET k
        CLIENT CACHING YES
        GET l
        EXEC
        GET m
        a> MSET k 5 l 5 m 5
        !push
        CLIENT TRACKING OFF
        CLIENT TRACKING ON OPTOUT
        CLIENT CACHING NO
        GET k
        GET l
        CLIENT CACHING NO
        PING
        GET m
        a> MSET k 6 l 6 m 6
        !push
        !push
        PING
        "#
    );
}

#[test]
fn all_keys_with_a_prefix() {
    transcript!(
        r#"
        a> PING
        CLIENT TRACKING ON BCAST PREFIX x: PREFIX y:
        a> MSET x:1 1 y:1 1 z:1 1 x:2 2
        !push
        !push
        # Every time, and not only once.
        a> SET x:1 3
        !push
        a> DEL none x:1 x:2
        !push
        # Its own changes, too.
        MULTI
        SET y:1 4
        SET y:2 4
        SET z:2 4
        EXEC
        !push
        CLIENT TRACKING OFF
        CLIENT TRACKING ON BCAST NOLOOP
        SET y:1 5
        a> SET y:2 5
        !push
        a> FLUSHDB
        !push
        PING
        "#
    );
}

#[test]
fn without_its_own_changes() {
    transcript!(
        r#"
        a> PING
        CLIENT TRACKING ON NOLOOP
        MGET k l
        SET k 1
        a> SET k 2
        a> SET l 2
        !push
        PING
        GET k
        MULTI
        SET k 3
        EXEC
        PING
        "#
    );
}

#[test]
fn in_a_transaction_behind_its_reply() {
    transcript!(
        r#"
        CLIENT TRACKING ON
        MSET a 1 b 2
        MULTI
        GET a
        INCR a
        GET b
        INCR a
        EXEC
        !push
        MULTI
        FLUSHDB
        PING
        EXEC
        !push
        PING
        "#
    );
}

#[test]
fn emptied_and_expired() {
    transcript!(
        r#"
        a> SET k 1
        CLIENT TRACKING ON
        GET k
        a> FLUSHALL
        !push
        a> FLUSHDB ASYNC
        !push
        a> SET k 1 PX 20
        GET k
        !push
        PING
        "#
    );
}

#[test]
fn when_replies_wait_for_the_disk() {
    transcript!(
        ["--appendonly", "yes", "--appendfsync", "always"],
        r#"
        a> SET k 1
        CLIENT TRACKING ON
        GET k
        a> SET k 2
        !push
        GET k
        INCR k
        !push
        PING
        "#
    );
}

#[test]
fn who_was_blocked_is_told_behind_the_reply() {
    transcript!(
        r#"
        a> RPUSH list a
        CLIENT TRACKING ON
        LRANGE list 0 -1
        !send BLMOVE source list LEFT LEFT 0
        a> !until blocked_clients:1
        a> RPUSH source x
        !read
        !push
        PING
        "#
    );
}

#[test]
fn more_keys_than_may_be_remembered() {
    transcript!(
        r#"
        a> CONFIG SET tracking-table-max-keys 1000
        CLIENT TRACKING ON
        MGET k k k
        !info tracking_clients tracking_total_keys tracking_total_items tracking_total_prefixes
        # What is forgotten is invalid.
        a> CONFIG SET tracking-table-max-keys 1
        MGET k k k k
        a> SET k 1
        !push
        a> CONFIG SET tracking-table-max-keys 1000000
        CLIENT TRACKING OFF
        CLIENT TRACKING ON BCAST PREFIX a PREFIX b
        !info tracking_clients tracking_total_keys tracking_total_items tracking_total_prefixes
        CLIENT TRACKING OFF
        !info tracking_clients tracking_total_prefixes
        "#
    );
}

/// A client whose invalidations go to another, here and there.
#[test]
fn redirection() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &[]);
        let three = || {
            let mut client = server.connect();
            client.hello(Protocol::Resp3);
            client
        };
        let id = |client: &mut Client| client.call(&["CLIENT", "ID"]).text();
        let invalid = |key: &str| format!("1> \"invalidate\"\n2> 1) \"{key}\"");
        let (mut reader, mut listener, mut writer) = (server.connect(), three(), three());
        let listener_id = id(&mut listener);
        let own = |reader: &mut Client| {
            let told = reader.call(&["CLIENT", "INFO"]).text();
            let field = |name: &str| {
                told.split_whitespace()
                    .find_map(|field| field.strip_prefix(name))
                    .unwrap_or("none")
                    .to_string()
            };
            (field("flags="), field("redir="))
        };
        assert_eq!(own(&mut reader), ("N".into(), "-1".into()));
        assert_eq!(reader.call(&["CLIENT", "TRACKING", "ON", "REDIRECT", &listener_id]).text(), "OK");
        assert_eq!(own(&mut reader), ("t".into(), listener_id.clone()));
        assert_eq!(reader.call(&["CLIENT", "GETREDIR"]).text(), listener_id);
        let again = ["CLIENT", "TRACKING", "ON", "REDIRECT", &listener_id, "REDIRECT", &listener_id];
        assert_eq!(reader.call(&again).text(), "ERR A client can only redirect to a single other client");

        reader.call(&["MGET", "k", "l"]);
        writer.call(&["SET", "k", "1"]);
        assert_eq!(listener.receive().render(Protocol::Resp3), invalid("k"), "{binary:?}");
        // The listener changes what the reader has: told behind its own reply.
        listener.send(&["SET", "l", "1"]);
        let mut said = [listener.receive(), listener.receive()].map(|said| said.render(Protocol::Resp3));
        if binary != ours() {
            // Redis 7.0 tells it the other way round, in the midst of the reply; 7.4 as we do.
            said.sort_by_key(|said| said != "OK");
        }
        assert_eq!(said, ["OK".to_string(), invalid("l")]);

        reader.hello(Protocol::Resp3);
        reader.call(&["GET", "k"]);
        assert_eq!(listener.call(&["QUIT"]).text(), "OK");
        writer.call(&["SET", "k", "2"]);
        let broken = format!("1> \"tracking-redir-broken\"\n2> (integer) {listener_id}");
        assert_eq!(reader.receive().render(Protocol::Resp3), broken, "{binary:?}");
        assert_eq!(own(&mut reader), ("tR".into(), listener_id));
        assert_eq!(reader.call(&["CLIENT", "TRACKING", "OFF"]).text(), "OK");
        assert_eq!(reader.call(&["CLIENT", "TRACKING", "ON", "BCAST"]).text(), "OK");
        assert_eq!(own(&mut reader), ("tB".into(), "0".into()));
    }
}

#[test]
fn what_a_script_reads_is_tracked() {
    transcript!(
        r#"
        SET k 1
        SET other 1
        CLIENT TRACKING ON
        EVAL "return redis.call('GET', KEYS[1])" 1 k
        b> SET other 2
        b> EVAL "return redis.call('SET', KEYS[1], 2)" 1 k
        !push
        PING
        "#
    );
}
