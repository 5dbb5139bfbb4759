//! The link to our master as a client among others (CLIENT LIST, CLIENT KILL).
use super::{Peers, wire::Wire};
use crate::{
    actors::now_ms,
    board::{ClientKind, ClientRecord},
};
use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::sync::Notify;

/// A link as the roster shows it, while it is good.
pub struct Client {
    record: Arc<ClientRecord>,
    pub killed: Arc<Notify>,
    peers: Peers,
}
impl Client {
    pub fn enter(peers: &Peers, wire: &Wire) -> Client {
        let roster = &peers.board.roster;
        let channel = wire.channel();
        let text = |address: io::Result<std::net::SocketAddr>| {
            address.map_or_else(|_| String::new(), |address| address.to_string())
        };
        let (address, local_address) = (text(channel.peer_addr()), text(channel.local_addr()));
        let descriptor = channel.file_descriptor();
        let record = ClientRecord::new(roster.next_id(), address, local_address, descriptor, false, now_ms());
        record.is_now(ClientKind::Master);
        record.user.store(Arc::new("(superuser)".into()));
        let killed = Arc::new(Notify::new());
        let notify = killed.clone();
        record.on_kill(move || notify.notify_one());
        let record = Arc::new(record);
        peers.board.vitals.connected.fetch_add(1, Relaxed);
        roster.enter(record.clone());
        peers.link.client.store(Some(record.clone()));
        Client { record, killed, peers: peers.clone() }
    }
    pub fn note_read(&self, count: usize, link: &crate::board::Link, peers: &Peers) {
        let (now_ms, count) = (now_ms(), count as u64);
        link.heard_at_ms.store(now_ms, Relaxed);
        link.read_offset.fetch_add(count, Relaxed);
        self.record.active_at_ms.store(now_ms, Relaxed);
        self.record.input_bytes.fetch_add(count, Relaxed);
        peers.board.vitals.replication_input_bytes.fetch_add(count, Relaxed);
    }
}
impl Drop for Client {
    fn drop(&mut self) {
        self.peers.board.roster.leave(self.record.id);
        self.peers.board.vitals.connected.fetch_sub(1, Relaxed);
        self.peers.link.client.store(None);
    }
}
