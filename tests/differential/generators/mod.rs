//! A generator per command, a file per family. A new family is a new file and one line in `FAMILIES`.

mod bitmaps;
mod connection;
mod dump;
mod expire;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod scripting;
mod server;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;

use crate::compare::Compare;
use crate::random::{Argument, Random};

/// Makes the arguments of one command, right ones mostly.
pub struct Generator {
    /// The command's name, with its subcommand after a blank.
    pub command: &'static str,
    pub make: fn(&mut Random) -> Vec<Argument>,
    pub compare: Compare,
}

const fn exact(command: &'static str, make: fn(&mut Random) -> Vec<Argument>) -> Generator {
    Generator { command, make, compare: Compare::Exact }
}

const FAMILIES: &[&[Generator]] = &[
    strings::GENERATORS,
    sort::GENERATORS,
    bitmaps::GENERATORS,
    hyperloglog::GENERATORS,
    sorted_sets::GENERATORS,
    hashes::GENERATORS,
    geo::GENERATORS,
    streams::GENERATORS,
    keys::GENERATORS,
    dump::GENERATORS,
    lists::GENERATORS,
    expire::GENERATORS,
    connection::GENERATORS,
    sets::GENERATORS,
    server::GENERATORS,
    transactions::GENERATORS,
    scripting::GENERATORS,
];

pub fn all_generators() -> Vec<&'static Generator> {
    FAMILIES.iter().flat_map(|family| family.iter()).collect()
}

/// Commands that two servers cannot be compared by, and why. A container's reason holds for its subcommands.
pub const NOT_COMPARABLE: &[(&str, &str)] = &[
    ("AUTH", "neither server has a password here; the transcripts cover it"),
    ("BGREWRITEAOF", "works on the servers' files; the tests of persistence cover it"),
    ("BGSAVE", "works on the servers' files; the tests of persistence cover it"),
    ("CLIENT CACHING", "is about what is pushed between replies; the transcripts cover it"),
    ("CLIENT GETREDIR", "is about what is pushed between replies; the transcripts cover it"),
    ("CLIENT HELP", "7.4 has more lines than 7.0; the transcripts cover it"),
    ("CLIENT INFO", "fields of 7.2, and each server's own addresses"),
    ("CLIENT KILL", "would end the session that compares"),
    ("CLIENT LIST", "fields of 7.2, and each server's own addresses"),
    ("CLIENT NO-TOUCH", "since 7.2"),
    ("CLIENT PAUSE", "stops the session that compares"),
    ("CLIENT REPLY", "takes the replies away that are compared"),
    ("CLIENT SETINFO", "since 7.2"),
    ("CLIENT TRACKING", "has things pushed between replies; the transcripts cover it"),
    ("CLIENT TRACKINGINFO", "is about what is pushed between replies; the transcripts cover it"),
    ("COMMAND", "but for the keys, it describes the server itself; the transcripts cover it"),
    ("CONFIG", "changes what later sequences see; the transcripts cover it"),
    ("DEBUG", "tells of each server's inside; the transcripts cover it"),
    ("FAILOVER", "needs replicas; the transcripts and the tests of replication cover it"),
    ("FUNCTION HELP", "our own words"),
    ("HELLO", "tells each server's version; the transcripts cover it"),
    ("HEXPIRE", "since 7.4"),
    ("HEXPIREAT", "since 7.4"),
    ("HEXPIRETIME", "since 7.4"),
    ("HGETDEL", "since 8.0"),
    ("HGETEX", "since 8.0"),
    ("HPERSIST", "since 7.4"),
    ("HPEXPIRE", "since 7.4"),
    ("HPEXPIREAT", "since 7.4"),
    ("HPEXPIRETIME", "since 7.4"),
    ("HPTTL", "since 7.4"),
    ("HSETEX", "since 8.0"),
    ("HTTL", "since 7.4"),
    ("INFO", "tells of each server's inside; the transcripts cover it"),
    ("LASTSAVE", "tells when each server saved"),
    ("LATENCY", "measures"),
    ("LOLWUT", "random art"),
    ("MEMORY", "each server's own numbers; the transcripts cover it"),
    ("MIGRATE", "needs another server; the transcripts cover it"),
    ("MODULE", "no modules are loaded on either side"),
    ("MONITOR", "shows commands between replies; the transcripts cover it"),
    ("OBJECT HELP", "7.2 changed its last line"),
    ("PSUBSCRIBE", "makes a listener of the session; the transcripts cover it"),
    ("PUBLISH", "nobody subscribes to it here; the transcripts cover it"),
    ("PUBSUB", "nobody subscribes here; the transcripts cover it"),
    ("PUNSUBSCRIBE", "replies in pushes; the transcripts cover it"),
    ("PSYNC", "makes a replica of the session that compares; the tests of replication cover it"),
    ("QUIT", "ends the session that compares"),
    ("REPLCONF", "is said between replicas and masters; the tests of replication cover it"),
    ("REPLICAOF", "replaces all data; the tests of replication cover it"),
    ("ROLE", "tells offsets of a stream; the tests of replication cover it"),
    ("SAVE", "works on the servers' files; the tests of persistence cover it"),
    ("SCRIPT HELP", "our own words"),
    ("SDIFFCARD", "since 8.10"),
    ("SHUTDOWN", "ends the servers that are compared"),
    ("SLAVEOF", "is REPLICAOF under its old name"),
    ("SPUBLISH", "nobody subscribes to it here; the transcripts cover it"),
    ("SSUBSCRIBE", "makes a listener of the session; the transcripts cover it"),
    ("SUBSCRIBE", "makes a listener of the session; the transcripts cover it"),
    ("SUNIONCARD", "since 8.10"),
    ("SUNSUBSCRIBE", "replies in pushes; the transcripts cover it"),
    ("SYNC", "makes a replica of the session that compares; the tests of replication cover it"),
    ("UNSUBSCRIBE", "replies in pushes; the transcripts cover it"),
    ("WAIT", "needs replicas; the tests of replication cover it"),
    ("WAITAOF", "since 7.2"),
    ("XGROUP HELP", "our own words; the transcripts cover it"),
    ("XINFO CONSUMERS", "fields of 7.2, and times; the transcripts cover it"),
    ("XINFO HELP", "our own words; the transcripts cover it"),
    ("XINFO STREAM", "fields of 7.2, and times; the transcripts cover it"),
];
