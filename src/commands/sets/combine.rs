//! Several sets at once: what all have (SINTER), what any has (SUNION), what only the first has (SDIFF); told, counted
//! (CARD), or kept (STORE).
//!
//! What is told or counted is found without making a set of it. How a kept set is encoded is decided as in Redis: it
//! begins small and grows member by member; a difference that is made by removing members keeps the encoding that it
//! had with all of them.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::listpack::Element,
    resp::Reply,
    store::{Changes, Deadline, EncodingLimits, Event, Set, Stored, View},
};
use bytes::Bytes;
use hashbrown::HashSet;
use std::cmp::Reverse;
use std::ops::ControlFlow::{self, Break, Continue};

/// The sets at some keys, in order; `None` where there is no key.
type Sets<'a> = Vec<Option<&'a Set>>;
/// Is shown member by member, until it has seen enough.
type Visit<'v, 'a> = &'v mut dyn FnMut(Element<'a>) -> ControlFlow<()>;

/// # Errors
/// `WrongType` if something else stands at one of the keys.
fn sets_at<'a>(view: &View<'a>, keys: &[Bytes]) -> Result<Sets<'a>, CommandError> {
    keys.iter().map(|key| view.value::<Set>(key)).collect()
}

/// Visits the members that all sets have.
fn intersect<'a>(sets: Sets<'a>, visit: Visit<'_, 'a>) -> ControlFlow<()> {
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<&Set>>>() else { return Continue(()) };
    // Few members to look for, and soon found missing.
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return Continue(()) };
    let others: Vec<&Set> = others.iter().copied().filter(|set| !std::ptr::eq(*set, *smallest)).collect();
    let is_common = |member: &Element| others.iter().all(|set| set.contains_element(*member));
    smallest.iter().filter(is_common).try_for_each(visit)
}

/// Visits the members that any of the sets has, each once.
fn unite<'a>(sets: Sets<'a>, visit: Visit<'_, 'a>) -> ControlFlow<()> {
    let sets: Vec<&Set> = sets.into_iter().flatten().collect();
    if let [only] = sets[..] {
        return only.iter().try_for_each(visit);
    }
    let mut seen = HashSet::with_capacity(sets.iter().map(|set| set.len()).max().unwrap_or(0));
    // The same member may be an integer in one set and its digits in another.
    let same = |member| if let Element::Bytes(bytes) = member { Element::of(bytes) } else { member };
    let members = sets.into_iter().flat_map(Set::iter).map(same);
    members.filter(|member| seen.insert(*member)).try_for_each(visit)
}

/// How the members of some sets are kept out of the first one.
enum Subtraction<'a> {
    /// Nothing is left: there is no first set, or it is among those that are subtracted.
    Empty,
    /// Each member of the first is looked up in the others.
    ByLookup(&'a Set, Vec<&'a Set>),
    /// The members of the others are removed from a copy of the first.
    ByRemoval(&'a Set, Vec<&'a Set>),
}
impl<'a> Subtraction<'a> {
    /// The way that takes fewer steps; looking up is quicker than removing, and may end early.
    fn new(sets: Sets<'a>) -> Subtraction<'a> {
        let mut sets = sets.into_iter();
        let Some(Some(first)) = sets.next() else { return Subtraction::Empty };
        let mut others: Vec<&Set> = sets.flatten().collect();
        if others.iter().any(|set| std::ptr::eq(*set, first)) {
            return Subtraction::Empty;
        }
        let lookups = first.len() * (1 + others.len()) / 2;
        let removals = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
        if lookups > removals {
            return Subtraction::ByRemoval(first, others);
        }
        others.sort_by_key(|set| Reverse(set.len()));
        Subtraction::ByLookup(first, others)
    }
    fn visit(self, visit: Visit<'_, 'a>) -> ControlFlow<()> {
        match self {
            Subtraction::Empty => Continue(()),
            Subtraction::ByLookup(first, others) => {
                let is_left = |member: &Element| !others.iter().any(|set| set.contains_element(*member));
                first.iter().filter(is_left).try_for_each(visit)
            }
            Subtraction::ByRemoval(first, others) => {
                let same =
                    |member| if let Element::Bytes(bytes) = member { Element::of(bytes) } else { member };
                let mut left: HashSet<Element> = first.iter().map(same).collect();
                for member in others.into_iter().flat_map(Set::iter) {
                    left.remove(&same(member));
                }
                left.into_iter().try_for_each(visit)
            }
        }
    }
    fn into_set(self, limits: &EncodingLimits) -> Set {
        let mut result = Set::of_integers();
        if let Subtraction::ByRemoval(first, others) = self {
            first.iter().for_each(|member| _ = result.insert_element(member, limits));
            for member in others.into_iter().flat_map(Set::iter) {
                if result.remove_element(member) && result.is_empty() {
                    break;
                }
            }
            return result;
        }
        let _ = self.visit(&mut |member| {
            result.insert_element(member, limits);
            Continue(())
        });
        result
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Intersection,
    Union,
    Difference,
}
impl Operation {
    fn visit<'a>(self, sets: Sets<'a>, visit: Visit<'_, 'a>) -> ControlFlow<()> {
        match self {
            Operation::Intersection => intersect(sets, visit),
            Operation::Union => unite(sets, visit),
            Operation::Difference => Subtraction::new(sets).visit(visit),
        }
    }
    fn make_set(self, sets: Sets, limits: &EncodingLimits) -> Set {
        match self {
            Operation::Intersection => intersection(sets, limits),
            Operation::Union => {
                let mut result = Set::of_integers();
                let members = sets.into_iter().flatten().flat_map(Set::iter);
                members.for_each(|member| _ = result.insert_element(member, limits));
                result
            }
            Operation::Difference => Subtraction::new(sets).into_set(limits),
        }
    }
    fn stored_event(self) -> &'static str {
        match self {
            Operation::Intersection => "sinterstore",
            Operation::Union => "sunionstore",
            Operation::Difference => "sdiffstore",
        }
    }

