//! Keyspace events: which ones each command tells, in which order, in each of its branches.
//!
//! `!listen` shows after each reply what was told.

use crate::support::{Listener, Server, Value, ours};

/// What strings tell, where they are made, changed, left alone and overwritten.
#[test]
fn strings() {
    transcript!(
        r#"
        !listen
        SET k v
        SET k w
        SET k v NX
        SET none v XX
        SET k v GET
        SET fresh v GET
        SET k v EX 1000
        SET k v KEEPTTL
        SET k v PXAT 99999999999999
        SET fresher v EX 1000 NX
        SET fresher v EX 1000 NX
        SET fresher w EX 1000 XX GET
        SETEX k 1000 v
        PSETEX new1 1000000 v
        SETNX k v
        SETNX new2 v
        GETSET k w
        GETSET new3 w
        GETSET none
        MSET k 1 new4 2 k 3
        MSETNX k 1 new5 2
        MSETNX new5 1 new6 2 new5 3
        GET none
        GET k
        MGET k none l none
        STRLEN none
        GETRANGE none 0 1
        SUBSTR none 0 1
        LCS k none
        LCS none1 none2 LEN
        GETDEL none
        GETDEL k
        SET k v
        GETEX none
        GETEX none EX 100
        GETEX k
        GETEX k EX 100
        GETEX k PERSIST
        GETEX k PERSIST
        GETEX k PXAT 99999999999999
        GETEX k EXAT 1
        GET k
        APPEND k ""
        APPEND k v
        APPEND k w
        APPEND k ""
        SETRANGE none 0 ""
        SETRANGE k 0 ""
        SETRANGE k 1 x
        SETRANGE new7 3 x
        INCR n
        INCRBY n 5
        DECR n
        DECRBY n 2
        INCR k
        INCRBYFLOAT n 1.5
        INCRBYFLOAT new8 0
        INCRBYFLOAT k 1
        INCRBY n 9223372036854775807
        LPUSH l a
        SET l v NX
        SET l v GET
        APPEND l v
        GET l
        SET l v
        "#
    );
}

#[test]
fn bits() {
    transcript!(
        r#"
        !listen
        SETBIT k 1 1
        SETBIT k 1 1
        SETBIT none 7 0
        GETBIT absent 1
        BITCOUNT absent
        BITPOS absent 1
        BITFIELD absent GET u8 0
        BITFIELD_RO absent GET u8 0
        BITFIELD b SET u8 0 1
        BITFIELD b SET u8 0 1 INCRBY u8 0 5
        BITFIELD b OVERFLOW FAIL INCRBY u8 0 500
        BITFIELD b2 OVERFLOW FAIL INCRBY u8 0 500
        BITFIELD b GET u8 0
        BITFIELD b SET u8 #5 0
        BITFIELD b SET u8 #5 0
        BITFIELD b3 SET u8 0 0
        BITOP AND d k none
        BITOP AND d absent absent2
        BITOP AND d absent absent2
        BITOP OR new k b
        BITOP NOT new k
        LPUSH l a
        BITOP AND l k b
        BITOP AND k l b
        RPUSH l2 a
        BITOP OR l2 absent
        "#
    );
}

#[test]
fn hyperloglogs() {
    transcript!(
        r#"
        !listen
        PFADD p
        PFADD p
        PFADD p a
        PFADD p a
        PFCOUNT p
        PFCOUNT absent
        PFCOUNT p absent
        PFCOUNT p
        PFADD q b
        PFMERGE p q
        PFMERGE p q
        PFMERGE fresh p q absent
        PFMERGE empty
        PFMERGE empty absent
        LPUSH l a
        PFADD l a
        PFMERGE l p
        PFMERGE p l
        PFDEBUG GETREG q
        "#
    );
}

