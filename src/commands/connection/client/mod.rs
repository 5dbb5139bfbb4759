//! CLIENT: what a client says about itself, and what it may ask and do about others.
mod help;
mod identity;
mod kill;
mod listing;
mod modes;
mod tracking;
mod waiting;

pub use identity::validate_name;
pub use listing::line as client_line;

use super::spec;
use crate::{
    board::ClientKind,
    commands::{
        Entry,
        args::Args,
        backstage, control,
        error::{CommandError, shown},
        session,
        spec::{Arity::*, *},
    },
};

pub const SPEC: Spec = spec("CLIENT", AtLeast(2))
    .since("2.4.0")
    .categories(0)
    // Each subcommand has its own.
    .complexity("")
    .summary("What concerns clients and their connections.");

pub static SUBCOMMANDS: &[Entry] = &[
    session::<identity::Id>(),
    session::<identity::GetName>(),
    session::<identity::SetName>(),
    session::<identity::SetInfo>(),
    session::<listing::Info>(),
    session::<listing::List>(),
    session::<kill::Kill>(),
    session::<modes::ReplyMode>(),
    session::<modes::NoEvict>(),
    session::<modes::NoTouch>(),
    control::<waiting::Pause>(),
    control::<waiting::Unpause>(),
    backstage::<waiting::Unblock>(),
    backstage::<tracking::Tracking>(),
    backstage::<tracking::Caching>(),
    backstage::<tracking::GetRedir>(),
    backstage::<tracking::TrackingInfo>(),
    session::<help::Help>(),
];

/// What every subcommand may do: be said while loading, but not by a script.
const COMMON: Flags = NO_SCRIPT | LOADING | STALE;

fn kind(name: &[u8]) -> Result<ClientKind, CommandError> {
    ClientKind::from_name(name)
        .ok_or_else(|| CommandError::text_of(format!("ERR Unknown client type '{}'", shown(name))))
}

/// Refuses more than `most` arguments behind the subcommand's name.
fn at_most(args: &Args, most: usize) -> Result<(), CommandError> {
    if args.remaining() <= most {
        return Ok(());
    }
    let word = shown(args.request().get(1).unwrap_or_default());
    Err(CommandError::text_of(format!(
        "ERR unknown subcommand or wrong number of arguments for '{word}'. Try CLIENT HELP."
    )))
}
