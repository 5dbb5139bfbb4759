//! Snapshots on their way to replicas. All who wait when one begins, and want the same, are sent the same: a wave.
//!
//! A piece is asked for only when each of them has room for it, so a slow one slows its wave down, and memory grows by the
//! pieces in flight only. Who is too slow for too long is let go (`repl-timeout`).
use super::{
    Follower, Place, Primary,
    backlog::Backlog,
    framing::Marked,
    messages::{Alive, GiveUpSyncs, Piece, Ready, Spooled, SyncBegun},
    spool::{self, Keep, Spool},
    stretch::Stretch,
};
use crate::{
    actors::{
        keyspace::{Abandon, AreYouAlive, BeginSync, Next, SyncContents},
        persistence::snapshots::delay_of,
        replica::messages::{HangUp, KeepAlive, Say, SendFile, SendLast, SendPart},
    },
    commands::replication::Announced,
    config::Config,
    store::SnapshotId,
};
use actix::prelude::*;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    fs::File,
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// What those on one wave have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    contents: SyncContents,
    way: Way,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Straight to their sockets.
    Sockets,
    /// By a file, whose length is known.
    File,
}
impl Plan {
    fn of(announced: &Announced, config: &Config) -> Plan {
        let straight = (config.repl_diskless_sync || announced.is_filtered()) && announced.capa_eof;
        Plan {
            contents: SyncContents {
                without_data: announced.without_data,
                without_functions: announced.without_functions,
            },
            way: if straight { Way::Sockets } else { Way::File },
        }
    }
    /// Whether it is time: those who wait for it are so many, and the first has waited so long.
    fn is_due(&self, count: usize, waited: Duration, config: &Config) -> bool {
        let most = config.repl_diskless_sync_max_replicas as usize;
        let delay = Duration::from_secs(config.repl_diskless_sync_delay_seconds.into());
        self.way == Way::File || waited >= delay || (most > 0 && count >= most)
    }
}

