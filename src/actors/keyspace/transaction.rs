//! Transactions: one step of a client's turn, in which many commands run. Nothing else happens meanwhile: for what
//! other actors do (CONFIG SET, MIGRATE) the Keyspace waits.
use super::Keyspace;
use crate::{
    actors::{courier::messages::Answer, migration::Carry, now_ms, pubsub, supervisor},
    board::ClientRecord,
    commands::{
        Caller, Progress, Task,
        error::CommandError,
        registry::Node,
        session::{PubSubErrand, Session},
        shipment::Delivery,
        stage::count_error,
        transactions::{Queued, Transaction, Verdict},
    },
    resp::{Reply, Request},
};
use actix::prelude::*;
use bytes::Bytes;
use std::sync::{
    atomic::Ordering::Relaxed,
    mpsc::{Receiver, sync_channel},
};

/// From a Courier: a client's transaction has ended without the Keyspace.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unwatch {
    pub client: u64,
}
/// From a Courier: a client has said WATCH while a script was slow, and was answered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Watch {
    pub client: u64,
    pub db: usize,
    pub keys: Vec<Bytes>,
}
impl Handler<Watch> for Keyspace {
    type Result = ();
    fn handle(&mut self, Watch { client, db, keys }: Watch, _: &mut Self::Context) {
        self.stage.watch(client, db, &keys);
    }
}
impl Handler<Unwatch> for Keyspace {
    type Result = ();
    fn handle(&mut self, Unwatch { client }: Unwatch, _: &mut Self::Context) {
        self.stage.unwatch(client);
    }
}

impl Keyspace {
    /// Runs EXEC or DISCARD. True if the reply must wait for the disk.
    pub(super) fn run_transaction(
        &mut self,
        node: &'static Node,
        transaction: &mut Transaction,
        request: &Request,
        caller: Caller,
        reply: &mut Reply,
        ctx: &mut Context<Self>,
    ) -> bool {
        let started = self.stage.mark_time();
        let alarmed = self.end_watch(caller.client);
        let (mut waits_for_disk, mut failed) = (false, false);
        match &transaction.verdict {
            Verdict::Discard => reply.ok(),
            Verdict::Refuse(error) | Verdict::Reject(error) => {
                failed = true;
                reply.error(error);
                count_error(&self.stage.board, error);
            }
            Verdict::Execute if alarmed => reply.null_array(),
            Verdict::Execute => waits_for_disk = self.execute(transaction, caller, reply, ctx),
        }
        let mut left = caller;
        if let Some((session, back)) = transaction.session.take() {
            left = as_left(&session, caller);
            // Its connection may be gone.
            let _ = back.send(session);
        }
        if !matches!(transaction.verdict, Verdict::Reject(_)) {
            self.stage.note_time(node, started, failed);
        }
        self.stage.show_of(node, request, left);
        waits_for_disk
    }
    /// Whether a key that the client watches has changed. It watches none any more.
    fn end_watch(&mut self, client: u64) -> bool {
        if self.stage.watches.is_empty() {
            return false;
        }
        let alarmed = self.stage.is_alarmed(client);
        self.stage.unwatch(client);
        if let Some(record) = self.stage.board.roster.get(client) {
            record.watched_keys.store(0, Relaxed);
        }
        alarmed
    }

