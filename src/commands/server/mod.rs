//! The server about itself: what it can do, how it is set up, how it fares.
//!
//! * `command`: COMMAND, from the declarations of all commands; * `config`: CONFIG;
//! * `info`, `memory`, `latency`: figures; * `debug`: what tests need; * `saving`: to disk; `wait`: until it is there; * `shutdown`, `modules`, `time`, `lolwut`.
mod command;
mod config;
mod debug;
mod help;
mod host;
mod info;
mod latency;
mod lolwut;
mod memory;
mod modules;
mod monitor;
mod role;
pub mod saving;
mod shutdown;
#[cfg(test)]
pub mod testing;
pub mod time;
mod wait;

pub use debug::value_digest;

use super::{
    Entry, backstage, blocking, container, control,
    spec::{Arity::*, *},
};

pub static COMMANDS: &[Entry] = &[
    command::COMMAND,
    container(
        spec("CONFIG", AtLeast(2))
            .since("2.0.0")
            .complexity("Depends on subcommand.")
            .summary("Groups the commands about the configuration."),
        config::SUBCOMMANDS,
    ),
    backstage::<info::Info>(),
    backstage::<debug::Debug>(),
    backstage::<time::Time>(),
    backstage::<monitor::Monitor>(),
    super::read::<lolwut::Lolwut>(),
    container(
        spec("MEMORY", AtLeast(2))
            .since("4.0.0")
            .complexity("Depends on subcommand.")
            .summary("Groups the commands about memory use."),
        memory::SUBCOMMANDS,
    ),
    container(
        spec("LATENCY", AtLeast(2))
            .since("2.8.13")
            .complexity("Depends on subcommand.")
            .summary("Groups the commands about latency."),
        latency::SUBCOMMANDS,
    ),
    container(
        spec("MODULE", AtLeast(2))
            .since("4.0.0")
            .complexity("Depends on subcommand.")
            .summary("Groups the commands about modules."),
        modules::SUBCOMMANDS,
    ),
    backstage::<saving::Save>(),
    backstage::<saving::BackgroundSave>(),
    backstage::<saving::LastSave>(),
    backstage::<saving::RewriteLog>(),
    blocking::<wait::Wait>(),
    blocking::<wait::WaitAof>(),
    backstage::<role::Role>(),
    control::<shutdown::ShutDown>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Server, name, arity)
}
/// What an operator's command is in every state of the server.
const OPERATOR: Flags = ADMIN | NO_SCRIPT | LOADING | STALE;
