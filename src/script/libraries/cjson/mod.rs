//! `cjson`: JSON from and to Lua values, as lua-cjson 2.1.0 has it. JSON's null is a light userdata (`cjson.null`),
//! since a table cannot hold nil.
//!
//! Settings belong to a library table; `cjson.new` makes another with settings of its own.
mod decode;
mod encode;

use super::arguments::{Arguments, register};
use mlua::{Lua, Result, Table, Value};
use std::{cell::Cell, rc::Rc};

/// What to do with infinities and NaN.
#[derive(Clone, Copy, PartialEq)]
enum InvalidNumbers {
    Refused,
    /// As words, which JSON does not have.
    Accepted,
    /// As null; for encoding only.
    Null,
}

#[derive(Clone, Copy)]
struct Settings {
    /// Very sparse arrays become objects; otherwise they are an error.
    converts_sparse: bool,
    /// An array is very sparse when its last index is this many times the count of its elements; 0 lets all be.
    sparse_ratio: i32,
    /// Never very sparse up to this index.
    sparse_safe: i32,
    encode_depth_max: i32,
    decode_depth_max: i32,
    encode_invalid: InvalidNumbers,
    decode_invalid: InvalidNumbers,
    /// Significant digits of numbers, 1 to 14.
    precision: i32,
    /// Told back only: no buffer outlives a call here.
    keeps_buffer: bool,
}

const DEFAULTS: Settings = Settings {
    converts_sparse: false,
    sparse_ratio: 2,
    sparse_safe: 10,
    encode_depth_max: 1000,
    decode_depth_max: 1000,
    encode_invalid: InvalidNumbers::Refused,
    decode_invalid: InvalidNumbers::Accepted,
    precision: 14,
    keeps_buffer: true,
};

type Shared = Rc<Cell<Settings>>;

pub fn create(lua: &Lua) -> Result<Table> {
    let library = lua.create_table()?;
    let settings = Rc::new(Cell::new(DEFAULTS));
    let shared = settings.clone();
    register(lua, &library, "encode", move |arguments| encode::encode(arguments, shared.get()))?;
    let shared = settings.clone();
    register(lua, &library, "decode", move |arguments| decode::decode(arguments, shared.get()))?;
    register_settings(lua, &library, &settings)?;
    register(lua, &library, "new", |arguments| create(arguments.lua))?;
    library.raw_set("null", Value::NULL)?;
    library.raw_set("_NAME", "cjson")?;
    library.raw_set("_VERSION", "2.1.0")?;
    Ok(library)
}

/// The functions that change a setting if they are given one, and answer with what holds then.
fn register_settings(lua: &Lua, library: &Table, settings: &Shared) -> Result<()> {
    let setting = |name, function: fn(&Arguments, &mut Settings) -> Result<Value>| {
        let settings = settings.clone();
        register(lua, library, name, move |arguments| {
            at_most(arguments, 1)?;
            change(&settings, |settings| function(arguments, settings))
        })
    };
    setting("encode_max_depth", |arguments, settings| {
        integer_option(arguments, 1, &mut settings.encode_depth_max, 1, i32::MAX)
    })?;
    setting("decode_max_depth", |arguments, settings| {
        integer_option(arguments, 1, &mut settings.decode_depth_max, 1, i32::MAX)
    })?;
    setting("encode_number_precision", |arguments, settings| {
        integer_option(arguments, 1, &mut settings.precision, 1, 14)
    })?;
    setting("encode_keep_buffer", |arguments, settings| {
        switch_option(arguments, 1, &mut settings.keeps_buffer)
    })?;
    setting("encode_invalid_numbers", |arguments, settings| {
        if let Some(chosen) = chosen_option(arguments, 1, &["off", "on", "null"])? {
            settings.encode_invalid =
                [InvalidNumbers::Refused, InvalidNumbers::Accepted, InvalidNumbers::Null][chosen];
        }
        match settings.encode_invalid {
            InvalidNumbers::Null => Ok(Value::String(arguments.lua.create_string("null")?)),
            other => Ok(Value::Boolean(other == InvalidNumbers::Accepted)),
        }
    })?;
    setting("decode_invalid_numbers", |arguments, settings| {
        let mut accepts = settings.decode_invalid == InvalidNumbers::Accepted;
        let answer = switch_option(arguments, 1, &mut accepts);
        settings.decode_invalid = if accepts { InvalidNumbers::Accepted } else { InvalidNumbers::Refused };
        answer
    })?;
    let settings = settings.clone();
    register(lua, library, "encode_sparse_array", move |arguments| {
        at_most(arguments, 3)?;
        change(&settings, |settings| {
            Ok((
                switch_option(arguments, 1, &mut settings.converts_sparse)?,
                integer_option(arguments, 2, &mut settings.sparse_ratio, 0, i32::MAX)?,
                integer_option(arguments, 3, &mut settings.sparse_safe, 0, i32::MAX)?,
            ))
        })
    })
}

/// What was changed before an error stays changed.
fn change<R>(shared: &Shared, function: impl FnOnce(&mut Settings) -> Result<R>) -> Result<R> {
    let mut settings = shared.get();
    let answer = function(&mut settings);
    shared.set(settings);
    answer
}

fn at_most(arguments: &Arguments, count: usize) -> Result<()> {
    if arguments.count() > count {
        return Err(arguments.bad(count + 1, "found too many arguments"));
    }
    Ok(())
}

/// Exactly one argument, which encoding and decoding take.
fn exactly_one(arguments: &Arguments) -> Result<()> {
    if arguments.count() == 1 { Ok(()) } else { Err(arguments.bad(1, "expected 1 argument")) }
}

fn integer_option(
    arguments: &Arguments,
    position: usize,
    setting: &mut i32,
    least: i32,
    most: i32,
) -> Result<Value> {
    if !arguments.value(position).is_nil() {
        // C takes an int of it before it looks.
        let value = arguments.integer(position)? as i32;
        if !(least..=most).contains(&value) {
            return Err(arguments.bad(1, format!("expected integer between {least} and {most}")));
        }
        *setting = value;
    }
    Ok(Value::Integer(i64::from(*setting)))
}

fn switch_option(arguments: &Arguments, position: usize, setting: &mut bool) -> Result<Value> {
    if let Some(chosen) = chosen_option(arguments, position, &["off", "on"])? {
        *setting = chosen == 1;
    }
    Ok(Value::Boolean(*setting))
}

/// The index of the option that is named; false and true are the first two. None if nothing is given.
fn chosen_option(arguments: &Arguments, position: usize, options: &[&str]) -> Result<Option<usize>> {
    match arguments.value(position) {
        Value::Nil => Ok(None),
        Value::Boolean(on) => Ok(Some(usize::from(*on))),
        _ => {
            let name = arguments.string(position)?;
            let name = name.as_bytes();
            // C compares up to a NUL.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let found = options.iter().position(|option| option.as_bytes() == name);
            let unknown =
                || arguments.bad(position, format!("invalid option '{}'", String::from_utf8_lossy(name)));
            found.map(Some).ok_or_else(unknown)
        }
    }
}
