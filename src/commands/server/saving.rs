//! SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: when data goes to disk.
//!
//! What they ask for is an [`Errand`]: files are not the Stage's business, so whoever drives it sees to that.
use super::{OPERATOR, spec};
use crate::{
    board::{Activity, Board},
    commands::{
        Backstage, BackstageCommand, Command, Errand, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use std::sync::atomic::Ordering::Relaxed;

/// While data are loaded there is nothing to save yet.
const SAVING: Flags = OPERATOR & !(LOADING | STALE) | NO_ASYNC_LOADING;

pub struct Save;
impl Command for Save {
    const SPEC: Spec = spec("SAVE", Exactly(1))
        .flags(SAVING | NO_MULTI)
        .complexity("O(N), N being the number of keys in all databases.")
        .summary("Writes a snapshot of all data to disk, while everybody waits.");
    fn parse(_: &mut Args) -> Result<Save, CommandError> {
        Ok(Save)
    }
}
impl BackstageCommand for Save {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        if backstage.board.archive.activity() == Activity::Save {
            return Err(IN_PROGRESS);
        }
        *backstage.errand = Some(Errand::Save);
        reply.ok();
        Ok(())
    }
}
const IN_PROGRESS: CommandError = CommandError::fixed("ERR Background save already in progress");

/// `SCHEDULE`: if something else is being written, when that is done.
pub struct BackgroundSave {
    schedule: bool,
}
impl Command for BackgroundSave {
    const SPEC: Spec = spec("BGSAVE", AtLeast(1))
        .flags(SAVING)
        .complexity("O(1)")
        .syntax("[SCHEDULE]")
        .summary("Writes a snapshot of all data to disk, while everybody goes on.")
        .history(&[("3.2.2", "Added the `SCHEDULE` option.")]);
    fn parse(args: &mut Args) -> Result<BackgroundSave, CommandError> {
        let schedule = args.option("SCHEDULE");
        if !args.is_empty() {
            return Err(CommandError::Syntax);
        }
        Ok(BackgroundSave { schedule })
    }
}
impl BackstageCommand for BackgroundSave {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let archive = &backstage.board.archive;
        let now_s = backstage.changes.now_ms() / 1000;
        // What is saved must not hold half of a transaction.
        let in_block = backstage.changes.record.is_in_block();
        match archive.activity() {
            Activity::Save => return Err(IN_PROGRESS),
            activity if in_block || activity == Activity::Rewrite && self.schedule => {
                archive.save_scheduled.store(true, Relaxed);
                reply.status("Background saving scheduled");
            }
            Activity::None if archive.claim(Activity::Save, now_s) => {
                *backstage.errand = Some(Errand::Begin(Activity::Save));
                reply.status("Background saving started");
            }
            _ => {
                return Err(CommandError::fixed(
                    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
                     schedule a BGSAVE whenever possible.",
                ));
            }
        }
        Ok(())
    }
}

pub struct LastSave;
impl Command for LastSave {
    const SPEC: Spec = spec("LASTSAVE", Exactly(1))
        .flags(LOADING | STALE | FAST)
        .categories(category("admin") | category("dangerous"))
        .summary("Tells when data were last written to disk, in seconds since 1970.")
        .tips(&["nondeterministic_output"]);
    fn parse(_: &mut Args) -> Result<LastSave, CommandError> {
        Ok(LastSave)
    }
}
impl BackstageCommand for LastSave {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        reply.integer(backstage.board.archive.last_save_s.load(Relaxed));
        Ok(())
    }
}

pub struct RewriteLog;
impl Command for RewriteLog {
    const SPEC: Spec = spec("BGREWRITEAOF", Exactly(1))
        .flags(SAVING)
        .summary("Writes the append-only file anew, as short as it can be, while everybody goes on.");
    fn parse(_: &mut Args) -> Result<RewriteLog, CommandError> {
        Ok(RewriteLog)
    }
}
impl BackstageCommand for RewriteLog {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let archive = &backstage.board.archive;
        match archive.activity() {
            Activity::Rewrite => {
                return Err(CommandError::fixed(
                    "ERR Background append only file rewriting already in progress",
                ));
            }
            Activity::None
                if !backstage.changes.record.is_in_block()
                    && archive.claim(Activity::Rewrite, backstage.changes.now_ms() / 1000) =>
            {
                *backstage.errand = Some(Errand::Begin(Activity::Rewrite));
                reply.status("Background append only file rewriting started");
            }
            _ => {
                archive.rewrite_scheduled.store(true, Relaxed);
                reply.status("Background append only file rewriting scheduled");
            }
        }
        Ok(())
    }
}

/// Whether the last snapshot could not be saved, and writes depend on that.
pub fn misses_saves(board: &Board) -> bool {
    let config = board.config.load();
    let stops = config.stop_writes_on_bgsave_error && !config.save.0.is_empty();
    stops && board.archive.last_save_failed.load(Relaxed)
}

/// Why commands that write are refused, while the files cannot be written.
///
/// # Errors
/// What the client is told, as Redis does.
pub fn may_write(board: &Board) -> Outcome {
    match board.archive.log_error.load(Relaxed) {
        0 => {}
        code => {
            let error = std::io::Error::from_raw_os_error(code).to_string();
            let text = error.split(" (os error").next().unwrap_or_default();
            return Err(CommandError::text_of(format!("MISCONF Errors writing to the AOF file: {text}")));
        }
    }
    if misses_saves(board) {
        return Err(CommandError::fixed(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
             Commands that may modify the data set are disabled, because this instance is configured to report errors \
             during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs \
             for details about the RDB error.",
        ));
    }
    Ok(())
}
