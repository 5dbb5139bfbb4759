//! EVAL, EVALSHA and SCRIPT.
use crate::support::{Client, Protocol, Server, ours};
use std::time::Duration;

#[test]
fn values_and_replies() {
    transcript!(
        r##"
        EVAL "return 3.99" 0
        EVAL "return 'text'" 0
        EVAL "return {1,{2,{3,'a'}},false,true,nil,9}" 0
        EVAL "return {ok='fine'}" 0
        EVAL "return {err='CODE my own'}" 0
        EVAL "return nil" 0
        EVAL "return false" 0
        EVAL "return true" 0
        EVAL "redis.setresp(3) return {true, false}" 0
        EVAL "return {double=3.5}" 0
        EVAL "return {map={a=1}}" 0
        EVAL "return {set={a=true}}" 0
        EVAL "return {big_number='123'}" 0
        EVAL "return {verbatim_string={format='txt',string='abc'}}" 0
        EVAL "return {KEYS[1], KEYS[2], ARGV[1], #KEYS, #ARGV}" 2 k l a
        EVAL "return redis.call('SET', KEYS[1], ARGV[1])" 1 k v
        EVAL "return redis.call('GET', KEYS[1])" 1 k
        EVAL "return redis.call('GET', KEYS[1]) == false" 1 nosuch
        EVAL "redis.setresp(3) return redis.call('GET', KEYS[1]) == nil" 1 nosuch
        HSET h f v g w
        EVAL "return #redis.call('HGETALL', 'h')" 0
        EVAL "redis.setresp(3) return redis.call('HGETALL', 'h').map.f" 0
        EVAL "redis.setresp(3) return redis.call('HGETALL', 'h')" 0
        ZADD z 1.5 m
        EVAL "redis.setresp(3) return redis.call('ZSCORE', 'z', 'm')" 0
        EVAL "return redis.call('ZSCORE', 'z', 'm')" 0
        EVAL "redis.call('SET', 'n', 1e20) redis.call('SET', 'i', 3.0) return redis.call('MGET', 'n', 'i')" 0
        "##
    );
}

#[test]
fn errors() {
    transcript!(
        r##"
        SET k text
        EVAL "x x" 0
        EVAL "return nosuch" 0
        EVAL "x = 1" 0
        EVAL "error('mine')" 0
        EVAL "error({err='MY own'})" 0
        EVAL "return redis.call()" 0
        EVAL "return redis.call('get', {})" 0
        EVAL "return redis.call('NOSUCH')" 0
        EVAL "return redis.call('GET')" 0
        EVAL "return redis.call('CONFIG', 'NOSUCH')" 0
        EVAL "return redis.call('INCR', 'k')" 0
        EVAL "return redis.pcall('INCR', 'k')" 0
        EVAL "return redis.pcall('INCR', 'k').err" 0
        EVAL "return {pcall(redis.call, 'INCR', 'k')}" 0
        EVAL "\n\nlocal t = nil\nreturn t.x" 0
        EVAL "return redis.call('MULTI')" 0
        EVAL "return redis.call('EVAL', 'return 1', 0)" 0
        EVAL "return redis.call('CONFIG', 'GET', 'maxmemory')" 0
        EVAL "return redis.call('CLIENT', 'ID')" 0
        EVAL "return redis.call('PING', 'a', 'b')" 0
        EVAL "return 1" a
        EVAL "return 1" 1
        EVAL "return 1" -1
        EVAL "return 1"
        EVALSHA nosum 0
        EVALSHA nosum x
        EVALSHA 0000000000000000000000000000000000000000 0
        EVALSHA 0000000000000000000000000000000000000000 x
        EVAL_RO "return redis.call('SET', 'k', 'v')" 0
        EVAL_RO "return redis.call('GET', 'k')" 0
        EVAL "#!lua\nreturn 1" 0
        EVAL "#!lua flags=no-writes\nreturn redis.call('SET', 'k', 'v')" 0
        EVAL "#!lua flags=nosuch\nreturn 1" 0
        EVAL "#!lua name=x\nreturn 1" 0
        EVAL "#!js\nreturn 1" 0
        EVAL "#!lua" 0
        EVAL_RO "#!lua\nreturn 1" 0
        "##
    );
}

