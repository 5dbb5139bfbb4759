//! `bit`: operations on 32-bit integers. A number is taken modulo 2^32, rounded to the nearest integer; results are
//! signed.
use super::arguments::{Arguments, register};
use mlua::{Lua, LuaString, Result, Table};

pub fn create(lua: &Lua) -> Result<Table> {
    let library = lua.create_table()?;
    let one = |name, operation: fn(u32) -> u32| {
        register(lua, &library, name, move |arguments| Ok(operation(bits(arguments, 1)?) as i32))
    };
    one("tobit", |bits| bits)?;
    one("bnot", |bits| !bits)?;
    one("bswap", u32::swap_bytes)?;
    let fold = |name, operation: fn(u32, u32) -> u32| {
        register(lua, &library, name, move |arguments| {
            let mut result = bits(arguments, 1)?;
            for position in (2..=arguments.count()).rev() {
                result = operation(result, bits(arguments, position)?);
            }
            Ok(result as i32)
        })
    };
    fold("band", |one, other| one & other)?;
    fold("bor", |one, other| one | other)?;
    fold("bxor", |one, other| one ^ other)?;
    // The distance counts modulo 32.
    let shift = |name, operation: fn(u32, u32) -> u32| {
        register(lua, &library, name, move |arguments| {
            Ok(operation(bits(arguments, 1)?, bits(arguments, 2)? & 31) as i32)
        })
    };
    shift("lshift", |bits, distance| bits << distance)?;
    shift("rshift", |bits, distance| bits >> distance)?;
    shift("arshift", |bits, distance| (bits as i32 >> distance) as u32)?;
    shift("rol", u32::rotate_left)?;
    shift("ror", u32::rotate_right)?;
    register(lua, &library, "tohex", tohex)?;
    Ok(library)
}

/// The low 32 bits of a number. Adding 2^52 + 2^51 leaves the integer in the low bits of the mantissa.
fn bits(arguments: &Arguments, position: usize) -> Result<u32> {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let number = arguments.number_if_any(position)?.ok_or_else(|| arguments.mistyped(position, "number"))?;
    Ok((number + MAGIC).to_bits() as u32)
}

/// As many hexadecimal digits as asked for, 8 at most; in upper case if the count is negative.
fn tohex(arguments: &Arguments) -> Result<LuaString> {
    let value = bits(arguments, 1)?;
    let count = if arguments.count() < 2 { 8 } else { bits(arguments, 2)? as i32 };
    let text = if count < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    arguments.lua.create_string(&text[8 - count.unsigned_abs().min(8) as usize..])
}
