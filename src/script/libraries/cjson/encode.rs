//! JSON from a Lua value. A table is an array if all its keys are integers from 1; the empty table is an object.
use super::{InvalidNumbers, Settings, exactly_one};
use crate::data::number::format_significant;
use crate::script::libraries::{
    OUTPUT_BYTES_MAX,
    arguments::{Arguments, STACK_SLOTS_MAX, out_of_memory, type_name},
    tables::{self, Pair, is_in_order},
};
use bstr::BString;
use mlua::{Result, Table, Value, table::TablePairs};
use self_cell::self_cell;

/// What most documents take.
const OUTPUT_BYTES: usize = 256;

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
    /// A small one, with what is left of it.
    Small {
        pairs: std::vec::IntoIter<Pair>,
        is_array: bool,
        is_first: bool,
    },
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
            Open::Array { .. } | Open::Small { is_array: true, .. } => 1,
            Open::Object { .. } | Open::Small { .. } => 2,
        }
    }
}

struct Encoder<'a> {
    arguments: &'a Arguments<'a>,
    settings: Settings,
    output: Vec<u8>,
    open: Vec<Open>,
    slots: usize,
    /// Pairs of small tables that are open.
    held: usize,
}

pub fn encode(arguments: &Arguments, settings: Settings) -> Result<BString> {
    exactly_one(arguments)?;
    let output = Vec::with_capacity(OUTPUT_BYTES);
    let mut encoder = Encoder { arguments, settings, output, open: Vec::new(), slots: 1, held: 0 };
    encoder.value(arguments.value(1))?;
    while encoder.step()? {}
    Ok(encoder.output.into())
}

impl Encoder<'_> {
    /// Writes the next value of the innermost table, or closes it. False when none is left.
    fn step(&mut self) -> Result<bool> {
        if self.output.len() > OUTPUT_BYTES_MAX {
            return Err(out_of_memory());
        }
        match self.open.last_mut() {
            None => return Ok(false),
            Some(Open::Small { pairs, is_array, is_first }) => {
                let is_array = *is_array;
                let Some((key, value)) = pairs.next() else {
                    self.close(if is_array { b']' } else { b'}' });
                    return Ok(true);
                };
                self.held -= 1;
                if !std::mem::replace(is_first, false) {
                    self.output.push(b',');
                }
                if !is_array {
                    self.key(&key)?;
                }
                self.value(&value)?;
            }
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
        let small = tables::small_content(table, self.held)?;
        let (bracket, opened) = match (self.array_length(table, small.as_deref())?, small) {
            (None, Some(pairs)) => (b'{', self.small(pairs, false)),
            (None, None) => {
                let pairs = Pairs::new(table.clone(), Table::pairs);
                (b'{', Open::Object { pairs, is_first: true })
            }
            (Some(_), Some(pairs)) if is_in_order(&pairs) => (b'[', self.small(pairs, true)),
            (Some(length), _) => (b'[', Open::Array { table: table.clone(), index: 0, length }),
        };
        self.output.push(bracket);
        self.slots += opened.slots();
        self.open.push(opened);
        Ok(())
    }

    fn small(&mut self, pairs: Vec<Pair>, is_array: bool) -> Open {
        self.held += pairs.len();
        Open::Small { pairs: pairs.into_iter(), is_array, is_first: true }
    }

    /// The last index of a table that is an array and not empty.
    fn array_length(&self, table: &Table, small: Option<&[Pair]>) -> Result<Option<i32>> {
        let (mut length, mut count, mut is_array) = (0i32, 0i32, true);
        let mut look = |key: &Value| {
            let index = match key {
                Value::Integer(index) => *index as f64,
                Value::Number(index) => *index,
                _ => f64::NAN,
            };
            is_array = index.floor() == index && index >= 1.0;
            if index > f64::from(length) {
                // What no int can hold is the least int, as C's cast has it: such a table is an object.
                length = if index > f64::from(i32::MAX) { i32::MIN } else { index as i32 };
            }
            count = count.wrapping_add(1);
            is_array
        };
        match small {
            Some(pairs) => {
                pairs.iter().all(|(key, _)| look(key));
            }
            None => tables::look_at_keys(table, look)?,
        }
        if !is_array {
            return Ok(None);
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
            Value::Integer(integer) if integer.unsigned_abs() < 10u64.pow(self.settings.precision as u32) => {
                self.output.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes());
                return Ok(());
            }
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
        let mut rest = text;
        while let Some(place) = rest.iter().position(|byte| IS_ESCAPED[usize::from(*byte)]) {
            self.output.extend_from_slice(&rest[..place]);
            self.escape(rest[place]);
            rest = &rest[place + 1..];
        }
        self.output.extend_from_slice(rest);
        self.output.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            8 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            12 => b'f',
            b'\r' => b'r',
            b'"' | b'\\' | b'/' => byte,
            _ => return self.output.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        };
        self.output.extend_from_slice(&[b'\\', letter]);
    }
}

const IS_ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 32 || matches!(byte as u8, 127 | b'"' | b'\\' | b'/');
        byte += 1;
    }
    table
};