#[test]
fn scripts_that_are_kept() {
    transcript!(
        r##"
        SCRIPT FLUSH
        SCRIPT LOAD "return 1"
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0
        EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0000000000000000000000000000000000000000 x
        SCRIPT EXISTS E0E1F9FABFC9D4800C877A703B823AC0578FF8DB e0e1F9FABFC9D4800C877A703B823AC0578FF8DB x0E1F9FABFC9D4800C877A703B823AC0578FF8DB
        SCRIPT LOAD "x x"
        SCRIPT FLUSH SYNC
        SCRIPT FLUSH ASYNC
        SCRIPT FLUSH NOSUCH
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        SCRIPT EXISTS
        SCRIPT KILL
        SCRIPT DEBUG NO
        SCRIPT DEBUG NOSUCH
        SCRIPT NOSUCH
        SCRIPT
        EVAL "return 5" 0
        !info number_of_cached_scripts
        "##
    );
}

#[test]
fn commands_inside() {
    transcript!(
        r##"
        SELECT 2
        EVAL "redis.call('SELECT', 3) redis.call('SET', 'k', 'in three') return redis.call('GET', 'k')" 0
        GET k
        SELECT 3
        GET k
        EVAL "return redis.call('PING')" 0
        EVAL "return redis.call('ECHO', 'x')" 0
        EVAL "return redis.call('BLPOP', 'nosuch', 0)" 0 ## since 7.2 what would block may be called, and does not
        EVAL "return redis.call('BLMOVE', 'nosuch', 'x', 'LEFT', 'LEFT', 0)" 0 ## the same
        EVAL "return redis.call('XREAD', 'BLOCK', '0', 'STREAMS', 'nosuch', '$')" 0 ## the same
        EVAL "redis.call('SET', 'k', 'v') error('half')" 0
        GET k
        EVAL "redis.call('SET', 'gone', 'v', 'PX', 1) return redis.call('GET', 'gone')" 0
        MULTI
        EVAL "return redis.call('INCR', 'n')" 0
        INCR n
        EVALSHA 0000000000000000000000000000000000000000 0
        EXEC
        EVAL "return redis.acl_check_cmd('GET', 'k')" 0
        EVAL "return redis.acl_check_cmd('NOSUCH')" 0
        "##
    );
}

#[test]
fn a_script_serves_those_who_wait() {
    transcript!(
        r##"
        b> !send BLPOP queue 0
        !until blocked_clients:1
        EVAL "redis.call('RPUSH', 'queue', 'a', 'b') return redis.call('LLEN', 'queue')" 0
        b> !read
        LRANGE queue 0 -1
        w> WATCH k
        w> MULTI
        w> PING
        EVAL "redis.call('SET', 'k', 1)" 0
        w> EXEC
        "##
    );
}

fn busy(client: &mut Client, command: &[&str]) -> String {
    client.call(command).text()
}

