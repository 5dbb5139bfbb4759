//! The sparse encoding: runs of equal registers.
//!
//! | opcode | bits | stands for |
//! |---|---|---|
//! | ZERO | `00nnnnnn` | n + 1 registers (to 64) that are zero |
//! | XZERO | `01nnnnnn nnnnnnnn` | n + 1 registers (to 16,384) that are zero |
//! | VAL | `1vvvvvnn` | n + 1 registers (to 4) of value v + 1 (to 32) |
//!
//! To raise a register means to split the run that covers it in up to three, and then to join runs of the same value
//! in the neighbourhood. Which runs are joined is a matter of history, and is kept as Redis does it, so that the same
//! commands leave the same bytes.

use super::{Corrupted, REGISTERS};
use bytes::BytesMut;
use std::ops::Range;

const XZERO: u8 = 0b0100_0000;
const VAL: u8 = 0b1000_0000;
const VALUE_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;
const ZERO_RUN_MAX: usize = 64;
/// How many opcodes are looked at for joining after an edit, beginning before it.
const JOIN_SCAN_OPCODES: usize = 5;

/// One opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The value of its registers.
    pub value: u8,
    /// How many registers it covers, 1 at least.
    pub registers: usize,
    /// The length of its code.
    bytes: usize,
}

/// What became of a register to be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// It holds as much already.
    No,
    Yes,
    /// The sparse encoding cannot hold the value, or not in the bytes allowed. Nothing was changed.
    NeedsDense,
}

/// Where to look for a register from: a run, by its offset in the body and its first register. The default is the
/// beginning.
///
/// Whoever raises registers in ascending order passes the same cursor each time, and so goes through the body once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    at: usize,
    first: usize,
}

/// Calls `visit` with the first register of each run, and the run.
///
/// # Errors
/// [`Corrupted`] if the runs do not cover exactly [`REGISTERS`]. The runs before that was seen have been visited, but
/// none beyond the last register.
pub fn for_each_run(body: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupted> {
    let (mut at, mut first) = (0, 0);
    while at < body.len() {
        let run = read(&body[at..])?;
        if first + run.registers > REGISTERS {
            return Err(Corrupted);
        }
        visit(first, run);
        at += run.bytes;
        first += run.registers;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupted) }
}

/// Appends the code of a run of `registers` zeroes to `code`.
pub fn push_zeroes(code: &mut impl Extend<u8>, registers: usize) {
    let stored = registers - 1;
    if registers > ZERO_RUN_MAX {
        code.extend([(stored >> 8) as u8 | XZERO]);
    }
    code.extend([stored as u8]);
}

/// The opcodes as text; see [`super::decode`].
pub fn decode(body: &[u8]) -> Result<String, Corrupted> {
    let mut opcodes = Vec::new();
    let mut at = 0;
    while at < body.len() {
        // Redis reads the NUL that ends its strings as the second byte of an opcode that is cut off.
        let run = read(&[body[at], body.get(at + 1).copied().unwrap_or(0)])?;
        at += run.bytes;
        opcodes.push(match run {
            Run { value: 0, registers, bytes: 1 } => format!("z:{registers}"),
            Run { value: 0, registers, .. } => format!("Z:{registers}"),
            Run { value, registers, .. } => format!("v:{value},{registers}"),
        });
    }
    Ok(opcodes.join(" "))
}

/// Raises the register at `index` to `value`, where the opcodes are what follows the first `header_bytes` of `hll`.
///
/// # Errors
/// [`Corrupted`] if no run covers the register. (The runs behind it are not looked at.)
pub fn raise(
    hll: &mut BytesMut,
    header_bytes: usize,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
    cursor: &mut Cursor,
) -> Result<Raised, Corrupted> {
    if value > VALUE_MAX {
        return Ok(Raised::NeedsDense);
    }
    let place = locate(&hll[header_bytes..], *cursor, index)?;
    *cursor = place.resume;
    if place.run.value >= value {
        return Ok(Raised::No);
    }
    let parts = split(&place, index, value);
    let grown_bytes = hll.len() - place.run.bytes + parts.len();
    if parts.len() > place.run.bytes && grown_bytes > sparse_max_bytes {
        return Ok(Raised::NeedsDense);
    }
    let at = header_bytes + place.start.at;
    replace(hll, at..at + place.run.bytes, &parts);
    join(hll, header_bytes + place.previous.at);
    Ok(Raised::Yes)
}

