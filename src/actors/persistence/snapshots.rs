//! Snapshots on their way to disk: BGSAVE, BGREWRITEAOF, SAVE.
use super::{
    Persistence,
    messages::{Begun, GiveUpSave, PutInPlace, SaveNow, Told},
};
use crate::{
    actors::{
        keyspace::{Abandon, Next},
        now_ms,
    },
    board::{Activity, Board},
    disk::Output,
    formats::{
        aof::{BaseFormat, manifest::Logging},
        rdb::Checksum,
    },
    store::SnapshotId,
};
use actix::prelude::*;
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

/// A snapshot that is being written.
pub struct Writing {
    pub of: Activity,
    id: SnapshotId,
    file: RdbFile,
    /// Changes to the data since the last save that are in it.
    changes: u64,
    /// Number of the last commit whose effects are all in it.
    commit: u64,
    began: Instant,
    /// What was told, and is to be written when `rdb-key-save-delay` lets it.
    told: VecDeque<Told>,
    last_written: Instant,
}

/// A file whose end tells the checksum of all before.
struct RdbFile {
    output: Output,
    /// `None` for a base that is written as commands.
    checksum: Option<Checksum>,
}
impl RdbFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        self.output.write(bytes)
    }
    /// Writes what comes behind all else.
    fn end(mut self) -> io::Result<Output> {
        if let Some(checksum) = self.checksum.take() {
            self.output.write(&checksum.trailer())?;
        }
        Ok(self.output)
    }
}

/// From this many failed rewrites in a row on, the next one waits: a minute, then two, four …
const FAILURES_UNTIL_WAIT: u64 = 3;
const WAIT_MINUTES_MAX: u64 = 60;
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Handler<Begun> for Persistence {
    type Result = ();
    fn handle(&mut self, Begun { of, id, changes, commit, logging, era }: Begun, _: &mut Self::Context) {
        self.era = era;
        match self.open_output(of, logging) {
            Ok(file) => {
                tracing::info!("{} started", name_of(of));
                let (told, now) = (VecDeque::new(), Instant::now());
                self.writing =
                    Some(Writing { of, id, file, changes, commit, began: now, told, last_written: now });
                // Two at a time: one is told while the other is written.
                self.keyspace.do_send(Next(id));
                self.keyspace.do_send(Next(id));
            }
            Err(error) => {
                self.keyspace.do_send(Abandon(id));
                self.end_writing(of, Instant::now(), Err(error));
            }
        }
        self.announce_log();
    }
}

impl Handler<Told> for Persistence {
    type Result = ();
    fn handle(&mut self, told: Told, _: &mut Self::Context) {
        // It may have been given up meanwhile.
        if let Some(writing) = self.writing.as_mut().filter(|writing| writing.id == told.id) {
            writing.told.push_back(told);
            self.write_told();
        }
    }
}

impl Handler<GiveUpSave> for Persistence {
    type Result = ();
    fn handle(&mut self, _: GiveUpSave, _: &mut Self::Context) {
        self.give_up_save();
    }
}

impl Handler<PutInPlace> for Persistence {
    type Result = ();
    fn handle(&mut self, PutInPlace { file, done }: PutInPlace, _: &mut Self::Context) {
        self.give_up_save();
        let config = self.config();
        let path = Path::new(&config.dbfilename);
        match file.finish(path) {
            Ok(()) => self.remove_if_unwanted(path),
            Err(error) => {
                tracing::warn!(
                    "Failed trying to rename the temp DB into {} in MASTER <-> REPLICA synchronization: {error}",
                    path.display()
                );
                // The data are here all the same. Of what is on disk they are a change, which the next save point saves.
                self.board.vitals.changes.fetch_add(1, Relaxed);
            }
        }
        // Whoever waits may be gone.
        let _ = done.send(());
    }
}

impl Handler<SaveNow> for Persistence {
    type Result = ();
    fn handle(&mut self, SaveNow { pieces, changes, done }: SaveNow, _: &mut Self::Context) {
        // What is saved now is newer, and they would write the same temporary file.
        self.give_up_save();
        let result = self.open_output(Activity::Save, Logging::Off).and_then(|mut file| {
            // The Keyspace waits for us here, so this ends.
            pieces.iter().try_for_each(|piece| file.write(&piece))?;
            self.adopt_snapshot(file, changes)
        });
        // Whoever still sends pieces learns that nobody takes them.
        drop(pieces);
        match &result {
            Ok(()) => {
                self.board.archive.last_save_failed.store(false, Relaxed);
                tracing::info!("DB saved on disk")
            }
            // Whoever asked is told: only saves that nobody waits for speak by refusing writes.
            Err(error) => tracing::warn!("Error saving DB on disk: {error}"),
        }
        // The Keyspace waits for the answer; if it is gone, nobody needs it.
        let _ = done.send(result);
    }
}