#[test]
fn keys() {
    transcript!(
        r#"
        !listen
        DEL none
        MSET a 1 b 2 c 3 d 4
        DEL a none b a
        UNLINK none c c d
        MSET a 1 b 2
        RENAME a a
        RENAME a c
        RENAME c b
        RENAME none b
        RENAMENX b b
        RENAMENX b c
        SET d 1
        RENAMENX c d
        RENAMENX none d
        LPUSH l x
        RENAME l d
        EXISTS d none d
        TOUCH d none
        TYPE none
        TYPE d
        COPY d e
        COPY d e
        COPY d e REPLACE
        COPY d d2 DB 3
        COPY none f
        MOVE d 3
        MOVE d 3
        MOVE none 3
        SET d 2
        MOVE d 3
        SELECT 3
        COPY d d DB 0 REPLACE
        RENAME d e
        DUMP none
        OBJECT ENCODING none
        OBJECT FREQ none
        TTL none
        PTTL none
        EXPIRETIME none
        PEXPIRETIME none
        OBJECT IDLETIME none
        OBJECT REFCOUNT none
        MEMORY USAGE none
        DEBUG OBJECT none
        SORT_RO none
        KEYS none*
        SCAN 0 TYPE stream
        SET k v EX 1000
        SELECT 0
        SWAPDB 0 3
        GET k
        SWAPDB 0 0
        FLUSHDB
        FLUSHDB
        SET k v
        FLUSHALL
        "#
    );
}

#[test]
fn deadlines() {
    transcript!(
        r#"
        !listen
        SET k v
        EXPIRE none 100
        EXPIRE k 100
        EXPIRE k 100 NX
        EXPIRE k 200 GT
        EXPIRE k 100 GT
        PEXPIRE k 100000
        EXPIREAT k 33000000000
        PEXPIREAT k 33000000000000
        PERSIST k
        PERSIST k
        PERSIST none
        EXPIRE k 0
        SET k v
        EXPIREAT k 1
        LPUSH l a
        PEXPIRE l -1
        SET k v
        EXPIRE k -1 GT
        EXPIRE k -1 LT
        SET k v
        EXPIRE k 100 XX
        "#
    );
}

#[test]
fn restoring_and_sorting() {
    transcript!(
        r#"
        !listen
        RESTORE s 0 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb"
        RESTORE s 0 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb"
        RESTORE s 0 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb" REPLACE
        RESTORE s 100000 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb" REPLACE
        RESTORE s 1 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb" ABSTTL REPLACE
        RESTORE fresh 1 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb" ABSTTL
        RESTORE fresh 1 "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\xec\xbb" ABSTTL REPLACE
        RESTORE fresh 0 nonsense
        RPUSH l 3 1 2
        SORT l
        SORT l STORE d
        SORT l LIMIT 5 5 STORE d
        SORT l LIMIT 5 5 STORE d
        SORT none STORE d
        SORT none
        SORT_RO none
        SORT l STORE l
        SET str v
        SORT l STORE str
        SORT l BY nosort STORE str
        SORT l BY w*
        SORT l BY w* GET g* GET #
        SORT l BY w*->f GET g* STORE d
        SORT none BY w* GET g*
        "#
    );
}

#[test]
fn lists() {
    transcript!(
        r#"
        !listen
        LPUSH l a
        LPUSH l b c
        RPUSH l d
        RPUSH m x
        LPUSHX l e
        LPUSHX none e
        RPUSHX l f
        RPUSHX none f
        LLEN none
        LRANGE none 0 1
        LINDEX none 0
        LPOS none a
        LPOS l a
        LSET l 0 x
        LSET l 99 x
        LSET none 0 x
        LINSERT l BEFORE a y
        LINSERT l AFTER nothing y
        LINSERT none AFTER a y
        LREM l 0 nothing
        LREM l 0 x
        LREM none 0 x
        LTRIM l 0 -1
        LTRIM l 0 2
        LTRIM none 0 1
        LPOP l
        RPOP l
        LPOP none
        RPOP none
        LPOP l 0
        LPOP l 5
        LPOP l 5
        RPUSH l a b c
        RPOP l 3
        RPUSH l a
        LTRIM l 5 6
        RPUSH l a a
        LREM l 0 a
        RPUSH l a
        LPOP l
        RPUSH l a b c
        LMOVE l l LEFT RIGHT
        LMOVE l l RIGHT RIGHT
        LMOVE l m LEFT LEFT
        LMOVE l new RIGHT RIGHT
        LMOVE l new LEFT RIGHT
        LMOVE none new LEFT RIGHT
        RPOPLPUSH new other
        RPOPLPUSH none other
        RPOPLPUSH other other
        BLMOVE new other LEFT RIGHT 1
        BRPOPLPUSH other new 1
        SET s v
        LMOVE new s LEFT LEFT
        LPUSH s a
        LMPOP 2 none other LEFT
        LMPOP 2 none other RIGHT COUNT 9
        LMPOP 2 none other RIGHT
        DEL l
        RPUSH l 1 2 3 4
        BLMPOP 1 2 none l LEFT COUNT 2
        BLPOP none l 1
        BRPOP none l 1
        "#
    );
}