    /// Replies the members of the result.
    fn tell(self, keys: &[Bytes], view: &View, reply: &mut Reply) -> Outcome {
        let sets = sets_at(view, keys)?;
        let (place, mut count) = (reply.defer(), 0);
        let _ = self.visit(sets, &mut |member| {
            reply.element(member);
            count += 1;
            Continue(())
        });
        reply.settle_set(place, count);
        Ok(())
    }
    /// Replies how many members the result has, or that it has so many at least.
    fn count(self, counted: &Counted, view: &View, reply: &mut Reply) -> Outcome {
        let mut count = 0;
        let _ = self.visit(sets_at(view, &counted.keys)?, &mut |_| {
            count += 1;
            if count == counted.limit { Break(()) } else { Continue(()) }
        });
        reply.integer(count as i64);
        Ok(())
    }
    /// Keeps the result, or deletes the key if there is none, and replies its size.
    fn store(self, kept: &Kept, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        for key in &kept.keys {
            // Deletes the key if it has expired: a view would only hide it.
            let _ = changes.lookup(key);
        }
        let result = self.make_set(sets_at(&changes.view(), &kept.keys)?, &changes.limits());
        let (count, destination) = (result.len(), &kept.destination);
        if count > 0 {
            changes.set_value(destination, result, Deadline::Clear);
            changes.modified(Event::Set, self.stored_event(), destination);
        } else if changes.lookup(destination).is_some() {
            changes.remove(destination);
            changes.modified(Event::Generic, "del", destination);
        }
        reply.integer(count as i64);
        Ok(())
    }
}

/// The intersection, beginning as the smallest of the sets is encoded. Nothing but integers become an intset.
fn intersection(sets: Sets, limits: &EncodingLimits) -> Set {
    let smallest = sets.iter().flatten().min_by_key(|set| set.len());
    let Some(mut result) = smallest.map(|set| set.new_like()) else { return Set::of_integers() };
    let mut only_integers = true;
    let _ = intersect(sets, &mut |member| {
        only_integers = only_integers && member.integer().is_some();
        result.insert_element(member, limits);
        Continue(())
    });
    if only_integers {
        result.settle_integers(limits);
    }
    result
}

/// Keys, and the number from which on there is no need to count.
struct Counted {
    keys: Vec<Bytes>,
    /// 0: none.
    limit: usize,
}
impl Counted {
    fn parse(args: &mut Args, may_be_inexact: bool) -> Result<Counted, CommandError> {
        let count = args.at_least(1, "ERR numkeys should be greater than 0")?;
        if count > args.remaining() {
            return Err(CommandError::fixed("ERR Number of keys can't be greater than number of args"));
        }
        let keys = (0..count).map(|_| args.bytes()).collect::<Result<_, _>>()?;
        let mut counted = Counted { keys, limit: 0 };
        while !args.is_empty() {
            if args.remaining() >= 2 && args.option("LIMIT") {
                counted.limit = args.at_least(0, "ERR LIMIT can't be negative")?;
            } else if !(may_be_inexact && args.option("APPROX")) {
                return Err(CommandError::Syntax);
            }
        }
        Ok(counted)
    }
}

/// Keys, and where the result is to stand.
struct Kept {
    destination: Bytes,
    keys: Vec<Bytes>,
}
impl Kept {
    fn parse(args: &mut Args) -> Result<Kept, CommandError> {
        Ok(Kept { destination: args.bytes()?, keys: args.rest() })
    }
}

const fn telling(name: &'static str) -> Spec {
    const KEYS: &[KeySpec] = &[keys(1, 1, RO | ACCESS)];
    spec(name, AtLeast(2)).keys(KEYS).syntax("key [key ...]").tips(&["nondeterministic_output_order"])
}
const fn counting(name: &'static str) -> Spec {
    const KEYS: &[KeySpec] = &[counted_keys(1, RO | ACCESS)];
    spec(name, AtLeast(3)).keys(KEYS).syntax("numkeys key [key ...] [LIMIT limit]")
}
const fn storing(name: &'static str) -> Spec {
    const KEYS: &[KeySpec] = &[key(1, OW | UPDATE), keys(2, 1, RO | ACCESS)];
    spec(name, AtLeast(3)).keys(KEYS).flags(DENY_OOM).syntax("destination key [key ...]")
}

