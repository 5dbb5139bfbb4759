//! What a listpack from elsewhere is asked before it becomes a set, a hash or a sorted set.

use ahash::RandomState;

use super::{Element, Listpack};

impl Listpack {
    /// Whether an element stands twice among the first of each `width`, whatever its encoding: in a map, a name.
    ///
    /// Hashes are sorted, and only where two are equal their elements are compared, so that this takes no more than
    /// O(n log n) even where somebody means it to take long.
    pub fn has_duplicates(&self, width: usize, hasher: &RandomState) -> bool {
        let mut digits = itoa::Buffer::new();
        let heads = self.iter().step_by(width);
        let mut hashes: Vec<(u64, Element)> =
            heads.map(|element| (hasher.hash_one(element.bytes(&mut digits)), element)).collect();
        hashes.sort_unstable_by_key(|(hash, _)| *hash);
        hashes.chunk_by(|(one, _), (next, _)| one == next).any(|same| {
            let mut rest = same;
            while let Some(((_, first), others)) = rest.split_first() {
                if others.iter().any(|(_, other)| other.equals(first.bytes(&mut digits))) {
                    return true;
                }
                rest = others;
            }
            false
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sees_twice_is_a_duplicate() {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let of = |words: &[&str]| {
            let mut list = Listpack::new();
            list.extend(words.iter().map(|word| word.as_bytes()));
            list
        };
        assert!(!of(&[]).has_duplicates(1, &hasher));
        assert!(!of(&["a", "1", "b", "1"]).has_duplicates(2, &hasher));
        assert!(of(&["a", "1", "b", "1"]).has_duplicates(1, &hasher));
        // The same number, once as an integer and once as a text.
        let as_text = [&[14, 0, 0, 0, 2, 0][..], &[0x07, 1], &[0x81, b'7', 2], &[0xFF]].concat();
        let as_text = [&[as_text.len() as u8][..], &as_text[1..]].concat();
        assert!(Listpack::from_bytes(&as_text).expect("well formed").has_duplicates(1, &hasher));
    }
}
