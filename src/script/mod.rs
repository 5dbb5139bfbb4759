//! Scripts: what runs inside Lua, and what Lua is given to run with.
pub mod libraries;
