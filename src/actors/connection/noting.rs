//! What others want to hear of the commands that a Connection answers by itself.
use super::{Connection, requests::Rules};
use crate::{
    actors::courier::messages::{Batch, Note, Step},
    commands::{
        monitors::is_shown,
        registry::{Node, Registry},
        tracking::is_about_client,
    },
    resp::Request,
};
use std::sync::atomic::Ordering::Relaxed;

/// While more than this is on its way to the Keyspace, a client goes on only when it has heard of what the client did.
const UNDERWAY_BYTES_MAX: usize = 1024 * 1024;

impl Connection {
    /// Tells the Keyspace of a command that it does not run, if that matters to anybody: to monitors, or to this client's
    /// CLIENT CACHING, which is for one command.
    pub(super) fn note(&mut self, node: &'static Node, request: Request, batch: &mut Batch, rules: &Rules) {
        let ends_caching = self.ends_caching(Some(node)) && self.session.transaction.is_none();
        // Who ends a slow script need not wait for it, and so nobody could stop a client who asks without end: what is too
        // much then is not shown.
        let is_shown = || rules.monitored && is_shown(node) && !(self.is_busy() && self.are_many_underway());
        if ends_caching || is_shown() {
            let note = Note { node: Some(node), request, db: self.session.db, refused: false };
            batch.steps.push(Step::Note(note));
        }
    }
    pub(super) fn note_refused(&mut self, request: Request, batch: &mut Batch) {
        let node = Registry::get().named_by(&request);
        if self.ends_caching(node) {
            batch.steps.push(Step::Note(Note { node, request, db: self.session.db, refused: true }));
        }
    }
    pub(super) fn ends_caching(&mut self, node: Option<&Node>) -> bool {
        !node.is_some_and(is_about_client) && std::mem::take(&mut self.said_caching)
    }
    /// Whether the Keyspace has nothing to do in these steps. What it is to hear of may follow the replies then, and must
    /// where a script is slow: those who want to end it cannot wait until it has ended. A client that is a monitor itself
    /// sees its commands in their places among its replies as long as that is possible.
    pub(super) fn may_say_at_once(&self, steps: &[Step]) -> bool {
        if steps.iter().any(|step| matches!(step, Step::Run(_))) {
            return false;
        }
        let may_follow = || !self.session.record.monitors.load(Relaxed) && !self.are_many_underway();
        !steps.iter().any(|step| matches!(step, Step::Note(_))) || self.is_busy() || may_follow()
    }
    fn are_many_underway(&self) -> bool {
        self.desk.board.vitals.noted_bytes.load(Relaxed) > UNDERWAY_BYTES_MAX
    }
    fn is_busy(&self) -> bool {
        self.desk.board.busy.with().is_some()
    }
}
