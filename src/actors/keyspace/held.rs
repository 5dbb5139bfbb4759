//! Turns that wait for the end of something (CLIENT PAUSE, MIGRATE), in the order in which they came.
use crate::{
    actors::courier::messages::{Batch, LineId, Replies, Step, Turn},
    board::{Board, ClientRecord},
};
use actix::Recipient;
use std::sync::Arc;

#[derive(Default)]
pub struct Held {
    batches: Vec<(Recipient<Replies>, Batch)>,
    /// Whose they are; a client that has gone meanwhile is still here.
    clients: Vec<Arc<ClientRecord>>,
}
impl Held {
    /// Takes the turns for which `waits` is true out of `batch`; tells whose they are.
    pub fn take_from(
        &mut self,
        batch: &mut Batch,
        reply_to: &Recipient<Replies>,
        board: &Board,
        waits: impl Fn(&[Step]) -> bool,
    ) -> Vec<LineId> {
        let held = split_off(batch, |_, steps| waits(steps));
        if held.is_empty() {
            return Vec::new();
        }
        let lines = held.turns.iter().map(|turn| turn.line).collect();
        self.keep(held, reply_to.clone(), board);
        lines
    }
    /// Keeps these turns.
    pub fn keep(&mut self, batch: Batch, reply_to: Recipient<Replies>, board: &Board) {
        for client in batch.turns.iter().filter_map(|turn| board.roster.get(turn.line.client)) {
            board.block(&client);
            self.clients.push(client);
        }
        self.batches.push((reply_to, batch));
    }
    /// All that wait, to be run now. What clients wanted who have gone is dropped: they will never know whether it
    /// was done, and may have done it elsewhere.
    pub fn release(&mut self, board: &Board) -> Vec<(Recipient<Replies>, Batch)> {
        let mut batches = std::mem::take(&mut self.batches);
        for (_, batch) in &mut batches {
            split_off(batch, |turn, _| board.roster.get(turn.line.client).is_none());
        }
        self.clients.drain(..).for_each(|client| board.unblock(&client));
        batches
    }
}

/// Takes the turns that are `wanted` out of a batch.
fn split_off(batch: &mut Batch, wanted: impl Fn(&Turn, &[Step]) -> bool) -> Batch {
    let (mut kept, mut taken) = (Batch::default(), Batch::default());
    let mut steps = std::mem::take(&mut batch.steps).into_iter();
    let mut done = 0;
    for turn in std::mem::take(&mut batch.turns) {
        let own: Vec<Step> = steps.by_ref().take(turn.end - done).collect();
        done = turn.end;
        let side = if wanted(&turn, &own) { &mut taken } else { &mut kept };
        own.into_iter().for_each(|step| side.push_from(step, &batch.says));
        side.end_turn(turn.line);
    }
    *batch = kept;
    taken
}
