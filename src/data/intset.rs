//! An intset: a small set of integers, sorted, in one run of bytes.
//!
//! ```text
//! | bytes of an integer: u32, 2 or 4 or 8 | integers: u32 | integer … integer |
//! ```
//!
//! All is little-endian, and all integers are as wide as the widest that was ever in the set needs: a set that holds
//! many small numbers and had one large one for a moment stays wide. The layout is Redis' own, so a snapshot holds
//! these bytes as they are. Adding is a binary search and a move of what is behind, which is fast for as many members
//! as `set-max-intset-entries` allows.

use std::fmt;

use super::Corrupt;

const HEADER_BYTES: usize = 8;
const LEN_AT: usize = 4;

#[derive(Clone)]
pub struct Intset(Vec<u8>);

/// The bytes of an integer of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    fn of(integer: i64) -> Width {
        if i16::try_from(integer).is_ok() {
            Width::Two
        } else if i32::try_from(integer).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }

    fn from_bytes(bytes: [u8; 4]) -> Option<Width> {
        match u32::from_le_bytes(bytes) {
            2 => Some(Width::Two),
            4 => Some(Width::Four),
            8 => Some(Width::Eight),
            _ => None,
        }
    }
}

impl Default for Intset {
    fn default() -> Intset {
        Intset::new()
    }
}

impl Intset {
    pub fn new() -> Intset {
        Intset::with_width(Width::Two, 0)
    }

    fn with_width(width: Width, capacity: usize) -> Intset {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + capacity * width as usize);
        bytes.extend_from_slice(&(width as u32).to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        Intset(bytes)
    }

    /// A set from the outside: not empty, and its members ascend.
    pub fn from_bytes(bytes: &[u8]) -> Result<Intset, Corrupt> {
        let (width, rest) = bytes.split_first_chunk().ok_or(Corrupt)?;
        let (len, integers) = rest.split_first_chunk().ok_or(Corrupt)?;
        let width = Width::from_bytes(*width).ok_or(Corrupt)?;
        let len = u32::from_le_bytes(*len) as usize;
        if len == 0 || integers.len() != len * width as usize {
            return Err(Corrupt);
        }
        let set = Intset(bytes.to_vec());
        if set.iter().is_sorted_by(|one, next| one < next) { Ok(set) } else { Err(Corrupt) }
    }

    /// The whole set, header included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it takes of memory behind this handle.
    pub fn memory_bytes(&self) -> usize {
        crate::allocator::block_bytes(self.0.capacity())
    }

    pub fn len(&self) -> usize {
        self.integers().len() / self.width() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.integers().is_empty()
    }

    #[inline]
    fn width(&self) -> Width {
        match self.0[0] {
            2 => Width::Two,
            4 => Width::Four,
            _ => Width::Eight,
        }
    }

    #[inline]
    fn integers(&self) -> &[u8] {
        &self.0[HEADER_BYTES..]
    }

