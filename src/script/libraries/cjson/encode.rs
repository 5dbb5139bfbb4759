//! JSON from a Lua value. A table is an array if all its keys are integers from 1; the empty table is an object.
use super::{InvalidNumbers, Settings, exactly_one};
use crate::data::number::format_significant;
use crate::script::libraries::{
    OUTPUT_BYTES_MAX,
    arguments::{Arguments, STACK_SLOTS_MAX, out_of_memory, type_name},
};
use mlua::{Result, Table, Value, table::TablePairs};
use self_cell::self_cell;

type Iter<'a> = TablePairs<'a, Value, Value>;

self_cell!(
    /// The pairs of a table that is kept alive meanwhile.
    struct Pairs {
        owner: Table,
        #[covariant]
        dependent: Iter,
    }
);

/// A table that is being written.
enum Open {
    Array {
        table: Table,
        /// The last index written.
        index: i32,
        length: i32,
    },
    Object {
        pairs: Pairs,
        is_first: bool,
    },
}

impl Open {
    /// The stack slots that the C library takes while it is inside this table.
    fn slots(&self) -> usize {
        match self {
            Open::Array { .. } => 1,
            Open::Object { .. } => 2,
        }
    }
}

struct Encoder<'a> {
    arguments: &'a Arguments<'a>,
    settings: Settings,
    output: Vec<u8>,
    open: Vec<Open>,
    slots: usize,
}

pub fn encode(arguments: &Arguments, settings: Settings) -> Result<Value> {
    exactly_one(arguments)?;
    let mut encoder = Encoder { arguments, settings, output: Vec::new(), open: Vec::new(), slots: 1 };
    encoder.value(arguments.value(1))?;
    while encoder.step()? {}
    Ok(Value::String(arguments.lua.create_string(&encoder.output)?))
}

impl Encoder<'_> {
    /// Writes the next value of the innermost table, or closes it. False when none is left.
    fn step(&mut self) -> Result<bool> {
        if self.output.len() > OUTPUT_BYTES_MAX {
            return Err(out_of_memory());
        }
        match self.open.last_mut() {
            None => return Ok(false),
            Some(Open::Array { index, length, .. }) if index == length => self.close(b']'),
            Some(Open::Array { table, index, .. }) => {
                if *index > 0 {
                    self.output.push(b',');
                }
                *index += 1;
                let value = table.raw_get(*index)?;
                self.value(&value)?;
            }
            Some(Open::Object { pairs, is_first }) => {
                let Some(pair) = pairs.with_dependent_mut(|_, pairs| pairs.next()) else {
                    self.close(b'}');
                    return Ok(true);
                };
                let (key, value) = pair?;
                if !std::mem::replace(is_first, false) {
                    self.output.push(b',');
                }
                self.key(&key)?;
                self.value(&value)?;
            }
        }
        Ok(true)
    }

    fn close(&mut self, bracket: u8) {
        self.output.push(bracket);
        self.slots -= self.open.pop().map_or(0, |table| table.slots());
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => self.number(value)?,
            Value::Boolean(true) => self.output.extend_from_slice(b"true"),
            Value::Boolean(false) => self.output.extend_from_slice(b"false"),
            Value::Table(table) => self.table(table)?,
            Value::Nil => self.output.extend_from_slice(b"null"),
            Value::LightUserData(pointer) if pointer.0.is_null() => self.output.extend_from_slice(b"null"),
            _ => return Err(self.refused(value, "type not supported")),
        }
        Ok(())
    }

    fn refused(&self, value: &Value, reason: &str) -> mlua::Error {
        self.arguments.error(format!("Cannot serialise {}: {reason}", type_name(value)))
    }

    fn table(&mut self, table: &Table) -> Result<()> {
        let depth = self.open.len() + 1;
        if depth > self.settings.encode_depth_max as usize || self.slots + 3 > STACK_SLOTS_MAX {
            return Err(self.arguments.error(format!("Cannot serialise, excessive nesting ({depth})")));
        }
        let (bracket, opened) = match self.array_length(table)? {
            Some(length) => (b'[', Open::Array { table: table.clone(), index: 0, length }),
            None => (b'{', Open::Object { pairs: Pairs::new(table.clone(), Table::pairs), is_first: true }),
        };
        self.output.push(bracket);
        self.slots += opened.slots();
        self.open.push(opened);
        Ok(())
    }

    /// The last index of a table that is an array and not empty.
    fn array_length(&self, table: &Table) -> Result<Option<i32>> {
        let (mut length, mut count) = (0i32, 0i32);
        for pair in table.pairs::<Value, Value>() {
            let index = match pair?.0 {
                Value::Integer(index) => index as f64,
                Value::Number(index) => index,
                _ => return Ok(None),
            };
            if index.floor() != index || index < 1.0 {
                return Ok(None);
            }
            if index > f64::from(length) {
                // What no int can hold is the least int, as C's cast has it: such a table is an object.
                length = if index > f64::from(i32::MAX) { i32::MIN } else { index as i32 };
            }
            count = count.wrapping_add(1);
        }
        let Settings { sparse_ratio, sparse_safe, converts_sparse, .. } = self.settings;
        if sparse_ratio > 0 && length > count.wrapping_mul(sparse_ratio) && length > sparse_safe {
            if converts_sparse {
                return Ok(None);
            }
            return Err(self.refused(&Value::Table(table.clone()), "excessively sparse array"));
        }
        Ok((length > 0).then_some(length))
    }

    fn key(&mut self, key: &Value) -> Result<()> {
        match key {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => {
                self.output.push(b'"');
                self.number(key)?;
                self.output.push(b'"');
            }
            _ => return Err(self.refused(key, "table key must be a number or string")),
        }
        self.output.push(b':');
        Ok(())
    }

    fn number(&mut self, value: &Value) -> Result<()> {
        let number = match value {
            Value::Integer(integer) => *integer as f64,
            Value::Number(number) => *number,
            _ => return Ok(()),
        };
        match self.settings.encode_invalid {
            _ if number.is_finite() => {}
            InvalidNumbers::Refused => return Err(self.refused(value, "must not be NaN or Inf")),
            InvalidNumbers::Accepted => {}
            InvalidNumbers::Null => {
                self.output.extend_from_slice(b"null");
                return Ok(());
            }
        }
        let text = format_significant(number, self.settings.precision);
        self.output.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.output.reserve(text.len() + 2);
        self.output.push(b'"');
        for &byte in text {
            let escaped = match byte {
                b'"' | b'\\' | b'/' => byte,
                8 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                12 => b'f',
                b'\r' => b'r',
                0..=31 | 127 => {
                    self.output.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    continue;
                }
                _ => {
                    self.output.push(byte);
                    continue;
                }
            };
            self.output.extend_from_slice(&[b'\\', escaped]);
        }
        self.output.push(b'"');
    }
}
