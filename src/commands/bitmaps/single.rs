//! One bit: SETBIT, GETBIT.
use super::{bytes_for, grow, position, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::{bits, number::parse_integer},
    resp::Reply,
    store::{Changes, Event, TextRef, View},
};
use bytes::Bytes;

pub struct SetBit {
    key: Bytes,
    position: u64,
    bit: bool,
}
impl Command for SetBit {
    const SPEC: Spec = spec("SETBIT", Exactly(4))
        .keys(&[key(1, RW | ACCESS | UPDATE)])
        .flags(DENY_OOM)
        .since("2.2.0")
        .syntax("key offset value")
        .summary("Sets one bit of a string and answers what it was. The string is made long enough.");
    fn parse(args: &mut Args) -> Result<SetBit, CommandError> {
        let (key, position) = (args.bytes()?, position(args)?);
        let bit = match parse_integer(args.word()?) {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(CommandError::fixed("ERR bit is not an integer or out of range")),
        };
        Ok(SetBit { key, position, bit })
    }
}
impl WriteCommand for SetBit {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let length = bytes_for(self.position + 1);
        let old_length = changes.string(&self.key)?.map(TextRef::len);
        let before = changes.edit_string(&self.key, length, |bytes| {
            grow(bytes, length);
            bits::set_bit(bytes, self.position, self.bit)
        });
        // Setting what is set already is not a change: nobody is told.
        if before != self.bit || old_length.is_none_or(|old| old < length) {
            changes.modified(Event::String, "setbit", &self.key);
        }
        reply.integer(before as i64);
        Ok(())
    }
}

pub struct GetBit {
    key: Bytes,
    position: u64,
}
impl Command for GetBit {
    const SPEC: Spec = spec("GETBIT", Exactly(3))
        .keys(&[key(1, RO | ACCESS)])
        .flags(FAST)
        .since("2.2.0")
        .syntax("key offset")
        .summary("Answers one bit of a string; behind its end there are zeroes.");
    fn parse(args: &mut Args) -> Result<GetBit, CommandError> {
        Ok(GetBit { key: args.bytes()?, position: position(args)? })
    }
}
impl ReadCommand for GetBit {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let text = view.string(&self.key)?;
        let bit = text.is_some_and(|text| bits::get_bit(text.bytes(&mut itoa::Buffer::new()), self.position));
        reply.integer(bit as i64);
        Ok(())
    }
}
