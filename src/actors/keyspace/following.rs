//! The Keyspace as a replica: it applies the stream of another server, hands it on, and takes all data of it if need be.
use super::{Keyspace, held::is_writer};
use crate::{
    actors::{
        courier::messages::Run,
        expiry::SurveyAnew,
        now_ms,
        persistence::messages::{GiveUpSave, PutInPlace},
        primary::messages::{Adopted, Forget, Promoted},
        upstream::{Ground, messages::Applied},
    },
    board::{Activity, ClientRecord, PauseScope},
    commands::{
        Access, Caller, Task,
        error::CommandError,
        loading::{self, Fault, Loader},
        misses_saves,
        monitors::Origin,
        registry::Node,
        replication::faults::{note_fault, note_unwritable},
        stage::{READ_ONLY, count_error},
        transactions::{Queued, Verdict},
    },
    formats::rdb,
    resp::{Reply, Request},
    store::Database,
};
use actix::prelude::*;
use bytes::Bytes;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, Release},
        mpsc::SyncSender,
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// From the Supervisor: from here on we are a replica. No client may write unless the configuration lets it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Follow {
    /// Number of the link: what is applied must come from this one.
    pub link: u64,
    /// Is told, by an `Applied`, at which offset we were when we became a replica: clients write until then.
    pub reply_to: Recipient<Applied>,
}

/// That the disk takes nothing of what our master writes is told so often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// No link has this number.
const LINK_TO_COME: u64 = 0;

/// From the Supervisor: from here on we are a master. What the link still brings is not applied.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Lead;

/// A command of the stream.
pub struct StreamedCommand {
    pub node: &'static Node,
    /// None if it is about the stream itself (SELECT, MULTI …), and is only to be shown to monitors.
    pub task: Option<Task>,
    pub request: Request,
    pub db: usize,
}

/// From Upstream: a part of our master's stream. Transactions are whole. It is applied, and handed on as it is.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Apply {
    pub link: u64,
    /// Commands that stand or fall together are in one list.
    pub units: Vec<Vec<StreamedCommand>>,
    /// Those that are about the stream itself.
    pub words: Vec<&'static Node>,
    /// All of it, as it came.
    pub bytes: Bytes,
    /// Offset behind it.
    pub end: u64,
    /// Database that is selected behind it.
    pub db: usize,
    /// Our master has asked to be told how far we are.
    pub asks: bool,
    pub reply_to: Recipient<Applied>,
}
impl Apply {
    fn writes(&self) -> bool {
        self.units.iter().flatten().any(|command| is_writer(command.node))
    }
    /// It is not only a message, or a script that may do no more.
    fn changes_data(&self) -> bool {
        self.units.iter().flatten().any(|command| command.node.entry.access == Access::Write)
    }
}

/// From Upstream: whether there are no data, which decides how those of a full sync are loaded (`repl-diskless-load
/// on-empty-db`).
#[derive(Message)]
#[rtype(result = "()")]
pub struct IsEmpty(pub oneshot::Sender<bool>);

impl Handler<IsEmpty> for Keyspace {
    type Result = ();
    fn handle(&mut self, IsEmpty(tell): IsEmpty, _: &mut Self::Context) {
        // Who asked may have given up meanwhile.
        let _ = tell.send(self.stage.store.databases().iter().all(|database| database.is_empty()));
    }
}

/// How the data of a full sync take the place of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacing {
    /// Ours go first.
    First,
    /// Ours are there until the others are whole (`repl-diskless-load swapdb`).
    AtTheEnd,
}
/// What clients meet while they are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    Loading,
    /// The old data serve them, but for commands that change the server's state.
    OldData,
    /// A replica as it was before.
    Nothing,
}

/// From Upstream: all data are going to come, by `Load`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginReplacing {
    pub link: u64,
    pub how: Replacing,
    pub meanwhile: Meanwhile,
    /// Learns that there are no whole data any more, before the next link may look.
    pub ground: Arc<Ground>,
    /// Answered when it has begun; false if this link is not the one that is followed by now.
    pub done: SyncSender<bool>,
}

/// From Upstream: they have come, or will not come (`None`).
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndReplacing {
    pub link: u64,
    /// The id of their history, and the offset.
    pub of: Option<(String, u64)>,
    /// The file that they are in, if there is one.
    pub file: Option<PutInPlace>,
    pub ground: Arc<Ground>,
    /// Answered when it is done; false if this link is not the one that is followed by now.
    pub done: SyncSender<bool>,
}