/// Who waited is served after the events of what served him.
#[test]
fn waiting_clients() {
    transcript!(
        r#"
        !listen
        a> !send BLPOP l 0
        !until blocked_clients:1
        RPUSH l x y
        a> !read
        a> !send BRPOP none l m 0
        !until blocked_clients:0
        a> !read
        a> !send BRPOP none l m 0
        !until blocked_clients:1
        RPUSH m x
        a> !read
        a> !send BLMOVE l d LEFT RIGHT 0
        !until blocked_clients:1
        LPUSH l 1
        a> !read
        a> !send BRPOPLPUSH l l 0
        !until blocked_clients:1
        LPUSH l 1
        a> !read
        DEL l
        a> !send BLMPOP 0 1 l RIGHT COUNT 2
        !until blocked_clients:1
        LPUSH l 1 2 3
        a> !read
        DEL l
        a> !send BLMOVE l chained LEFT RIGHT 0
        !until blocked_clients:1
        b> !send BLPOP chained 0
        !until blocked_clients:2
        RPUSH l v
        a> !read
        b> !read
        a> !send BZPOPMIN z 0
        !until blocked_clients:1
        ZADD z 1 a 2 b
        a> !read
        DEL z
        a> !send BZPOPMAX z 0
        !until blocked_clients:1
        ZADD z 1 a
        a> !read
        a> !send BZMPOP 0 1 z MAX COUNT 5
        !until blocked_clients:1
        ZADD z 1 a 2 b
        a> !read
        a> !send XREAD BLOCK 0 STREAMS s $
        !until blocked_clients:1
        XADD s 1-1 f v
        a> !read
        XGROUP CREATE s g $
        a> !send XREADGROUP GROUP g c BLOCK 0 STREAMS s >
        !until blocked_clients:1 ## since 7.2 a consumer comes to be when it asks
        XADD s 1-2 f v ## the same
        a> !read
        a> !send XREADGROUP GROUP g c2 BLOCK 0 STREAMS s >
        !until blocked_clients:1 ## the same
        DEL s ## since 7.2 the command is run again to find that its key is gone
        a> !read ## the same
        a> !send BLPOP l 0
        !until blocked_clients:1
        MULTI
        RPUSH l 1
        LPUSH l 2
        EXEC
        a> !read
        DEL l
        a> !send BLPOP l 0
        !until blocked_clients:1
        RPUSH other 1 2
        RENAME other l
        a> !read
        DEL l
        a> !send BLPOP l 0
        !until blocked_clients:1
        RPUSH other 1
        COPY other l
        a> !read
        a> !send BLPOP l 0
        !until blocked_clients:1
        SORT other STORE l
        a> !read
        a> !send BLPOP l 0
        !until blocked_clients:1
        MULTI
        RPUSH l 1
        DEL l
        EXEC
        RPUSH l 2
        a> !read
        "#
    );
}

#[test]
fn sets() {
    transcript!(
        r#"
        !listen
        SADD s a b
        SADD s a
        SADD s a c
        SCARD none
        SMEMBERS none
        SISMEMBER none a
        SMISMEMBER none a b
        SRANDMEMBER none
        SRANDMEMBER none 2
        SREM s none
        SREM s a
        SREM s b c
        SREM none a
        SADD s a
        SPOP s
        SPOP s
        SADD s 1 2
        SPOP s 0
        ~ SPOP s 1
        ~ SPOP s 9
        SPOP none
        SPOP none 9
        SADD s 1 2 3 4 5 6 7 8
        SPOP s 8
        SADD s a
        SPOP s 7
        SADD s 1 2
        ~ SPOP s
        DEL s
        SADD s a b
        SMOVE s t a
        SMOVE s t none
        SMOVE none t a
        SADD s a
        SMOVE s t a
        SMOVE t t a
        SMOVE s t b
        SADD s a b
        SADD t b c
        SINTER s none
        SUNION none none2
        SDIFF none s
        SINTERCARD 2 s none
        SINTERSTORE d s t
        SINTERSTORE d s t
        SINTERSTORE d s none
        SINTERSTORE d s none
        SUNIONSTORE d s t
        SUNIONSTORE d none none2
        SUNIONSTORE d none none2
        SDIFFSTORE d s t
        SDIFFSTORE d s s
        SDIFFSTORE d none s
        SDIFFSTORE s s t
        SET str v
        SUNIONSTORE str s t
        SET str v
        SINTERSTORE str none t
        SET str v
        SMOVE t str b
        "#
    );
}

