//! Hashes.
use super::{
    super::{Damage, ValueType, input::Input},
    listpack, ziplist, zipmap,
};
use crate::{
    data::{Corrupt, listpack::Listpack},
    store::{EncodingLimits, Hash, HashBuilder},
};

const LISTPACK: &str = "Hash listpack integrity check failed.";
const ZIPLIST: &str = "Hash ziplist integrity check failed.";
const ZIPMAP: &str = "Zipmap integrity check failed.";

pub fn read(kind: ValueType, input: &mut Input, limits: &EncodingLimits) -> Result<Option<Hash>, Damage> {
    let at = input.offset();
    let (list, reason) = match kind {
        ValueType::HashZipmap => return read_zipmap(input, limits),
        ValueType::HashListpack => (listpack(input, LISTPACK, Listpack::from_bytes)?, LISTPACK),
        ValueType::HashZiplist => (listpack(input, ZIPLIST, ziplist::to_listpack)?, ZIPLIST),
        ValueType::HashTriples | ValueType::HashTriplesPreGa => return triples(kind, input, limits),
        _ => return fields(kind, input, limits),
    };
    let hash = list.map(|list| Hash::from_listpack(list, limits)).transpose();
    hash.map_err(|Corrupt| Damage::new(at, reason))
}

fn triples(kind: ValueType, input: &mut Input, limits: &EncodingLimits) -> Result<Option<Hash>, Damage> {
    if kind == ValueType::HashTriples {
        // The first deadline, which the listpack tells, too.
        input.i64()?;
    }
    let at = input.offset();
    let list = listpack(input, LISTPACK, Listpack::from_bytes)?;
    let hash = list.map(|list| Hash::from_triples(list, limits)).transpose();
    hash.map_err(|Corrupt| Damage::new(at, LISTPACK))
}

/// Unlike other small hashes, one that was a zipmap is asked for long values, too: it is walked along anyway.
fn read_zipmap(input: &mut Input, limits: &EncodingLimits) -> Result<Option<Hash>, Damage> {
    let hash = super::block(input, ZIPMAP, |bytes| {
        let pairs = zipmap::pairs(bytes)?;
        let mut hash = HashBuilder::new(pairs.len(), false, limits);
        for (name, value) in pairs {
            hash.add(name, value, 0)?;
        }
        hash.finish()
    })?;
    Ok(Some(hash))
}

/// Field by field, with deadlines or without.
fn fields(kind: ValueType, input: &mut Input, limits: &EncodingLimits) -> Result<Option<Hash>, Damage> {
    const DUPLICATE: &str = "Duplicate hash fields detected, or an invalid deadline";
    // Deadlines are differences to the first, plus one.
    let first = if kind == ValueType::HashDeadlines { input.i64()? } else { 1 };
    let with_deadlines = kind != ValueType::Hash;
    let start = input.offset();
    let count = input.count(2)?;
    let mut hash = HashBuilder::new(count, with_deadlines, limits);
    let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
    for _ in 0..count {
        let at = input.offset();
        let invalid = |_| Damage::new(at, DUPLICATE);
        let deadline = match with_deadlines.then(|| input.length()).transpose()? {
            None | Some(0) => 0,
            // What does not fit into the numbers is refused as a deadline that is none.
            Some(later) => {
                i64::try_from(later).ok().and_then(|later| first.checked_add(later - 1)).unwrap_or(-1)
            }
        };
        let (name, value) = (input.word()?, input.word()?);
        hash.add(name.bytes(&mut names), value.bytes(&mut values), deadline).map_err(invalid)?;
    }
    let hash = hash.finish().map_err(|Corrupt| Damage::new(start, DUPLICATE))?;
    Ok((count > 0).then_some(hash))
}
