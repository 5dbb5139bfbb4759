//! Deadlines: setting them with conditions, reading them, and keys that go on time.

#[test]
fn set_and_read() {
    transcript!(
        r#"
        EXPIRE absent 10
        TTL absent
        PTTL absent
        EXPIRETIME absent
        PEXPIRETIME absent
        PERSIST absent
        SET k v
        TTL k
        PTTL k
        EXPIRETIME k
        PEXPIRETIME k
        PERSIST k
        EXPIRE k 100
        TTL k
        PEXPIRE k 100000
        TTL k
        ~ PTTL k
        EXPIREAT k 33177117420
        EXPIRETIME k
        PEXPIRETIME k
        PEXPIREAT k 33177117420123
        EXPIRETIME k
        PEXPIRETIME k
        PERSIST k
        TTL k
        PERSIST k
        EXPIRE k
        TTL
        PTTL
        PERSIST
        EXPIRETIME
        EXPIRE k abc
        EXPIRE k 1.5
        EXPIRE k ""
        "#
    );
}

#[test]
fn conditions() {
    transcript!(
        r#"
        SET k v
        EXPIRE k 100 XX
        EXPIRE k 100 GT
        TTL k
        EXPIRE k 100 LT
        TTL k
        EXPIRE k 200 NX
        EXPIRE k 50 GT
        EXPIRE k 200 gt
        TTL k
        EXPIRE k 300 LT
        EXPIRE k 150 lt
        TTL k
        EXPIRE k 400 XX GT
        TTL k
        EXPIRE k 100 XX LT
        TTL k
        PERSIST k
        PEXPIRE k 100000 NX
        EXPIREAT k 33177117420 GT
        PEXPIREAT k 33177117420000 GT
        PEXPIREAT k 33177117420001 GT
        EXPIRE k 100 NX XX
        EXPIRE k 100 NX GT
        EXPIRE k 100 NX LT
        EXPIRE k 100 GT LT
        EXPIRE k 100 NX NX
        EXPIRE k 100 FOO
        EXPIRE k 100 XX FOO
        EXPIRE absent 100 FOO
        EXPIRE absent 100 NX XX
        "#
    );
}

#[test]
fn extremes() {
    transcript!(
        r#"
        SET k v
        EXPIRE k 9223372036854775807
        EXPIRE k 9223372036854775
        EXPIRE k -9223372036854775808
        PEXPIRE k 9223372036854775807
        PEXPIRE k 9223372036854770000
        PEXPIRE k -9223372036854775808 GT
        EXPIREAT k 9223372036854775807
        EXPIREAT k -9223372036854775808
        EXPIRE k 9223372036854775808
        TTL k
        PEXPIREAT k 9223372036854775807
        PEXPIRETIME k
        EXPIRE k 0
        EXISTS k
        SET k v
        EXPIRE k -1
        EXISTS k
        SET k v
        PEXPIREAT k 0
        EXISTS k
        SET k v
        EXPIREAT k 1
        EXISTS k
        SET k v
        PEXPIRE k -9223372036854775808
        EXISTS k
        SET k v
        PEXPIREAT k -9223372036854775808
        EXISTS k
        "#
    );
}

#[test]
fn gone_on_time() {
    transcript!(
        r#"
        SET k v PX 15
        PEXPIRE k 15
        SET other v
        PEXPIRE other 15
        PSETEX third 15 v
        SET kept v PX 15
        PERSIST kept
        SET longer v PX 15
        PEXPIRE longer 100000
        SET rewritten v PX 15
        SET rewritten w
        SET renamed v PX 15
        RENAME renamed "new name"
        SELECT 3
        SET k v PX 15
        SELECT 0
        !sleep 150
        GET k
        TTL other
        TYPE third
        EXISTS k other third kept longer rewritten
        EXISTS "new name"
        DBSIZE
        GETSET k fresh
        TTL k
        PERSIST other
        APPEND third x
        SELECT 3
        EXISTS k
        DBSIZE
        "#
    );
}

#[test]
fn lazily_without_active_expiry() {
    transcript!(
        r#"
        DEBUG SET-ACTIVE-EXPIRE 0
        SET k v PX 1
        SET j v PX 1
        !sleep 30
        DBSIZE
        GET k
        DBSIZE
        EXISTS j
        DBSIZE
        DEBUG SET-ACTIVE-EXPIRE 1
        "#
    );
}
