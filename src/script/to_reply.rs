//! A Lua value as a reply, by Redis' rules: numbers lose their fraction, an array ends at its first nil, a table with one
//! of a few names is what the name says.
//!
//! What a script returns may be without end, or many times as large as all that the interpreter holds, for a table may
//! stand in itself, and in many places: the reply has a limit, and it is written in slices, as the script runs.
use super::{
    engine::Shared,
    errors,
    run::{Failure, Wish, suspend},
};
use crate::{
    error::{CommandError, text_of_bytes},
    resp::{Protocol, Reply},
};
use bytes::Bytes;
use mlua::{Table, Value};

/// Tables within tables, at most: one that holds itself has no end.
const DEPTH_MAX: usize = 2_000;
/// What each value counts beside its text where a reply is limited, and what a table counts beside that: about what they
/// would take in the interpreter if each were there by itself. So many small ones end, too.
const VALUE_BYTES: usize = 32;
const TABLE_BYTES: usize = 64;
/// After so many values the writer pauses, ...
const SLICE_VALUES: usize = 10_000;
/// ... of which a long string counts as one for each so many bytes of it.
const BYTES_AS_VALUE: usize = 4096;
/// A string from this length on is not copied once more where the reply's buffer grows.
const LONG_STRING_BYTES: usize = 1 << 20;

/// Writes `value` for a client of the reply's protocol. Returns the first error that is among what was written.
///
/// # Errors
/// When the reply grows too large, memory is short, or the script is killed meanwhile.
pub fn write(value: Value, shared: &Shared, reply: &mut Reply) -> mlua::Result<Option<Failure>> {
    let room_bytes = shared.reply_bytes_max.get();
    let spoken = shared.protocol.get();
    let mut writer = Writer { spoken, shared, reply, room_bytes, left_in_slice: SLICE_VALUES, failure: None };
    writer.value(value, 0)?;
    Ok(writer.failure)
}

struct Writer<'a> {
    spoken: Protocol,
    shared: &'a Shared,
    reply: &'a mut Reply,
    /// How much it may still grow.
    room_bytes: usize,
    left_in_slice: usize,
    failure: Option<Failure>,
}

