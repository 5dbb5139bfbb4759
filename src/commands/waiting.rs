//! The clients that are blocked, and in which order they are served.
//!
//! A blocked client is data: its command, kept whole, and a place in the queue of each key that it waits for. When a
//! command has changed such a key, the first in the key's queue is tried again, then the next, until nothing is left
//! to serve them with. What serving one changes may serve others: so it goes on until no queue is concerned.
use super::{Awaited, Caller, Patience, Task, error::CommandError, registry::Node, shipment::Shipment};
use crate::{
    data::room::Room,
    resp::{Reply, Request},
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A command that waits, with all that is needed to run it again.
pub struct Waiter {
    pub node: &'static Node,
    /// Out only while it is tried.
    pub task: Option<Task>,
    pub request: Request,
    pub caller: Caller,
    pub patience: Patience,
    /// What is to be sent for it.
    pub shipment: Option<Shipment>,
    /// Set when it ended without being served.
    pub ending: Option<Ending>,
}
impl Waiter {
    /// `None` for a task that never waits.
    pub fn new(node: &'static Node, mut task: Task, request: Request, caller: Caller) -> Option<Waiter> {
        let Task::Blocking(blocking) = &mut task else { return None };
        let (patience, shipment) = (blocking.its_patience(), blocking.its_shipment());
        Some(Waiter { node, task: Some(task), request, caller, patience, shipment, ending: None })
    }
    pub fn places(&self) -> impl Iterator<Item = (usize, Bytes)> {
        self.keys().iter().map(|key| (self.caller.db, key.clone()))
    }
    fn keys(&self) -> &[Bytes] {
        if let Awaited::Keys { keys, .. } = &self.patience.awaited { keys } else { &[] }
    }
    fn awaits_any_change(&self) -> bool {
        matches!(self.patience.awaited, Awaited::Keys { of_any_change: true, .. })
    }
}

/// Why a wait ends before anything came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The time is over, or an operator says so.
    TimeOver,
    /// An operator ends it by an error.
    Unblocked,
    /// The server has become a replica.
    Demoted,
}

impl Ending {
    /// What the client is told, if that is an error.
    pub fn error(self) -> Option<&'static CommandError> {
        match self {
            Ending::TimeOver => None,
            Ending::Unblocked => Some(&UNBLOCKED),
            Ending::Demoted => Some(&DEMOTED),
        }
    }
}

/// What a client is told whose wait an operator ends by an error.
pub static UNBLOCKED: CommandError = CommandError::fixed("UNBLOCKED client unblocked via CLIENT UNBLOCK");

