//! Unions, intersections and differences of sorted sets, and of plain sets, whose members all count as 1: ZUNION,
//! ZINTER, ZDIFF, their forms that store the result, and ZINTERCARD.
use super::{Name, spec, store};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::{listpack::Element, number::parse_integer},
    resp::Reply,
    store::{Changes, Set, SortedSet, Stored, View},
};
use bytes::Bytes;
use hashbrown::HashMap;

/// Members with their scores, in order.
type Combined = Vec<(Name, f64)>;

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}
/// Which score a member gets that several sets have.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}
impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // The sum of the two infinities counts as 0.
            Aggregate::Sum => not_nan(one + other),
            Aggregate::Min => {
                if other < one {
                    other
                } else {
                    one
                }
            }
            Aggregate::Max => {
                if other > one {
                    other
                } else {
                    one
                }
            }
        }
    }
}
fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What may stand behind the keys.
struct Options {
    /// One for each key, or none: then all are 1.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}
struct Combination {
    keys: Vec<Bytes>,
    operation: Operation,
    /// What is wrong with them is told after what is wrong with the keys' values.
    options: Result<Options, CommandError>,
}

fn keys_of(args: &mut Args, too_few: &'static str) -> Result<Vec<Bytes>, CommandError> {
    if args.peek().is_none_or(|count| parse_integer(count).is_none()) {
        return Err(CommandError::NotAnInteger);
    }
    args.counted_keys(too_few)
}
/// What a command says that is given no keys.
macro_rules! too_few {
    ($name:literal) => {
        concat!("ERR at least 1 input key is needed for '", $name, "' command")
    };
}

impl Combination {
    fn parse(
        args: &mut Args,
        too_few: &'static str,
        operation: Operation,
        stores: bool,
    ) -> Result<Combination, CommandError> {
        let keys = keys_of(args, too_few)?;
        let options = Options::parse(args, keys.len(), operation, stores);
        // Looked at to the end, whatever they are.
        args.rest();
        Ok(Combination { keys, operation, options })
    }
    /// The members of the result with their scores, in order.
    fn result(&self, view: &View) -> Result<(Combined, &Options), CommandError> {
        let mut sources = sources(view, &self.keys)?;
        let options = self.options.as_ref().map_err(CommandError::clone)?;
        sources.iter_mut().zip(&options.weights).for_each(|(source, weight)| source.weight = *weight);
        if self.operation != Operation::Difference {
            sources.sort_by_key(Source::len);
        }
        let mut items = Vec::new();
        match self.operation {
            Operation::Union => items = unite(&sources, options.aggregate),
            Operation::Intersection => intersect(&sources, options.aggregate, &mut |member, score| {
                items.push((Name::from_slice(member), score));
                true
            }),
            Operation::Difference => items = subtract(&sources),
        }
        items.sort_unstable_by(|one, other| {
            one.1.partial_cmp(&other.1).unwrap_or(std::cmp::Ordering::Equal).then_with(|| one.0.cmp(&other.0))
        });
        Ok((items, options))
    }
    fn run(&self, view: &View, reply: &mut Reply) -> Outcome {
        let (items, options) = self.result(view)?;
        if options.with_scores {
            reply.scored(items.len());
            items.iter().for_each(|(member, score)| reply.scored_member(Element::Bytes(member), *score));
        } else {
            reply.array(items.len());
            items.iter().for_each(|(member, _)| reply.bulk(member));
        }
        Ok(())
    }
    fn store(
        &self,
        changes: &mut Changes,
        destination: &[u8],
        event: &'static str,
        reply: &mut Reply,
    ) -> Outcome {
        // Keys whose time has come are gone for good before the command is told of.
        for key in &self.keys {
            let _ = changes.lookup(key);
        }
        let (items, _) = self.result(&changes.view())?;
        store(changes, destination, &items, event, reply);
        Ok(())
    }
}

impl Options {
    fn parse(
        args: &mut Args,
        keys: usize,
        operation: Operation,
        stores: bool,
    ) -> Result<Options, CommandError> {
        const NO_WEIGHT: CommandError = CommandError::fixed("ERR weight value is not a float");
        let mut options = Options { weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false };
        let aggregates = operation != Operation::Difference;
        while !args.is_empty() {
            if aggregates && args.remaining() > keys && args.option("WEIGHTS") {
                let weights = (0..keys).map(|_| args.double().map_err(|_| NO_WEIGHT));
                options.weights = weights.collect::<Result<_, _>>()?;
            } else if aggregates && args.remaining() >= 2 && args.option("AGGREGATE") {
                let words = [("SUM", Aggregate::Sum), ("MIN", Aggregate::Min), ("MAX", Aggregate::Max)];
                options.aggregate = args.one_of(&words).ok_or(CommandError::Syntax)?;
            } else if !stores && args.option("WITHSCORES") {
                options.with_scores = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// One of the values that are combined.
struct Source<'a> {
    value: Value<'a>,
    weight: f64,
}
#[derive(Clone, Copy)]
enum Value<'a> {
    Nothing,
    Scored(&'a SortedSet),
    Plain(&'a Set),
}
fn sources<'a>(view: &View<'a>, keys: &[Bytes]) -> Result<Vec<Source<'a>>, CommandError> {
    let of = |key: &Bytes| {
        let value = match view.lookup(key) {
            None => Value::Nothing,
            Some(entry) => match (entry.value(), entry.value()) {
                (Some(set), _) => Value::Scored(set),
                (_, Some(set)) => Value::Plain(set),
                (None, None) => return Err(CommandError::WrongType),
            },
        };
        Ok(Source { value, weight: 1.0 })
    };
    keys.iter().map(of).collect()
}
impl<'a> Source<'a> {
    fn len(&self) -> usize {
        match self.value {
            Value::Nothing => 0,
            Value::Scored(set) => set.len(),
            Value::Plain(set) => set.len(),
        }
    }
    fn score(&self, member: &[u8]) -> Option<f64> {
        match self.value {
            Value::Nothing => None,
            Value::Scored(set) => set.score(member),
            Value::Plain(set) => set.contains(member).then_some(1.0),
        }
    }
    fn items(&self) -> Box<dyn Iterator<Item = (Element<'a>, f64)> + 'a> {
        match self.value {
            Value::Nothing => Box::new(std::iter::empty()),
            Value::Scored(set) => Box::new(set.iter()),
            Value::Plain(set) => Box::new(set.iter().map(|member| (member, 1.0))),
        }
    }
    fn is_same_as(&self, other: &Source) -> bool {
        match (self.value, other.value) {
            (Value::Scored(one), Value::Scored(other)) => std::ptr::eq(one, other),
            (Value::Plain(one), Value::Plain(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }
}

fn unite(sources: &[Source], aggregate: Aggregate) -> Vec<(Name, f64)> {
    let mut scores: HashMap<Name, f64, ahash::RandomState> = HashMap::default();
    scores.reserve(sources.last().map_or(0, Source::len));
    let mut digits = itoa::Buffer::new();
    for source in sources {
        for (member, score) in source.items() {
            let score = not_nan(source.weight * score);
            scores
                .entry(Name::from_slice(member.bytes(&mut digits)))
                .and_modify(|sum| *sum = aggregate.of(*sum, score))
                .or_insert(score);
        }
    }
    scores.into_iter().collect()
}
/// Visits the members that all have, until it is told to stop. The smallest is walked through.
fn intersect(sources: &[Source], aggregate: Aggregate, visit: &mut dyn FnMut(&[u8], f64) -> bool) {
    let Some((first, others)) = sources.split_first() else { return };
    let mut digits = itoa::Buffer::new();
    for (member, score) in first.items() {
        let member = member.bytes(&mut digits);
        let sum = others.iter().try_fold(not_nan(first.weight * score), |sum, other| {
            let score = other.score(member)?;
            Some(aggregate.of(sum, score * other.weight))
        });
        if sum.is_some_and(|sum| !visit(member, sum)) {
            return;
        }
    }
}
/// The members of the first that no other has.
fn subtract(sources: &[Source]) -> Vec<(Name, f64)> {
    let Some((first, others)) = sources.split_first() else { return Vec::new() };
    if others.iter().any(|other| other.is_same_as(first)) {
        return Vec::new();
    }
    let mut digits = itoa::Buffer::new();
    let mut items = Vec::new();
    for (member, score) in first.items() {
        let member = member.bytes(&mut digits);
        if others.iter().all(|other| other.score(member).is_none()) {
            items.push((Name::from_slice(member), score));
        }
    }
    items
}

const FOR_UNION: &str =
    "O(N)+O(M*log(M)), where N is the size of all sources together and M that of the result.";
const FOR_INTERSECTION: &str = "O(N*K)+O(M*log(M)) at worst, where N is the size of the smallest source, K their number and M the size of the result.";
const FOR_DIFFERENCE: &str = "O(N*K)+O(M*log(M)) at worst, where N is the size of the first source, K their number and M the size of the result.";

macro_rules! combination {
    ($Type:ident, $name:literal, $operation:ident, $spec:expr) => {
        pub struct $Type(Combination);
        impl Command for $Type {
            const SPEC: Spec = $spec.keys(&[counted_keys(1, RO | ACCESS)]).since("6.2.0");
            fn parse(args: &mut Args) -> Result<$Type, CommandError> {
                Combination::parse(args, too_few!($name), Operation::$operation, false).map($Type)
            }
        }
        impl ReadCommand for $Type {
            fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
                self.0.run(view, reply)
            }
        }
    };
}
combination!(
    ZUnion,
    "zunion",
    Union,
    spec("ZUNION", AtLeast(3))
        .complexity(FOR_UNION)
        .syntax("numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]")
        .summary("Answers the members that any of several sorted sets has.")
);
combination!(
    ZInter,
    "zinter",
    Intersection,
    spec("ZINTER", AtLeast(3))
        .complexity(FOR_INTERSECTION)
        .syntax("numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]")
        .summary("Answers the members that all of several sorted sets have.")
);
combination!(
    ZDiff,
    "zdiff",
    Difference,
    spec("ZDIFF", AtLeast(3))
        .complexity(FOR_DIFFERENCE)
        .syntax("numkeys key [key ...] [WITHSCORES]")
        .summary("Answers the members of a sorted set that none of several others has.")
);

macro_rules! stored_combination {
    ($Type:ident, $name:literal, $operation:ident, $spec:expr) => {
        pub struct $Type {
            destination: Bytes,
            combination: Combination,
        }
        impl Command for $Type {
            const SPEC: Spec =
                $spec.keys(&[key(1, OW | UPDATE), counted_keys(2, RO | ACCESS)]).flags(DENY_OOM);
            fn parse(args: &mut Args) -> Result<$Type, CommandError> {
                let destination = args.bytes()?;
                let combination = Combination::parse(args, too_few!($name), Operation::$operation, true)?;
                Ok($Type { destination, combination })
            }
        }
        impl WriteCommand for $Type {
            fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
                self.combination.store(changes, &self.destination, $name, reply)
            }
        }
    };
}
stored_combination!(
    ZUnionStore,
    "zunionstore",
    Union,
    spec("ZUNIONSTORE", AtLeast(4))
        .since("2.0.0")
        .complexity(FOR_UNION)
        .syntax("destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]")
        .summary("Sets a key to the members that any of several sorted sets has.")
);
stored_combination!(
    ZInterStore,
    "zinterstore",
    Intersection,
    spec("ZINTERSTORE", AtLeast(4))
        .since("2.0.0")
        .complexity(FOR_INTERSECTION)
        .syntax("destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]")
        .summary("Sets a key to the members that all of several sorted sets have.")
);
stored_combination!(
    ZDiffStore,
    "zdiffstore",
    Difference,
    spec("ZDIFFSTORE", AtLeast(4))
        .since("6.2.0")
        .complexity(FOR_DIFFERENCE)
        .syntax("destination numkeys key [key ...]")
        .summary("Sets a key to the members of a sorted set that none of several others has.")
);

pub struct ZInterCard {
    keys: Vec<Bytes>,
    /// Counts no further than this; 0: to the end. What is wrong with it is told after what is wrong with the values.
    limit: Result<usize, CommandError>,
}
impl Command for ZInterCard {
    const SPEC: Spec = spec("ZINTERCARD", AtLeast(3))
        .keys(&[counted_keys(1, RO | ACCESS)])
        .since("7.0.0")
        .complexity("O(N*K) at worst, where N is the size of the smallest source and K their number.")
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .summary("Answers how many members all of several sorted sets have.");
    fn parse(args: &mut Args) -> Result<ZInterCard, CommandError> {
        let keys = keys_of(args, too_few!("zintercard"))?;
        let limit = ZInterCard::parse_limit(args);
        args.rest();
        Ok(ZInterCard { keys, limit })
    }
}
impl ZInterCard {
    fn parse_limit(args: &mut Args) -> Result<usize, CommandError> {
        let mut limit = 0;
        while !args.is_empty() {
            if args.remaining() < 2 || !args.option("LIMIT") {
                return Err(CommandError::Syntax);
            }
            limit = args.at_least(0, "ERR LIMIT can't be negative")?;
        }
        Ok(limit)
    }
}
impl ReadCommand for ZInterCard {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let mut sources = sources(view, &self.keys)?;
        let limit = self.limit.clone()?;
        sources.sort_by_key(Source::len);
        let mut count = 0;
        intersect(&sources, Aggregate::Sum, &mut |_, _| {
            count += 1;
            count != limit
        });
        reply.integer(count as i64);
        Ok(())
    }
}
