//! From entries to commands that make them anew: the base of an append-only file with `aof-use-rdb-preamble no`.
//!
//! Collections are told by commands of up to 64 items each, as one command for all would stop the server that replays it.
//! A large one is written in pieces: [`Rewrite`] keeps the place in one entry between them. A piece ends behind a
//! command, so that other entries may be written in between; the entry itself must not change until it is done. A string
//! is one command and one piece.
//!
//! What commands cannot say is lost, as it is in Redis: when consumers were last seen, and what is pending of entries that
//! are deleted.
use super::write::Writer;
use crate::{
    data::{
        listpack::Element,
        number::format_double,
        stream::{Consumer, Group, StreamId},
    },
    store::{
        End, EntryRef, Field, Hash, List, ObjectRef, Set, SortedSet, Stored, Stream, sorted_set::Direction,
    },
};
use std::ops::ControlFlow;

/// Items of a collection that one command tells.
const ITEMS_MAX: usize = 64;

/// The place in an entry up to which it is written.
#[derive(Debug, Default)]
pub struct Rewrite(Place);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    #[default]
    Beginning,
    /// Index, rank, or cursor of the next item.
    Item(u64),
    /// The next entry of a stream.
    Id(StreamId),
    /// The next pending entry of a consumer of a group, both by their order.
    Pending {
        group: usize,
        consumer: usize,
        id: StreamId,
    },
    End,
}

/// What is written of one entry: its key in its database, until so many bytes wait to be taken.
struct Target<'a> {
    writer: &'a mut Writer,
    db: usize,
    key: &'a [u8],
    bytes_max: usize,
}

impl Target<'_> {
    fn is_full(&self) -> bool {
        self.writer.len() >= self.bytes_max
    }
    /// `NAME key words…`
    fn command(&mut self, name: &str, words: &[&[u8]]) {
        let args = Words { name: name.as_bytes(), key: self.key, words };
        self.writer.command(self.db, (0..words.len() + 2).map(|index| args.get(index)));
    }
    /// `NAME key item item…`, where an item is `width` words: as many commands as it takes.
    fn items(&mut self, name: &str, words: &[&[u8]], width: usize) {
        words.chunks(ITEMS_MAX * width).for_each(|words| self.command(name, words));
    }
}

struct Words<'a> {
    name: &'a [u8],
    key: &'a [u8],
    words: &'a [&'a [u8]],
}
impl<'a> Words<'a> {
    fn get(&self, index: usize) -> &'a [u8] {
        match index {
            0 => self.name,
            1 => self.key,
            _ => self.words[index - 2],
        }
    }
}

impl Rewrite {
    /// Writes more of an entry, until it is done or `writer` holds `bytes_max`. True when it is done.
    pub fn write(&mut self, db: usize, entry: EntryRef, writer: &mut Writer, bytes_max: usize) -> bool {
        let mut target = Target { writer, db, key: entry.key(), bytes_max };
        while self.0 != Place::End && (self.0 == Place::Beginning || !target.is_full()) {
            self.0 = match entry.object() {
                None => {
                    target.command("SET", &[entry.text().bytes(&mut itoa::Buffer::new())]);
                    Place::End
                }
                Some(ObjectRef::List(list)) => write_list(list, self.0, &mut target),
                Some(ObjectRef::Set(set)) => write_set(set, self.0, &mut target),
                Some(ObjectRef::SortedSet(set)) => write_sorted_set(set, self.0, &mut target),
                Some(ObjectRef::Hash(hash)) => write_hash(hash, self.0, &mut target),
                Some(ObjectRef::Stream(stream)) => write_stream(stream, self.0, &mut target),
            };
            if self.0 == Place::End
                && let Some(deadline) = entry.deadline()
            {
                target.command("PEXPIREAT", &[itoa::Buffer::new().format(deadline).as_bytes()]);
            }
        }
        self.0 == Place::End
    }
}

impl Place {
    fn item(self) -> u64 {
        if let Place::Item(item) = self { item } else { 0 }
    }
    /// From this item on, unless it is behind the last of `len`.
    fn at_item(item: usize, len: usize) -> Place {
        if item < len { Place::Item(item as u64) } else { Place::End }
    }
    fn at_cursor(cursor: u64) -> Place {
        if cursor == 0 { Place::End } else { Place::Item(cursor) }
    }
}

/// The words of elements, side by side in one buffer.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}
impl Texts {
    fn push(&mut self, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
    }
    fn push_element(&mut self, element: Element) {
        self.push(element.bytes(&mut itoa::Buffer::new()))
    }
    fn words(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end]).collect()
    }
}

