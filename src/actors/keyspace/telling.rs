//! What subscribers are told: publications and keyspace events go to PubSub as one list for each drain of the mailbox.
//!
//! With `appendfsync always` a list waits for the disk as replies do: nobody is told what a crash could take back. And while
//! a listener's replies wait for what is being freed, it waits for them.
use super::{Keyspace, RepliesSent};
use crate::{
    actors::pubsub::messages::{Announce, Burden},
    board::Board,
};
use actix::prelude::*;
use std::{collections::VecDeque, time::Duration};

/// While more than this is on its way to subscribers, the Keyspace does nothing: whoever publishes faster than messages
/// can be handed to sockets would fill the memory. (It does not wait for anybody to read them.)
const UNDERWAY_BYTES_MAX: u64 = 32 * 1024 * 1024;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(1);

/// Waits until not much is on its way to subscribers any more, if much is.
pub async fn let_listeners_catch_up(board: &Board) {
    let underway_bytes = || board.subscriptions.underway_bytes();
    if underway_bytes() > UNDERWAY_BYTES_MAX {
        while underway_bytes() > UNDERWAY_BYTES_MAX / 2 {
            actix_rt::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }
}

#[derive(Default)]
pub struct Telling {
    /// Number of the list that has begun and is not sent.
    open: Option<u64>,
    /// Lists that wait, in order.
    held: VecDeque<HeldList>,
}
struct HeldList {
    list: Announce,
    /// Until this commit is on the medium.
    commit: u64,
    /// Until the Dropper has sent the replies up to this number.
    replies: u64,
}

impl Keyspace {
    pub(super) fn has_announcements(&self) -> bool {
        !self.stage.record.announcements.is_empty() || self.telling.open.is_some()
    }
    /// To be called before the replies go out: see [`Subscriptions::announced`](crate::board::Subscriptions::announced).
    pub(super) fn begin_to_tell(&mut self) {
        if self.has_announcements() && self.telling.open.is_none() {
            self.telling.open = Some(self.stage.board.subscriptions.announce());
        }
    }
    /// Sends the list, behind the replies: who publishes to himself is answered first.
    pub(super) fn tell(&mut self, ctx: &mut Context<Self>) {
        self.send_announcements();
        if self.stage.board.subscriptions.underway_bytes() > UNDERWAY_BYTES_MAX {
            let board = self.stage.board.clone();
            ctx.wait(async move { let_listeners_catch_up(&board).await }.into_actor(self));
        }
    }
    pub(super) fn send_announcements(&mut self) {
        self.begin_to_tell();
        if let Some(number) = self.telling.open.take() {
            self.send_list(Some(number));
        }
    }
    /// Sends what is to be told so far, in the midst of a transaction that is going to change who listens.
    pub(super) fn send_ahead(&mut self) {
        self.begin_to_tell();
        if !self.stage.record.announcements.is_empty() {
            self.send_list(None);
        }
    }
    fn send_list(&mut self, number: Option<u64>) {
        // The next list will have about as many.
        let next = Vec::with_capacity(self.stage.record.announcements.len());
        let announcements = std::mem::replace(&mut self.stage.record.announcements, next);
        let burden = Burden::new(self.stage.board.clone(), &announcements);
        let list = Announce { number, announcements, burden };
        let log = self.stage.record.log;
        // What was done in the same drain has been committed before.
        let waits = number.is_some() && self.syncs_first() && log.synced < log.committed;
        let roster = &self.stage.board.roster;
        let listens = |client| roster.get(client).is_some_and(|record| record.is_subscribed());
        let behind = if number.is_some() { self.dropper.holds_for(listens) } else { None };
        if waits || behind.is_some() || !self.telling.held.is_empty() {
            self.telling.held.push_back(HeldList {
                list,
                commit: log.committed,
                replies: behind.unwrap_or(0),
            });
            if behind.is_some() {
                self.dropper.ask_for_report();
            }
        } else {
            self.pubsub.announce(list);
        }
    }
    /// Lists that wait for what is being freed go out, and so does what they are to stand behind. Nobody is served meanwhile.
    pub(super) fn tell_behind_flushes(&mut self) {
        if !self.telling.held.is_empty() {
            self.dropper.settle();
            self.tell_held();
        }
    }
    /// More of the log is on the medium, or more is freed: the replies have gone out, and what was to be told behind them
    /// follows.
    pub(super) fn tell_held(&mut self) {
        let synced = if self.syncs_first() { self.stage.record.log.synced } else { u64::MAX };
        let dropper = &self.dropper;
        let may_go = |held: &mut HeldList| held.commit <= synced && dropper.has_sent(held.replies);
        while let Some(HeldList { list, .. }) = self.telling.held.pop_front_if(may_go) {
            self.pubsub.announce(list);
        }
    }
}

impl Handler<RepliesSent> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: RepliesSent, _: &mut Self::Context) {
        self.tell_held();
    }
}
