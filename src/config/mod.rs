//! The configuration: every parameter of Redis 7.4, from its declaration to the file it is written back to.
//!
//! `table.rs` declares all parameters once; everything else is a loop over that table:
//! * `parameter.rs`: what a row says; the macro that makes the table and [`Config`] out of one declaration;
//! * `setting.rs`, `choices.rs`, `special.rs`, `checks.rs`: how values are read, checked, shown and written, by type;
//! * `arguments.rs`, `load.rs`, `users.rs`: the command line, files and users at start;
//! * `get.rs`, `set.rs`, `rewrite.rs`: `CONFIG GET`, `CONFIG SET`, `CONFIG REWRITE`.
//!
//! The module is synchronous and knows no actor. A [`Config`] is a snapshot: one writer posts a new one, and whoever
//! must act on a change is named by [`Parameter::apply`]. Parameters of features that are yet to come, or that mean
//! nothing here, are accepted and kept ([`Standing`]), so that existing files load and survive a rewrite unharmed.

mod arguments;
mod checks;
mod choices;
mod error;
mod get;
mod load;
mod parameter;
mod rewrite;
mod set;
mod setting;
mod special;
mod table;
mod text;
mod users;

pub use arguments::Invocation;
pub use choices::*;
pub use error::{ConfigError, SetError};
pub use load::{Loaded, Renaming};
pub use parameter::{Apply, Directive, Kind, Mutability, Parameter, Standing};
pub use rewrite::{Rewriting, write_atomically};
pub use set::Circumstances;
pub use setting::read_memory;
pub use special::{
    Directory, KeyspaceEvents, Master, MemoryShare, OutputBufferLimit, OutputBufferLimits, SavePoint,
    SavePoints,
};
pub use table::{Config, DIRECTIVES, TABLE};
pub use users::{DefaultUser, UserLine};
