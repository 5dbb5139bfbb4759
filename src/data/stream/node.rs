//! One node of a stream: up to a hundred entries or so in one listpack, headed by what they have in common.
//!
//! ```text
//! live | deleted | fields | name-1 … name-n | 0              the head: counts, and the fields of the first entry
//! flags | ms | seq | value-1 … value-n | pieces              an entry with just those fields
//! flags | ms | seq | fields | name-1 | value-1 … | pieces    any other entry
//! ```
//!
//! `ms` and `seq` are differences to the *master* ID, the first entry's, which the node is filed under. `pieces` is the
//! number of elements before it that belong to the entry, so that entries can be read backwards too: the 0 that ends
//! the head ends such a walk. An entry that is deleted is only flagged; its bytes go with the node. All this is Redis'
//! layout, element for element, because RDB files and DUMP hold these very bytes.
use super::StreamId;
use crate::data::listpack::{Element, Listpack};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 1 << 1;

#[derive(Clone, Debug)]
pub struct Node(Listpack);

/// What the head of a node says.
struct Head {
    live: i64,
    deleted: i64,
    /// Number of fields, and where the first name stands.
    fields: usize,
    names: usize,
}

/// One entry, where it stands in its node.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub id: StreamId,
    /// It was deleted, and is still there to be skipped.
    pub(super) is_deleted: bool,
    pack: &'a Listpack,
    /// Position of its flags.
    at: usize,
    fields: usize,
    /// Position of the first field's name in the head, where the fields are the same.
    names: Option<usize>,
    /// Position of the first value, or of the first field's name.
    body: usize,
}

impl Node {
    /// A node without entries. The first one to be added has the fields of these pairs.
    pub fn new<B: AsRef<[u8]>>(pairs: &[B]) -> Node {
        let mut pack = Listpack::new();
        let counts = [0, 0, (pairs.len() / 2) as i64].into_iter().map(Element::Integer);
        let names = pairs.iter().step_by(2).map(|name| Element::of(name.as_ref()));
        pack.extend_elements(counts.chain(names).chain(std::iter::once(Element::Integer(0))));
        Node(pack)
    }
    pub fn listpack(&self) -> &Listpack {
        &self.0
    }
    /// Entries that are not deleted.
    pub fn live(&self) -> u64 {
        self.count(0) as u64
    }
    /// Entries, deleted or not.
    pub fn total(&self) -> u64 {
        (self.count(0) + self.count(1)) as u64
    }
    fn count(&self, index: isize) -> i64 {
        self.0.seek(index).map_or(0, |at| integer(&self.0, at)).max(0)
    }
    fn head(&self) -> Option<Head> {
        let live = self.0.first()?;
        let deleted = self.0.next(live)?;
        let fields = self.0.next(deleted)?;
        Some(Head {
            live: integer(&self.0, live),
            deleted: integer(&self.0, deleted),
            fields: usize::try_from(integer(&self.0, fields)).ok()?,
            names: self.0.next(fields)?,
        })
    }

    /// Adds an entry behind the others: field, value, field, value …
    pub fn push<B: AsRef<[u8]>>(&mut self, master: StreamId, id: StreamId, pairs: &[B]) {
        let same = self.has_fields_of(pairs);
        self.add_to_count(0, 1);
        let (ms, seq) = id.delta(master);
        let fields = (pairs.len() / 2) as i64;
        let (flags, pieces) = if same { (SAME_FIELDS, 3 + fields) } else { (0, 4 + 2 * fields) };
        let head = [flags, ms, seq, fields].into_iter().take(if same { 3 } else { 4 });
        let body = pairs.iter().enumerate().filter(|(index, _)| !same || index % 2 == 1);
        let elements = head
            .map(Element::Integer)
            .chain(body.map(|(_, part)| Element::of(part.as_ref())))
            .chain(std::iter::once(Element::Integer(pieces)));
        self.0.extend_elements(elements);
    }
    fn has_fields_of<B: AsRef<[u8]>>(&self, pairs: &[B]) -> bool {
        let Some(head) = self.head().filter(|head| head.fields == pairs.len() / 2) else { return false };
        let mut at = Some(head.names);
        pairs.iter().step_by(2).all(|name| {
            let Some(here) = at else { return false };
            at = self.0.next(here);
            self.0.get(here).equals(name.as_ref())
        })
    }
    /// Flags an entry as deleted.
    pub fn delete(&mut self, at: Place) {
        let flags = integer(&self.0, at.0) | DELETED;
        self.0.replace_integer(at.0, flags);
        self.add_to_count(0, -1);
        self.add_to_count(1, 1);
    }
    /// Flags all entries before `keep` says so, or up to the end. Returns how many were not deleted before.
    pub fn delete_until(&mut self, master: StreamId, mut keep: impl FnMut(StreamId, u64) -> bool) -> u64 {
        let mut deleted = 0;
        let mut at = self.first_place();
        while let Some(entry) = at.and_then(|at| self.entry(master, at)) {
            if keep(entry.id, deleted) {
                break;
            }
            at = entry.behind();
            if !entry.is_deleted {
                let (flags_at, flags) = (entry.at, integer(&self.0, entry.at) | DELETED);
                // Flags take one form whatever their value, so that what stands behind does not move.
                self.0.replace_integer(flags_at, flags);
                deleted += 1;
            }
        }
        self.add_to_count(0, -(deleted as i64));
        self.add_to_count(1, deleted as i64);
        deleted
    }
    fn add_to_count(&mut self, index: isize, change: i64) {
        if change != 0
            && let Some(at) = self.0.seek(index)
        {
            self.0.replace_integer(at, integer(&self.0, at) + change);
        }
    }

