//! The Keyspace's part in saving and loading: it tells the data piece by piece, and takes them in again.
use super::{Keyspace, LogMode};
use crate::{
    actors::{
        now_ms,
        persistence::messages::{Begun, GiveUpSave, SaveNow, Settle, Told},
        primary::messages::GiveUpSyncs,
        supervisor::PutAwayDone,
    },
    board::{Activity, Share},
    commands::{
        Caller, Errand, Save,
        error::CommandError,
        loading::{Fault, Loader, OnDuplicate, Piece},
        stage::LOADS,
    },
    disk,
    formats::{
        aof::{self, manifest::Logging},
        rdb,
    },
    store::{PieceSize, Scribe, SnapshotId},
};
use actix::prelude::*;
use std::{
    io,
    sync::{
        atomic::Ordering::Relaxed,
        mpsc::{SyncSender, sync_channel},
    },
    time::Instant,
};

/// From Persistence: begin a snapshot for this, which was claimed for it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin(pub Activity);

/// From whoever writes a snapshot: tell the next piece.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Next(pub SnapshotId);

/// From whoever writes a snapshot: it is of no use any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Abandon(pub SnapshotId);

/// To itself: marks of abandoned snapshots are still to be taken away.
#[derive(Message)]
#[rtype(result = "()")]
struct CleanUp;

/// From Persistence, which waits for it: tell all there is, at once.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TellAll {
    pub of: Activity,
    pub pieces: SyncSender<Vec<u8>>,
}

/// From Persistence, which waits for the answer: what was read from disk.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Load {
    /// Number of the link to our master that they came by; none: from a file of ours.
    pub link: Option<u64>,
    pub pieces: Vec<Piece>,
    pub done: SyncSender<Result<(), Fault>>,
}

/// Of a snapshot beside the clients: some tenths of a millisecond of their time.
const PIECE: PieceSize = PieceSize { bytes: 64 * 1024, entries: 400 };
/// Of one for replicas, who take it as fast as it is told: each turn of the clients comes between two pieces.
const SYNC_PIECE: PieceSize = PieceSize { bytes: 16 * 1024, entries: 128 };
/// Of one for which all wait.
const LARGE_PIECE: PieceSize = PieceSize { bytes: 1024 * 1024, entries: 100_000 };
/// Pieces on their way to the disk while all wait.
const PIECES_AHEAD: usize = 4;

/// The processor is asked so far ahead for what a piece that is loaded will look at.
const PIECES_PREFETCHED: usize = 8;

