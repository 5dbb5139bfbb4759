//! Elements one behind the other, without a listpack's header and end: what listpacks and the nodes of lists share.

use super::element::{END, backlen_len, encoding_len, is_backlen, read_backlen};
use super::{COUNT_UNKNOWN, FRAME_BYTES, HEADER_BYTES, Iter, Needle};
use crate::data::Corrupt;

/// The position behind the element at `position`.
#[inline]
pub(in crate::data) fn behind(bytes: &[u8], position: usize) -> usize {
    let encoding = encoding_len(bytes, position).expect("a position is that of an element");
    position + encoding + backlen_len(encoding)
}

/// The position of the element that ends at `position`, which is not the first.
#[inline]
pub(in crate::data) fn before(bytes: &[u8], position: usize) -> usize {
    let encoding =
        read_backlen(bytes, position).expect("before a position that is not the first stands an element");
    position - encoding - backlen_len(encoding)
}

/// The elements of a whole listpack.
pub(in crate::data) fn elements_of(listpack: &[u8]) -> &[u8] {
    &listpack[HEADER_BYTES..listpack.len() - 1]
}

/// A whole listpack of these elements.
pub(in crate::data) fn with_frame(elements: &[u8], count: usize) -> Vec<u8> {
    let len = elements.len() + FRAME_BYTES;
    let mut listpack = Vec::with_capacity(len);
    listpack.extend_from_slice(&u32::try_from(len).expect("a node holds less than 4 GiB").to_le_bytes());
    listpack.extend_from_slice(&u16::try_from(count).unwrap_or(COUNT_UNKNOWN).to_le_bytes());
    listpack.extend_from_slice(elements);
    listpack.push(END);
    listpack
}

/// Counts the elements, of which each must be complete.
pub(super) fn count_valid(bytes: &[u8]) -> Result<usize, Corrupt> {
    let mut position = 0;
    let mut count = 0;
    while position < bytes.len() {
        let encoding = encoding_len(bytes, position).ok_or(Corrupt)?;
        let end = position + encoding + backlen_len(encoding);
        if end > bytes.len() || !is_backlen(bytes, end, encoding) {
            return Err(Corrupt);
        }
        position = end;
        count += 1;
    }
    Ok(count)
}

/// Where the element of an index stands among `count` elements, counted from the nearer end. For the index behind the
/// last it is their end.
pub(in crate::data) fn position(elements: &[u8], count: usize, index: usize) -> usize {
    if index <= count / 2 {
        (0..index).fold(0, |position, _| behind(elements, position))
    } else {
        (index..count).fold(elements.len(), |position, _| before(elements, position))
    }
}

/// Positions of elements that equal the needle, in ascending order: of those from the head (or from the tail) on not
/// more than `max`.
pub(in crate::data) fn matching(elements: &[u8], needle: &Needle, from_tail: bool, max: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut position, end) = if from_tail { (elements.len(), 0) } else { (0, elements.len()) };
    while found.len() < max && position != end {
        let at = if from_tail { before(elements, position) } else { position };
        if Iter::new(elements, at, elements.len()).next().is_some_and(|element| needle.equals(element)) {
            found.push(at);
        }
        position = if from_tail { at } else { behind(elements, at) };
    }
    if from_tail {
        found.reverse();
    }
    found
}

/// Moves what stays together when the elements at these positions (ascending) go; returns how many bytes that is.
pub(in crate::data) fn remove_all(elements: &mut [u8], positions: &[usize]) -> usize {
    let Some(&first) = positions.first() else { return elements.len() };
    let mut kept_end = first;
    for (number, &position) in positions.iter().enumerate() {
        let keep_from = behind(elements, position);
        let keep_to = positions.get(number + 1).copied().unwrap_or(elements.len());
        elements.copy_within(keep_from..keep_to, kept_end);
        kept_end += keep_to - keep_from;
    }
    kept_end
}
