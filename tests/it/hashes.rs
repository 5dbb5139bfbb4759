//! Hashes: fields, counters, whole hashes, forms and their thresholds, deadlines of fields, random fields, HSCAN.

use std::collections::BTreeSet;

use crate::support::{Client, Server, ours};

#[test]
fn fields() {
    transcript!(
        r#"
        HSET h a 1
        HSET h a 2 b 3 c 4
        HSET h a 5 a 6
        HGET h a
        HGET h absent
        HGET absent a
        HMSET h d 7 e 8
        HMGET h a b absent e a
        HMGET absent a b
        HSETNX h a 9
        HSETNX h f 9
        HSETNX new a 1
        HEXISTS h a
        HEXISTS h absent
        HEXISTS absent a
        HSTRLEN h a
        HSTRLEN h absent
        HSTRLEN absent a
        HSET h text "some text" negative -123456
        HSTRLEN h text
        HSTRLEN h negative
        HLEN h
        HLEN absent
        HDEL h a b absent
        HDEL h a
        HDEL absent a
        HGETALL h
        HKEYS h
        HVALS h
        HGETALL absent
        HKEYS absent
        HVALS absent
        HDEL h c c d d e f text negative
        EXISTS h
        TYPE new
        HSET h "" "" "\x00\xff" "\r\n"
        HGETALL h
        HSTRLEN h ""
        HDEL h ""
        HSET h 01 1 1 01 9223372036854775807 -9223372036854775808 9223372036854775808 x
        HMGET h 1 01 9223372036854775807 9223372036854775808
        "#
    );
}

#[test]
fn wrong_requests() {
    transcript!(
        r#"
        HSET
        HSET h
        HSET h a
        HSET h a 1 b
        HMSET h a
        HMSET h a 1 b
        HSETNX h a
        HSETNX h a 1 b
        HGET h
        HGET h a b
        HMGET h
        HDEL h
        HEXISTS h
        HSTRLEN h
        HLEN
        HLEN h a
        HGETALL
        HGETALL h a
        HKEYS
        HVALS
        HINCRBY h a
        HINCRBY h a b
        HINCRBY h a 1.5
        HINCRBY h a 9223372036854775808
        HINCRBYFLOAT h a
        HINCRBYFLOAT h a b
        HINCRBYFLOAT h a nan
        HINCRBYFLOAT h a inf
        HINCRBYFLOAT h a " 1"
        HRANDFIELD
        HRANDFIELD h a
        HRANDFIELD h 1 FOO
        HRANDFIELD h 1 WITHVALUES FOO
        HRANDFIELD h WITHVALUES
        HSCAN h
        HSCAN h a
        HSCAN absent 0 FOO
        EXISTS h
        "#
    );
}

#[test]
fn on_a_string() {
    transcript!(
        r#"
        SET s v
        HSET s a 1
        HMSET s a 1
        HSETNX s a 1
        HGET s a
        HMGET s a
        HDEL s a
        HLEN s
        HEXISTS s a
        HSTRLEN s a
        HGETALL s
        HKEYS s
        HVALS s
        HINCRBY s a 1
        HINCRBYFLOAT s a 1
        HRANDFIELD s
        HRANDFIELD s 1
        HSCAN s 0
        HEXPIRE s 10 FIELDS 1 a ## since 7.4
        HTTL s FIELDS 1 a ## since 7.4
        HPEXPIRETIME s FIELDS 1 a ## since 7.4
        HPERSIST s FIELDS 1 a ## since 7.4
        GET s
        HSET h a 1
        GET h
        APPEND h x
        INCR h
        SET h v
        GET h
        "#
    );
}

#[test]
fn counters() {
    transcript!(
        r#"
        HINCRBY h n 5
        HINCRBY h n -7
        HGET h n
        HINCRBY h n 0
        HSET h max 9223372036854775807 min -9223372036854775808 text abc space " 1" float 1.5
        HINCRBY h max 1
        HINCRBY h max -1
        HINCRBY h min -1
        HINCRBY h min 1
        HINCRBY h text 1
        HINCRBY h space 1
        HINCRBY h float 1
        HINCRBYFLOAT h float 1.5
        HINCRBYFLOAT h float -3
        HINCRBYFLOAT h new 0.1
        HINCRBYFLOAT h new 0.2
        HINCRBYFLOAT h new 5.0e3
        HINCRBYFLOAT h text 1
        HINCRBYFLOAT h space 1
        HSET h big 1.7976931348623157e308
        HINCRBYFLOAT h big 1
        HGET h n
        HGET h float
        HLEN h
        "#
    );
}

