//! Messages for subscribers. What comes in one turn is gathered on the lines, and each line is written once: a write costs
//! as much as some hundred messages.
//!
//! In a stream of messages a round also waits for what the next turns bring, for a fraction of a millisecond: only a thread
//! that has nothing else to do, or a message that comes alone, has it written at once.
//!
//! Where very many listen, writing to all of them takes milliseconds. Behind it the others of this thread have as much
//! time before the next round: so they are not held up by it for more than every other moment, and what is published
//! meanwhile goes out together.
use super::{Courier, line::Sent, messages::LineId};
use crate::actors::pubsub::messages::Deliver;
use actix::prelude::*;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Deliveries {
    /// Lines that have something to be written, and that nobody else will write.
    fresh: Vec<LineId>,
    /// How much that is, in bytes.
    fresh_bytes: usize,
    /// Until then others go first.
    rests_until: Option<Instant>,
    /// When the last round ended.
    last_round: Option<Instant>,
    /// How often PubSub brought something.
    brought: u64,
}
/// A round of writing that took less is followed by the next at once.
const ROUND_MIN: Duration = Duration::from_micros(200);
/// When so much is gathered, on all lines together, nobody else goes first, bytes.
const FRESH_BYTES_MAX: usize = 32 * 1024 * 1024;
/// In a stream of messages, rounds follow each other no faster than this while every turn brings more. A turn at 50
/// requests lasts about as long: half of the writes are spared, each of which would wake a listener, and messages get no
/// older than a turn may make them anyway.
const ROUND_EVERY: Duration = Duration::from_micros(200);
/// The most that others get.
const REST_MAX: Duration = Duration::from_millis(20);
/// Timers count in these.
const TICK: Duration = Duration::from_millis(1);

/// To itself: the messages of this turn are gathered, write them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WriteFresh;

impl Handler<Deliver> for Courier {
    type Result = ();
    fn handle(&mut self, Deliver { parcels, burden }: Deliver, ctx: &mut Self::Context) {
        let desk = self.desk.clone();
        let was_empty = self.deliveries.fresh.is_empty();
        self.deliveries.brought += 1;
        for parcel in &parcels {
            let mut lines = desk.lines.borrow_mut();
            for &id in parcel.lines.iter() {
                let Some(line) = lines.get_mut(id.slot).filter(|line| line.client == id.client) else {
                    continue;
                };
                if line.enqueue(&parcel.bytes, &desk.board) == Sent::Broken {
                    line.hang_up();
                } else if line.becomes_fresh() {
                    self.deliveries.fresh.push(id);
                }
            }
            drop(lines);
            self.deliveries.fresh_bytes += parcel.bytes.len() * parcel.lines.len();
            if self.deliveries.fresh_bytes > FRESH_BYTES_MAX {
                self.write_fresh();
            }
        }
        drop(burden);
        if was_empty && !self.deliveries.fresh.is_empty() {
            let rest =
                self.deliveries.rests_until.map(|until| until.saturating_duration_since(Instant::now()));
            match rest.filter(|rest| !rest.is_zero()) {
                Some(rest) => drop(ctx.notify_later(WriteFresh, rest)),
                None if self.deliveries.is_streaming() => self.gather(ctx),
                None => desk.courier.do_send(WriteFresh),
            }
        }
    }
}
impl Deliveries {
    /// The last round ended so recently that the next may wait for more.
    fn is_streaming(&self) -> bool {
        self.last_round.is_some_and(|ended| ended.elapsed() < ROUND_EVERY)
    }
}
impl Courier {
    /// Writes as soon as a turn of this thread has brought no more, or when it is time.
    fn gather(&mut self, ctx: &mut Context<Self>) {
        let before = self.deliveries.brought;
        // Behind the first, sockets are read and what came goes to the Keyspace; behind the second, it has been told here.
        let turn = async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        };
        ctx.spawn(turn.into_actor(self).map(move |(), courier, ctx| {
            if courier.deliveries.brought != before && courier.deliveries.is_streaming() {
                courier.gather(ctx);
            } else {
                courier.write_fresh();
            }
        }));
    }
}

impl Handler<WriteFresh> for Courier {
    type Result = ();
    fn handle(&mut self, _: WriteFresh, _: &mut Self::Context) {
        self.write_fresh();
    }
}
impl Courier {
    fn write_fresh(&mut self) {
        let begun = Instant::now();
        self.deliveries.fresh_bytes = 0;
        for id in std::mem::take(&mut self.deliveries.fresh) {
            let is_ready = self.desk.with_line(id, |line| {
                line.is_fresh = false;
                !line.waits_writable
            });
            if is_ready == Some(true) {
                self.flush(id);
            }
        }
        let ended = Instant::now();
        let round = ended - begun;
        self.deliveries.last_round = Some(ended);
        self.deliveries.rests_until = (round >= ROUND_MIN).then(|| ended + round.clamp(TICK, REST_MAX));
    }
}
