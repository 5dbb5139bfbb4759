//! The append-only file while the server runs.
use super::{
    Persistence,
    messages::{Commit, Drain, Held, PutLogAside, Settle},
};
use crate::{
    actors::{
        keyspace::{Letter, LogMode, SetLogMode, Synced},
        now_ms,
    },
    board::{Activity, Board, Share},
    disk::{LogFiles, LogFolder},
    formats::aof::{Writer, manifest::Logging},
};
use actix::prelude::*;
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::atomic::Ordering::{Relaxed, Release},
    thread,
    time::{Duration, Instant},
};

/// The append-only file, while it is on.
pub struct Log {
    pub files: LogFiles,
    /// Tells the time in it (`aof-timestamp-enabled`).
    stamps: Writer,
    /// Of what the disk has not taken.
    memory: Share,
}
impl Log {
    pub fn new(files: LogFiles, board: &Board) -> Log {
        Log { files, stamps: Writer::default(), memory: Share::of(0, &board.passing) }
    }
    fn push(&mut self, effects: &[u8]) {
        let Log { files, memory, .. } = self;
        files.journal.reserve(effects.len(), |bytes| memory.resize(bytes));
        files.journal.push(effects);
        self.weigh();
    }
    /// To be called where the journal may have become larger or smaller.
    fn weigh(&mut self) {
        self.memory.resize(self.files.journal.memory_bytes());
    }
}

/// To itself: all that was in the mailbox has come, write it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Write;

/// How long more replies are waited for at a time; see [`Group`](super::group::Group).
const MORE_AFTER: Duration = Duration::from_micros(20);

const SYNC_EVERY: Duration = Duration::from_secs(1);

impl Handler<Commit> for Persistence {
    type Result = ();
    fn handle(&mut self, commit: Commit, ctx: &mut Self::Context) {
        let Commit { effects, memory, held, number } = commit;
        self.board.archive.log_underway_bytes.fetch_sub(effects.len() as u64, Relaxed);
        self.number = number;
        self.held.extend(held);
        if let Some(log) = &mut self.log {
            if !effects.is_empty() && self.board.config.load().aof_timestamp_enabled {
                log.stamps.stamp(now_ms() / 1000);
                log.files.journal.push(&log.stamps.take());
            }
            log.push(&effects);
        }
        drop((effects, memory));
        if self.is_settled() {
            // It holds nothing: that the log begins, or replies. Who hears that it is safe may answer behind these.
            self.release_held();
            self.confirm(number);
        }
        if !std::mem::replace(&mut self.writing_asked, true) {
            ctx.address().do_send(Write);
        }
    }
}

impl Handler<Write> for Persistence {
    type Result = ();
    fn handle(&mut self, _: Write, ctx: &mut Self::Context) {
        if self.syncs_always() && self.group.is_growing(self.waiting_replies(), Instant::now()) {
            thread::sleep(MORE_AFTER);
            return ctx.address().do_send(Write);
        }
        self.writing_asked = false;
        // What failed is tried again by the clock, not with every command.
        if self.board.archive.log_error.load(Relaxed) == 0 {
            self.write_log();
        }
    }
}

impl Handler<PutLogAside> for Persistence {
    type Result = ();
    fn handle(&mut self, PutLogAside { era, done }: PutLogAside, _: &mut Self::Context) {
        self.era = era;
        self.end_log();
        self.lacks_base = true;
        self.end_stopping();
        // The Keyspace may be gone.
        let _ = done.send(());
    }
}

impl Handler<Drain> for Persistence {
    type Result = ();
    fn handle(&mut self, Drain { done }: Drain, _: &mut Self::Context) {
        self.write_log();
        // The Keyspace may be gone.
        let _ = done.send(());
    }
}

impl Handler<Settle> for Persistence {
    type Result = ();
    fn handle(&mut self, Settle { for_good, force, done }: Settle, _: &mut Self::Context) {
        let begins = self.log.as_ref().is_some_and(|log| log.files.is_beginning());
        let writes_base = self.writing.as_ref().is_some_and(|writing| writing.of == Activity::Rewrite);
        let wants_base = self.board.config.load().appendonly && !self.board.archive.lacks_data.load(Relaxed);
        if for_good && (begins && writes_base || self.lacks_base && wants_base) {
            let what = if force { "Exit anyway." } else { "can't exit." };
            tracing::warn!("Writing initial AOF, {what}");
            if !force {
                let _ = done.send(Err(io::Error::other("the append-only file has no base yet")));
                return;
            }
        }
        if for_good {
            self.give_up_writing();
        }
        let result = self.settle();
        // Where that fails the server goes on, and so does this.
        self.ready &= !(for_good && result.is_ok());
        // Who asked may have given up waiting.
        let _ = done.send(result);
    }
}