#[test]
fn forms() {
    transcript!(
        r#"
        HSET h a 1
        OBJECT ENCODING h
        CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5
        HSET h b 2 c 3
        OBJECT ENCODING h
        HSET h a 9
        OBJECT ENCODING h
        HSET h d 4
        OBJECT ENCODING h
        HDEL h d c b
        OBJECT ENCODING h
        HGETALL h
        HSET v a 12345
        OBJECT ENCODING v
        HSET v a 123456
        OBJECT ENCODING v
        HSET name 12345 1
        OBJECT ENCODING name
        HSET name 123456 1
        OBJECT ENCODING name
        HSET many a 1 a 2 a 3 a 4
        OBJECT ENCODING many ## since 7.4
        HSETNX nx a 123456
        OBJECT ENCODING nx
        HINCRBY count a 99999
        OBJECT ENCODING count
        HINCRBY count a 1
        OBJECT ENCODING count
        HINCRBYFLOAT float a 1.25
        OBJECT ENCODING float
        HINCRBYFLOAT float a 0.125
        OBJECT ENCODING float
        HGET float a
        HINCRBY grow a 1
        HINCRBY grow b 1
        HINCRBY grow c 1
        HINCRBY grow d 1
        OBJECT ENCODING grow
        HLEN grow
        CONFIG SET hash-max-ziplist-entries 0
        HSET zero a 1
        OBJECT ENCODING zero
        CONFIG SET hash-max-listpack-entries 128 hash-max-listpack-value 64
        COPY h copy
        OBJECT ENCODING copy
        HGETALL copy
        "#
    );
}

#[test]
fn random_fields() {
    transcript!(
        r#"
        HRANDFIELD absent
        HRANDFIELD absent 2
        HRANDFIELD absent -2 WITHVALUES
        HSET h a 1
        HRANDFIELD h
        HRANDFIELD h 0
        HRANDFIELD h 1
        HRANDFIELD h 5
        HRANDFIELD h -3
        HRANDFIELD h 1 WITHVALUES
        HRANDFIELD h 5 withvalues
        HRANDFIELD h -2 WITHVALUES
        HRANDFIELD h 9223372036854775807
        HRANDFIELD h 9223372036854775807 WITHVALUES
        HRANDFIELD h -9223372036854775807 WITHVALUES
        HRANDFIELD h 4611686018427387903 WITHVALUES
        HRANDFIELD h 4611686018427387904 WITHVALUES
        HRANDFIELD h -9223372036854775808
        HRANDFIELD h -9223372036854775808 WITHVALUES
        HRANDFIELD h 9223372036854775808
        HRANDFIELD h 1.5
        HSET h b 2 c 3
        HRANDFIELD h 3
        HRANDFIELD h 4 WITHVALUES
        CONFIG SET hash-max-listpack-entries 0
        HSET t a 1
        HRANDFIELD t -2 WITHVALUES
        HRANDFIELD t 5 WITHVALUES
        CONFIG SET hash-max-listpack-entries 128
        "#
    );
}

#[test]
fn scan() {
    transcript!(
        r#"
        HSCAN absent 0
        HSCAN absent 5 COUNT 10
        HSET h a 1 b 2 ab 3 12 4
        HSCAN h 0
        HSCAN h 7
        HSCAN h 0 COUNT 1
        HSCAN h 0 MATCH a*
        HSCAN h 0 MATCH 1?
        HSCAN h 0 MATCH ab COUNT 1
        HSCAN h 0 match x count 5
        HSCAN h 0 NOVALUES ## since 7.4
        HSCAN h 0 MATCH a* novalues COUNT 2 ## since 7.4
        HSCAN h 0 COUNT 9223372036854775807
        HSCAN h 0 COUNT 0
        HSCAN h 0 COUNT -1
        HSCAN h 0 COUNT x
        HSCAN h 0 COUNT
        HSCAN h 0 MATCH
        HSCAN h 0 TYPE hash
        HSCAN h 0 FOO
        HSCAN h x
        HSCAN h 18446744073709551616
        CONFIG SET hash-max-listpack-entries 0
        HSET t a 1
        HSCAN t 0
        HSCAN t 0 NOVALUES ## since 7.4
        HSCAN t 0 COUNT 9223372036854775807
        HSCAN t 0 MATCH b
        CONFIG SET hash-max-listpack-entries 128
        "#
    );
}

