//! Lua values from MessagePack. Nothing is allocated for a length that the input claims before its bytes are there.
use crate::script::libraries::arguments::{Arguments, STACK_SLOTS_MAX};
use crate::script::libraries::tables::{Item, pushed, with_memory};
use mlua::{Error, MultiValue, Result, Table, Value};
use std::borrow::Cow;

const TOO_MANY_VALUES: &str =
    "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
const TOO_DEEP: &str = "stack overflow (in function mp_decode_to_lua_array)";

/// What is asked of the input.
pub enum Range {
    All,
    /// A number of values from an offset (bytes) on; the answer begins with the offset of what follows.
    Part {
        limit: i64,
        offset: i64,
    },
}

impl Range {
    /// No limit and no offset ask for all.
    pub fn of(limit: i64, offset: i64) -> Range {
        if limit == 0 && offset == 0 { Range::All } else { Range::Part { limit, offset } }
    }
}

/// An array or map that is being read.
enum Open<'a> {
    Array { table: Table, index: u32, length: u32 },
    Map { table: Table, key: Option<Item<'a>>, left: u32 },
}

impl Open<'_> {
    /// The stack slots that the C library takes while it reads the next value of this.
    fn slots(&self) -> usize {
        match self {
            Open::Array { .. } | Open::Map { key: Some(_), .. } => 2,
            Open::Map { key: None, .. } => 1,
        }
    }
}

/// What the bytes begin: a value that is whole, or a container with something in it.
enum Begun<'a> {
    Whole(Item<'a>),
    Inside(Open<'a>),
}

struct Reader<'a> {
    arguments: &'a Arguments<'a>,
    rest: &'a [u8],
    open: Vec<Open<'a>>,
    slots: usize,
}