pub struct Wave {
    id: SnapshotId,
    output: Output,
    /// Clients on it.
    members: Vec<u64>,
    /// Those who have no room for more yet.
    full: Vec<u64>,
    /// Pieces that were asked for and have not come, and those on their way to the file.
    asked: usize,
    spooling: usize,
    /// Pieces that have come, and wait for `rdb-key-save-delay`.
    told: VecDeque<Piece>,
    /// When the last one was passed on.
    passed: Instant,
    /// A timer goes on with it.
    has_timer: bool,
    /// What pieces have taken of the Keyspace's time since the last rest.
    worked: Duration,
    rests: bool,
}
enum Output {
    Sockets(Marked),
    File(Addr<Spool>),
}
impl Output {
    /// It is of no use any more.
    fn drop(&self) {
        if let Output::File(spool) = self {
            spool.do_send(spool::Drop);
        }
    }
}
/// Two at a time: one is made while the other is sent, where these are two threads. On one thread clients would wait for
/// both.
const PIECES_MAX: usize = 2;
/// Where clients are on the Keyspace's thread, it rests so long after so much work for a wave. A thread that never rests is
/// made to wait by the system for whole slices of time (some ms) where others want its core; and that is when clients wait.
const WORK: Duration = Duration::from_millis(1);
const REST: Duration = Duration::from_millis(1);
/// At the same time, bits of the entries' headers being scarce: others save, too.
const WAVES_MAX: usize = 4;
/// When the Keyspace cannot begin one it is asked again this late.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Primary {
    /// Asks for the snapshots whose time has come.
    pub(super) fn begin_due(&mut self, _: &mut Context<Self>) {
        let config = self.board.config.load_full();
        let mut plans: Vec<(Plan, usize, Instant)> = Vec::new();
        for follower in &self.followers {
            let Place::WaitsForSnapshot { since } = follower.place else { continue };
            let plan = Plan::of(&follower.announced, &config);
            match plans.iter_mut().find(|(known, ..)| *known == plan) {
                Some((_, count, first)) => (*count, *first) = (*count + 1, since.min(*first)),
                None => plans.push((plan, 1, since)),
            }
        }
        for (plan, count, first) in plans {
            let may = self.waves.len() + self.asked.len() < WAVES_MAX && !self.asked.contains(&plan);
            if may && plan.is_due(count, first.elapsed(), &config) {
                let target = if plan.way == Way::Sockets { "replicas sockets" } else { "disk" };
                tracing::info!("Starting BGSAVE for SYNC with target: {target}");
                self.asked.push_back(plan);
                self.tell_keyspace(BeginSync(plan.contents));
            }
        }
    }
    /// A replica has come that waits for a snapshot.
    pub(super) fn schedule(&mut self, ctx: &mut Context<Self>) {
        self.begin_due(ctx);
        if self.asked.is_empty() {
            tracing::info!("Delay next BGSAVE for diskless SYNC");
            let delay_seconds = self.board.config.load().repl_diskless_sync_delay_seconds;
            ctx.run_later(Duration::from_secs(delay_seconds.into()), Primary::begin_due);
        }
    }
    fn post_waves(&self) {
        self.board.replication.syncs.store(self.waves.len(), Relaxed);
    }
    fn wave(&mut self, id: SnapshotId) -> Option<&mut Wave> {
        self.waves.iter_mut().find(|wave| wave.id == id)
    }
    fn take_wave(&mut self, id: SnapshotId) -> Option<Wave> {
        let index = self.waves.iter().position(|wave| wave.id == id)?;
        let wave = self.waves.remove(index);
        self.post_waves();
        Some(wave)
    }
    fn open_output(&mut self, plan: Plan, id: SnapshotId, ctx: &Context<Self>) -> Output {
        let with_checksum = self.board.config.load().rdbchecksum;
        match plan.way {
            Way::Sockets => Output::Sockets(Marked::new(&mut self.rng, with_checksum)),
            Way::File => {
                let (number, primary) = (self.rng.u64(..), ctx.address());
                let spool = move |_: &mut Context<Spool>| Spool::new(id, number, with_checksum, primary);
                Output::File(Spool::start_in_arbiter(&self.files, spool))
            }
        }
    }
    /// Those who wait for such a snapshot are on this one. The stream goes on behind it from `offset`.
    fn embark(&mut self, plan: Plan, id: SnapshotId, offset: u64, head: Option<Bytes>) -> Vec<u64> {
        let config = self.board.config.load_full();
        let line = format!("+FULLRESYNC {} {offset}\r\n", self.board.replication.history.load().id);
        let mut members = Vec::new();
        for follower in &mut self.followers {
            let waits = matches!(follower.place, Place::WaitsForSnapshot { .. });
            if !waits || Plan::of(&follower.announced, &config) != plan {
                continue;
            }
            follower.place = Place::OnWave(id);
            if follower.speaks_psync {
                follower.actor.do_send(Say(line.clone().into()));
            }
            if let Some(head) = &head {
                follower.actor.do_send(Say(head.clone()));
            }
            members.push(follower.client());
        }
        members
    }
    /// Asks for as many pieces as there is room for.
    fn pull(&mut self, id: SnapshotId, ctx: &mut Context<Self>) {
        let is_beside_data = self.is_beside_data;
        let pieces_max = if is_beside_data { 1 } else { PIECES_MAX };
        let Some(wave) = self.wave(id) else { return };
        if is_beside_data && wave.worked >= WORK {
            if !std::mem::replace(&mut wave.rests, true) {
                ctx.run_later(REST, move |primary, ctx| {
                    if let Some(wave) = primary.wave(id) {
                        (wave.worked, wave.rests) = (Duration::ZERO, false);
                    }
                    primary.pull(id, ctx);
                });
            }
            return;
        }
        let mut wanted = 0;
        while wave.full.is_empty() && wave.asked + wave.told.len() + wave.spooling < pieces_max {
            wave.asked += 1;
            wanted += 1;
        }
        (0..wanted).for_each(|_| self.tell_keyspace(Next(id)));
    }
    /// Passes on what has come, as fast as `rdb-key-save-delay` lets it.
    fn pass_on(&mut self, id: SnapshotId, ctx: &mut Context<Self>) {
        let each_us = self.board.config.load().rdb_key_save_delay_us;
        loop {
            let Some(wave) = self.wave(id) else { return };
            let Some(next) = wave.told.front() else { return self.pull(id, ctx) };
            let rest = delay_of(next.entries, each_us).saturating_sub(wave.passed.elapsed());
            if !rest.is_zero() {
                if !std::mem::replace(&mut wave.has_timer, true) {
                    ctx.run_later(rest, move |primary, ctx| {
                        if let Some(wave) = primary.wave(id) {
                            wave.has_timer = false;
                        }
                        primary.pass_on(id, ctx);
                    });
                }
                return;
            }
            wave.passed = Instant::now();
            if let Some(piece) = wave.told.pop_front() {
                self.pass_piece(piece, ctx);
            }
        }
    }
    fn pass_piece(&mut self, Piece { id, bytes, memory, last: is_last, .. }: Piece, ctx: &mut Context<Self>) {
        let gauge = self.board.replication.slow_bytes.clone();
        let Some(wave) = self.wave(id) else { return };
        match &mut wave.output {
            Output::Sockets(framing) => {
                let part = Stretch::with_room(framing.part(bytes, is_last), &gauge);
                if !is_last {
                    wave.full.clone_from(&wave.members);
                }
                let members = wave.members.clone();
                self.send_to(&members, |actor| match is_last {
                    true => actor.do_send(SendLast(part.clone())),
                    false => actor.do_send(SendPart(part.clone())),
                });
                if is_last {
                    self.end_wave(id, ctx);
                }
            }
            Output::File(spool) => {
                spool.do_send(Keep { bytes, memory, is_last });
                wave.spooling += 1;
            }
        }
    }
    fn send_to(&self, members: &[u64], send: impl Fn(&Addr<crate::actors::replica::Replica>)) {
        for follower in self.followers.iter().filter(|follower| members.contains(&follower.client())) {
            send(&follower.actor);
        }
    }
    fn end_wave(&mut self, id: SnapshotId, ctx: &mut Context<Self>) {
        let Some(wave) = self.take_wave(id) else { return };
        tracing::info!(
            "Diskless rdb transfer, done reading from pipe, {} replicas still up.",
            wave.members.len()
        );
        self.begin_due(ctx);
    }
    /// All of it is in the file.
    fn send_file(&mut self, id: SnapshotId, file: &Arc<File>, bytes: u64, ctx: &mut Context<Self>) {
        let Some(wave) = self.take_wave(id) else { return };
        tracing::info!("Background saving for SYNC terminated with success: {bytes} bytes");
        self.send_to(&wave.members, |actor| actor.do_send(SendFile { file: file.clone(), bytes }));
        self.begin_due(ctx);
    }
    fn fail_wave(&mut self, id: SnapshotId, error: &io::Error, ctx: &mut Context<Self>) {
        self.tell_keyspace(Abandon(id));
        if let Some(wave) = self.take_wave(id) {
            tracing::warn!("SYNC failed. The snapshot for replicas could not be kept: {error}");
            self.send_to(&wave.members, |actor| actor.do_send(HangUp));
        }
        self.begin_due(ctx);
    }
    /// A replica is gone.
    pub(super) fn leave_waves(&mut self, client: u64, ctx: &mut Context<Self>) {
        let on = |wave: &&mut Wave| wave.members.contains(&client);
        let Some(wave) = self.waves.iter_mut().find(on) else { return };
        wave.members.retain(|member| *member != client);
        wave.full.retain(|member| *member != client);
        let id = wave.id;
        if !wave.members.is_empty() {
            return self.pull(id, ctx);
        }
        wave.output.drop();
        match wave.output {
            Output::Sockets(_) => {
                tracing::warn!("Diskless rdb transfer, last replica dropped, killing fork child.")
            }
            Output::File(_) => tracing::warn!("Killing running RDB child: no replica waits for it any more"),
        }
        self.tell_keyspace(Abandon(id));
        self.take_wave(id);
        self.begin_due(ctx);
    }
    /// Nobody is sent any snapshot any more.
    pub(super) fn give_up_waves(&mut self) {
        for wave in std::mem::take(&mut self.waves) {
            self.tell_keyspace(Abandon(wave.id));
            wave.output.drop();
            self.send_to(&wave.members, |actor| actor.do_send(HangUp));
        }
        self.post_waves();
    }
    /// Those who have still no whole snapshot, and wait without hearing anything.
    fn waiting(&self) -> impl Iterator<Item = &Follower> {
        let in_file = |id: SnapshotId| {
            self.waves.iter().any(|wave| wave.id == id && matches!(wave.output, Output::File(_)))
        };
        self.followers.iter().filter(move |follower| match follower.place {
            Place::WaitsForSnapshot { .. } => true,
            Place::OnWave(id) => in_file(id),
            Place::InStep => false,
        })
    }
    /// Who waits is told each second that we are alive. What counts for that is the Keyspace: a server that is stuck there
    /// must not seem to be well.
    pub(super) fn ask_for_pulse(&self) {
        if self.waiting().next().is_some() {
            self.tell_keyspace(AreYouAlive);
        }
    }
}