/// What a client is told that waits when the server becomes a replica.
pub static DEMOTED: CommandError = CommandError::fixed(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/// Clients in the order in which they came: their number in it is the *ticket*.
pub type Ticket = u64;

#[derive(Default)]
pub struct Waiting {
    waiters: BTreeMap<Ticket, Waiter>,
    /// Those who wait for a key (of a database), in order.
    queues: HashMap<(usize, Bytes), VecDeque<Ticket>>,
    tickets: HashMap<u64, Ticket>,
    /// Those who wait for the log.
    for_log: BTreeSet<Ticket>,
    next_ticket: Ticket,
    /// Those whose wait is over, with their replies.
    served: Vec<(Waiter, Reply)>,
    /// Places where somebody has ended to wait.
    left: Vec<(usize, Bytes)>,
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }
    pub fn len(&self) -> usize {
        self.waiters.len()
    }
    /// Keys that somebody waits for, and those of them whose end somebody wants to hear of.
    pub fn count_keys(&self) -> (usize, usize) {
        let wants_end = |ticket: &Ticket| self.waiters[ticket].awaits_any_change();
        let of_any_change = self.queues.values().filter(|queue| queue.iter().any(wants_end)).count();
        (self.queues.len(), of_any_change)
    }
    /// Somebody waits for the log, or for replicas.
    pub fn awaits_log(&self) -> bool {
        !self.for_log.is_empty()
    }
    /// Those whose time will be over.
    pub fn count_in_time(&self) -> usize {
        self.waiters.values().filter(|waiter| waiter.patience.lasts_ms.is_some()).count()
    }
    /// Keeps a command until it can be served.
    pub fn add(&mut self, waiter: Waiter) {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        for place in waiter.places() {
            let queue = self.queues.entry(place).or_default();
            // A key may be named twice.
            if queue.back() != Some(&ticket) {
                queue.push_back(ticket);
            }
        }
        if matches!(waiter.patience.awaited, Awaited::Log | Awaited::Copies { .. }) {
            self.for_log.insert(ticket);
        }
        self.tickets.insert(waiter.caller.client, ticket);
        self.waiters.insert(ticket, waiter);
    }
    /// Takes the command of a client out: it is gone, or its wait is over. None if it does not wait.
    pub fn remove(&mut self, client: u64) -> Option<Waiter> {
        let ticket = self.tickets.remove(&client)?;
        let waiter = self.waiters.remove(&ticket)?;
        self.for_log.remove(&ticket);
        for place in waiter.places() {
            if let Some(queue) = self.queues.get_mut(&place) {
                queue.retain(|other| *other != ticket);
                if queue.is_empty() {
                    self.queues.remove(&place);
                }
            }
            self.left.push(place);
        }
        self.queues.fit();
        self.tickets.fit();
        Some(waiter)
    }
    /// Where somebody has ended to wait since the last call.
    pub fn take_left(&mut self) -> Vec<(usize, Bytes)> {
        std::mem::take(&mut self.left)
    }
    /// Ends the wait of a client; false if it does not wait.
    pub fn end(&mut self, client: u64, how: Ending) -> bool {
        // What is on its way cannot be called back.
        if self.awaits_answer(client) {
            return false;
        }
        let Some(mut waiter) = self.remove(client) else { return false };
        waiter.ending = Some(how);
        let mut reply = Reply::new(waiter.caller.protocol);
        match (&waiter.task, how.error()) {
            (_, Some(error)) => reply.error(error),
            (Some(Task::Blocking(task)), None) => task.it_gives_up(&mut reply),
            _ => {}
        }
        self.served.push((waiter, reply));
        true
    }
    /// Ends all waits.
    pub fn end_all(&mut self, how: Ending) {
        let clients: Vec<u64> = self.tickets.keys().copied().collect();
        for client in clients {
            self.end(client, how);
        }
    }
    pub fn awaits_answer(&self, client: u64) -> bool {
        let waiter = self.ticket_of(client).and_then(|ticket| self.waiters.get(&ticket));
        waiter.is_some_and(|waiter| matches!(waiter.patience.awaited, Awaited::Answer))
    }
    /// Those who wait for a key, in order.
    pub fn queue(&self, db: usize, key: &Bytes) -> Vec<Ticket> {
        match self.queues.get(&(db, key.clone())) {
            Some(queue) => queue.iter().copied().collect(),
            None => Vec::new(),
        }
    }
    /// Those who wait for the log, in order.
    pub fn for_log(&self) -> Vec<Ticket> {
        self.for_log.iter().copied().collect()
    }
    pub fn ticket_of(&self, client: u64) -> Option<Ticket> {
        self.tickets.get(&client).copied()
    }
    pub fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Waiter> {
        self.waiters.get_mut(&ticket)
    }
    /// Notes that the client of this ticket has its reply.
    pub fn serve(&mut self, ticket: Ticket, reply: Reply) {
        let client = self.waiters.get(&ticket).map(|waiter| waiter.caller.client);
        if let Some(waiter) = client.and_then(|client| self.remove(client)) {
            self.served.push((waiter, reply));
        }
    }
    pub fn has_served(&self) -> bool {
        !self.served.is_empty()
    }
    /// Those whose wait ended since the last call.
    pub fn take_served(&mut self) -> Vec<(Waiter, Reply)> {
        std::mem::take(&mut self.served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::Prompt;

    fn wait_for_many(prompt: &mut Prompt, client: u64, keys: usize) {
        let names: Vec<String> = (0..keys).map(|number| format!("{client}:{number}")).collect();
        assert_eq!(prompt.ask_as(client, &format!("BLPOP {} 0", names.join(" "))), "waits");
    }

    #[test]
    fn who_waits_for_what_is_over_deletes_nothing() {
        let mut prompt = Prompt::new();
        prompt.check(&[("RPUSH brief a", "1"), ("PEXPIRE brief 100", "1"), ("COPY brief list DB 1", "1")]);
        prompt.check(&[("DEL brief", "1")]);
        assert_eq!(prompt.ask_as(1, "BLPOP list 0"), "waits");
        prompt.now_ms += 200;
        prompt.effects();
        // What comes to its place is over. The next command has no part in that; whoever asks for the key has.
        prompt.check(&[("SWAPDB 0 1", "OK"), ("SET n 1", "OK")]);
        assert_eq!(prompt.effects(), "SWAPDB 0 1 SET n 1");
        prompt.check(&[("EXISTS list", "0")]);
        assert_eq!(prompt.effects(), "DEL list");
        assert_eq!(prompt.served(), [""; 0]);
    }
    #[test]
    fn who_waited_for_many_keys_leaves_no_room_behind() {
        let mut prompt = Prompt::new();
        wait_for_many(&mut prompt, 1, 50_000);
        assert!(prompt.stage.waiting.queues.capacity() >= 50_000);
        assert!(prompt.stage.waiting.end(1, Ending::TimeOver));
        assert!(prompt.stage.waiting.queues.capacity() < 5000);
        // Nor do many who waited for some each, while others go on waiting.
        prompt.ask_as(9, "BLPOP other 0");
        (10..110).for_each(|client| wait_for_many(&mut prompt, client, 500));
        (10..110).for_each(|client| prompt.stage.forget(client));
        assert_eq!(prompt.stage.waiting.count_keys().0, 1);
        assert!(prompt.stage.waiting.queues.capacity() < 5000);
    }
}
