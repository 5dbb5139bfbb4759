//! The Keyspace as a master: the stream of its effects, and snapshots for replicas.
use super::{
    Keyspace,
    following::{Apply, Aside},
};
use crate::{
    actors::{
        now_ms,
        primary::{
            GETACK,
            messages::{Alive, ChangeId, Piece, Streamed, SyncBegun},
        },
        supervisor::Fenced,
    },
    board::{Failover, PauseReason, Share, UNASKED_FOR},
    data::wheel::Item,
    formats::rdb,
    store::{self, SnapshotId, WheelEntry},
};
use actix::prelude::*;
use bytes::Bytes;
use std::{
    collections::{HashSet, VecDeque},
    sync::atomic::Ordering::{Relaxed, Release},
    time::{Duration, Instant},
};

/// What of the data a snapshot for replicas tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncContents {
    pub without_data: bool,
    pub without_functions: bool,
}

/// From Primary: begin a snapshot for replicas, and, if there is none yet, the stream. Answered by `SyncBegun`; pieces
/// are asked for by [`Next`](super::Next), and come as `Piece`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginSync(pub SyncContents);

/// From Primary: this belongs to the stream here, and is no effect of ours (PING, REPLCONF GETACK). A replica ignores it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Feed(pub Bytes);

/// From the Supervisor: writers are paused now. What was done before is told to replicas, who are asked how far they are,
/// unless they have said that they have all; answered by `Fenced`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Fence {
    pub reason: PauseReason,
}

/// From Primary: answered by `Alive`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AreYouAlive;

/// From Primary: nobody has followed us for long. Effects need not be told any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndStream;

/// From Primary: what replicas acknowledged, as it stands on the board, may be enough for those who wait.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AcksCame;

/// Replicas that should have said by themselves what they have are asked after so long.
const ASK_AFTER: Duration = Duration::from_millis(2);

/// What the Keyspace knows of its place among servers.
#[derive(Default)]
pub struct Place {
    /// Number of the link that we follow.
    pub(super) link: Option<u64>,
    /// Database that is selected in the stream which we hand on.
    pub(super) db: usize,
    /// What is to be handed on may not wait for more.
    pub(super) hurries: bool,
    /// Replicas are to be asked what they have; when they were last; and it is looked soon whether they need be.
    pub(super) asks: bool,
    asked: Option<Instant>,
    may_ask: bool,
    /// Snapshots for replicas.
    pub(super) syncs: Vec<SnapshotId>,
    /// The data that are to take the place of ours, while they come.
    pub(super) aside: Option<Aside>,
    /// Parts of our master's stream that wait for the end of a pause, in their order.
    pub(super) paused: VecDeque<Apply>,
    /// When it was told last that what our master writes is not kept.
    pub(super) warned: Option<Instant>,
    /// Deadlines that clients of a writable replica have set: their end is told by no master.
    pub(super) own_places: HashSet<(u16, u64)>,
}
/// Database and position of a key.
fn place_of(item: &Item) -> (u16, u64) {
    (item.database(), item.position())
}

