//! The append-only file while the server runs.
use super::{
    Persistence,
    messages::{Commit, Drain, Settle},
};
use crate::{
    actors::{
        keyspace::{LogMode, Synced},
        now_ms,
    },
    board::Activity,
    config::Config,
    disk::{self, Disk, Journal},
    formats::aof::{Manifest, Names, Writer, manifest::Logging},
};
use actix::prelude::*;
use std::{
    ffi::OsStr,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

/// The append-only file, while it is on.
pub struct Log {
    pub journal: Journal,
    pub manifest: Manifest,
    /// It was switched on, and there is no base yet: commands go to the temporary increment.
    pub beginning: bool,
    /// Bytes of all parts but the increment at hand.
    pub older_bytes: u64,
    /// Tells the time in it (`aof-timestamp-enabled`).
    stamps: Writer,
}
impl Log {
    pub fn new(journal: Journal, manifest: Manifest, older_bytes: u64) -> Log {
        Log { journal, manifest, beginning: false, older_bytes, stamps: Writer::default() }
    }
    pub fn bytes(&self) -> u64 {
        self.older_bytes + self.journal.bytes()
    }
}

/// To itself: all that was in the mailbox has come, write it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Write;

const SYNC_EVERY: Duration = Duration::from_secs(1);

impl Handler<Commit> for Persistence {
    type Result = ();
    fn handle(&mut self, commit: Commit, ctx: &mut Self::Context) {
        let Commit { effects, held, number } = commit;
        self.board.archive.log_underway_bytes.fetch_sub(effects.len() as u64, Relaxed);
        self.number = number;
        self.held.extend(held);
        if let Some(log) = &mut self.log {
            if !effects.is_empty() && self.board.config.load().aof_timestamp_enabled {
                log.stamps.stamp(now_ms() / 1000);
                log.journal.push(&log.stamps.take());
            }
            log.journal.push(&effects);
        }
        if !std::mem::replace(&mut self.writing_asked, true) {
            ctx.address().do_send(Write);
        }
    }
}

impl Handler<Write> for Persistence {
    type Result = ();
    fn handle(&mut self, _: Write, _: &mut Self::Context) {
        self.writing_asked = false;
        // What failed is tried again by the clock, not with every command.
        if self.board.archive.log_error.load(Relaxed) == 0 {
            self.write_log();
        }
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
    fn handle(&mut self, Settle { for_good, done }: Settle, _: &mut Self::Context) {
        if for_good {
            self.give_up_writing();
            self.ready = false;
        }
        let result = self.settle();
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
            log.journal.keeps = always;
            let result = log.journal.write().and_then(|()| if always { log.journal.sync() } else { Ok(()) });
            if let Err(error) = result {
                return self.complain(&error);
            }
            self.rejoice();
        }
        if always || self.log.is_none() {
            self.synced();
        }
    }
    /// Everything that was committed is on the medium.
    fn synced(&mut self) {
        self.last_sync = Instant::now();
        for held in self.held.drain(..) {
            held.reply_to.do_send(held.replies);
        }
        // What is behind no base yet would not be loaded.
        let counts = self.log.as_ref().is_none_or(|log| !log.beginning);
        if counts && std::mem::replace(&mut self.number_told, self.number) != self.number {
            self.keyspace.do_send(Synced { number: self.number });
        }
    }
    /// The disk did not take it. Clients are told with their next writes; it is tried again until it does.
    fn complain(&self, error: &io::Error) {
        let code = error.raw_os_error().unwrap_or(nix::errno::Errno::EIO as i32);
        if self.board.archive.log_error.swap(code, Relaxed) != code {
            tracing::warn!(
                "Error writing to the AOF file: {error}. Writes are refused until it can be written."
            );
        }
    }
    fn rejoice(&self) {
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
        if config.appendfsync == No || busy || is_told && !log.journal.is_unsynced() {
            return;
        }
        let due = self.last_sync.elapsed() + super::TICK / 2 >= SYNC_EVERY || config.appendfsync == Always;
        if !due || log.journal.pending_bytes() > 0 {
            return;
        }
        match log.journal.sync() {
            Ok(()) => self.synced(),
            Err(error) => {
                // What the kernel could not write it may have dropped: only a new base brings it to the medium for sure.
                self.complain(&error);
                self.board.archive.rewrite_scheduled.store(true, Relaxed);
            }
        }
    }
    /// Brings all that was committed to the medium.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if let Some(log) = &mut self.log {
            log.journal.write()?;
            log.journal.sync()?;
            self.rejoice();
        }
        self.synced();
        Ok(())
    }
    pub(super) fn post_log(&self) {
        let archive = &self.board.archive;
        let (bytes, pending, unsynced) = self.log.as_ref().map_or((0, 0, false), |log| {
            (log.bytes(), log.journal.pending_bytes() as u64, log.journal.is_unsynced())
        });
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
        self.keyspace.do_send(mode);
    }
    /// Ends logging. What was logged stays on disk.
    pub(super) fn stop_log(&mut self) {
        self.keyspace.do_send(LogMode::Off);
        if self.writing.as_ref().is_some_and(|writing| writing.of == Activity::Rewrite) {
            self.give_up_writing();
        }
        if let Err(error) = self.settle() {
            tracing::warn!("The AOF file ends without its last commands: {error}");
        }
        if let Some(log) = self.log.take()
            && log.beginning
        {
            let name = Names(&self.config().appendfilename).temporary_increment();
            tracing::info!("Removing the temp incr aof file {name}");
            let path = self.folder().join(name);
            // It is of no use without its base; the next time it is made anew.
            let _ = self.disk.remove(&path);
        }
        self.lock = None;
        self.rejoice();
        self.synced();
        self.post_log();
    }
    pub(super) fn folder(&self) -> PathBuf {
        PathBuf::from(&*self.board.config.load().appenddirname)
    }
    /// A rewrite begins: what is committed from here on goes to a new increment.
    pub(super) fn rotate_log(&mut self, logging: Logging) -> io::Result<()> {
        let config = self.config();
        let names = Names(&config.appendfilename);
        let (disk, folder) = (self.disk.clone(), self.folder());
        let log = match (logging, &mut self.log) {
            (Logging::On, Some(log)) => log,
            (Logging::Beginning, None) if config.appendonly => return self.begin_log(&config),
            // It is off, or was switched off just now: there will be a base, and nothing that follows it.
            (_, None) if logging == Logging::Off || !config.appendonly => {
                self.announce_log();
                disk.create_folder(&folder)?;
                return self.lock_log(&config);
            }
            _ => {
                self.announce_log();
                return Err(io::Error::other("appendonly was switched meanwhile"));
            }
        };
        let mut manifest = log.manifest.clone();
        let old = manifest.increments().last().map(|part| part.name.clone());
        let new = manifest.add_increment(names).name.clone();
        let old_bytes = log.journal.bytes() + log.journal.pending_bytes() as u64;
        // A file of this name that no manifest knows would stand before what follows.
        disk.create(&folder.join(&new))?;
        log.journal.rotate(&new)?;
        if let Err(error) = write_manifest(&*disk, &config, &manifest) {
            // Nobody would look for commands in the new one.
            if let Some(old) = &old {
                log.journal.rotate(old)?;
            }
            return Err(error);
        }
        log.manifest = manifest;
        log.older_bytes += old_bytes;
        Ok(())
    }
    /// Sees to it that no other server writes the same log. (Logs of other names may lie in the same folder.)
    pub(super) fn lock_log(&mut self, config: &Config) -> io::Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let path = self.folder().join(format!("{}.lock", config.appendfilename));
        let file = fs::File::create(&path)?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                let reason = format!("another server writes it, and holds {}", path.display());
                return Err(io::Error::other(reason));
            }
            // A file system without locks: then nothing is seen to.
            Err(fs::TryLockError::Error(_)) | Ok(()) => self.lock = Some(file),
        }
        Ok(())
    }
    /// It was switched on just now: until there is a base, commands are gathered.
    fn begin_log(&mut self, config: &Config) -> io::Result<()> {
        let (disk, folder) = (self.disk.clone(), self.folder());
        disk.create_folder(&folder)?;
        self.lock_log(config)?;
        // What is in an earlier temporary increment belongs to no base.
        let name = Names(&config.appendfilename).temporary_increment();
        disk.create(&folder.join(&name))?;
        let journal = Journal::open(disk.clone(), &folder, OsStr::new(&name))?;
        let manifest = read_manifest(&*disk, config)?.unwrap_or_default();
        self.log = Some(Log { beginning: true, ..Log::new(journal, manifest, 0) });
        Ok(())
    }
}

pub(super) fn write_manifest(disk: &dyn Disk, config: &Config, manifest: &Manifest) -> io::Result<()> {
    let names = Names(&config.appendfilename);
    let text = manifest.to_text();
    let folder = Path::new(&*config.appenddirname);
    disk::replace(disk, folder, &names.temporary_manifest(), &names.manifest(), text.as_bytes())
}

/// The manifest on disk; `None` if there is none.
pub(super) fn read_manifest(disk: &dyn Disk, config: &Config) -> io::Result<Option<Manifest>> {
    let path = Path::new(&*config.appenddirname).join(Names(&config.appendfilename).manifest());
    if !disk.exists(&path) {
        return Ok(None);
    }
    let mut text = Vec::new();
    disk.open(&path)?.0.read_to_end(&mut text)?;
    let manifest = Manifest::parse(&text)
        .map_err(|error| io::Error::other(format!("{error}\nThe file is {}", path.display())))?;
    Ok(Some(manifest))
}
