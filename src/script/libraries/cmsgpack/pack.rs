//! MessagePack from Lua values. A table is an array if its keys are 1 to its count; what has no form is nil.
use crate::script::libraries::{
    OUTPUT_BYTES_MAX,
    arguments::{Arguments, cast, out_of_memory},
    tables::{Pair, is_in_order, look_at_keys, small_content},
};
use bstr::BString;
use mlua::{Result, Table, Value};

/// Tables nested deeper are nil: this is what ends a table that holds itself.
const NESTING_MAX: usize = 16;

/// The greatest index of an array: C's greatest int.
const INDEX_MAX: i64 = i32::MAX as i64;
/// What most texts take.
const OUTPUT_BYTES: usize = 256;

/// The bytes that announce strings, arrays or maps by their sizes.
struct Heads {
    /// The length is in the same byte up to this one.
    short: u8,
    short_most: usize,
    /// For lengths of one byte, which only strings know.
    one: Option<u8>,
    two: u8,
    four: u8,
}

const STRING: Heads = Heads { short: 0xa0, short_most: 31, one: Some(0xd9), two: 0xda, four: 0xdb };
const ARRAY: Heads = Heads { short: 0x90, short_most: 15, one: None, two: 0xdc, four: 0xdd };
const MAP: Heads = Heads { short: 0x80, short_most: 15, one: None, two: 0xde, four: 0xdf };

/// All arguments, one after another.
pub fn pack(arguments: &Arguments) -> Result<BString> {
    if arguments.count() == 0 {
        return Err(arguments.bad(0, "MessagePack pack needs input."));
    }
    let mut output = Vec::with_capacity(OUTPUT_BYTES);
    for value in arguments.iter() {
        put_value(&mut output, value, 0)?;
    }
    Ok(output.into())
}

fn put_value(output: &mut Vec<u8>, value: &Value, level: usize) -> Result<()> {
    if output.len() > OUTPUT_BYTES_MAX {
        return Err(out_of_memory());
    }
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            put_head(output, &STRING, text.len());
            output.extend_from_slice(&text);
        }
        Value::Boolean(boolean) => output.push(if *boolean { 0xc3 } else { 0xc2 }),
        Value::Integer(integer) => put_number(output, *integer as f64),
        Value::Number(number) => put_number(output, *number),
        Value::Table(table) if level < NESTING_MAX => put_table(output, table, level + 1)?,
        _ => output.push(0xc0),
    }
    Ok(())
}

fn put_head(output: &mut Vec<u8>, heads: &Heads, length: usize) {
    match (length, heads.one) {
        (length, _) if length <= heads.short_most => output.push(heads.short | length as u8),
        (0..=0xff, Some(head)) => output.extend_from_slice(&[head, length as u8]),
        (0..=0xffff, _) => {
            output.push(heads.two);
            output.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            output.push(heads.four);
            output.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn put_number(output: &mut Vec<u8>, number: f64) {
    if cast(number) as f64 == number {
        return put_integer(output, cast(number));
    }
    let single = number as f32;
    if f64::from(single) == number {
        output.push(0xca);
        output.extend_from_slice(&single.to_be_bytes());
    } else {
        output.push(0xcb);
        output.extend_from_slice(&number.to_be_bytes());
    }
}

/// In the fewest bytes: those of zero and above without sign, those below with.
fn put_integer(output: &mut Vec<u8>, integer: i64) {
    let (head, bytes) = match integer {
        -32..=0x7f => return output.push(integer as u8),
        0x80..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000..=i64::MAX => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        i64::MIN..=-0x8000_0001 => (0xd3, 8),
    };
    output.push(head);
    output.extend_from_slice(&integer.to_be_bytes()[8 - bytes..]);
}

fn put_table(output: &mut Vec<u8>, table: &Table, level: usize) -> Result<()> {
    // Tables are nested so little that not many pairs are held.
    let small = small_content(table, 0)?;
    if is_array(table, small.as_deref())? {
        return match small {
            Some(pairs) if is_in_order(&pairs) => {
                put_head(output, &ARRAY, pairs.len());
                pairs.iter().try_for_each(|(_, value)| put_value(output, value, level))
            }
            _ => put_array(output, table, level),
        };
    }
    let Some(pairs) = small else { return put_map(output, table, level) };
    put_head(output, &MAP, pairs.len());
    pairs.iter().try_for_each(|(key, value)| {
        put_value(output, key, level)?;
        put_value(output, value, level)
    })
}

fn put_array(output: &mut Vec<u8>, table: &Table, level: usize) -> Result<()> {
    let length = table.raw_len();
    put_head(output, &ARRAY, length);
    (1..=length).try_for_each(|index| put_value(output, &table.raw_get(index)?, level))
}

fn put_map(output: &mut Vec<u8>, table: &Table, level: usize) -> Result<()> {
    let mut length = 0;
    look_at_keys(table, |_| {
        length += 1;
        true
    })?;
    put_head(output, &MAP, length);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        put_value(output, &key, level)?;
        put_value(output, &value, level)?;
    }
    Ok(())
}

/// Whether all keys are integers above zero, the greatest of them as great as their count. The empty table is an array.
fn is_array(table: &Table, small: Option<&[Pair]>) -> Result<bool> {
    let (mut count, mut greatest, mut is_array) = (0, 0, true);
    let mut look = |key: &Value| {
        is_array = matches!(key, Value::Integer(1..=INDEX_MAX));
        if let Value::Integer(index) = key {
            greatest = greatest.max(*index);
        }
        count += 1;
        is_array
    };
    match small {
        Some(pairs) => {
            pairs.iter().all(|(key, _)| look(key));
        }
        None => look_at_keys(table, look)?,
    }
    Ok(is_array && count == greatest)
}
