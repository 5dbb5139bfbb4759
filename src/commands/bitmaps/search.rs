//! Bits in a range: BITCOUNT, BITPOS.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::{
        bits::{bit_position, count_ones, count_ones_in, resolve_range},
        number::parse_integer,
    },
    resp::Reply,
    store::View,
};
use bytes::Bytes;
use std::ops::Range;

/// What the ends of a range count.
#[derive(Clone, Copy)]
enum Unit {
    Byte,
    Bit,
}
impl Unit {
    /// Takes `BYTE` or `BIT`; there may be nothing else behind a range.
    fn parse(args: &mut Args) -> Result<Unit, CommandError> {
        if args.is_empty() {
            return Ok(Unit::Byte);
        }
        let unit = args.one_of(&[("BYTE", Unit::Byte), ("BIT", Unit::Bit)]);
        unit.filter(|_| args.is_empty()).ok_or(CommandError::Syntax)
    }
    fn bits(self) -> u64 {
        match self {
            Unit::Byte => 8,
            Unit::Bit => 1,
        }
    }
    /// The bits of a string of `bytes` bytes that a range means; negative ends count from its end.
    fn resolve(self, start: i64, end: i64, bytes: usize) -> Range<u64> {
        let units = bytes as u64 * 8 / self.bits();
        resolve_range(start, end, units).map_or(0..0, |r| r.start * self.bits()..r.end * self.bits())
    }
}

pub struct BitCount {
    key: Bytes,
    range: Option<(i64, i64, Unit)>,
}
impl Command for BitCount {
    const SPEC: Spec = spec("BITCOUNT", AtLeast(2))
        .keys(&[key(1, RO | ACCESS)])
        .since("2.6.0")
        .complexity("O(N)")
        .syntax("key [start end [BYTE|BIT]]")
        .summary("Counts the bits that are set in a string, or in a range of it.")
        .history(&[("7.0.0", "Ranges of bits: `BYTE` and `BIT`.")]);
    fn parse(args: &mut Args) -> Result<BitCount, CommandError> {
        let key = args.bytes()?;
        let range = match args.remaining() {
            0 => None,
            2 | 3 => Some((args.integer()?, args.integer()?, Unit::parse(args)?)),
            _ => return Err(CommandError::Syntax),
        };
        Ok(BitCount { key, range })
    }
}
impl ReadCommand for BitCount {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let mut digits = itoa::Buffer::new();
        let bytes = view.string(&self.key)?.map_or(&b""[..], |text| text.bytes(&mut digits));
        let ones = match self.range {
            None => count_ones(bytes),
            // Nothing lies between these, even where both are before the string and would become its first unit.
            Some((start, end, _)) if start < 0 && end < 0 && start > end => 0,
            Some((start, end, unit)) => count_ones_in(bytes, unit.resolve(start, end, bytes.len())),
        };
        reply.integer(ones as i64);
        Ok(())
    }
}

/// Where BITPOS searches: to the end of the string, if it is given none.
struct Stretch {
    start: i64,
    end: Option<i64>,
    unit: Unit,
}
pub struct BitPos {
    key: Bytes,
    bit: bool,
    stretch: Stretch,
}
impl Command for BitPos {
    const SPEC: Spec = spec("BITPOS", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .since("2.8.7")
        .complexity("O(N)")
        .syntax("key bit [start [end [BYTE|BIT]]]")
        .summary("Finds the first bit of a string, or of a range of it, that is set or that is clear.")
        .history(&[("7.0.0", "Ranges of bits: `BYTE` and `BIT`.")]);
    fn parse(args: &mut Args) -> Result<BitPos, CommandError> {
        let key = args.bytes()?;
        let bit = match parse_integer(args.word()?) {
            None => return Err(CommandError::NotAnInteger),
            Some(0) => false,
            Some(1) => true,
            Some(_) => return Err(CommandError::fixed("ERR The bit argument must be 1 or 0.")),
        };
        if args.remaining() > 3 {
            return Err(CommandError::Syntax);
        }
        let start = if args.is_empty() { 0 } else { args.integer()? };
        // The unit is looked at before the end of the range.
        let end = if args.is_empty() { None } else { Some(args.word()?) };
        let unit = Unit::parse(args)?;
        let end = end.map(|end| parse_integer(end).ok_or(CommandError::NotAnInteger)).transpose()?;
        Ok(BitPos { key, bit, stretch: Stretch { start, end, unit } })
    }
}
impl ReadCommand for BitPos {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let Stretch { start, end, unit } = self.stretch;
        let found = match view.string(&self.key)? {
            // A missing key is zeroes without end, whatever the range.
            None => (!self.bit).then_some(0),
            Some(text) => {
                let mut digits = itoa::Buffer::new();
                let bytes = text.bytes(&mut digits);
                let range = unit.resolve(start, end.unwrap_or(-1), bytes.len());
                bit_position(bytes, self.bit, range, end.is_some())
            }
        };
        reply.integer(found.map_or(-1, |position| position as i64));
        Ok(())
    }
}
