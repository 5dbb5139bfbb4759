//! PubSub: who listens to what, and the fan-out.
//!
//! What is told comes from the Keyspace, as lists of announcements in order: publications and keyspace events. What is
//! listened to changes by commands of the clients. Their order among each other is kept by numbers: a Connection learns
//! from the board which list holds all that was told before it asked, and what it asks waits here until that list has
//! come. So a client that has seen the reply to a PUBLISH, and subscribes or unsubscribes then, hears or misses exactly
//! what it would with one thread.
//!
//! How many listen is posted on the board before it is acknowledged: PUBLISH counts its receivers there.
mod audience;
mod hub;
pub mod messages;
mod outbox;
mod subscribers;

use crate::board::Board;
use actix::prelude::*;
use hub::Hub;
use messages::{Announce, Ask, Cast, Gone, Wish};
use std::{cell::RefCell, rc::Rc, sync::Arc};

pub struct PubSub {
    hub: Rc<RefCell<Hub>>,
}
impl PubSub {
    pub fn new(board: Arc<Board>) -> PubSub {
        PubSub { hub: Rc::new(RefCell::new(Hub::new(board))) }
    }
    /// Starts it on this thread, for a Keyspace that runs here, too.
    pub fn start_near(board: Arc<Board>) -> (Addr<PubSub>, Reach) {
        let pubsub = PubSub::new(board);
        let reach = Reach::Near(pubsub.hub.clone());
        (pubsub.start(), reach)
    }
}

/// How the Keyspace reaches PubSub: by messages, or where both share a thread, by calls. In a transaction it waits for the
/// answer, and would wait for ever for a message to its own thread.
///
/// What the Keyspace says comes in its order either way. A call overtakes what others have in PubSub's mailbox: that is
/// asked but not acknowledged, so nobody can tell; but for those who were killed, see [`Hub::forget_killed`].
pub enum Reach {
    Near(Rc<RefCell<Hub>>),
    Far(Addr<PubSub>),
}
impl Reach {
    pub fn announce(&self, announce: Announce) {
        match self {
            Reach::Near(hub) => hub.borrow_mut().announce(announce),
            Reach::Far(pubsub) => pubsub.do_send(announce),
        }
    }
    pub fn ask(&self, ask: Ask) {
        match self {
            Reach::Near(hub) => {
                let mut hub = hub.borrow_mut();
                if matches!(ask.wish, Wish::Pass(_)) {
                    hub.forget_killed();
                }
                hub.ask(ask)
            }
            Reach::Far(pubsub) => pubsub.do_send(ask),
        }
    }
}

impl Actor for PubSub {
    type Context = Context<Self>;
}

impl Handler<Cast> for PubSub {
    type Result = ();
    fn handle(&mut self, Cast(couriers): Cast, _: &mut Self::Context) {
        self.hub.borrow_mut().cast(couriers);
    }
}

impl Handler<Ask> for PubSub {
    type Result = ();
    fn handle(&mut self, ask: Ask, _: &mut Self::Context) {
        self.hub.borrow_mut().ask(ask);
    }
}

impl Handler<Announce> for PubSub {
    type Result = ();
    fn handle(&mut self, announce: Announce, _: &mut Self::Context) {
        self.hub.borrow_mut().announce(announce);
    }
}

impl Handler<Gone> for PubSub {
    type Result = ();
    fn handle(&mut self, Gone { client }: Gone, _: &mut Self::Context) {
        self.hub.borrow_mut().forget(client);
    }
}