#[test]
fn hashes() {
    transcript!(
        r#"
        !listen
        HSET h f v
        HSET h f v
        HSET h f w g x
        HMSET h f w
        HMSET new f w
        HSETNX h f v
        HSETNX h i v
        HSETNX new2 i v
        HGET none f
        HGET h none
        HMGET none f
        HGETALL none
        HKEYS none
        HVALS none
        HLEN none
        HEXISTS none f
        HSTRLEN none f
        HRANDFIELD none
        HSCAN none 0
        HINCRBY h n 1
        HINCRBY new3 n 0
        HINCRBY h f 1
        HINCRBYFLOAT h n 1.5
        HINCRBYFLOAT new4 n 1.5
        HINCRBYFLOAT h f 1.5
        HDEL h none
        HDEL none f
        HDEL h f none
        HDEL h g i n
        HDEL new f
        "#
    );
}

/// Deadlines of fields.
#[test]
fn hash_fields_with_deadlines() {
    transcript!(
        r#"
        !listen
        HSET h f v g w i x
        HEXPIRE h 1000 FIELDS 1 f ## since 7.4
        HEXPIRE h 1000 NX FIELDS 1 f ## since 7.4
        HEXPIRE h 1000 FIELDS 2 none f ## since 7.4
        HEXPIRE h 1000 FIELDS 1 none ## since 7.4
        HEXPIRE none 1000 FIELDS 1 f ## since 7.4
        HPEXPIRE h 1000000 FIELDS 2 f g ## since 7.4
        HEXPIREAT h 33000000000 FIELDS 1 f ## since 7.4
        HPEXPIREAT h 33000000000000 FIELDS 1 f ## since 7.4
        HTTL none FIELDS 1 f ## since 7.4
        HPTTL none FIELDS 1 f ## since 7.4
        HEXPIRETIME none FIELDS 1 f ## since 7.4
        HPEXPIRETIME none FIELDS 1 f ## since 7.4
        HPERSIST h FIELDS 1 f ## since 7.4
        HPERSIST h FIELDS 1 f ## since 7.4
        HPERSIST none FIELDS 1 f ## since 7.4
        HEXPIRE h 0 FIELDS 1 f ## since 7.4
        HEXPIREAT h 1 FIELDS 1 none ## since 7.4
        HEXPIREAT h 1 FIELDS 2 g i ## since 7.4
        EXISTS h ## since 7.4 it is gone
        DEL h ## since 7.4 it is gone
        "#
    );
}