#[test]
fn deadlines() {
    transcript!(
        r#"
        HEXPIRE absent 10 FIELDS 2 a b ## since 7.4
        HTTL absent FIELDS 2 a b ## since 7.4
        HPERSIST absent FIELDS 2 a b ## since 7.4
        HSET h a 1 b 2 c 3
        HTTL h FIELDS 2 a x ## since 7.4
        HPTTL h FIELDS 2 a x ## since 7.4
        HEXPIRETIME h FIELDS 2 a x ## since 7.4
        HPEXPIRETIME h FIELDS 2 a x ## since 7.4
        HPERSIST h FIELDS 2 a x ## since 7.4
        OBJECT ENCODING h
        HEXPIRE h 100 FIELDS 3 a b x ## since 7.4
        OBJECT ENCODING h ## since 7.4
        HTTL h FIELDS 4 a b c x ## since 7.4
        ~ HPTTL h FIELDS 1 a ## since 7.4
        HPERSIST h FIELDS 3 a c x ## since 7.4
        HTTL h FIELDS 3 a b c ## since 7.4
        HEXPIREAT h 33177117420 FIELDS 1 a ## since 7.4
        HEXPIRETIME h FIELDS 1 a ## since 7.4
        HPEXPIRETIME h FIELDS 1 a ## since 7.4
        HPEXPIREAT h 33177117420001 fields 1 b ## since 7.4
        HEXPIRETIME h FIELDS 1 b ## since 7.4
        HPEXPIRETIME h FIELDS 1 b ## since 7.4
        HGETALL h
        HSET h a 9
        HTTL h FIELDS 1 a ## since 7.4
        HGETALL h ## since 7.4
        HINCRBY h b 1
        HPEXPIRETIME h FIELDS 1 b ## since 7.4
        HINCRBYFLOAT h b 1.5
        HPEXPIRETIME h FIELDS 1 b ## since 7.4
        HEXPIRE h 10 FIELDS 2 c c ## since 7.4
        HEXPIRE h 20 NX FIELDS 2 a a ## since 7.4
        HRANDFIELD h 5 ## since 7.4
        HSCAN h 0 ## since 7.4
        INFO keyspace ## since 7.4
        HEXPIREAT h 1 FIELDS 2 a x ## since 7.4
        HEXPIRE h 0 FIELDS 1 b ## since 7.4
        HGETALL h ## since 7.4
        HPEXPIREAT h 1 FIELDS 2 c c ## since 7.4
        EXISTS h ## since 7.4
        "#
    );
}

#[test]
fn deadlines_of_a_table() {
    transcript!(
        r#"
        CONFIG SET hash-max-listpack-entries 0
        HSET h a 1 b 2 c 3
        HEXPIRE h 100 FIELDS 3 a b x ## since 7.4
        OBJECT ENCODING h
        HTTL h FIELDS 4 a b c x ## since 7.4
        HPERSIST h FIELDS 3 a c x ## since 7.4
        HTTL h FIELDS 3 a b c ## since 7.4
        HPEXPIREAT h 33177117420001 FIELDS 1 b ## since 7.4
        HINCRBY h b 1
        HPEXPIRETIME h FIELDS 1 b ## since 7.4
        HINCRBYFLOAT h b 1.5
        HPEXPIRETIME h FIELDS 1 b ## since 7.4
        HSET h b 9
        HPEXPIRETIME h FIELDS 1 b ## since 7.4
        HEXPIRE h 20 NX FIELDS 2 a a ## since 7.4
        HEXPIREAT h 1 FIELDS 2 a x ## since 7.4
        HMGET h a b c ## since 7.4
        CONFIG SET hash-max-listpack-entries 128
        HSET p a 1 b 2
        HEXPIREAT p 33177117420 FIELDS 1 b ## since 7.4
        CONFIG SET hash-max-listpack-entries 2
        HSET p c 3
        OBJECT ENCODING p
        HEXPIRETIME p FIELDS 3 a b c ## since 7.4
        COPY p copy
        HEXPIRETIME copy FIELDS 3 a b c ## since 7.4
        CONFIG SET hash-max-listpack-entries 128
        INFO keyspace ## since 7.4
        "#
    );
}

