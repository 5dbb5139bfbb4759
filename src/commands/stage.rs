//! The way of one command through the data: a list of named gates, each a function of its own.
//!
//! A `Stage` is the whole deterministic machine: data, board and record. The Keyspace actor drives it with messages;
//! tests and embedded use drive it directly. It is handed its time, and its randomness was handed to its store.
use super::{
    Access, Awaited, Backstage, Caller, Errand, Progress, RunSession, Task,
    error::CommandError,
    memory::Memory,
    monitors::Monitors,
    pushes::{Mail, Pushes},
    registry::{Node, Registry},
    replication::gates::may_write_here,
    scripting::{Advance, Invocation, Play, Scripting},
    session::Session,
    shipment::Delivery,
    tracking::Tracking,
    waiting::{Ending, Ticket, Waiter, Waiting},
    watches::Watches,
};
use crate::{
    board::{Board, Tally},
    resp::{Reply, Request},
    store::{AccessPolicy, Changes, Effect, EncodingLimits, Event, EventsWanted, Record, Store, View, Wants},
};
use bytes::Bytes;
use std::{
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Relaxed},
    },
    time::Instant,
};

pub struct Stage {
    pub store: Store,
    pub board: Arc<Board>,
    pub record: Record,
    /// The clients that are blocked.
    pub waiting: Waiting,
    pub watches: Watches,
    pub scripting: Scripting,
    /// Events that are wanted whatever is configured.
    wants_events: EventsWanted,
    pub tracking: Tracking,
    pub monitors: Monitors,
    pub memory: Memory,
    /// What clients are to be sent beside their replies.
    pub pushes: Pushes,
    /// Of the keys that changed, those that somebody may wait for.
    ready: Vec<(usize, Bytes)>,
    /// What the last command asked for beside its reply.
    pub errand: Option<Errand>,
    /// Under CLIENT PAUSE, and on a replica, what is due stays.
    frozen: bool,
    read_only: bool,
    /// What runs was decided elsewhere, by our master or by who wrote the log: it is not for us to refuse it.
    pub obeys: bool,
    tally: Arc<Tally>,
    /// When the last reading of the clock was: what ran since then took the time since then.
    last: Instant,
    /// When the batch began, and what time it was then, ms since 1970.
    began: (Instant, i64),
    /// Time goes on while commands run: one that comes behind another that took long must neither see what expired
    /// meanwhile, nor count its own deadline from before. In tests it stands still.
    pub time_goes_on: bool,
    /// Commands of one kind that ran since then.
    in_a_row: InARow,
}

/// What writers are told on a replica.
pub static READ_ONLY: CommandError =
    CommandError::fixed("READONLY You can't write against a read only replica.");

/// What clients are told while data are being loaded.
pub static LOADS: CommandError = CommandError::fixed("LOADING Redis is loading the dataset in memory");

/// Commands of one kind that ran one behind the other. They are timed together, by their mean: reading the clock for
/// each would cost a pipelined GET a twentieth of its time. The clock of the data goes on at the same moments.
#[derive(Default)]
struct InARow {
    command: usize,
    calls: u64,
    failed: u64,
}
/// So many are timed together at the most.
const IN_A_ROW_MAX: u64 = 16;

