//! Lists: every command, the encodings about their limits, options that contradict, extremes, and who waits.

#[test]
fn push_and_pop() {
    transcript!(
        r#"
        RPUSH l a b c
        LPUSH l 1 2 3
        LRANGE l 0 -1
        LLEN l
        LLEN none
        LPUSHX l x y
        RPUSHX l z
        LPUSHX none x
        EXISTS none
        LPOP l
        RPOP l
        LPOP l 2
        RPOP l 3
        LRANGE l 0 -1
        LPOP l 0
        LPOP none 0
        LPOP none
        LPOP none 3
        LPOP l -1
        LPOP l x
        LPOP l 1 2
        RPOP l 9223372036854775807
        EXISTS l
        RPUSH l
        LPUSH
        RPUSH l "" " " "a b" -1 0 007 9223372036854775807 9223372036854775808
        LRANGE l 0 -1
        TYPE l
        OBJECT ENCODING l ## 7.2 introduced lists that are one listpack
        "#
    );
}

#[test]
fn ranges_and_indexes() {
    transcript!(
        r#"
        RPUSH l a b c d e
        LRANGE l 1 3
        LRANGE l -2 -1
        LRANGE l 3 1
        LRANGE l 5 9
        LRANGE l -100 100
        LRANGE l -9223372036854775808 9223372036854775807
        LRANGE l 9223372036854775807 -9223372036854775808
        LRANGE none 0 -1
        LRANGE l a 1
        LRANGE l 0 9223372036854775808
        LINDEX l 0
        LINDEX l 4
        LINDEX l 5
        LINDEX l -1
        LINDEX l -5
        LINDEX l -6
        LINDEX l 9223372036854775807
        LINDEX l -9223372036854775808
        LINDEX l x
        LINDEX none 0
        LINDEX none x
        LTRIM l 1 -2
        LRANGE l 0 -1
        LTRIM l a 1
        LTRIM none 0 1
        LTRIM l 5 6
        EXISTS l
        "#
    );
}

#[test]
fn changes_in_the_middle() {
    transcript!(
        r#"
        RPUSH l a b c b a
        LSET l 0 x
        LSET l -1 10
        LSET l 5 y
        LSET l -6 y
        LSET l 4294967296 y
        LSET l x y
        LSET none 0 y
        LSET none x y
        LRANGE l 0 -1
        LINSERT l BEFORE b 1
        LINSERT l AFTER 10 2
        LINSERT l after nothing 2
        LINSERT l BESIDE b 2
        LINSERT none BEFORE b 2
        LINSERT none BESIDE b 2
        LRANGE l 0 -1
        LREM l 1 b
        LREM l -1 b
        LREM l 0 nothing
        LREM l x b
        LREM l 9223372036854775808 b
        LREM l -9223372036854775808 b ## 7.0 takes its negation, which is itself
        LREM none 1 b
        LRANGE l 0 -1
        LREM l -9223372036854775807 x
        LREM l 9223372036854775807 c
        LREM l 0 1
        LREM l 0 10
        LREM l 0 2
        EXISTS l
        "#
    );
}

#[test]
fn positions() {
    transcript!(
        r#"
        RPUSH l a b c 1 2 3 c c
        LPOS l c
        LPOS l c RANK 2
        LPOS l c RANK -1
        LPOS l c COUNT 2
        LPOS l c COUNT 0
        LPOS l c COUNT 0 RANK -1
        LPOS l c COUNT 2 RANK -2
        LPOS l c RANK 4
        LPOS l c RANK 4 COUNT 0
        LPOS l c MAXLEN 2
        LPOS l c MAXLEN 3
        LPOS l c RANK -1 COUNT 0 MAXLEN 2
        LPOS l 2 MAXLEN 0
        LPOS l 02
        LPOS l c RANK 0
        LPOS l c RANK x
        LPOS l c RANK -9223372036854775808 ## 7.0 takes its negation, which is itself
        LPOS l c RANK -9223372036854775807
        LPOS l c COUNT -1
        LPOS l c COUNT x
        LPOS l c MAXLEN -1
        LPOS l c RANK
        LPOS l c WHAT 1
        LPOS none c
        LPOS none c COUNT 1
        "#
    );
}

