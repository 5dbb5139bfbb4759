//! Scripts and functions. One that takes longer than `busy-reply-threshold` is *parked*: the Keyspace takes no messages
//! until it is done, but leaves the thread to others after each slice of it, so that Connections can say BUSY, and
//! somebody can kill it.
use super::{Execute, Keyspace, LogMode, telling::let_listeners_catch_up};
use crate::{
    actors::courier::messages::{Batch, End, LineId, Replies, Run, Then},
    commands::{
        Caller, Progress, Task,
        error::CommandError,
        registry::Node,
        scripting::{Advance, Called, Invocation, Play},
        stage::count_error,
    },
    resp::{Reply, Request},
    script::Outcome,
};
use actix::prelude::*;
use std::time::{Duration, Instant};

/// A script that takes long, and whose it is.
pub struct Parked {
    pub play: Play,
    pub run: Run,
    pub caller: Caller,
    pub line: LineId,
    pub reply_to: Recipient<Replies>,
    /// What its client asked behind it.
    pub rest: Batch,
}

impl Keyspace {
    /// Runs EVAL or FCALL. If it takes long it waits in `playing`, to be parked.
    pub(super) fn run_script(
        &mut self,
        run: &Run,
        caller: Caller,
        reply: &mut Reply,
        ctx: &mut Context<Self>,
    ) -> (Progress, bool) {
        let Task::Script(invocation) = &run.task else { return (Progress::Done, false) };
        let started = self.stage.mark_time();
        self.stage.show_script_of(run.node, &run.request, caller);
        let mut play = match Play::begin(&mut self.stage, invocation, &run.request, caller, started) {
            Ok(play) => play,
            Err(error) => {
                self.refuse_script(run.node, &error, started, reply);
                return (Progress::Done, false);
            }
        };
        match self.play_on(&mut play, &run.request, true, ctx) {
            Some(outcome) => (Progress::Done, self.end_script(play, outcome, run.node, reply)),
            None => {
                self.playing = Some(play);
                (Progress::Waits, false)
            }
        }
    }
    /// The same in the midst of a transaction, where nothing can be left for later. True if the reply must wait for the
    /// disk.
    pub(super) fn run_script_at_once(
        &mut self,
        node: &'static Node,
        invocation: &Invocation,
        request: &Request,
        caller: Caller,
        reply: &mut Reply,
        ctx: &mut Context<Self>,
    ) -> bool {
        let started = self.stage.mark_time();
        self.stage.show_script_of(node, request, caller);
        match Play::begin(&mut self.stage, invocation, request, caller, started) {
            Ok(mut play) => match self.play_on(&mut play, request, false, ctx) {
                Some(outcome) => self.end_script(play, outcome, node, reply),
                None => false,
            },
            Err(error) => {
                self.refuse_script(node, &error, started, reply);
                false
            }
        }
    }
    fn refuse_script(&mut self, node: &Node, error: &CommandError, started: Instant, reply: &mut Reply) {
        reply.error(error);
        count_error(&self.stage.board, error);
        self.stage.note_time(node, started, true);
    }
    fn end_script(&mut self, play: Play, outcome: Outcome, node: &Node, reply: &mut Reply) -> bool {
        let (waits_for_disk, started) = (play.waits_for_disk, play.started);
        let failed = play.end(&mut self.stage, outcome, reply);
        self.stage.note_time(node, started, failed);
        waits_for_disk
    }
    /// Lets a script go on to its end. None, where it may be parked: it has taken long, and a slice of it is over.
    fn play_on(
        &mut self,
        play: &mut Play,
        request: &Request,
        may_park: bool,
        ctx: &mut Context<Self>,
    ) -> Option<Outcome> {
        // Of each command it must be known whether its reply waits for the disk.
        play.is_watched = self.commits.mode == LogMode::Synced;
        loop {
            match play.advance(&mut self.stage) {
                Advance::Done(outcome) => return Some(outcome),
                Advance::Called(called) => self.see_to(play, called, ctx),
                Advance::Paused => {
                    let threshold =
                        Duration::from_millis(self.stage.board.config.load().busy_reply_threshold_ms);
                    if !threshold.is_zero() && play.started.elapsed() >= threshold {
                        play.post(&mut self.stage, request);
                        if may_park {
                            return None;
                        }
                    }
                }
            }
        }
    }
    /// What a command that a script called asks for beside.
    fn see_to(&mut self, play: &mut Play, mut called: Called, ctx: &mut Context<Self>) {
        let Called { node, ref request, ref mut task, ref mut reply, ref deed } = called;
        if deed.progress == Progress::Waits {
            match task {
                Task::Control(_) => self.ask_supervisor(node, task, play.caller(), reply),
                Task::Broker(_) => self.ask_pubsub(node, task, play.caller(), reply),
                _ => self.end_wait(node, task, request, play.caller(), reply),
            }
        }
        play.waits_for_disk |= self.waits_for_disk(node, request, deed.effects);
        if let Some(errand) = self.stage.errand.take()
            && let Err(error) = self.run_errand(errand, ctx)
        {
            self.stage.replace_reply(reply, 0, &error);
        }
        play.finish_call(&mut self.stage, called);
    }