/// Data that come, kept aside until they are whole.
pub(super) struct Aside {
    databases: Vec<Database>,
    functions: Vec<Bytes>,
}

impl Handler<Follow> for Keyspace {
    type Result = ();
    fn handle(&mut self, Follow { link, reply_to }: Follow, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        // What was done by ourselves comes first.
        self.commit(ctx);
        self.place.link = Some(link);
        self.stage.record.stream.follows = true;
        self.begin_stream();
        self.give_up_replacing();
        self.turn_away_blocked(ctx);
        self.stage.heed_board();
        self.note_on_way_to_medium();
        let offset = self.stage.record.stream.end;
        reply_to.do_send(Applied { offset, has_log: self.stage.record.log.is_on, asked: false });
        self.note_changes(ctx);
    }
}

impl Handler<Lead> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: Lead, ctx: &mut Self::Context) {
        if self.place.link.take().is_none() {
            return;
        }
        self.stage.begin(now_ms());
        self.stage.board.archive.lacks_data.store(false, Relaxed);
        self.commit(ctx);
        self.give_up_replacing();
        self.place.own_places = HashSet::new();
        self.post_volatile();
        self.stage.record.stream.follows = false;
        self.stage.record.select_anew();
        self.select_in_stream(0);
        self.begin_stream();
        self.stage.heed_board();
        self.primary.do_send(Promoted { offset: self.stage.record.stream.end });
        // What came due while it was the master's to delete is ours now. What keys have left behind in the wheel meanwhile goes
        // by that; for what else there is more of than there may be, keys go.
        self.stage.board.vitals.is_surveyed.store(true, Relaxed);
        self.expiry.do_send(SurveyAnew);
        self.heed_memory(ctx);
        self.note_changes(ctx);
    }
}

impl Handler<Apply> for Keyspace {
    type Result = ();
    fn handle(&mut self, apply: Apply, ctx: &mut Self::Context) {
        if self.place.link == Some(apply.link) {
            self.place.paused.push_back(apply);
            self.apply_in_order(ctx);
        }
    }
}

