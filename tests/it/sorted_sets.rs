//! Sorted sets: scores and their ties, ranges of three kinds, combinations, both encodings, clients that wait.

#[test]
fn add_and_score() {
    transcript!(
        r#"
        ZADD k 1 a 2 b 3 c
        ZADD k 1 a 5 b
        ZADD k CH 1 a 6 b 7 d
        ZRANGE k 0 -1 WITHSCORES
        ZSCORE k a
        ZSCORE k nobody
        ZSCORE nokey a
        ZMSCORE k a nobody b
        ZMSCORE nokey a b
        ZCARD k
        ZCARD nokey
        ZADD k NX 100 a 8 e
        ZADD k XX 100 a 8 f
        ZADD k XX CH 101 a
        ZADD k GT CH 1 a 102 b
        ZADD k LT CH 1 a 200 b
        ZADD k GT 9 new
        ZADD k INCR 5 a
        ZADD k NX INCR 5 a
        ZADD k XX INCR 5 nobody
        ZADD k GT INCR -1 a
        ZADD k LT INCR -1 a
        ZADD nokey XX 1 a
        EXISTS nokey
        ZADD k NX XX 1 a
        ZADD k GT LT 1 a
        ZADD k NX GT 1 a
        ZADD k INCR 1 a 2 b
        ZADD k 1
        ZADD k 1 a 2
        ZADD k NX
        ZADD k CH INCR
        ZADD k abc a
        ZADD k 1 a abc b
        ZADD k nan a
        ZADD k 1 "" 2 ""
        ZSCORE k ""
        ZINCRBY k 2.5 a
        ZINCRBY k 2.5 fresh
        ZINCRBY k nan a
        ZINCRBY k inf a
        ZINCRBY k -inf a
        ZINCRBY k abc a
        ZADD k INCR -inf a
        ZINCRBY k 1
        ZADD
        SET s v
        ZADD s 1 a
        ZADD s XX 1 a
        ZADD s abc a
        ZINCRBY s 1 a
        ZSCORE s a
        ZMSCORE s a
        ZCARD s
        "#
    );
}

#[test]
fn scores_as_text() {
    transcript!(
        r#"
        ZADD k 1.5 a -2 b 1e3 c 0x10 d .5 e 5. f +7 g inf h -INF i 1e17 j 123456789012 l 1e300 m -0 n
        ZRANGE k 0 -1 WITHSCORES ## 7.0 prints 17 digits
        ZADD k 1000000000000000000 big
        ZSCORE k big ## 7.0 prints no integer beyond 2^53 plainly
        ZADD k 3.0 x
        ZSCORE k x
        ZADD k 0.1 x
        ZSCORE k x ## 7.0 prints 17 digits
        ZINCRBY k 0.2 x
        ZINCRBY k 1e-7 y ## 7.0 prints 17 digits
        ZADD k 1e400 x
        ZADD k 1e-400 x
        ZADD k " 1" x
        ZADD k "1 " x
        ZADD k "" x
        ZADD k 1_0 x
        ZADD k 0x x
        OBJECT ENCODING k
        "#
    );
}

#[test]
fn ranks() {
    transcript!(
        r#"
        ZADD k 1 a 2 b 2 c 3 d
        ZRANK k a
        ZRANK k c
        ZREVRANK k a
        ZREVRANK k c
        ZRANK k nobody
        ZRANK nokey a
        ZRANK k c WITHSCORE ## since 7.2
        ZREVRANK k c withscore ## since 7.2
        ZRANK k nobody WITHSCORE ## since 7.2
        ZRANK nokey a WITHSCORE ## since 7.2
        ZRANK k a WITHSCORES ## since 7.2
        ZRANK k a WITHSCORE x
        ZREVRANK k a WITHSCORE x
        ZRANK k
        SET s v
        ZRANK s a
        ZREVRANK s a
        "#
    );
}

