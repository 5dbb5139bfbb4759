//! Sorted sets.
use super::{
    super::{
        Damage, ValueType,
        input::{Input, Word},
    },
    listpack, ziplist,
};
use crate::{
    data::{Corrupt, listpack::Listpack, number::parse_double},
    store::{EncodingLimits, SortedSet},
};

pub fn read(
    kind: ValueType,
    input: &mut Input,
    limits: &EncodingLimits,
) -> Result<Option<SortedSet>, Damage> {
    const LISTPACK: &str = "Zset listpack integrity check failed.";
    const ZIPLIST: &str = "Zset ziplist integrity check failed.";
    let at = input.offset();
    let (list, reason) = match kind {
        ValueType::SortedSetListpack => (listpack(input, LISTPACK, Listpack::from_bytes)?, LISTPACK),
        ValueType::SortedSetZiplist => (listpack(input, ZIPLIST, ziplist::to_listpack)?, ZIPLIST),
        _ => return items(kind, input, limits),
    };
    let set = list.map(|list| SortedSet::from_listpack(list, limits)).transpose();
    set.map_err(|Corrupt| Damage::new(at, reason))
}

/// A member, before all are put in order.
struct Member<'a>(Word<'a>);
impl AsRef<[u8]> for Member<'_> {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Word::Slice(bytes) => bytes,
            Word::Decompressed(bytes) => bytes,
            Word::Integer(_) => unreachable!("the digits of integers were written out"),
        }
    }
}

fn items(kind: ValueType, input: &mut Input, limits: &EncodingLimits) -> Result<Option<SortedSet>, Damage> {
    let at = input.offset();
    let count = input.count(2)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let member = match input.word()? {
            integer @ Word::Integer(_) => Word::Decompressed(integer.into_vec()),
            other => other,
        };
        let score_at = input.offset();
        let score = if kind == ValueType::SortedSet2 {
            f64::from_le_bytes(input.array()?)
        } else {
            score_text(input)?
        };
        if score.is_nan() {
            return Err(Damage::new(score_at, "Zset with NAN score detected"));
        }
        items.push((Member(member), score));
    }
    // They are often in order already, from the highest on.
    items.reverse();
    let set = SortedSet::from_items(items, limits)
        .map_err(|Corrupt| Damage::new(at, "Duplicate zset fields detected"))?;
    Ok((count > 0).then_some(set))
}

/// A score as a text behind its length, as Redis wrote it before version 8.
fn score_text(input: &mut Input) -> Result<f64, Damage> {
    let at = input.offset();
    match input.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Ok(f64::NAN),
        len => {
            let text = input.take(len.into())?;
            parse_double(text).ok_or_else(|| Damage::new(at, "A score that is no number"))
        }
    }
}
