//! Blocked clients, as the Keyspace sees them: where their replies go, and what they asked behind the command that waits.
//!
//! Which of them is served by what is the [`Stage`](crate::commands::stage::Stage)'s to judge; when their time is over,
//! Expiry tells.
use super::{Execute, Keyspace};
use crate::{
    actors::{
        courier::messages::{Batch, End, LineId, Replies, Run, Then},
        expiry::RingAt,
        now_ms,
    },
    commands::{
        Awaited, Caller,
        waiting::{Ending, Waiter},
    },
    data::room::Room,
};
use actix::prelude::*;
use std::{
    collections::{BTreeSet, HashMap},
    sync::atomic::Ordering::Relaxed,
};

/// From a Courier: a client is gone that had something under way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone {
    pub client: u64,
}

/// From Expiry: the time has come that was asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TimesUp;

/// When the patience of a blocked client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alarm {
    /// ms since 1970.
    at_ms: u64,
    client: u64,
}
/// All alarms. Expiry is asked to ring for the first, and is left alone while others begin and end behind that: most
/// clients are served long before their time is over, and none of them is worth waking a thread for.
#[derive(Default)]
struct Alarms {
    set: BTreeSet<Alarm>,
    /// When Expiry will ring.
    rings_at_ms: Option<u64>,
}
impl Alarms {
    /// When Expiry has to be asked to ring, if what it was asked for is too late.
    fn next_to_ask(&self) -> Option<u64> {
        let first = self.set.first()?.at_ms;
        self.rings_at_ms.is_none_or(|rings| first < rings).then_some(first)
    }
    fn ask(&mut self) -> Option<RingAt> {
        let at_ms = self.next_to_ask()?;
        self.rings_at_ms = Some(at_ms);
        Some(RingAt(at_ms))
    }
    /// Expiry has rung: takes out those whose time is over.
    fn take_over(&mut self, now_ms: u64) -> BTreeSet<Alarm> {
        self.rings_at_ms = None;
        let later = self.set.split_off(&Alarm { at_ms: now_ms + 1, client: 0 });
        std::mem::replace(&mut self.set, later)
    }
}

/// One client that is blocked in the midst of its turn.
struct Seat {
    line: LineId,
    reply_to: Recipient<Replies>,
    /// It does not want the reply (CLIENT REPLY).
    muted: bool,
    /// What it asked behind the command that waits.
    rest: Batch,
    /// The last command that its connection has read, for CLIENT LIST, where the one that waits is told meanwhile.
    last_command: usize,
    alarm: Option<Alarm>,
}