/// `held`: how many of the arguments lie on the stack meanwhile.
pub fn unpack(arguments: &Arguments, held: usize, range: Range) -> Result<MultiValue> {
    let input = arguments.string(1)?;
    let input: &[u8] = &input.as_bytes();
    let (limit, offset) = match range {
        Range::All => (i64::from(i32::MAX), 0),
        Range::Part { limit, offset } => (limit, offset),
    };
    // C shows ints.
    let (shown_offset, length) = (offset as i32, input.len() as i32);
    if offset < 0 || limit < 0 {
        let text = format!("Invalid request to unpack with offset of {shown_offset} and limit of {length}.");
        return Err(arguments.error(text));
    }
    let Some(rest) = input.get(offset as usize..) else {
        let text = format!("Start offset {shown_offset} greater than input length {length}.");
        return Err(arguments.error(text));
    };
    let mut reader = Reader { arguments, rest, open: Vec::new(), slots: held };
    with_memory(arguments.lua, input.len(), || {
        let mut values = MultiValue::new();
        while !reader.rest.is_empty() && (values.len() as i64) < limit {
            values.push_back(reader.value()?);
            reader.slots += 1;
        }
        if let Range::Part { .. } = range {
            let next = if reader.rest.is_empty() { -1 } else { (input.len() - reader.rest.len()) as i64 };
            values.push_front(Value::Integer(next));
        }
        Ok(values)
    })
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| self.arguments.error("Missing bytes in input."))?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_unsigned(&mut self, bytes: usize) -> Result<u64> {
        Ok(self.take(bytes)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn take_signed(&mut self, bytes: usize) -> Result<i64> {
        let unused = 64 - 8 * bytes;
        Ok((self.take_unsigned(bytes)? as i64) << unused >> unused)
    }

    /// One value with all that is in it.
    fn value(&mut self) -> Result<Value> {
        loop {
            let mut value = match self.begin()? {
                Begun::Whole(value) => value,
                Begun::Inside(open) => {
                    self.slots += open.slots();
                    self.open.push(open);
                    continue;
                }
            };
            // The value ends as many containers as it is the last of.
            loop {
                let Some(mut open) = self.open.pop() else {
                    return value.into_value(self.arguments.lua).map_err(|error| self.overflow(error));
                };
                self.slots -= open.slots();
                match put(&mut open, value)? {
                    Some(table) => value = Item::Value(Value::Table(table)),
                    None => {
                        self.slots += open.slots();
                        self.open.push(open);
                        break;
                    }
                }
            }
        }
    }

    fn begin(&mut self) -> Result<Begun<'a>> {
        if self.slots + 1 > STACK_SLOTS_MAX {
            return Err(self.arguments.error(TOO_MANY_VALUES));
        }
        let head = self.take(1)?[0];
        let value = match head {
            0x00..=0x7f => Value::Integer(i64::from(head)),
            0xe0..=0xff => Value::Integer(i64::from(head as i8)),
            // Beyond the signed ones they wrap, as they do in Lua's integers.
            0xcc..=0xcf => Value::Integer(self.take_unsigned(1 << (head - 0xcc))? as i64),
            0xd0..=0xd3 => Value::Integer(self.take_signed(1 << (head - 0xd0))?),
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Boolean(head == 0xc3),
            0xca => Value::Number(f64::from(f32::from_bits(self.take_unsigned(4)? as u32))),
            0xcb => Value::Number(f64::from_bits(self.take_unsigned(8)?)),
            0xa0..=0xbf => return self.string(usize::from(head & 0x1f)),
            0xd9..=0xdb => {
                let length = self.take_unsigned(1 << (head - 0xd9))?;
                return self.string(length as usize);
            }
            0x90..=0x9f => return self.array(u32::from(head & 0xf)),
            0xdc | 0xdd => {
                let length = self.take_unsigned(2 << (head - 0xdc))?;
                return self.array(length as u32);
            }
            0x80..=0x8f => return self.map(u32::from(head & 0xf)),
            0xde | 0xdf => {
                let length = self.take_unsigned(2 << (head - 0xde))?;
                return self.map(length as u32);
            }
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => {
                return Err(self.arguments.error("Bad data format in input."));
            }
        };
        Ok(Begun::Whole(Item::Value(value)))
    }

    fn string(&mut self, length: usize) -> Result<Begun<'a>> {
        Ok(Begun::Whole(Item::Text(Cow::Borrowed(self.take(length)?))))
    }

    fn table(&self) -> Result<Table> {
        self.arguments.lua.create_table().map_err(|error| self.overflow(error))
    }

    fn overflow(&self, error: Error) -> Error {
        if matches!(error, Error::StackError) { self.arguments.error(TOO_MANY_VALUES) } else { error }
    }

    fn array(&self, length: u32) -> Result<Begun<'a>> {
        if self.slots + 2 > STACK_SLOTS_MAX {
            return Err(self.arguments.error(TOO_DEEP));
        }
        let table = self.table()?;
        Ok(match length {
            0 => Begun::Whole(Item::Value(Value::Table(table))),
            _ => Begun::Inside(Open::Array { table, index: 0, length }),
        })
    }

    fn map(&self, length: u32) -> Result<Begun<'a>> {
        let table = self.table()?;
        Ok(match length {
            0 => Begun::Whole(Item::Value(Value::Table(table))),
            _ => Begun::Inside(Open::Map { table, key: None, left: length }),
        })
    }
}

/// Puts a value where it belongs; gives back the table if the value was its last.
fn put<'a>(open: &mut Open<'a>, value: Item<'a>) -> Result<Option<Table>> {
    match open {
        Open::Array { table, index, length } => {
            *index += 1;
            value.put(table, *index)?;
            Ok((index == length).then(|| table.clone()))
        }
        Open::Map { table, key, left } => {
            let Some(key) = key.take() else {
                *key = Some(value);
                return Ok(None);
            };
            // Lua says so without a place.
            match key {
                Item::Text(key) => value.put(table, pushed(&key))?,
                Item::Value(Value::Nil) => return Err(Error::RuntimeError("table index is nil".into())),
                Item::Value(Value::Number(number)) if number.is_nan() => {
                    return Err(Error::RuntimeError("table index is NaN".into()));
                }
                Item::Value(key) => value.put(table, key)?,
            }
            *left -= 1;
            Ok((*left == 0).then(|| table.clone()))
        }
    }
}
