//! HyperLogLog: estimates, the sparse and the dense form byte by byte, bad values.

#[test]
fn estimates() {
    transcript!(
        r#"
        PFADD h a b c d e f g
        PFADD h a b c
        PFADD h z
        PFCOUNT h
        PFADD h2 1 2 3
        PFCOUNT h h2
        PFMERGE all h h2
        PFCOUNT all
        PFMERGE h2 h
        PFCOUNT h2
        PFADD empty
        PFADD empty
        PFCOUNT empty
        PFCOUNT absent
        PFCOUNT absent h
        PFMERGE dest
        TYPE dest
        PFMERGE dest absent
        PFADD h ""
        PFADD
        PFCOUNT
        PFMERGE
        SETEX t 100 ""
        PFADD t a
        EXPIRE h 100
        PFADD h new
        TTL h
        "#
    );
}

#[test]
fn the_sparse_bytes() {
    transcript!(
        r#"
        PFADD h
        GET h
        PFADD h a
        GET h
        PFCOUNT h
        GET h
        PFADD h b c d e f g h i j k
        GET h
        PFDEBUG ENCODING h
        PFDEBUG DECODE h
        STRLEN h
        "#
    );
}

#[test]
fn the_dense_bytes() {
    transcript!(
        r#"
        PFADD h a b c
        PFDEBUG TODENSE h
        PFDEBUG TODENSE h
        PFDEBUG ENCODING h
        STRLEN h
        PFCOUNT h
        PFADD h d
        BITCOUNT h
        PFDEBUG DECODE h
        GETRANGE h 0 15
        CONFIG SET hll-sparse-max-bytes 20
        PFADD small a b c d e f g h
        PFDEBUG ENCODING small
        STRLEN small
        CONFIG SET hll-sparse-max-bytes 3000
        PFMERGE merged h small
        PFDEBUG ENCODING merged
        PFCOUNT merged
        "#
    );
}

#[test]
fn bad_values() {
    transcript!(
        r#"
        SET k abc
        PFADD k a
        PFCOUNT k
        PFMERGE k
        PFMERGE d k
        PFDEBUG ENCODING k
        SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"
        PFCOUNT k
        SET k "HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFADD k a
        PFCOUNT k
        SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\x00"
        PFADD k a
        PFCOUNT k
        PFMERGE d k
        SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x00"
        PFCOUNT k
        SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"
        PFADD k a b c
        PFCOUNT k
        SET n 12345
        PFADD n a
        PFDEBUG GETREG absent
        PFDEBUG FOO h
        PFDEBUG FOO k
        PFDEBUG ENCODING
        PFDEBUG
        PFSELFTEST x
        PFSELFTEST
        "#
    );
}
