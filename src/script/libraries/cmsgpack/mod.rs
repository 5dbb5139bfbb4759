//! `cmsgpack`: MessagePack from and to Lua values, as lua-cmsgpack 0.4.0 has it. Numbers that are integers are packed
//! as such; there are no binaries, extensions or timestamps.
//!
//! Source of the format: <https://github.com/msgpack/msgpack/blob/master/spec.md>.
mod pack;
mod unpack;

use super::arguments::{Arguments, register};
use mlua::{Lua, MultiValue, Result, Table};

pub fn create(lua: &Lua) -> Result<Table> {
    let library = lua.create_table()?;
    register(lua, &library, "pack", pack::pack)?;
    register(lua, &library, "unpack", |arguments| {
        unpack::unpack(arguments, arguments.count(), unpack::Range::All)
    })?;
    register(lua, &library, "unpack_one", unpack_one)?;
    register(lua, &library, "unpack_limit", unpack_limit)?;
    library.raw_set("_NAME", "cmsgpack")?;
    library.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    library.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(library)
}

/// The offset of what follows (-1: nothing), and one value.
fn unpack_one(arguments: &Arguments) -> Result<MultiValue> {
    let offset = arguments.integer_or(2, 0)?;
    unpack::unpack(arguments, 1, unpack::Range::of(1, offset))
}

/// The offset of what follows (-1: nothing), and as many values at most as are asked for.
fn unpack_limit(arguments: &Arguments) -> Result<MultiValue> {
    let limit = arguments.integer(2)?;
    let offset = arguments.integer_or(3, 0)?;
    unpack::unpack(arguments, 1, unpack::Range::of(limit, offset))
}
