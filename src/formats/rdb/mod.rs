//! RDB: a snapshot of all data as one run of bytes, in a file, in front of an append-only file, or on its way to a
//! replica; and a single value of it, as DUMP and RESTORE pass it on.
//!
//! ```text
//! | REDIS0010 | aux field … | library … | database: select, sizes, entry … | … | 255 | CRC-64, 8 bytes |
//! entry: | [252 deadline] | [248 idle] or [249 frequency] | type | key | value |
//! ```
//!
//! * [`Encoder`] writes. Values that are held in Redis' own bytes are copied. A large value is written in pieces, by a
//!   [`Progress`]. It writes the lowest [`Version`] that holds the data, so that older servers read it, too.
//! * [`Scanner`] takes a file chunk by chunk, and finds where each entry ends without looking closer at its value; so one
//!   thread may read and scan while another decodes.
//! * [`decode`] turns the bytes of a value into the value. It trusts nothing: what is damaged or hostile is an error, never
//!   a panic, and nothing is allocated for a length that is not backed by bytes. (Redis can be told to look less closely.)
//! * [`dump`] is the frame around a single value.
//!
//! Sources: `rdb.h` of Redis 7.4 for the numbers; <https://rdb.fnordig.de/file_format.html> for the older types.
mod check;
mod damage;
pub mod dump;
mod functions;
mod input;
mod kind;
mod read;
mod scan;
mod scribe;
#[cfg(test)]
mod tests;
mod version;
mod write;

pub use check::{CheckedWriter, Checksum};
pub use damage::Damage;
pub use functions::{FunctionsDamage, functions_of, seal_functions};
pub use kind::ValueType;
pub use read::{Decoded, decode, decode_beginning};
pub use scan::{Item, Record, Scanner, Sum};
pub use scribe::{FileScribe, History};
pub use version::Version;
pub use write::{Encoder, Progress, Usage};

/// The highest version that is read.
pub const VERSION_MAX: u16 = 12;

/// What stands in place of a type.
mod opcode {
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION: u8 = 245;
    pub const FUNCTION_PRE_GA: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQUENCY: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZE_DB: u8 = 251;
    pub const DEADLINE_MS: u8 = 252;
    pub const DEADLINE_SECONDS: u8 = 253;
    pub const SELECT_DB: u8 = 254;
    pub const END: u8 = 255;
}

/// How lengths and strings begin: by the upper two bits of a byte.
mod head {
    pub const LENGTH_32: u8 = 0x80;
    pub const LENGTH_64: u8 = 0x81;
    pub const INTEGER_8: u8 = 0xC0;
    pub const INTEGER_16: u8 = 0xC1;
    pub const INTEGER_32: u8 = 0xC2;
    pub const COMPRESSED: u8 = 0xC3;
}

/// How the node of a list of [`ValueType::Quicklist2`] is held.
mod container {
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}
