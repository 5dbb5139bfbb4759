//! The libraries that scripts have beside Lua's own.
use mlua::Lua;

/// Puts them among the globals.
pub fn install(_lua: &Lua) -> mlua::Result<()> {
    Ok(())
}
