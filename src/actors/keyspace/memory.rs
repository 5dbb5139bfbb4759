//! The gate "memory" in front of every command of a client, and what it leaves for later: what keys go is the
//! [`Stage`](crate::commands::stage::Stage)'s to say, when they go, and who is told, is seen to here.
//!
//! Where more must go than there is time for at one go, the command runs, and the Keyspace goes on by a message to itself:
//! behind all that waits in its mailbox by then, and after the others on its thread had their turn.
use super::Keyspace;
use crate::{
    actors::{courier::messages::Run, now_ms},
    commands::{
        Caller, Task,
        memory::{OUT_OF_MEMORY, Room},
        registry::Node,
        spec::DENY_OOM,
        transactions::{Queued, Verdict},
    },
    resp::{Reply, Request},
};
use actix::prelude::*;

/// To itself: more memory is used than there may be.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct MakeRoom;

impl Keyspace {
    /// Has keys go until there is room for a command. True if there is none, and it is refused.
    pub(super) fn lacks_memory(
        &mut self,
        run: &mut Run,
        caller: Caller,
        reply: &mut Reply,
        ctx: &mut Context<Self>,
    ) -> bool {
        let room = self.make_room(ctx);
        // What its client may have in its cache is gone before it is answered.
        self.stage.write_pushes(caller.client, reply);
        room == Room::None && self.refuse_memory(run, caller, reply)
    }
    /// Has keys go until there is room, as far as there is time; what is left goes on by itself.
    pub(super) fn make_room(&mut self, ctx: &mut Context<Self>) -> Room {
        self.stage.memory.notes_keys = self.syncs_first();
        let room = self.stage.make_room();
        // Who finds them gone waits until that is safe.
        let gone = std::mem::take(&mut self.stage.memory.evicted_keys);
        self.commits.note_written(gone.iter());
        if room == Room::More {
            self.go_on_making_room(ctx);
        }
        room
    }
    fn go_on_making_room(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.makes_room, true) {
            ctx.address().do_send(MakeRoom);
        }
    }
    /// The configuration may want less memory to be used than is.
    pub(super) fn heed_memory(&mut self, ctx: &mut Context<Self>) {
        self.stage.begin(now_ms());
        match self.stage.memory.is_limited() {
            true => self.go_on_making_room(ctx),
            // No limit is exceeded any more.
            false => self.stage.board.vitals.note_room(true),
        }
    }
    /// There is no memory for what may need more of it.
    fn refuse_memory(&mut self, run: &mut Run, caller: Caller, reply: &mut Reply) -> bool {
        match &mut run.task {
            Task::Transaction(transaction) => {
                let mut needs = |item: &Queued| match &item.task {
                    Ok(task) => self.needs_memory(item.node, task, &item.request),
                    Err(_) => item.node.spec().flags & DENY_OOM != 0,
                };
                if matches!(transaction.verdict, Verdict::Execute) && transaction.items.iter().any(&mut needs)
                {
                    transaction.forbid(&OUT_OF_MEMORY);
                    self.stage.note_rejection(run.node);
                }
                // It has watches and a session to give back.
                false
            }
            task if self.needs_memory(run.node, task, &run.request) => {
                self.refuse(run, caller, &OUT_OF_MEMORY, reply);
                true
            }
            _ => false,
        }
    }
    fn needs_memory(&mut self, node: &Node, task: &Task, request: &Request) -> bool {
        match task {
            Task::Script(invocation) => self.stage.says_it_needs_memory(invocation, request),
            _ => node.spec().flags & DENY_OOM != 0,
        }
    }
}

impl Handler<MakeRoom> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: MakeRoom, ctx: &mut Self::Context) {
        self.makes_room = false;
        self.stage.begin(now_ms());
        if !self.stage.memory.is_limited() {
            return;
        }
        let room = self.make_room(ctx);
        if self.stage.has_news() {
            self.stage.serve_waiting();
        }
        self.post();
        self.deliver_served(ctx);
        self.post_pushes(ctx);
        self.note_changes(ctx);
        if room == Room::More {
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
    }
}
