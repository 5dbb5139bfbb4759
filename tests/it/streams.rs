//! Streams: entries, ranges, groups of consumers, and those who wait for what comes.

#[test]
fn entries() {
    transcript!(
        r#"
        XADD s 1-1 temp 21.5 hum 40
        XADD s 1-2 temp 22 hum 41
        XADD s 1-3 other 1
        XADD s 2-* temp 1 hum 2
        XADD s 2-* temp 1 hum 2
        XADD s 5 temp "" hum "\x00\xff"
        XLEN s
        TYPE s
        OBJECT ENCODING s
        XRANGE s - +
        XREVRANGE s + -
        XRANGE s 1-2 2
        XRANGE s (1-2 (5-0
        XREVRANGE s (5-0 (1-1 COUNT 2
        XRANGE s - + COUNT 1
        XRANGE s - + COUNT 0
        XRANGE s - + COUNT -1
        XRANGE s 9 3
        XRANGE s 1-1 1-1
        XRANGE absent - +
        XRANGE absent - + COUNT 0
        XDEL s 1-2 9-9 1-2
        XDEL absent 1-1
        XRANGE s - + COUNT 2
        XADD s 0-0 f v
        XADD s 0-* f v
        XADD s 5-0 f v
        XADD s 4-* f v
        XADD s 3 f v
        XADD s - f v
        XADD s + f v
        XADD s 5-1x f v
        XADD s 007-01 f v
        XADD s * f
        XADD s * f v g
        XADD s 6-1 f
        XADD s 1-1
        XADD s
        XADD s NOMKSTREAM 7-5 f v
        XADD absent NOMKSTREAM 1-1 f v
        EXISTS absent
        XADD zero 0-* f v
        XADD max 18446744073709551615-18446744073709551614 f v
        XADD max 18446744073709551615-* f v
        XADD max * f v
        XADD max 18446744073709551615-* f v
        XRANGE max (18446744073709551615-18446744073709551615 +
        XRANGE max - (0-0
        XRANGE max 18446744073709551615 18446744073709551615
        XRANGE s - + COUNT
        XRANGE s - + LIMIT 1
        XRANGE s ( +
        XRANGE s (- +
        XRANGE s x +
        XLEN absent
        XDEL s 1-1 x
        XDEL s 1-1 1-3 2-0 2-1 5-0 7-1 7-5
        XLEN s
        EXISTS s
        XRANGE s - +
        XADD s 7-5 f v
        XADD s 7-6 f v
        "#
    );
}

#[test]
fn trimming() {
    transcript!(
        r#"
        CONFIG SET stream-node-max-entries 3
        XADD s 1-1 f 1
        XADD s 2-1 f 2
        XADD s 3-1 f 3
        XADD s 4-1 f 4
        XADD s 5-1 f 5
        XADD s 6-1 f 6
        XADD s 7-1 f 7
        XADD s 8-1 f 8
        XTRIM s MAXLEN ~ 6
        XTRIM s MAXLEN ~ 5
        XTRIM s MAXLEN 4
        XRANGE s - +
        XTRIM s MAXLEN = 4
        XTRIM s MINID ~ 7
        XTRIM s MINID 6-0
        XRANGE s - +
        XADD s MAXLEN 2 9-1 f 9
        XADD s MAXLEN ~ 2 LIMIT 0 10-1 f 10
        XADD s MINID = 10 NOMKSTREAM 11-1 f 11
        XRANGE s - +
        XADD s LIMIT 5 MAXLEN ~ 100 12-1 f 12
        XTRIM s MAXLEN ~ 0 LIMIT 1
        XTRIM s MAXLEN ~ 0
        XLEN s
        XADD s MAXLEN 0 20-1 f v
        XLEN s
        XADD s MAXLEN ~ 0 21-1 f v
        XLEN s
        XTRIM absent MAXLEN 0
        XTRIM s MAXLEN -1
        XTRIM s MAXLEN x
        XTRIM s MAXLEN
        XTRIM s MAXLEN ~
        XTRIM s MAXLEN = ~
        XTRIM s MINID x
        XTRIM s MINID -
        XTRIM s MAXLEN 1 MINID 1
        XTRIM s MAXLEN 1 LIMIT 1
        XTRIM s MAXLEN = 1 LIMIT 1
        XTRIM s MAXLEN ~ 1 LIMIT -1
        XTRIM s LIMIT 1
        XTRIM s FOO 1
        XADD s MAXLEN 1 MAXLEN 2 30-1 f v
        XADD s LIMIT 10 30-1 f v
        XADD s LIMIT 0 30-1 f v
        XADD s MAXLEN
        XADD s MAXLEN ~ 5
        CONFIG SET stream-node-max-entries 100
        "#
    );
}

#[test]
fn the_past_is_set() {
    transcript!(
        r#"
        XSETID s 1-1
        XADD s 5-1 f v
        XSETID s 4-1
        XSETID s 9-1
        XADD s 9-1 f v
        XSETID s 9-1 ENTRIESADDED 0
        XSETID s 9-1 ENTRIESADDED 10
        XSETID s 9-1 MAXDELETEDID 9-2
        XSETID s 9-1 ENTRIESADDED 10 MAXDELETEDID 8-1
        XSETID s 8-0 ## since 7.2 the highest deleted ID is looked at first
        XSETID s x
        XSETID s -
        XSETID s 9-1 ENTRIESADDED -1
        XSETID s 9-1 ENTRIESADDED
        XSETID s 9-1 FOO 1
        XSETID s
        XADD s 10-1 f v
        XDEL s 5-1 10-1
        XINFO STREAM s
        "#
    );
}

#[test]
fn reading() {
    transcript!(
        r#"
        XADD a 1-1 f 1
        XADD a 2-1 f 2
        XADD a 3-1 f 3
        XADD b 1-5 g 1
        XREAD STREAMS a 0
        XREAD COUNT 1 STREAMS a b 1-1 0
        XREAD STREAMS a b absent 3-1 1-5 0
        XREAD STREAMS a b 3-1 1-4
        XREAD COUNT 0 STREAMS a 2
        XREAD COUNT -5 STREAMS a 2
        XREAD STREAMS a a 1 2
        XREAD STREAMS a $
        XREAD STREAMS a +   ## since 7.4
        XREAD STREAMS absent b + + ## since 7.4
        XREAD STREAMS a >
        XREAD STREAMS a 1-1 b ## since 7.2 the error names the command
        XREAD STREAMS a
        XREAD STREAMS a x
        XREAD COUNT x STREAMS a 0
        XREAD COUNT 1
        XREAD COUNT 1 FOO STREAMS a 0
        XREAD GROUP g c STREAMS a 0
        XREAD NOACK STREAMS a 0
        XREAD BLOCK -1 STREAMS a 0
        XREAD BLOCK x STREAMS a 0
        XREAD BLOCK 9223372036854775807 STREAMS a 0 ## since 7.2 a time that never comes is refused
        XREAD BLOCK 10 STREAMS a $
        XREAD BLOCK 10 STREAMS absent 0
        XREAD STREAMS a 18446744073709551615-18446744073709551615
        SET t v
        XREAD STREAMS a t 0 0
        XREAD STREAMS t x
        COMMAND GETKEYS XREAD COUNT 2 STREAMS a b 0 0
        COMMAND GETKEYS XREAD STREAMS streams 0
        COMMAND GETKEYS XREADGROUP GROUP streams c COUNT 1 NOACK STREAMS a b > >
        COMMAND GETKEYS XREAD STREAMS a b 0
        "#
    );
}

#[test]
fn waiting() {
    transcript!(
        r#"
        XADD s 1-1 f 1
        a> !send XREAD BLOCK 0 STREAMS other s $ $
        !sleep 60
        b> !send XREAD BLOCK 0 COUNT 1 STREAMS s 1-1
        !sleep 60
        XADD s 2-1 f 2
        a> !read
        b> !read
        a> !send XREAD BLOCK 0 STREAMS s $
        !sleep 60
        DEL s
        XADD s 1-5 f 1
        XADD s 3-1 f 3
        a> !read
        a> !send XREAD BLOCK 0 STREAMS new 0
        !sleep 60
        SET new v
        DEL new
        XADD new 1-1 f v
        a> !read
        XGROUP CREATE s g $
        a> !send XREADGROUP GROUP g c BLOCK 0 STREAMS s >
        !sleep 60
        b> !send XREADGROUP GROUP g d BLOCK 0 STREAMS s >
        !sleep 60
        XADD s 4-1 f 4
        XADD s 5-1 f 5
        a> !read
        b> !read
        XPENDING s g
        XREADGROUP GROUP g c BLOCK 0 STREAMS s 0
        XREADGROUP GROUP g c BLOCK 10 STREAMS s >
        a> !send XREADGROUP GROUP g c BLOCK 0 STREAMS s >
        !sleep 60
        XGROUP DESTROY s g
        a> !read ## since 7.2 a command that is woken runs again
        XGROUP CREATE s g $
        a> !send XREADGROUP GROUP g c BLOCK 0 STREAMS s >
        !sleep 60
        DEL s
        a> !read ## since 7.2 a command that is woken runs again
        XGROUP CREATE s g $ MKSTREAM
        a> !send XREADGROUP GROUP g c BLOCK 0 STREAMS s >
        !sleep 60
        SET s v
        a> !read ## since 7.2 a command that is woken runs again
        "#
    );
}

#[test]
fn groups() {
    transcript!(
        r#"
        XGROUP CREATE s g 0
        XGROUP CREATE s g $ MKSTREAM
        XGROUP CREATE s g 0
        XGROUP CREATE s x x
        XGROUP CREATE s x -
        XGROUP CREATE s h 0 ENTRIESREAD -2
        XGROUP CREATE s h 0 ENTRIESREAD x
        XGROUP CREATE s h 0 ENTRIESREAD
        XGROUP CREATE s h 0 FOO
        XGROUP CREATE s h 0 MKSTREAM ENTRIESREAD 0
        XGROUP FOO
        XGROUP
        XGROUP CREATE s
        XLEN s
        XADD s 1-1 f 1
        XADD s 2-1 f 2
        XADD s 3-1 f 3
        XREADGROUP GROUP g alice COUNT 1 STREAMS s >
        XREADGROUP GROUP g bob STREAMS s >
        XREADGROUP GROUP g bob STREAMS s >
        XREADGROUP GROUP g bob STREAMS s 0
        XREADGROUP GROUP g bob COUNT 1 STREAMS s 2-1
        XREADGROUP GROUP g nobody STREAMS s 0
        XREADGROUP GROUP h carol NOACK STREAMS s >
        XREADGROUP GROUP h carol STREAMS s 0
        XREADGROUP GROUP none c STREAMS s >
        XREADGROUP GROUP g c STREAMS s absent > >
        XREADGROUP GROUP g c STREAMS s $
        XREADGROUP GROUP g c STREAMS s + ## since 7.4
        XREADGROUP GROUP g c STREAMS s x
        XREADGROUP GROUP g c STREAMS s > 0 ## since 7.2 the error names the command
        XREADGROUP COUNT 1 NOACK STREAMS s > s >
        XREADGROUP GROUP g c COUNT 1 NOACK BLOCK 1
        XPENDING s g
        XPENDING s h
        ~ XPENDING s g - + 10
        ~ XPENDING s g (1-1 + 10 bob
        XPENDING s g - + 10 nobody
        XPENDING s g - + 10 absent
        XPENDING s g - + 0
        XPENDING s g - + -1
        XPENDING s g IDLE 100000 - + 10
        ~ XPENDING s g IDLE 0 - + 1 bob
        XPENDING s none
        XPENDING absent g
        XPENDING s g - +
        XPENDING s g IDLE 1 - +
        XPENDING s g IDLE x - + 10
        XPENDING s g x + 10
        XPENDING s g - + x
        XACK s g 1-1 1-1 9-9
        XACK s none 1-1
        XACK absent g x
        XACK s g x
        XDEL s 2-1
        XREADGROUP GROUP g bob STREAMS s 0
        XPENDING s g
        XINFO GROUPS s
        XGROUP SETID s g 1-1
        XGROUP SETID s g $ ENTRIESREAD 3
        XGROUP SETID s g - FOO
        XGROUP SETID s none 0
        XGROUP SETID absent g 0
        XGROUP SETID s g x
        XGROUP SETID s g 1-1 ENTRIESREAD 1
        XREADGROUP GROUP g alice STREAMS s >
        ~ XPENDING s g - + 10
        XGROUP CREATECONSUMER s g dave
        XGROUP CREATECONSUMER s g dave
        XGROUP CREATECONSUMER s none dave
        XGROUP CREATECONSUMER absent g dave
        XGROUP DELCONSUMER s g bob
        XGROUP DELCONSUMER s g bob
        XGROUP DELCONSUMER s none bob
        XPENDING s g
        COPY s copy
        XPENDING copy g
        XGROUP DESTROY s g
        XGROUP DESTROY s g
        XGROUP DESTROY absent g
        XINFO GROUPS s
        XINFO GROUPS copy
        "#
    );
}

#[test]
fn claims() {
    transcript!(
        r#"
        XADD s 1-1 f 1
        XADD s 2-1 f 2
        XADD s 3-1 f 3
        XADD s 4-1 f 4
        XGROUP CREATE s g 0
        XREADGROUP GROUP g alice COUNT 3 STREAMS s >
        XCLAIM s g bob 0 1-1
        XCLAIM s g bob 0 1-1 2-1 9-9 JUSTID
        XCLAIM s g bob 100000 3-1
        XCLAIM s g bob 0 4-1
        XCLAIM s g bob 0 4-1 FORCE RETRYCOUNT 7 IDLE 5000
        ~ XPENDING s g - + 10
        XCLAIM s g bob 4000 4-1 TIME 0 JUSTID
        ~ XPENDING s g 4 + 10
        XCLAIM s g carol 0 3-1 LASTID 4-0 RETRYCOUNT -1 IDLE -5
        XINFO GROUPS s
        XDEL s 2-1
        XCLAIM s g carol 0 2-1 3-1 JUSTID
        XPENDING s g
        XCLAIM s g carol 0 9-9 FORCE
        XCLAIM s none bob 0 1-1
        XCLAIM absent g bob x x
        XCLAIM s g bob x 1-1
        XCLAIM s g bob 0 x
        XCLAIM s g bob 0 1-1 FOO
        XCLAIM s g bob 0 1-1 IDLE x
        XCLAIM s g bob 0 1-1 TIME x
        XCLAIM s g bob 0 1-1 RETRYCOUNT x
        XCLAIM s g bob 0 1-1 LASTID x
        XCLAIM s g bob 0 1-1 IDLE
        XADD s 5-1 f 5
        XADD s 6-1 f 6
        XGROUP SETID s g 4-1
        XREADGROUP GROUP g alice STREAMS s >
        XDEL s 5-1
        XAUTOCLAIM s g dave 0 0 COUNT 2
        XAUTOCLAIM s g dave 0 3-1 COUNT 2
        XAUTOCLAIM s g dave 0 (5-1 JUSTID
        XAUTOCLAIM s g dave 100000 -
        XAUTOCLAIM s g dave 0 9
        XAUTOCLAIM s g dave x 0
        XAUTOCLAIM s g dave 0 x
        XAUTOCLAIM s g dave 0 (18446744073709551615-18446744073709551615
        XAUTOCLAIM s g dave 0 0 COUNT 0
        XAUTOCLAIM s g dave 0 0 COUNT x
        XAUTOCLAIM s g dave 0 0 COUNT 576460752303423488
        XAUTOCLAIM s g dave 0 0 FOO
        XAUTOCLAIM s none dave 0 0
        XAUTOCLAIM absent g dave 0 0
        ~ XPENDING s g - + 10
        "#
    );
}

#[test]
fn what_there_is() {
    transcript!(
        r#"
        XADD s 1-1 f 1
        XADD s 2-1 f 2
        XGROUP CREATE s g 0
        XGROUP CREATE s h $
        XREADGROUP GROUP g alice COUNT 1 STREAMS s >
        XREADGROUP GROUP g bob COUNT 0 STREAMS s 0
        XINFO STREAM s
        ~ XINFO STREAM s FULL ## fields of 7.2
        ~ XINFO STREAM s FULL COUNT 1 ## fields of 7.2
        ~ XINFO STREAM s FULL COUNT 0 ## fields of 7.2
        XINFO GROUPS s
        ~ XINFO CONSUMERS s g ## fields of 7.2
        XINFO CONSUMERS s h
        XGROUP CREATE empty g $ MKSTREAM
        XINFO STREAM empty
        XINFO STREAM empty FULL
        XINFO GROUPS empty
        XDEL s 1-1 2-1
        XINFO STREAM s
        XINFO GROUPS s
        XINFO STREAM absent
        XINFO STREAM absent FOO
        XINFO STREAM s FOO
        XINFO STREAM s FULL COUNT
        XINFO STREAM s FULL COUNT x
        XINFO GROUPS absent
        XINFO CONSUMERS absent g
        XINFO CONSUMERS s none
        XINFO CONSUMERS s
        XINFO FOO s
        XINFO
        XGROUP HELP ## our own words
        XINFO HELP ## our own words
        "#
    );
}

#[test]
fn of_another_type() {
    transcript!(
        r#"
        SET t v
        XADD t 1-1 f v
        XADD t NOMKSTREAM 1-1 f v
        XLEN t
        XRANGE t - +
        XREVRANGE t + -
        XDEL t x
        XTRIM t MAXLEN 1
        XSETID t 1-1
        XREAD STREAMS t 0
        XGROUP CREATE t g 0 MKSTREAM
        XGROUP SETID t g 0
        XGROUP DESTROY t g
        XGROUP CREATECONSUMER t g c
        XGROUP DELCONSUMER t g c
        XREADGROUP GROUP g c STREAMS t >
        XACK t g 1-1
        XPENDING t g
        XPENDING t g - + 1
        XCLAIM t g c 0 1-1
        XAUTOCLAIM t g c 0 0
        XINFO STREAM t
        XINFO GROUPS t
        XINFO CONSUMERS t g
        XADD s 1-1 f v
        GET s
        APPEND s x
        INCR s
        SET s v GET
        SCAN 0 TYPE stream
        DEBUG DIGEST-VALUE s
        XADD s 2-1 f v g w
        XDEL s 1-1
        DEBUG DIGEST-VALUE s
        "#
    );
}