impl Stage {
    pub fn new(board: Arc<Board>, seed: u64, wants: Wants) -> Stage {
        let store = Store::new(board.config.load().databases, seed);
        let tally = board.tallies.join(Registry::get().count());
        Stage {
            store,
            board,
            record: Record::new(wants),
            waiting: Waiting::default(),
            watches: Watches::default(),
            scripting: Scripting::default(),
            wants_events: wants.events,
            tracking: Tracking::default(),
            monitors: Monitors::default(),
            memory: Memory::default(),
            pushes: Pushes::default(),
            ready: Vec::new(),
            errand: None,
            frozen: false,
            read_only: false,
            obeys: false,
            tally,
            last: Instant::now(),
            began: (Instant::now(), 0),
            time_goes_on: false,
            in_a_row: InARow::default(),
        }
    }
    /// Begins a batch that happens at `now_ms` (since 1970).
    pub fn begin(&mut self, now_ms: i64) {
        self.store.set_now_ms(now_ms);
        // A replica deletes nothing by itself: its master tells.
        self.frozen = self.record.stream.follows || self.board.pause.at(now_ms).is_some();
        self.heed_board();
        self.begin_to_count_memory();
        self.last = Instant::now();
        self.began = (self.last, now_ms);
    }
    /// Sets the clock of the data to the last reading. For commands that belong together it stands still.
    fn keep_time(&mut self) {
        let (began, began_ms) = self.began;
        if self.time_goes_on && !self.record.is_in_block() {
            self.store.go_on_to_ms(began_ms + (self.last - began).as_millis() as i64);
        }
    }
    /// Takes over what the configuration and the subscriptions are now.
    pub fn heed_board(&mut self) {
        let config = self.board.config.load();
        self.store.set_access_policy(AccessPolicy::of(&config));
        let EncodingLimits { list_plain_from_bytes, hash_seed, .. } = self.store.limits;
        self.store.limits =
            EncodingLimits { list_plain_from_bytes, ..EncodingLimits::of(&config, hash_seed) };
        self.store.flushes_lazily = config.lazyfree_lazy_user_flush;
        self.store.compresses_dumps = config.rdbcompression;
        self.store.unlinks = config.lazyfree_lazy_server_del;
        self.record.log.is_wanted = config.appendonly;
        self.record.log.posted = self.board.archive.log_synced.load(Acquire);
        self.memory.heed(&config);
        self.read_only = self.record.stream.follows && config.replica_read_only;
        self.heed_replicas();
        let events = match self.board.subscriptions.hear_events() {
            true if self.wants_events == EventsWanted::NONE => {
                EventsWanted::of(config.notify_keyspace_events)
            }
            _ => self.wants_events,
        };
        self.record.wants.events = events;
        self.store.notes_misses = events.has(Event::Missed);
    }
    /// Takes over what replicas said to have.
    fn heed_replicas(&mut self) {
        let copies = &mut self.record.stream.copies;
        copies.clear();
        let replicas = self.board.replication.replicas.load();
        copies.extend(replicas.iter().filter(|replica| replica.is_online()).map(|replica| {
            let synced = u64::try_from(replica.synced_offset.load(Relaxed));
            (replica.offset.load(Relaxed), synced.ok())
        }));
    }
    /// We are a replica whose clients may not write.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.read_only && !self.obeys
    }
    /// Whether a script may write here and now.
    ///
    /// # Errors
    /// Why not, as its caller is told.
    pub fn replicas_let_write(&self) -> Result<(), CommandError> {
        if self.is_read_only() {
            return Err(READ_ONLY.clone());
        }
        if self.record.stream.follows || self.obeys { Ok(()) } else { may_write_here(&self.board) }
    }
    /// The server becomes a replica: what clients wait for may never come here.
    pub fn turn_away_waiting(&mut self) {
        self.waiting.end_all(Ending::Demoted);
    }
    /// Runs one command and writes its one reply; unless it waits: then nothing was done or written, and the caller may
    /// keep it in `waiting`.
    pub fn perform(
        &mut self,
        node: &Node,
        task: &mut Task,
        request: &Request,
        caller: Caller,
        reply: &mut Reply,
    ) -> Progress {
        let start = reply.position();
        if self.in_a_row.command != node.index || self.in_a_row.calls == IN_A_ROW_MAX {
            self.settle_times();
            self.in_a_row.command = node.index;
        }
        self.record.begin();
        self.record.client = caller.client;
        let outcome = self.run(task, request, caller, reply);
        if let Err(error) = &outcome {
            reply.truncate(start);
            reply.error(error);
            count_error(&self.board, error);
        }
        let (fields, mut expired) = (self.store.take_due_fields_seen(), self.store.take_expired_seen());
        let only_keys = fields.is_empty();
        if self.frozen {
            // What is due is hidden, and stays.
            expired.clear();
        } else {
            for due in fields {
                self.changes(caller).expire_fields(due.db, &due.key, &due.names);
            }
        }
        self.propagate(request, caller, &expired);
        if !expired.is_empty() || self.store.notes_misses {
            self.changes(caller).bury_expired(expired);
        }
        if only_keys && node.entry.access == Access::Read {
            // It found that they are over, which need not come to an end all at once.
            self.record.part();
        }
        self.record.settle();
        if self.tracking.is_active() {
            self.track(node, request, caller);
        }
        if std::mem::take(&mut self.record.emptied) {
            self.errand = Some(Errand::Emptied);
        }
        if outcome == Ok(Progress::Waits) {
            return Progress::Waits;
        }
        self.in_a_row.calls += 1;
        self.in_a_row.failed += outcome.is_err() as u64;
        Progress::Done
    }

    /// Runs a command about a session, in the midst of others.
    pub fn perform_session(
        &mut self,
        node: &Node,
        task: &mut dyn RunSession,
        session: &mut Session,
        reply: &mut Reply,
    ) {
        let (start, started) = (reply.position(), self.mark_time());
        let outcome = task.run_session(session, reply);
        if let Err(error) = &outcome {
            reply.truncate(start);
            reply.error(error);
            count_error(&self.board, error);
        }
        self.note_time(node, started, outcome.is_err());
    }
    /// Counts a command that could not even be parsed.
    pub fn refuse(&self, node: &Node, error: &CommandError) {
        self.tally.called(node.index, 0, true);
        count_error(&self.board, error);
    }
    /// What comes is timed by itself, from the end of what ran last.
    pub fn mark_time(&mut self) -> Instant {
        self.settle_times();
        self.last
    }
    /// Counts a command that began then and has ended now.
    pub fn note_time(&mut self, node: &Node, started: Instant, failed: bool) {
        // One reading ends what ran in a row before and this.
        if !self.settle_times() {
            self.last = Instant::now();
            self.keep_time();
        }
        self.tally.called(node.index, (self.last - started).as_nanos() as u64, failed);
    }
    /// Counts a command that may not run.
    pub fn note_rejection(&self, node: &Node) {
        self.tally.rejected(node.index)
    }
    /// Runs a script where nobody else does anything: in tests, and when a log is read.
    pub fn play_alone(
        &mut self,
        node: &Node,
        invocation: &Invocation,
        request: &Request,
        caller: Caller,
        reply: &mut Reply,
    ) {
        let started = self.mark_time();
        let mut play = match Play::begin(self, invocation, request, caller, started) {
            Ok(play) => play,
            Err(error) => {
                reply.error(&error);
                count_error(&self.board, &error);
                return self.note_time(node, started, true);
            }
        };
        let outcome = loop {
            match play.advance(self) {
                Advance::Done(outcome) => break outcome,
                Advance::Paused => {}
                Advance::Called(mut called) => {
                    if let (Progress::Waits, Task::Blocking(task)) = (called.deed.progress, &called.task) {
                        task.it_declines(&mut called.reply);
                    }
                    play.finish_call(self, called)
                }
            }
        };
        let failed = play.end(self, outcome, reply);
        self.note_time(node, started, failed);
    }
    /// Counts a command that would have waited.
    pub fn note_call(&self, node: &Node) {
        self.tally.called(node.index, 0, false);
    }
    /// Something has happened that those who wait or watch want to hear of.
    pub fn has_news(&self) -> bool {
        let record = &self.record;
        !record.touched.is_empty() || record.upheaval || !self.ready.is_empty() || self.waiting.has_served()
    }
    /// What a command asked for beside its reply has failed: that is its reply.
    pub fn replace_reply(&self, reply: &mut Reply, position: usize, error: &CommandError) {
        reply.truncate(position);
        reply.error(error);
        count_error(&self.board, error);
    }

    fn run(
        &mut self,
        task: &mut Task,
        request: &Request,
        caller: Caller,
        reply: &mut Reply,
    ) -> Result<Progress, CommandError> {
        let Caller { db, touches, .. } = caller;
        let Stage {
            store,
            record,
            waiting,
            watches,
            tracking,
            monitors,
            pushes,
            board,
            errand,
            scripting,
            ..
        } = self;
        match task {
            Task::Read(task) => task.run_read(&View { store, db, touches }, reply)?,
            Task::Write(task) => task.run_write(&mut Changes { store, db, touches, record }, reply)?,
            Task::Blocking(task) => {
                return task.run_blocking(&mut Changes { store, db, touches, record }, reply);
            }
            Task::Backstage(task) => {
                let changes = Changes { store, db, touches, record };
                let mut backstage = Backstage {
                    changes,
                    waiting,
                    watches,
                    tracking,
                    monitors,
                    pushes,
                    board,
                    scripting,
                    caller,
                    request,
                    errand,
                };
                task.run_backstage(&mut backstage, reply)?
            }
            // These are not run on data; whoever sends one here made a mistake in routing.
            Task::Session(_)
            | Task::Control(_)
            | Task::Broker(_)
            | Task::Transaction(_)
            | Task::Script(_) => {
                return Err(CommandError::fixed("ERR command not allowed here"));
            }
        }
        Ok(Progress::Done)
    }
    /// Keeps a command that said it waits.
    pub fn wait(&mut self, waiter: Waiter) {
        // What changed before it came is not for it.
        self.note_touched();
        self.ready.clear();
        for (db, key) in waiter.places() {
            self.record.interests.add(db, &key);
        }
        self.waiting.add(waiter);
    }
    /// Serves the blocked clients whose keys the last command changed, and those whose keys serving them changed. To be
    /// called after each command while somebody waits or watches.
    pub fn serve_waiting(&mut self) {
        // A command may have taken its time: who waits for what expired meanwhile waits on.
        self.settle_times();
        loop {
            self.note_touched();
            let ready = std::mem::take(&mut self.ready);
            if ready.is_empty() || self.waiting.is_empty() {
                break;
            }
            for (db, key) in ready {
                for ticket in self.waiting.queue(db, &key) {
                    self.try_again(ticket, db, &key);
                }
            }
        }
        self.rest();
    }
    /// Nobody is interested any more in what was waited for. To be called when a wait may have ended.
    fn rest(&mut self) {
        for (db, key) in self.waiting.take_left() {
            self.record.interests.remove(db, &key);
        }
    }
    /// A client is gone; what it waited for is no longer waited for, what it watched no longer watched.
    pub fn forget(&mut self, client: u64) {
        self.waiting.remove(client);
        self.rest();
        self.unwatch(client);
        self.untrack(client);
        self.unmonitor(client);
    }
    /// The client is told when one of these keys has changed. Who is gone has said so before, and would be remembered for
    /// ever.
    pub fn watch(&mut self, client: u64, db: usize, keys: &[Bytes]) {
        let Some(record) = self.board.roster.get(client) else { return };
        for key in keys {
            self.watches.watch(client, db, key, &self.store, &mut self.record.interests);
        }
        record.watched_keys.store(self.watches.count_of(client), Relaxed);
    }
    pub fn unwatch(&mut self, client: u64) {
        self.watches.unwatch(client, &mut self.record.interests);
    }
    /// Whether a key that the client watches has changed.
    pub fn is_alarmed(&mut self, client: u64) -> bool {
        self.note_touched();
        self.watches.is_alarmed(client, &self.store)
    }
    /// Tells those who want to hear of it what has changed since the last call, by nobody in particular.
    fn note_touched(&mut self) {
        self.note_changed(0);
    }
    /// As [`Stage::note_touched`], for what this client has changed.
    pub(super) fn note_changed(&mut self, author: u64) {
        let touched = std::mem::take(&mut self.record.touched);
        let upheaval = std::mem::take(&mut self.record.upheaval);
        for (db, key) in &touched {
            self.watches.note(*db, key, &self.store);
        }
        if self.tracking.is_active() {
            let Stage { tracking, pushes, board, .. } = self;
            let mut mail = Mail { pushes, roster: &board.roster };
            touched.iter().for_each(|(_, key)| tracking.note(key, author, &mut mail));
            if upheaval {
                tracking.note_upheaval(&mut mail);
            }
        }
        if !self.waiting.is_empty() {
            self.ready.extend(touched);
        }
    }
    fn try_again(&mut self, ticket: Ticket, db: usize, key: &Bytes) {
        let Some(waiter) = self.waiting.get_mut(ticket) else { return };
        let Awaited::Keys { kind, of_any_change, .. } = waiter.patience.awaited else { return };
        // Nobody asks for the key here: what is due is not noted to be deleted, by a command that may have no part in it.
        let view = View { store: &self.store, db, touches: false };
        let entry = view.database().find(key).filter(|entry| view.is_alive(*entry));
        let found = entry.map(|entry| entry.kind());
        if (found == Some(kind) || of_any_change) && self.is_here(ticket) {
            self.run_again(ticket);
        }
    }
    /// Who was killed gets nothing, though its connection may not have ended yet. (0: no client of the server's.)
    fn is_here(&mut self, ticket: Ticket) -> bool {
        let client = self.waiting.get_mut(ticket).map_or(0, |waiter| waiter.caller.client);
        client == 0 || self.board.roster.get(client).is_some()
    }
    /// Serves the blocked clients for whom enough of the log is on the medium.
    pub fn serve_log_waiters(&mut self) {
        for ticket in self.waiting.for_log() {
            if self.is_here(ticket) {
                self.run_again(ticket);
            }
        }
    }
    /// Tells a command that waits what became of its shipment, and runs it again, even if its client is gone: what has
    /// arrived elsewhere must go here.
    pub fn hear(&mut self, client: u64, delivery: Delivery) {
        let Some(ticket) = self.waiting.ticket_of(client) else { return };
        let waiter = self.waiting.get_mut(ticket);
        if let Some(Task::Blocking(task)) = waiter.and_then(|waiter| waiter.task.as_mut()) {
            task.it_hears(delivery);
            self.run_again(ticket);
        }
    }
    fn run_again(&mut self, ticket: Ticket) {
        let Some(waiter) = self.waiting.get_mut(ticket) else { return };
        let (node, caller, request) = (waiter.node, waiter.caller, waiter.request.clone());
        // While it runs it is out of its place: it is handed the rest of the stage.
        let Some(mut task) = waiter.task.take() else { return };
        let mut reply = Reply::new(caller.protocol);
        let progress = self.perform(node, &mut task, &request, caller, &mut reply);
        if let Some(waiter) = self.waiting.get_mut(ticket) {
            waiter.task = Some(task);
        }
        if progress == Progress::Done {
            self.tracking.end_caching(caller.client, Some(node));
            self.waiting.serve(ticket, reply);
        }
    }
    /// What changed data and did not say how, is told as the client sent it: behind the deletion of the expired keys
    /// that it did not see, or it would come out differently where it is replayed, as nothing expires there.
    fn propagate(&mut self, request: &Request, caller: Caller, expired: &[(usize, Bytes)]) {
        if self.record.dirty > 0 && self.record.effect == Effect::Verbatim && self.record.wants.effects {
            for (db, key) in expired {
                self.record.log(*db, [&b"DEL"[..], key].into_iter());
            }
            let words: smallvec::SmallVec<[&[u8]; 8]> = request.iter().collect();
            self.record.log(caller.db, words.into_iter());
        }
    }
    /// Counts the time of the commands that ran in a row; false if there were none. To be called when a batch ends, too.
    pub fn settle_times(&mut self) -> bool {
        let InARow { command, calls, failed } = std::mem::take(&mut self.in_a_row);
        if calls > 0 {
            let now = Instant::now();
            let nanoseconds = now.duration_since(self.last).as_nanos() as u64;
            self.last = now;
            self.tally.called_in_a_row(command, calls, nanoseconds, failed);
            self.keep_time();
        }
        calls > 0
    }
    /// What happened since the last reading of the clock was no command.
    pub(super) fn skip_time(&mut self) {
        self.last = Instant::now();
    }
    /// Those whose wait is over, with their replies. What they asked counts as a call from now on, whether it was served
    /// or not.
    pub fn take_served(&mut self) -> Vec<(Waiter, Reply)> {
        self.rest();
        self.settle_times();
        let served = self.waiting.take_served();
        for (waiter, _) in &served {
            let Some(how) = waiter.ending else { continue };
            let error = how.error();
            self.tally.called(waiter.node.index, 0, error.is_some());
            if let Some(error) = error {
                count_error(&self.board, error);
            }
        }
        served
    }
    /// The write context for what the server does by itself, or for one caller.
    pub fn changes(&mut self, caller: Caller) -> Changes<'_> {
        Changes { store: &mut self.store, db: caller.db, touches: caller.touches, record: &mut self.record }
    }
}

/// Counts an error reply, by its prefix.
pub fn count_error(board: &Board, error: &CommandError) {
    board.vitals.error_replies.fetch_add(1, Relaxed);
    board.errors.count(&error.prefix());
}
