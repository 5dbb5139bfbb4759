//! How a client becomes a replica: the Connection lets go of its socket, and Primary goes on with it.
use super::Connection;
use crate::{actors::primary::messages::Attach, board::ClientKind};

impl Connection {
    /// Hands the socket over, once all is written that was asked for before. The client keeps its place in the roster, and
    /// its place of `maxclients`.
    pub(super) fn hand_over(&mut self) {
        // The word of the end is on its way here.
        if self.session.record.is_killed() {
            return;
        }
        match self.desk.release(self.line) {
            // What is left is written when the socket takes more: then is the time to go on.
            None => self.ask_to_resume(),
            Some(Err(error)) => {
                tracing::warn!("Can't hand a replica's socket over: {error}");
                self.session.wish = None;
                self.halted = true;
                self.desk.hang_up(self.line);
            }
            Some(Ok(socket)) => {
                let Some(wish) = self.session.wish.take() else { return };
                self.is_handed_over = true;
                self.session.record.is_now(ClientKind::Replica);
                self.desk.primary.do_send(Attach {
                    socket,
                    client: self.session.record.clone(),
                    wish,
                    announced: std::mem::take(&mut self.session.announced),
                    unread: std::mem::take(&mut self.partial),
                });
            }
        }
    }
}
