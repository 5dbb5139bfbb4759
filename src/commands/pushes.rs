//! What clients are sent that they did not ask for now: invalidations of what they have cached, and what monitors see.
//!
//! It gathers here while commands run, and goes out with the replies: to the client whose turn it is in its place among
//! them, to everybody else behind them. So it never overtakes the reply that it is about.
use crate::{
    board::{ClientRecord, Roster},
    resp::{Protocol, Reply},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

#[derive(Default)]
pub struct Pushes {
    of_client: HashMap<u64, Vec<u8>>,
}

impl Pushes {
    pub fn is_empty(&self) -> bool {
        self.of_client.is_empty()
    }
    pub fn add(&mut self, client: u64, bytes: &[u8]) {
        self.of_client.entry(client).or_default().extend_from_slice(bytes);
    }
    /// What is to go to a client, in order.
    pub fn take(&mut self, client: u64) -> Option<Vec<u8>> {
        if self.of_client.is_empty() { None } else { self.of_client.remove(&client) }
    }
    pub fn take_all(&mut self) -> impl Iterator<Item = (u64, Vec<u8>)> + use<> {
        std::mem::take(&mut self.of_client).into_iter()
    }
}

/// Pushes to be, and those who may get them.
pub struct Mail<'a> {
    pub pushes: &'a mut Pushes,
    pub roster: &'a Roster,
}
impl Mail<'_> {
    /// A client that is connected and not about to leave.
    pub fn find(&self, client: u64) -> Option<Arc<ClientRecord>> {
        self.roster.get(client).filter(|record| !record.closing.load(Relaxed))
    }
    /// Writes something for a client, in its protocol.
    pub fn write(&mut self, record: &ClientRecord, write: impl FnOnce(&mut Reply)) {
        let protocol = if record.speaks_resp3() { Protocol::Resp3 } else { Protocol::Resp2 };
        let mut reply = Reply::new(protocol);
        write(&mut reply);
        self.pushes.add(record.id, reply.as_bytes());
    }
}