impl Handler<SyncBegun> for Primary {
    type Result = ();
    fn handle(&mut self, SyncBegun { id, offset }: SyncBegun, ctx: &mut Self::Context) {
        let Some(plan) = self.asked.pop_front() else { return };
        let Some(id) = id else {
            tracing::warn!("BGSAVE for replication failed: it is tried again");
            ctx.run_later(RETRY_AFTER, Primary::begin_due);
            return;
        };
        // The stream may begin here.
        self.backlog.get_or_insert_with(|| Backlog::at(offset, &self.board.replication.slow_bytes));
        self.post_backlog();
        let output = self.open_output(plan, id, ctx);
        let head = match &output {
            Output::Sockets(framing) => Some(framing.head()),
            Output::File(_) => None,
        };
        let members = self.embark(plan, id, offset, head);
        if members.is_empty() {
            self.tell_keyspace(Abandon(id));
            output.drop();
            return self.begin_due(ctx);
        }
        let what = if plan.way == Way::Sockets { "RDB transfer" } else { "saving" };
        tracing::info!("Background {what} started by pid {}", std::process::id());
        self.waves.push(Wave {
            id,
            output,
            members,
            full: Vec::new(),
            asked: 0,
            spooling: 0,
            told: VecDeque::new(),
            passed: Instant::now(),
            has_timer: false,
            worked: Duration::ZERO,
            rests: false,
        });
        self.post_waves();
        self.pull(id, ctx);
    }
}