/// Where in the body a register is.
struct Place {
    /// The beginning of the run that covers it.
    start: Cursor,
    /// The beginning of the run before that, or the same if there is none.
    previous: Cursor,
    /// One run further back, if there is one. An edit here changes nothing before `previous`, and a higher register lies
    /// there or behind; so this is where to look for that from, with the run before it in sight.
    resume: Cursor,
    run: Run,
}

fn locate(body: &[u8], from: Cursor, index: usize) -> Result<Place, Corrupted> {
    let (mut start, mut previous, mut resume) = (from, from, from);
    while start.at < body.len() {
        let run = read(&body[start.at..])?;
        if index < start.first + run.registers {
            return Ok(Place { start, previous, resume, run });
        }
        (resume, previous) = (previous, start);
        start = Cursor { at: start.at + run.bytes, first: start.first + run.registers };
    }
    Err(Corrupted)
}

fn read(code: &[u8]) -> Result<Run, Corrupted> {
    match *code {
        [first, ..] if first & VAL != 0 => {
            Ok(Run { value: (first >> 2 & 31) + 1, registers: usize::from(first & 3) + 1, bytes: 1 })
        }
        [first, second, ..] if first & XZERO != 0 => {
            let stored = u16::from_be_bytes([first & 63, second]);
            Ok(Run { value: 0, registers: usize::from(stored) + 1, bytes: 2 })
        }
        [first, ..] if first & XZERO == 0 => {
            Ok(Run { value: 0, registers: usize::from(first) + 1, bytes: 1 })
        }
        _ => Err(Corrupted),
    }
}

fn value_code(value: u8, registers: usize) -> u8 {
    (value - 1) << 2 | (registers - 1) as u8 | VAL
}

/// The code that replaces the run at `place`: what is left of it on both sides, and the raised register between.
fn split(place: &Place, index: usize, value: u8) -> Vec<u8> {
    let before = index - place.start.first;
    let after = place.run.registers - before - 1;
    let mut code = Vec::with_capacity(5);
    let push_rest = |code: &mut Vec<u8>, registers: usize| match (registers, place.run.value) {
        (0, _) => (),
        (_, 0) => push_zeroes(code, registers),
        (_, value) => code.push(value_code(value, registers)),
    };
    push_rest(&mut code, before);
    code.push(value_code(value, 1));
    push_rest(&mut code, after);
    code
}

/// Puts `code` in the place of `range`.
fn replace(hll: &mut BytesMut, range: Range<usize>, code: &[u8]) {
    let behind = range.end..hll.len();
    let end = range.start + code.len();
    let len = end + behind.len();
    hll.resize(len.max(hll.len()), 0);
    hll.copy_within(behind, end);
    hll.truncate(len);
    hll[range.start..end].copy_from_slice(code);
}

/// Joins neighbouring runs of the same value among the next few opcodes.
fn join(hll: &mut BytesMut, mut at: usize) {
    for _ in 0..JOIN_SCAN_OPCODES {
        let Some(Ok(run)) = hll.get(at..).map(read) else { return };
        let next = hll.get(at + run.bytes..).map(read);
        match next {
            Some(Ok(next))
                if run.value > 0
                    && next.value == run.value
                    && run.registers + next.registers <= VALUE_RUN_MAX =>
            {
                let joined = value_code(run.value, run.registers + next.registers);
                replace(hll, at..at + run.bytes + next.bytes, &[joined]);
            }
            _ => at += run.bytes,
        }
    }
}
