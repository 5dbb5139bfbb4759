//! HRANDFIELD: random fields of a hash, each as likely as the others.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Field, Hash, Stored, View},
};
use bytes::Bytes;
use hashbrown::HashSet;

/// What is asked for.
#[derive(Clone, Copy)]
enum Wanted {
    One,
    /// So many different ones, or all if there are not so many.
    Different(usize),
    /// So many, the same ones among them at times.
    Any(usize),
}
pub struct HRandField {
    key: Bytes,
    wanted: Wanted,
    values: bool,
}
impl Command for HRandField {
    const SPEC: Spec = spec("HRANDFIELD", AtLeast(2))
        .keys(&[key(1, RO | ACCESS)])
        .since("6.2.0")
        .complexity("O(N), N being the number of fields told")
        .syntax("key [count [WITHVALUES]]")
        .summary("Tells random fields of a hash.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<HRandField, CommandError> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(HRandField { key, wanted: Wanted::One, values: false });
        }
        let count = args.integer()?;
        if count == i64::MIN {
            return Err(CommandError::fixed(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let values = args.option("WITHVALUES");
        args.end()?;
        let most = if values { i64::MAX / 2 } else { i64::MAX };
        if count.abs() > most {
            return Err(CommandError::OutOfRange);
        }
        let number = count.unsigned_abs() as usize;
        let wanted = if count < 0 { Wanted::Any(number) } else { Wanted::Different(number) };
        Ok(HRandField { key, wanted, values })
    }
}
/// So many fields with repetitions are told at the most: more would take all memory for one reply.
const REPEATED_MAX: usize = 1 << 26;

impl ReadCommand for HRandField {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let hash = view.value::<Hash>(&self.key)?;
        if hash.is_some_and(|hash| hash.has_due(view.due_until_ms())) {
            view.note_due_fields(&self.key, Vec::new());
        }
        let alive = hash.map_or(0, |hash| hash.count_alive(view.due_until_ms()));
        let Some(hash) = hash.filter(|_| alive > 0) else {
            match self.wanted {
                Wanted::One => reply.null(),
                _ => reply.array(0),
            }
            return Ok(());
        };
        let mut sample = Sample::new(view, hash, alive);
        match self.wanted {
            Wanted::One => {
                if let Some(field) = sample.one() {
                    reply.element(field.name);
                }
            }
            Wanted::Any(count) if count > REPEATED_MAX => return Err(CommandError::OutOfRange),
            Wanted::Any(count) => {
                self.reply_head(reply, count);
                if count > 1 {
                    sample.list();
                }
                (0..count).filter_map(|_| sample.one()).for_each(|field| self.reply_field(reply, field));
            }
            Wanted::Different(count) => {
                self.reply_head(reply, count.min(alive));
                sample.different(count.min(alive), |field| self.reply_field(reply, field));
            }
        }
        Ok(())
    }
}
impl HRandField {
    fn reply_head(&self, reply: &mut Reply, count: usize) {
        if self.values { reply.pairs(count) } else { reply.array(count) }
    }
    fn reply_field(&self, reply: &mut Reply, field: Field) {
        if self.values {
            reply.pair();
        }
        reply.element(field.name);
        if self.values {
            reply.element(field.value);
        }
    }
}

/// Draws fields of a hash that are not due.
struct Sample<'a> {
    hash: &'a Hash,
    due_until_ms: i64,
    alive: usize,
    rng: fastrand::Rng,
    /// All that can be drawn, if drawing from the hash itself would take long.
    listed: Option<Vec<Field<'a>>>,
}
impl<'a> Sample<'a> {
    fn new(view: &View, hash: &'a Hash, alive: usize) -> Sample<'a> {
        let rng = fastrand::Rng::with_seed(view.store.random());
        let mut sample = Sample { hash, due_until_ms: view.due_until_ms(), alive, rng, listed: None };
        if alive < hash.len() {
            sample.list();
        }
        sample
    }
    /// Gets ready to draw many times.
    fn list(&mut self) {
        if self.listed.is_none() && (self.hash.is_packed() || self.alive < self.hash.len()) {
            let mut fields = Vec::with_capacity(self.alive);
            self.hash.for_each_alive(self.due_until_ms, |field| fields.push(field));
            self.listed = Some(fields);
        }
    }
    fn one(&mut self) -> Option<Field<'a>> {
        match &self.listed {
            Some(fields) => self.rng.choice(fields).copied(),
            None => self.hash.random(&mut || self.rng.u64(..)),
        }
    }
    /// Draws so many different ones, not more than there are.
    fn different(&mut self, count: usize, mut tell: impl FnMut(Field<'a>)) {
        /// Where so many times as many fields are there, drawing the same one twice is rare.
        const RARE: usize = 3;
        if self.hash.is_packed() || count.saturating_mul(RARE) > self.alive || self.listed.is_some() {
            return self.different_in_order(count, tell);
        }
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            let Some(field) = self.one() else { return };
            if drawn.insert(field.name.to_bytes()) {
                tell(field);
            }
        }
    }
    /// Goes over all fields, and takes each with the chance that it needs for all to be equally likely.
    fn different_in_order(&mut self, count: usize, mut tell: impl FnMut(Field<'a>)) {
        let (mut wanted, mut left) = (count, self.alive);
        self.hash.for_each_alive(self.due_until_ms, |field| {
            if self.rng.usize(..left.max(1)) < wanted {
                wanted -= 1;
                tell(field);
            }
            left -= 1;
        });
    }
}
