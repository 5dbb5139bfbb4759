//! A command of our master that cannot run here: our data are not what the master takes them for; or that runs, and is not kept.
//! And how the server ends itself where it must not go on, with the reason in its log.
use crate::{board::Board, config::PropagationErrorBehavior};
use std::sync::atomic::Ordering::Relaxed;

/// Our master writes, and our disk does not take what we have: unless it is to be ignored the server ends, as Redis does,
/// so that nobody counts on a copy that is none. `warns`: it was not told lately.
pub fn note_unwritable(board: &Board, warns: bool) {
    if !board.config.load().replica_ignore_disk_write_errors {
        give_up(board, "Replica was unable to write command to disk.");
    }
    if warns {
        tracing::warn!("Replica is applying a command even though it is unable to write to disk.");
    }
}

/// Writes it to the log, and counts it. The command is left out, as in Redis; with `propagation-error-behavior` the
/// server ends instead, unless clients may write here and may so have caused it themselves.
///
/// `command` is its full name, if there is such a command.
pub fn note_fault(board: &Board, command: Option<&str>, error: &str) {
    board.vitals.unexpected_errors.fetch_add(1, Relaxed);
    let command = command.unwrap_or("<unknown>");
    tracing::warn!(
        "== CRITICAL == This replica is sending an error to its master: '{error}' after processing the command '{command}'"
    );
    let config = board.config.load();
    let ends = config.propagation_error_behavior != PropagationErrorBehavior::Ignore;
    if ends && config.replica_read_only {
        let what = "This replica panicked sending an error to its master after processing the command";
        give_up(board, &format!("{what} '{command}'"));
    }
}

/// Ends the process here and now: nothing may be written, told or confirmed any more. The log says why, for whoever started
/// the server as a daemon hears of nothing else.
pub fn give_up(board: &Board, reason: &str) -> ! {
    tracing::error!("Guru Meditation: {reason}");
    if let Some(path) = &board.config.load().pidfile {
        let _ = std::fs::remove_file(path);
    }
    std::process::abort()
}
