//! The entries of a stream in the order of their IDs: nodes, filed under the ID of their first entry.
//!
//! Entries are added at the end and read in ranges; deleting one flags it, and frees its node when nothing in that is
//! left. IDs are never used twice: the log remembers the last one that it gave out, and the highest that was deleted, by
//! which consumer groups judge whether they still know how far they have come.
use super::{
    StreamId,
    node::{Entry, Node, Place},
    nodes::{Nodes, Spot},
};

/// When a node is full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeLimits {
    /// `stream-node-max-bytes`; 0: as large as a listpack may be.
    pub bytes_max: usize,
    /// `stream-node-max-entries`; 0: any number.
    pub entries_max: usize,
}
impl Default for NodeLimits {
    fn default() -> NodeLimits {
        NodeLimits { bytes_max: 4096, entries_max: 100 }
    }
}

/// No listpack grows beyond this, and no entry is larger.
const NODE_BYTES_MAX: usize = 1 << 30;

/// Why an entry is not added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AppendError {
    /// Its ID is not above all IDs before it.
    NotAbove,
    /// Its fields and values do not fit into a node.
    TooLarge,
}

/// What is cut off at the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trim {
    pub to: Threshold,
    /// Only whole nodes go, so that a few entries more may stay.
    pub approximate: bool,
    /// So many entries go at the most; 0: any number. Whole nodes are counted before they go.
    pub entries_max: u64,
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// So many entries stay.
    Length(u64),
    /// Entries from this ID on stay.
    Id(StreamId),
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    nodes: Nodes,
    len: u64,
    first_id: StreamId,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
}

impl Log {
    /// Entries.
    pub fn len(&self) -> u64 {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// ID of the first entry; 0-0 if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }
    /// The last ID that was given out. Its entry may be deleted.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }
    /// The highest ID that was deleted by name; 0-0 if none was.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }
    /// Entries that were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }
    /// The nodes, with the IDs that they are filed under.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }
    /// What XSETID and the loading of files set; `None` leaves as it is.
    pub fn set_ids(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) {
        self.last_id = last_id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id.unwrap_or(self.max_deleted_id);
    }
    /// Files a node behind the others. False if its entries do not lie behind theirs.
    pub fn push_node(&mut self, master: StreamId, node: Node) -> bool {
        let last = self.nodes.last().and_then(|spot| {
            let (master, node) = self.nodes.get(spot);
            node.last_id(master)
        });
        if last.is_some_and(|last| last >= master) {
            return false;
        }
        self.len += node.live();
        self.nodes.push(master, node);
        self.find_first_id();
        true
    }

    /// Adds an entry: field, value, field, value …
    ///
    /// # Errors
    /// If it cannot be added. Nothing has changed then.
    pub fn append<B: AsRef<[u8]>>(
        &mut self,
        id: StreamId,
        pairs: &[B],
        limits: NodeLimits,
    ) -> Result<(), AppendError> {
        if id <= self.last_id {
            return Err(AppendError::NotAbove);
        }
        let bytes: usize = pairs.iter().map(|part| part.as_ref().len()).sum();
        if bytes > NODE_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        match self.nodes.last().map(|spot| self.nodes.get_mut(spot)) {
            Some((master, node)) if has_room(node, bytes, limits) => node.push(master, id, pairs),
            _ => {
                let mut node = Node::new(pairs);
                node.push(id, id, pairs);
                self.nodes.push(id, node);
            }
        }
        self.len += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
        Ok(())
    }
    /// Deletes an entry; false if there is none.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(spot) = self.nodes.at_or_below(id) else { return false };
        let (master, node) = self.nodes.get_mut(spot);
        let Some(place) = find(node, master, id) else { return false };
        if node.live() == 1 {
            self.nodes.remove(spot);
        } else {
            node.delete(place);
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first_id();
        }
        true
    }
    /// Cuts entries off at the beginning; returns how many.
    pub fn trim(&mut self, trim: Trim) -> u64 {
        let mut trimmed = 0;
        while let Some(first) = self.nodes.first() {
            let (master, node) = self.nodes.get_mut(first);
            let live = node.live();
            let is_within = match trim.to {
                Threshold::Length(most) => self.len <= most,
                Threshold::Id(_) => false,
            };
            if is_within || (trim.entries_max > 0 && trimmed + live > trim.entries_max) {
                break;
            }
            let goes_whole = match trim.to {
                Threshold::Length(most) => self.len - live >= most,
                Threshold::Id(least) => node.last_id(master).is_none_or(|last| last < least),
            };
            if goes_whole {
                self.nodes.remove(first);
                self.len -= live;
                trimmed += live;
                continue;
            }
            if !trim.approximate {
                let len = self.len;
                let deleted = node.delete_until(master, |id, deleted| match trim.to {
                    Threshold::Length(most) => len - deleted <= most,
                    Threshold::Id(least) => id >= least,
                });
                self.len -= deleted;
                trimmed += deleted;
            }
            break;
        }
        if trimmed > 0 {
            self.find_first_id();
        }
        trimmed
    }
    fn find_first_id(&mut self) {
        self.first_id =
            self.range(StreamId::MIN, StreamId::MAX).next().map_or(StreamId::MIN, |entry| entry.id);
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> Forward<'_> {
        let spot = self.nodes.at_or_below(start).or_else(|| self.nodes.first());
        Forward { nodes: &self.nodes, spot: spot.filter(|_| start <= end), at: None, start, end }
    }
    /// The same, last first.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> Backward<'_> {
        let spot = self.nodes.at_or_below(end);
        Backward { nodes: &self.nodes, spot: spot.filter(|_| start <= end), at: None, start, end }
    }
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }
    /// ID of the last entry that is not deleted.
    pub fn top_id(&self) -> Option<StreamId> {
        self.range_back(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
    }
    /// ID of the first entry whose bytes are still there, deleted or not.
    pub fn first_held_id(&self) -> Option<StreamId> {
        let (master, node) = self.nodes.get(self.nodes.first()?);
        node.entry(master, node.first_place()?).map(|entry| entry.id)
    }
}

