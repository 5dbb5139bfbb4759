//! A reply, as it goes over the wire, as a Lua value. The bytes are the server's own, so they are not checked twice: what
//! is cut short is nil.
use super::errors;
use crate::data::number::parse_double;
use mlua::{Lua, Table, Value};

/// The value that a reply stands for.
///
/// # Errors
/// When memory is short.
pub fn value(lua: &Lua, bytes: &[u8]) -> mlua::Result<Value> {
    Parser { lua, rest: bytes }.value()
}

/// Room made for elements before the first is read, at most.
const ROOM_MAX: usize = 1 << 16;

struct Parser<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }
    /// So many bytes, and the line break behind them.
    fn bulk(&mut self, length: usize) -> &'a [u8] {
        let length = length.min(self.rest.len());
        let bulk = &self.rest[..length];
        self.rest = self.rest.get(length + 2..).unwrap_or_default();
        bulk
    }
    fn value(&mut self) -> mlua::Result<Value> {
        let line = self.line();
        let Some((&kind, text)) = line.split_first() else { return Ok(Value::Nil) };
        let string = |bytes: &[u8]| self.lua.create_string(bytes);
        match kind {
            b'+' => self.single("ok", Value::String(string(text)?)),
            b'-' => self.error(line),
            b':' => Ok(Value::Integer(integer(text))),
            b'$' | b'*' if text == b"-1" => Ok(Value::Boolean(false)),
            b'$' => {
                let bulk = self.bulk(integer(text) as usize);
                Ok(Value::String(self.lua.create_string(bulk)?))
            }
            b'*' | b'>' => self.array(integer(text) as usize).map(Value::Table),
            b'%' => self.map(integer(text) as usize),
            b'~' => self.set(integer(text) as usize),
            b',' => self.single("double", Value::Number(parse_double(text).unwrap_or(f64::NAN))),
            b'#' => Ok(Value::Boolean(text == b"t")),
            b'(' => self.single("big_number", Value::String(string(text)?)),
            b'=' => self.verbatim(integer(text) as usize),
            b'|' => {
                // Attributes are not for scripts.
                for _ in 0..2 * integer(text) {
                    self.value()?;
                }
                self.value()
            }
            _ => Ok(Value::Nil),
        }
    }
    fn table(&self, elements: usize, fields: usize) -> mlua::Result<Table> {
        self.lua.create_table_with_capacity(elements.min(ROOM_MAX), fields.min(ROOM_MAX))
    }
    fn single(&self, name: &str, value: Value) -> mlua::Result<Value> {
        let table = self.table(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }
    fn error(&self, line: &[u8]) -> mlua::Result<Value> {
        let table = errors::table(self.lua, line)?;
        // It was counted when the command was run.
        table.raw_set("ignore_error_stats_update", true)?;
        Ok(Value::Table(table))
    }
    fn array(&mut self, count: usize) -> mlua::Result<Table> {
        let table = self.table(count, 0)?;
        for index in 1..=count {
            let value = self.value()?;
            table.raw_set(index, value)?;
        }
        Ok(table)
    }
    fn map(&mut self, pairs: usize) -> mlua::Result<Value> {
        let table = self.table(0, pairs)?;
        for _ in 0..pairs {
            let (key, value) = (self.value()?, self.value()?);
            table.raw_set(key, value)?;
        }
        self.single("map", Value::Table(table))
    }
    fn set(&mut self, members: usize) -> mlua::Result<Value> {
        let table = self.table(0, members)?;
        for _ in 0..members {
            let member = self.value()?;
            table.raw_set(member, true)?;
        }
        self.single("set", Value::Table(table))
    }
    fn verbatim(&mut self, length: usize) -> mlua::Result<Value> {
        let bulk = self.bulk(length);
        let (format, text) = bulk.split_at(bulk.len().min(4));
        let table = self.table(0, 2)?;
        table.raw_set("string", self.lua.create_string(text)?)?;
        table.raw_set("format", self.lua.create_string(&format[..format.len().min(3)])?)?;
        self.single("verbatim_string", Value::Table(table))
    }
}

fn integer(text: &[u8]) -> i64 {
    let (is_negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let digit = |sum: i64, byte: &u8| sum.wrapping_mul(10).wrapping_add(i64::from(byte.wrapping_sub(b'0')));
    let sum = digits.iter().fold(0, digit);
    if is_negative { sum.wrapping_neg() } else { sum }
}