impl Keyspace {
    /// Gives the stream what was done here.
    pub(super) fn stream(&mut self, effects: &Bytes) {
        self.place.hurries = false;
        let stream = &self.stage.record.stream;
        if stream.follows || !stream.is_on {
            return;
        }
        if std::mem::take(&mut self.place.asks) {
            self.place.asked = Some(Instant::now());
            let with_question = [&effects[..], GETACK].concat();
            return self.hand_on(&with_question.into());
        }
        self.hand_on(effects);
    }
    /// Somebody waits until replicas have what was written: they are sent it, and are asked behind it.
    pub(super) fn ask_for_acks(&mut self, ctx: &mut Context<Self>) {
        self.place.asks = true;
        self.hurry(ctx);
    }
    fn hurry(&mut self, ctx: &mut Context<Self>) {
        self.place.hurries = true;
        self.ask_for_flush(ctx);
    }
    /// As [`Keyspace::ask_for_acks`], where it is enough to hear of what they have applied: those who were asked a little
    /// while ago say it by themselves, and sooner than they could answer a question.
    pub(super) fn await_acks(&mut self, ctx: &mut Context<Self>) {
        let asked_lately = self.place.asked.is_some_and(|asked| asked.elapsed() < UNASKED_FOR / 2);
        if !asked_lately || !self.stage.board.replication.all_ack_unasked() {
            return self.ask_for_acks(ctx);
        }
        self.hurry(ctx);
        if !std::mem::replace(&mut self.place.may_ask, true) {
            ctx.run_later(ASK_AFTER, |keyspace, ctx| {
                keyspace.place.may_ask = false;
                if keyspace.stage.waiting.awaits_log() {
                    keyspace.ask_for_acks(ctx);
                }
            });
        }
    }
    pub(super) fn hand_on(&mut self, bytes: &Bytes) {
        let stream = &mut self.stage.record.stream;
        if stream.is_on && !bytes.is_empty() {
            stream.end += bytes.len() as u64;
            let end = stream.end;
            self.stage.board.replication.offset.store(end, Release);
            self.primary.do_send(Streamed { bytes: bytes.clone(), end });
        }
    }
    /// The stream that we hand on has selected this database.
    pub(super) fn select_in_stream(&mut self, db: usize) {
        self.place.db = db;
        self.stage.board.replication.stream_db.store(db, Relaxed);
    }
    /// The stream begins, if it has not: what is done from here on is told.
    pub(super) fn begin_stream(&mut self) {
        self.stage.record.stream.is_on = true;
        self.heed_readers();
    }
    /// What names the data as they are now, where that is known.
    pub(super) fn history(&self) -> Option<rdb::History> {
        let record = &self.stage.record;
        let stream = &record.stream;
        let is_told = stream.follows || record.untold_bytes() == 0;
        (stream.is_on && is_told).then(|| rdb::History {
            id: self.stage.board.replication.history.load().id.clone(),
            offset: stream.end,
            db: self.place.db,
        })
    }
    fn begin_sync(&mut self, contents: SyncContents, ctx: &mut Context<Self>) -> Option<SnapshotId> {
        self.commit(ctx);
        self.begin_stream();
        if !self.stage.record.stream.follows {
            self.stage.record.select_anew();
            self.select_in_stream(0);
        }
        let config = self.stage.board.config.load();
        let mut scribe = rdb::FileScribe::new(&config, false).with_history(self.history());
        if !contents.without_functions {
            scribe = scribe.with_functions(self.stage.scripting.sources());
        }
        if contents.without_data {
            scribe = scribe.without_data();
        }
        let id = self.stage.store.begin_snapshot(Box::new(scribe))?;
        self.place.syncs.push(id);
        Some(id)
    }
    /// Tells a piece to whoever asked for it, if it is one for replicas.
    pub(super) fn is_sync(&self, id: SnapshotId) -> bool {
        self.place.syncs.contains(&id)
    }
    pub(super) fn tell_sync(&mut self, id: SnapshotId, piece: store::Piece, took: Duration) {
        if piece.last {
            self.end_sync(id);
        }
        let store::Piece { bytes, entries, last } = piece;
        let memory = Share::of(bytes.capacity(), &self.stage.board.passing);
        self.primary.do_send(Piece { id, bytes, memory, entries: entries as u64, last, took });
    }
    pub(super) fn end_sync(&mut self, id: SnapshotId) {
        self.place.syncs.retain(|other| *other != id);
    }
    /// To be called behind a batch of clients' commands: on a writable replica, the deadlines that they set are ours to keep.
    pub(super) fn note_own_deadlines(&mut self) {
        if self.place.link.is_some() && !self.stage.is_read_only() {
            let places = self.stage.store.deadlines().iter().map(|(_, item)| place_of(item));
            self.place.own_places.extend(places);
        }
    }
    /// These have been expired, or will be heard of again as new ones.
    pub(super) fn forget_own(&mut self, items: &[Item]) {
        if !self.place.own_places.is_empty() {
            for item in items {
                self.place.own_places.remove(&place_of(item));
            }
        }
    }
    /// What is not due yet stays ours.
    pub(super) fn note_own_again(&mut self, again: &[WheelEntry]) {
        if self.place.link.is_some() {
            self.place.own_places.extend(again.iter().map(|(_, item)| place_of(item)));
        }
    }
    /// What of these items is ours to expire. Of a replica's, only what its own clients have set: all else its master deletes,
    /// and until then readers do not see it.
    pub(super) fn keep_own(&mut self, items: Vec<Item>) -> Vec<Item> {
        if self.place.link.is_none() {
            return items;
        }
        items.into_iter().filter(|item| self.place.own_places.contains(&place_of(item))).collect()
    }
}

impl Handler<BeginSync> for Keyspace {
    type Result = ();
    fn handle(&mut self, BeginSync(contents): BeginSync, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        let id = self.begin_sync(contents, ctx);
        if id.is_none() {
            tracing::warn!("Too many snapshots are under way: one more cannot begin");
        }
        let offset = self.stage.record.stream.end;
        self.primary.do_send(SyncBegun { id, offset });
    }
}

impl Handler<Feed> for Keyspace {
    type Result = ();
    fn handle(&mut self, Feed(bytes): Feed, ctx: &mut Self::Context) {
        // While we give way to a replica, nothing may be added that it would have to catch up with.
        let gives_way = self.stage.board.replication.failover() != Failover::None;
        if !self.stage.record.stream.follows && !gives_way {
            self.commit(ctx);
            self.hand_on(&bytes);
        }
    }
}

impl Handler<Fence> for Keyspace {
    type Result = ();
    fn handle(&mut self, Fence { reason }: Fence, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        self.commit(ctx);
        let offset = self.stage.record.stream.end;
        let replication = &self.stage.board.replication;
        let lags = replication.lagging(offset) > 0;
        // A failover under way has its own, and nothing comes behind that.
        let may_ask = reason == PauseReason::Failover || replication.failover() == Failover::None;
        if lags && may_ask && !self.stage.record.stream.follows {
            self.hand_on(&Bytes::from_static(GETACK));
        }
        self.supervisor.do_send(Fenced { reason, offset });
    }
}

impl Keyspace {
    /// DEBUG CHANGE-REPL-ID
    pub(super) fn change_history(&mut self) {
        self.primary.do_send(ChangeId);
    }
}

impl Handler<AreYouAlive> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: AreYouAlive, _: &mut Self::Context) {
        self.primary.do_send(Alive);
    }
}

impl Handler<EndStream> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: EndStream, ctx: &mut Self::Context) {
        self.commit(ctx);
        self.stage.record.stream.is_on = false;
        self.heed_readers();
    }
}

impl Handler<AcksCame> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: AcksCame, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        self.serve_log_waiters(ctx);
    }
}