    /// Takes no messages until the script that is parked has ended. What it has published is told meanwhile, and what it
    /// called is shown: some scripts have no end.
    pub(super) fn wait_for_script(&mut self, ctx: &mut Context<Self>) {
        self.tell_of_script();
        self.post_pushes(ctx);
        let board = self.stage.board.clone();
        let others = async move {
            tokio::task::yield_now().await;
            let_listeners_catch_up(&board).await;
        };
        ctx.wait(others.into_actor(self).map(|(), keyspace, ctx| keyspace.resume_script(ctx)));
    }
    /// Tells what a script has published so far. Where a write waits for the disk that is not possible, for nothing of a
    /// script is logged before its end; and a client that listens to itself is answered first.
    fn tell_of_script(&mut self) {
        let Some(Parked { caller, .. }) = &self.parked else { return };
        let client = self.stage.board.roster.get(caller.client);
        let listens = client.is_some_and(|client| client.is_subscribed());
        if self.has_announcements() && !self.syncs_first() && !listens {
            self.send_announcements();
        }
    }
    fn resume_script(&mut self, ctx: &mut Context<Self>) {
        let Some(mut parked) = self.parked.take() else { return };
        match self.play_on(&mut parked.play, &parked.run.request, true, ctx) {
            Some(outcome) => self.end_parked(parked, outcome, ctx),
            None => {
                self.parked = Some(parked);
                self.wait_for_script(ctx);
            }
        }
    }
    fn end_parked(&mut self, parked: Parked, outcome: Outcome, ctx: &mut Context<Self>) {
        let Parked { play, run, caller, line, reply_to, rest } = parked;
        let mut reply = Reply::new(caller.protocol);
        let waits_for_disk = self.end_script(play, outcome, run.node, &mut reply);
        if run.muted {
            reply.truncate(0);
        }
        if self.stage.has_news() {
            self.stage.serve_waiting();
            self.deliver_served(ctx);
        }
        self.stage.settle_times();
        self.post();
        if self.stage.board.busy.is_abandoned() {
            // The end of the server is the end of the client, too, who is told nothing that did not happen.
            self.stage.board.roster.get(line.client).inspect(|client| client.kill());
            return;
        }
        let then = if rest.is_empty() { Then::Settles } else { Then::GoesOn };
        if waits_for_disk || self.is_behind(line.client) {
            self.hold_replies(reply, line, then, reply_to.clone());
        } else {
            let end = End { line, at: reply.position(), then };
            let (bytes, grafts) = reply.into_parts();
            let replies = Replies { bytes, grafts, ends: vec![end], spent: None };
            match self.dropper.is_behind(line.client) {
                true => self.dropper.drop_before(Vec::new(), reply_to.clone(), replies),
                false => reply_to.do_send(replies),
            }
        }
        if then == Then::GoesOn {
            ctx.notify(Execute::at_last(rest, reply_to));
        }
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
}
