//! Numbers of any width anywhere in a string: BITFIELD, BITFIELD_RO.
//!
//! A request is a list of steps that run in order, each with one reply. `OVERFLOW` is not a step: it decides for the
//! steps behind it what becomes of a number that does not fit.
use super::{bounded_position, bytes_for, grow, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        key_positions::{KeyPosition, KeyPositions},
        spec::{Arity::*, *},
    },
    data::{
        bits::{self, Overflow},
        number::parse_integer,
    },
    resp::{Reply, Request},
    store::{Changes, Event, TextRef, View},
};
use bytes::{Bytes, BytesMut};

#[derive(Clone, Copy)]
enum Sign {
    Signed,
    Unsigned,
}
impl Sign {
    fn width_bits_max(self) -> i64 {
        match self {
            Sign::Signed => 64,
            // The largest number of 64 bits would not fit into an integer reply.
            Sign::Unsigned => 63,
        }
    }
}

/// Where a number stands in a string, and of what kind it is.
struct Field {
    sign: Sign,
    width_bits: u32,
    position: u64,
}
impl Field {
    /// Takes a type (`u8`, `i16`) and an offset: of bits, or behind a `#` of fields of this width.
    fn parse(args: &mut Args) -> Result<Field, CommandError> {
        let (sign, width_bits) = parse_type(args.word()?).ok_or(CommandError::fixed(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        let offset = match args.word()? {
            [b'#', index @ ..] => parse_integer(index).and_then(|i| i.checked_mul(i64::from(width_bits))),
            offset => parse_integer(offset),
        };
        Ok(Field { sign, width_bits, position: bounded_position(args, offset)? })
    }
    /// The number of bytes a string needs to hold the field.
    fn bytes(&self) -> usize {
        bytes_for(self.position + u64::from(self.width_bits))
    }
    fn read(&self, bytes: &[u8]) -> i64 {
        match self.sign {
            Sign::Signed => bits::get_signed(bytes, self.position, self.width_bits),
            Sign::Unsigned => bits::get_unsigned(bytes, self.position, self.width_bits) as i64,
        }
    }
    fn write(&self, bytes: &mut [u8], number: i64) {
        bits::set_field(bytes, self.position, self.width_bits, number as u64)
    }
    /// The sum, as the field can hold it.
    fn add(&self, number: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        match self.sign {
            Sign::Signed => bits::add_signed(number, increment, self.width_bits, overflow),
            Sign::Unsigned => {
                bits::add_unsigned(number as u64, increment, self.width_bits, overflow).map(|sum| sum as i64)
            }
        }
    }
}

fn parse_type(word: &[u8]) -> Option<(Sign, u32)> {
    let (sign, width) = match word {
        [b'i', width @ ..] => (Sign::Signed, width),
        [b'u', width @ ..] => (Sign::Unsigned, width),
        _ => return None,
    };
    let width_bits = parse_integer(width).filter(|width| (1..=sign.width_bits_max()).contains(width))?;
    Some((sign, width_bits as u32))
}

enum Action {
    Get,
    Set(i64, Overflow),
    IncrementBy(i64, Overflow),
}
struct Step {
    field: Field,
    action: Action,
}
/// What a step answers (nothing, if its number did not fit), and whether the string is another now, or was written to.
struct Done {
    answer: Option<i64>,
    changed: bool,
    written: bool,
}
impl Step {
    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }
    /// The string must be long enough for a field that is written.
    fn run(&self, bytes: &mut [u8]) -> Done {
        let old = self.field.read(bytes);
        let (new, answers_old) = match self.action {
            Action::Get => return Done { answer: Some(old), changed: false, written: false },
            Action::Set(number, overflow) => (self.field.add(number, 0, overflow), true),
            Action::IncrementBy(increment, overflow) => (self.field.add(old, increment, overflow), false),
        };
        let Some(new) = new else { return Done { answer: None, changed: false, written: false } };
        self.field.write(bytes, new);
        Done { answer: Some(if answers_old { old } else { new }), changed: new != old, written: true }
    }
}

fn parse_steps(args: &mut Args) -> Result<Vec<Step>, CommandError> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::Wrap;
    while !args.is_empty() {
        if args.option("OVERFLOW") {
            overflow = parse_overflow(args)?;
        } else {
            steps.push(parse_step(args, overflow)?);
        }
    }
    Ok(steps)
}
fn parse_overflow(args: &mut Args) -> Result<Overflow, CommandError> {
    if args.is_empty() {
        return Err(CommandError::Syntax);
    }
    args.one_of(&[("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)])
        .ok_or(CommandError::fixed("ERR Invalid OVERFLOW type specified"))
}
fn parse_step(args: &mut Args, overflow: Overflow) -> Result<Step, CommandError> {
    type Make = fn(i64, Overflow) -> Action;
    let (make, arguments): (Make, usize) = args
        .one_of(&[
            ("GET", ((|_, _| Action::Get) as Make, 2)),
            ("SET", (Action::Set as Make, 3)),
            ("INCRBY", (Action::IncrementBy as Make, 3)),
        ])
        .filter(|&(_, arguments)| args.remaining() >= arguments)
        .ok_or(CommandError::Syntax)?;
    let field = Field::parse(args)?;
    let number = if arguments == 3 { args.integer()? } else { 0 };
    Ok(Step { field, action: make(number, overflow) })
}

/// Answers steps of which none writes.
fn answer_all(view: &View, key: &[u8], steps: &[Step], reply: &mut Reply) -> Outcome {
    let mut digits = itoa::Buffer::new();
    let bytes = view.string(key)?.map_or(&b""[..], |text| text.bytes(&mut digits));
    reply.array(steps.len());
    for step in steps {
        reply.integer(step.field.read(bytes));
    }
    Ok(())
}

/// Runs steps on a string that is long enough for them; how many of them changed something. If it has grown for them, that
/// is all that write.
fn run_all(bytes: &mut BytesMut, steps: &[Step], has_grown: bool, reply: &mut Reply) -> u64 {
    reply.array(steps.len());
    let mut changed = 0;
    for step in steps {
        let done = step.run(bytes);
        changed += (done.changed || has_grown && done.written) as u64;
        match done.answer {
            Some(number) => reply.integer(number),
            None => reply.null(),
        }
    }
    changed
}

/// BITFIELD that only reads is told as that.
fn locate_key_of_bitfield(request: &Request, found: &mut KeyPositions) {
    let mut words = request.iter().skip(2);
    let mut reads = true;
    while let Some(word) = words.next() {
        let arguments = match &word.to_ascii_uppercase()[..] {
            b"GET" => 2,
            b"OVERFLOW" => 1,
            _ => usize::MAX,
        };
        // What is no request at all is told as the worst that it could be.
        reads &= words.by_ref().take(arguments).count() == arguments;
    }
    found.push(KeyPosition { index: 1, flags: if reads { RO | ACCESS } else { RW | ACCESS | UPDATE } });
}

pub struct BitField {
    key: Bytes,
    steps: Vec<Step>,
}
impl Command for BitField {
    const SPEC: Spec = spec("BITFIELD", AtLeast(2))
        .keys(&[key(1, RW | ACCESS | UPDATE | VARIABLE_FLAGS)
            .notes("This command allows both access and modification of the key")])
        .locate(locate_key_of_bitfield)
        .flags(DENY_OOM)
        .since("3.2.0")
        .syntax("key [GET encoding offset|[OVERFLOW WRAP|SAT|FAIL] <SET encoding offset value|INCRBY encoding offset increment> [GET encoding offset|[OVERFLOW WRAP|SAT|FAIL] <SET encoding offset value|INCRBY encoding offset increment> ...]]")
        .summary("Reads, sets and increments numbers of any width in a string.");
    fn parse(args: &mut Args) -> Result<BitField, CommandError> {
        Ok(BitField { key: args.bytes()?, steps: parse_steps(args)? })
    }
}
impl WriteCommand for BitField {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let writing = self.steps.iter().filter(|step| step.writes());
        let Some(length) = writing.map(|step| step.field.bytes()).max() else {
            return answer_all(&changes.view(), &self.key, &self.steps, reply);
        };
        let old = changes.string(&self.key)?.map(TextRef::len);
        let grows = old.is_none_or(|old| old < length);
        let changed = changes.edit_string(&self.key, length, |bytes| {
            grow(bytes, length);
            run_all(bytes, &self.steps, grows, reply)
        });
        if changed > 0 {
            changes.modified(Event::String, "setbit", &self.key);
            changes.also_dirty(changed - 1);
        } else if grows {
            // No number fitted. Copies of the string must not differ in length, but it says what it said.
            changes.modified_quietly(&self.key);
        }
        Ok(())
    }
}

pub struct BitFieldRo {
    key: Bytes,
    steps: Vec<Step>,
}
impl Command for BitFieldRo {
    const SPEC: Spec = spec("BITFIELD_RO", AtLeast(2))
        .keys(&[key(1, RO | ACCESS)])
        .flags(FAST)
        .since("6.0.0")
        .syntax("key [GET encoding offset [GET encoding offset ...]]")
        .summary("Reads numbers of any width in a string.");
    fn parse(args: &mut Args) -> Result<BitFieldRo, CommandError> {
        let command = BitFieldRo { key: args.bytes()?, steps: parse_steps(args)? };
        if command.steps.iter().any(Step::writes) {
            return Err(CommandError::fixed("ERR BITFIELD_RO only supports the GET subcommand"));
        }
        Ok(command)
    }
}
impl ReadCommand for BitFieldRo {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        answer_all(view, &self.key, &self.steps, reply)
    }
}