impl Handler<Piece> for Primary {
    type Result = ();
    fn handle(&mut self, piece: Piece, ctx: &mut Self::Context) {
        // It may have been given up meanwhile.
        let id = piece.id;
        if let Some(wave) = self.wave(id) {
            wave.asked -= 1;
            wave.worked += piece.took;
            wave.told.push_back(piece);
            self.pass_on(id, ctx);
        }
    }
}

impl Handler<Spooled> for Primary {
    type Result = ();
    fn handle(&mut self, Spooled { id, kept }: Spooled, ctx: &mut Self::Context) {
        // It may have been given up meanwhile.
        let Some(wave) = self.wave(id) else { return };
        wave.spooling -= 1;
        match kept {
            Ok(None) => self.pull(id, ctx),
            Ok(Some((file, bytes))) => self.send_file(id, &file, bytes, ctx),
            Err(error) => self.fail_wave(id, &error, ctx),
        }
    }
}

impl Handler<Ready> for Primary {
    type Result = ();
    fn handle(&mut self, Ready { client }: Ready, ctx: &mut Self::Context) {
        let on = |wave: &&mut Wave| wave.members.contains(&client);
        if let Some(wave) = self.waves.iter_mut().find(on) {
            wave.full.retain(|member| *member != client);
            let id = wave.id;
            self.pull(id, ctx);
        }
    }
}

impl Handler<Alive> for Primary {
    type Result = ();
    fn handle(&mut self, _: Alive, _: &mut Self::Context) {
        self.waiting().for_each(|follower| follower.actor.do_send(KeepAlive));
    }
}

impl Handler<GiveUpSyncs> for Primary {
    type Result = ();
    fn handle(&mut self, _: GiveUpSyncs, _: &mut Self::Context) {
        if !self.waves.is_empty() {
            tracing::warn!("SYNC failed. All data were deleted: replicas have to ask again");
            self.give_up_waves();
        }
    }
}
