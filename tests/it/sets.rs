//! Sets: every command, the encodings about their limits, options that contradict, extremes, and the same key twice.
//! Replies of several members are told only where the order is not each server's own.

#[test]
fn members() {
    transcript!(
        r#"
        SADD s a
        SADD s a b c
        SADD s 1 01 +1 "" " " "a b"
        SCARD s
        SCARD none
        SISMEMBER s a
        SISMEMBER s 1
        SISMEMBER s ""
        SISMEMBER s x
        SISMEMBER none a
        SMISMEMBER s a x 01 001
        SMISMEMBER none a b
        SREM s a x b b
        SREM s x
        SREM none a
        SCARD s
        SREM s c 1 01 +1 "" " " "a b" more
        EXISTS s
        SADD i 3 1 2 -9223372036854775808 9223372036854775807
        SMEMBERS i
        SISMEMBER i 2
        SISMEMBER i 9223372036854775808
        SISMEMBER i 02
        SREM i 1 01 x
        SMEMBERS i
        SMEMBERS none
        TYPE i
        SADD s
        SADD
        SREM s
        SCARD
        SCARD s s
        SISMEMBER s
        SMISMEMBER s
        SMEMBERS
        "#
    );
}

#[test]
fn encodings() {
    transcript!(
        r#"
        SADD s 1 2 3
        OBJECT ENCODING s
        SADD s a
        OBJECT ENCODING s ## 7.2 introduced sets that are one listpack
        SREM s a
        OBJECT ENCODING s ## 7.2 introduced sets that are one listpack
        SADD long 1234567890123456789012345678901234567890123456789012345678901234
        OBJECT ENCODING long ## 7.2 introduced sets that are one listpack
        SADD long 12345678901234567890123456789012345678901234567890123456789012345
        OBJECT ENCODING long
        CONFIG SET set-max-intset-entries 4
        SADD i 1 2 3 4
        OBJECT ENCODING i
        SADD i 5
        OBJECT ENCODING i
        CONFIG SET set-max-intset-entries 512
        SADD i 6
        OBJECT ENCODING i
        SUNIONSTORE copy i
        OBJECT ENCODING copy
        SINTERSTORE copy i
        OBJECT ENCODING copy
        COPY i again
        OBJECT ENCODING again
        "#
    );
}

#[test]
fn from_set_to_set() {
    transcript!(
        r#"
        SADD a 1 2 3
        SADD b 3 4
        SMOVE a b 1
        SMOVE a b 1
        SMOVE a b 3
        SMEMBERS a
        SMEMBERS b
        SMOVE a a 2
        SMOVE a a 9
        SMOVE a new 2
        EXISTS a
        SMEMBERS new
        SMOVE none b 1
        SMOVE none none 1
        SET string v
        SMOVE string b 1
        SMOVE b string 1
        SMOVE none string 1
        SMOVE b string 99
        SMOVE a b
        SMOVE a b 1 2
        "#
    );
}

#[test]
fn random_members() {
    transcript!(
        r#"
        SADD one x
        SRANDMEMBER one
        SRANDMEMBER one 1
        SRANDMEMBER one 5
        SRANDMEMBER one 0
        SRANDMEMBER one -3
        SRANDMEMBER none
        SRANDMEMBER none 2
        SRANDMEMBER none -2
        SRANDMEMBER one a
        SRANDMEMBER one 1 2
        SRANDMEMBER one -9223372036854775808
        SRANDMEMBER one 9223372036854775808
        SRANDMEMBER one 9223372036854775807
        SPOP one 0
        SPOP none
        SPOP none 1
        SPOP none 0
        SPOP one -1
        SPOP one a
        SPOP one 1 2
        SPOP none -1
        SPOP one
        EXISTS one
        SADD i 1 2 3
        SPOP i 3
        EXISTS i
        SADD i 1 2 3
        SPOP i 9223372036854775807
        SADD two x y
        ~ SRANDMEMBER two -0
        SADD numbers 1 2 3 4 5
        ~ SPOP numbers
        ~ SPOP numbers 2
        ~ SRANDMEMBER numbers
        ~ SRANDMEMBER numbers 2
        ~ SRANDMEMBER numbers -4
        SCARD numbers
        SPOP
        SRANDMEMBER
        "#
    );
}

