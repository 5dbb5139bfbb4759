//! Turns that wait for the end of something (CLIENT PAUSE, MIGRATE), in the order in which they came.
use super::{Execute, Keyspace, PauseOver};
use crate::{
    actors::{
        courier::messages::{Batch, LineId, Replies, Run, Step, Turn},
        expiry::WakeAfterPause,
        now_ms,
    },
    board::{Board, ClientRecord, PauseScope},
    commands::{
        Access, Caller, Task, may_write,
        registry::Node,
        replication::gates::{may_see_data, may_write_here},
        spec::{LOADING, MAY_REPLICATE, STALE},
        stage::LOADS,
        transactions::Verdict,
    },
    resp::Reply,
};
use actix::prelude::*;
use std::{collections::HashSet, sync::Arc, time::Duration};

/// At the end of a pause those who write come so much later than those who only publish, if any do.
///
/// On a connection of Sentinel's the word that it publishes about itself each second is held up, and with it an order to follow
/// another and to close clients' connections. Whoever waits to write is not to be told OK before that.
const WRITERS_LATER: Duration = Duration::from_millis(20);

/// What a command must wait for before it runs at all.
pub(super) enum Obstacle {
    /// Those who write wait until then, ms since 1970.
    Pause { until_ms: i64 },
    /// A key that it may change is on its way to another server.
    Move,
}

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
    /// Those of them that are `wanted`, by what they ask; the others wait on.
    pub fn release_some(
        &mut self,
        board: &Board,
        wanted: impl Fn(&[Step]) -> bool,
    ) -> Vec<(Recipient<Replies>, Batch)> {
        let mut chosen = Held::default();
        for (reply_to, batch) in &mut self.batches {
            let taken = split_off(batch, |_, steps| wanted(steps));
            if !taken.is_empty() {
                chosen.batches.push((reply_to.clone(), taken));
            }
        }
        self.batches.retain(|(_, batch)| !batch.is_empty());
        let turns = chosen.batches.iter().flat_map(|(_, batch)| &batch.turns);
        let whose: HashSet<u64> = turns.map(|turn| turn.line.client).collect();
        let is_chosen = |client: &mut Arc<ClientRecord>| whose.contains(&client.id);
        chosen.clients = self.clients.extract_if(.., is_chosen).collect();
        chosen.release(board)
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

impl Keyspace {
    /// Takes the turns that must wait for the end of a pause of everybody out of the batch, and tells whose they are.
    /// (Commands in general wait at their Connections; here come those that were under way when the pause began.)
    pub(super) fn hold(
        &mut self,
        batch: &mut Batch,
        reply_to: &Recipient<Replies>,
        until_ms: i64,
    ) -> Vec<LineId> {
        let held = self.held.take_from(batch, reply_to, &self.stage.board, |_| true);
        if !held.is_empty() {
            self.ask_for_pause_end(until_ms);
        }
        held
    }
    /// What stands in the way of a command, while there is this pause.
    #[inline]
    pub(super) fn obstacle_to(&mut self, run: &Run, pause: Option<(PauseScope, i64)>) -> Option<Obstacle> {
        match pause {
            Some((_, until_ms)) if self.may_write(run) => Some(Obstacle::Pause { until_ms }),
            _ => self.moving.holds(run).then_some(Obstacle::Move),
        }
    }
    /// Keeps what a client asked, from the command on that met an obstacle, until that is gone.
    pub(super) fn hold_behind(&mut self, obstacle: Obstacle, rest: Batch, reply_to: &Recipient<Replies>) {
        let held = match obstacle {
            Obstacle::Pause { .. } => &mut self.held,
            Obstacle::Move => &mut self.moving.held,
        };
        held.keep(rest, reply_to.clone(), &self.stage.board);
        if let Obstacle::Pause { until_ms } = obstacle {
            self.ask_for_pause_end(until_ms);
        }
    }
    /// What must wait still comes back.
    fn release_held(&mut self, ctx: &mut Context<Self>) {
        for (reply_to, batch) in self.held.release(&self.stage.board) {
            ctx.notify(Execute::at_last(batch, reply_to));
        }
    }
    pub(super) fn ask_for_pause_end(&mut self, until_ms: i64) {
        // Where no end is known, whoever ends it tells.
        if self.pause_end_asked_ms != until_ms && until_ms != i64::MAX {
            self.pause_end_asked_ms = until_ms;
            self.expiry.do_send(WakeAfterPause { at_ms: until_ms as u64 });
        }
    }
    /// Whether a command waits where those who write do. A script that says that it writes nothing does not.
    pub(super) fn may_write(&mut self, run: &Run) -> bool {
        match &run.task {
            Task::Script(invocation) => {
                !self.stage.says_it_only_reads(invocation, &run.request) && writes(run)
            }
            _ => writes(run),
        }
    }
    /// Gates that a command has passed at its connection may be closed by now. True if it is refused.
    pub(super) fn refuse_late(&mut self, run: &mut Run, caller: Caller, reply: &mut Reply) -> bool {
        let is_write = |node: &Node| node.entry.access == Access::Write;
        let minds_old_data = |node: &Node| node.spec().flags & STALE == 0;
        let (is_write, minds_old_data) = match &run.task {
            Task::Transaction(transaction) if !matches!(transaction.verdict, Verdict::Execute) => {
                return false;
            }
            Task::Transaction(transaction) => {
                let mut nodes = transaction.items.iter().map(|item| item.node);
                (nodes.clone().any(is_write), nodes.any(minds_old_data))
            }
            _ => (is_write(run.node), minds_old_data(run.node)),
        };
        let board = &self.stage.board;
        let meets_a_part = self.loads && minds_loading(run);
        let gates = || {
            if meets_a_part {
                return Err(LOADS.clone());
            }
            if is_write {
                may_write_here(board)?;
                if board.archive.is_ailing() {
                    may_write(board)?;
                }
            }
            if minds_old_data { may_see_data(board) } else { Ok(()) }
        };
        let Err(error) = gates() else { return false };
        match &mut run.task {
            Task::Transaction(transaction) => {
                transaction.forbid(&error);
                self.stage.note_rejection(run.node);
                // It has watches and a session to give back.
                false
            }
            _ => {
                self.refuse(run, caller, &error, reply);
                true
            }
        }
    }
}

/// Whether a command may change data, so that it waits where writers do (CLIENT PAUSE, MIGRATE).
pub(super) fn writes(run: &Run) -> bool {
    if let Task::Transaction(transaction) = &run.task {
        return transaction.writes;
    }
    is_writer(run.node)
}
pub(super) fn is_writer(node: &Node) -> bool {
    node.entry.access == Access::Write || node.spec().flags & MAY_REPLICATE != 0
}

/// Whether a step may change data, which publishing does not.
fn changes_data(step: &Step) -> bool {
    match step {
        Step::Run(Run { task: Task::Transaction(transaction), .. }) => transaction.writes,
        Step::Run(Run { task: Task::Script(_), .. }) => true,
        Step::Run(run) => run.node.entry.access == Access::Write,
        _ => false,
    }
}

/// Whether a command must not meet a part of the data.
fn minds_loading(run: &Run) -> bool {
    let minds = |node: &Node| node.spec().flags & LOADING == 0;
    match &run.task {
        Task::Transaction(transaction) => {
            matches!(transaction.verdict, Verdict::Execute)
                && transaction.items.iter().any(|item| minds(item.node))
        }
        _ => minds(run.node),
    }
}

impl Handler<PauseOver> for Keyspace {
    type Result = ();
    fn handle(&mut self, _: PauseOver, ctx: &mut Self::Context) {
        self.pause_end_asked_ms = 0;
        if let Some((PauseScope::All, until_ms)) = self.stage.board.pause.at(now_ms()) {
            // It has become longer, or wider.
            return self.ask_for_pause_end(until_ms);
        }
        // Writers may have to wait still: they come back then.
        let publishers = self.held.release_some(&self.stage.board, |steps| !steps.iter().any(changes_data));
        if publishers.is_empty() {
            self.release_held(ctx);
        } else {
            ctx.run_later(WRITERS_LATER, |keyspace, ctx| keyspace.release_held(ctx));
        }
        for (reply_to, batch) in publishers {
            ctx.notify(Execute::at_last(batch, reply_to));
        }
        self.apply_in_order(ctx);
        self.heed_memory(ctx);
    }
}
