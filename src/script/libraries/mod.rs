//! The libraries that scripts find as globals beside Lua's own: `cjson`, `cmsgpack`, `struct` and `bit`, with the
//! functions, texts of errors and limits that Redis 7.4 has.
//!
//! None of them runs code of the script (no metamethod, no callback), and none recurses as deep as its input says:
//! what is nested lies on a heap stack, so that no document ends the process. Where the C libraries are kept from
//! endless nesting by the size of Lua's stack, such a limit is counted here ([`arguments::STACK_SLOTS_MAX`]).
pub(super) mod arguments;
mod bit;
mod cjson;
mod cmsgpack;
mod structs;
mod tables;
#[cfg(test)]
mod tests;

use mlua::Lua;

/// No text that a library makes grows longer than this (bytes): a small table that holds itself many times over
/// stands for more than there is memory.
const OUTPUT_BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 1 << 29 };

/// Sets the libraries as globals.
pub fn install(lua: &Lua) -> mlua::Result<()> {
    let globals = lua.globals();
    globals.set("cjson", cjson::create(lua)?)?;
    globals.set("cmsgpack", cmsgpack::create(lua)?)?;
    globals.set("struct", structs::create(lua)?)?;
    globals.set("bit", bit::create(lua)?)
}
