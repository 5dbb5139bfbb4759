//! Random members: SPOP takes them out, SRANDMEMBER only looks. Each is as likely as the others.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Set, Stored, View},
};
use bytes::Bytes;

pub struct SPop {
    key: Bytes,
    count: Option<usize>,
}
impl Command for SPop {
    const SPEC: Spec = spec("SPOP", AtLeast(2))
        .keys(&[key(1, RW | ACCESS | DELETE)])
        .flags(FAST)
        .complexity("O(1) for each member.")
        .syntax("key [count]")
        .summary("Takes random members out of a set.")
        .tips(&["nondeterministic_output"])
        .history(&[("3.2.0", "`count`.")]);
    fn parse(args: &mut Args) -> Result<SPop, CommandError> {
        if args.remaining() > 2 {
            return Err(CommandError::Syntax);
        }
        let (key, is_one) = (args.bytes()?, args.is_empty());
        let must = "ERR value is out of range, must be positive";
        Ok(SPop { key, count: if is_one { None } else { Some(args.at_least(0, must)?) } })
    }
}
impl WriteCommand for SPop {
    #[inline]
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        match self.count {
            None => self.pop_one(changes, reply),
            Some(count) => self.pop(count, changes, reply),
        }
    }
}
impl SPop {
    fn pop_one(&self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (mut rng, tells_effects) = (changes.rng(), changes.record.wants.effects);
        let Some(set) = changes.value_mut::<Set>(&self.key)? else {
            reply.null();
            return Ok(());
        };
        let taken = set.take_random(&mut rng, |member| {
            reply.element(member);
            tells_effects.then(|| member.to_bytes())
        });
        let emptied = set.is_empty();
        changes.modified(Event::Set, "spop", &self.key);
        if emptied {
            changes.remove_emptied(&self.key);
        }
        match taken.flatten() {
            Some(member) => changes.rewrite(&[b"SREM", &self.key, &member]),
            None => changes.rewrite_as_nothing(),
        }
        Ok(())
    }
    fn pop(&self, count: usize, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (mut rng, limits) = (changes.rng(), changes.limits());
        let tells_effects = changes.record.wants.effects;
        let set = changes.value_mut::<Set>(&self.key)?.filter(|_| count > 0);
        let Some(set) = set else {
            reply.set(0);
            return Ok(());
        };
        let (taken_len, all) = (count.min(set.len()), count >= set.len());
        reply.set(taken_len);
        if all {
            set.iter().for_each(|member| reply.element(member));
            self.tell_popped(changes, taken_len);
            changes.remove_emptied(&self.key);
            let deletion: &[u8] = if changes.store.unlinks { b"UNLINK" } else { b"DEL" };
            changes.rewrite(&[deletion, &self.key]);
            return Ok(());
        }
        let mut taken = Vec::new();
        set.take_many(count, &mut rng, &limits, &mut |member| {
            reply.element(member);
            if tells_effects {
                taken.push(member.to_bytes());
            }
        });
        self.tell_popped(changes, taken_len);
        changes.rewrite_as_nothing();
        /// A command of moderate length for so many members each.
        const BATCH: usize = 1024;
        for batch in taken.chunks(BATCH) {
            let mut words: Vec<&[u8]> = vec![b"SREM", &self.key];
            words.extend(batch.iter().map(|member| &member[..]));
            changes.rewrite(&words);
        }
        Ok(())
    }
    fn tell_popped(&self, changes: &mut Changes, count: usize) {
        changes.modified(Event::Set, "spop", &self.key);
        changes.also_dirty(count as u64 - 1);
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Wanted {
    One,
    /// So many different ones, or all if there are not so many.
    Different(usize),
    /// So many, the same ones among them at times.
    Any(usize),
}
/// So many with repetitions are told at the most: more would take all memory for one reply.
const REPEATED_MAX: usize = 1 << 26;

pub struct SRandMember {
    key: Bytes,
    wanted: Wanted,
}
impl Command for SRandMember {
    const SPEC: Spec = spec("SRANDMEMBER", AtLeast(2))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(1) for each member.")
        .syntax("key [count]")
        .summary("Tells random members of a set.")
        .tips(&["nondeterministic_output"])
        .history(&[("2.6.0", "`count`.")]);
    fn parse(args: &mut Args) -> Result<SRandMember, CommandError> {
        if args.remaining() > 2 {
            return Err(CommandError::Syntax);
        }
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(SRandMember { key, wanted: Wanted::One });
        }
        let count = args.integer_between(-i64::MAX, i64::MAX)?;
        let number = count.unsigned_abs() as usize;
        let wanted = if count < 0 { Wanted::Any(number) } else { Wanted::Different(number) };
        Ok(SRandMember { key, wanted })
    }
}
impl ReadCommand for SRandMember {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let Some(set) = view.value::<Set>(&self.key)? else {
            match self.wanted {
                Wanted::One => reply.null(),
                _ => reply.array(0),
            }
            return Ok(());
        };
        let mut rng = fastrand::Rng::with_seed(view.store.random());
        match self.wanted {
            Wanted::One => set.random(&mut rng).into_iter().for_each(|member| reply.element(member)),
            Wanted::Any(count) if count > REPEATED_MAX => return Err(CommandError::OutOfRange),
            Wanted::Any(count) => {
                reply.array(count);
                set.draw(count, &mut rng, &mut |member| reply.element(member));
            }
            Wanted::Different(count) => {
                let count = count.min(set.len());
                reply.array(count);
                set.sample(count, &mut rng, &mut |member| reply.element(member));
            }
        }
        Ok(())
    }
}