impl Keyspace {
    fn scribe(&self, of: Activity, with_everything: bool) -> Box<dyn Scribe> {
        let config = self.stage.board.config.load();
        let functions = self.stage.scripting.sources();
        match of {
            Activity::Rewrite if !config.aof_use_rdb_preamble => {
                let scribe = aof::CommandScribe::new(config.aof_timestamp_enabled);
                Box::new(scribe.with_functions(functions))
            }
            _ if with_everything => {
                let scribe = rdb::FileScribe::of_everything(&config).with_functions(functions);
                Box::new(scribe.with_history(self.history()))
            }
            _ => {
                let scribe = rdb::FileScribe::new(&config, of == Activity::Rewrite).with_functions(functions);
                Box::new(scribe.with_history(self.history()))
            }
        }
    }
    /// Begins what was claimed, at this very moment.
    pub(super) fn begin(&mut self, of: Activity, ctx: &mut Context<Self>) {
        if self.loads {
            // It was due just before; of a part of the data there is nothing to keep.
            let archive = &self.stage.board.archive;
            match of {
                Activity::Rewrite => archive.rewrite_scheduled.store(true, Relaxed),
                _ => archive.save_scheduled.store(true, Relaxed),
            }
            return archive.release();
        }
        self.commit(ctx);
        // With a rewrite a new increment of the log begins.
        self.stage.record.select_anew();
        self.post();
        let scribe = self.scribe(of, false);
        let Some(id) = self.stage.store.begin_snapshot(scribe) else {
            tracing::warn!("Too many snapshots are under way: one more cannot begin");
            return self.stage.board.archive.release();
        };
        let logging = match self.commits.mode {
            LogMode::Off if of == Activity::Rewrite && self.stage.board.config.load().appendonly => {
                // Logging begins here: what follows is not in the snapshot.
                self.set_log_mode(LogMode::Written);
                self.commits.era += 1;
                Logging::Beginning
            }
            LogMode::Off => Logging::Off,
            _ => Logging::On,
        };
        let keys = self.stage.store.databases().iter().map(|database| database.len() as u64).sum();
        let board = &self.stage.board;
        board.archive.keys_total.store(keys, Relaxed);
        let changes = board.vitals.changes.load(Relaxed);
        board.archive.count_begun(of);
        if of == Activity::Rewrite {
            self.note_base_begun();
        }
        // The commit that tells of the beginning comes next; what is in it is in the base.
        let commit = self.stage.record.log.committed + u64::from(logging == Logging::Beginning);
        self.persistence.do_send(Begun { of, id, changes, commit, logging, era: self.commits.era });
        if logging == Logging::Beginning {
            self.begin_commits();
        }
    }
    /// Runs what a command asked for; its reply is in `Ok`, or becomes the error.
    pub(super) fn run_errand(&mut self, errand: Errand, ctx: &mut Context<Self>) -> Result<(), CommandError> {
        match errand {
            Errand::Reload { .. } | Errand::LoadLog if self.loads => return Err(LOADS.clone()),
            Errand::Begin(of) => self.begin(of, ctx),
            Errand::Save => {
                self.stage.board.archive.saves.fetch_add(1, Relaxed);
                self.save(false, ctx).map_err(|_| CommandError::fixed("ERR"))?;
            }
            Errand::Reload { save, flush, merge } => self.reload(save, flush, merge, ctx)?,
            Errand::LoadLog => self.load_log(ctx)?,
            Errand::Emptied => self.save_emptiness(ctx),
            Errand::ChangeHistory => self.change_history(),
        }
        Ok(())
    }
    /// All data were deleted by one command. A snapshot that is being written is given up, and with save points there is an
    /// empty one at once, as in Redis: no crash is to bring back what was deleted on purpose.
    fn save_emptiness(&mut self, ctx: &mut Context<Self>) {
        self.persistence.do_send(GiveUpSave);
        self.primary.do_send(GiveUpSyncs);
        if !self.stage.board.config.load().save.0.is_empty() {
            // If it fails, that is in the log.
            let _ = self.save(false, ctx);
        }
    }
    /// Tells all there is to `pieces`, until nobody takes them.
    fn tell_all(&mut self, scribe: Box<dyn Scribe>, pieces: &SyncSender<Vec<u8>>) {
        let store = &mut self.stage.store;
        let Some(id) = store.begin_snapshot(scribe) else { return };
        while let Some(piece) = store.next_piece(id, LARGE_PIECE) {
            if pieces.send(piece.bytes).is_err() {
                store.abandon_snapshot(id);
                while store.clean_up() {}
                return;
            }
        }
    }
    /// SAVE: everybody waits.
    fn save(&mut self, with_everything: bool, ctx: &mut Context<Self>) -> io::Result<()> {
        // The file tells where in the stream its data are: all that was done is to be there, and what comes behind it selects
        // its database. What is amid a transaction has no place there yet.
        if !self.stage.record.is_in_block() {
            self.commit(ctx);
        }
        self.stage.record.select_anew();
        self.post();
        let (pieces, taken) = sync_channel(PIECES_AHEAD);
        let (done, answer) = sync_channel(1);
        let changes = self.stage.board.vitals.changes.load(Relaxed);
        self.persistence.do_send(SaveNow { pieces: taken, changes, done });
        let scribe = self.scribe(Activity::Save, with_everything);
        self.tell_all(scribe, &pieces);
        drop(pieces);
        answer.recv().unwrap_or_else(|_| Err(io::Error::other("nobody writes files any more")))
    }
}

impl Handler<Begin> for Keyspace {
    type Result = ();
    fn handle(&mut self, Begin(of): Begin, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        self.begin(of, ctx);
    }
}

impl Handler<Next> for Keyspace {
    type Result = ();
    /// Connections share this thread, and have their turn before each piece. The mailbox alone would not see to that: a
    /// fast disk asks for the next piece before this one's handler has returned, so the mailbox would never be empty, and
    /// clients would wait for many pieces (18 ms were measured).
    fn handle(&mut self, Next(id): Next, ctx: &mut Self::Context) {
        let turn = tokio::task::yield_now().into_actor(self);
        ctx.spawn(turn.map(move |_, keyspace, _| keyspace.tell_next(id)));
    }
}

