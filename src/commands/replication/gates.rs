//! Where replication forbids what a client asks. Asked at the Connection, when a request comes; and again where it runs,
//! because things may have changed in between.
use crate::{
    board::Board,
    commands::{Outcome, error::CommandError},
};
use std::sync::atomic::Ordering::Relaxed;

/// Whether a client of ours may write: not on a replica that is only to be read, and not on a master that has too few
/// replicas in step (`min-replicas-to-write`). What comes from our own master does not ask.
///
/// # Errors
/// What the client is told.
#[inline]
pub fn may_write_here(board: &Board) -> Outcome {
    let replication = &board.replication;
    if replication.is_replica() {
        return match board.config.load().replica_read_only {
            true => Err(CommandError::fixed("READONLY You can't write against a read only replica.")),
            false => Ok(()),
        };
    }
    let wanted = replication.wanted_replicas.load(Relaxed);
    if wanted > 0 && replication.good_replicas.load(Relaxed) < wanted {
        return Err(CommandError::fixed("NOREPLICAS Not enough good replicas to write."));
    }
    Ok(())
}

/// Whether a command may run that minds old data: not on a replica that has lost its master and is not to serve what it
/// last knew (`replica-serve-stale-data no`).
///
/// # Errors
/// What the client is told.
#[inline]
pub fn may_see_data(board: &Board) -> Outcome {
    let replication = &board.replication;
    if replication.is_replica() && !replication.is_linked() && !board.config.load().replica_serve_stale_data {
        return Err(CommandError::fixed(
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::{Link, LinkState},
        config::Config,
    };
    use std::sync::Arc;

    fn prefix(outcome: Outcome) -> String {
        outcome.err().map_or("OK".into(), |error| error.text().split(' ').next().unwrap_or_default().into())
    }

    #[test]
    fn a_lonely_master_and_a_replica_refuse_writes() {
        for (is_replica, wanted, good, read_only, expected) in [
            (false, 0, 0, true, "OK"),
            (false, 2, 1, true, "NOREPLICAS"),
            (false, 2, 2, true, "OK"),
            (true, 0, 0, true, "READONLY"),
            (true, 2, 0, true, "READONLY"),
            (true, 2, 0, false, "OK"),
        ] {
            let config = Config { replica_read_only: read_only, ..Config::default() };
            let board = Board::new(config, None, 1, 0);
            board.replication.follows.store(is_replica, Relaxed);
            board.replication.wanted_replicas.store(wanted, Relaxed);
            board.replication.good_replicas.store(good, Relaxed);
            assert_eq!(prefix(may_write_here(&board)), expected, "{is_replica} {wanted} {good} {read_only}");
        }
    }

    #[test]
    fn old_data_are_shown_unless_that_is_unwanted() {
        for (is_replica, state, serves, expected) in [
            (true, LinkState::Connected, false, "OK"),
            (true, LinkState::Syncing, false, "MASTERDOWN"),
            (true, LinkState::Waiting, false, "MASTERDOWN"),
            (true, LinkState::Waiting, true, "OK"),
            (false, LinkState::Waiting, false, "OK"),
        ] {
            let config = Config { replica_serve_stale_data: serves, ..Config::default() };
            let board = Board::new(config, None, 1, 0);
            board.replication.follows.store(is_replica, Relaxed);
            let link = Link::new("host".into(), 1);
            link.set_state(state);
            board.replication.link.store(Some(Arc::new(link)));
            assert_eq!(prefix(may_see_data(&board)), expected, "{is_replica} {state:?} {serves}");
        }
    }
}