#[test]
fn sorted_sets() {
    transcript!(
        r#"
        !listen
        ZADD z 1 a
        ZADD z 1 a
        ZADD z 2 a
        ZADD z 2 a 3 b
        ZADD z 2 a 4 b
        ZADD z NX 5 a
        ZADD z XX 5 none
        ZADD none XX 5 a
        ZADD z GT 1 a
        ZADD z XX CH 7 a
        ZADD z INCR 1 a
        ZADD z INCR 0 a
        ZADD z NX INCR 1 a
        ZADD z INCR 5 new
        ZADD z GT INCR -5 new
        ZINCRBY z 1 a
        ZINCRBY z 0 a
        ZINCRBY new 1 a
        ZCARD none
        ZSCORE none a
        ZMSCORE none a
        ZRANK none a
        ZCOUNT none 0 1
        ZLEXCOUNT none - +
        ZRANGE none 0 1
        ZREVRANGE none 0 1
        ZRANGEBYSCORE none 0 1
        ZRANGEBYLEX none - +
        ZRANDMEMBER none
        ZSCAN none 0
        ZREM z none
        ZREM none a
        ZREM z a none
        ZREM z b new
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
        ZREMRANGEBYRANK z 9 10
        ZREMRANGEBYRANK z 0 0
        ZREMRANGEBYSCORE z 2 2
        ZREMRANGEBYSCORE z 99 100
        ZREMRANGEBYLEX z [c [c
        ZREMRANGEBYLEX none - +
        ZPOPMIN z
        ZPOPMAX z
        ZPOPMIN none
        ZPOPMIN z 0
        ZPOPMIN z 9
        ZADD z 1 a 2 b
        ZPOPMAX z 2
        ZADD z 1 a 2 b
        ZREMRANGEBYSCORE z -inf +inf
        ZADD z 1 a 2 b
        ZREMRANGEBYRANK z 0 -1
        ZADD z 1 a 1 b
        ZREMRANGEBYLEX z - +
        ZADD z 1 a 2 b 3 c
        ZMPOP 2 none z MIN
        ZMPOP 2 none z MAX COUNT 5
        ZMPOP 1 none MIN
        ZADD z 1 a 2 b 3 c
        BZPOPMIN none z 1
        BZPOPMAX none z 1
        BZMPOP 1 2 none z MIN
        ZADD z 1 a 2 b 3 c
        ZADD y 1 a
        ZUNION 2 z none
        ZINTER 2 none z
        ZDIFF 2 none z
        ZINTERCARD 2 none z
        ZUNIONSTORE d 2 z y
        ZUNIONSTORE d 2 none none2
        ZUNIONSTORE d 2 none none2
        ZINTERSTORE d 2 z y
        ZINTERSTORE d 2 z none
        ZINTERSTORE d 2 none z
        ZDIFFSTORE d 2 z y
        ZDIFFSTORE d 2 z z
        ZDIFFSTORE d 2 none z
        ZRANGESTORE d z 0 1
        ZRANGESTORE d z 5 6
        ZRANGESTORE d z 5 6
        ZRANGESTORE d none 0 1
        ZRANGESTORE z z 0 1
        SET str v
        ZUNIONSTORE str 1 z
        SET str v
        ZRANGESTORE str none 0 1
        SET str v
        ZINTERSTORE str 2 none z
        "#
    );
}

#[test]
fn places() {
    transcript!(
        r#"
        !listen
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOADD g 13.361389 38.115556 Palermo
        GEOADD g XX 13.3 38.1 Palermo
        GEOADD none XX 13.3 38.1 Palermo
        GEOPOS none a
        GEODIST none a b
        GEOHASH none a
        GEORADIUS none 15 37 200 km
        GEOSEARCH none FROMLONLAT 15 37 BYRADIUS 200 km
        GEORADIUS g 15 37 200 km STORE d
        GEORADIUS g 15 37 200 km STOREDIST d
        GEORADIUS g 0 0 1 km STORE d
        GEORADIUS g 0 0 1 km STORE d
        GEORADIUS none 0 0 1 km STORE d
        SET d v
        GEORADIUS none 0 0 1 km STORE d
        GEORADIUSBYMEMBER g Palermo 200 km STORE d
        GEORADIUSBYMEMBER_RO none Palermo 200 km
        GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km
        GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 km
        GEOSEARCHSTORE d none FROMLONLAT 0 0 BYRADIUS 1 km
        GEOSEARCHSTORE g g FROMLONLAT 15 37 BYRADIUS 200 km
        "#
    );
}

#[test]
fn streams() {
    transcript!(
        r#"
        !listen
        XADD s 1-1 f v
        XADD s 1-2 f v
        XADD s 1-1 f v
        XADD none NOMKSTREAM 1-1 f v
        XADD s MAXLEN 2 1-3 f v
        XADD s MAXLEN 5 1-4 f v
        XADD s MINID 1-3 1-5 f v
        XADD new MAXLEN 0 1-1 f v
        XLEN none
        XRANGE none - +
        XREVRANGE none + -
        XREAD STREAMS none s 0 0
        XDEL s 9-9
        XDEL s 1-3 9-9
        XDEL none 1-1
        XTRIM s MAXLEN 1
        XTRIM s MAXLEN 1
        XTRIM none MAXLEN 1
        XSETID s 5-1
        XSETID s 5-1 ENTRIESADDED 9 MAXDELETEDID 1-4
        XSETID none 5-1
        XSETID s 0-1 ## since 7.2 this is checked first
        XGROUP CREATE none g $
        XGROUP CREATE made g $ MKSTREAM
        XGROUP CREATE s g 0
        XGROUP CREATE s g 0
        XGROUP CREATE s h 0
        XGROUP SETID s g 0
        XGROUP SETID s none 0
        XGROUP SETID none g 0
        XGROUP CREATECONSUMER s g c
        XGROUP CREATECONSUMER s g c
        XGROUP CREATECONSUMER s none c
        XGROUP CREATECONSUMER none g c
        XADD s 6-1 f v
        XADD s 6-2 f v
        XREADGROUP GROUP g c STREAMS s >
        XREADGROUP GROUP g c STREAMS s >
        XREADGROUP GROUP g c STREAMS s 0
        XREADGROUP GROUP g created STREAMS s > ## since 7.2 who gets nothing is a consumer, too
        XREADGROUP GROUP g created2 STREAMS s 0
        XREADGROUP GROUP g c NOACK STREAMS s >
        XREADGROUP GROUP none c STREAMS s >
        XREADGROUP GROUP g c STREAMS none >
        XACK s g 1-1
        XACK s g 6-1
        XACK none g 6-1
        XPENDING none g
        XPENDING s g
        XCLAIM s g c3 0 6-2
        XCLAIM s g c3 0 9-9
        XCLAIM s g c4 0 9-9 ## since 7.2 who claims nothing is a consumer, too
        XCLAIM s g c5 0 6-2 JUSTID
        XAUTOCLAIM s g c6 0 0
        XAUTOCLAIM s g c7 9999999 0 ## since 7.2 who claims nothing is a consumer, too
        XDEL s 6-2
        XCLAIM s g c 0 6-2
        XAUTOCLAIM s g c 0 0
        XINFO STREAM none
        XINFO GROUPS none
        XINFO CONSUMERS none g
        XGROUP DELCONSUMER s g none
        XGROUP DELCONSUMER s g created ## since 7.2 there is one
        XGROUP DELCONSUMER s none created
        XGROUP DESTROY s g
        XGROUP DESTROY s g
        XGROUP DESTROY none g
        XTRIM s MAXLEN 0
        DEL s
        "#
    );
}

#[test]
fn in_transactions() {
    transcript!(
        r#"
        !listen
        MULTI
        SET k v
        GET none
        LPUSH k a
        LPUSH l a
        RPOP l
        SELECT 2
        SET k v
        EXEC
        MULTI
        SET k v
        DISCARD
        WATCH k
        SET k w
        MULTI
        SET k v
        EXEC
        "#
    );
}

/// When a command meets what is past its time.
#[test]
fn expired_keys() {
    transcript!(
        [],
        r#"
        !listen
        DEBUG SET-ACTIVE-EXPIRE 0
        SET k v PXAT 1
        GET k
        SET k v PX 1
        !sleep 20
        GET k
        SET k v PX 1
        !sleep 20
        SET k v
        SET k v PX 1
        !sleep 20
        SETNX k v
        SET k v PX 1
        !sleep 20
        DEL k
        SET k v PX 1
        !sleep 20
        EXISTS k
        SET k v PX 1
        !sleep 20
        LPUSH k a
        SET a v PX 1
        SET b v PX 1
        !sleep 20
        MGET a b c
        SET a v PX 1
        SET b v PX 1
        !sleep 20
        MSET a 1 b 2
        SET a v PX 1
        SET b v PX 1
        !sleep 20
        SINTERSTORE d a b ## ours meets both before it misses them
        SET a v PX 1
        SET b v
        !sleep 20
        RENAME b a
        SET a v PX 1
        !sleep 20
        RENAME a b
        SET a v PX 1
        SET b v
        !sleep 20
        RENAMENX b a
        SET b v PX 1
        SET a v
        !sleep 20
        COPY a b
        SET a v PX 1
        !sleep 20
        EXPIRE a 100
        SET a v PX 1
        !sleep 20
        PERSIST a
        SET a v PX 1
        !sleep 20
        GETDEL a
        SET a v PX 1
        !sleep 20
        GETEX a PERSIST
        SET a v PX 1
        !sleep 20
        TTL a
        SET a v PX 1
        !sleep 20
        TYPE a
        SET a v PX 1
        !sleep 20
        OBJECT ENCODING a
        SET a v PX 1
        !sleep 20
        INCR a
        SET a v PX 1
        !sleep 20
        SET a v KEEPTTL
        SET a v PX 1
        !sleep 20
        SET a v GET
        SET a v PX 1
        !sleep 20
        UNLINK a
        SET a v PX 1
        !sleep 20
        TOUCH a
        SET a v PX 1
        !sleep 20
        MOVE a 5
        SET a v PX 1
        !sleep 20
        DUMP a
        SET a v PX 1
        !sleep 20
        DBSIZE
        FLUSHDB
        SET a v PX 1
        !sleep 20
        SCAN 0
        SET a v PX 1
        !sleep 20
        KEYS *
        SET a v PX 1
        !sleep 20
        ZUNIONSTORE a 2 a b
        SET a v PX 1
        !sleep 20
        SORT b STORE a ## ours has expired, whoever deletes it
        SET a v PX 1
        !sleep 20
        BITOP AND a b c ## the same
        SET a v PX 1
        !sleep 20
        XADD a NOMKSTREAM 1-1 f v
        SET a v PX 1
        !sleep 20
        SWAPDB 0 2
        "#
    );
}

/// When a command meets fields that are past their time.
#[test]
fn expired_fields() {
    transcript!(
        [],
        r#"
        !listen
        DEBUG SET-ACTIVE-EXPIRE 0
        HSET h f v g w
        HPEXPIRE h 1 FIELDS 1 f ## since 7.4
        !sleep 20
        HGETALL h ## since 7.4
        HGET h f ## since 7.4
        HSET h f v ## since 7.4
        HPEXPIRE h 1 FIELDS 1 f ## since 7.4
        !sleep 20
        HSETNX h f v ## since 7.4
        HPEXPIRE h 1 FIELDS 1 f ## since 7.4
        !sleep 20
        HMGET h f g ## since 7.4
        HSET h f 1 ## since 7.4
        HPEXPIRE h 1 FIELDS 1 f ## since 7.4
        !sleep 20
        HINCRBY h f 1 ## since 7.4
        HPEXPIRE h 1 FIELDS 2 f g ## since 7.4
        !sleep 20
        HGET h f ## since 7.4
        HGET h g ## since 7.4
        EXISTS h ## since 7.4
        "#
    );
}

/// What nobody meets expires on time, and that is told then.
#[test]
fn on_time() {
    for threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", threads]);
        let (mut listener, mut client) = (Listener::new(&server), server.connect());
        let mut tells = |count: usize, expected: &[&str]| {
            let heard: Vec<String> = listener.next(count).iter().map(ToString::to_string).collect();
            assert_eq!(heard, expected);
        };
        client.call(&["SET", "k", "v", "PX", "20"]);
        tells(4, &["new k", "set k", "expire k", "expired k"]);
        client.call(&["SELECT", "2"]);
        client.call(&["RPUSH", "l", "v"]);
        client.call(&["PEXPIRE", "l", "20"]);
        tells(4, &["2: new l", "2: rpush l", "2: expire l", "2: expired l"]);
        client.call(&["HSET", "h", "f", "v", "g", "v"]);
        client.call(&["HPEXPIRE", "h", "20", "FIELDS", "1", "f"]);
        tells(4, &["2: new h", "2: hset h", "2: hexpire h", "2: hexpired h"]);
        // The last one takes the key along.
        client.call(&["HPEXPIRE", "h", "20", "FIELDS", "1", "g"]);
        tells(3, &["2: hexpire h", "2: hexpired h", "2: del h"]);
        assert_eq!(client.call(&["EXISTS", "h"]), Value::Integer(0));
        tells(1, &["2: keymiss h"]);
    }
}

/// What the server itself does with keys.
#[test]
fn of_the_server() {
    transcript!(
        r#"
        !listen
        DEBUG POPULATE 2 p 5
        DEBUG POPULATE 3 p 5
        SET k v
        DEBUG RELOAD
        MIGRATE 127.0.0.1 1 none 0 100
        MIGRATE 127.0.0.1 1 "" 0 100 KEYS none none2
        PFDEBUG ENCODING none
        PFDEBUG TODENSE none
        FLUSHALL ASYNC
        "#
    );
}

/// As they are set, and as they are told.
#[test]
fn the_setting() {
    transcript!(
        r#"
        CONFIG SET notify-keyspace-events KEA
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events AKE
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events g$lshzxetdKE
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events g$lshzxetdmnKE
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events Em$ng
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events nmdtxezhslg$
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events n
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events An
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events mA
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events gggg
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events KE
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events q
        CONFIG SET notify-keyspace-events "K E"
        CONFIG SET notify-keyspace-events a
        CONFIG SET notify-keyspace-events c
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events ""
        CONFIG GET notify-keyspace-events
        "#
    );
}