#[derive(Default)]
pub struct Blocked {
    seats: HashMap<u64, Seat>,
    alarms: Alarms,
    /// Those whose wait is over now are to go: what they asked behind it is not done.
    turns_away: bool,
    /// Replies to clients whose wait is over.
    served: Vec<(Recipient<Replies>, Replies)>,
}
impl Blocked {
    /// Whether Expiry has to hear of an alarm.
    pub fn has_alarm_to_ask(&self) -> bool {
        self.alarms.next_to_ask().is_some()
    }
    pub fn ask_for_alarm(&mut self) -> Option<RingAt> {
        self.alarms.ask()
    }
    fn stop(&mut self, alarm: Option<Alarm>) {
        if let Some(alarm) = alarm {
            self.alarms.set.remove(&alarm);
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
    ) -> Then {
        // A client that is gone already would be waited for in vain: it has said so before.
        let Some(record) = self.stage.board.roster.get(caller.client) else { return Then::Waits };
        let Some(mut waiter) = Waiter::new(run.node, run.task, run.request, caller) else {
            return Then::Waits;
        };
        if let Some(shipment) = waiter.shipment.take() {
            self.moving.begin(caller.client, caller.db, shipment);
        }
        let over = |ms: i64| now_ms().saturating_add(ms).max(0) as u64;
        let alarm = waiter.patience.lasts_ms.map(|ms| Alarm { at_ms: over(ms), client: caller.client });
        self.blocked.alarms.set.extend(alarm);
        // Whoever sees that it is blocked sees with what.
        let last_command = record.last_command.swap(waiter.node.index + 1, Relaxed);
        self.stage.board.block(&record);
        let has_stream = self.stage.record.stream.is_on;
        let mut then = Then::Waits;
        match waiter.patience.awaited {
            Awaited::Log if has_stream => self.ask_for_acks(ctx),
            Awaited::Copies { replicas } if has_stream => {
                // They are there, and answer at once.
                if self.stage.record.stream.copies.len() as i64 >= replicas {
                    then = Then::WaitsBriefly;
                }
                self.await_acks(ctx);
            }
            _ => {}
        }
        self.stage.wait(waiter);
        let seat = Seat { line, reply_to, muted: run.muted, rest, last_command, alarm };
        self.blocked.seats.insert(caller.client, seat);
        then
    }
    /// The server becomes a replica: whoever waits is told so, and then its connection ends. It is to find out where its
    /// master is by now.
    pub(super) fn turn_away_blocked(&mut self, ctx: &mut Context<Self>) {
        let waiting: Vec<u64> = self.blocked.seats.keys().copied().collect();
        self.stage.turn_away_waiting();
        self.blocked.turns_away = true;
        self.deliver_served(ctx);
        self.blocked.turns_away = false;
        let is_over = |client: &u64| !self.blocked.seats.contains_key(client);
        let roster = &self.stage.board.roster;
        let gone: Vec<_> =
            waiting.into_iter().filter(is_over).filter_map(|client| roster.get(client)).collect();
        // The word goes the way of the reply, behind it.
        gone.into_iter().for_each(|client| self.hang_up(client, ctx));
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
            let is_behind = replies.ends.iter().any(|end| self.dropper.is_behind(end.line.client));
            match is_behind {
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
            record.last_command.store(seat.last_command, Relaxed);
            if seat.muted {
                reply.truncate(0);
            }
            self.stage.tracking.end_caching(client, Some(waiter.node));
            self.stage.write_pushes(client, &mut reply);
            let goes_on = !seat.rest.is_empty() && !self.blocked.turns_away;
            let then = if goes_on { Then::GoesOn } else { Then::Settles };
            // It was served by a write, and wrote perhaps itself.
            if self.waits_for_disk(waiter.node, &waiter.request, 0) || self.is_behind(client) {
                self.hold_replies(reply, seat.line, then, seat.reply_to.clone());
            } else {
                let end = End { line: seat.line, at: reply.position(), then };
                let (bytes, grafts) = reply.into_parts();
                let replies = Replies { bytes, grafts, ends: vec![end], spent: None };
                self.blocked.served.push((seat.reply_to.clone(), replies));
            }
            if goes_on {
                ctx.notify(Execute::at_last(seat.rest, seat.reply_to));
            }
        }
        self.blocked.seats.fit();
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
            self.blocked.seats.fit();
        }
        self.note_changes(ctx);
    }
}

impl Handler<TimesUp> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: TimesUp, ctx: &mut Self::Context) {
        let now_ms = now_ms();
        self.stage.begin(now_ms);
        for alarm in self.blocked.alarms.take_over(now_ms.max(0) as u64) {
            if let Some(seat) = self.blocked.seats.get_mut(&alarm.client) {
                seat.alarm = None;
                self.stage.waiting.end(alarm.client, Ending::TimeOver);
            }
        }
        self.deliver_served(ctx);
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(at_ms: u64, client: u64) -> Alarm {
        Alarm { at_ms, client }
    }
    fn asked(alarms: &mut Alarms) -> Option<u64> {
        alarms.ask().map(|RingAt(at_ms)| at_ms)
    }

    #[test]
    fn expiry_is_asked_for_the_first_alarm_only() {
        let mut alarms = Alarms::default();
        assert_eq!(asked(&mut alarms), None);
        alarms.set.extend([alarm(500, 1), alarm(700, 2)]);
        assert_eq!(asked(&mut alarms), Some(500));
        // What is later, or ends, is not told; what is earlier is.
        alarms.set.remove(&alarm(500, 1));
        alarms.set.insert(alarm(600, 1));
        assert_eq!(asked(&mut alarms), None);
        alarms.set.insert(alarm(400, 3));
        assert_eq!(asked(&mut alarms), Some(400));
        assert_eq!(asked(&mut alarms), None);
    }
    #[test]
    fn who_is_over_time_is_taken_out_and_the_next_asked_for() {
        let mut alarms = Alarms::default();
        alarms.set.extend([alarm(500, 1), alarm(500, 9), alarm(501, 2)]);
        assert_eq!(asked(&mut alarms), Some(500));
        assert_eq!(Vec::from_iter(alarms.take_over(500)), [alarm(500, 1), alarm(500, 9)]);
        assert_eq!(asked(&mut alarms), Some(501));
        // It rang in vain: it is asked for again.
        assert!(alarms.take_over(500).is_empty());
        assert_eq!(asked(&mut alarms), Some(501));
    }
}
