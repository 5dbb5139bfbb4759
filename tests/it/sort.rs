//! SORT and SORT_RO: orders, patterns, limits, what is stored.

#[test]
fn orders_and_limits() {
    transcript!(
        r#"
        RPUSH l 10 9 -3 1e1 0 0.5 -0.5
        SORT l
        SORT l DESC
        SORT l ASC
        SORT l ALPHA
        SORT l ALPHA DESC
        SORT l alpha desc asc
        SORT l BY nothing
        SORT l BY nothing DESC
        SORT l BY nothing DESC LIMIT 1 3
        SORT l BY nothing LIMIT 5 30
        SORT l LIMIT 1 2
        SORT l LIMIT -5 2
        SORT l LIMIT 4 -1
        SORT l LIMIT 4 -100
        SORT l LIMIT 9 1
        SORT l LIMIT 0 0
        SORT l LIMIT 9223372036854775807 9223372036854775807
        SORT l LIMIT -9223372036854775808 -9223372036854775808
        SORT l LIMIT x 1
        SORT l LIMIT 1
        SORT l LIMIT
        SORT l WHAT
        SORT l BY
        SORT l GET
        SORT l STORE
        SORT_RO l DESC LIMIT 0 2
        SORT_RO l STORE d
        SORT
        SORT_RO none
        SORT none
        SET s v
        SORT s
        SORT s LIMIT x 1
        HSET h f v
        SORT h
        RPUSH e 1 "" 2 " 3"
        SORT e
        RPUSH e "3 "
        SORT e
        SORT e ALPHA
        RPUSH n nan
        SORT n
        RPUSH i inf -inf 0x10 1e3
        SORT i
        "#
    );
}

#[test]
fn sets_and_sorted_sets() {
    transcript!(
        r#"
        SADD s 3 1 2
        SORT s
        SORT s DESC LIMIT 0 2
        SADD t b a c
        SORT t ALPHA
        SORT t
        SORT t BY nothing STORE d
        LRANGE d 0 -1
        SORT t BY nothing DESC STORE d
        LRANGE d 0 -1
        ZADD z 1 30 2 20 3 10
        SORT z
        SORT z DESC
        SORT z BY nothing
        SORT z BY nothing DESC
        SORT z BY nothing LIMIT 1 1
        SORT z BY nothing DESC LIMIT 1 2
        "#
    );
}

#[test]
fn patterns() {
    transcript!(
        r#"
        RPUSH l a b c
        MSET w_a 3 w_b 1 w_c 2 v_a y v_b z v_c x
        SORT l BY w_*
        SORT l BY w_* DESC
        SORT l BY v_* ALPHA
        SORT l BY v_*
        SORT l BY w_* GET # GET w_* GET none_* GET fixed GET v_*
        SORT l BY w_* GET w_* LIMIT 0 2
        SORT l ALPHA GET *
        SORT l BY w_* BY nothing ALPHA
        SORT l BY nothing BY w_* DESC
        HSET h_a age 30 name Ann
        HSET h_b age 20 name Bob
        HSET h_c name Cid
        SORT l BY h_*->age GET h_*->name GET h_*->age GET h_*->none GET h_*->
        SORT l BY h_*->name ALPHA DESC
        SORT l BY w_*->age ALPHA
        SORT l BY h_* ALPHA GET h_*
        DEL w_b
        SORT l BY w_*
        SORT l BY none_*
        SORT l BY none_* ALPHA DESC
        "#
    );
}

#[test]
fn results_are_stored() {
    transcript!(
        r#"
        RPUSH l 3 1 2
        SET d v EX 100
        SORT l STORE d
        LRANGE d 0 -1
        TTL d
        TYPE d
        MSET w_1 x w_3 y
        SORT l GET w_* GET # STORE d
        LRANGE d 0 -1
        SORT l STORE l
        LRANGE l 0 -1
        SORT l LIMIT 5 5 STORE d
        EXISTS d
        SORT none STORE l
        EXISTS l
        RPUSH l x
        SORT l STORE d
        SORT l STORE d STORE e ALPHA
        EXISTS d e
        COMMAND GETKEYS SORT l STORE a GET STORE LIMIT 0 STORE STORE b
        COMMAND GETKEYS SORT l
        COMMAND GETKEYS SORT_RO l BY a GET b
        "#
    );
}
