//! One interpreter, and what its scripts share with the host.
use super::{
    functions::register::Registering,
    garbage::Garbage,
    names::Names,
    random::Random,
    run::{Outcome, Replicate, Run, Start},
    sandbox::{self, Entries},
};
use crate::{
    error::{CommandError, text_of_bytes},
    resp::{Protocol, Reply, RequestBuilder},
};
use bstr::BStr;
use corosensei::stack::DefaultStack;
use mlua::{Either, Function, Lua, RegistryKey, Table};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// Address space of a script's stack. Memory is taken as it is used. Lua nests up to 200 calls of C functions, of which
/// some keep buffers of 16 KiB there.
const STACK_BYTES: usize = 32 << 20;
/// What one interpreter may hold. A script that wants more ends in an error.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// What a script's reply may have: one that is larger than all that the interpreter may hold names the same things again
/// and again.
const REPLY_BYTES_MAX: usize = MEMORY_BYTES_MAX;
/// A reply's buffer that has grown beyond this is not kept for the next.
const KEPT_BUFFER_BYTES_MAX: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For EVAL: keys and arguments are globals.
    Scripts,
    /// For FCALL: they are parameters. Code that declares functions sees little else.
    Functions,
}
impl Kind {
    /// What errors call the code.
    fn chunk_name(self) -> &'static str {
        match self {
            Kind::Scripts => "@user_script",
            Kind::Functions => "@user_function",
        }
    }
}

/// What the functions of `redis` know of the script that calls them.
#[derive(Default)]
pub(super) struct Shared {
    /// The script chose it, by `redis.setresp`.
    pub protocol: Cell<Protocol>,
    /// The script chose it, by `redis.set_repl`.
    pub replicate: Cell<Replicate>,
    /// How large its reply may grow.
    pub reply_bytes_max: Cell<usize>,
    pub killed: Cell<bool>,
    /// Where it was then.
    pub killed_at: RefCell<Option<(String, i64)>>,
    /// A library is being loaded.
    pub registering: RefCell<Option<Registering>>,
    pub builder: RefCell<RequestBuilder>,
    pub buffer: Cell<Vec<u8>>,
    pub names: Names,
    pub random: Random,
}
impl Default for Replicate {
    fn default() -> Replicate {
        Replicate::ALL
    }
}
impl Shared {
    /// While a script's own code runs, memory is limited. The host's own few allocations are not: they would have to be
    /// protected against errors of memory one by one.
    pub fn limit(&self, lua: &Lua) {
        // It cannot fail: the interpreter's memory is ours.
        let _ = lua.set_memory_limit(MEMORY_BYTES_MAX);
    }
    pub fn unlimit(&self, lua: &Lua) {
        let _ = lua.set_memory_limit(0);
    }
    /// A reply's memory, to be used again.
    pub fn keep_buffer(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BUFFER_BYTES_MAX {
            buffer.clear();
            self.buffer.set(buffer);
        }
    }
}

/// One Lua interpreter.
pub struct Engine {
    kind: Kind,
    lua: Lua,
    entries: Entries,
    shared: Rc<Shared>,
    garbage: Garbage,
    /// The stack of the last script that has ended.
    stack: Option<DefaultStack>,
}

