//! `struct`: C structures in strings, after a format of one letter a member: `b` char, `h` short, `l` long, `T`
//! size_t, `i` int (each in upper case without sign), `f` float, `d` double, `x` a byte of padding, `s` a string that
//! ends with a NUL, `cN` a string of N bytes. `<` and `>` choose the order of bytes, `!N` the alignment.
//!
//! `iN` takes up to 32 bytes, though a value has but 8: what the C library makes of the others is kept.
use super::arguments::{Arguments, STACK_SLOTS_MAX, cast, cast_unsigned, register, to_number};
use mlua::{Error, Lua, LuaString, MultiValue, Result, Table, Value};

/// Bytes of the greatest integer.
const INTEGER_SIZE_MAX: usize = 32;
/// The alignment that `!` without a number means (bytes).
const ALIGNMENT_DEFAULT: usize = 8;

pub fn create(lua: &Lua) -> Result<Table> {
    let library = lua.create_table()?;
    register(lua, &library, "pack", pack)?;
    register(lua, &library, "unpack", unpack)?;
    register(lua, &library, "size", size)?;
    Ok(library)
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Little,
    Big,
}

/// A walk through a format, with the options that hold where it is.
struct Format<'a> {
    arguments: &'a Arguments<'a>,
    rest: &'a [u8],
    order: Order,
    alignment: usize,
}

/// A letter of the format with its size in bytes; 0 if only the value tells.
struct Item {
    letter: u8,
    size: usize,
}

impl Item {
    fn is_integer(&self) -> bool {
        b"bBhHlLTiI".contains(&self.letter)
    }
}

impl<'a> Format<'a> {
    fn new(arguments: &'a Arguments<'a>, text: &'a [u8]) -> Self {
        // C's string ends there.
        let rest = text.split(|byte| *byte == 0).next().unwrap_or_default();
        Format { arguments, rest, order: Order::Little, alignment: 1 }
    }

    fn next(&mut self) -> Result<Option<Item>> {
        let [letter, rest @ ..] = self.rest else { return Ok(None) };
        self.rest = rest;
        let size = match letter {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.count(1)?,
            b'i' | b'I' => {
                let size = self.count(4)?;
                if size > INTEGER_SIZE_MAX {
                    let text = format!("integral size {size} is larger than limit of {INTEGER_SIZE_MAX}");
                    return Err(self.arguments.error(text));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { letter: *letter, size }))
    }

    /// The number that comes next, if one does.
    fn count(&mut self, default: usize) -> Result<usize> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        if digits == 0 {
            return Ok(default);
        }
        self.rest = rest;
        let count = number
            .iter()
            .try_fold(0i32, |count, digit| count.checked_mul(10)?.checked_add(i32::from(digit - b'0')));
        count.map(|count| count as usize).ok_or_else(|| self.arguments.error("integral size overflow"))
    }

    /// Bytes to skip at a position, so that an item is aligned.
    fn padding(&self, position: usize, item: &Item) -> usize {
        if item.size == 0 || item.letter == b'c' {
            return 0;
        }
        let mask = item.size.min(self.alignment) - 1;
        (mask + 1).wrapping_sub(position & mask) & mask
    }

