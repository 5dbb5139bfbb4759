//! ROLE: what Sentinel and clients ask to learn whom they talk to.
use super::spec;
use crate::{
    board::Link,
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use std::sync::atomic::Ordering::Relaxed;

pub struct Role;
impl Command for Role {
    const SPEC: Spec = spec("ROLE", Exactly(1))
        .flags(NO_SCRIPT | LOADING | STALE | FAST)
        .categories(category("admin") | category("dangerous"))
        .since("2.8.12")
        .summary("Tells whether this is a master or a replica, and how far it is.");
    fn parse(_: &mut Args) -> Result<Role, CommandError> {
        Ok(Role)
    }
}
impl BackstageCommand for Role {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let post = &backstage.board.replication;
        let offset = backstage.changes.record.offset() as i64;
        match post.link.load_full() {
            Some(link) => tell_replica(&link, offset, reply),
            None => {
                let replicas = post.replicas.load_full();
                let online: Vec<_> = replicas.iter().filter(|replica| replica.is_online()).collect();
                reply.array(3);
                reply.bulk(b"master");
                reply.integer(offset);
                reply.array(online.len());
                for replica in online {
                    reply.array(3);
                    reply.bulk(replica.ip.as_bytes());
                    reply.bulk(replica.port.to_string().as_bytes());
                    reply.bulk(replica.offset.load(Relaxed).to_string().as_bytes());
                }
            }
        }
        Ok(())
    }
}
fn tell_replica(link: &Link, offset: i64, reply: &mut Reply) {
    reply.array(5);
    reply.bulk(b"slave");
    reply.bulk(link.host.as_bytes());
    reply.integer(link.port.into());
    reply.bulk(link.state().name().as_bytes());
    // Without its master it does not know how far that is; scripts take -1 for "has none".
    let is_up = link.state() == crate::board::LinkState::Connected;
    reply.integer(if is_up { offset } else { -1 });
}
