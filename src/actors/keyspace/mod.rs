//! The Keyspace: the one actor that owns all data.
//!
//! It takes batches from Couriers and runs their steps in order through the [`Stage`], a plain deterministic machine.
//! What a batch changed is told to the others once per drain of the mailbox: the first thing that falls in posts a
//! [`Flush`] to the actor itself, which arrives after all messages that were already waiting.
mod archive;
mod blocked;
mod commits;
mod dropper;
mod following;
mod held;
mod media;
mod memory;
mod moving;
mod posting;
mod replication;
mod script;
mod telling;
mod transaction;

use crate::{
    actors::{
        courier::messages::{Batch, End, LineId, Replies, Run, Step, Then},
        expiry::{Deadlines, Done, Expiry, Surveyed},
        migration::Migration,
        now_ms,
        persistence::Persistence,
        primary::Primary,
        pubsub,
        supervisor::Supervisor,
    },
    allocator,
    board::{Board, PauseScope},
    commands::{
        Caller, Progress, Task,
        loading::Loader,
        registry::Node,
        scripting::Play,
        spec::{self, KeySpec},
        stage::Stage,
    },
    data::{room::Room, wheel::Item},
    resp::{Reply, Request},
    store::{DueKey, SurveyPlace, Wants, WheelEntry},
};
use actix::prelude::*;
pub use archive::{Abandon, Begin, BeginLoading, EndLoading, Load, Next, PutAway, TellAll};
use blocked::Blocked;
pub use blocked::{Gone, TimesUp};
use commits::Commits;
pub use commits::{LogMode, SetLogMode, Synced};
use dropper::Dropper;
pub use following::{
    Apply, BeginReplacing, EndReplacing, Follow, IsEmpty, Lead, Meanwhile, Replacing, StreamedCommand,
};
use held::Held;
use media::Media;
pub use moving::Landed;
use moving::Moving;
pub use posting::{Configured, Letter, Noted};
use replication::Place;
pub use replication::{AcksCame, AreYouAlive, BeginSync, EndStream, Feed, Fence, SyncContents};
use script::Parked;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use telling::Telling;
pub use transaction::{Unwatch, Watch};

/// From a Courier: what its clients asked in one turn.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Execute {
    pub batch: Batch,
    /// Who carries the replies.
    pub reply_to: Recipient<Replies>,
    /// A buffer of replies that is done with.
    pub spent_bytes: Option<Vec<u8>>,
    /// It has waited since it was admitted, and what was looked at then may be otherwise now.
    pub has_waited: bool,
}
impl Execute {
    /// What has waited, to be run now.
    fn at_last(batch: Batch, reply_to: Recipient<Replies>) -> Execute {
        Execute { batch, reply_to, spent_bytes: None, has_waited: true }
    }
}

/// From Expiry: deadlines that have come. It sends the next ones only when these are acknowledged.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Due {
    pub items: Vec<Item>,
}

/// From Expiry: it wants to hear the deadlines of all keys again, some at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Survey(pub SurveyPlace);

/// From the dropper: much has been freed elsewhere that this thread had allocated.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Sweep;

/// From the Dropper: the replies have gone out that waited for what was to be freed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RepliesSent;

/// To itself: the mailbox has been drained, tell the others.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// From the Supervisor or from Expiry: a pause may have ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PauseOver;

/// The others that the Keyspace has to do with.
pub struct Peers {
    pub expiry: Addr<Expiry>,
    pub persistence: Addr<Persistence>,
    pub supervisor: Addr<Supervisor>,
    pub migration: Addr<Migration>,
    pub pubsub: pubsub::Reach,
    pub primary: Addr<Primary>,
}