    fn execute(
        &mut self,
        transaction: &mut Transaction,
        mut caller: Caller,
        reply: &mut Reply,
        ctx: &mut Context<Self>,
    ) -> bool {
        let Transaction { items, session, .. } = transaction;
        self.prefetch(items.iter().map(|item| Some((item.node, &item.request, caller.db))));
        let mut session = session.as_mut().map(|(session, _)| session);
        let start_bytes = reply.size_bytes();
        reply.array(items.len());
        self.stage.record.begin_block();
        let mut waits_for_disk = false;
        for Queued { node, request, task } in items {
            if let Some(session) = &session {
                caller = as_left(session, caller);
            }
            reply.speak(caller.protocol);
            let task = match task {
                Ok(Task::Session(task)) => {
                    let Some(session) = &mut session else { continue };
                    let errand = session.errand.take();
                    self.stage.perform_session(node, &mut **task, session, reply);
                    self.stage.show_of(node, request, as_left(session, caller));
                    if session.errand == Some(PubSubErrand::CatchUp) {
                        self.let_pubsub_catch_up();
                    }
                    session.errand = session.errand.max(errand);
                    continue;
                }
                Ok(task) => task,
                Err(error) => {
                    reply.error(error);
                    self.stage.refuse(node, error);
                    self.stage.show_of(node, request, caller);
                    continue;
                }
            };
            if let Task::Script(invocation) = task {
                self.stage.scripting.replied_bytes = reply.size_bytes() - start_bytes;
                waits_for_disk |= self.run_script_at_once(node, invocation, request, caller, reply, ctx);
                continue;
            }
            if matches!(task, Task::Control(_)) {
                self.ask_supervisor(node, task, caller, reply);
                self.stage.show_of(node, request, caller);
                continue;
            }
            if matches!(task, Task::Broker(_)) {
                self.ask_pubsub(node, task, caller, reply);
                self.stage.show_of(node, request, caller);
                continue;
            }
            let (position, effects) = (reply.position(), self.stage.record.effects_bytes());
            if self.stage.perform(node, task, request, caller, reply) == Progress::Waits {
                self.end_wait(node, task, request, caller, reply);
            }
            self.stage.show_of(node, request, caller);
            waits_for_disk |= self.waits_for_disk(node, request, effects);
            if let Some(errand) = self.stage.errand.take()
                && let Err(error) = self.run_errand(errand, ctx)
            {
                self.stage.replace_reply(reply, position, &error);
            }
        }
        self.stage.record.end_block();
        self.stage.scripting.replied_bytes = 0;
        waits_for_disk
    }
    /// Nothing blocks in a transaction: who would wait is told at once that nothing came.
    pub(super) fn end_wait(
        &mut self,
        node: &'static Node,
        task: &mut Task,
        request: &Request,
        caller: Caller,
        reply: &mut Reply,
    ) {
        let Task::Blocking(blocking) = task else { return };
        let Some(shipment) = blocking.its_shipment() else {
            blocking.it_declines(reply);
            return self.stage.note_call(node);
        };
        let (done, answer) = sync_channel(1);
        let tell = Box::new(move |delivery| drop(done.send(delivery)));
        self.moving.send(Carry { shipment, tell });
        // Without an answer the process ends.
        let Ok(delivery): Result<Delivery, _> = answer.recv() else { return };
        blocking.it_hears(delivery);
        self.stage.perform(node, task, request, caller, reply);
    }
    /// Has PubSub run a command, behind all that was published before, and waits until it is done.
    pub(super) fn ask_pubsub(
        &mut self,
        node: &'static Node,
        task: &mut Task,
        caller: Caller,
        reply: &mut Reply,
    ) {
        // It must not be told what was published before it listened.
        self.tell_behind_flushes();
        self.send_ahead();
        let (sender, answer) = sync_channel(1);
        let task = std::mem::replace(task, Task::Transaction(Transaction::of(Verdict::Discard)));
        self.stage.board.subscriptions.begin_change();
        self.pubsub.ask(pubsub::messages::Ask {
            client: caller.client,
            protocol: caller.protocol,
            // All lists that there are go there from here.
            after: 0,
            wish: pubsub::messages::Wish::Run { node, task, muted: false },
            answer: Answer::Directly(sender),
        });
        take_answer(&answer, reply);
        self.stage.heed_board();
    }
    /// Who was killed just now must not be counted among the receivers of what is published behind that.
    fn let_pubsub_catch_up(&mut self) {
        let (sender, answer) = sync_channel(1);
        let nobody = Caller::default();
        self.pubsub.ask(pubsub::messages::Ask {
            client: nobody.client,
            protocol: nobody.protocol,
            after: 0,
            wish: pubsub::messages::Wish::Pass(Reply::default()),
            answer: Answer::Directly(sender),
        });
        // Without an answer the process ends.
        let _ = answer.recv();
    }
    /// Has the Supervisor run a command, and waits until it is done: it never waits for the Keyspace.
    pub(super) fn ask_supervisor(
        &mut self,
        node: &'static Node,
        task: &mut Task,
        caller: Caller,
        reply: &mut Reply,
    ) {
        let (sender, answer) = sync_channel(1);
        let task = std::mem::replace(task, Task::Transaction(Transaction::of(Verdict::Discard)));
        self.supervisor.do_send(supervisor::Ask {
            node,
            task,
            client: caller.client,
            protocol: caller.protocol,
            muted: false,
            answer: Answer::Directly(sender),
        });
        take_answer(&answer, reply);
        // It may have changed the configuration.
        self.stage.begin(now_ms());
        self.heed_sync_policy();
    }
}

/// Waits for what another actor has to say.
fn take_answer(answer: &Receiver<Reply>, reply: &mut Reply) {
    match answer.recv() {
        Ok(told) => reply.append(told),
        Err(_) => reply.error(&CommandError::fixed("ERR The server is shutting down")),
    }
}

/// The caller, as its session is by now.
fn as_left(session: &Session, caller: Caller) -> Caller {
    let record: &ClientRecord = &session.record;
    Caller { db: session.db, protocol: session.protocol, touches: !record.no_touch.load(Relaxed), ..caller }
}
