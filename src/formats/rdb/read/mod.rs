//! Values from the bytes that stand for them.
//!
//! What is small lies in one block in Redis' own bytes (listpack, intset), and is taken as it is once it has been looked
//! through; blocks of older kinds become listpacks. Whether a value stays small is decided by the thresholds of now.
mod hash;
mod list;
mod set;
mod sorted_set;
mod stream;
mod ziplist;
mod zipmap;

use super::{
    Damage, ValueType,
    input::{Input, Word},
    scan::module_name,
};
use crate::{
    data::{Corrupt, listpack::Listpack, number::parse_integer},
    store::{Content, EncodingLimits, Object, Value},
};
use bytes::Bytes;

/// What a payload stands for.
pub enum Decoded {
    Value(Content),
    /// A collection without elements, which cannot be stored: it is skipped, as Redis does. (Old servers wrote such.)
    Empty,
}

/// Decodes the payload of a [`super::Record`], in the encoding that these limits ask for.
///
/// Fields of hashes whose deadlines have passed are there: they are deleted, and that is told to all, by the wheel that is
/// told of them when the value is stored.
///
/// # Errors
/// If it is not laid out as it should be, or there are bytes left over. The offset is that in the payload.
pub fn decode(kind: ValueType, payload: &Bytes, limits: &EncodingLimits) -> Result<Decoded, Damage> {
    let mut input = Input::new(payload);
    let decoded = decode_front(kind, &mut input, payload, limits)?;
    input.end()?;
    Ok(decoded)
}

/// As [`decode`], of something that may go on behind the value: Redis does not look at what stands there in a dump.
///
/// # Errors
/// If it is not laid out as it should be.
pub fn decode_beginning(kind: ValueType, bytes: &Bytes, limits: &EncodingLimits) -> Result<Decoded, Damage> {
    decode_front(kind, &mut Input::new(bytes), bytes, limits)
}

fn decode_front(
    kind: ValueType,
    input: &mut Input,
    payload: &Bytes,
    limits: &EncodingLimits,
) -> Result<Decoded, Damage> {
    let decoded = match kind {
        ValueType::String => Some(text(input, payload)?),
        ValueType::List | ValueType::ListZiplist | ValueType::Quicklist1 | ValueType::Quicklist2 => {
            object(list::read(kind, input, limits)?)
        }
        ValueType::Set | ValueType::SetIntset | ValueType::SetListpack => {
            object(set::read(kind, input, limits)?)
        }
        ValueType::SortedSet1
        | ValueType::SortedSet2
        | ValueType::SortedSetZiplist
        | ValueType::SortedSetListpack => object(sorted_set::read(kind, input, limits)?),
        ValueType::Hash
        | ValueType::HashZipmap
        | ValueType::HashZiplist
        | ValueType::HashListpack
        | ValueType::HashDeadlinesPreGa
        | ValueType::HashTriplesPreGa
        | ValueType::HashDeadlines
        | ValueType::HashTriples => object(hash::read(kind, input, limits)?),
        ValueType::Stream1 | ValueType::Stream2 | ValueType::Stream3 => {
            object(Some(stream::read(kind, input)?))
        }
        ValueType::ModulePreGa => return Err(input.damage("Pre-release module format not supported")),
        ValueType::Module => {
            let module = module_name(input.length()?);
            let reason = format!("The data is that of a module, and there are none here: '{module}'");
            return Err(Damage::new(0_u64, reason));
        }
    };
    Ok(decoded.map_or(Decoded::Empty, Decoded::Value))
}

fn object<T: Value>(value: Option<T>) -> Option<Content> {
    value.map(|value| Content::Object(Object::from(value)))
}

fn text(input: &mut Input, payload: &Bytes) -> Result<Content, Damage> {
    Ok(match input.word()? {
        Word::Integer(integer) => Content::Integer(integer),
        Word::Slice(bytes) => match parse_integer(bytes) {
            Some(integer) => Content::Integer(integer),
            None => Content::Text(payload.slice_ref(bytes)),
        },
        Word::Decompressed(bytes) => Content::Text(bytes.into()),
    })
}

/// Reads a block, and what it is made of.
fn block<T>(
    input: &mut Input,
    reason: &'static str,
    make: impl FnOnce(&[u8]) -> Result<T, Corrupt>,
) -> Result<T, Damage> {
    let at = input.offset();
    let word = input.word()?;
    make(word.bytes(&mut itoa::Buffer::new())).map_err(|Corrupt| Damage::new(at, reason))
}

/// Reads a block that is a listpack, or was one of the older kinds.
fn listpack(
    input: &mut Input,
    reason: &'static str,
    make: impl FnOnce(&[u8]) -> Result<Listpack, Corrupt>,
) -> Result<Option<Listpack>, Damage> {
    let list = block(input, reason, make)?;
    Ok((!list.is_empty()).then_some(list))
}
