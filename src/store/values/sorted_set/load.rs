//! Sorted sets from what was saved.
use super::{Encoding, Ranked, SortedSet, packed};
use crate::{
    data::{
        Corrupt,
        listpack::{Element, Listpack},
        number::parse_double,
    },
    store::EncodingLimits,
};
use std::cmp::Ordering;

impl SortedSet {
    /// A sorted set from members with their scores in order, as a listpack unless there are too many.
    ///
    /// # Errors
    /// If one stands there twice, a score is none, or they are not in order.
    pub fn from_listpack(list: Listpack, limits: &EncodingLimits) -> Result<SortedSet, Corrupt> {
        if !list.len().is_multiple_of(2) || list.has_duplicates(2, &limits.hasher()) || !is_in_order(&list) {
            return Err(Corrupt);
        }
        let is_large = list.len() / 2 > limits.sorted_set_listpack_entries_max;
        let mut set = SortedSet(Encoding::Packed(list));
        if is_large {
            set.rank_all(limits);
        }
        Ok(set)
    }
    /// A sorted set from members in any order, as small as it can be. No score is NaN.
    ///
    /// # Errors
    /// If a member stands there twice.
    pub fn from_items<M: AsRef<[u8]>>(
        mut items: Vec<(M, f64)>,
        limits: &EncodingLimits,
    ) -> Result<SortedSet, Corrupt> {
        items.sort_unstable_by(|one, other| compare((&one.0, one.1), (&other.0, other.1)));
        let fits =
            |(member, _): &(M, f64)| member.as_ref().len() <= limits.sorted_set_listpack_value_bytes_max;
        let bytes = items.iter().map(|(member, _)| member.as_ref().len()).sum();
        let is_small = items.len() <= limits.sorted_set_listpack_entries_max
            && items.iter().all(fits)
            && Listpack::new().fits(bytes);
        if is_small {
            let mut list = Listpack::new();
            items.iter().for_each(|(member, score)| packed::push(&mut list, member.as_ref(), *score));
            return match list.has_duplicates(2, &limits.hasher()) {
                true => Err(Corrupt),
                false => Ok(SortedSet(Encoding::Packed(list))),
            };
        }
        let mut ranked = Box::new(Ranked::new(limits));
        for (member, score) in &items {
            if !ranked.members.insert(member.as_ref(), &score.to_le_bytes(), false) {
                return Err(Corrupt);
            }
            ranked.ranking.insert(*score, member.as_ref());
        }
        Ok(SortedSet(Encoding::Ranked(ranked)))
    }
}

fn compare(one: (&impl AsRef<[u8]>, f64), other: (&impl AsRef<[u8]>, f64)) -> Ordering {
    // Zeros are equal, whatever their sign.
    let scores = one.1.partial_cmp(&other.1).unwrap_or(Ordering::Equal);
    scores.then_with(|| one.0.as_ref().cmp(other.0.as_ref()))
}

fn is_in_order(list: &Listpack) -> bool {
    let mut before: Option<(Element, f64)> = None;
    list.pairs().all(|(member, score)| {
        let score = match score {
            Element::Integer(integer) => integer as f64,
            Element::Bytes(text) => match parse_double(text) {
                Some(score) => score,
                None => return false,
            },
        };
        let (mut digits, mut digits_before) = (itoa::Buffer::new(), itoa::Buffer::new());
        let ascends = before.is_none_or(|(name, lower)| {
            compare((&name.bytes(&mut digits_before), lower), (&member.bytes(&mut digits), score)).is_lt()
        });
        before = Some((member, score));
        ascends
    })
}
