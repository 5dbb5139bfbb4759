//! Bitmaps: bits, counts, positions, operations, bit fields.

#[test]
fn bits() {
    transcript!(
        r#"
        SETBIT k 7 1
        SETBIT k 7 0
        SETBIT k 7 1
        GETBIT k 7
        GETBIT k 0
        GETBIT k 100
        GETBIT absent 0
        GET k
        SETBIT k 20 0
        GET k
        SETBIT k 0 2
        SETBIT k 0 -1
        SETBIT k 0 a
        SETBIT k -1 1
        SETBIT k 4294967296 1
        SETBIT k 9223372036854775808 1
        SETBIT k a 1
        SETBIT absent 4294967296 1
        EXISTS absent
        GETBIT k -1
        GETBIT k 4294967295
        GETBIT k 4294967296
        GETBIT k a
        SETBIT k 0
        GETBIT k
        SET n 9
        GETBIT n 2
        SETBIT n 7 0
        GET n
        SETBIT new 0 0
        STRLEN new
        "#
    );
}

#[test]
fn bitcount() {
    transcript!(
        r#"
        SET k foobar
        BITCOUNT k
        BITCOUNT k 0 0
        BITCOUNT k 1 1
        BITCOUNT k 0 -1
        BITCOUNT k -2 -1
        BITCOUNT k 5 1
        BITCOUNT k -1 -5
        BITCOUNT k 100 200
        BITCOUNT k -100 100
        BITCOUNT k 5 30 BIT
        BITCOUNT k 1 1 BYTE
        BITCOUNT k 0 -1 bit
        BITCOUNT k -8 -1 BIT
        BITCOUNT k -9223372036854775808 9223372036854775807
        BITCOUNT k -9223372036854775808 9223372036854775807 BIT
        BITCOUNT k 0
        BITCOUNT k 0 a
        BITCOUNT k a 0
        BITCOUNT k 0 1 FOO
        BITCOUNT k 0 1 BIT x
        BITCOUNT absent
        BITCOUNT absent 0 -1 BIT
        BITCOUNT absent 0 ## since 7.2 the arguments are checked before the key
        BITCOUNT absent 0 1 hello ## since 7.2 the arguments are checked before the key
        BITCOUNT absent a b ## since 7.2 the arguments are checked before the key
        BITCOUNT
        SET n 255
        BITCOUNT n
        "#
    );
}

#[test]
fn bitpos() {
    transcript!(
        r#"
        SET k "\xff\xf0\x00"
        BITPOS k 0
        BITPOS k 1
        BITPOS k 1 2
        BITPOS k 0 1
        BITPOS k 0 2 2
        BITPOS k 1 -1
        BITPOS k 0 0 0
        BITPOS k 1 0 -1
        BITPOS k 1 5 3
        BITPOS k 0 5
        BITPOS k 0 7 15 BIT
        BITPOS k 1 7 15 BIT
        BITPOS k 1 12 -1 BIT
        BITPOS k 0 0 0 byte
        BITPOS k 0 0 7 BIT
        BITPOS k 1 -9223372036854775808 9223372036854775807
        SET ones "\xff\xff\xff"
        BITPOS ones 0
        BITPOS ones 0 0
        BITPOS ones 0 0 -1
        BITPOS ones 0 0 -1 BIT
        SET zeros "\x00\x00"
        BITPOS zeros 1
        BITPOS zeros 1 0 -1
        BITPOS absent 0
        BITPOS absent 1
        BITPOS absent 0 0 -1
        BITPOS absent 1 5 9 BIT
        BITPOS k 2
        BITPOS k a
        BITPOS k 1 a
        BITPOS k 1 0 a
        BITPOS k 1 0 1 FOO
        BITPOS k 1 BIT
        BITPOS k 1 0 BIT
        BITPOS k 1 0 1 BIT x
        BITPOS k
        SET empty ""
        BITPOS empty 0
        BITPOS empty 1
        "#
    );
}

#[test]
fn bitop() {
    transcript!(
        r#"
        SET a "\xff\x0f\xaa"
        SET b "\x0f\xff"
        BITOP AND d a b
        GET d
        BITOP OR d a b
        GET d
        BITOP xor d a b
        GET d
        BITOP NOT d a
        GET d
        BITOP AND d a absent
        GET d
        BITOP OR d a absent
        GET d
        BITOP XOR d a
        GET d
        BITOP AND a a a
        GET a
        BITOP NOT a a
        GET a
        BITOP OR d absent absent
        EXISTS d
        BITOP NOT d absent
        BITOP NOT d a b
        BITOP FOO d a
        BITOP AND d
        BITOP NOT d
        BITOP
        SETEX d 100 v
        BITOP AND d b b
        TTL d
        SET n 12
        BITOP OR d n b
        GET d
        "#
    );
}

#[test]
fn bitfield() {
    transcript!(
        r#"
        BITFIELD k
        BITFIELD k SET u8 0 255 GET u8 0 GET i8 0
        BITFIELD k INCRBY u8 0 1
        BITFIELD k SET u8 0 255
        BITFIELD k OVERFLOW SAT INCRBY u8 0 10 OVERFLOW FAIL INCRBY u8 0 10 OVERFLOW WRAP INCRBY u8 0 10
        BITFIELD k SET i8 #2 -5 GET i8 #2 GET u8 16
        BITFIELD k SET i64 0 -9223372036854775808 INCRBY i64 0 -1
        BITFIELD k OVERFLOW SAT INCRBY i64 0 1 INCRBY i64 0 9223372036854775807
        BITFIELD k SET i64 0 9223372036854775807 OVERFLOW SAT INCRBY i64 0 1
        BITFIELD k SET u63 0 9223372036854775807 INCRBY u63 0 1
        BITFIELD k OVERFLOW FAIL SET u4 0 16
        BITFIELD k OVERFLOW SAT SET u4 0 16 SET i4 4 -100 SET i4 8 100
        BITFIELD k SET u4 0 -1
        BITFIELD k GET u1 3 GET u1 1000 GET i5 100
        BITFIELD absent GET u8 0
        EXISTS absent
        BITFIELD k GET u64 0
        BITFIELD k GET i65 0
        BITFIELD k GET u0 0
        BITFIELD k GET x8 0
        BITFIELD k GET u 0
        BITFIELD k GET u8 -1
        BITFIELD k GET u8 a
        BITFIELD k GET u8 #-1
        BITFIELD k GET u8 4294967296
        BITFIELD k GET u8 #536870912
        BITFIELD k SET u8 4294967288 1
        BITFIELD k SET u8 0 a
        BITFIELD k INCRBY u8 0 9223372036854775808
        BITFIELD k OVERFLOW FOO
        BITFIELD k OVERFLOW SAT
        BITFIELD k GET u8
        BITFIELD k FOO u8 0
        BITFIELD
        BITFIELD_RO k GET u8 0 GET u8 8
        BITFIELD_RO k SET u8 0 1
        BITFIELD_RO k INCRBY u8 0 1
        BITFIELD_RO k OVERFLOW SAT GET u8 0
        BITFIELD_RO absent GET u8 0
        BITFIELD_RO k
        BITFIELD_RO k GET u8
        "#
    );
}