impl Keyspace {
    fn tell_next(&mut self, id: SnapshotId) {
        if self.is_sync(id) {
            let began = Instant::now();
            if let Some(piece) = self.stage.store.next_piece(id, SYNC_PIECE) {
                self.tell_sync(id, piece, began.elapsed());
            }
        } else if let Some(piece) = self.stage.store.next_piece(id, PIECE) {
            let entries = piece.entries as u64;
            self.stage.board.archive.keys_told.fetch_add(entries, Relaxed);
            let memory = Share::of(piece.bytes.capacity(), &self.stage.board.passing);
            self.persistence.do_send(Told { id, bytes: piece.bytes, memory, entries, last: piece.last });
        }
        self.post_dropped();
    }
}

impl Handler<Abandon> for Keyspace {
    type Result = ();
    fn handle(&mut self, Abandon(id): Abandon, ctx: &mut Self::Context) {
        self.end_sync(id);
        self.stage.store.abandon_snapshot(id);
        ctx.address().do_send(CleanUp);
    }
}

impl Handler<CleanUp> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: CleanUp, ctx: &mut Self::Context) {
        if self.stage.store.clean_up() {
            ctx.address().do_send(CleanUp);
        }
        self.post_dropped();
    }
}

impl Handler<TellAll> for Keyspace {
    type Result = ();
    fn handle(&mut self, TellAll { of, pieces }: TellAll, _: &mut Self::Context) {
        self.stage.begin(now_ms());
        let scribe = self.scribe(of, false);
        self.tell_all(scribe, &pieces);
    }
}

/// From the Supervisor: the server is to end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PutAway {
    pub save: Save,
    /// End even if that fails.
    pub force: bool,
}

impl Handler<PutAway> for Keyspace {
    type Result = ();
    fn handle(&mut self, PutAway { save, force }: PutAway, ctx: &mut Self::Context) {
        let result = self.put_away(save, force, ctx);
        let result = if force { Ok(()) } else { result };
        self.supervisor.do_send(PutAwayDone(result.map_err(|error| error.to_string())));
    }
}

impl Keyspace {
    /// Brings to disk what the configuration says, or what is asked for.
    fn put_away(&mut self, save: Save, force: bool, ctx: &mut Context<Self>) -> io::Result<()> {
        let board = self.stage.board.clone();
        if board.archive.is_loading() {
            // A part of the data must not take the place of all.
            return Ok(());
        }
        let wanted = match save {
            Save::Yes => true,
            Save::No => false,
            Save::AsConfigured => {
                !board.config.load().save.0.is_empty() && !board.archive.lacks_data.load(Relaxed)
            }
        };
        self.stage.begin(now_ms());
        self.commit(ctx);
        let saved = if wanted {
            tracing::info!("Saving the final RDB snapshot before exiting.");
            self.save(false, ctx)
        } else {
            Ok(())
        };
        let (done, answer) = sync_channel(1);
        self.persistence.do_send(Settle { for_good: saved.is_ok(), force, done });
        let settled = answer.recv().unwrap_or(Ok(()));
        saved.and(settled)
    }
}

/// From Persistence: a file is going to be loaded.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginLoading(pub Loader);

/// From Persistence, which waits for the answer: the file is loaded.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndLoading {
    pub done: SyncSender<Loader>,
}

impl Handler<BeginLoading> for Keyspace {
    type Result = ();
    fn handle(&mut self, BeginLoading(loader): BeginLoading, _: &mut Self::Context) {
        self.loader = loader;
        self.loads = true;
    }
}

impl Handler<Load> for Keyspace {
    type Result = ();
    fn handle(&mut self, Load { link, pieces, done }: Load, ctx: &mut Self::Context) {
        let result = match self.is_followed(link) {
            true => self.load_here_or_aside(pieces),
            false => Err(Fault { offset: 0, reason: "We follow another master now".into() }),
        };
        // Who asked waits for it, or has given up.
        let _ = done.send(result);
        // The next batch is there already, and so it goes on to the end: the others on this thread want to tell clients that
        // data are being loaded.
        ctx.wait(tokio::task::yield_now().into_actor(self));
    }
}

impl Handler<EndLoading> for Keyspace {
    type Result = ();
    fn handle(&mut self, EndLoading { done }: EndLoading, ctx: &mut Self::Context) {
        self.end_loading();
        self.await_master();
        self.resume_history(ctx);
        self.note_changes(ctx);
        self.loads = false;
        let _ = done.send(std::mem::take(&mut self.loader));
    }
}

