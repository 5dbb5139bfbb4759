//! MODULE: there are none, and clients that ask are told so. Loading one is not possible, so there is no LOAD.
use super::{
    help::{help, help_spec},
    spec,
};
use crate::{
    commands::{
        Command, Entry, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        session,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};

pub static SUBCOMMANDS: &[Entry] = &[session::<List>(), session::<Help>()];

pub struct List;
impl Command for List {
    const SPEC: Spec = spec("LIST", Exactly(2))
        .flags(ADMIN | NO_SCRIPT)
        .since("4.0.0")
        .complexity("O(N)")
        .summary("Lists the loaded modules: none.")
        .tips(&["nondeterministic_output_order"]);
    fn parse(_: &mut Args) -> Result<List, CommandError> {
        Ok(List)
    }
}
impl SessionCommand for List {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply.array(0);
        Ok(())
    }
}

help!(Help of "MODULE", help_spec("5.0.0"), "LIST", "    List the loaded modules: none, as modules cannot be loaded.");