pub struct Keyspace {
    stage: Stage,
    expiry: Addr<Expiry>,
    persistence: Addr<Persistence>,
    supervisor: Addr<Supervisor>,
    pubsub: pubsub::Reach,
    primary: Addr<Primary>,
    telling: Telling,
    place: Place,
    media: Media,
    commits: Commits,
    /// How far loading has come.
    loader: Loader,
    dropper: Dropper,
    flushing: bool,
    /// One client's turn was all there was since the last flush.
    is_lone: bool,
    held: Held,
    /// A file, or a full sync in the place of our data, is being loaded: what is there is a part.
    loads: bool,
    /// A message to itself is under way that has more keys go.
    makes_room: bool,
    blocked: Blocked,
    moving: Moving,
    /// A script that takes long: on its way to be parked, and parked.
    playing: Option<Play>,
    parked: Option<Parked>,
    /// A wake-up for the end of a pause has been asked of Expiry.
    pause_end_asked_ms: i64,
    due: Vec<DueKey>,
    /// Database and hash of the keys that a batch begins with.
    hashes: Vec<(usize, u64)>,
}

/// Below this a batch or a transaction has too few keys for prefetching to pay.
const PREFETCH_COMMANDS_MIN: usize = 4;

impl Keyspace {
    pub fn new(address: Addr<Keyspace>, board: Arc<Board>, seed: u64, peers: Peers) -> Keyspace {
        let Peers { expiry, persistence, supervisor, migration, pubsub, primary } = peers;
        // Effects are wanted when there is a log, events when the configuration says so, touched keys while somebody
        // tracks.
        let mut stage = Stage::new(board.clone(), seed, Wants::default());
        stage.time_goes_on = true;
        Keyspace {
            moving: Moving::new(migration, address.clone().recipient()),
            dropper: Dropper::start(board, address),
            stage,
            expiry,
            persistence,
            supervisor,
            pubsub,
            primary,
            telling: Telling::default(),
            place: Place::default(),
            media: Media::default(),
            commits: Commits::default(),
            loader: Loader::default(),
            flushing: false,
            is_lone: false,
            held: Held::default(),
            loads: false,
            makes_room: false,
            blocked: Blocked::default(),
            playing: None,
            parked: None,
            pause_end_asked_ms: 0,
            due: Vec::new(),
            hashes: Vec::new(),
        }
    }
    /// Runs one step. Tells how far it came, and whether its reply must wait for the disk.
    fn perform(
        &mut self,
        run: &mut Run,
        caller: Caller,
        reply: &mut Reply,
        ctx: &mut Context<Self>,
    ) -> (Progress, bool) {
        if self.stage.memory.is_limited() && self.lacks_memory(run, caller, reply, ctx) {
            return (Progress::Done, false);
        }
        let start = reply.position();
        reply.speak(run.protocol);
        if self.stage.is_read_only() && self.refuse_write(run, caller, reply) {
            return (Progress::Done, false);
        }
        let (progress, waits_for_disk) = match &mut run.task {
            Task::Transaction(transaction) => (
                Progress::Done,
                self.run_transaction(run.node, transaction, &run.request, caller, reply, ctx),
            ),
            Task::Script(_) => self.run_script(run, caller, reply, ctx),
            task => {
                let effects = self.stage.record.effects_bytes();
                let progress = self.stage.perform(run.node, task, &run.request, caller, reply);
                self.stage.show_of(run.node, &run.request, caller);
                // Ahead of the errand, which may have it logged at once.
                let mut waits = self.waits_for_disk(run.node, &run.request, effects);
                if let Some(errand) = self.stage.errand.take() {
                    if let Err(error) = self.run_errand(errand, ctx) {
                        self.stage.replace_reply(reply, start, &error);
                    }
                    waits |= self.waits_for_disk(run.node, &run.request, effects);
                }
                (progress, waits)
            }
        };
        if run.muted {
            reply.truncate(start);
        }
        if progress == Progress::Done {
            self.stage.tracking.end_caching(caller.client, Some(run.node));
        }
        (progress, waits_for_disk)
    }
    /// Asks the processor for the table lines of all first keys, then for their entries: what would be one wait on
    /// memory after the other becomes one wait for all.
    fn prefetch<'a>(
        &mut self,
        commands: impl ExactSizeIterator<Item = Option<(&'a Node, &'a Request, usize)>>,
    ) {
        if commands.len() < PREFETCH_COMMANDS_MIN {
            return;
        }
        for (node, request, db) in commands.flatten() {
            if let Some(KeySpec { begin: spec::Begin::Index(index), .. }) = node.spec().keys.first()
                && let Some(key) = request.get(*index as usize)
            {
                let database = self.stage.store.database(db);
                let hash = database.hash(key);
                database.prefetch_slots(hash);
                self.hashes.push((db, hash));
            }
        }
        for &(db, hash) in &self.hashes {
            self.stage.store.database(db).prefetch_entry(hash);
        }
        self.hashes.clear();
        self.hashes.fit();
    }
    /// Tells the others what changed, at the end of the drain.
    fn note_changes(&mut self, ctx: &mut Context<Self>) {
        let store = &self.stage.store;
        if store.has_deadlines()
            || store.has_garbage()
            || self.has_effects_to_commit()
            || self.has_lone_effects()
            || self.blocked.has_alarm_to_ask()
            || self.commits.is_open()
            || self.has_announcements()
        {
            self.ask_for_flush(ctx);
        }
    }
    fn flush(&mut self, ctx: &mut Context<Self>) {
        self.flushing = false;
        self.commit_in_time(ctx);
        let deadlines = self.stage.store.take_deadlines();
        self.stage.note_deadlines(&deadlines);
        if !deadlines.is_empty() {
            self.expiry.do_send(Deadlines(deadlines));
        }
        if let Some(alarm) = self.blocked.ask_for_alarm() {
            self.expiry.do_send(alarm);
        }
        self.tell(ctx);
        self.post_dropped();
        self.post_pushes(ctx);
    }
    /// Hands over what is to be freed elsewhere.
    fn post_dropped(&mut self) {
        let garbage = self.stage.store.take_garbage();
        if !garbage.is_empty() {
            self.dropper.drop_elsewhere(garbage);
        }
    }
    /// Ends a turn, whose replies begin at `start`: they go out with the others of the batch, and this is their end; or
    /// they are taken out, because they wait for the disk, or for what is being freed.
    fn end_turn(
        &mut self,
        reply: &mut Reply,
        start: usize,
        line: LineId,
        then: Then,
        waits_for_disk: bool,
        reply_to: &Recipient<Replies>,
    ) -> Option<End> {
        let awaits_garbage = std::mem::take(&mut self.stage.store.awaits_garbage);
        if waits_for_disk {
            self.hold_replies(reply.split_off(start), line, then, reply_to.clone());
        } else if awaits_garbage && self.stage.store.has_garbage() || self.dropper.is_behind(line.client) {
            let (bytes, grafts) = reply.split_off(start).into_parts();
            let ends = vec![End { line, at: bytes.len(), then }];
            let replies = Replies { bytes, grafts, ends, spent: None };
            self.stage.settle_times();
            self.post();
            self.dropper.drop_before(self.stage.store.take_garbage(), reply_to.clone(), replies);
        } else {
            return Some(End { line, at: reply.position(), then });
        }
        None
    }
    /// Posts the counts that only the Keyspace can make. It must be done before the replies go out: what a client has
    /// seen happen must be counted for it, and CONFIG RESETSTAT must find it to set it back.
    fn post(&mut self) {
        let add = |counter: &AtomicU64, count: u64| {
            if count > 0 {
                counter.fetch_add(count, Relaxed);
            }
        };
        let (counts, vitals) = (&mut self.stage.store.counts, &self.stage.board.vitals);
        add(&vitals.hits, counts.hits.take());
        add(&vitals.misses, counts.misses.take());
        add(&vitals.expired, std::mem::take(&mut counts.expired));
        add(&vitals.expired_fields, std::mem::take(&mut counts.expired_fields));
        add(&vitals.evicted, std::mem::take(&mut counts.evicted));
        add(&vitals.changes, self.stage.record.take_changes());
        self.begin_to_tell();
        self.post_volatile();
    }
    fn post_volatile(&self) {
        let (store, vitals) = (&self.stage.store, &self.stage.board.vitals);
        let expiring = store.volatile();
        // As long as nobody knows how much it is, nobody is refused for it.
        let aside_bytes =
            if store.is_to_weigh() { allocator::used_bytes() } else { self.stage.aside_bytes() };
        vitals.gathered_bytes.store(aside_bytes, Relaxed);
        vitals.keys.store(store.keys(), Relaxed);
        vitals.expiring_keys.store(expiring, Relaxed);
        vitals.volatile_keys.store(expiring + store.parted(), Relaxed);
        vitals.own_deadlines.store(self.place.own_places.len(), Relaxed);
        vitals.keys_to_survey.store(store.keys_to_survey(), Relaxed);
    }
}