#[test]
fn conditions_of_deadlines() {
    transcript!(
        r#"
        HSET h a 1 b 2
        HEXPIRE h 100 XX FIELDS 1 a ## since 7.4
        HEXPIRE h 100 GT FIELDS 1 a ## since 7.4
        HEXPIRE h 100 LT FIELDS 1 a ## since 7.4
        HTTL h FIELDS 1 a ## since 7.4
        HEXPIRE h 200 NX FIELDS 2 a b ## since 7.4
        HTTL h FIELDS 2 a b ## since 7.4
        HEXPIRE h 150 gt FIELDS 2 a b ## since 7.4
        HTTL h FIELDS 2 a b ## since 7.4
        HEXPIRE h 170 lt FIELDS 3 a b x ## since 7.4
        HTTL h FIELDS 2 a b ## since 7.4
        HEXPIRE h 300 xx FIELDS 2 a b ## since 7.4
        HTTL h FIELDS 2 a b ## since 7.4
        HPEXPIREAT h 1 NX FIELDS 1 a ## since 7.4
        HPEXPIREAT h 1 GT FIELDS 1 a ## since 7.4
        HPEXPIREAT h 1 LT FIELDS 1 a ## since 7.4
        HGETALL h ## since 7.4
        "#
    );
}

#[test]
fn wrong_deadlines() {
    transcript!(
        r#"
        HSET h a 1
        HEXPIRE ## since 7.4
        HEXPIRE h 10 FIELDS 1 ## since 7.4
        HEXPIRE h x FIELDS 1 a ## since 7.4
        HEXPIRE h "" FIELDS 1 a ## since 7.4
        HEXPIRE h 1.5 FIELDS 1 a ## since 7.4
        HEXPIRE h -1 FIELDS 1 a ## since 7.4
        HPEXPIRE h -9223372036854775808 FIELDS 1 a ## since 7.4
        HEXPIREAT h -1 FIELDS 1 a ## since 7.4
        HEXPIRE h 9223372036854775807 FIELDS 1 a ## since 7.4
        HPEXPIRE h 9223372036854775807 FIELDS 1 a ## since 7.4
        HEXPIREAT h 9223372036854775807 FIELDS 1 a ## since 7.4
        HPEXPIREAT h 9223372036854775807 FIELDS 1 a ## since 7.4
        HEXPIREAT h 70368744178 FIELDS 1 a ## since 7.4
        HEXPIREAT h 70368744177 FIELDS 1 a ## since 7.4
        HPEXPIREAT h 70368744177664 FIELDS 1 a ## since 7.4
        HPEXPIREAT h 70368744177663 FIELDS 1 a ## since 7.4
        HPEXPIRE h 70368744177663 FIELDS 1 a ## since 7.4
        HEXPIRE h 10 FOO 1 a ## since 7.4
        HEXPIRE h 10 NX XX FIELDS 1 a ## since 7.4
        HEXPIRE h 10 FOO FIELDS 1 a ## since 7.4
        HEXPIRE h 10 FIELDS 1 a NX ## since 7.4
        HEXPIRE h 10 FIELDS 0 a ## since 7.4
        HEXPIRE h 10 FIELDS -1 a ## since 7.4
        HEXPIRE h 10 FIELDS x a ## since 7.4
        HEXPIRE h 10 FIELDS 9223372036854775807 a ## since 7.4
        HEXPIRE h 10 FIELDS 9223372036854775808 a ## since 7.4
        HEXPIRE h 10 FIELDS 2 a ## since 7.4
        HEXPIRE h 10 FIELDS 1 a b ## since 7.4
        HEXPIRE h 10 NX FIELDS 1 ## since 7.4
        HTTL h FIELDS 1 ## since 7.4
        HTTL h a 1 a ## since 7.4
        HTTL h FIELDS 0 a ## since 7.4
        HTTL h FIELDS x a ## since 7.4
        HTTL h FIELDS 2 a ## since 7.4
        HTTL h FIELDS 1 a b ## since 7.4
        HPTTL h FIELDS 0 a ## since 7.4
        HEXPIRETIME h FIELDS 0 a ## since 7.4
        HPEXPIRETIME h FOO 1 a ## since 7.4
        HPERSIST h FIELDS 1 ## since 7.4
        HPERSIST h FOO 1 a ## since 7.4
        HPERSIST h FIELDS 0 a ## since 7.4
        HPERSIST h FIELDS 2 a ## since 7.4
        HPERSIST absent FIELDS 2 a ## since 7.4
        ~ HTTL h FIELDS 1 a ## since 7.4
        "#
    );
}