fn has_room(node: &Node, more_bytes: usize, limits: NodeLimits) -> bool {
    let bytes_max = match limits.bytes_max {
        0 => NODE_BYTES_MAX,
        bytes => bytes.min(NODE_BYTES_MAX),
    };
    node.listpack().byte_len() + more_bytes < bytes_max
        && (limits.entries_max == 0 || node.total() < limits.entries_max as u64)
}
/// Where the entry of this ID stands, if it is there and not deleted.
fn find(node: &Node, master: StreamId, id: StreamId) -> Option<Place> {
    let mut place = node.first_place();
    loop {
        let entry = node.entry(master, place?)?;
        if entry.id >= id {
            return (entry.id == id && !entry.is_deleted).then_some(entry.place());
        }
        place = entry.behind();
    }
}

/// Entries in order.
pub struct Forward<'a> {
    nodes: &'a Nodes,
    /// The node that comes next.
    spot: Option<Spot>,
    /// The node at hand and the next place in it.
    at: Option<(StreamId, &'a Node, Place)>,
    start: StreamId,
    end: StreamId,
}
impl<'a> Iterator for Forward<'a> {
    type Item = Entry<'a>;
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some((master, node, place)) = self.at else {
                let spot = self.spot?;
                self.spot = self.nodes.next(spot);
                let (master, node) = self.nodes.get(spot);
                self.at = node.first_place().map(|place| (master, node, place));
                continue;
            };
            let entry = node.entry(master, place);
            self.at = entry.and_then(|entry| entry.behind()).map(|place| (master, node, place));
            match entry {
                Some(entry) if entry.id > self.end => {
                    // The nodes behind lie behind the end, too.
                    (self.spot, self.at) = (None, None);
                    return None;
                }
                Some(entry) if entry.id >= self.start && !entry.is_deleted => return Some(entry),
                _ => {}
            }
        }
    }
}

/// Entries from the last to the first.
pub struct Backward<'a> {
    nodes: &'a Nodes,
    spot: Option<Spot>,
    at: Option<(StreamId, &'a Node, Place)>,
    start: StreamId,
    end: StreamId,
}
impl<'a> Iterator for Backward<'a> {
    type Item = Entry<'a>;
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some((master, node, place)) = self.at else {
                let spot = self.spot?;
                self.spot = self.nodes.previous(spot);
                let (master, node) = self.nodes.get(spot);
                self.at = node.last_place().map(|place| (master, node, place));
                continue;
            };
            let entry = node.entry(master, place);
            self.at = entry.and_then(|entry| entry.before(node)).map(|place| (master, node, place));
            match entry {
                Some(entry) if entry.id < self.start => {
                    (self.spot, self.at) = (None, None);
                    return None;
                }
                Some(entry) if entry.id <= self.end && !entry.is_deleted => return Some(entry),
                _ => {}
            }
        }
    }
}
