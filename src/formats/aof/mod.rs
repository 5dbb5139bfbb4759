//! The append-only file of Redis 7, in parts: a *base* (the data at one moment), *increments* (the commands since), and
//! a *manifest* that tells which files these are.
//!
//! * [`manifest`]: the manifest's lines, and how it changes when the file is opened and rewritten.
//! * [`start`]: what a start finds in the directory, and what is to be done about it.
//! * [`scan`]: from bytes to commands, and where a file is cut off or damaged.
//! * [`write`]: from effects to bytes. [`rewrite`]: from entries to commands that make them anew;
//!   [`scribe`]: so for all entries of a snapshot.
pub mod manifest;
pub mod rewrite;
pub mod scan;
pub mod scribe;
pub mod start;
pub mod write;

pub use manifest::{BaseFormat, Manifest, ManifestError, Names, Part};
pub use rewrite::Rewrite;
pub use scan::{Command, Damage, Item, Scanner, Unfinished};
pub use scribe::CommandScribe;
pub use start::{Found, Opening, Start};
pub use write::Writer;
