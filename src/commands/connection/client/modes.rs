//! How this connection is served: with or without replies, evicted or not, noticed by eviction or not.
use super::{COMMON, spec};
use crate::{
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        session::{Replies, Session},
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use std::sync::atomic::Ordering::Relaxed;

fn on_or_off(args: &mut Args) -> Result<bool, CommandError> {
    args.one_of(&[("ON", true), ("OFF", false)]).ok_or(CommandError::Syntax)
}

/// Only ON is answered. Leaving out replies is the connection's part: [`Session::mutes_reply`].
pub struct ReplyMode {
    replies: Replies,
}
impl Command for ReplyMode {
    const SPEC: Spec = spec("REPLY", Exactly(3))
        .since("3.2.0")
        .flags(COMMON)
        .syntax("<ON|OFF|SKIP>")
        .summary("Leaves out the replies from here on, or the next one only.");
    fn parse(args: &mut Args) -> Result<ReplyMode, CommandError> {
        let modes = [("ON", Replies::On), ("OFF", Replies::Off), ("SKIP", Replies::SkipNext)];
        Ok(ReplyMode { replies: args.one_of(&modes).ok_or(CommandError::Syntax)? })
    }
}
impl SessionCommand for ReplyMode {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        match self.replies {
            // Skipping one of none would turn the rest on.
            Replies::SkipNext if session.replies == Replies::Off => {}
            replies => session.replies = replies,
        }
        if self.replies == Replies::On {
            reply.ok();
        }
        Ok(())
    }
}

pub struct NoEvict {
    on: bool,
}
impl Command for NoEvict {
    const SPEC: Spec = spec("NO-EVICT", Exactly(3))
        .since("7.0.0")
        .flags(COMMON | ADMIN)
        .syntax("<ON|OFF>")
        .summary("Keeps this connection when others are closed to free memory.");
    fn parse(args: &mut Args) -> Result<NoEvict, CommandError> {
        Ok(NoEvict { on: on_or_off(args)? })
    }
}
impl SessionCommand for NoEvict {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        session.record.no_evict.store(self.on, Relaxed);
        reply.ok();
        Ok(())
    }
}

pub struct NoTouch {
    on: bool,
}
impl Command for NoTouch {
    const SPEC: Spec = spec("NO-TOUCH", Exactly(3))
        .since("7.2.0")
        .flags(COMMON)
        .syntax("<ON|OFF>")
        .summary("Makes this connection look at keys without making them seem used.");
    fn parse(args: &mut Args) -> Result<NoTouch, CommandError> {
        Ok(NoTouch { on: on_or_off(args)? })
    }
}
impl SessionCommand for NoTouch {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        session.record.no_touch.store(self.on, Relaxed);
        reply.ok();
        Ok(())
    }
}
