//! Where a name stands in a list, whatever its case: every request begins by that question.
//!
//! An open-addressing table of places, four for each name. The hash is made of the length and of the first and the last
//! bytes, taken as words with the bit of the case set: so the name is neither copied nor folded before it is looked up,
//! and what is found is compared once.

/// A place that is free.
const FREE: u16 = u16::MAX;
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// In ASCII it tells a small letter from its capital.
const CASE: u64 = 0x2020_2020_2020_2020;

pub struct NameIndex {
    places: Box<[u16]>,
    /// Keeps the upper bits of a hash.
    shift: u32,
}

impl NameIndex {
    /// Indexes names by their order.
    ///
    /// # Panics
    /// If there are 65,535 or more.
    pub fn of<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>) -> NameIndex {
        assert!(names.len() < FREE as usize, "a place has two bytes");
        let count = (4 * names.len()).next_power_of_two().max(2);
        let mut index = NameIndex { places: vec![FREE; count].into(), shift: 64 - count.trailing_zeros() };
        for (nth, name) in names.enumerate() {
            let mut place = index.first_place(name);
            while index.places[place] != FREE {
                place = index.next_place(place);
            }
            index.places[place] = nth as u16;
        }
        index
    }
    /// Which one it is; `name_of` tells the names that were indexed.
    #[inline]
    pub fn find<'a>(&self, name: &[u8], name_of: impl Fn(usize) -> &'a [u8]) -> Option<usize> {
        let mut place = self.first_place(name);
        loop {
            let nth = self.places[place];
            if nth == FREE {
                return None;
            }
            let known = name_of(nth as usize);
            if ends(known) == ends(name) && is_told_by_ends(name) && known.len() == name.len()
                || known.eq_ignore_ascii_case(name)
            {
                return Some(nth as usize);
            }
            place = self.next_place(place);
        }
    }
    #[inline]
    fn first_place(&self, name: &[u8]) -> usize {
        (hash(name) >> self.shift) as usize
    }
    fn next_place(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }
}

/// The first and the last bytes, as words.
#[inline]
fn ends(name: &[u8]) -> (u64, u64) {
    match (name.first_chunk(), name.last_chunk(), name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last), ..) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        (_, _, Some(first), Some(last)) => {
            (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)) << 32)
        }
        _ => (name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    }
}
/// There is nothing between them: in the same case, which is usual, two words are all that is to be compared.
#[inline]
fn is_told_by_ends(name: &[u8]) -> bool {
    name.len() <= 16
}
#[inline]
fn hash(name: &[u8]) -> u64 {
    let (first, last) = ends(name);
    let word = (first | CASE) ^ (last | CASE).wrapping_mul(MULTIPLIER) ^ name.len() as u64;
    word.wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_no_other() {
        let names: Vec<Vec<u8>> = (0..300_u32)
            .map(|n| {
                let digits = n.to_string().repeat(1 + n as usize % 9);
                digits.bytes().map(|digit| b'A' + (digit - b'0')).collect()
            })
            .collect();
        let index = NameIndex::of(names.iter().map(Vec::as_slice));
        let find = |name: &[u8]| index.find(name, |nth| &names[nth]);
        for (nth, name) in names.iter().enumerate() {
            let first = names.iter().position(|other| other == name);
            assert_eq!(find(name), first, "{nth}");
            assert_eq!(find(&name.to_ascii_lowercase()), first, "{nth}");
            let longer = [name, &b"x"[..]].concat();
            assert_eq!(find(&longer), None, "{nth}");
        }
        assert_eq!(find(b""), None);
        assert_eq!(NameIndex::of(std::iter::empty()).find(b"x", |_| b"x"), None);
        // The two signs differ in the bit that is the case of letters.
        let signs = NameIndex::of([&b"A@"[..]].into_iter());
        assert_eq!([&b"a@"[..], b"A`"].map(|name| signs.find(name, |_| b"A@")), [Some(0), None]);
    }
}
