//! Expiry: knows *when*. It owns the timing wheel of all deadlines and works on a timer.
//!
//! It says when a deadline has come; whether the key is still there, and still has that deadline, is the Keyspace's to
//! judge. Deadlines are not taken out of the wheel when their keys go: they fire, and nothing is there. Where many have
//! gone long before their time, the wheel is made anew from the deadlines that the Keyspace has. At most one [`Due`] is unacknowledged, each of bounded size: a Keyspace under load is never swamped by time.
use crate::{
    actors::{
        keyspace::{Due, Keyspace, PauseOver, Survey, TimesUp},
        now_ms,
    },
    board::Board,
    data::wheel::{Item, Wheel},
    store::{SurveyPlace, WheelEntry},
};
use actix::prelude::*;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// Items in one message: some 10 µs of the Keyspace's time, which a client that comes meanwhile has to wait. While
/// more is due than that, each message is twice as large as the last, up to the second bound: being late is worse.
const ITEMS_MIN: usize = 32;
const ITEMS_MAX: usize = 1024;
/// The clock of the world may be set: it is looked at again at least this often, ms.
const SLEEP_MAX_MS: u64 = 500;

/// So many deadlines of keys that are gone may always stay (12 bytes each).
const DEAD_ITEMS_MIN: usize = 10_000;
/// Where memory is limited: keys that are looked at for each dead item,
const DEARER_IF_SHORT: usize = 8;
/// dead items that may stay in any case,
const DEAD_ITEMS_IF_SHORT: usize = 250;
/// and how soon an item must be due to be left where it is, ms; and how many others are looked at together.
const SIFTED_AFTER_MS: u64 = 10_000;
const SIFTED_AT_ONCE: usize = 128;
const LEAN_EVERY: Duration = Duration::from_secs(1);

/// From the Keyspace: new deadlines.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deadlines(pub Vec<WheelEntry>);

/// From the Keyspace: the last [`Due`] is done; these were prolonged and come back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Done {
    pub again: Vec<WheelEntry>,
    pub spent: Vec<Item>,
    /// Nothing was judged, all come back: during a pause.
    pub unchecked: bool,
}

/// From the Keyspace: a part of the survey that was asked for, and where it goes on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Surveyed {
    pub found: Vec<WheelEntry>,
    pub next: Option<SurveyPlace>,
}

/// From the Keyspace: send [`TimesUp`] at this time (ms since 1970), earlier than what was asked for before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RingAt(pub u64);

/// From the Keyspace: it has not heeded what came due. Deadlines are to be heard of all anew.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SurveyAnew;

/// From the Keyspace: send [`PauseOver`] at this time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WakeAfterPause {
    pub at_ms: u64,
}

/// Where Expiry sends what is due: given once the Keyspace stands.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Serve(pub Addr<Keyspace>);

pub struct Expiry {
    wheel: Wheel,
    /// The wheel that is being made anew: it gets what the survey finds, and all that comes meanwhile.
    next_wheel: Option<Wheel>,
    /// Once more, behind the survey under way.
    once_more: bool,
    /// Items that were set aside are shown to the Keyspace.
    sifts: bool,
    /// So many items there were when that was done for the last time.
    sifted_len: usize,
    keyspace: Option<Addr<Keyspace>>,
    board: Arc<Board>,
    unacknowledged: bool,
    spare: Vec<Item>,
    /// Items that the next message may hold.
    budget: usize,
    timer: Option<(u64, SpawnHandle)>,
    alarm: Option<SpawnHandle>,
}

