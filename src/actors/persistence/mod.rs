//! Persistence: the one actor that writes files. It has a thread of its own, because a disk makes it wait.
//!
//! * [`log`]: the append-only file. The Keyspace sends the effects of its commands once per drain of its mailbox, and with
//!   `appendfsync always` the replies too: all that has come by then is written, synced once, and then told.
//! * [`snapshots`]: RDB files, and the bases of the append-only file. Pieces are pulled from the Keyspace, one at a time
//!   and one ahead, so a slow disk slows the snapshot and nobody else.
//! * [`loading`]: what is on disk when the server starts.
//!
//! It never waits for the Keyspace but while loading: the Keyspace may wait for it (SAVE).
mod group;
mod loading;
mod log;
pub mod messages;
pub mod snapshots;

pub use snapshots::delay_of;

use crate::{
    actors::{
        keyspace::{Begin, Keyspace, LogMode, SetLogMode},
        now_ms,
        supervisor::Supervisor,
    },
    board::{Activity, Board},
    config::{AppendFsync, Config},
    disk,
};
use actix::prelude::*;
use futures::channel::oneshot;
use group::Group;
use log::Log;
use messages::{Held, LogEnds, Reconsider};
use snapshots::Writing;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

pub struct Persistence {
    board: Arc<Board>,
    keyspace: Addr<Keyspace>,
    supervisor: Addr<Supervisor>,
    disk: disk::Shared,
    /// The append-only file, while it is on.
    log: Option<Log>,
    /// Replies that wait for the next sync.
    held: Vec<Held>,
    /// Number of the last commit that has come.
    number: u64,
    /// Number of the last commit that the Keyspace was told to be on the medium.
    number_told: u64,
    /// A [`log::Write`] is under way to this actor itself.
    writing_asked: bool,
    last_sync: Instant,
    group: Group,
    /// Of logging, as the Keyspace has said last.
    era: u64,
    /// The last log was put aside, and the next has no base yet, nor has one failed.
    lacks_base: bool,
    /// The log is to end, and these wait for it.
    stopping: Vec<oneshot::Sender<()>>,
    /// What is written in the background.
    writing: Option<Writing>,
    /// When a first rewrite, or the next one after several failures, is tried, if one is wanted.
    next_rewrite: Instant,
    /// Keeps other servers away from the append-only file.
    lock: Option<std::fs::File>,
    /// Loading is over.
    ready: bool,
}

const TICK: Duration = Duration::from_millis(100);
/// After a failed save in the background the next one waits so long, seconds.
const SAVE_RETRY_SECONDS: i64 = 5;

