//! Publish and subscribe: what a client listens to, what is told there, and who listens.
//!
//! Three actors share the work. PubSub keeps the lists of subscribers, and so runs what changes them. The Keyspace runs
//! PUBLISH, in order with everything else; it reads the receivers off the board, and leaves the message in its record.
//! What only asks is answered by the connection, off the board.
mod introspection;
mod publish;
mod subscribe;

use super::{
    Entry, backstage, broker, container, session,
    spec::{Arity::*, *},
};

pub static COMMANDS: &[Entry] = &[
    broker::<subscribe::Subscribe>(),
    broker::<subscribe::PSubscribe>(),
    broker::<subscribe::SSubscribe>(),
    broker::<subscribe::Unsubscribe>(),
    broker::<subscribe::PUnsubscribe>(),
    broker::<subscribe::SUnsubscribe>(),
    backstage::<publish::Publish>(),
    backstage::<publish::SPublish>(),
    container(PUBSUB_SPEC, PUBSUB_SUBCOMMANDS),
];

const PUBSUB_SPEC: Spec = spec("PUBSUB", AtLeast(2))
    .since("2.8.0")
    .categories(0)
    // Each subcommand has its own.
    .complexity("")
    .summary("What is listened to, and by how many.");

static PUBSUB_SUBCOMMANDS: &[Entry] = &[
    session::<introspection::Channels>(),
    session::<introspection::NumSub>(),
    session::<introspection::NumPat>(),
    session::<introspection::ShardChannels>(),
    session::<introspection::ShardNumSub>(),
    session::<introspection::Help>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::PubSub, name, arity)
}
