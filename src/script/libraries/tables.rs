//! Reading and filling tables with as few steps into the interpreter as can be: small tables, of which almost all are,
//! are read in one go; bytes go into a table without a value in between.
use bstr::BStr;
use mlua::{Either, Error, IntoLua, Lua, Result, Table, Value};
use std::borrow::Cow;

/// Tables of up to so many pairs are small.
const SMALL_PAIRS_MAX: usize = 32;
/// So many pairs of small tables are held at a time: the references to Lua's values share a stack of limited size.
const HELD_PAIRS_MAX: usize = 256;
/// While a function works on no more than so much, it may go over the limit of memory: with the limit each of its small
/// allocations would have to be protected. What is made of a byte of input is a hundred bytes at most.
const UNLIMITED_BYTES_MAX: usize = 64 << 10;

pub type Pair = (Value, Value);

/// All pairs of a table, in its order, if it is small. `held`: how many are held by others.
pub fn small_content(table: &Table, held: usize) -> Result<Option<Vec<Pair>>> {
    if held + SMALL_PAIRS_MAX > HELD_PAIRS_MAX {
        return Ok(None);
    }
    let mut pairs: Vec<Pair> = Vec::with_capacity(8);
    let mut is_small = true;
    let read = table.for_each(|key: Value, value: Value| {
        if pairs.len() == SMALL_PAIRS_MAX {
            is_small = false;
            return Err(Error::StackError);
        }
        pairs.push((key, value));
        Ok(())
    });
    if !is_small {
        return Ok(None);
    }
    read.map(|()| Some(pairs))
}

/// Looks at the keys of a table until `look` says false.
pub fn look_at_keys(table: &Table, mut look: impl FnMut(&Value) -> bool) -> Result<()> {
    let mut is_over = false;
    let read = table.for_each(|key: Value, _: bool| {
        is_over = !look(&key);
        if is_over { Err(Error::StackError) } else { Ok(()) }
    });
    if is_over { Ok(()) } else { read }
}

/// Whether the keys are 1, 2, 3 and so on, one after another.
pub fn is_in_order(pairs: &[Pair]) -> bool {
    pairs.iter().zip(1..).all(|((key, _), index)| matches!(key, Value::Integer(key) if *key == index))
}

/// What is to be put into a table.
pub enum Item<'a> {
    Text(Cow<'a, [u8]>),
    Value(Value),
}

impl Item<'_> {
    pub fn into_value(self, lua: &Lua) -> Result<Value> {
        match self {
            Item::Text(text) => lua.create_string(&*text).map(Value::String),
            Item::Value(value) => Ok(value),
        }
    }

    pub fn put(self, table: &Table, key: impl IntoLua) -> Result<()> {
        match self {
            Item::Text(text) => table.raw_set(key, pushed(&text)),
            Item::Value(value) => table.raw_set(key, value),
        }
    }
}

/// Text is pushed as it is, other bytes go by way of a value.
pub fn pushed(bytes: &[u8]) -> Either<&str, &BStr> {
    std::str::from_utf8(bytes).map_or_else(|_| Either::Right(BStr::new(bytes)), Either::Left)
}

/// Does something with the interpreter that takes memory for so many bytes of input.
pub fn with_memory<T>(lua: &Lua, bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > UNLIMITED_BYTES_MAX {
        return work();
    }
    // It cannot fail: the interpreter's memory is ours.
    let limit = lua.set_memory_limit(0).unwrap_or(0);
    let result = work();
    let _ = lua.set_memory_limit(limit);
    result
}
