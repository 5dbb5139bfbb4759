//! Looking inside HyperLogLogs: PFDEBUG, PFSELFTEST.
use super::{encoding, encoding_of, spec};
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, Outcome, WriteCommand,
        args::Args,
        error::{CommandError, shown},
        spec::{Arity::*, *},
    },
    data::hyperloglog::{self as hll, Encoding, REGISTERS},
    resp::Reply,
    store::Changes,
};
use bytes::Bytes;

enum Question {
    /// The registers as numbers. Makes the value dense, as Redis does.
    Registers,
    /// The opcodes of the sparse encoding.
    Opcodes,
    Encoding,
    /// Not a question: makes the value dense.
    ToDense,
    /// None that there is. That the key is there is checked first.
    Unknown(String),
}
pub struct PfDebug {
    question: Question,
    key: Bytes,
}
impl Command for PfDebug {
    const SPEC: Spec = spec("PFDEBUG", Exactly(3))
        .keys(&[key(2, RW | ACCESS)])
        .flags(DENY_OOM | ADMIN | SYSTEM)
        .complexity("")
        .syntax("subcommand key")
        .summary("Shows or changes how a HyperLogLog is encoded.");
    fn parse(args: &mut Args) -> Result<PfDebug, CommandError> {
        let word = args.word()?;
        let question = match &word.to_ascii_uppercase()[..] {
            b"GETREG" => Question::Registers,
            b"DECODE" => Question::Opcodes,
            b"ENCODING" => Question::Encoding,
            b"TODENSE" => Question::ToDense,
            _ => Question::Unknown(shown(word).into_owned()),
        };
        Ok(PfDebug { question, key: args.bytes()? })
    }
}
impl WriteCommand for PfDebug {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let encoding = encoding_of(changes.string(&self.key)?)?
            .ok_or(CommandError::fixed("ERR The specified key does not exist"))?;
        // Redis makes the value one of its own to be written to, whatever is asked: OBJECT ENCODING tells.
        changes.edit_string(&self.key, 0, |_| ());
        match &self.question {
            Question::Registers => {
                make_dense(changes, &self.key, encoding)?;
                reply_registers(changes, &self.key, reply)
            }
            Question::Opcodes => reply_opcodes(changes, &self.key, reply),
            Question::Encoding => {
                reply.status(encoding.name());
                Ok(())
            }
            Question::ToDense => {
                reply.integer(make_dense(changes, &self.key, encoding)? as i64);
                Ok(())
            }
            Question::Unknown(word) => {
                Err(CommandError::text_of(format!("ERR Unknown PFDEBUG subcommand '{word}'")))
            }
        }
    }
}

/// Makes a value dense; false if it was.
fn make_dense(changes: &mut Changes, key: &[u8], encoding: Encoding) -> Result<bool, CommandError> {
    if encoding == Encoding::Dense {
        return Ok(false);
    }
    changes.edit_string(key, 0, hll::to_dense)?;
    changes.modified_quietly(key);
    Ok(true)
}
fn reply_registers(changes: &mut Changes, key: &[u8], reply: &mut Reply) -> Outcome {
    let Some(text) = changes.string(key)? else { return Ok(()) };
    let mut registers = [0; REGISTERS];
    hll::merge_into(&mut registers, text.bytes(&mut itoa::Buffer::new()))?;
    reply.array(REGISTERS);
    registers.iter().for_each(|&value| reply.integer(value.into()));
    Ok(())
}
fn reply_opcodes(changes: &mut Changes, key: &[u8], reply: &mut Reply) -> Outcome {
    let Some(text) = changes.string(key)? else { return Ok(()) };
    let mut digits = itoa::Buffer::new();
    let value = text.bytes(&mut digits);
    if encoding(value)? == Encoding::Dense {
        return Err(CommandError::fixed("ERR HLL encoding is not sparse"));
    }
    reply.bulk(hll::decode(value)?.as_bytes());
    Ok(())
}

pub struct PfSelfTest;
impl Command for PfSelfTest {
    const SPEC: Spec = spec("PFSELFTEST", Exactly(1))
        .flags(ADMIN | SYSTEM)
        .complexity("")
        .summary("Checks the arithmetic of HyperLogLogs. Takes a while; nobody else is served meanwhile.");
    fn parse(_: &mut Args) -> Result<PfSelfTest, CommandError> {
        Ok(PfSelfTest)
    }
}
impl BackstageCommand for PfSelfTest {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let store = &backstage.changes.store;
        hll::self_test(store.random(), store.limits.hll_sparse_bytes_max)
            .map_err(|failure| CommandError::text_of(format!("ERR {failure}")))?;
        reply.ok();
        Ok(())
    }
}
