//! The Keyspace's part in saving and loading: it tells the data piece by piece, and takes them in again.
use super::{Keyspace, LogMode};
use crate::{
    actors::{
        now_ms,
        persistence::messages::{Begun, SaveNow, Settle, Told},
    },
    board::Activity,
    commands::{Errand, error::CommandError, loading::{self, Fault, Loader}},
    disk,
    formats::{aof, rdb},
    store::{PieceSize, Scribe, SnapshotId},
};
use actix::prelude::*;
use std::{
    io,
    sync::{
        atomic::Ordering::Relaxed,
        mpsc::{SyncSender, sync_channel},
    },
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
    pub pieces: Vec<loading::Piece>,
    pub done: SyncSender<Result<(), Fault>>,
}

/// Of a snapshot beside the clients: some tenths of a millisecond of their time.
const PIECE: PieceSize = PieceSize { bytes: 256 * 1024, entries: 2000 };
/// Of one for which all wait.
const LARGE_PIECE: PieceSize = PieceSize { bytes: 1024 * 1024, entries: 100_000 };
/// Pieces on their way to the disk while all wait.
const PIECES_AHEAD: usize = 4;

impl Keyspace {
    fn scribe(&self, of: Activity) -> Box<dyn Scribe> {
        let config = self.stage.board.config.load();
        match of {
            Activity::Rewrite if !config.aof_use_rdb_preamble => Box::new(aof::CommandScribe::default()),
            _ => Box::new(rdb::FileScribe::new(&config, of == Activity::Rewrite)),
        }
    }
    /// Begins what was claimed, at this very moment.
    pub(super) fn begin(&mut self, of: Activity, ctx: &mut Context<Self>) {
        self.commit(ctx);
        self.post();
        let scribe = self.scribe(of);
        let Some(id) = self.stage.store.begin_snapshot(scribe) else {
            tracing::warn!("Too many snapshots are under way: one more cannot begin");
            return self.stage.board.archive.release();
        };
        if of == Activity::Rewrite && self.commits.mode == LogMode::Off {
            // Logging begins here: what follows is not in the snapshot.
            self.stage.record.take_effects();
            self.commits.mode = LogMode::Written;
            self.stage.record.wants.effects = true;
        }
        let keys = self.stage.store.databases().iter().map(|database| database.len() as u64).sum();
        let board = &self.stage.board;
        board.archive.keys_total.store(keys, Relaxed);
        let changes = board.vitals.changes.load(Relaxed);
        self.persistence.do_send(Begun { of, id, changes });
    }
    /// Runs what a command asked for; its reply is in `Ok`, or becomes the error.
    pub(super) fn run_errand(&mut self, errand: Errand, ctx: &mut Context<Self>) -> Result<(), CommandError> {
        match errand {
            Errand::Begin(of) => self.begin(of, ctx),
            Errand::Save => self.save().map_err(|_| CommandError::fixed("ERR"))?,
            Errand::Reload { save, flush } => self.reload(save, flush)?,
            Errand::LoadLog => self.load_log(ctx)?,
        }
        Ok(())
    }
    /// Tells all there is to `pieces`, until nobody takes them.
    fn tell_all(&mut self, of: Activity, pieces: &SyncSender<Vec<u8>>) {
        let scribe = self.scribe(of);
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
    fn save(&mut self) -> io::Result<()> {
        self.post();
        let (pieces, taken) = sync_channel(PIECES_AHEAD);
        let (done, answer) = sync_channel(1);
        let changes = self.stage.board.vitals.changes.load(Relaxed);
        self.persistence.do_send(SaveNow { pieces: taken, changes, done });
        self.tell_all(Activity::Save, &pieces);
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
    fn handle(&mut self, Next(id): Next, _: &mut Self::Context) {
        if let Some(piece) = self.stage.store.next_piece(id, PIECE) {
            self.stage.board.archive.keys_told.fetch_add(piece.entries as u64, Relaxed);
            self.persistence.do_send(Told { id, bytes: piece.bytes, last: piece.last });
        }
        self.post_dropped();
    }
}

impl Handler<Abandon> for Keyspace {
    type Result = ();
    fn handle(&mut self, Abandon(id): Abandon, ctx: &mut Self::Context) {
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
        self.tell_all(of, &pieces);
    }
}