/// Waits until the server says BUSY.
fn until_busy(client: &mut Client) {
    for _ in 0..500 {
        if busy(client, &["PING"]).starts_with("BUSY") {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the server is not busy");
}

#[test]
fn a_script_that_takes_long_is_killed() {
    for threads in ["1", "2"] {
        let options = ["--busy-reply-threshold", "20", "--io-threads", threads];
        let mut server = Server::start(&ours(), &options);
        let [mut slow, mut other, mut third] = [(); 3].map(|()| server.connect());
        slow.hello(Protocol::Resp2);
        for body in ["while true do end", "while true do pcall(function() while true do end end) end"] {
            slow.send(&["EVAL", body, "0"]);
            slow.send(&["ECHO", "behind"]);
            until_busy(&mut other);
            let refusal =
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
            assert_eq!(busy(&mut other, &["GET", "k"]), refusal);
            assert_eq!(busy(&mut third, &["GET", "k"]), refusal);
            assert_eq!(busy(&mut other, &["FUNCTION", "KILL"]), refusal);
            assert_eq!(busy(&mut other, &["SCRIPT", "KILL"]), "OK");
            let killed = slow.receive().text();
            assert!(killed.contains("Script killed by user with SCRIPT KILL"), "{killed}");
            assert_eq!(slow.receive().text(), "behind");
            assert_eq!(busy(&mut other, &["PING"]), "PONG");
        }
        slow.send(&["EVAL", "redis.call('SET', 'k', 'v') while true do end", "0"]);
        until_busy(&mut other);
        assert!(busy(&mut other, &["SCRIPT", "KILL"]).starts_with("UNKILLABLE Sorry the script already"));
        assert!(busy(&mut other, &["SHUTDOWN"]).starts_with("BUSY"));
        other.send(&["SHUTDOWN", "NOSAVE"]);
        // Nobody has sent SCRIPT KILL this time.
        assert!(slow.is_closed());
        server.wait();
        assert_eq!(server.output().matches("killed by user").count(), 2, "{}", server.output());
        assert!(
            server.output().contains("Lua script ended in the midst of its work: the server shuts down.")
        );
    }
}

/// Waits until the server's log has this.
fn until_logged(server: &Server, text: &str) {
    for _ in 0..1000 {
        if server.output().contains(text) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody logged {text}: {}", server.output());
}

/// There nothing can give way; but who comes is served by another thread.
#[test]
fn a_script_in_a_transaction_is_ended() {
    for threads in ["1", "2"] {
        let options = ["--busy-reply-threshold", "20", "--io-threads", threads];
        let mut server = Server::start(&ours(), &options);
        let mut slow = server.connect();
        let begin = |slow: &mut Client| {
            slow.call(&["MULTI"]);
            slow.call(&["SET", "k", "v"]);
            slow.call(&["EVAL", "while true do end", "0"]);
            slow.send(&["EXEC"]);
        };
        // What was published before is nothing that the operator has to wait for.
        let mut listener = server.connect();
        listener.call(&["SUBSCRIBE", "c"]);
        slow.call(&["PUBLISH", "c", "before"]);
        assert_eq!(listener.receive().items()[2].text(), "before");
        drop(listener);
        begin(&mut slow);
        until_logged(&server, "Slow script detected");
        let mut operator = server.connect();
        assert!(busy(&mut operator, &["GET", "k"]).starts_with("BUSY "));
        assert_eq!(busy(&mut operator, &["SCRIPT", "KILL"]), "OK");
        let replies = slow.receive().items();
        assert!(replies[0].text() == "OK" && replies[1].is_error(), "{replies:?}");
        // Whoever was placed elsewhere is served as all others.
        assert_eq!(operator.call(&["GET", "k"]).text(), "v");
        operator.call(&["SUBSCRIBE", "d"]);
        assert_eq!(slow.call(&["PUBLISH", "d", "m"]).integer(), 1);
        assert_eq!(operator.receive().items()[2].text(), "m");
        begin(&mut slow);
        for _ in 0..1000 {
            if server.output().matches("Slow script detected").count() == 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        server.connect().send(&["SHUTDOWN", "NOSAVE"]);
        assert!(server.wait().success());
        assert!(!server.dir().join("dump.rdb").exists());
    }
}

/// Who insists is heeded, whatever a script does.
#[test]
fn a_second_interrupt_ends_the_server() {
    let mut server = Server::start(&ours(), &[]);
    let mut slow = server.connect();
    slow.call(&["MULTI"]);
    slow.call(&["EVAL", "while true do end", "0"]);
    slow.send(&["EXEC"]);
    server.signal(libc::SIGINT);
    until_logged(&server, "Received SIGINT scheduling");
    assert_eq!(server.exit_status(), None);
    server.signal(libc::SIGINT);
    assert_eq!(server.wait().code(), Some(1));
}

/// Who has a transaction open is told at once that it cannot run, and may end the script then.
#[test]
fn transactions_end_while_a_script_is_slow() {
    for threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--busy-reply-threshold", "20", "--io-threads", threads]);
        let (mut slow, mut client, mut other) = (server.connect(), server.connect(), server.connect());
        for open in [&mut client, &mut other] {
            open.call(&["WATCH", "k"]);
            open.call(&["MULTI"]);
            open.call(&["SET", "k", "1"]);
        }
        slow.send(&["EVAL", "while true do end", "0"]);
        until_busy(&mut server.connect());
        let text = busy(&mut client, &["EXEC"]);
        assert!(text.starts_with("EXECABORT Transaction discarded because of: BUSY "), "{text}");
        assert_eq!(busy(&mut other, &["DISCARD"]), "OK");
        // What changes behind that is noticed all the same.
        assert_eq!(busy(&mut client, &["UNWATCH"]), "OK");
        assert_eq!(busy(&mut client, &["WATCH", "w"]), "OK");
        assert_eq!(busy(&mut client, &["SCRIPT", "KILL"]), "OK");
        assert!(slow.receive().is_error());
        assert!(client.call(&["GET", "k"]).is_null());
        other.call(&["SET", "w", "1"]);
        client.call(&["MULTI"]);
        assert!(client.call(&["EXEC"]).is_null());
        // Neither watches any more.
        client.call(&["SET", "k", "2"]);
        for open in [&mut client, &mut other] {
            open.call(&["MULTI"]);
            open.call(&["PING"]);
            assert_eq!(open.call(&["EXEC"]).items().len(), 1);
        }
    }
}