impl Keyspace {
    /// CLIENT PAUSE is for what our master writes as it is for clients: who pauses a replica wants its data to stand still.
    pub(super) fn apply_in_order(&mut self, ctx: &mut Context<Self>) {
        while let Some(next) = self.place.paused.front() {
            match self.stage.board.pause.at(now_ms()) {
                Some((scope, until_ms)) if scope == PauseScope::All || next.writes() => {
                    return self.ask_for_pause_end(until_ms);
                }
                _ => {}
            }
            if let Some(next) = self.place.paused.pop_front()
                && self.place.link == Some(next.link)
            {
                if self.stage.board.archive.is_ailing() && next.changes_data() {
                    self.heed_disk();
                }
                self.apply(next, ctx);
            }
        }
    }
    /// `replica-ignore-disk-write-errors`. (A log that waits for its first base has lost nothing: nobody was told that it is on
    /// the medium.)
    fn heed_disk(&mut self) {
        let board = &self.stage.board;
        let log = &self.stage.record.log;
        let has_log = log.is_on && log.synced >= log.begun;
        let is_kept = !misses_saves(board) && (!has_log || board.archive.log_error.load(Relaxed) == 0);
        if is_kept {
            return;
        }
        let warns = self.place.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY);
        if warns {
            self.place.warned = Some(Instant::now());
        }
        note_unwritable(board, warns);
    }
    fn apply(&mut self, apply: Apply, ctx: &mut Context<Self>) {
        let Apply { units, words, bytes, end, db, asks, reply_to, .. } = apply;
        let now_ms = now_ms();
        self.stage.begin(now_ms);
        // Its master tells of every deletion: what its commands met there must be there here.
        self.stage.store.keep_what_is_due();
        self.stage.obeys = true;
        let mut count = words.len();
        for unit in units {
            if self.stage.memory.is_limited() {
                // What our master has done is never refused.
                self.make_room(ctx);
            }
            count += self.apply_unit(unit, ctx);
            if self.stage.has_news() {
                self.serve_amid_stream(ctx);
            }
        }
        self.stage.obeys = false;
        words.into_iter().for_each(|node| self.stage.note_call(node));
        self.stage.board.vitals.commands_processed.fetch_add(count as u64, Relaxed);
        self.stage.begin(now_ms);
        self.hand_on(&bytes);
        self.select_in_stream(db);
        if self.stage.record.stream.end != end {
            // A fault of ours. From here on only a full sync can bring us into step again.
            tracing::error!(
                "The stream is at offset {}, and its master at {end}",
                self.stage.record.stream.end
            );
            self.stage.record.stream.end = end;
        }
        self.stage.settle_times();
        self.post();
        self.deliver_served(ctx);
        self.post_pushes(ctx);
        self.note_changes(ctx);
        // What has effects is noted with their commit.
        self.note_on_way_to_medium();
        if asks {
            self.tell_when_synced(&reply_to);
        }
        reply_to.do_send(Applied { offset: end, has_log: self.stage.record.log.is_on, asked: asks });
    }
    /// Serves clients of ours with what our master has just done: they see what expires as clients do. What follows in the
    /// stream may take it away again.
    fn serve_amid_stream(&mut self, ctx: &mut Context<Self>) {
        self.stage.store.set_now_ms(now_ms());
        self.stage.obeys = false;
        self.stage.serve_waiting();
        self.gather_served(ctx);
        self.stage.obeys = true;
        self.stage.store.keep_what_is_due();
    }
    /// Says how many commands were run.
    fn apply_unit(&mut self, unit: Vec<StreamedCommand>, ctx: &mut Context<Self>) -> usize {
        let count = unit.iter().filter(|command| command.task.is_some()).count();
        let is_block = count > 1;
        if is_block {
            self.stage.record.begin_block();
        }
        let master = if self.stage.monitors.is_empty() { None } else { self.master() };
        for StreamedCommand { node, task, request, db } in unit {
            let caller = Caller { db, ..Caller::default() };
            let mut reply = Reply::default();
            match task {
                // An old master tells scripts, where newer ones tell what they did.
                Some(Task::Script(invocation)) => {
                    if let Some(master) = &master {
                        self.stage.show_script(node, &request, db, master);
                    }
                    self.stage.play_alone(node, &invocation, &request, caller, &mut reply)
                }
                Some(mut task) => drop(self.stage.perform(node, &mut task, &request, caller, &mut reply)),
                None => {}
            }
            if let Some(master) = &master {
                self.stage.show(node, &request, db, Origin::Client(master));
            }
            if reply.as_bytes().first() == Some(&b'-') {
                let error = String::from_utf8_lossy(&reply.as_bytes()[1..]).trim_end().to_string();
                note_fault(&self.stage.board, Some(node.full_name), &error);
            }
            if let Some(errand) = self.stage.errand.take()
                && let Err(error) = self.run_errand(errand, ctx)
            {
                tracing::warn!("What the master's command asked for has failed: {}", error.text());
            }
        }
        if is_block {
            self.stage.record.end_block();
        }
        count
    }
    /// The link to our master, as a client.
    fn master(&self) -> Option<Arc<ClientRecord>> {
        self.stage.board.replication.link.load().as_ref().and_then(|link| link.client.load_full())
    }
    /// All data go, and nobody is told of each.
    fn clear_all(&mut self) {
        for db in 0..self.stage.store.databases().len() {
            self.stage.changes(Caller { db, ..Caller::default() }).clear(db);
        }
        self.stage.scripting.clear_libraries(&self.stage.board);
    }
    /// A write that was under way when we became a replica: its connection has let it pass. True if it is refused.
    pub(super) fn refuse_write(&mut self, run: &mut Run, caller: Caller, reply: &mut Reply) -> bool {
        match &mut run.task {
            Task::Transaction(transaction) => {
                let mut writes = |item: &Queued| match &item.task {
                    Ok(Task::Script(invocation)) => self.stage.says_it_writes(invocation, &item.request),
                    _ => item.node.entry.access == Access::Write,
                };
                if matches!(transaction.verdict, Verdict::Execute)
                    && transaction.items.iter().any(&mut writes)
                {
                    transaction.forbid(&READ_ONLY);
                    self.stage.note_rejection(run.node);
                }
                // It has watches and a session to give back.
                false
            }
            _ if run.node.entry.access == Access::Write => {
                self.refuse(run, caller, &READ_ONLY, reply);
                true
            }
            _ => false,
        }
    }
    /// Answers a command that may not run, although its connection has let it pass.
    pub(super) fn refuse(&mut self, run: &Run, caller: Caller, error: &CommandError, reply: &mut Reply) {
        if !run.muted {
            reply.error(error);
        }
        count_error(&self.stage.board, error);
        self.stage.note_rejection(run.node);
        self.stage.tracking.end_caching(caller.client, Some(run.node));
    }
    /// Whether what came by this link is still wanted.
    pub(super) fn is_followed(&self, link: Option<u64>) -> bool {
        link.is_none() || self.place.link == link
    }
    fn give_up_replacing(&mut self) {
        if let Some(Aside { databases, .. }) = self.place.aside.take() {
            databases.into_iter().for_each(|database| self.stage.store.discard_database(database));
            self.post_dropped();
        }
    }
    /// What is loaded goes to the data that are to take the place of ours, if they are to be kept so long.
    pub(super) fn load_here_or_aside(&mut self, mut pieces: Vec<loading::Piece>) -> Result<(), Fault> {
        let Some(mut aside) = self.place.aside.take() else { return self.load(pieces) };
        pieces.retain(|piece| match piece {
            loading::Piece::Snapshot(rdb::Item::Function(source)) => {
                aside.functions.push(source.clone());
                false
            }
            _ => true,
        });
        self.stage.store.exchange_databases(&mut aside.databases);
        let result = self.load(pieces);
        self.stage.store.exchange_databases(&mut aside.databases);
        self.place.aside = Some(aside);
        result
    }
    fn adopt_aside(&mut self, aside: Aside) {
        let Aside { databases, functions } = aside;
        self.stage.changes(Caller::default()).replace_databases(databases);
        self.stage.scripting.clear_libraries(&self.stage.board);
        for source in functions {
            if let Err(error) = self.stage.scripting.libraries().load(&source, true, None) {
                tracing::warn!("A library of functions of the master cannot be loaded: {}", error.text());
            }
        }
        self.stage.scripting.post(&self.stage.board);
    }
}