    /// The first entry, deleted or not.
    pub fn first_place(&self) -> Option<Place> {
        let head = self.head()?;
        // The names, and the 0 behind them.
        skip(&self.0, head.names, head.fields + 1).map(Place)
    }
    /// The last entry, deleted or not.
    pub fn last_place(&self) -> Option<Place> {
        self.place_before(self.0.last()?)
    }
    /// The entry whose number of pieces stands at `end`.
    fn place_before(&self, end: usize) -> Option<Place> {
        let pieces = integer(&self.0, end);
        let mut at = end;
        for _ in 0..pieces {
            at = self.0.previous(at)?;
        }
        (pieces > 0).then_some(Place(at))
    }
    pub fn entry(&self, master: StreamId, place: Place) -> Option<Entry<'_>> {
        let head = self.head()?;
        let pack = &self.0;
        let flags = integer(pack, place.0);
        let ms = pack.next(place.0)?;
        let seq = pack.next(ms)?;
        let mut body = pack.next(seq)?;
        let same = flags & SAME_FIELDS != 0;
        let mut fields = head.fields;
        if !same {
            fields = usize::try_from(integer(pack, body)).ok()?;
            body = pack.next(body)?;
        }
        Some(Entry {
            id: master.with_delta((integer(pack, ms), integer(pack, seq))),
            is_deleted: flags & DELETED != 0,
            pack,
            at: place.0,
            fields,
            names: same.then_some(head.names),
            body,
        })
    }
    pub fn last_id(&self, master: StreamId) -> Option<StreamId> {
        self.entry(master, self.last_place()?).map(|entry| entry.id)
    }

    /// A node from bytes that somebody else wrote, filed under `master`; `None` if they are not laid out as above, or
    /// their IDs do not rise.
    pub fn from_listpack(pack: Listpack, master: StreamId) -> Option<Node> {
        let node = Node(pack);
        node.is_sound(master).then_some(node)
    }
    fn is_sound(&self, master: StreamId) -> bool {
        self.check(master).is_some()
    }
    fn check(&self, master: StreamId) -> Option<()> {
        let pack = &self.0;
        let integers = |at: usize| pack.get(at).integer();
        let mut at = pack.first()?;
        for _ in 0..3 {
            integers(at)?;
            at = pack.next(at)?;
        }
        let head = self.head()?;
        let zero = skip(pack, head.names, head.fields)?;
        if integers(zero)? != 0 {
            return None;
        }
        let (mut live, mut deleted, mut last) = (0, 0, None);
        let mut at = pack.next(zero);
        while let Some(start) = at {
            let pieces = [start, pack.next(start)?, skip(pack, start, 2)?];
            pieces.iter().try_for_each(|&at| integers(at).map(drop))?;
            let entry = self.entry(master, Place(start))?;
            if entry.names.is_none() {
                integers(skip(pack, start, 3)?)?;
            }
            let end = skip(pack, entry.body, entry.elements())?;
            let before = if entry.names.is_some() { 3 } else { 4 };
            if integers(end)? != (before + entry.elements()) as i64
                || last.is_some_and(|last| entry.id <= last)
            {
                return None;
            }
            last = Some(entry.id);
            live += !entry.is_deleted as i64;
            deleted += entry.is_deleted as i64;
            at = pack.next(end);
        }
        let first = self.first_place().and_then(|place| self.entry(master, place))?;
        (first.id >= master && (live, deleted) == (head.live, head.deleted)).then_some(())
    }
}

/// Where an entry stands in its node; good until the node changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place(usize);

impl<'a> Entry<'a> {
    pub(super) fn place(&self) -> Place {
        Place(self.at)
    }
    /// Elements of fields and values behind the entry's head.
    fn elements(&self) -> usize {
        // A number of fields that is not true ends at the end of the listpack.
        if self.names.is_some() { self.fields } else { self.fields.saturating_mul(2) }
    }
    /// The entry behind this one.
    pub(super) fn behind(&self) -> Option<Place> {
        skip(self.pack, self.body, self.elements() + 1).map(Place)
    }
    /// The entry before this one in its node.
    pub(super) fn before(&self, node: &Node) -> Option<Place> {
        node.place_before(self.pack.previous(self.at)?)
    }
    /// Number of field-value pairs.
    pub fn fields(&self) -> usize {
        self.fields
    }
    /// Fields and their values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (Element<'a>, Element<'a>)> {
        let pack = self.pack;
        let (mut name, mut at) = (self.names, Some(self.body));
        (0..self.fields).map_while(move |_| {
            let field = match &mut name {
                Some(here) => {
                    let field = pack.get(*here);
                    *here = pack.next(*here)?;
                    field
                }
                None => {
                    let field = pack.get(at?);
                    at = pack.next(at?);
                    field
                }
            };
            let value = pack.get(at?);
            at = pack.next(at?);
            Some((field, value))
        })
    }
}

/// The integer at a position; 0 if there is none, which only a damaged node has.
fn integer(pack: &Listpack, at: usize) -> i64 {
    pack.get(at).integer().unwrap_or(0)
}
fn skip(pack: &Listpack, at: usize, count: usize) -> Option<usize> {
    (0..count).try_fold(at, |at, _| pack.next(at))
}
