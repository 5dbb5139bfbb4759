//! Sorted sets in a listpack: each member, and behind it its score.
use crate::data::{
    listpack::{Element, Listpack},
    number::{format_double, integral, parse_double},
};

/// The score that an element says.
pub fn score(element: Element) -> f64 {
    match element {
        Element::Integer(integer) => integer as f64,
        Element::Bytes(text) => parse_double(text).unwrap_or(0.0),
    }
}
/// A score as it is packed. As an integer where it is one, so that -0 becomes 0.
fn text_of(score: f64) -> String {
    match integral(score) {
        Some(integer) => integer.to_string(),
        None => format_double(score),
    }
}

/// Where a member stands, and its score.
pub fn find(list: &Listpack, member: &[u8]) -> Option<(usize, f64)> {
    let position = list.find(None, member, 1)?;
    Some((position, score(list.get(list.next(position)?))))
}
/// How many members come before this one, and its score.
pub fn rank(list: &Listpack, member: &[u8]) -> Option<(usize, f64)> {
    let mut items = list.pairs().enumerate();
    items.find(|(_, (one, _))| one.equals(member)).map(|(rank, (_, text))| (rank, score(text)))
}
/// Inserts a member that is not there yet in its place.
pub fn insert(list: &mut Listpack, member: &[u8], new: f64) {
    let text = text_of(new);
    let mut position = list.first();
    while let Some(at) = position {
        let Some(behind) = list.next(at) else { break };
        let old = score(list.get(behind));
        let is_behind = old > new || (old == new && list.get(at).bytes(&mut itoa::Buffer::new()) > member);
        if is_behind {
            list.insert(at, member);
            list.insert_behind(at, text.as_bytes());
            return;
        }
        position = list.next(behind);
    }
    list.extend([member, text.as_bytes()]);
}
/// Appends a member that comes behind all others.
pub fn push(list: &mut Listpack, member: &[u8], score: f64) {
    list.extend([member, text_of(score).as_bytes()]);
}