impl Handler<BeginReplacing> for Keyspace {
    type Result = ();
    fn handle(&mut self, message: BeginReplacing, ctx: &mut Self::Context) {
        let BeginReplacing { link, how, meanwhile, ground, done } = message;
        // Whom we follow is decided before it is told here.
        let is_followed = self.place.link == Some(link) && ground.begin(link, how == Replacing::First);
        // Who asked may be gone.
        let _ = done.send(is_followed);
        if !is_followed {
            return;
        }
        let loading = &self.stage.board.archive.loading;
        match meanwhile {
            Meanwhile::Loading => loading.active.store(true, Relaxed),
            Meanwhile::OldData => loading.beside.store(true, Relaxed),
            Meanwhile::Nothing => {}
        }
        self.stage.begin(now_ms());
        self.give_up_replacing();
        self.forget_media();
        // The file is to be of the new data.
        self.persistence.do_send(GiveUpSave);
        // Its master tells of every deletion.
        self.loader = Loader { keeps_expired: true, ..Loader::default() };
        match how {
            Replacing::First => {
                tracing::info!("MASTER <-> REPLICA sync: Flushing old data");
                self.primary.do_send(Forget);
                self.loads = true;
                self.clear_all();
                self.note_news(ctx);
            }
            Replacing::AtTheEnd => {
                let databases = self.stage.store.fresh_databases();
                self.place.aside = Some(Aside { databases, functions: Vec::new() });
            }
        }
    }
}

impl Handler<EndReplacing> for Keyspace {
    type Result = ();
    fn handle(&mut self, message: EndReplacing, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        let replaces = message.of.is_some() && self.place.link == Some(message.link);
        if replaces || self.loads {
            self.stage.record.settle();
            if let Some(ended) = self.end_log(ctx) {
                let ended = ended.into_actor(self);
                ctx.wait(ended.map(move |_, keyspace, ctx| keyspace.end_replacing(message, ctx)));
                return;
            }
        }
        self.end_replacing(message, ctx);
    }
}