impl Engine {
    /// # Panics
    /// If there is not even memory for an interpreter.
    pub fn new(kind: Kind) -> Engine {
        let shared = Rc::new(Shared::default());
        let built = sandbox::build(kind, &shared);
        let (lua, entries) = built.expect("an interpreter can be made of what the program brings along");
        let garbage = Garbage::new(lua.used_memory(), MEMORY_BYTES_MAX / 2);
        Engine { kind, lua, entries, shared, garbage, stack: None }
    }
    /// The code as a function, not yet called.
    ///
    /// # Errors
    /// What Lua says of it.
    pub fn compile(&mut self, code: &[u8]) -> Result<Rc<RegistryKey>, String> {
        self.shared.limit(&self.lua);
        let chunk = self.lua.load(code).set_name(self.kind.chunk_name());
        let function = chunk.set_mode(mlua::chunk::ChunkMode::Text).into_function();
        let function = function.and_then(|function| self.lua.create_registry_value(function)).map(Rc::new);
        self.shared.unlimit(&self.lua);
        if function.is_err() {
            self.collect_if_due();
        }
        function.map_err(|error| text_of_bytes(&super::errors::text_of_failure(&error)).into_owned())
    }
    /// Begins a script, or the callback of a function. `name` is what its errors call it; its reply is written for
    /// `protocol`.
    ///
    /// # Errors
    /// When memory is short.
    pub fn start<'a>(
        &mut self,
        function: &RegistryKey,
        name: &Rc<str>,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        protocol: Protocol,
    ) -> Result<Run, CommandError> {
        let entry = match self.kind {
            Kind::Scripts => &self.entries.run_script,
            Kind::Functions => &self.entries.run_function,
        };
        self.begin(entry.clone(), function, name, keys, arguments, protocol).map_err(|error| {
            let text = super::errors::text_of_failure(&error);
            CommandError::text_of(format!("ERR {}", text_of_bytes(&text)))
        })
    }
    fn begin<'a>(
        &mut self,
        entry: Function,
        function: &RegistryKey,
        name: &Rc<str>,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        protocol: Protocol,
    ) -> mlua::Result<Run> {
        let stack = match self.stack.take() {
            Some(stack) => stack,
            None => DefaultStack::new(STACK_BYTES).map_err(mlua::Error::external)?,
        };
        self.shared.protocol.set(Protocol::Resp2);
        self.shared.replicate.set(Replicate::ALL);
        self.shared.reply_bytes_max.set(REPLY_BYTES_MAX);
        self.shared.killed.set(false);
        self.shared.killed_at.take();
        let start = Start {
            entry,
            function: self.lua.registry_value(function)?,
            keys: self.words(keys)?,
            arguments: self.words(arguments)?,
            name: name.clone(),
            protocol,
            buffer: self.shared.buffer.take(),
        };
        Ok(Run::new(stack, self.lua.clone(), self.shared.clone(), start))
    }
    fn words<'a>(&self, words: impl ExactSizeIterator<Item = &'a [u8]>) -> mlua::Result<Table> {
        // A text is pushed as it is, other bytes go by way of a value.
        let word = |word| match std::str::from_utf8(word) {
            Ok(text) => Either::Left(text),
            Err(_) => Either::Right(BStr::new(word)),
        };
        self.lua.create_sequence_from(words.map(word))
    }
    /// Takes back what a script that has ended ran on.
    pub fn end(&mut self, run: Run) {
        let was_killed = self.shared.killed.get();
        self.stack = run.into_stack();
        if was_killed {
            sandbox::rest(&self.lua, &self.shared);
        }
        if self.garbage.is_turn(self.memory_bytes()) {
            let _ = self.lua.gc_step();
        }
        self.collect_if_due();
    }
    /// Collects what was left behind, if it is much: it would be held for long, and count against what the next script
    /// may have.
    fn collect_if_due(&mut self) {
        if !self.garbage.is_due(self.memory_bytes()) {
            return;
        }
        // Where any of this fails, garbage stays for now.
        let _ = self.entries.forget.call::<()>(());
        self.lua.expire_registry_values();
        let _ = self.lua.gc_collect();
        self.garbage.collected(self.memory_bytes());
    }
    /// A reply's memory, to be used again.
    pub fn give_back(&self, reply: Reply) {
        let (buffer, _) = reply.into_parts();
        self.shared.keep_buffer(buffer);
    }
    /// What the interpreter holds.
    pub fn memory_bytes(&self) -> usize {
        self.lua.used_memory()
    }
    /// Runs the code of a library, for as long as `may_go_on` says so. The functions that it registered.
    pub(super) fn register(
        &mut self,
        library: &RegistryKey,
        mut may_go_on: impl FnMut() -> bool,
    ) -> Result<Registering, CommandError> {
        use super::run::{Answer, Step};
        *self.shared.registering.borrow_mut() = Some(Registering::default());
        let entry = self.entries.load.clone();
        let nothing = || std::iter::empty::<&[u8]>();
        let name: Rc<str> = "".into();
        let begun = self.begin(entry, library, &name, nothing(), nothing(), Protocol::Resp2);
        let mut is_late = false;
        let outcome: Result<Outcome, mlua::Error> = begun.map(|mut run| {
            let outcome = loop {
                match run.resume(Answer::Go) {
                    Step::Done(outcome) => break outcome,
                    Step::Wish(_) if !may_go_on() => {
                        is_late = true;
                        run.kill();
                    }
                    Step::Wish(_) => {}
                }
            };
            self.end(run);
            outcome
        });
        let restored = self.entries.loaded.call::<()>(());
        // What was only needed to load it goes as fast as it comes: there may be many libraries, and no call of any.
        let _ = self.lua.gc_step();
        let registering = self.shared.registering.take().unwrap_or_default();
        let wrong =
            |what: &str| Err(CommandError::text_of(format!("ERR Error registering functions: {what}")));
        match outcome {
            _ if is_late => wrong("ERR FUNCTION LOAD timeout"),
            Ok(Outcome { failure: Some(failure), raised: true, .. }) => wrong(&failure.error.text()),
            Err(error) => wrong(&text_of_bytes(&super::errors::text_of_failure(&error))),
            Ok(_) if restored.is_err() => wrong("ERR not enough memory"),
            Ok(_) => Ok(registering),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_unless_it_was_large() {
        let shared = Shared::default();
        shared.keep_buffer(b"+OK\r\n".to_vec());
        let kept = shared.buffer.take();
        assert!(kept.is_empty() && kept.capacity() >= 5);
        shared.keep_buffer(vec![b'x'; 1 << 20]);
        assert_eq!(shared.buffer.take().capacity(), 0);
    }
}
