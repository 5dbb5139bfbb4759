//! Sets.
use super::{
    super::{Damage, ValueType, input::Input},
    block, listpack,
};
use crate::{
    data::{Corrupt, intset::Intset, listpack::Listpack},
    store::{EncodingLimits, Set},
};

pub fn read(kind: ValueType, input: &mut Input, limits: &EncodingLimits) -> Result<Option<Set>, Damage> {
    const LISTPACK: &str = "Set listpack integrity check failed.";
    match kind {
        ValueType::SetIntset => {
            let integers = block(input, "Intset integrity check failed.", Intset::from_bytes)?;
            Ok(Some(Set::from_intset(integers, limits)))
        }
        ValueType::SetListpack => {
            let at = input.offset();
            let list = listpack(input, LISTPACK, Listpack::from_bytes)?;
            let set = list.map(|list| Set::from_listpack(list, limits)).transpose();
            set.map_err(|Corrupt| Damage::new(at, LISTPACK))
        }
        _ => members(input, limits),
    }
}

fn members(input: &mut Input, limits: &EncodingLimits) -> Result<Option<Set>, Damage> {
    let count = input.count(1)?;
    let mut set = Set::for_members(count, limits);
    let mut digits = itoa::Buffer::new();
    for _ in 0..count {
        let at = input.offset();
        if !set.insert(input.word()?.bytes(&mut digits), limits) {
            return Err(Damage::new(at, "Duplicate set members detected"));
        }
    }
    Ok((count > 0).then_some(set))
}
