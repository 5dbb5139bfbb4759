//! SORT and SORT_RO: the elements of a list, set or sorted set in another order, or what other keys say of them.
//!
//! Elements, and the texts that they are ordered by, are gathered in one buffer; what is sorted are places in it.
//! Sorting is stable, so elements that compare as equal stay in the order in which their key holds them.
mod pattern;
#[cfg(test)]
mod tests;
mod weight;

use super::{
    Command, Entry, Outcome, ReadCommand, WriteCommand,
    args::Args,
    error::CommandError,
    key_positions::{KeyPosition, KeyPositions},
    read,
    spec::{Arity::*, *},
    write,
};
use crate::{
    data::listpack::Element,
    resp::{Reply, Request},
    store::{Changes, Deadline, End, Event, List, ObjectRef, SortedSet, Stored, View, sorted_set::Direction},
};
use bytes::Bytes;
use pattern::Pattern;
use std::{cmp::Ordering, ops::ControlFlow, ops::Range};

pub static COMMANDS: &[Entry] = &[write::<Sort>(), read::<SortRo>()];

const fn spec(name: &'static str) -> Spec {
    Spec::new(Group::Generic, name, AtLeast(2))
        .categories(category("set") | category("sortedset") | category("list") | category("dangerous"))
        .complexity("O(N+M*log(M))")
}
const KEYS_OF_PATTERNS: KeySpec =
    KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags: RO | ACCESS, notes: None }
        .notes("For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort");
const KEY_OF_RESULT: KeySpec = KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags: OW | UPDATE, notes: None }
    .notes("For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array");

/// What is asked for.
struct Query {
    key: Bytes,
    by: By,
    order: Order,
    /// Compare as text, not as numbers.
    alphabetical: bool,
    skip: i64,
    /// Negative: all.
    count: i64,
    /// What is shown of each element; nothing: the element.
    shows: Vec<Pattern>,
    /// Where the result goes, instead of to the client.
    destination: Option<Bytes>,
}
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Ascending,
    Descending,
}
/// What elements are ordered by.
enum By {
    Themselves,
    /// Of another key for each, of this name.
    Named(Pattern),
    /// Not at all: they stay in the order of the key that they come from.
    Nothing,
}