#[test]
fn ranges_by_rank() {
    transcript!(
        r#"
        ZADD k 1 a 2 b 3 c 4 d
        ZRANGE k 0 -1
        ZRANGE k 1 2
        ZRANGE k -2 -1 WITHSCORES
        ZRANGE k 0 -1 REV
        ZRANGE k 0 1 rev withscores
        ZRANGE k 3 1
        ZRANGE k 4 5
        ZRANGE k -100 100
        ZRANGE k 9223372036854775807 -9223372036854775808
        ZRANGE k -9223372036854775808 9223372036854775807
        ZRANGE k 9223372036854775808 1
        ZRANGE k a 1
        ZRANGE k 0 1 LIMIT 0 1
        ZRANGE k 0 1 LIMIT 5 -1
        ZRANGE k 0 1 LIMIT 0
        ZRANGE k 0 1 FOO
        ZRANGE nokey 0 -1
        ZREVRANGE k 0 1
        ZREVRANGE k 0 1 WITHSCORES
        ZREVRANGE k -1 -1
        ZREVRANGE k 0 1 REV
        ZREVRANGE k 0 1 BYSCORE
        ZREVRANGE k 0 1 LIMIT 0 1
        ZREMRANGEBYRANK k 1 2
        ZREMRANGEBYRANK k 5 6
        ZREMRANGEBYRANK k a 6
        ZREMRANGEBYRANK nokey 0 -1
        ZRANGE k 0 -1
        ZREMRANGEBYRANK k -9223372036854775808 9223372036854775807
        EXISTS k
        SET s v
        ZRANGE s 0 -1
        ZREVRANGE s 0 -1
        ZREMRANGEBYRANK s 0 -1
        "#
    );
}

