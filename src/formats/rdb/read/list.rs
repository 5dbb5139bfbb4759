//! Lists.
use super::{
    super::{Damage, ValueType, container, input::Input},
    block, ziplist,
};
use crate::{
    data::listpack::Listpack,
    store::{EncodingLimits, End, List, Stored},
};

const LISTPACK: &str = "Listpack integrity check failed.";
const ZIPLIST: &str = "Ziplist integrity check failed.";

pub fn read(kind: ValueType, input: &mut Input, limits: &EncodingLimits) -> Result<Option<List>, Damage> {
    let mut list = List::long(limits);
    match kind {
        ValueType::ListZiplist => list.push_listpack(&block(input, ZIPLIST, ziplist::to_listpack)?),
        ValueType::List => {
            for _ in 0..input.count(1)? {
                list.push(End::Tail, input.word()?.bytes(&mut itoa::Buffer::new()));
            }
        }
        _ => {
            for _ in 0..input.count(1)? {
                read_node(kind, input, &mut list)?;
            }
        }
    }
    list.settle(limits);
    Ok((!list.is_empty()).then_some(list))
}

fn read_node(kind: ValueType, input: &mut Input, list: &mut List) -> Result<(), Damage> {
    // Nodes without elements are skipped: old servers wrote such.
    if kind == ValueType::Quicklist1 {
        list.push_listpack(&block(input, ZIPLIST, ziplist::to_listpack)?);
        return Ok(());
    }
    let at = input.offset();
    match input.length()? {
        container::PLAIN => {
            let word = input.word()?;
            let mut digits = itoa::Buffer::new();
            match word.bytes(&mut digits) {
                b"" => return Err(Damage::new(at, "A node of a list without bytes")),
                element => list.push_plain(element),
            }
        }
        container::PACKED => list.push_listpack(&block(input, LISTPACK, Listpack::from_bytes)?),
        _ => return Err(Damage::new(at, "Quicklist integrity check failed.")),
    }
    Ok(())
}