impl Keyspace {
    pub(super) fn load(&mut self, pieces: Vec<Piece>) -> Result<(), Fault> {
        let now_ms = now_ms();
        let mut loader = std::mem::take(&mut self.loader);
        let mut is_log = None;
        let result = pieces.iter().enumerate().try_for_each(|(index, piece)| {
            if let Some(ahead) = pieces.get(index + PIECES_PREFETCHED) {
                self.stage.prefetch(&loader, ahead);
            }
            let of_log = matches!(piece, Piece::Command(_));
            if is_log.replace(of_log) != Some(of_log) {
                self.stage.begin(now_ms);
                if of_log {
                    self.stage.store.keep_what_is_due();
                }
            }
            self.stage.load(&mut loader, piece)
        });
        self.loader = loader;
        self.stage.begin(now_ms);
        result
    }
    /// What was loaded is no change, and was asked for by nobody.
    pub(super) fn end_loading(&mut self) {
        self.stage.record.take_effects();
        self.stage.record.take_changes();
        self.stage.settle_times();
        self.post();
    }
    /// DEBUG RELOAD: what is saved now comes back, and nothing else.
    fn reload(
        &mut self,
        save: bool,
        flush: bool,
        merge: bool,
        ctx: &mut Context<Self>,
    ) -> Result<(), CommandError> {
        let failed = |reason: String| {
            tracing::warn!("DEBUG RELOAD: {reason}");
            CommandError::fixed("ERR Error trying to load the RDB dump, check server logs.")
        };
        if save {
            self.save(true, ctx).map_err(|error| failed(error.to_string()))?;
        } else {
            // The file of a sync may be on its way to its place. What the log says of it is not asked for.
            let _ = self.settle_files();
        }
        let path = std::path::PathBuf::from(&self.stage.board.config.load().dbfilename);
        let checks = !self.stage.store.skips_checksums;
        let on_duplicate = if merge { OnDuplicate::Replace } else { OnDuplicate::Refuse };
        self.read_anew(flush, Loader { on_duplicate, ..Loader::default() }, |sink| {
            disk::read_snapshot(&disk::Real, &path, checks, sink)
        })
        .map_err(|trouble| failed(trouble.to_string()))
    }
    /// Waits until Persistence has done all it was sent.
    fn settle_files(&self) -> io::Result<()> {
        let (done, answer) = sync_channel(1);
        self.persistence.do_send(Settle { for_good: false, force: false, done });
        answer.recv().unwrap_or(Ok(()))
    }
    /// DEBUG LOADAOF: what the log says comes back.
    fn load_log(&mut self, ctx: &mut Context<Self>) -> Result<(), CommandError> {
        let failed = |reason: String| {
            tracing::warn!("DEBUG LOADAOF: {reason}");
            CommandError::fixed("ERR Error trying to load the AOF files, check server logs.")
        };
        self.commit(ctx);
        self.settle_files().map_err(|error| failed(error.to_string()))?;
        let config = self.stage.board.config.load_full();
        let folder = std::path::Path::new(&config.appenddirname);
        let names = aof::Names(&config.appendfilename);
        let text = std::fs::read(folder.join(names.manifest())).map_err(|error| failed(error.to_string()))?;
        let manifest = aof::Manifest::parse(&text).map_err(|error| failed(error.to_string()))?;
        for (index, part) in manifest.parts().enumerate() {
            let loader = Loader { keeps_expired: true, is_log: true, ..Loader::default() };
            self.read_anew(index == 0, loader, |sink| {
                disk::read_log(&disk::Real, &folder.join(&part.name), true, sink)
            })
            .map_err(|trouble| failed(trouble.to_string()))?;
        }
        Ok(())
    }
    /// Takes a file in while everybody waits; nobody is told of it.
    fn read_anew(
        &mut self,
        flush: bool,
        loader: Loader,
        read: impl FnOnce(disk::Sink) -> Result<(), disk::Trouble>,
    ) -> Result<(), disk::Trouble> {
        self.post();
        let wanted = std::mem::take(&mut self.stage.record.wants);
        let pending = self.stage.record.lay_aside();
        if flush {
            for db in 0..self.stage.store.databases().len() {
                self.stage.changes(Caller { db, ..Caller::default() }).clear(db);
            }
            self.stage.scripting.clear_libraries(&self.stage.board);
        }
        // Our master's data may be on their way.
        let other = std::mem::replace(&mut self.loader, loader);
        let result = read(&mut |pieces, _| self.load(pieces));
        self.end_loading();
        let loader = std::mem::replace(&mut self.loader, other);
        if result.is_ok() && loader.loaded > 0 {
            loader.tell(&self.stage.board.archive.loading);
            self.stage.board.archive.lacks_data.store(false, Relaxed);
        }
        self.stage.record.wants = wanted;
        self.stage.record.put_back(pending);
        result
    }
}