#[test]
fn from_list_to_list() {
    transcript!(
        r#"
        RPUSH l a b c d
        LMOVE l m LEFT RIGHT
        LMOVE l m right left
        RPOPLPUSH l m
        LRANGE l 0 -1
        LRANGE m 0 -1
        LMOVE m m LEFT RIGHT
        LMOVE m m LEFT LEFT
        RPOPLPUSH m m
        LRANGE m 0 -1
        LMOVE l m LEFT RIGHT
        EXISTS l
        LMOVE l m LEFT RIGHT
        RPOPLPUSH l m
        LMOVE l m UP LEFT
        LMOVE l m LEFT UP
        SET s v
        LMOVE m s LEFT LEFT
        RPOPLPUSH s m
        LMOVE none s LEFT LEFT
        LRANGE m 0 -1
        RPUSH one x
        RPOPLPUSH one one
        LRANGE one 0 -1
        "#
    );
}

#[test]
fn the_first_of_several() {
    transcript!(
        r#"
        RPUSH l a b c d e
        RPUSH m x
        LMPOP 2 none l LEFT
        LMPOP 2 l m RIGHT COUNT 2
        LMPOP 2 l m left count 100
        LMPOP 2 l m LEFT
        LMPOP 2 l m LEFT
        EXISTS l m
        LMPOP 0 l LEFT
        LMPOP -1 l LEFT
        LMPOP x l LEFT
        LMPOP 2 l LEFT
        LMPOP 9223372036854775807 l LEFT
        LMPOP 1 l UP
        LMPOP 1 l LEFT COUNT 0
        LMPOP 1 l LEFT COUNT x
        LMPOP 1 l LEFT COUNT 1 COUNT 2
        LMPOP 1 l LEFT COUNT
        LMPOP 1 l LEFT WHAT 1
        SET s v
        RPUSH l a
        LMPOP 2 s l LEFT
        LMPOP 2 none s LEFT
        "#
    );
}

#[test]
fn encodings() {
    transcript!(
        r#"
        CONFIG SET list-max-listpack-size 3
        RPUSH l a b c
        OBJECT ENCODING l ## 7.2 introduced lists that are one listpack
        RPUSH l d
        OBJECT ENCODING l
        LPOP l
        LPOP l
        OBJECT ENCODING l
        LPOP l
        OBJECT ENCODING l ## 7.2 introduced lists that are one listpack
        CONFIG SET list-max-listpack-size -2
        DEBUG QUICKLIST-PACKED-THRESHOLD 10b
        DEBUG QUICKLIST-PACKED-THRESHOLD x
        RPUSH p 123456789 1234567890 123456789
        LINSERT p AFTER 1234567890 12345678901
        LSET p 0 12345678901
        LSET p 1 1
        LRANGE p 0 -1
        COPY p q
        LREM p 0 12345678901
        LRANGE p 0 -1
        LRANGE q 0 -1
        DEBUG QUICKLIST-PACKED-THRESHOLD 0
        DEBUG LISTPACK l ## 7.0 has no lists that are one listpack
        DEBUG LISTPACK none
        SET s v
        DEBUG LISTPACK s
        DEBUG QUICKLIST s
        CONFIG SET list-max-listpack-size -2 list-compress-depth 1
        RPUSH c a b c d e f
        LRANGE c 0 -1
        CONFIG SET list-compress-depth 0
        "#
    );
}

#[test]
fn waiting() {
    transcript!(
        r#"
        !send BLPOP a b 0
        !sleep 50
        t> RPUSH b 1 2
        !read
        BLPOP a b 0
        BRPOP a b 0.05
        BLMOVE a b LEFT LEFT 0.01
        BRPOPLPUSH a b 0.01
        BLMPOP 0.01 1 a LEFT COUNT 2
        BLPOP a -1
        BLPOP a x
        BLPOP a 1e20 ## 7.4 says it otherwise
        BLMOVE a b UP LEFT 0
        BLMOVE a b LEFT LEFT x
        BLMPOP x 1 a LEFT
        BLMPOP x 0 a LEFT
        BLMPOP 1 1 a LEFT COUNT 0
        SET s v
        BLPOP a s 0
        BLMOVE s a LEFT LEFT 0
        RPUSH a 1
        BLMOVE a s LEFT LEFT 0
        BLMPOP 0 2 none a LEFT COUNT 2
        !send BLMOVE a b LEFT RIGHT 0
        !sleep 50
        t> RPUSH a 3
        !read
        LRANGE b 0 -1
        "#
    );
}

#[test]
fn another_type_stays_as_it_is() {
    transcript!(
        r#"
        SET s v
        LPUSH s a
        RPUSHX s a
        LPOP s
        RPOP s 1
        LLEN s
        LINDEX s 0
        LINDEX s x
        LRANGE s 0 -1
        LPOS s a
        LSET s 0 a
        LINSERT s BEFORE a b
        LREM s 0 a
        LTRIM s 0 1
        GET s
        RPUSH l a
        GET l
        SET l v
        TYPE l
        "#
    );
}