impl Persistence {
    /// Writes what has come and, if replies wait for it, syncs it and sends them.
    fn write_log(&mut self) {
        let always = self.syncs_always();
        let delay_us = self.board.archive.log_delay_us.load(Relaxed);
        if let Some(log) = &mut self.log {
            if delay_us > 0 {
                thread::sleep(Duration::from_micros(delay_us));
            }
            let journal = &mut log.files.journal;
            journal.keeps = always;
            // It may be a sync that has failed: nothing is well before one succeeds.
            let syncs = always || self.board.archive.log_error.load(Relaxed) != 0;
            let began = Instant::now();
            let result = journal.write().and_then(|()| if syncs { journal.sync() } else { Ok(()) });
            log.weigh();
            if let Err(error) = result {
                self.complain(&error);
                if !always {
                    // It was otherwise when they began to wait, and the disk may be full for long.
                    self.release_held();
                }
                return;
            }
            self.rejoice();
            let now = Instant::now();
            self.group.confirm(self.waiting_replies(), now - began, now);
        }
        if always || self.log.is_none() {
            self.synced();
        } else {
            // They have waited while it was otherwise.
            self.release_held();
        }
    }
    /// Everything that was committed is on the medium.
    fn synced(&mut self) {
        self.last_sync = Instant::now();
        // What is behind no base yet would not be loaded, and what a sync has lost waits for a new one.
        // Where there is no log, what has come is nowhere.
        let counts =
            self.log.as_ref().is_some_and(|log| !log.files.is_beginning() && !log.files.is_doubtful());
        if counts {
            self.board.archive.log_synced.fetch_max(self.number, Release);
        }
        self.release_held();
        if counts {
            self.confirm(self.number);
        }
    }
    /// Nothing has come that is not on the medium.
    fn is_settled(&self) -> bool {
        self.log.as_ref().is_some_and(|log| {
            let journal = &log.files.journal;
            let is_clean = journal.pending_bytes() == 0 && !journal.is_unsynced();
            is_clean && !log.files.is_beginning() && !log.files.is_doubtful()
        })
    }
    /// All commits up to this one are on the medium.
    pub(super) fn confirm(&mut self, number: u64) {
        if number > self.number_told {
            self.number_told = number;
            self.keyspace.do_send(Synced { number });
        }
    }
    fn waiting_replies(&self) -> usize {
        let count = |held: &Held| match held {
            Held::Replies { replies, .. } => replies.ends.len(),
            Held::Letters(_) => 0,
        };
        self.held.iter().map(count).sum()
    }
    fn release_held(&mut self) {
        for held in self.held.drain(..) {
            match held {
                Held::Replies { reply_to, replies } => reply_to.do_send(replies),
                Held::Letters(letters) => letters.into_iter().for_each(Letter::send),
            }
        }
    }
    /// The disk did not take it. Clients are told with their next writes; it is tried again until it does.
    pub(super) fn complain(&self, error: &io::Error) {
        let code = error.raw_os_error().unwrap_or(nix::errno::Errno::EIO as i32);
        if self.board.archive.log_error.swap(code, Relaxed) != code {
            tracing::warn!(
                "Error writing to the AOF file: {error}. Writes are refused until it can be written."
            );
        }
    }
    pub(super) fn rejoice(&self) {
        // Without its base the file is none yet: nothing is solved before that is on disk, too.
        if self.log.as_ref().is_some_and(|log| log.files.is_beginning()) {
            return;
        }
        if self.board.archive.log_error.swap(0, Relaxed) != 0 {
            tracing::warn!("AOF write error looks solved. The server can write again.");
        }
    }
    pub(super) fn retry_log(&mut self) {
        if self.board.archive.log_error.load(Relaxed) != 0 {
            self.write_log();
        }
    }
    /// `appendfsync everysec`.
    pub(super) fn sync_on_time(&mut self) {
        let config = self.config();
        use crate::config::AppendFsync::{Always, No};
        let Some(log) = &mut self.log else { return };
        let busy = self.board.archive.activity() != Activity::None && config.no_appendfsync_on_rewrite;
        let is_told = self.number_told == self.number;
        if config.appendfsync == No || busy || is_told && !log.files.journal.is_unsynced() {
            return;
        }
        let due = self.last_sync.elapsed() + super::TICK / 2 >= SYNC_EVERY || config.appendfsync == Always;
        if !due || log.files.journal.pending_bytes() > 0 {
            return;
        }
        match log.files.journal.sync() {
            Ok(()) => self.synced(),
            // What the kernel could not write it may have dropped: see `LogFiles::is_doubtful`.
            Err(error) => self.complain(&error),
        }
    }
    /// Brings all that was committed to the medium.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if let Some(log) = &mut self.log {
            log.files.journal.write()?;
            log.files.journal.sync()?;
            self.rejoice();
        }
        self.synced();
        Ok(())
    }
    pub(super) fn post_log(&self) {
        let archive = &self.board.archive;
        let (bytes, pending, unsynced) = self.log.as_ref().map_or((0, 0, false), |log| {
            let journal = &log.files.journal;
            (log.files.bytes(), journal.pending_bytes() as u64, journal.is_unsynced())
        });
        archive.log_is_on.store(self.log.is_some(), Relaxed);
        archive.log_bytes.store(bytes, Relaxed);
        archive.log_pending_bytes.store(pending, Relaxed);
        archive.log_unsynced.store(unsynced, Relaxed);
        if self.log.is_none() {
            archive.log_base_bytes.store(0, Relaxed);
        }
    }
    /// Tells the Keyspace what the log needs of it.
    pub(super) fn announce_log(&self) {
        self.post_log();
        let mode = match &self.log {
            None => LogMode::Off,
            Some(_) if self.syncs_always() => LogMode::Synced,
            Some(_) => LogMode::Written,
        };
        self.keyspace.do_send(SetLogMode { mode, era: self.era });
    }
    /// Ends logging. What was logged stays on disk.
    pub(super) fn end_log(&mut self) {
        if self.writing.as_ref().is_some_and(|writing| writing.of == Activity::Rewrite) {
            self.give_up_writing();
        }
        if let Err(error) = self.settle() {
            tracing::warn!("The AOF file ends without its last commands: {error}");
        }
        if let Some(log) = self.log.take()
            && log.files.is_beginning()
        {
            let name = self.folder().names().temporary_increment();
            tracing::info!("Removing the temp incr aof file {name}");
            // It is of no use without its base.
            self.folder().remove_leftovers();
        }
        self.lock = None;
        self.release_held();
        self.post_log();
    }
    pub(super) fn folder(&self) -> LogFolder {
        let config = self.board.config.load();
        LogFolder::new(self.disk.clone(), &config.appenddirname, &config.appendfilename)
    }
    /// A rewrite begins: what is committed from here on goes to a new increment.
    pub(super) fn rotate_log(&mut self, logging: Logging) -> io::Result<()> {
        let appendonly = self.board.config.load().appendonly;
        // `dir` may have been changed: then the log goes on there.
        let moved = if logging == Logging::On && self.log.is_some() { self.lock_folder()? } else { None };
        match (logging, &mut self.log) {
            (Logging::On, Some(log)) => {
                log.files.rotate()?;
                self.lock = moved.or(self.lock.take());
                Ok(())
            }
            (Logging::Beginning, None) if appendonly => {
                self.enter_folder()?;
                self.log = Some(Log::new(LogFiles::begin(self.folder())?, &self.board));
                Ok(())
            }
            // It is off, or was switched off just now: there will be a base, and nothing that follows it.
            (_, None) if logging == Logging::Off || !appendonly => {
                self.announce_log();
                self.enter_folder()
            }
            _ => {
                self.announce_log();
                Err(io::Error::other("appendonly was switched meanwhile"))
            }
        }
    }
    /// Makes the folder, and sees to it that no other server writes the same log. (Logs of other names may lie there.)
    pub(super) fn enter_folder(&mut self) -> io::Result<()> {
        self.lock = self.lock_folder()?.or(self.lock.take());
        Ok(())
    }
    /// The lock of the folder, unless it is held already.
    fn lock_folder(&self) -> io::Result<Option<fs::File>> {
        let folder = self.folder();
        folder.create()?;
        if self.lock.as_ref().is_some_and(|held| is_lock_of(held, &folder)) {
            return Ok(None);
        }
        let lock = lock(&folder)?;
        folder.remove_leftovers();
        Ok(Some(lock))
    }
}

fn lock_path(folder: &LogFolder) -> PathBuf {
    folder.path().join(format!("{}.lock", folder.names().0))
}
/// Whether this lock is the one of the folder: paths are relative to `dir`, which may have been changed.
fn is_lock_of(held: &fs::File, folder: &LogFolder) -> bool {
    let identity = |file: fs::Metadata| (file.dev(), file.ino());
    let there = fs::metadata(lock_path(folder)).map(identity).ok();
    there.is_some() && held.metadata().map(identity).ok() == there
}

/// Keeps other servers out as long as it is held.
fn lock(folder: &LogFolder) -> io::Result<fs::File> {
    let path = lock_path(folder);
    let file = fs::File::create(&path)?;
    let patient_until = Instant::now() + LOCK_PATIENCE;
    while matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)) {
        if Instant::now() >= patient_until {
            let reason = format!("another server writes it, and holds {}", path.display());
            return Err(io::Error::other(reason));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    // A file system without locks: then nothing is seen to.
    Ok(file)
}

/// A server that is told to end has closed its clients a moment before it is gone: who starts the next one at once need
/// not fail for that.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
