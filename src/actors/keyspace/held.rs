//! Turns that wait for the end of CLIENT PAUSE, in the order in which they came.
use crate::actors::courier::messages::{Batch, Replies, Step, Turn};
use actix::Recipient;

#[derive(Default)]
pub struct Held {
    batches: Vec<(Recipient<Replies>, Batch)>,
    turns: usize,
}
impl Held {
    /// Clients that wait.
    pub fn len(&self) -> usize {
        self.turns
    }
    /// Takes the turns for which `waits` is true out of `batch`; true if there was one.
    pub fn take_from(
        &mut self,
        batch: &mut Batch,
        reply_to: &Recipient<Replies>,
        waits: impl Fn(&[Step]) -> bool,
    ) -> bool {
        let (mut kept, mut held) = (Batch::default(), Batch::default());
        let mut steps = std::mem::take(&mut batch.steps).into_iter();
        let mut done = 0;
        for turn in std::mem::take(&mut batch.turns) {
            let own: Vec<Step> = steps.by_ref().take(turn.end - done).collect();
            done = turn.end;
            let side = if waits(&own) { &mut held } else { &mut kept };
            for step in own {
                side.steps.push(match step {
                    Step::Say(range) => {
                        let start = side.says.position();
                        side.says.raw(&batch.says.as_bytes()[range]);
                        Step::Say(start..side.says.position())
                    }
                    run => run,
                });
            }
            side.turns.push(Turn { line: turn.line, end: side.steps.len() });
        }
        *batch = kept;
        let any = !held.is_empty();
        if any {
            self.turns += held.turns.len();
            self.batches.push((reply_to.clone(), held));
        }
        any
    }
    /// All that wait, to be run now.
    pub fn release(&mut self) -> Vec<(Recipient<Replies>, Batch)> {
        self.turns = 0;
        std::mem::take(&mut self.batches)
    }
}
