//! Lua scripts and libraries of functions.
//!
//! An [`Engine`] is one Lua 5.1 interpreter in a sandbox ([`sandbox`], `prelude.lua`). It knows neither commands nor
//! actors: a script runs on a stack of its own, and what it calls is performed there by the [`Host`] that it was resumed
//! with, or is a [`Wish`] for which it *suspends*; whoever drives the [`Run`] sees to it and resumes the script with the
//! reply, as it would go over the wire. So a script that takes long can be left lying, and the thread serve others
//! meanwhile. No unsafe code, no threads.
//!
//! * [`Scripts`]: what EVAL and SCRIPT LOAD keep. [`Libraries`]: what FUNCTION LOAD keeps.
//! * [`flags`]: what a script says about itself in its first line.
//! * `from_reply`, `to_reply`: replies as Lua values, and back.
mod api;
mod base;
mod engine;
mod errors;
pub mod flags;
mod from_reply;
pub mod functions;
mod garbage;
mod libraries;
mod names;
mod random;
mod run;
mod sandbox;
mod scripts;
#[cfg(test)]
mod tests;
mod to_reply;

pub use engine::{Engine, Kind};
pub use flags::Flags;
pub use functions::{Libraries, Library, Policy};
pub use run::{Answer, Call, Host, Outcome, Replicate, Run, Step, Wish};
pub use scripts::{Keep, Script, Scripts, Sha};

/// The version of Redis that scripts are told.
const REDIS_VERSION: &str = "7.4.1";