impl Actor for Keyspace {
    type Context = Context<Self>;
}

impl Handler<Execute> for Keyspace {
    type Result = ();
    fn handle(&mut self, message: Execute, ctx: &mut Self::Context) {
        let Execute { mut batch, reply_to, spent_bytes, has_waited } = message;
        self.is_lone = batch.turns.len() == 1 && !self.flushing;
        let began_ms = now_ms();
        self.stage.begin(began_ms);
        let mut ends = Vec::with_capacity(batch.turns.len());
        let pause = self.stage.board.pause.at(began_ms);
        if let Some((PauseScope::All, until_ms)) = pause {
            for line in self.hold(&mut batch, &reply_to, until_ms) {
                // Earlier replies of its turn may still wait.
                let waits_for_disk = self.is_behind(line.client);
                let mut nothing = Reply::default();
                ends.extend(self.end_turn(&mut nothing, 0, line, Then::Waits, waits_for_disk, &reply_to));
            }
        }
        self.prefetch(batch.steps.iter().map(|step| match step {
            Step::Run(run) => Some((run.node, &run.request, run.db)),
            _ => None,
        }));
        let mut reply = Reply::with_buffer(spent_bytes.unwrap_or_default());
        let mut steps = batch.steps.iter_mut();
        let mut done = 0;
        // What comes behind a script that takes long.
        let mut later = Batch::default();
        for turn in &batch.turns {
            let start = reply.position();
            let mut own = steps.by_ref().take(turn.end - done);
            done = turn.end;
            if self.parked.is_some() {
                own.by_ref().for_each(|step| later.push_from(step.take(), &batch.says));
                later.end_turn(turn.line);
                ends.push(End { line: turn.line, at: start, then: Then::GoesOn });
                continue;
            }
            let client = turn.line.client;
            let (mut then, mut waits_for_disk) = (Then::Settles, self.is_behind(client));
            self.stage.write_pushes(client, &mut reply);
            while let Some(step) = own.next() {
                let run = match step {
                    Step::Say(range) => {
                        reply.raw(&batch.says.as_bytes()[range.clone()]);
                        continue;
                    }
                    Step::Note(note) => {
                        self.note(note, client, &mut reply);
                        continue;
                    }
                    Step::Run(run) => run,
                };
                if let Some(obstacle) = self.obstacle_to(run, pause) {
                    let steps = std::iter::once(step).chain(own);
                    self.hold_behind(obstacle, Batch::of_turn(turn.line, steps, &batch.says), &reply_to);
                    then = Then::Waits;
                    break;
                }
                let caller = Caller { client, db: run.db, protocol: run.protocol, touches: run.touches };
                if (has_waited || self.loads) && self.refuse_late(run, caller, &mut reply) {
                    continue;
                }
                let (progress, waits) = self.perform(run, caller, &mut reply, ctx);
                waits_for_disk |= waits;
                if progress == Progress::Waits {
                    let Step::Run(run) = step.take() else { continue };
                    let rest = Batch::of_turn(turn.line, own.by_ref(), &batch.says);
                    let (line, reply_to) = (turn.line, reply_to.clone());
                    then = Then::Waits;
                    match self.playing.take() {
                        Some(play) => {
                            self.parked = Some(Parked { play, run, caller, line, reply_to, rest });
                        }
                        None => then = self.block(run, caller, rest, line, reply_to, ctx),
                    }
                } else if self.stage.has_news() {
                    self.stage.serve_waiting();
                    self.gather_served(ctx);
                }
                self.stage.write_pushes(client, &mut reply);
            }
            ends.extend(self.end_turn(&mut reply, start, turn.line, then, waits_for_disk, &reply_to));
        }
        drop(steps);
        self.note_own_deadlines();
        self.stage.settle_times();
        self.post();
        let (bytes, grafts) = reply.into_parts();
        reply_to.do_send(Replies { bytes, grafts, ends, spent: Some(batch) });
        self.send_served();
        self.post_pushes(ctx);
        self.note_changes(ctx);
        if self.parked.is_some() {
            self.wait_for_script(ctx);
        }
        if !later.is_empty() {
            ctx.notify(Execute::at_last(later, reply_to));
        }
    }
}