impl Writer<'_> {
    /// To be called ahead of each value, with the bytes of its text.
    fn take_room(&mut self, text_bytes: usize) -> mlua::Result<()> {
        let Some(room_bytes) = self.room_bytes.checked_sub(text_bytes + VALUE_BYTES) else {
            return Err(mlua::Error::runtime("its reply is too large: it may have 1 GiB"));
        };
        self.room_bytes = room_bytes;
        self.work(1 + text_bytes / BYTES_AS_VALUE)
    }
    /// Whoever drives the script looks at the time now and then.
    fn work(&mut self, values: usize) -> mlua::Result<()> {
        if values < self.left_in_slice {
            self.left_in_slice -= values;
            return Ok(());
        }
        self.left_in_slice = SLICE_VALUES;
        suspend(Wish::Pause);
        if self.shared.killed.get() { Err(mlua::Error::runtime(errors::KILLED)) } else { Ok(()) }
    }
    fn text_of(&mut self, text: &[u8]) -> mlua::Result<()> {
        self.take_room(text.len())?;
        match text.len() < LONG_STRING_BYTES {
            true => self.reply.bulk(text),
            false => self.reply.shared_bulk(&Bytes::copy_from_slice(text)),
        }
        Ok(())
    }
    fn value(&mut self, value: Value, depth: usize) -> mlua::Result<()> {
        if let Value::String(text) = value {
            return self.text_of(&text.as_bytes());
        }
        self.take_room(if value.is_table() { TABLE_BYTES } else { 0 })?;
        match value {
            _ if depth == DEPTH_MAX => {
                let error = CommandError::fixed("ERR reached lua stack limit");
                self.reply.error(&error);
                self.failure.get_or_insert(Failure { error, is_counted: false });
            }
            Value::Integer(integer) => self.reply.integer(integer),
            Value::Number(number) => self.reply.integer(truncated(number)),
            Value::Boolean(value) => match self.spoken {
                Protocol::Resp3 => self.reply.boolean(value),
                Protocol::Resp2 if value => self.reply.integer(1),
                Protocol::Resp2 => self.reply.null(),
            },
            Value::Table(table) => self.table(&table, depth)?,
            _ => self.reply.null(),
        }
        Ok(())
    }
    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        // Most tables are arrays, which begin by their first element and have no names.
        if let Some(failure) = failure_of(table)? {
            self.take_room(failure.error.text().len())?;
            self.reply.error(&failure.error);
            self.failure.get_or_insert(failure);
            return Ok(());
        }
        if let Value::String(status) = table.raw_get("ok")? {
            self.take_room(status.as_bytes().len())?;
            self.reply.status_of(until_nul(&status.as_bytes()));
            return Ok(());
        }
        let double = match table.raw_get("double")? {
            Value::Integer(integer) => Some(integer as f64),
            Value::Number(number) => Some(number),
            _ => None,
        };
        if let Some(number) = double {
            self.reply.double(number);
            return Ok(());
        }
        if let Value::String(digits) = table.raw_get("big_number")? {
            self.take_room(digits.as_bytes().len())?;
            let digits: Vec<u8> = digits.as_bytes().iter().map(|&byte| without_break(byte)).collect();
            self.reply.big_number(&text_of_bytes(&digits));
            return Ok(());
        }
        if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
            && let Value::String(format) = verbatim.raw_get("format")?
            && let Value::String(text) = verbatim.raw_get("string")?
        {
            self.take_room(text.as_bytes().len())?;
            self.reply.verbatim_of(&format.as_bytes(), &text.as_bytes());
            return Ok(());
        }
        if let Value::Table(map) = table.raw_get("map")? {
            return self.map(&map, depth);
        }
        if let Value::Table(set) = table.raw_get("set")? {
            return self.set(&set, depth);
        }
        self.array(table, depth)
    }
    fn count(&mut self, table: &Table) -> mlua::Result<usize> {
        let mut count = 0;
        for pair in table.pairs::<Value, Value>() {
            pair?;
            count += 1;
            self.work(1)?;
        }
        Ok(count)
    }
    fn map(&mut self, map: &Table, depth: usize) -> mlua::Result<()> {
        let count = self.count(map)?;
        self.reply.map(count);
        for pair in map.pairs() {
            let (key, value) = pair?;
            self.value(key, depth + 1)?;
            self.value(value, depth + 1)?;
        }
        Ok(())
    }
    fn set(&mut self, set: &Table, depth: usize) -> mlua::Result<()> {
        let count = self.count(set)?;
        self.reply.set(count);
        for pair in set.pairs::<Value, Value>() {
            self.value(pair?.0, depth + 1)?;
        }
        Ok(())
    }
    fn array(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let place = self.reply.position();
        let count = table.raw_len();
        self.reply.array(count);
        for index in 1..=count {
            let value: Value = table.raw_get(index)?;
            if value.is_nil() {
                // There was a hole, and Lua's own count went past it.
                self.reply.replace_count(place, count, index - 1);
                return Ok(());
            }
            self.value(value, depth + 1)?;
        }
        Ok(())
    }
}

/// The error that a table stands for, if it does.
pub fn failure_of(table: &Table) -> mlua::Result<Option<Failure>> {
    let Value::String(text) = table.raw_get("err")? else { return Ok(None) };
    let is_counted = matches!(table.raw_get("ignore_error_stats_update")?, Value::Boolean(true));
    let error = CommandError::text_of(text_of_bytes(until_nul(&text.as_bytes())));
    Ok(Some(Failure { error, is_counted }))
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    crate::error::until_nul(bytes)
}
fn without_break(byte: u8) -> u8 {
    if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }
}

/// A double as C makes it an integer on the machines that Redis runs on: what does not fit is the least one.
fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// What a script ends in that raised `problem`: the text, the script's name, and where it happened (if it has a name).
pub fn failure(name: &str, problem: &Value) -> Failure {
    let Value::Table(table) = problem else {
        let text = errors::text_of(problem);
        let text = text_of_bytes(&text).chars().take(100).collect::<String>();
        let error = CommandError::text_of(format!("ERR Error running script {name}, {text}"));
        return Failure { error, is_counted: false };
    };
    let field = |field: &str| table.get::<Value>(field).unwrap_or(Value::Nil);
    let text = match field("err") {
        Value::String(text) => text_of_bytes(until_nul(&text.as_bytes())).into_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        _ => "ERR unknown error".to_string(),
    };
    let place = match (field("source"), field("line")) {
        (Value::String(source), Value::Integer(line)) if !name.is_empty() => {
            format!(" script: {name}, on {}:{line}.", text_of_bytes(&source.as_bytes()))
        }
        _ => String::new(),
    };
    let is_counted = matches!(field("ignore_error_stats_update"), Value::Boolean(true));
    Failure { error: CommandError::text_of(text + &place), is_counted }
}