    /// The member of an index below [`Intset::len`], in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> i64 {
        match self.width() {
            Width::Two => i16::from_le_bytes(self.integers().as_chunks().0[index]).into(),
            Width::Four => i32::from_le_bytes(self.integers().as_chunks().0[index]).into(),
            Width::Eight => i64::from_le_bytes(self.integers().as_chunks().0[index]),
        }
    }

    /// The smallest member.
    pub fn first(&self) -> Option<i64> {
        self.iter().next()
    }

    /// The largest member.
    pub fn last(&self) -> Option<i64> {
        self.iter().next_back()
    }

    /// Where the integer is, or where it would be.
    #[inline]
    fn search(&self, integer: i64) -> Result<usize, usize> {
        // Members often come in ascending order.
        match self.last() {
            Some(last) if integer <= last => {}
            _ => return Err(self.len()),
        }
        let integers = self.integers();
        match self.width() {
            Width::Two => integers
                .as_chunks()
                .0
                .binary_search_by_key(&integer, |bytes| i16::from_le_bytes(*bytes).into()),
            Width::Four => integers
                .as_chunks()
                .0
                .binary_search_by_key(&integer, |bytes| i32::from_le_bytes(*bytes).into()),
            Width::Eight => {
                integers.as_chunks().0.binary_search_by_key(&integer, |bytes| i64::from_le_bytes(*bytes))
            }
        }
    }

    #[inline]
    pub fn contains(&self, integer: i64) -> bool {
        self.search(integer).is_ok()
    }

    /// Adds a member; false if it is one already.
    pub fn insert(&mut self, integer: i64) -> bool {
        let Err(index) = self.search(integer) else { return false };
        if Width::of(integer) > self.width() {
            self.widen(Width::of(integer));
        }
        let width = self.width() as usize;
        let (at, end) = (HEADER_BYTES + index * width, self.0.len());
        // The allocator's blocks are classes anyway: a step that stays in one costs nothing.
        self.0.reserve_exact(width);
        self.0.extend_from_slice(&integer.to_le_bytes()[..width]);
        if at < end {
            self.0.copy_within(at..end, at + width);
            self.0[at..at + width].copy_from_slice(&integer.to_le_bytes()[..width]);
        }
        self.write_len();
        true
    }

    /// Removes a member; false if it is none.
    pub fn remove(&mut self, integer: i64) -> bool {
        let Ok(index) = self.search(integer) else { return false };
        let width = self.width() as usize;
        let at = HEADER_BYTES + index * width;
        self.0.drain(at..at + width);
        self.0.shrink_to_fit();
        self.write_len();
        true
    }

    fn write_len(&mut self) {
        let len = u32::try_from(self.len()).expect("a set of so many integers has long become a table");
        self.0[LEN_AT..HEADER_BYTES].copy_from_slice(&len.to_le_bytes());
    }

    fn widen(&mut self, width: Width) {
        let mut wide = Intset::with_width(width, self.len() + 1);
        for integer in self.iter() {
            wide.0.extend_from_slice(&integer.to_le_bytes()[..width as usize]);
        }
        *self = wide;
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl fmt::Debug for Intset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn intset(integers: &[i64]) -> Intset {
        let mut set = Intset::new();
        integers.iter().for_each(|integer| assert!(set.insert(*integer)));
        set
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        assert_eq!(Intset::new().as_bytes(), [2, 0, 0, 0, 0, 0, 0, 0]);
        let mut set = intset(&[5, -1, 32767]);
        assert_eq!(set.as_bytes(), [2, 0, 0, 0, 3, 0, 0, 0, 255, 255, 5, 0, 255, 127]);
        assert!(set.remove(32767) && set.remove(5) && set.insert(-32769));
        assert_eq!(set.as_bytes(), [4, 0, 0, 0, 2, 0, 0, 0, 255, 127, 255, 255, 255, 255, 255, 255]);
        assert!(set.remove(-32769), "it stays wide");
        assert_eq!(set.as_bytes(), [4, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255]);
        assert!(set.insert(i64::MIN) && set.insert(i64::MAX) && set.remove(-1));
        let bytes =
            [8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 255, 255, 255, 127];
        assert_eq!(set.as_bytes(), bytes);
    }

    #[test]
    fn damage_is_seen() {
        let good = intset(&[1, 2, 100_000]);
        assert!(Intset::from_bytes(good.as_bytes()).is_ok());
        for len in 0..good.as_bytes().len() {
            assert_eq!(Intset::from_bytes(&good.as_bytes()[..len]).err(), Some(Corrupt));
        }
        for bytes in [
            &[2, 0, 0, 0, 0, 0, 0, 0][..],
            &[3, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1],
            &[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0],
            &[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0],
            &[8, 0, 0, 0, 255, 255, 255, 255],
        ] {
            assert_eq!(Intset::from_bytes(bytes).err(), Some(Corrupt), "{bytes:?}");
        }
    }

    fn integer() -> impl Strategy<Value = i64> {
        prop_oneof![
            -20..20_i64,
            any::<i16>().prop_map(i64::from),
            prop::sample::select(vec![
                -32769,
                -32768,
                32767,
                32768,
                i64::MIN,
                i64::MAX,
                1 << 31,
                (1 << 31) - 1
            ]),
        ]
    }

    proptest! {
        #[test]
        fn an_intset_is_a_set(steps in prop::collection::vec((any::<bool>(), integer()), 0..200)) {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for (adds, integer) in steps {
                if adds {
                    prop_assert_eq!(set.insert(integer), model.insert(integer));
                } else {
                    prop_assert_eq!(set.remove(integer), model.remove(&integer));
                }
                prop_assert_eq!(set.contains(integer), adds);
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!((set.first(), set.last()), (model.first().copied(), model.last().copied()));
            }
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert!(set.iter().rev().eq(model.iter().rev().copied()));
            if !set.is_empty() {
                let copy = Intset::from_bytes(set.as_bytes()).unwrap();
                prop_assert_eq!(copy.as_bytes(), set.as_bytes());
            }
        }
    }
}
