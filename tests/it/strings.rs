//! Strings: SET and its options, substrings, counters, LCS.

#[test]
fn set_and_get() {
    transcript!(
        r#"
        GET k
        SET k v
        GET k
        SET k ""
        GET k
        STRLEN k
        SET k "binary \x00\xff\r\n safe"
        GET k
        STRLEN k
        SET "" "an empty key"
        GET ""
        SET k
        SET
        GET
        GET k k
        SET k v extra
        "#
    );
}

#[test]
fn set_options() {
    transcript!(
        r#"
        SET k 1 XX
        SET k 1 NX
        SET k 2 NX
        GET k
        SET k 2 XX
        SET k 3 NX XX
        SET k 3 XX nx
        SET k 3 GET
        SET fresh 1 GET
        SET k 4 NX GET
        SET fresh2 4 NX GET
        SET k 5 XX GET
        SET absent 5 XX GET
        EXISTS absent
        SET k 6 get get
        SET k 6 FOO
        SET k 6 IFEQ 5
        "#
    );
}

#[test]
fn set_expiry_options() {
    transcript!(
        r#"
        SET k v EX 100
        TTL k
        SET k w KEEPTTL
        TTL k
        SET k x
        TTL k
        SET k v px 100000
        TTL k
        SET k v EXAT 33177117420
        EXPIRETIME k
        SET k v PXAT 33177117420123
        PEXPIRETIME k
        SET k v EXAT 1
        EXISTS k
        GET k
        SET k v PXAT 1 GET
        SET k v EX 0
        SET k v EX -1
        SET k v PX 0
        SET k v EXAT 0
        SET k v PXAT -5
        SET k v EX 9223372036854775807
        SET k v EX 9223372036854775
        SET k v PX 9223372036854775807
        SET k v EXAT 9223372036854775807
        SET k v PXAT 9223372036854775807
        PEXPIRETIME k
        SET k v EX abc
        SET k v EX 1.5
        SET k v EX
        SET k v EX 10 PX 10000
        SET k v EX 10 KEEPTTL
        SET k v EX 10 EX 10
        SET k v KEEPTTL KEEPTTL
        SET k v EXAT 10 PXAT 10
        SET k v PERSIST
        "#
    );
}

#[test]
fn setex_family() {
    transcript!(
        r#"
        SETEX k 100 v
        TTL k
        PSETEX k 100000 w
        TTL k
        GET k
        SETEX k 0 v
        SETEX k -1 v
        PSETEX k 0 v
        PSETEX k 9223372036854775807 v
        SETEX k 9223372036854775807 v
        SETEX k abc v
        SETEX k 10
        PSETEX k 10 v w
        SETNX k other
        SETNX new v
        GET new
        SETNX new
        SETNX new v w
        GETSET new w
        GETSET none v
        TTL none
        SETEX t 100 v
        GETSET t w
        TTL t
        GETSET t
        "#
    );
}

#[test]
fn getdel_and_getex() {
    transcript!(
        r#"
        SET k v
        GETDEL k
        GETDEL k
        GETDEL
        GETDEL k j
        GETEX k
        SET k v
        GETEX k
        TTL k
        GETEX k EX 100
        TTL k
        GETEX k PERSIST
        TTL k
        GETEX k PX 100000
        TTL k
        GETEX k exat 33177117420
        EXPIRETIME k
        GETEX k PXAT 33177117420123
        PEXPIRETIME k
        GETEX k
        PEXPIRETIME k
        GETEX k EX 0
        GETEX k EX -7
        GETEX k EX 9223372036854775807
        GETEX k EX abc
        GETEX k EX 10 PERSIST
        GETEX k PERSIST PERSIST
        GETEX k KEEPTTL
        GETEX k NX
        GETEX k GET
        GETEX k EX
        GETEX absent EX 10
        GETEX absent EX 0
        GETEX
        GETEX k EXAT 1
        EXISTS k
        "#
    );
}

#[test]
fn several_keys() {
    transcript!(
        r#"
        MSET a 1 b 2 c 3
        MGET a b c d
        MSET a 1 a 2
        GET a
        MSET a
        MSET a 1 b
        MSET
        MGET
        MSETNX a x new y
        EXISTS new
        MSETNX n1 x n2 y n1 z
        MGET n1 n2
        MSETNX n3
        MSETNX n3 x n4
        MGET a a a
        SETEX t 100 v
        MSET t w
        TTL t
        "#
    );
}

#[test]
fn append_and_ranges() {
    transcript!(
        r#"
        APPEND k Hello
        APPEND k ", world"
        GET k
        APPEND k ""
        APPEND new ""
        EXISTS new
        STRLEN absent
        APPEND k
        GETRANGE k 0 4
        GETRANGE k -5 -1
        GETRANGE k 0 -1
        GETRANGE k 5 2
        GETRANGE k 100 200
        GETRANGE k -100 3
        GETRANGE k -1 -5
        GETRANGE k 0 9223372036854775807
        GETRANGE k -9223372036854775808 9223372036854775807
        GETRANGE k -9223372036854775808 -9223372036854775808
        GETRANGE k 9223372036854775807 -9223372036854775808
        GETRANGE k 0 9223372036854775808
        GETRANGE k a 1
        GETRANGE k 0
        GETRANGE absent 0 -1
        SUBSTR k 0 4
        SUBSTR k 0
        SET n 12345
        GETRANGE n 1 3
        GETRANGE n -2 -1
        "#
    );
}