#[test]
fn gone_on_time() {
    transcript!(
        r#"
        HSET h a 1 b 2 c 3
        HPEXPIRE h 15 FIELDS 2 a b ## since 7.4
        HSET all a 1 b 2
        HPEXPIRE all 15 FIELDS 1 a ## since 7.4
        HPEXPIRE all 30 FIELDS 1 b ## since 7.4
        HSET kept a 1
        HPEXPIRE kept 15 FIELDS 1 a ## since 7.4
        HPERSIST kept FIELDS 1 a ## since 7.4
        HSET longer a 1
        HPEXPIRE longer 15 FIELDS 1 a ## since 7.4
        HEXPIRE longer 100 FIELDS 1 a ## since 7.4
        HSET shorter a 1
        HEXPIRE shorter 100 FIELDS 1 a ## since 7.4
        HPEXPIRE shorter 15 FIELDS 1 a ## since 7.4
        HSET moved a 1 b 2
        HPEXPIRE moved 15 FIELDS 1 a ## since 7.4
        RENAME moved "new name"
        !sleep 250
        HLEN h ## since 7.4
        HGETALL h ## since 7.4
        EXISTS all kept longer shorter ## since 7.4
        HLEN "new name" ## since 7.4
        INFO keyspace ## since 7.4
        "#
    );
}

#[test]
fn due_fields_are_hidden_until_they_are_deleted() {
    transcript!(
        r#"
        DEBUG SET-ACTIVE-EXPIRE 0
        HSET h a 1 b 2 c 3 d 4 e 5 f 6
        HPEXPIRE h 1 FIELDS 5 a b c d e ## since 7.4
        !sleep 10
        HLEN h
        HGETALL h ## since 7.4
        HKEYS h ## since 7.4
        HVALS h ## since 7.4
        HSCAN h 0 ## since 7.4
        HTTL h FIELDS 2 a f ## since 7.4
        HPERSIST h FIELDS 2 a f ## since 7.4
        HGET h a ## since 7.4
        HLEN h ## since 7.4
        HEXISTS h b ## since 7.4
        HLEN h ## since 7.4
        HINCRBY h c 7 ## since 7.4
        HTTL h FIELDS 1 c ## since 7.4
        HDEL h d
        HSET h e 8
        HLEN h ## since 7.4
        HGETALL h ## since 7.4
        HPEXPIRE h 1 FIELDS 3 c e f ## since 7.4
        !sleep 10
        EXISTS h
        HGETALL h ## since 7.4
        HRANDFIELD h 5 ## since 7.4
        EXISTS h ## since 7.4
        DEBUG SET-ACTIVE-EXPIRE 1
        "#
    );
}

fn scan_all(
    client: &mut Client,
    options: &[&str],
    mut between: impl FnMut(&mut Client, usize),
) -> Vec<String> {
    let mut cursor = "0".to_string();
    let mut seen = Vec::new();
    for step in 0.. {
        let reply = client.call(&[&["HSCAN", "h", cursor.as_str(), "NOVALUES"], options].concat()).items();
        seen.extend(reply[1].items().iter().map(|name| name.text()));
        cursor = reply[0].text();
        if cursor == "0" {
            break;
        }
        between(client, step);
    }
    seen
}

/// The promise: a field that is there from the first call to the last is told, whatever else happens.
#[test]
fn fields_that_stay_are_seen_while_others_come_and_go() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let put = |client: &mut Client, name: &str| assert!(!client.call(&["HSET", "h", name, "v"]).is_error());
    (0..500).for_each(|n| put(&mut client, &format!("stays:{n}")));
    (0..500).for_each(|n| put(&mut client, &format!("goes:{n}")));
    let all = scan_all(&mut client, &["COUNT", "7"], |_, _| {});
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (1000, 1000));
    let seen = scan_all(&mut client, &["COUNT", "10"], |client, step| {
        for n in 0..30 {
            client.call(&["HDEL", "h", &format!("goes:{}", step * 30 + n)]);
            if step < 30 {
                put(client, &format!("comes:{step}:{n}"));
            } else {
                client.call(&["HDEL", "h", &format!("comes:{}:{n}", step - 30)]);
            }
        }
    });
    let stayed: BTreeSet<_> = seen.iter().filter(|name| name.starts_with("stays:")).collect();
    assert_eq!(stayed.len(), 500);
}
