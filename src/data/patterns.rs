//! Many glob patterns, and quickly those of them that match one text.
//!
//! Every match of a pattern begins with the pattern's literal prefix and ends with its literal suffix. So a pattern is
//! filed under the longer of the two, and a text asks only at its own beginnings and ends: with 10,000 patterns of which
//! two match, it is compared with these two. Only patterns that begin and end with a wildcard are tried one by one.
use super::glob::{literal_prefix, literal_suffix, matches};
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::{BTreeMap, btree_map::Entry};
use std::ops::Bound::{Included, Unbounded};

/// Patterns of one literal part, with what is kept for each.
type Drawer<T> = BTreeMap<Bytes, T>;

#[derive(Debug)]
pub struct Patterns<T> {
    /// By literal prefix. Those that have no literal part are filed under the empty one.
    by_prefix: BTreeMap<Bytes, Drawer<T>>,
    /// By literal suffix, its bytes in reverse order.
    by_suffix: BTreeMap<Bytes, Drawer<T>>,
    len: usize,
}
impl<T> Default for Patterns<T> {
    fn default() -> Patterns<T> {
        Patterns { by_prefix: BTreeMap::new(), by_suffix: BTreeMap::new(), len: 0 }
    }
}

/// Bytes of a suffix or of a text, in reverse order.
type Reversed = SmallVec<[u8; 64]>;
fn reversed(bytes: &[u8]) -> Reversed {
    bytes.iter().rev().copied().collect()
}

impl<T> Patterns<T> {
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    pub fn get_mut(&mut self, pattern: &[u8]) -> Option<&mut T> {
        let (shelf, literal) = self.place(pattern);
        shelf.get_mut(&*literal)?.get_mut(pattern)
    }
    /// What is kept for a pattern; if there is nothing yet, the default.
    pub fn entry(&mut self, pattern: &Bytes) -> &mut T
    where
        T: Default,
    {
        let is_new = self.get_mut(pattern).is_none();
        self.len += usize::from(is_new);
        let (shelf, literal) = self.place(pattern);
        let drawer = shelf.entry(Bytes::copy_from_slice(&literal)).or_default();
        match drawer.entry(pattern.clone()) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(free) => free.insert(T::default()),
        }
    }
    pub fn remove(&mut self, pattern: &[u8]) -> Option<T> {
        let (shelf, literal) = self.place(pattern);
        let drawer = shelf.get_mut(&*literal)?;
        let removed = drawer.remove(pattern)?;
        if drawer.is_empty() {
            shelf.remove(&*literal);
        }
        self.len -= 1;
        Some(removed)
    }
    /// Calls `visit` with each pattern that matches the text, in an order that depends on the patterns only.
    pub fn for_each_match<'a>(&'a self, text: &[u8], mut visit: impl FnMut(&'a Bytes, &'a T)) {
        let mut visit_drawer = |drawer: &'a Drawer<T>| {
            for (pattern, kept) in drawer {
                if matches(pattern, text, false) {
                    visit(pattern, kept)
                }
            }
        };
        beginnings(&self.by_prefix, text, &mut visit_drawer);
        if !self.by_suffix.is_empty() {
            beginnings(&self.by_suffix, &reversed(text), &mut visit_drawer);
        }
    }
    /// Where a pattern is filed.
    fn place(&mut self, pattern: &[u8]) -> (&mut BTreeMap<Bytes, Drawer<T>>, Reversed) {
        let (prefix, suffix) = (literal_prefix(pattern), literal_suffix(pattern));
        match prefix.len() >= suffix.len() {
            true => (&mut self.by_prefix, prefix.into()),
            false => (&mut self.by_suffix, reversed(suffix)),
        }
    }
}

/// Visits what is kept for each key that `text` begins with, the longest first.
fn beginnings<'a, V>(map: &'a BTreeMap<Bytes, V>, text: &[u8], visit: &mut impl FnMut(&'a V)) {
    let mut length = text.len();
    loop {
        // The last key that is not behind this beginning of the text. If it is none itself, it differs from the text at
        // some byte, and shows that no beginning longer than up to there is a key.
        let mut range = map.range::<[u8], _>((Unbounded, Included(&text[..length])));
        let Some((key, kept)) = range.next_back() else { return };
        let common = key.iter().zip(text).take_while(|(a, b)| a == b).count();
        if common < key.len() {
            length = common;
            continue;
        }
        visit(kept);
        match common.checked_sub(1) {
            Some(shorter) => length = shorter,
            None => return,
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn matching<T>(patterns: &Patterns<T>, text: &[u8]) -> BTreeSet<Bytes> {
        let mut found = Vec::new();
        patterns.for_each_match(text, |pattern, _| found.push(pattern.clone()));
        let all: BTreeSet<Bytes> = found.iter().cloned().collect();
        assert_eq!(all.len(), found.len(), "each is found once");
        all
    }

    #[derive(Clone, Debug)]
    enum Act {
        Add(Vec<u8>),
        Remove(Vec<u8>),
        Ask(Vec<u8>),
    }
    fn word(letters: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(letters), 0..6)
    }
    proptest! {
        #[test]
        fn it_finds_what_a_list_would(acts in prop::collection::vec(prop_oneof![
            4 => word(b"aab*?[]\\\xff").prop_map(Act::Add),
            1 => word(b"aab*?[]\\\xff").prop_map(Act::Remove),
            3 => word(b"aab\xff").prop_map(Act::Ask),
        ], 0..200)) {
            let (mut patterns, mut model) = (Patterns::<u32>::default(), BTreeSet::new());
            for act in acts {
                match act {
                    Act::Add(pattern) => {
                        *patterns.entry(&pattern.clone().into()) += 1;
                        model.insert(Bytes::from(pattern));
                    }
                    Act::Remove(pattern) => {
                        let removed = patterns.remove(&pattern).is_some();
                        prop_assert_eq!(removed, model.remove(&pattern[..]));
                        prop_assert!(patterns.get_mut(&pattern).is_none());
                    }
                    Act::Ask(text) => {
                        let expected: BTreeSet<Bytes> =
                            model.iter().filter(|pattern| matches(pattern, &text, false)).cloned().collect();
                        prop_assert_eq!(matching(&patterns, &text), expected);
                    }
                }
                prop_assert_eq!(patterns.len(), model.len());
            }
        }
    }
}