impl Keyspace {
    fn end_replacing(&mut self, message: EndReplacing, ctx: &mut Context<Self>) {
        let EndReplacing { link, of, file, ground, done } = message;
        let is_followed = self.place.link == Some(link);
        let has_part = std::mem::take(&mut self.loads);
        self.stage.begin(now_ms());
        if is_followed {
            match of {
                Some((id, offset)) => {
                    // A save that has begun since is of the data before, and its file must not come behind this one.
                    match file {
                        Some(file) => self.persistence.do_send(file),
                        None => self.persistence.do_send(GiveUpSave),
                    }
                    self.begin_history(id, offset, ctx);
                    ground.end(true);
                }
                None if self.place.aside.is_some() => self.give_up_replacing(),
                None => self.drop_part(ctx),
            }
        } else if has_part {
            self.drop_part(ctx);
        }
        ground.end(false);
        let loading = &self.stage.board.archive.loading;
        loading.active.store(false, Relaxed);
        loading.beside.store(false, Relaxed);
        self.loads = false;
        // Who asked may be gone.
        let _ = done.send(is_followed);
    }
    /// A part of our master's data has come, and no more: nobody is to take that for all.
    fn drop_part(&mut self, ctx: &mut Context<Self>) {
        // Who follows nobody has what there is.
        self.stage.board.archive.lacks_data.store(self.place.link.is_some(), Relaxed);
        self.clear_all();
        self.loader = Loader::default();
        self.end_loading();
        self.note_news(ctx);
    }
    /// All data have come from our master.
    fn begin_history(&mut self, id: String, offset: u64, ctx: &mut Context<Self>) {
        if let Some(aside) = self.place.aside.take() {
            tracing::info!("MASTER <-> REPLICA sync: Swapping active DB with loaded DB");
            self.primary.do_send(Forget);
            self.adopt_aside(aside);
        }
        self.stage.board.archive.lacks_data.store(false, Relaxed);
        self.loader.tell(&self.stage.board.archive.loading);
        let db = self.loader.history.as_ref().map_or(0, |history| history.db);
        self.select_in_stream(db);
        self.end_loading();
        self.adopt_history(id, offset, false);
        self.note_news(ctx);
        if self.stage.board.config.load().appendonly {
            self.want_base();
            let archive = &self.stage.board.archive;
            match archive.claim(Activity::Rewrite, now_ms() / 1000) {
                true => self.begin(Activity::Rewrite, ctx),
                false => archive.rewrite_scheduled.store(true, Relaxed),
            }
            self.note_on_way_to_medium();
        }
    }
    /// The data are those of this history at this offset.
    pub(super) fn adopt_history(&mut self, id: String, offset: u64, is_past: bool) {
        let stream = &mut self.stage.record.stream;
        stream.end = offset;
        self.stage.record.writers.forget_offsets();
        self.stage.board.replication.offset.store(offset, Release);
        // What is on the medium is of another history.
        self.forget_media();
        self.begin_stream();
        self.primary.do_send(Adopted { id, offset, is_past });
    }
    /// What happened to all data at once is told to those who wait or watch.
    fn note_news(&mut self, ctx: &mut Context<Self>) {
        if self.stage.has_news() {
            self.stage.serve_waiting();
        }
        self.post();
        self.deliver_served(ctx);
        self.post_dropped();
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
}

impl Keyspace {
    /// Who is to follow a master is a replica from its first moment on, although the link is still to come: what came due
    /// meanwhile is the master's to delete, and would put us out of step if we did.
    pub(super) fn await_master(&mut self) {
        if self.place.link.is_none() && self.stage.board.config.load().replicaof.is_some() {
            self.place.link = Some(LINK_TO_COME);
            self.stage.record.stream.follows = true;
        }
    }
    /// What was loaded at the start may say what data they are: then replicas that have the same need not be sent them.
    /// The base of a log says it, too, but not for what stands behind it.
    pub(super) fn resume_history(&mut self, ctx: &mut Context<Self>) {
        let Some(history) = self.loader.history.take().filter(|_| !self.loader.is_log) else { return };
        if history.id.len() == 40 {
            let is_past = self.stage.board.config.load().replicaof.is_none();
            self.select_in_stream(history.db);
            self.adopt_history(history.id, history.offset, is_past);
            self.stage.board.replication.is_resumed.store(true, Relaxed);
            self.tell_expired(ctx);
        }
    }
    /// What was left out has gone since that place in the history, and replicas that go on from there have it.
    fn tell_expired(&mut self, ctx: &mut Context<Self>) {
        for (db, key) in std::mem::take(&mut self.loader.expired_keys) {
            let record = &mut self.stage.record;
            record.begin();
            record.log(db, [&b"DEL"[..], &key].into_iter());
            record.settle();
        }
        self.commit(ctx);
    }
}
