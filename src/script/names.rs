//! The names of commands, by the strings that scripts hold them in.
//!
//! Lua has one string for each text, so a script that calls a command again hands over the same string. To read a string
//! costs more than to tell where it lies; the few that were last called by are held here, with their bytes. As they are
//! held, no other text can come to lie there.
use mlua::LuaString;
use std::{cell::RefCell, ffi::c_void};

/// A power of two.
const PLACES: usize = 64;
/// Longer strings are no commands of ours.
const BYTES_MAX: usize = 24;

struct Name {
    lies_at: *const c_void,
    bytes: [u8; BYTES_MAX],
    length: usize,
    /// Keeps the string where it is.
    _held: LuaString,
}

pub struct Names(RefCell<[Option<Name>; PLACES]>);

impl Default for Names {
    fn default() -> Names {
        Names(RefCell::new([const { None }; PLACES]))
    }
}

impl Names {
    /// Hands over the bytes of a string.
    pub fn read<T>(&self, text: &LuaString, take: impl FnOnce(&[u8]) -> T) -> T {
        let lies_at = text.to_pointer();
        let address = lies_at as usize;
        let mut names = self.0.borrow_mut();
        // Strings are allocated in steps of 16 bytes.
        let place = &mut names[(address >> 4 ^ address >> 10) % PLACES];
        if let Some(name) = place
            && name.lies_at == lies_at
        {
            return take(&name.bytes[..name.length]);
        }
        let read = text.as_bytes();
        if read.len() <= BYTES_MAX {
            let mut bytes = [0; BYTES_MAX];
            bytes[..read.len()].copy_from_slice(&read);
            *place = Some(Name { lies_at, bytes, length: read.len(), _held: text.clone() });
        }
        take(&read)
    }
}