impl Persistence {
    /// `rdb-del-sync-files`: who keeps nothing on disk does not want the master's data there either.
    fn remove_if_unwanted(&self, path: &Path) {
        let config = self.config();
        if config.rdb_del_sync_files && !config.appendonly && config.save.0.is_empty() {
            tracing::info!(
                "Removing the RDB file obtained from the master. This replica has persistence disabled"
            );
            if let Err(error) = self.disk.remove(path) {
                tracing::warn!("Removing {}: {error}", path.display());
            }
        }
    }
    /// Writes what was told, as fast as `rdb-key-save-delay` lets it; the rest waits for the clock.
    pub(super) fn write_told(&mut self) {
        while let Some(writing) = &mut self.writing {
            let Some(next) = writing.told.front() else { return };
            let delay = delay_of(next.entries, self.board.config.load().rdb_key_save_delay_us);
            if writing.last_written.elapsed() < delay {
                return;
            }
            writing.last_written = Instant::now();
            if let Some(told) = writing.told.pop_front() {
                self.write_piece(told);
            }
        }
    }
    fn write_piece(&mut self, Told { id, bytes, memory, last, .. }: Told) {
        let Some(writing) = &mut self.writing else { return };
        if !last {
            self.keyspace.do_send(Next(id));
        }
        let written = writing.file.write(&bytes);
        drop((bytes, memory));
        if let Err(error) = written {
            self.keyspace.do_send(Abandon(id));
            self.fail_writing(error);
        } else if last && let Some(Writing { of, file, changes, commit, began, .. }) = self.writing.take() {
            let result = match of {
                Activity::Rewrite => self.adopt_base(file),
                _ => self.adopt_snapshot(file, changes),
            };
            let is_base = of == Activity::Rewrite && result.is_ok() && self.log.is_some();
            self.end_writing(of, began, result);
            if is_base {
                // The disk takes it. (If the increment is still to be written, that is tried next.)
                self.rejoice();
                // However seldom the increments are synced: the base is on the medium. Who waited for that finds that the
                // rewrite has ended.
                self.confirm(commit);
            }
            self.announce_log();
        }
    }
    fn open_output(&mut self, of: Activity, logging: Logging) -> io::Result<RdbFile> {
        let config = self.config();
        let pid = std::process::id();
        let (temporary, incremental, checksum) = match of {
            Activity::Rewrite => {
                self.rotate_log(logging)?;
                let checksum = config.aof_use_rdb_preamble.then(|| Checksum::new(config.rdbchecksum));
                (format!("temp-rewriteaof-bg-{pid}.aof"), config.aof_rewrite_incremental_fsync, checksum)
            }
            _ => {
                let checksum = Some(Checksum::new(config.rdbchecksum));
                (format!("temp-{pid}.rdb"), config.rdb_save_incremental_fsync, checksum)
            }
        };
        let output = Output::create(self.disk.clone(), PathBuf::from(temporary), incremental)?;
        Ok(RdbFile { output, checksum })
    }
    fn adopt_snapshot(&mut self, file: RdbFile, changes: u64) -> io::Result<()> {
        let config = self.config();
        file.end()?.finish(Path::new(&config.dbfilename))?;
        let (archive, vitals) = (&self.board.archive, &self.board.vitals);
        archive.last_save_s.store(now_ms() / 1000, Relaxed);
        vitals.changes.fetch_sub(changes, Relaxed);
        Ok(())
    }
    /// The new base takes the place of all that came before it.
    fn adopt_base(&mut self, file: RdbFile) -> io::Result<()> {
        let format = if file.checksum.is_some() { BaseFormat::Rdb } else { BaseFormat::Commands };
        let output = file.end()?;
        match &mut self.log {
            Some(log) => {
                log.files.adopt(output, format)?;
                self.lacks_base = false;
                self.board.archive.log_base_bytes.store(log.files.bytes(), Relaxed);
                self.delete_history();
                self.board.archive.bases.fetch_add(1, Relaxed);
            }
            // Asked for while logging is off.
            None => {
                let folder = self.folder();
                let mut manifest = folder.adopt_alone(output, format)?;
                if !self.board.config.load().aof_disable_auto_gc {
                    self.complain_of_history(folder.delete_history(&mut manifest));
                }
            }
        }
        Ok(())
    }
    /// Deletes files that the manifest calls history.
    pub(super) fn delete_history(&mut self) {
        if let Some(log) = &mut self.log
            && !self.board.config.load().aof_disable_auto_gc
        {
            let result = log.files.delete_history();
            self.complain_of_history(result);
        }
    }
    /// They only take room; it is tried again with the next rewrite.
    fn complain_of_history(&self, result: io::Result<()>) {
        if let Err(error) = result {
            tracing::warn!("Can't delete files of the past: {error}");
        }
    }
    fn give_up_save(&mut self) {
        if self.writing.as_ref().is_some_and(|writing| writing.of == Activity::Save) {
            self.give_up_writing();
        }
    }
    /// Ends what is under way without a result. Nothing has failed: it is not wanted any more.
    pub(super) fn give_up_writing(&mut self) {
        if let Some(Writing { of, id, file, .. }) = self.writing.take() {
            // In Redis' words, which operators look for; here no process is killed.
            match of {
                Activity::Rewrite => tracing::info!("Killing running AOF rewrite child: it is given up"),
                _ => tracing::info!("Killing running RDB child: the snapshot is given up"),
            }
            self.keyspace.do_send(Abandon(id));
            // The temporary file goes with it.
            drop(file);
            self.board.archive.release();
        }
    }
    fn fail_writing(&mut self, error: io::Error) {
        if let Some(Writing { of, began, file, .. }) = self.writing.take() {
            // The temporary file goes with it.
            drop(file);
            self.end_writing(of, began, Err(error));
        }
    }
    fn end_writing(&mut self, of: Activity, began: Instant, result: io::Result<()>) {
        match &result {
            Ok(()) => tracing::info!("{} terminated with success", name_of(of)),
            Err(error) => tracing::warn!("{} error: {error}", name_of(of)),
        }
        let seconds = began.elapsed().as_secs() as i64;
        match of {
            Activity::Rewrite => self.note_rewrite(seconds, result.as_ref().err()),
            _ => note_save(&self.board, seconds, result.is_err()),
        }
        self.board.archive.release();
    }
    fn note_rewrite(&mut self, seconds: i64, error: Option<&io::Error>) {
        let archive = &self.board.archive;
        archive.last_rewrite_failed.store(error.is_some(), Relaxed);
        archive.last_rewrite_seconds.store(seconds, Relaxed);
        let Some(error) = error else {
            archive.rewrite_failures_in_a_row.store(0, Relaxed);
            self.next_rewrite = Instant::now();
            return;
        };
        // Whoever wants to end need not wait until it can be written: who looks at the log knows.
        self.lacks_base = false;
        let failures = archive.rewrite_failures_in_a_row.fetch_add(1, Relaxed) + 1;
        self.next_rewrite = Instant::now() + RETRY_AFTER;
        let has_base = self.log.as_ref().is_some_and(|log| !log.files.is_beginning());
        if !has_base && self.board.config.load().appendonly {
            // Without a base there is no append-only file: it begins anew then, and until it does writes are refused, or
            // they would be confirmed and be nowhere.
            self.end_log();
            self.announce_log();
            self.complain(error);
        } else if let Some(further) = failures.checked_sub(FAILURES_UNTIL_WAIT) {
            let minutes = (1 << further.min(6)).min(WAIT_MINUTES_MAX);
            tracing::warn!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes"
            );
            self.next_rewrite = Instant::now() + Duration::from_secs(minutes * 60);
        }
    }
}

fn note_save(board: &Board, seconds: i64, failed: bool) {
    let archive = &board.archive;
    archive.last_save_failed.store(failed, Relaxed);
    archive.last_background_save_seconds.store(seconds, Relaxed);
    archive.last_save_tried_s.store(archive.activity_began_s.load(Relaxed), Relaxed);
}

/// What a delay of so many µs for each of these entries comes to; a negative one is a µs for so many entries.
pub fn delay_of(entries: u64, each_us: i32) -> Duration {
    let us = match u64::try_from(each_us) {
        Ok(each) => entries.saturating_mul(each),
        Err(_) => entries / u64::from(each_us.unsigned_abs()),
    };
    Duration::from_micros(us)
}

/// As it stands in the log.
fn name_of(activity: Activity) -> &'static str {
    match activity {
        Activity::Rewrite => "Background append only file rewriting",
        _ => "Background saving",
    }
}
