//! Snapshots on their way to disk: BGSAVE, BGREWRITEAOF, SAVE.
use super::{
    Persistence,
    log::write_manifest,
    messages::{Begun, SaveNow, Told},
};
use crate::{
    actors::{
        keyspace::{Abandon, Next},
        now_ms,
    },
    board::{Activity, Board},
    disk::Output,
    formats::{
        aof::{BaseFormat, Names, manifest::Logging},
        rdb::Checksum,
    },
    store::SnapshotId,
};
use actix::prelude::*;
use std::{
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
    began: Instant,
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
    /// Gives it its name; returns its length in bytes.
    fn finish(mut self, path: &Path) -> io::Result<u64> {
        if let Some(checksum) = self.checksum.take() {
            self.output.write(&checksum.trailer())?;
        }
        let bytes = self.output.bytes;
        self.output.finish(path)?;
        Ok(bytes)
    }
}

/// From this many failed rewrites in a row on, the next one waits: a minute, then two, four …
const FAILURES_UNTIL_WAIT: u64 = 3;
const WAIT_MINUTES_MAX: u64 = 60;

impl Handler<Begun> for Persistence {
    type Result = ();
    fn handle(&mut self, Begun { of, id, changes }: Begun, _: &mut Self::Context) {
        match self.open_output(of) {
            Ok(file) => {
                tracing::info!("{} started", name_of(of));
                self.writing = Some(Writing { of, id, file, changes, began: Instant::now() });
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
    fn handle(&mut self, Told { id, bytes, last }: Told, _: &mut Self::Context) {
        // It may have been given up meanwhile.
        let Some(writing) = self.writing.as_mut().filter(|writing| writing.id == id) else { return };
        if !last {
            self.keyspace.do_send(Next(id));
        }
        if let Err(error) = writing.file.write(&bytes) {
            self.keyspace.do_send(Abandon(id));
            self.fail_writing(error);
        } else if last && let Some(Writing { of, file, changes, began, .. }) = self.writing.take() {
            let result = match of {
                Activity::Rewrite => self.adopt_base(file),
                _ => self.adopt_snapshot(file, changes),
            };
            self.end_writing(of, began, result);
            self.announce_log();
        }
    }
}

impl Handler<SaveNow> for Persistence {
    type Result = ();
    fn handle(&mut self, SaveNow { pieces, changes, done }: SaveNow, _: &mut Self::Context) {
        let result = self.open_output(Activity::Save).and_then(|mut file| {
            // The Keyspace waits for us here, so this ends.
            pieces.iter().try_for_each(|piece| file.write(&piece))?;
            self.adopt_snapshot(file, changes)
        });
        // Whoever still sends pieces learns that nobody takes them.
        drop(pieces);
        self.board.archive.last_save_failed.store(result.is_err(), Relaxed);
        match &result {
            Ok(()) => tracing::info!("DB saved on disk"),
            Err(error) => tracing::warn!("Error saving DB on disk: {error}"),
        }
        // The Keyspace waits for the answer; if it is gone, nobody needs it.
        let _ = done.send(result);
    }
}

impl Persistence {
    fn open_output(&mut self, of: Activity) -> io::Result<RdbFile> {
        let config = self.config();
        let pid = std::process::id();
        let (temporary, incremental, checksum) = match of {
            Activity::Rewrite => {
                self.rotate_log()?;
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
        file.finish(Path::new(&config.dbfilename))?;
        let (archive, vitals) = (&self.board.archive, &self.board.vitals);
        archive.last_save_s.store(now_ms() / 1000, Relaxed);
        archive.saves.fetch_add(1, Relaxed);
        vitals.changes.fetch_sub(changes, Relaxed);
        Ok(())
    }
    /// The new base takes the place of all that came before it.
    fn adopt_base(&mut self, file: RdbFile) -> io::Result<()> {
        let config = self.config();
        let names = Names(&config.appendfilename);
        let folder = self.folder();
        let disk = self.disk.clone();
        let Some(log) = &mut self.log else { return Err(io::Error::other("the AOF file was switched off")) };
        let format = if file.checksum.is_some() { BaseFormat::Rdb } else { BaseFormat::Commands };
        let logging = if log.beginning { Logging::Beginning } else { Logging::On };
        let rewritten = log.manifest.rewritten(names, format, logging);
        let bytes = file.finish(&folder.join(&rewritten.base))?;
        if let Some(increment) = &rewritten.increment {
            // Its first commands must be there before a manifest tells of it.
            log.journal.write()?;
            log.journal.sync()?;
            disk.rename(&folder.join(names.temporary_increment()), &folder.join(increment))?;
            disk.sync_folder(&folder)?;
        }
        write_manifest(&*disk, &config, &rewritten.manifest)?;
        log.manifest = rewritten.manifest;
        log.beginning = false;
        log.older_bytes = bytes;
        self.board.archive.log_base_bytes.store(log.bytes(), Relaxed);
        self.delete_history()
    }
    /// Deletes files that the manifest calls history.
    pub(super) fn delete_history(&mut self) -> io::Result<()> {
        let config = self.config();
        let folder = self.folder();
        let Some(log) = &mut self.log else { return Ok(()) };
        if config.aof_disable_auto_gc || log.manifest.history().is_empty() {
            return Ok(());
        }
        for part in log.manifest.take_history() {
            // A file that is gone already is as good as deleted.
            match self.disk.remove(&folder.join(&part.name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!("Can't delete {}: {error}", part.name.display())
                }
                _ => {}
            }
        }
        write_manifest(&*self.disk, &config, &log.manifest)
    }
    /// Ends what is under way without a result.
    pub(super) fn give_up_writing(&mut self) {
        if let Some(writing) = &self.writing {
            self.keyspace.do_send(Abandon(writing.id));
            self.fail_writing(io::Error::other("it was given up"));
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
            Activity::Rewrite => self.note_rewrite(seconds, result.is_err()),
            _ => note_save(&self.board, seconds, result.is_err()),
        }
        self.board.archive.release();
    }
    fn note_rewrite(&mut self, seconds: i64, failed: bool) {
        let archive = &self.board.archive;
        archive.last_rewrite_failed.store(failed, Relaxed);
        archive.last_rewrite_seconds.store(seconds, Relaxed);
        if !failed {
            archive.rewrites.fetch_add(1, Relaxed);
            archive.rewrite_failures_in_a_row.store(0, Relaxed);
            self.next_rewrite = Instant::now();
            return;
        }
        let failures = archive.rewrite_failures_in_a_row.fetch_add(1, Relaxed) + 1;
        let minutes = match failures.checked_sub(FAILURES_UNTIL_WAIT) {
            None => 0,
            Some(further) => (1 << further.min(6)).min(WAIT_MINUTES_MAX),
        };
        self.next_rewrite = Instant::now() + Duration::from_secs((minutes * 60).max(1));
        // Without a base there is no append-only file: it begins anew then.
        if self.log.as_ref().is_some_and(|log| log.beginning) {
            self.stop_log();
        }
    }
}

fn note_save(board: &Board, seconds: i64, failed: bool) {
    let archive = &board.archive;
    archive.last_save_failed.store(failed, Relaxed);
    archive.last_background_save_seconds.store(seconds, Relaxed);
    archive.last_save_tried_s.store(archive.activity_began_s.load(Relaxed), Relaxed);
}

/// As it stands in the log.
fn name_of(activity: Activity) -> &'static str {
    match activity {
        Activity::Rewrite => "Background append only file rewriting",
        _ => "Background saving",
    }
}