impl Query {
    fn parse(args: &mut Args, stores: bool) -> Result<Query, CommandError> {
        let mut query = Query {
            key: args.bytes()?,
            by: By::Themselves,
            order: Order::Ascending,
            alphabetical: false,
            skip: 0,
            count: -1,
            shows: Vec::new(),
            destination: None,
        };
        while !args.is_empty() {
            let behind = args.remaining() - 1;
            if args.option("ASC") {
                query.order = Order::Ascending;
            } else if args.option("DESC") {
                query.order = Order::Descending;
            } else if args.option("ALPHA") {
                query.alphabetical = true;
            } else if behind >= 2 && args.option("LIMIT") {
                (query.skip, query.count) = (args.integer()?, args.integer()?);
            } else if behind >= 1 && stores && args.option("STORE") {
                query.destination = Some(args.bytes()?);
            } else if behind >= 1 && args.option("BY") {
                let pattern = args.bytes()?;
                // Once it is said that nothing is to be sorted, that remains so.
                query.by = match query.by {
                    By::Nothing => By::Nothing,
                    _ if !pattern.contains(&b'*') => By::Nothing,
                    _ => By::Named(Pattern::new(pattern)),
                };
            } else if behind >= 1 && args.option("GET") {
                query.shows.push(Pattern::new(args.bytes()?));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(query)
    }

    /// The elements that are asked for, in their order.
    fn answer(&self, view: &View) -> Result<Elements, CommandError> {
        let source = view.lookup(&self.key).map(|entry| entry.object().ok_or(CommandError::WrongType));
        let source = source.transpose()?;
        if let (Some(ObjectRef::SortedSet(set)), By::Nothing) = (source, &self.by) {
            return Ok(self.stretch(set));
        }
        let is_set = matches!(source, Some(ObjectRef::Set(_)));
        let backwards = matches!(self.by, By::Nothing) && self.order == Order::Descending && !is_set;
        let mut elements = Elements::of(source, backwards)?;
        match &self.by {
            // A set has no order of its own: what is stored of one must be the same wherever it is replayed, and what a
            // script sees of one wherever it runs.
            By::Nothing if is_set && (self.destination.is_some() || view.store.in_script) => {
                elements.sort(self.order, true)
            }
            By::Nothing => {}
            By::Themselves => {
                elements.weigh_themselves(self.alphabetical)?;
                elements.sort(self.order, self.alphabetical);
            }
            By::Named(pattern) => {
                elements.weigh_by(pattern, view, self.alphabetical)?;
                elements.sort(self.order, self.alphabetical);
            }
        }
        elements.limit(self.range(elements.places.len()));
        Ok(elements)
    }
    /// What is asked for of a sorted set that need not be sorted: only that is read, however large the rest.
    fn stretch(&self, set: &SortedSet) -> Elements {
        let (len, range) = (set.len(), self.range(set.len()));
        let (ranks, direction) = match self.order {
            Order::Ascending => (range, Direction::Forward),
            Order::Descending => (len - range.end..len - range.start, Direction::Backward),
        };
        let mut elements = Elements::default();
        set.range(ranks, direction).for_each(|(member, _)| elements.add(member));
        elements
    }
    fn range(&self, len: usize) -> Range<usize> {
        let among = |number: i64| usize::try_from(number.max(0)).unwrap_or(usize::MAX).min(len);
        let start = among(self.skip);
        let end = if self.count < 0 { len } else { start.saturating_add(among(self.count)).min(len) };
        start..end
    }
    /// Tells what is shown of each element, in order; `None` where there is nothing.
    fn show(&self, view: &View, elements: &Elements, mut tell: impl FnMut(Option<&[u8]>)) {
        for place in &elements.places {
            let element = &elements.bytes[place.element.clone()];
            if self.shows.is_empty() {
                tell(Some(element));
            }
            for pattern in &self.shows {
                pattern.look_up(view, element, &mut tell);
            }
        }
    }
    /// How many items are shown.
    fn shown_count(&self, elements: &Elements) -> usize {
        elements.places.len() * self.shows.len().max(1)
    }
    fn reply(&self, view: &View, reply: &mut Reply) -> Outcome {
        let elements = self.answer(view)?;
        reply.array(self.shown_count(&elements));
        self.show(view, &elements, |item| match item {
            Some(item) => reply.bulk(item),
            None => reply.null(),
        });
        Ok(())
    }
}

/// Elements, and what they are ordered by.
#[derive(Default)]
struct Elements {
    bytes: Vec<u8>,
    places: Vec<Place>,
}
/// One element, and what it is ordered by: places in the buffer.
struct Place {
    element: Range<usize>,
    number: f64,
    /// None where there is no such text: that comes before all texts.
    text: Option<Range<usize>>,
}

impl Elements {
    /// # Errors
    /// `WrongType` if that has no elements.
    fn of(source: Option<ObjectRef>, backwards: bool) -> Result<Elements, CommandError> {
        let mut elements = Elements::default();
        match source {
            None => {}
            Some(ObjectRef::List(list)) => {
                let (from, towards) = if backwards { (list.len() - 1, End::Head) } else { (0, End::Tail) };
                list.walk(from, towards, |element| {
                    elements.add(element);
                    ControlFlow::Continue(())
                });
            }
            Some(ObjectRef::Set(set)) => set.iter().for_each(|member| elements.add(member)),
            Some(ObjectRef::SortedSet(set)) => {
                set.iter().for_each(|(member, _)| elements.add(member));
            }
            Some(ObjectRef::Hash(_) | ObjectRef::Stream(_)) => return Err(CommandError::WrongType),
        }
        Ok(elements)
    }
    fn add(&mut self, element: Element) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(element.bytes(&mut itoa::Buffer::new()));
        let element = start..self.bytes.len();
        self.places.push(Place { text: Some(element.clone()), element, number: 0.0 });
    }
    fn weigh_themselves(&mut self, alphabetical: bool) -> Outcome {
        if !alphabetical {
            for place in &mut self.places {
                place.number = weight::parse(&self.bytes[place.element.clone()])?;
            }
        }
        Ok(())
    }
    /// An element of which no key says anything weighs 0.
    fn weigh_by(&mut self, pattern: &Pattern, view: &View, alphabetical: bool) -> Outcome {
        let mut failed = None;
        for place in &mut self.places {
            let element = self.bytes[place.element.clone()].to_vec();
            place.text = None;
            pattern.look_up(view, &element, &mut |value| match value {
                Some(value) if alphabetical => {
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(value);
                    place.text = Some(start..self.bytes.len());
                }
                Some(value) => match weight::parse(value) {
                    Ok(number) => place.number = number,
                    Err(error) => failed = Some(error),
                },
                None => {}
            });
        }
        failed.map_or(Ok(()), Err)
    }
    fn sort(&mut self, order: Order, alphabetical: bool) {
        let bytes = &self.bytes;
        let text = |place: &Option<Range<usize>>| place.clone().map(|place| &bytes[place]);
        let compare = |one: &Place, other: &Place| match alphabetical {
            true => text(&one.text).cmp(&text(&other.text)),
            false => one
                .number
                .partial_cmp(&other.number)
                .unwrap_or(Ordering::Equal)
                .then_with(|| bytes[one.element.clone()].cmp(&bytes[other.element.clone()])),
        };
        self.places.sort_by(|one, other| match order {
            Order::Ascending => compare(one, other),
            Order::Descending => compare(other, one),
        });
    }
    fn limit(&mut self, range: Range<usize>) {
        self.places.truncate(range.end);
        self.places.drain(..range.start.min(range.end));
    }
}

/// Finds the key that a request reads, and the one that it stores at: the last that is named.
fn locate_keys(request: &Request, found: &mut KeyPositions) {
    found.push(KeyPosition { index: 1, flags: RO | ACCESS });
    let (mut index, mut destination) = (2, None);
    while let Some(word) = request.get(index) {
        let is = |option: &str| word.eq_ignore_ascii_case(option.as_bytes());
        if is("LIMIT") {
            index += 2;
        } else if is("GET") || is("BY") {
            index += 1;
        } else if is("STORE") && index + 1 < request.len() {
            destination = Some(index + 1);
            index += 1;
        }
        index += 1;
    }
    found.extend(destination.map(|index| KeyPosition { index, flags: OW | UPDATE }));
}
/// SORT_RO has no STORE.
fn locate_key(_: &Request, found: &mut KeyPositions) {
    found.push(KeyPosition { index: 1, flags: RO | ACCESS });
}

pub struct Sort(Query);
impl Command for Sort {
    const SPEC: Spec = spec("SORT")
        .keys(&[key(1, RO | ACCESS), KEYS_OF_PATTERNS, KEY_OF_RESULT])
        .locate(locate_keys)
        .flags(DENY_OOM | MOVABLE_KEYS)
        .syntax("key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC|DESC] [ALPHA] [STORE destination]")
        .summary("Shows the elements of a list, set or sorted set in order, or what other keys say of them; or stores that.");
    fn parse(args: &mut Args) -> Result<Sort, CommandError> {
        Query::parse(args, true).map(Sort)
    }
}
impl WriteCommand for Sort {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let Some(destination) = &self.0.destination else { return self.0.reply(&changes.view(), reply) };
        let view = changes.view();
        let elements = self.0.answer(&view)?;
        let count = self.0.shown_count(&elements);
        let mut list = List::long(&changes.limits());
        self.0.show(&view, &elements, |item| list.push(End::Tail, item.unwrap_or_default()));
        reply.integer(count as i64);
        if count > 0 {
            list.settle(&changes.limits());
            changes.set_value(destination, list, Deadline::Clear);
            changes.modified(Event::List, "sortstore", destination);
            changes.also_dirty(count as u64 - 1);
        } else if changes.delete(destination) {
            changes.modified(Event::Generic, "del", destination);
        }
        Ok(())
    }
}

pub struct SortRo(Query);
impl Command for SortRo {
    const SPEC: Spec = spec("SORT_RO")
        .keys(&[key(1, RO | ACCESS), KEYS_OF_PATTERNS])
        .locate(locate_key)
        .flags(MOVABLE_KEYS)
        .since("7.0.0")
        .syntax("key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC|DESC] [ALPHA]")
        .summary("Shows the elements of a list, set or sorted set in order, or what other keys say of them.");
    fn parse(args: &mut Args) -> Result<SortRo, CommandError> {
        Query::parse(args, false).map(SortRo)
    }
}
impl ReadCommand for SortRo {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.reply(view, reply)
    }
}