#[test]
fn ranges_by_score() {
    transcript!(
        r#"
        ZADD k -inf low 1 a 2 b 2 c 3 d inf high
        ZRANGEBYSCORE k 1 2
        ZRANGEBYSCORE k (1 (3
        ZRANGEBYSCORE k -inf +inf
        ZRANGEBYSCORE k (-inf (inf WITHSCORES
        ZRANGEBYSCORE k 2 1
        ZRANGEBYSCORE k (2 (2
        ZRANGEBYSCORE k (2 2
        ZRANGEBYSCORE k -inf inf LIMIT 1 2
        ZRANGEBYSCORE k -inf inf LIMIT 1 -1
        ZRANGEBYSCORE k -inf inf LIMIT 2 -5 WITHSCORES
        ZRANGEBYSCORE k -inf inf LIMIT 0 0
        ZRANGEBYSCORE k -inf inf LIMIT -1 2
        ZRANGEBYSCORE k -inf inf LIMIT 100 2
        ZRANGEBYSCORE k -inf inf LIMIT 9223372036854775807 9223372036854775807
        ZRANGEBYSCORE k -inf inf LIMIT 0 2 LIMIT 1 1
        ZRANGEBYSCORE k -inf inf LIMIT a 2
        ZRANGEBYSCORE k -inf inf LIMIT 0
        ZRANGEBYSCORE k -inf inf BYSCORE
        ZRANGEBYSCORE k -inf inf REV
        ZRANGEBYSCORE k a b
        ZRANGEBYSCORE k 1 nan
        ZRANGEBYSCORE k ((1 2
        ZRANGEBYSCORE k "" 1
        ZRANGEBYSCORE k " 1" 0x2
        ZRANGEBYSCORE k "1 " 2
        ZRANGEBYSCORE k 1e-400 1e400
        ZRANGEBYSCORE nokey 0 1
        ZREVRANGEBYSCORE k 2 1
        ZREVRANGEBYSCORE k 1 2
        ZREVRANGEBYSCORE k inf -inf LIMIT 1 2 WITHSCORES
        ZRANGE k 1 (3 BYSCORE
        ZRANGE k (3 1 BYSCORE REV
        ZRANGE k 1 3 BYSCORE LIMIT 1 1 WITHSCORES
        ZRANGE k 1 3 BYSCORE BYLEX
        ZRANGE k 1 3 BYSCORE BYSCORE
        ZRANGE k 1 3 REV REV
        ZCOUNT k 1 2
        ZCOUNT k (1 (3
        ZCOUNT k -inf +inf
        ZCOUNT k 3 1
        ZCOUNT k a 1
        ZCOUNT nokey 0 1
        ZREMRANGEBYSCORE k (1 2
        ZREMRANGEBYSCORE k 7 8
        ZREMRANGEBYSCORE k a 8
        ZRANGE k 0 -1
        ZREMRANGEBYSCORE k -inf inf
        EXISTS k
        SET s v
        ZCOUNT s 0 1
        ZRANGEBYSCORE s 0 1
        ZREMRANGEBYSCORE s 0 1
        "#
    );
}

#[test]
fn ranges_by_member() {
    transcript!(
        r#"
        ZADD k 0 a 0 b 0 c 0 d 0 ab 0 "" 0 "\xff"
        ZRANGEBYLEX k - +
        ZRANGEBYLEX k [b [c
        ZRANGEBYLEX k (a (c
        ZRANGEBYLEX k [ [a
        ZRANGEBYLEX k ( +
        ZRANGEBYLEX k + -
        ZRANGEBYLEX k - -
        ZRANGEBYLEX k + +
        ZRANGEBYLEX k [c [b
        ZRANGEBYLEX k (b (b
        ZRANGEBYLEX k (b [b
        ZRANGEBYLEX k - + LIMIT 1 2
        ZRANGEBYLEX k - + LIMIT -1 2
        ZRANGEBYLEX k - + LIMIT 2 -1
        ZRANGEBYLEX k - + WITHSCORES
        ZRANGEBYLEX k b c
        ZRANGEBYLEX k -x +
        ZRANGEBYLEX k - +x
        ZRANGEBYLEX k "" +
        ZRANGEBYLEX nokey - +
        ZREVRANGEBYLEX k + -
        ZREVRANGEBYLEX k [c (a
        ZREVRANGEBYLEX k + - LIMIT 1 2
        ZREVRANGEBYLEX k - +
        ZRANGE k [b + BYLEX
        ZRANGE k + [b BYLEX REV LIMIT 0 1
        ZRANGE k - + BYLEX WITHSCORES
        ZLEXCOUNT k - +
        ZLEXCOUNT k [b (d
        ZLEXCOUNT k + -
        ZLEXCOUNT k b c
        ZLEXCOUNT nokey - +
        ZREMRANGEBYLEX k [b (d
        ZREMRANGEBYLEX k b d
        ZREMRANGEBYLEX k [x [y
        ZRANGE k 0 -1
        ZREMRANGEBYLEX k - +
        EXISTS k
        SET s v
        ZLEXCOUNT s - +
        ZRANGEBYLEX s - +
        ZREMRANGEBYLEX s - +
        "#
    );
}

#[test]
fn store_a_range() {
    transcript!(
        r#"
        ZADD k 1 a 2 b 3 c 4 d
        ZRANGESTORE to k 0 1
        ZRANGE to 0 -1 WITHSCORES
        ZRANGESTORE to k 0 1 REV
        ZRANGE to 0 -1 WITHSCORES
        ZRANGESTORE to k (1 3 BYSCORE LIMIT 1 5
        ZRANGE to 0 -1 WITHSCORES
        ZRANGESTORE to k [b [c BYLEX
        ZRANGE to 0 -1 WITHSCORES
        ZRANGESTORE to k 0 1 WITHSCORES
        ZRANGESTORE to k 0 1 LIMIT 0 1
        ZRANGESTORE to k a 1
        ZRANGESTORE to k 7 9
        EXISTS to
        ZRANGESTORE to nokey 0 -1
        ZRANGESTORE k k 1 2
        ZRANGE k 0 -1
        EXPIRE k 100
        ZRANGESTORE k k 0 0
        TTL k
        SET s v
        ZRANGESTORE to s 0 -1
        ZRANGESTORE s k 0 -1
        TYPE s
        ZRANGESTORE s nokey 0 -1
        EXISTS s
        "#
    );
}

#[test]
fn remove_and_pop() {
    transcript!(
        r#"
        ZADD k 1 a 2 b 3 c 4 d 5 e 6 f 7 g
        ZREM k a nobody a
        ZREM nokey a
        ZPOPMIN k
        ZPOPMAX k
        ZPOPMIN k 2
        ZPOPMAX k 1
        ZPOPMIN k 0
        ZPOPMIN nokey
        ZPOPMIN nokey 5
        ZPOPMIN nokey 0
        ZPOPMIN k -1
        ZPOPMIN k a
        ZPOPMIN k 1 2
        ZPOPMIN k 9223372036854775807
        EXISTS k
        ZADD k 1 a
        ZREM k a
        EXISTS k
        ZADD k 1 a 2 b 3 c
        ZADD j 1 x
        ZMPOP 1 k MIN
        ZMPOP 2 nokey k MAX
        ZMPOP 2 k j MIN COUNT 10
        ZMPOP 2 k j MIN COUNT 10
        ZMPOP 2 k j MIN COUNT 10
        ZMPOP 0 k MIN
        ZMPOP -1 k MIN
        ZMPOP a k MIN
        ZMPOP 2 k MIN
        ZMPOP 1 k FOO
        ZMPOP 1 k
        ZMPOP 1 k MIN COUNT 0
        ZMPOP 1 k MIN COUNT a
        ZMPOP 1 k MIN COUNT
        ZMPOP 1 k MIN COUNT 1 COUNT 2
        ZMPOP 1 k MIN MAX
        ZMPOP 9223372036854775807 k MIN
        SET s v
        ZREM s a
        ZPOPMIN s
        ZPOPMAX s 0
        ZMPOP 2 nokey s MIN
        "#
    );
}

#[test]
fn combine() {
    transcript!(
        r#"
        ZADD a 1 x 2 y 3 z
        ZADD b 10 y 20 z 30 w
        ZUNION 2 a b
        ZUNION 2 a b WITHSCORES
        ZUNION 2 a b WEIGHTS 2 0.5 WITHSCORES
        ZUNION 2 a b AGGREGATE MIN WITHSCORES
        ZUNION 2 a b aggregate max weights 1 -1 withscores
        ZUNION 3 a a nokey WITHSCORES
        ZUNION 1 nokey WITHSCORES
        ZINTER 2 a b WITHSCORES
        ZINTER 2 a b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES
        ZINTER 2 a nokey
        ZINTER 2 a a WITHSCORES
        ZDIFF 2 a b WITHSCORES
        ZDIFF 2 b a
        ZDIFF 1 a
        ZDIFF 2 a a
        ZDIFF 2 nokey a
        ZDIFF 3 a nokey b
        ZINTERCARD 2 a b
        ZINTERCARD 2 a b LIMIT 1
        ZINTERCARD 2 a b LIMIT 0
        ZINTERCARD 2 a b LIMIT 9
        ZINTERCARD 2 a b LIMIT -1
        ZINTERCARD 2 a b LIMIT a
        ZINTERCARD 2 a b LIMIT
        ZINTERCARD 2 a b FOO 1
        ZINTERCARD 2 a nokey
        ZUNIONSTORE to 2 a b
        ZRANGE to 0 -1 WITHSCORES
        ZINTERSTORE to 2 a b WEIGHTS 1 2 AGGREGATE SUM
        ZRANGE to 0 -1 WITHSCORES
        ZDIFFSTORE to 2 a b
        ZRANGE to 0 -1 WITHSCORES
        ZUNIONSTORE a 2 a a
        ZRANGE a 0 -1 WITHSCORES
        ZDIFFSTORE to 2 a a
        EXISTS to
        ZINTERSTORE to 2 a nokey
        ZADD i inf x -inf y
        ZADD j -inf x inf y
        ZUNION 2 i j WITHSCORES
        ZINTER 2 i j WITHSCORES
        ZUNION 1 i WEIGHTS 0 WITHSCORES
        ZINTER 1 i WEIGHTS 0 WITHSCORES
        ZINTER 2 i j WEIGHTS 1 0 AGGREGATE MAX WITHSCORES
        SET s v
        ZUNION 2 a s
        ZUNION 2 a s FOO
        ZDIFF 1 s
        ZINTERCARD 1 s LIMIT -1
        ZUNIONSTORE to 1 s
        ZUNIONSTORE s 1 a
        TYPE s
        "#
    );
}

#[test]
fn combine_with_plain_sets() {
    transcript!(
        r#"
        ZADD a 1 x 2 y 3 7
        SADD numbers 7 8
        SADD words x 7 z
        ZUNION 3 a numbers words WITHSCORES
        ZUNION 2 numbers words WEIGHTS 2 3 WITHSCORES
        ZINTER 2 a words WITHSCORES
        ZINTER 3 words numbers a WEIGHTS 2 3 4 AGGREGATE MAX WITHSCORES
        ZDIFF 2 a words WITHSCORES
        ZDIFF 2 words a WITHSCORES
        ZDIFF 2 words words
        ZINTERCARD 2 numbers words
        ZUNIONSTORE words 2 words a
        TYPE words
        ZRANGE words 0 -1 WITHSCORES
        "#
    );
}

#[test]
fn combine_wrongly() {
    transcript!(
        r#"
        ZADD a 1 x
        ZUNION 0 a
        ZUNION -1 a
        ZUNION x a
        ZUNION 2 a
        ZUNION 1 a b
        ZUNION 1 a WEIGHTS
        ZUNION 1 a WEIGHTS x
        ZUNION 2 a b WEIGHTS 1
        ZUNION 1 a WEIGHTS 1 2
        ZUNION 1 a AGGREGATE
        ZUNION 1 a AGGREGATE COUNT
        ZUNION 1 a WITHSCORES WITHSCORES
        ZUNION
        ZUNION 9223372036854775807 a
        ZUNION 9223372036854775808 a
        ZDIFF 1 a WEIGHTS 1
        ZDIFF 1 a AGGREGATE SUM
        ZDIFF 0 a
        ZINTER 0 a
        ZINTERCARD 0 a
        ZINTERCARD 1 a WITHSCORES
        ZUNIONSTORE to 1 a WITHSCORES
        ZUNIONSTORE to 0 a
        ZINTERSTORE to 0 a
        ZDIFFSTORE to 0 a
        ZDIFFSTORE to 1 a WITHSCORES
        ZUNIONSTORE to x a
        ZUNIONSTORE to 1
        "#
    );
}

#[test]
fn random_members_and_scans() {
    transcript!(
        r#"
        ZADD k 1.5 a
        ZRANDMEMBER k
        ZRANDMEMBER k 5
        ZRANDMEMBER k 5 WITHSCORES
        ZRANDMEMBER k -3
        ZRANDMEMBER k -2 WITHSCORES
        ZRANDMEMBER k 0
        ZRANDMEMBER nokey
        ZRANDMEMBER nokey 2
        ZRANDMEMBER nokey -2 WITHSCORES
        ZRANDMEMBER k a
        ZRANDMEMBER k 1 WITHSCORE
        ZRANDMEMBER k 1 WITHSCORES x
        ZRANDMEMBER k -9223372036854775808
        ZRANDMEMBER k -9223372036854775807 WITHSCORES
        ZRANDMEMBER k 9223372036854775807
        ZADD k 2 b
        ZSCAN k 0
        ZSCAN k 0 MATCH b*
        ZSCAN k 0 COUNT 1
        ZSCAN k 17
        ZSCAN nokey 0
        ZSCAN nokey 0 FOO
        ZSCAN k x
        ZSCAN k 0 COUNT 0
        ZSCAN k 0 COUNT a
        ZSCAN k 0 MATCH
        ZSCAN k 0 TYPE zset
        ZSCAN k 0 NOVALUES ## since 7.4
        SET s v
        ZSCAN s 0
        ZRANDMEMBER s
        ZRANDMEMBER s 1
        "#
    );
}

#[test]
fn encodings() {
    transcript!(
        r#"
        CONFIG SET zset-max-listpack-entries 3 zset-max-listpack-value 8
        ZADD k 1 a 2 b 3 c
        OBJECT ENCODING k
        ZADD k 4 d
        OBJECT ENCODING k
        ZREM k a b c
        OBJECT ENCODING k
        ZRANGE k 0 -1 WITHSCORES
        ZADD long 1 123456789
        OBJECT ENCODING long
        ZADD fits 1 12345678
        OBJECT ENCODING fits
        ZADD fits XX 1 123456789
        OBJECT ENCODING fits
        ZADD fits 1 123456789
        OBJECT ENCODING fits
        ZADD many 1 a 1 a 1 a 1 a
        OBJECT ENCODING many ## 7.0 does not look at how many members a command names
        ZADD few 1 a 2 b 3 c
        ZADD few XX 1 a 1 a 1 a 1 a
        OBJECT ENCODING few ## 7.0 does not look at how many members a command names
        ZUNIONSTORE to 1 k
        OBJECT ENCODING to
        ZUNIONSTORE to 2 k few
        OBJECT ENCODING to
        ZINTERSTORE to 2 to few
        OBJECT ENCODING to
        ZRANGESTORE to fits 0 -1
        OBJECT ENCODING to
        ZADD fits -0.0 minus
        ZSCORE fits minus
        ZADD small -0.0 minus
        ZSCORE small minus
        COPY k copy
        OBJECT ENCODING copy
        DEBUG DIGEST-VALUE k copy few fits
        CONFIG SET zset-max-listpack-entries 128 zset-max-listpack-value 64
        TYPE k
        "#
    );
}

#[test]
fn wait_for_members() {
    transcript!(
        r#"
        ZADD k 1 a 2 b 3 c
        BZPOPMIN k 0
        BZPOPMAX nokey k 1.5
        BZMPOP 0 1 k MIN
        b> BZPOPMIN nokey 0.01
        b> BZMPOP 0.01 2 nokey nokey2 MAX COUNT 3
        a> !send BZPOPMIN one two 0
        !sleep 30
        b> !send BZMPOP 0 1 two MAX COUNT 2
        !sleep 30
        ZADD two 1 a 2 b 3 c
        a> !read
        b> !read
        EXISTS two
        a> !send BZPOPMAX one 0
        !sleep 30
        SET one text
        DEL one
        ZADD one 7 x
        a> !read
        SET s v
        BZPOPMIN s 0
        BZMPOP 0 2 nokey s MIN
        BZPOPMIN k -1
        BZPOPMIN k abc
        BZPOPMIN k
        BZPOPMIN k inf ## 7.0 says that it is negative
        BZMPOP -1 1 k MIN
        BZMPOP abc 1 k MIN
        BZMPOP abc 0 k MIN
        BZMPOP 0 0 k MIN
        BZMPOP 0 2 k MIN
        BZMPOP 0 1 k FOO
        BZMPOP 0 1 k MIN COUNT 0
        "#
    );
}