fn write_list(list: &List, place: Place, target: &mut Target) -> Place {
    let mut index = place.item() as usize;
    let mut texts = Texts::default();
    list.walk(index, End::Tail, |element| {
        texts.push_element(element);
        index += 1;
        if !texts.ends.len().is_multiple_of(ITEMS_MAX) {
            return ControlFlow::Continue(());
        }
        // A walk has to look for its beginning, so it goes on as long as there is room.
        target.command("RPUSH", &texts.words());
        texts = Texts::default();
        if target.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    target.items("RPUSH", &texts.words(), 1);
    Place::at_item(index, list.len())
}

/// A small set is written as a whole.
fn write_set(set: &Set, place: Place, target: &mut Target) -> Place {
    let mut texts = Texts::default();
    let cursor = set.scan(place.item(), ITEMS_MAX, &mut |member| texts.push_element(member));
    target.items("SADD", &texts.words(), 1);
    Place::at_cursor(cursor)
}

fn write_sorted_set(set: &SortedSet, place: Place, target: &mut Target) -> Place {
    let rank = place.item() as usize;
    let mut texts = Texts::default();
    for (member, score) in set.range(rank..rank + ITEMS_MAX, Direction::Forward) {
        texts.push(format_double(score).as_bytes());
        texts.push_element(member);
    }
    target.items("ZADD", &texts.words(), 2);
    Place::at_item(rank + ITEMS_MAX, set.len())
}

/// A small hash is written as a whole.
fn write_hash(hash: &Hash, place: Place, target: &mut Target) -> Place {
    let (mut texts, mut deadlines) = (Texts::default(), Vec::new());
    let cursor = hash.scan(place.item(), ITEMS_MAX, &mut |Field { name, value, deadline }| {
        texts.push_element(name);
        texts.push_element(value);
        deadlines.push(deadline);
    });
    let words = texts.words();
    target.items("HMSET", &words, 2);
    for (pair, deadline) in words.chunks_exact(2).zip(deadlines) {
        if let Some(deadline) = deadline {
            let mut digits = itoa::Buffer::new();
            target.command("HPEXPIREAT", &[digits.format(deadline).as_bytes(), b"FIELDS", b"1", pair[0]]);
        }
    }
    Place::at_cursor(cursor)
}

/// First all entries, then what the stream knows of its IDs, then its groups.
fn write_stream(stream: &Stream, place: Place, target: &mut Target) -> Place {
    match place {
        Place::Pending { group, consumer, id } => write_pending(stream, (group, consumer, id), target),
        Place::Id(from) => write_stream_entries(stream, from, target),
        _ if stream.log.is_empty() => {
            // There is no command that makes an empty stream but one that trims it at once.
            target.command("XADD", &[b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
            write_stream_ids(stream, target)
        }
        _ => write_stream_entries(stream, StreamId::MIN, target),
    }
}

fn write_stream_entries(stream: &Stream, from: StreamId, target: &mut Target) -> Place {
    for entry in stream.log.range(from, StreamId::MAX) {
        if target.is_full() && entry.id != from {
            return Place::Id(entry.id);
        }
        let mut texts = Texts::default();
        texts.push(entry.id.to_string().as_bytes());
        for (field, value) in entry.pairs() {
            texts.push_element(field);
            texts.push_element(value);
        }
        target.command("XADD", &texts.words());
    }
    write_stream_ids(stream, target)
}

fn write_stream_ids(stream: &Stream, target: &mut Target) -> Place {
    let log = &stream.log;
    let (last, deleted) = (log.last_id().to_string(), log.max_deleted_id().to_string());
    let mut digits = itoa::Buffer::new();
    let added = digits.format(log.entries_added()).as_bytes();
    target.command("XSETID", &[last.as_bytes(), b"ENTRIESADDED", added, b"MAXDELETEDID", deleted.as_bytes()]);
    group_place(stream, 0)
}

/// At the beginning of a group, or the end behind the last one.
fn group_place(stream: &Stream, group: usize) -> Place {
    match group < stream.groups.len() {
        true => Place::Pending { group, consumer: 0, id: StreamId::MIN },
        false => Place::End,
    }
}

/// Writes a group from a place in it on.
fn write_pending(stream: &Stream, place: (usize, usize, StreamId), target: &mut Target) -> Place {
    let (index, first, mut from) = place;
    let Some((name, group)) = stream.groups.iter().nth(index) else { return Place::End };
    if first == 0 && from == StreamId::MIN {
        write_group(name, group, target);
    }
    for (consumer, record) in group.consumers().enumerate().skip(first) {
        if target.is_full() && (consumer, from) != (first, place.2) {
            return Place::Pending { group: index, consumer, id: from };
        }
        if let Some(id) = write_consumer(name, (group, record), from, target) {
            return Place::Pending { group: index, consumer, id };
        }
        from = StreamId::MIN;
    }
    group_place(stream, index + 1)
}

fn write_group(name: &[u8], group: &Group, target: &mut Target) {
    let last = group.last_id.to_string();
    let mut digits = itoa::Buffer::new();
    let read = digits.format(group.entries_read.unwrap_or(-1)).as_bytes();
    let key = target.key;
    target.writer.command(
        target.db,
        [&b"XGROUP"[..], b"CREATE", key, name, last.as_bytes(), b"ENTRIESREAD", read].into_iter(),
    );
}

/// Writes what is pending for a consumer, from an ID on. Where to go on, if that is not all.
fn write_consumer(
    name: &[u8],
    (group, consumer): (&Group, &Consumer),
    from: StreamId,
    target: &mut Target,
) -> Option<StreamId> {
    if consumer.pending().is_empty() {
        let key = target.key;
        let args = [&b"XGROUP"[..], b"CREATECONSUMER", key, name, consumer.name()];
        target.writer.command(target.db, args.into_iter());
    }
    for &id in consumer.pending().range(from..) {
        if target.is_full() && id != from {
            return Some(id);
        }
        let Some(pending) = group.pending().get(&id) else { continue };
        let (mut time, mut deliveries) = (itoa::Buffer::new(), itoa::Buffer::new());
        let id = id.to_string();
        target.command(
            "XCLAIM",
            &[
                name,
                consumer.name(),
                b"0",
                id.as_bytes(),
                b"TIME",
                time.format(pending.delivered_ms).as_bytes(),
                b"RETRYCOUNT",
                deliveries.format(pending.deliveries).as_bytes(),
                b"JUSTID",
                b"FORCE",
            ],
        );
    }
    None
}
