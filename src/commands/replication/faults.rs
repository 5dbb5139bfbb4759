//! A command of our master that cannot run here: our data are not what the master takes them for.
use crate::{board::Board, config::PropagationErrorBehavior};
use std::sync::atomic::Ordering::Relaxed;

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
    assert!(
        !(ends && config.replica_read_only),
        "This replica panicked sending an error to its master after processing the command '{command}'"
    );
}
