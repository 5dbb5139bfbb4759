//! Who a client says it is, and whether that is so. There is one user, `default`, with the passwords of the
//! configuration.
use crate::commands::{
    Outcome,
    error::CommandError,
    session::{DEFAULT_USER, Session},
};
use std::sync::atomic::Ordering::Relaxed;

/// Logs the client in. A failure leaves it who it was.
///
/// # Errors
/// `WRONGPASS`, the same whether the user or the password is wrong: a guesser learns nothing from it.
pub fn authenticate(session: &mut Session, user: &[u8], password: &[u8]) -> Outcome {
    const WRONG: CommandError =
        CommandError::fixed("WRONGPASS invalid username-password pair or user is disabled.");
    let config = session.board.config.load();
    let matches = config.accepts(password);
    drop(config);
    if !matches || !exists(user) {
        session.board.vitals.denied_logins.fetch_add(1, Relaxed);
        return Err(WRONG);
    }
    session.log_in(DEFAULT_USER);
    Ok(())
}

/// Whether there is a user of this name. Names of users are told apart by case.
pub fn exists(user: &[u8]) -> bool {
    user == DEFAULT_USER.as_bytes()
}
