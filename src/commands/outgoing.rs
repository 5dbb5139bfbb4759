//! What a Stage tells clients beside their replies: those who may keep what has changed, and those who see all commands.
use super::{
    Access, Caller,
    key_positions::keys_asked_for,
    monitors::{Origin, is_shown},
    pushes::Mail,
    registry::Node,
    spec::SKIP_MONITOR,
    stage::Stage,
};
use crate::{
    board::ClientRecord,
    resp::{Reply, Request},
};
use std::{sync::atomic::Ordering::Relaxed, time::SystemTime};

impl Stage {
    /// Shows monitors a command that has just been executed, and what it was; a script's own commands are shown as such.
    pub fn show(&mut self, node: &Node, request: &Request, db: usize, origin: Origin) {
        if self.monitors.is_empty() || !is_shown(node) || self.board.archive.is_loading() {
            return;
        }
        let Stage { monitors, pushes, board, .. } = self;
        let mut mail = Mail { pushes, roster: &board.roster };
        monitors.show(SystemTime::now(), db, origin, node, request, &mut mail);
    }
    /// As [`Stage::show`], for a command of a client.
    pub fn show_of(&mut self, node: &Node, request: &Request, caller: Caller) {
        if !self.monitors.is_empty()
            && let Some(record) = self.board.roster.get(caller.client)
        {
            self.show(node, request, caller.db, Origin::Client(&record));
        }
    }
    /// Shows monitors a script that is to be run: before what it calls.
    pub fn show_script_of(&mut self, node: &Node, request: &Request, caller: Caller) {
        if !self.monitors.is_empty()
            && let Some(record) = self.board.roster.get(caller.client)
        {
            self.show_script(node, request, caller.db, &record);
        }
    }
    pub fn show_script(&mut self, node: &Node, request: &Request, db: usize, by: &ClientRecord) {
        let Stage { monitors, pushes, board, .. } = self;
        let mut mail = Mail { pushes, roster: &board.roster };
        monitors.show(SystemTime::now(), db, Origin::Client(by), node, request, &mut mail);
    }
    /// Tells those who may have them in their caches of the keys that the command at hand has changed, and remembers those
    /// that it has read. (Of a script, what its commands read counts, and not what it was given.)
    pub(super) fn track(&mut self, node: &Node, request: &Request, caller: Caller) {
        self.note_changed(caller.client);
        if node.entry.access == Access::Read && node.spec().flags & SKIP_MONITOR == 0 {
            self.tracking.remember(caller.client, || {
                let positions = keys_asked_for(node, request).unwrap_or_default();
                positions.iter().filter_map(|position| request.get(position.index)).collect()
            });
        }
    }
    /// Tells clients of what has changed under their prefixes, and makes room for what is yet to be remembered. To be
    /// called when a batch ends. True if it wants to be called again soon.
    pub fn end_tracking(&mut self) -> bool {
        if !self.tracking.is_active() {
            return false;
        }
        let keys_max = self.board.config.load().tracking_table_max_keys;
        let Stage { tracking, pushes, board, store, .. } = self;
        let mut mail = Mail { pushes, roster: &board.roster };
        tracking.broadcast(&mut mail);
        tracking.limit(keys_max, || store.fork_rng(), &mut mail)
    }
    /// The client's bytes among its replies, if it has any to be sent there.
    pub fn write_pushes(&mut self, client: u64, reply: &mut Reply) {
        if let Some(bytes) = self.pushes.take(client) {
            reply.raw(&bytes);
        }
    }
    pub fn untrack(&mut self, client: u64) {
        self.tracking.end(client, self.board.roster.get(client).as_deref());
        if !self.tracking.is_active() {
            self.record.wants.touched = false;
        }
    }
    pub fn unmonitor(&mut self, client: u64) {
        self.monitors.remove(client);
        self.board.vitals.monitors.store(self.monitors.count(), Relaxed);
        if let Some(record) = self.board.roster.get(client) {
            record.monitors.store(false, Relaxed);
        }
    }
}
