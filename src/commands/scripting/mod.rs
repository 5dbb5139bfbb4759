//! Scripts and functions: EVAL and its kin, SCRIPT, FCALL, FUNCTION.
//!
//! What a script does is data's business, what it is run by is not: the [`Play`] takes one script from wish to wish, and
//! leaves to whoever drives it what other actors do.
mod function;
mod invocation;
mod library_list;
mod play;
mod script;

use super::{
    Access, Command, Entry, Task, container,
    spec::{Arity::*, *},
};
use crate::{
    board::{Board, ClientRecord},
    commands::session::Session,
    script::{Libraries, Scripts},
};
use bytes::Bytes;
pub use invocation::{Invocation, What};
pub use play::{Advance, Called, Play};
use std::sync::{Arc, atomic::Ordering::Relaxed};

pub static COMMANDS: &[Entry] = &[
    invocation::EVAL,
    invocation::EVAL_RO,
    invocation::EVALSHA,
    invocation::EVALSHA_RO,
    invocation::FCALL,
    invocation::FCALL_RO,
    container(
        Spec::new(Group::Scripting, "SCRIPT", AtLeast(2))
            .categories(0)
            .since("2.6.0")
            .complexity("Depends on subcommand.")
            .summary("A container for commands about the scripts that are kept."),
        script::SUBCOMMANDS,
    ),
    container(
        Spec::new(Group::Scripting, "FUNCTION", AtLeast(2))
            .categories(0)
            .since("7.0.0")
            .complexity("Depends on subcommand.")
            .summary("A container for commands about functions."),
        function::SUBCOMMANDS,
    ),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Scripting, name, arity)
}

/// The scripts and functions that are kept. Their interpreters are made when they are first asked for.
#[derive(Default)]
pub struct Scripting {
    scripts: Option<Scripts>,
    libraries: Option<Libraries>,
    /// In which scripts run commands about a session.
    session: Option<Session>,
    /// Scripts may call what is not meant for them (DEBUG SET-DISABLE-DENY-SCRIPTS).
    pub allows_all: bool,
    /// Of what a script may reply, the transaction that it runs in has replied so much already.
    pub replied_bytes: usize,
}

impl Scripting {
    pub fn scripts(&mut self) -> &mut Scripts {
        self.scripts.get_or_insert_default()
    }
    pub fn libraries(&mut self) -> &mut Libraries {
        self.libraries.get_or_insert_default()
    }
    /// The libraries, if there may be any.
    pub fn known_libraries(&self) -> Option<&Libraries> {
        self.libraries.as_ref()
    }
    pub fn known_scripts(&self) -> Option<&Scripts> {
        self.scripts.as_ref()
    }
    /// The sources of all libraries.
    pub fn sources(&self) -> Vec<Bytes> {
        let libraries = self.libraries.iter().flat_map(Libraries::iter);
        libraries.map(|library| library.source.clone()).collect()
    }
    /// Forgets scripts, with their interpreter; what was there is returned.
    fn take_scripts(&mut self) -> Option<Scripts> {
        self.scripts.take()
    }
    fn take_libraries(&mut self) -> Option<Libraries> {
        self.libraries.take()
    }
    /// Forgets all functions.
    pub fn clear_libraries(&mut self, board: &Board) {
        drop(self.take_libraries());
        self.post(board);
    }
    /// Tells how many there are.
    pub fn post(&self, board: &Board) {
        let (libraries, functions) =
            self.libraries.as_ref().map_or((0, 0), |all| (all.len(), all.function_count()));
        board.busy.libraries.store(libraries, Relaxed);
        board.busy.functions.store(functions, Relaxed);
    }
    /// The session of the script that runs.
    fn session(&mut self, board: &Arc<Board>) -> &mut Session {
        self.session.get_or_insert_with(|| {
            let record = ClientRecord::new(0, String::new(), String::new(), -1, false, 0);
            Session::new(board.clone(), Arc::new(record))
        })
    }
}

/// How [`Invocation`]s are registered: they are run by whoever drives the stage.
const fn invoked(spec: Spec, access: Access, parse: super::Parse) -> Entry {
    Entry { spec, access, parse: Some(parse), subcommands: &[] }
}
/// An entry of a command that looks behind the scenes and changes what is kept.
const fn changing<C: super::BackstageCommand>() -> Entry {
    Entry {
        spec: C::SPEC,
        access: Access::Write,
        parse: Some(|args| Ok(Task::Backstage(smallbox::smallbox!(<C as Command>::parse(args)?)))),
        subcommands: &[],
    }
}
