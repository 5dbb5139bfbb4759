//! What an item consists of, as far as it takes to find its end.
use super::super::{Damage, ValueType, opcode};
use Step::*;

/// A part of an item.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Length,
    Text,
    Bytes(u64),
    /// A score as a text; a length of 253 to 255 means one that has none.
    Score,
    /// A length, and so many times these parts.
    Each(&'static [Step]),
    /// Parts of a module's value, each of which says what it is.
    ModuleParts,
}

const PENDING: Step = Each(&[Bytes(16), Bytes(8), Length]);
const NODES: Step = Each(&[Text, Text]);
const IDS: Step = Bytes(16);

/// The parts of a value.
fn of_value(kind: ValueType) -> &'static [Step] {
    match kind {
        ValueType::String
        | ValueType::HashZipmap
        | ValueType::ListZiplist
        | ValueType::SetIntset
        | ValueType::SortedSetZiplist
        | ValueType::HashZiplist
        | ValueType::HashListpack
        | ValueType::SortedSetListpack
        | ValueType::SetListpack
        | ValueType::HashTriplesPreGa => &[Text],
        ValueType::List | ValueType::Set | ValueType::Quicklist1 => &[Each(&[Text])],
        ValueType::SortedSet1 => &[Each(&[Text, Score])],
        ValueType::SortedSet2 => &[Each(&[Text, Bytes(8)])],
        ValueType::Hash => &[Each(&[Text, Text])],
        ValueType::Quicklist2 => &[Each(&[Length, Text])],
        ValueType::HashDeadlinesPreGa => &[Each(&[Length, Text, Text])],
        ValueType::HashDeadlines => &[Bytes(8), Each(&[Length, Text, Text])],
        ValueType::HashTriples => &[Bytes(8), Text],
        ValueType::Stream1 => &[
            NODES,
            Length,
            Length,
            Length,
            Each(&[Text, Length, Length, PENDING, Each(&[Text, Bytes(8), Each(&[IDS])])]),
        ],
        ValueType::Stream2 => &[
            NODES,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Each(&[Text, Length, Length, Length, PENDING, Each(&[Text, Bytes(8), Each(&[IDS])])]),
        ],
        ValueType::Stream3 => &[
            NODES,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Each(&[Text, Length, Length, Length, PENDING, Each(&[Text, Bytes(16), Each(&[IDS])])]),
        ],
        ValueType::Module => &[Length, ModuleParts],
        // Refused before.
        ValueType::ModulePreGa => &[],
    }
}

/// The parts of what begins with this byte: of a record, those of its key, and those of its value.
pub(super) fn of_item(first: u8) -> Result<(&'static [Step], &'static [Step]), &'static str> {
    let alone = |steps: &'static [Step]| Ok((steps, &[][..]));
    match first {
        opcode::SLOT_INFO => alone(&[Length, Length, Length]),
        opcode::FUNCTION => alone(&[Text]),
        opcode::FUNCTION_PRE_GA => Err("Pre-release function format not supported"),
        opcode::MODULE_AUX => alone(&[Length, Length, Length, ModuleParts]),
        opcode::IDLE | opcode::SELECT_DB => alone(&[Length]),
        opcode::FREQUENCY => alone(&[Bytes(1)]),
        opcode::AUX => alone(&[Text, Text]),
        opcode::RESIZE_DB => alone(&[Length, Length]),
        opcode::DEADLINE_MS => alone(&[Bytes(8)]),
        opcode::DEADLINE_SECONDS => alone(&[Bytes(4)]),
        opcode::END => alone(&[]),
        _ => match ValueType::of(first) {
            Some(ValueType::ModulePreGa) => Err("Pre-release module format not supported"),
            Some(kind) => Ok((&[Text], of_value(kind))),
            None => Err("Invalid object type"),
        },
    }
}

/// The parts behind a part of a module's value, by what it says it is.
pub(super) fn of_module_part(number: u64) -> Result<&'static [Step], &'static str> {
    match number {
        1 | 2 => Ok(&[Length]),
        3 => Ok(&[Bytes(4)]),
        4 => Ok(&[Bytes(8)]),
        5 => Ok(&[Text]),
        _ => Err("Unknown part of a module's value"),
    }
}

/// How an item fails whose first byte is none.
pub(super) fn refused(offset: u64, first: u8, reason: &'static str) -> Damage {
    match ValueType::of(first) {
        None if first < opcode::SLOT_INFO => Damage::new(offset, format!("{reason}: {first}")),
        _ => Damage::new(offset, reason),
    }
}