    /// A letter that is no member.
    fn option(&mut self, letter: u8) -> Result<()> {
        match letter {
            b' ' => {}
            b'>' => self.order = Order::Big,
            b'<' => self.order = Order::Little,
            b'!' => {
                let alignment = self.count(ALIGNMENT_DEFAULT)?;
                if !alignment.is_power_of_two() {
                    return Err(self.arguments.error(format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment;
            }
            other => {
                let letter = String::from_utf8_lossy(&[other]).into_owned();
                return Err(self.arguments.bad(1, format!("invalid format option '{letter}'")));
            }
        }
        Ok(())
    }

    /// Bytes of a number, from or to little-endian order.
    fn ordered<const SIZE: usize>(&self, mut bytes: [u8; SIZE]) -> [u8; SIZE] {
        if self.order == Order::Big {
            bytes.reverse();
        }
        bytes
    }

    fn put_integer(&self, output: &mut Vec<u8>, size: usize, number: f64) {
        let value = if number < 0.0 { cast(number) as u64 } else { cast_unsigned(number) };
        let mut bytes = [0; INTEGER_SIZE_MAX];
        bytes[..8].copy_from_slice(&value.to_le_bytes());
        let start = output.len();
        output.extend_from_slice(&bytes[..size]);
        if self.order == Order::Big {
            output[start..].reverse();
        }
    }

    fn get_integer(&self, bytes: &[u8], item: &Item) -> f64 {
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let value = match self.order {
            Order::Big => bytes.iter().fold(0, join),
            Order::Little => bytes.iter().rev().fold(0, join),
        };
        if !item.letter.is_ascii_lowercase() {
            return value as f64;
        }
        // The sign's place counts modulo 64, as the processor shifts: beyond 8 bytes it is not where it should be.
        let mask = u64::MAX.wrapping_shl((item.size as u32 * 8).wrapping_sub(1));
        if value & mask == 0 { value as f64 } else { (value | mask) as i64 as f64 }
    }
}

/// The argument at a position, where one behind the last is a nil: so `pack` has them.
fn missing_is_nil(arguments: &Arguments, position: usize, expected: &str, error: Error) -> Error {
    if position <= arguments.count() {
        return error;
    }
    arguments.bad(position, format!("{expected} expected, got nil"))
}

fn pack(arguments: &Arguments) -> Result<LuaString> {
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    let mut format = Format::new(arguments, &text);
    let mut output = Vec::new();
    let mut position = 2;
    while let Some(item) = format.next()? {
        output.resize(output.len() + format.padding(output.len(), &item), 0);
        let number = |position| {
            arguments.number(position).map_err(|error| missing_is_nil(arguments, position, "number", error))
        };
        match item.letter {
            b'x' => output.push(0),
            b'f' => output.extend_from_slice(&format.ordered((number(position)? as f32).to_le_bytes())),
            b'd' => output.extend_from_slice(&format.ordered(number(position)?.to_le_bytes())),
            _ if item.is_integer() => format.put_integer(&mut output, item.size, number(position)?),
            b'c' | b's' => {
                let value = arguments
                    .string(position)
                    .map_err(|error| missing_is_nil(arguments, position, "string", error))?;
                let value = value.as_bytes();
                let size = if item.size == 0 { value.len() } else { item.size };
                let Some(value) = value.get(..size) else {
                    // The C library has counted on by then.
                    return Err(arguments.bad(position + 1, "string too short"));
                };
                output.extend_from_slice(value);
                if item.letter == b's' {
                    output.push(0);
                }
            }
            option => {
                format.option(option)?;
                continue;
            }
        }
        position += usize::from(item.letter != b'x');
    }
    arguments.lua.create_string(&output)
}

fn unpack(arguments: &Arguments) -> Result<MultiValue> {
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    let data = arguments.string(2)?;
    let data: &[u8] = &data.as_bytes();
    let mut position = match arguments.integer_or(3, 1)? as u64 as usize {
        0 => return Err(arguments.bad(3, "offset must be 1 or greater")),
        position => position - 1,
    };
    let mut format = Format::new(arguments, &text);
    let mut values = MultiValue::new();
    let overflow = |error: Option<Error>| match error {
        None | Some(Error::StackError) => arguments.error("stack overflow (too many results)"),
        Some(other) => other,
    };
    let string = |text: &[u8]| {
        arguments.lua.create_string(text).map(Value::String).map_err(|error| overflow(Some(error)))
    };
    let too_short = || arguments.bad(2, "data string too short");
    while let Some(item) = format.next()? {
        position = position.wrapping_add(format.padding(position, &item));
        let rest = data.get(position..).ok_or_else(too_short)?;
        let bytes = rest.get(..item.size).ok_or_else(too_short)?;
        if arguments.count() + values.len() + 2 > STACK_SLOTS_MAX {
            return Err(overflow(None));
        }
        let mut taken = item.size;
        match item.letter {
            b'x' => {}
            b'f' => {
                let single = f32::from_le_bytes(format.ordered(fixed(bytes)));
                values.push_back(Value::Number(f64::from(single)));
            }
            b'd' => values.push_back(Value::Number(f64::from_le_bytes(format.ordered(fixed(bytes))))),
            _ if item.is_integer() => values.push_back(Value::Number(format.get_integer(bytes, &item))),
            b'c' => {
                if item.size == 0 {
                    taken = previous_size(arguments, &mut values)?;
                }
                values.push_back(string(rest.get(..taken).ok_or_else(too_short)?)?);
            }
            b's' => {
                let Some(length) = memchr::memchr(0, rest) else {
                    return Err(arguments.error("unfinished string in data"));
                };
                values.push_back(string(&rest[..length])?);
                taken = length + 1;
            }
            option => format.option(option)?,
        }
        position += taken;
    }
    values.push_back(Value::Integer(position as i64 + 1));
    Ok(values)
}

/// The result before, which is the size of `c0` and no result then.
fn previous_size(arguments: &Arguments, values: &mut MultiValue) -> Result<usize> {
    let size = match values.back() {
        Some(value) => to_number(arguments.lua, value)?,
        None => None,
    };
    let size = size.ok_or_else(|| arguments.error("format 'c0' needs a previous size"))?;
    values.pop_back();
    Ok(cast_unsigned(size) as usize)
}

/// Bytes whose count was checked, as an array.
fn fixed<const SIZE: usize>(bytes: &[u8]) -> [u8; SIZE] {
    let mut array = [0; SIZE];
    array.copy_from_slice(bytes);
    array
}

/// The bytes that a format takes, if that does not depend on values.
fn size(arguments: &Arguments) -> Result<i64> {
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    let mut format = Format::new(arguments, &text);
    let mut position: usize = 0;
    while let Some(item) = format.next()? {
        position += format.padding(position, &item);
        match item.letter {
            b's' => return Err(arguments.bad(1, "option 's' has no fixed size")),
            b'c' if item.size == 0 => return Err(arguments.bad(1, "option 'c0' has no fixed size")),
            letter if !letter.is_ascii_alphanumeric() => format.option(letter)?,
            _ => position += item.size,
        }
    }
    Ok(position as i64)
}