#[test]
fn several_sets() {
    transcript!(
        r#"
        SADD a 1 2 3 4
        SADD b 2 3 4 5
        SADD c 4 5 6
        SINTER a
        SINTER a b
        SINTER a b c
        SINTER a a
        SINTER a none
        SINTER none
        SUNION a b c
        SUNION a
        SUNION none
        SUNION none a none
        SDIFF a
        SDIFF a b
        SDIFF a b c
        SDIFF b c a
        SDIFF a a
        SDIFF a none
        SDIFF none a
        SINTERCARD 2 a b
        SINTERCARD 2 a b LIMIT 2
        SINTERCARD 2 a b limit 0
        SINTERCARD 2 a b LIMIT 9
        SINTERCARD 2 a none
        SINTERCARD 1 a
        SINTERCARD 3 a b c LIMIT 5 LIMIT 1
        SINTERCARD 0 a
        SINTERCARD -1 a
        SINTERCARD x a
        SINTERCARD 3 a b
        SINTERCARD 9223372036854775807 a
        SINTERCARD 1 a b
        SINTERCARD 1 a LIMIT
        SINTERCARD 1 a LIMIT -1
        SINTERCARD 1 a LIMIT x
        SINTERCARD 1 a FOO 1
        SINTERCARD 2 a
        SINTERCARD a
        SINTER
        SUNION
        SDIFF
        "#
    );
}

#[test]
fn results_that_are_kept() {
    transcript!(
        r#"
        SADD a 1 2 3 4
        SADD b 2 3 4 5
        SINTERSTORE d a b
        SMEMBERS d
        OBJECT ENCODING d
        SUNIONSTORE d a b
        SMEMBERS d
        SDIFFSTORE d a b
        SMEMBERS d
        EXPIRE d 100
        SUNIONSTORE d a
        TTL d
        SINTERSTORE a a b
        SMEMBERS a
        SDIFFSTORE b a b
        EXISTS b
        SUNIONSTORE d none none
        EXISTS d
        SINTERSTORE a a none
        EXISTS a
        SDIFFSTORE d none a
        SADD a x
        SET d string
        SUNIONSTORE d a
        TYPE d
        SET d string
        SINTERSTORE d a none
        EXISTS d
        SET d string
        SUNIONSTORE a d
        SMEMBERS a
        SINTERSTORE a none d
        SDIFFSTORE a none d
        SINTERSTORE d
        SUNIONSTORE d
        SDIFFSTORE
        "#
    );
}

#[test]
fn walks() {
    transcript!(
        r#"
        SADD i 1 2 3 10 11
        SSCAN i 0
        SSCAN i 0 MATCH 1*
        SSCAN i 0 MATCH 1* COUNT 1
        SSCAN i 0 MATCH 2
        SSCAN i 0 COUNT 100
        SSCAN i 99
        SADD one a
        SSCAN one 0
        SSCAN none 0
        SSCAN none 0 FOO
        SSCAN none x
        SSCAN i x
        SSCAN i -1 ## since 7.4 a cursor is checked strictly
        SSCAN i 18446744073709551615
        SSCAN i 18446744073709551616
        SSCAN i 0 COUNT 0
        SSCAN i 0 COUNT x
        SSCAN i 0 COUNT
        SSCAN i 0 FOO
        SSCAN i 0 TYPE set
        SSCAN i 0 NOVALUES ## 7.4 says why
        SSCAN i
        "#
    );
}

#[test]
fn another_type_stays_as_it_is() {
    transcript!(
        r#"
        SET k v
        SADD k a
        SREM k a
        SISMEMBER k a
        SMISMEMBER k a
        SCARD k
        SMEMBERS k
        SPOP k
        SPOP k 1
        SPOP k 0
        SRANDMEMBER k
        SRANDMEMBER k 1
        SINTER k
        SINTER none k
        SINTERCARD 1 k
        SINTERCARD 2 none k
        SUNION none k
        SDIFF none k
        SINTERSTORE d k
        SUNIONSTORE d k
        SDIFFSTORE d none k
        SSCAN k 0
        SSCAN k 0 FOO
        GET k
        SADD s a
        GET s
        SET s x NX
        STRLEN s
        RPUSH s a
        "#
    );
}