impl Expiry {
    pub fn new(board: Arc<Board>) -> Expiry {
        Expiry {
            wheel: Wheel::new(now_ms() as u64),
            next_wheel: None,
            once_more: false,
            sifts: false,
            sifted_len: 0,
            keyspace: None,
            board,
            unacknowledged: false,
            spare: Vec::new(),
            budget: ITEMS_MIN,
            timer: None,
            alarm: None,
        }
    }
    fn insert(&mut self, entries: Vec<WheelEntry>) {
        for (deadline_ms, item) in entries {
            self.wheel.insert(deadline_ms, item);
            if let Some(next) = &mut self.next_wheel {
                next.insert(deadline_ms, item);
            }
        }
        self.post();
        if self.is_short_of_memory() {
            self.sift();
        }
    }
    /// Where memory is short, dead items would take the place of keys. So when more than half may be dead, all that are not due
    /// soon are shown to the Keyspace, some at a time between those that are: what lives comes back.
    fn sift(&mut self) {
        let alive = self.board.vitals.volatile_keys.load(Relaxed);
        let bearable = self.sifted_len + alive.max(DEAD_ITEMS_IF_SHORT);
        // A replica does not judge what its master gave it.
        let may = !self.sifts && self.next_wheel.is_none() && !self.board.replication.is_replica();
        if may && self.wheel.len() > bearable {
            self.sifts = true;
            self.wheel.set_aside(now_ms() as u64 + SIFTED_AFTER_MS);
        }
    }
    fn is_short_of_memory(&self) -> bool {
        self.board.config.load().maxmemory > 0
    }
    /// Begins to make the wheel anew when most of it is left over from keys that are gone.
    fn keep_lean(&mut self) {
        let vitals = &self.board.vitals;
        // A survey looks at every key: it must not come more often than once for as many dead items. Where memory is short
        // these would take the place of keys, and it may cost more.
        let keys_per_item = if self.is_short_of_memory() { DEARER_IF_SHORT } else { 1 };
        let alive = vitals.volatile_keys.load(Relaxed);
        let bearable = 2 * alive + vitals.keys_to_survey.load(Relaxed) / keys_per_item + DEAD_ITEMS_MIN;
        if self.next_wheel.is_some() || self.wheel.len() < bearable {
            return;
        }
        self.survey();
    }
    fn survey(&mut self) {
        if let Some(keyspace) = &self.keyspace {
            self.next_wheel = Some(Wheel::new(now_ms() as u64));
            self.board.vitals.is_surveyed.store(true, Relaxed);
            keyspace.do_send(Survey(SurveyPlace::default()));
            self.post();
        }
    }
    fn post(&self) {
        let vitals = &self.board.vitals;
        let next_bytes = self.next_wheel.as_ref().map_or(0, Wheel::allocated_bytes);
        vitals.wheel_items.store(self.wheel.len(), Relaxed);
        vitals.wheel_bytes.store(self.wheel.allocated_bytes() + next_bytes, Relaxed);
    }
    /// Sends what is due, or sets the timer for when something will be.
    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.unacknowledged {
            return;
        }
        let Some(keyspace) = &self.keyspace else { return };
        let mut items = std::mem::take(&mut self.spare);
        items.clear();
        // The budget counts items that only move down the wheel, too: go on until some come out or none are left.
        while self.wheel.advance(now_ms() as u64, self.budget, &mut items) && items.is_empty() {}
        // While nothing is judged, all would come back at once.
        if items.is_empty() && self.sifts && self.board.pause.at(now_ms()).is_none() {
            self.wheel.take_aside(SIFTED_AT_ONCE, &mut items);
            if items.is_empty() {
                self.sifts = false;
                self.sifted_len = self.wheel.len();
                self.post();
            }
        }
        if items.is_empty() {
            self.spare = items;
            return self.arm(ctx);
        }
        self.budget = if items.len() < self.budget { ITEMS_MIN } else { (self.budget * 2).min(ITEMS_MAX) };
        self.unacknowledged = true;
        keyspace.do_send(Due { items });
    }
    /// Tells the Keyspace when the time has come.
    fn ring(&mut self, at_ms: u64, ctx: &mut Context<Self>) {
        if let Some(handle) = self.alarm.take() {
            ctx.cancel_future(handle);
        }
        let sleep_ms = at_ms.saturating_sub(now_ms() as u64).min(SLEEP_MAX_MS);
        if sleep_ms == 0 {
            if let Some(keyspace) = &self.keyspace {
                keyspace.do_send(TimesUp);
            }
            return;
        }
        let handle = ctx.run_later(Duration::from_millis(sleep_ms), move |expiry, ctx| {
            expiry.alarm = None;
            expiry.ring(at_ms, ctx);
        });
        self.alarm = Some(handle);
    }
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(due_ms) = self.wheel.next_due_ms() else { return };
        if let Some((armed_ms, handle)) = self.timer {
            if armed_ms <= due_ms {
                return;
            }
            ctx.cancel_future(handle);
        }
        let sleep_ms = due_ms.saturating_sub(now_ms() as u64).min(SLEEP_MAX_MS);
        let handle = ctx.run_later(Duration::from_millis(sleep_ms), |expiry, ctx| {
            expiry.timer = None;
            expiry.work(ctx);
        });
        self.timer = Some((due_ms, handle));
    }
}