const INTERSECTION_COST: &str = "O(N*M), N being the size of the smallest set and M the number of sets.";
const SUM_COST: &str = "O(N), N being the number of members of all sets.";

pub struct SInter(Vec<Bytes>);
impl Command for SInter {
    const SPEC: Spec = telling("SINTER")
        .complexity(INTERSECTION_COST)
        .summary("Reads the members that all of several sets have.");
    fn parse(args: &mut Args) -> Result<SInter, CommandError> {
        Ok(SInter(args.rest()))
    }
}
impl ReadCommand for SInter {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        Operation::Intersection.tell(&self.0, view, reply)
    }
}

pub struct SUnion(Vec<Bytes>);
impl Command for SUnion {
    const SPEC: Spec =
        telling("SUNION").complexity(SUM_COST).summary("Reads the members that any of several sets has.");
    fn parse(args: &mut Args) -> Result<SUnion, CommandError> {
        Ok(SUnion(args.rest()))
    }
}
impl ReadCommand for SUnion {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        Operation::Union.tell(&self.0, view, reply)
    }
}

pub struct SDiff(Vec<Bytes>);
impl Command for SDiff {
    const SPEC: Spec = telling("SDIFF")
        .complexity(SUM_COST)
        .summary("Reads the members of a set that none of several others has.");
    fn parse(args: &mut Args) -> Result<SDiff, CommandError> {
        Ok(SDiff(args.rest()))
    }
}
impl ReadCommand for SDiff {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        Operation::Difference.tell(&self.0, view, reply)
    }
}

pub struct SInterCard(Counted);
impl Command for SInterCard {
    const SPEC: Spec = counting("SINTERCARD")
        .since("7.0.0")
        .complexity(INTERSECTION_COST)
        .summary("Counts the members that all of several sets have, up to a limit.");
    fn parse(args: &mut Args) -> Result<SInterCard, CommandError> {
        Counted::parse(args, false).map(SInterCard)
    }
}
impl ReadCommand for SInterCard {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        Operation::Intersection.count(&self.0, view, reply)
    }
}

pub struct SUnionCard(Counted);
impl Command for SUnionCard {
    const SPEC: Spec = counting("SUNIONCARD")
        .since("8.10.0")
        .complexity(SUM_COST)
        .syntax("numkeys key [key ...] [APPROX] [LIMIT limit]")
        .summary("Counts the members that any of several sets has, up to a limit.");
    /// The exact number is an approximation, too.
    fn parse(args: &mut Args) -> Result<SUnionCard, CommandError> {
        Counted::parse(args, true).map(SUnionCard)
    }
}
impl ReadCommand for SUnionCard {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        Operation::Union.count(&self.0, view, reply)
    }
}

pub struct SDiffCard(Counted);
impl Command for SDiffCard {
    const SPEC: Spec = counting("SDIFFCARD")
        .since("8.10.0")
        .complexity(SUM_COST)
        .summary("Counts the members of a set that none of several others has, up to a limit.");
    fn parse(args: &mut Args) -> Result<SDiffCard, CommandError> {
        Counted::parse(args, false).map(SDiffCard)
    }
}
impl ReadCommand for SDiffCard {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        Operation::Difference.count(&self.0, view, reply)
    }
}

pub struct SInterStore(Kept);
impl Command for SInterStore {
    const SPEC: Spec = storing("SINTERSTORE")
        .complexity(INTERSECTION_COST)
        .summary("Keeps the members that all of several sets have at another key.");
    fn parse(args: &mut Args) -> Result<SInterStore, CommandError> {
        Kept::parse(args).map(SInterStore)
    }
}
impl WriteCommand for SInterStore {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        Operation::Intersection.store(&self.0, changes, reply)
    }
}

pub struct SUnionStore(Kept);
impl Command for SUnionStore {
    const SPEC: Spec = storing("SUNIONSTORE")
        .complexity(SUM_COST)
        .summary("Keeps the members that any of several sets has at another key.");
    fn parse(args: &mut Args) -> Result<SUnionStore, CommandError> {
        Kept::parse(args).map(SUnionStore)
    }
}
impl WriteCommand for SUnionStore {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        Operation::Union.store(&self.0, changes, reply)
    }
}

pub struct SDiffStore(Kept);
impl Command for SDiffStore {
    const SPEC: Spec = storing("SDIFFSTORE")
        .complexity(SUM_COST)
        .summary("Keeps the members of a set that none of several others has at another key.");
    fn parse(args: &mut Args) -> Result<SDiffStore, CommandError> {
        Kept::parse(args).map(SDiffStore)
    }
}
impl WriteCommand for SDiffStore {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        Operation::Difference.store(&self.0, changes, reply)
    }
}