impl Handler<Due> for Keyspace {
    type Result = ();
    fn handle(&mut self, Due { items }: Due, ctx: &mut Self::Context) {
        let now_ms = now_ms();
        self.stage.begin(now_ms);
        // A paused server keeps its data as it is: what is due waits, and readers hide it.
        let items = match self.keep_own(items) {
            own if own.is_empty() => {
                return self.expiry.do_send(Done { again: Vec::new(), spent: own, unchecked: false });
            }
            own => own,
        };
        let frozen = self.stage.board.pause.at(now_ms).is_some()
            || !self.stage.store.expires_actively
            || self.stage.board.archive.is_loading();
        if frozen {
            let later_ms = now_ms as u64 + 100;
            self.expiry.do_send(Done {
                again: items.iter().map(|&item| (later_ms, item)).collect(),
                spent: items,
                unchecked: true,
            });
            return;
        }
        self.forget_own(&items);
        let mut due = std::mem::take(&mut self.due);
        let before = self.stage.store.take_deadlines();
        for &item in &items {
            self.stage.store.check_item(item, &mut due);
        }
        for due in due.drain(..) {
            self.stage.changes(Caller { db: due.db, ..Caller::default() }).expire_due(&due, PARTS_AT_ONCE);
            self.stage.board.vitals.expiry_lag.note((now_ms - due.deadline_ms).max(0) as u64);
        }
        self.due = due;
        self.stage.serve_waiting();
        self.deliver_served(ctx);
        let mut again: Vec<WheelEntry> = self.stage.store.take_deadlines();
        again.extend(before);
        self.note_own_again(&again);
        self.expiry.do_send(Done { again, spent: items, unchecked: false });
        self.post();
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
}

/// Parts of one value that are deleted at once when they are due, so that other clients get their turn.
const PARTS_AT_ONCE: usize = 1000;
/// Entries that one message of a survey looks at: some 50 µs of a cold table.
const SURVEY_ENTRIES: usize = 500;

impl Handler<Survey> for Keyspace {
    type Result = ();
    fn handle(&mut self, Survey(from): Survey, _: &mut Self::Context) {
        let mut found = Vec::new();
        let next = self.stage.store.survey(from, SURVEY_ENTRIES, &mut found);
        self.expiry.do_send(Surveyed { found, next });
    }
}

impl Handler<Sweep> for Keyspace {
    type Result = ();
    /// Only the thread that allocated a page can let go of it. The pages go back to the system later, from the
    /// control thread: see the Supervisor's housekeeping.
    fn handle(&mut self, _: Sweep, _: &mut Self::Context) {
        crate::allocator::release_pages();
    }
}

impl Handler<Flush> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        self.flush(ctx);
    }
}

impl Handler<Configured> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: Configured, ctx: &mut Self::Context) {
        self.heed_memory(ctx);
        self.post_pushes(ctx);
    }
}