impl Actor for Expiry {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LEAN_EVERY, |expiry, ctx| {
            expiry.keep_lean();
            if expiry.sifts {
                // A pause may have been in the way.
                expiry.work(ctx);
            }
        });
    }
}

impl Handler<Surveyed> for Expiry {
    type Result = ();
    fn handle(&mut self, Surveyed { found, next }: Surveyed, ctx: &mut Self::Context) {
        let Some(wheel) = &mut self.next_wheel else { return };
        found.into_iter().for_each(|(deadline_ms, item)| wheel.insert(deadline_ms, item));
        match (next, &self.keyspace) {
            (Some(place), Some(keyspace)) => {
                keyspace.do_send(Survey(place));
                self.post();
            }
            _ => {
                if let Some(wheel) = self.next_wheel.take() {
                    self.wheel = wheel;
                }
                self.post();
                match std::mem::take(&mut self.once_more) {
                    true => self.survey(),
                    false => self.board.vitals.is_surveyed.store(false, Relaxed),
                }
                self.work(ctx);
            }
        }
    }
}

impl Handler<SurveyAnew> for Expiry {
    type Result = ();
    fn handle(&mut self, _: SurveyAnew, _: &mut Self::Context) {
        match self.next_wheel {
            // It may have passed by what was not heeded.
            Some(_) => self.once_more = true,
            None => self.survey(),
        }
    }
}

impl Handler<Serve> for Expiry {
    type Result = ();
    fn handle(&mut self, Serve(keyspace): Serve, ctx: &mut Self::Context) {
        self.keyspace = Some(keyspace);
        self.work(ctx);
    }
}

impl Handler<Deadlines> for Expiry {
    type Result = ();
    fn handle(&mut self, Deadlines(entries): Deadlines, ctx: &mut Self::Context) {
        self.insert(entries);
        self.work(ctx);
    }
}

impl Handler<Done> for Expiry {
    type Result = ();
    fn handle(&mut self, Done { again, spent, unchecked }: Done, ctx: &mut Self::Context) {
        self.unacknowledged = false;
        self.spare = spent;
        if unchecked {
            // The next wheel hears of those that live from the survey, or has heard of them when they were set.
            again.into_iter().for_each(|(deadline_ms, item)| self.wheel.insert(deadline_ms, item));
            self.post();
        } else {
            self.insert(again);
        }
        self.work(ctx);
    }
}

impl Handler<RingAt> for Expiry {
    type Result = ();
    fn handle(&mut self, RingAt(at_ms): RingAt, ctx: &mut Self::Context) {
        self.ring(at_ms, ctx);
    }
}

impl Handler<WakeAfterPause> for Expiry {
    type Result = ();
    fn handle(&mut self, WakeAfterPause { at_ms }: WakeAfterPause, ctx: &mut Self::Context) {
        let sleep_ms = at_ms.saturating_sub(now_ms() as u64);
        ctx.run_later(Duration::from_millis(sleep_ms), |expiry, _| {
            if let Some(keyspace) = &expiry.keyspace {
                keyspace.do_send(PauseOver);
            }
        });
    }
}
