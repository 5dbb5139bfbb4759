//! Blocked clients, as the Keyspace sees them: where their replies go, and what they asked behind the command that waits.
//!
//! Which of them is served by what is the [`Stage`](crate::commands::stage::Stage)'s to judge; when their time is over,
//! Expiry tells.
use super::{Execute, Keyspace};
use crate::{
    actors::{
        courier::messages::{Batch, End, LineId, Replies, Run},
        expiry::{Alarm, Alarms},
        now_ms,
    },
    commands::{
        Awaited, Caller,
        waiting::{Ending, Waiter},
    },
};
use actix::prelude::*;
use std::collections::HashMap;

/// From a Courier: a client is gone that had something under way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone {
    pub client: u64,
}

/// From Expiry: these alarms have gone off.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TimesUp(pub Vec<Alarm>);

/// One client that is blocked in the midst of its turn.
struct Seat {
    line: LineId,
    reply_to: Recipient<Replies>,
    /// It does not want the reply (CLIENT REPLY).
    muted: bool,
    /// What it asked behind the command that waits.
    rest: Batch,
    alarm: Option<Alarm>,
}

#[derive(Default)]
pub struct Blocked {
    seats: HashMap<u64, Seat>,
    /// Alarms to be set and stopped.
    alarms: Alarms,
    /// Replies to clients whose wait is over.
    served: Vec<(Recipient<Replies>, Replies)>,
}
impl Blocked {
    pub fn has_alarms(&self) -> bool {
        !self.alarms.is_empty()
    }
    pub fn take_alarms(&mut self) -> Alarms {
        std::mem::take(&mut self.alarms)
    }
    fn stop(&mut self, alarm: Option<Alarm>) {
        let Some(alarm) = alarm else { return };
        // One that Expiry has not heard of yet, it need not hear of.
        match self.alarms.set.iter().rposition(|set| *set == alarm) {
            Some(index) => {
                self.alarms.set.swap_remove(index);
            }
            None => self.alarms.stopped.push(alarm),
        }
    }
}

impl Keyspace {
    /// Keeps a command that waits, and what its client asked behind it.
    pub(super) fn block(
        &mut self,
        run: Run,
        caller: Caller,
        rest: Batch,
        line: LineId,
        reply_to: Recipient<Replies>,
        ctx: &mut Context<Self>,
    ) {
        // A client that is gone already would be waited for in vain: it has said so before.
        let Some(record) = self.stage.board.roster.get(caller.client) else { return };
        let Some(mut waiter) = Waiter::new(run.node, run.task, run.request, caller) else { return };
        if let Some(shipment) = waiter.shipment.take() {
            self.moving.begin(caller.client, caller.db, shipment);
        }
        let alarm =
            waiter.patience.until_ms.map(|at_ms| Alarm { at_ms: at_ms.max(0) as u64, client: caller.client });
        self.blocked.alarms.set.extend(alarm);
        self.stage.board.block(&record);
        let awaits_copies = matches!(waiter.patience.awaited, Awaited::Log);
        self.stage.wait(waiter);
        if awaits_copies && self.stage.record.stream.is_on {
            // Replicas are sent what they have to acknowledge, and are asked, at the end of this drain.
            self.ask_for_acks(ctx);
        }
        self.blocked.seats.insert(caller.client, Seat { line, reply_to, muted: run.muted, rest, alarm });
    }
    /// Sends their replies to clients whose wait is over, and lets them go on.
    pub(super) fn deliver_served(&mut self, ctx: &mut Context<Self>) {
        self.gather_served(ctx);
        self.send_served();
    }
    /// To be called behind the replies of a batch: what such a client was answered before it began to wait may be among them,
    /// and goes out first.
    pub(super) fn send_served(&mut self) {
        for (reply_to, replies) in self.blocked.served.drain(..) {
            match self.dropper.is_awaited() {
                true => self.dropper.drop_before(Vec::new(), reply_to, replies),
                false => reply_to.do_send(replies),
            }
        }
    }
    pub(super) fn gather_served(&mut self, ctx: &mut Context<Self>) {
        if !self.stage.waiting.has_served() {
            return;
        }
        let served = self.stage.take_served();
        self.post();
        for (waiter, mut reply) in served {
            let client = waiter.caller.client;
            let Some(seat) = self.blocked.seats.remove(&client) else { continue };
            self.blocked.stop(seat.alarm);
            let Some(record) = self.stage.board.roster.get(client) else { continue };
            self.stage.board.unblock(&record);
            if seat.muted {
                reply.truncate(0);
            }
            self.stage.tracking.end_caching(client, Some(waiter.node));
            self.stage.write_pushes(client, &mut reply);
            let settles = seat.rest.is_empty();
            // It was served by a write, and wrote perhaps itself.
            if self.waits_for_disk(waiter.node, &waiter.request, 0) {
                self.hold_replies(reply, seat.line, settles, seat.reply_to.clone());
            } else {
                let end = End { line: seat.line, at: reply.position(), settles };
                let (bytes, grafts) = reply.into_parts();
                let replies = Replies { bytes, grafts, ends: vec![end], spent: None };
                self.blocked.served.push((seat.reply_to.clone(), replies));
            }
            if !seat.rest.is_empty() {
                ctx.notify(Execute { batch: seat.rest, reply_to: seat.reply_to, spent_bytes: None });
            }
        }
    }
}

impl Handler<Gone> for Keyspace {
    type Result = ();
    fn handle(&mut self, Gone { client }: Gone, ctx: &mut Self::Context) {
        self.stage.unwatch(client);
        self.stage.untrack(client);
        self.stage.unmonitor(client);
        // What is on its way will arrive; then its keys must go.
        if self.stage.waiting.awaits_answer(client) {
            return;
        }
        self.stage.forget(client);
        if let Some(seat) = self.blocked.seats.remove(&client) {
            self.blocked.stop(seat.alarm);
        }
        self.note_changes(ctx);
    }
}

impl Handler<TimesUp> for Keyspace {
    type Result = ();
    fn handle(&mut self, TimesUp(alarms): TimesUp, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        for alarm in alarms {
            // It may have been served, and have come back to wait for something else.
            let seat = self.blocked.seats.get_mut(&alarm.client).filter(|seat| seat.alarm == Some(alarm));
            if let Some(seat) = seat {
                seat.alarm = None;
                self.stage.waiting.end(alarm.client, Ending::TimeOver);
            }
        }
        self.deliver_served(ctx);
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
}