impl Persistence {
    pub fn new(
        board: Arc<Board>,
        keyspace: Addr<Keyspace>,
        supervisor: Addr<Supervisor>,
        disk: disk::Shared,
    ) -> Persistence {
        let now = Instant::now();
        Persistence {
            board,
            keyspace,
            supervisor,
            disk,
            log: None,
            held: Vec::new(),
            number: 0,
            number_told: 0,
            writing_asked: false,
            last_sync: now,
            group: Group::new(now),
            era: 0,
            lacks_base: false,
            stopping: Vec::new(),
            writing: None,
            next_rewrite: now,
            lock: None,
            ready: false,
        }
    }
    fn config(&self) -> Arc<Config> {
        self.board.config.load_full()
    }
    /// What is done without being asked for.
    fn tick(&mut self) {
        if !self.ready {
            return;
        }
        self.retry_log();
        self.sync_on_time();
        self.write_told();
        let archive = &self.board.archive;
        // A part of the data must not take the place of all.
        let has_all = !archive.is_loading() && !archive.lacks_data.load(Relaxed);
        if archive.activity() == Activity::None && has_all {
            self.begin_what_is_due();
        }
        self.post_log();
    }
    fn begin_what_is_due(&mut self) {
        let (config, archive, now_s) = (self.config(), &self.board.archive, now_ms() / 1000);
        let begin = |activity: Activity| {
            if archive.claim(activity, now_s) {
                self.keyspace.do_send(Begin(activity));
            }
        };
        // If it was switched on, there must be a base first.
        let wants_base = config.appendonly && self.log.is_none() && Instant::now() >= self.next_rewrite;
        if self.rewrite_is_due(&config) || wants_base {
            begin(Activity::Rewrite);
        } else if self.save_is_due(&config, now_s) {
            begin(Activity::Save);
        }
    }
    fn save_is_due(&self, config: &Config, now_s: i64) -> bool {
        let archive = &self.board.archive;
        let waits = archive.last_save_failed.load(Relaxed)
            && now_s - archive.last_save_tried_s.load(Relaxed) <= SAVE_RETRY_SECONDS;
        if waits {
            return false;
        }
        if archive.save_scheduled.swap(false, Relaxed) {
            return true;
        }
        let changes = self.board.vitals.changes.load(Relaxed);
        let seconds = now_s - archive.last_save_s.load(Relaxed);
        let reached = config
            .save
            .0
            .iter()
            .find(|point| changes >= point.changes && seconds > point.seconds as i64 && changes > 0);
        if let Some(point) = reached {
            tracing::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        }
        reached.is_some()
    }
    fn rewrite_is_due(&self, config: &Config) -> bool {
        let archive = &self.board.archive;
        if archive.rewrite_scheduled.swap(false, Relaxed) {
            return true;
        }
        let Some(log) = self.log.as_ref().filter(|_| Instant::now() >= self.next_rewrite) else {
            return false;
        };
        if log.files.is_doubtful() && archive.log_error.load(Relaxed) == 0 {
            tracing::warn!("Starting rewriting of AOF, for something in it could not be synced");
            return true;
        }
        if config.auto_aof_rewrite_percentage == 0 {
            return false;
        }
        let (bytes, base) = (archive.log_bytes.load(Relaxed), archive.log_base_bytes.load(Relaxed).max(1));
        let growth = (bytes * 100 / base) as i64 - 100;
        let due =
            bytes > config.auto_aof_rewrite_min_size && growth >= config.auto_aof_rewrite_percentage as i64;
        if due {
            tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
        }
        due
    }
    /// `appendfsync always`, for commands that go to an increment of the manifest.
    fn syncs_always(&self) -> bool {
        self.board.config.load().appendfsync == AppendFsync::Always
            && self.log.as_ref().is_some_and(|log| !log.files.is_beginning())
    }
}

impl Actor for Persistence {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        // Commits come in bursts, and none may be lost: the mailbox has no bound of its own.
        ctx.set_mailbox_capacity(0);
        ctx.run_interval(TICK, |persistence, _| persistence.tick());
    }
}

impl Handler<Reconsider> for Persistence {
    type Result = ();
    fn handle(&mut self, Reconsider { done }: Reconsider, _: &mut Self::Context) {
        if !self.ready {
            return;
        }
        let config = self.config();
        match (config.appendonly, self.log.is_some()) {
            _ if !self.stopping.is_empty() => return self.stopping.push(done),
            (false, true) => {
                // What the Keyspace has not handed over yet belongs to it.
                self.keyspace.do_send(SetLogMode { mode: LogMode::Off, era: self.era });
                return self.stopping.push(done);
            }
            (true, false) => self.next_rewrite = Instant::now(),
            (false, false) => self.rejoice(),
            _ => {}
        }
        // They are kept only as long as `aof-disable-auto-gc` says.
        self.delete_history();
        self.announce_log();
        // Who asked may wait no longer.
        let _ = done.send(());
    }
}

impl Handler<LogEnds> for Persistence {
    type Result = ();
    fn handle(&mut self, LogEnds { era }: LogEnds, _: &mut Self::Context) {
        self.era = era;
        self.end_log();
        if !self.stopping.is_empty() {
            self.end_stopping();
        }
    }
}
impl Persistence {
    /// The log has ended, and whoever waits for that hears of it.
    fn end_stopping(&mut self) {
        self.rejoice();
        if self.config().appendonly {
            // It was switched on again meanwhile: another one begins.
            self.next_rewrite = Instant::now();
        }
        for done in self.stopping.drain(..) {
            let _ = done.send(());
        }
    }
}
