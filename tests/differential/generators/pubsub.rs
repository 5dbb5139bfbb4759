//! Publications, and who would hear them: of both servers' listeners, as nobody else subscribes here.

use super::{Generator, exact};

pub const GENERATORS: &[Generator] = &[
    exact("PUBLISH", |r| vec![r.key(), r.value()]),
    exact("SPUBLISH", |r| vec![r.key(), r.value()]),
    exact("PUBSUB CHANNELS", |r| vec![r.pattern()]),
    exact("PUBSUB NUMSUB", |r| r.keys(3)),
    exact("PUBSUB NUMPAT", |_| vec![]),
    exact("PUBSUB SHARDCHANNELS", |r| vec![r.pattern()]),
    exact("PUBSUB SHARDNUMSUB", |r| r.keys(3)),
];