#[test]
fn setrange() {
    transcript!(
        r#"
        SETRANGE k 5 abc
        GET k
        SETRANGE k 0 Hi
        GET k
        SETRANGE k 2 ""
        SETRANGE absent 2 ""
        EXISTS absent
        SETRANGE k -1 x
        SETRANGE k 536870911 ab
        SETRANGE k 536870912 ""
        SETRANGE k 9223372036854775807 x
        SETRANGE k 9223372036854775808 x
        SETRANGE absent 536870912 x
        EXISTS absent
        SETRANGE k a x
        SETRANGE k 1
        SET n 1234
        SETRANGE n 1 99
        INCR n
        OBJECT ENCODING n
        SETEX t 100 abc
        SETRANGE t 1 X
        TTL t
        "#
    );
}

#[test]
fn counters() {
    transcript!(
        r#"
        INCR n
        INCRBY n 41
        DECR n
        DECRBY n 1
        GET n
        INCRBY n -100
        DECRBY n -100
        SET n 9223372036854775807
        INCR n
        INCRBY n 1
        DECR n
        SET n -9223372036854775808
        DECR n
        DECRBY n 1
        INCRBY n -1
        INCR n
        DECRBY n -9223372036854775808
        INCRBY n 9223372036854775808
        INCRBY n a
        INCRBY n 1.5
        INCRBY n ""
        INCRBY n " 1"
        INCRBY n 01
        INCRBY n +1
        INCRBY n -0
        INCRBY n
        INCR
        DECR n n
        SET s abc
        INCR s
        SET s "12 "
        INCR s
        SET s " 12"
        DECR s
        SET s ""
        INCR s
        SET s 007
        INCR s
        SET s 1.0
        INCR s
        SETEX t 100 5
        INCR t
        TTL t
        "#
    );
}

#[test]
fn floats() {
    transcript!(
        r#"
        INCRBYFLOAT f 1.5
        INCRBYFLOAT f -0.25
        GET f
        INCRBYFLOAT f 1e3
        INCRBYFLOAT f 0.1
        INCRBYFLOAT f 3.0e-5
        SET f 3.0
        INCRBYFLOAT f 0
        SET f 10.50
        INCRBYFLOAT f 0.1
        SET f 5e3
        INCRBYFLOAT f 200
        SET f 1
        INCRBYFLOAT f 2.
        INCRBYFLOAT f .5
        INCRBYFLOAT f +1
        INCRBYFLOAT f abc
        INCRBYFLOAT f ""
        INCRBYFLOAT f " 1"
        INCRBYFLOAT f "1 "
        INCRBYFLOAT f nan
        INCRBYFLOAT f inf
        INCRBYFLOAT f -inf
        INCRBYFLOAT f 1e400
        INCRBYFLOAT f 0x10
        SET f abc
        INCRBYFLOAT f 1
        SET f " 1"
        INCRBYFLOAT f 1
        SET f 17179869184
        INCRBYFLOAT f 1.5
        SET f -9007199254740993
        INCRBYFLOAT f 1
        SET f 1e300
        INCRBYFLOAT f 1
        INCRBYFLOAT z -0.0
        INCRBYFLOAT f
        SETEX t 100 5
        INCRBYFLOAT t 0.5
        TTL t
        OBJECT ENCODING t
        "#
    );
}

#[test]
fn lcs() {
    transcript!(
        r#"
        MSET k1 ohmytext k2 mynewtext
        LCS k1 k2
        LCS k1 k2 LEN
        LCS k1 k2 IDX
        LCS k1 k2 IDX MINMATCHLEN 4
        LCS k1 k2 IDX MINMATCHLEN 4 WITHMATCHLEN
        LCS k1 k2 idx minmatchlen 100 withmatchlen
        LCS k1 k2 IDX MINMATCHLEN -1
        LCS k1 k2 LEN IDX
        LCS k1 k2 MINMATCHLEN
        LCS k1 k2 MINMATCHLEN a IDX
        LCS k1 k2 WITHMATCHLEN
        LCS k1 k2 FOO
        LCS k1 absent
        LCS k1 absent LEN
        LCS k1 absent IDX
        LCS absent absent
        LCS k1 k1
        LCS k1
        "#
    );
}

#[test]
fn encodings() {
    transcript!(
        r#"
        SET k 1
        OBJECT ENCODING k
        SET k 10000
        OBJECT ENCODING k
        SET k 9223372036854775807
        OBJECT ENCODING k
        SET k 9223372036854775808
        OBJECT ENCODING k
        SET k -0
        OBJECT ENCODING k
        SET k 01
        OBJECT ENCODING k
        SET k 12345678901234567890123456789012345678901234
        OBJECT ENCODING k
        SET k 123456789012345678901234567890123456789012345
        OBJECT ENCODING k
        SET k abc
        OBJECT ENCODING k
        APPEND k d
        OBJECT ENCODING k
        SET k 1
        APPEND k 2
        OBJECT ENCODING k
        INCR k
        OBJECT ENCODING k
        SET k abc
        SETRANGE k 0 x
        OBJECT ENCODING k
        SET k abc
        SETBIT k 0 1
        OBJECT ENCODING k
        INCRBYFLOAT f 1
        OBJECT ENCODING f
        INCRBYFLOAT f 0.5
        OBJECT ENCODING f
        GETSET k 5
        OBJECT ENCODING k
        "#
    );
}
