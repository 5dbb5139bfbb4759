//! Every command of strings, bitmaps and HyperLogLog refuses a key of another type and leaves it alone.

#[test]
fn on_a_list() {
    transcript!(
        r#"
        RPUSH l a
        GET l
        GETSET l v
        GETDEL l
        GETEX l
        SET l v GET
        SET l v NX
        SETNX l v
        APPEND l v
        STRLEN l
        GETRANGE l 0 1
        SUBSTR l 0 1
        SETRANGE l 0 v
        SETRANGE l 0 ""
        INCR l
        DECRBY l 1
        INCRBYFLOAT l 1
        MGET l
        LCS l l
        SETBIT l 0 1
        GETBIT l 0
        BITCOUNT l
        BITPOS l 1
        BITOP AND d l
        BITFIELD l GET u8 0
        BITFIELD_RO l GET u8 0
        PFADD l a
        PFCOUNT l
        PFMERGE l
        PFMERGE d l
        PFDEBUG ENCODING l
        TYPE l
        SCAN 0 TYPE list
        SET l v
        TYPE l
        "#
    );
}
