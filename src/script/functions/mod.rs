//! Libraries of functions: what FUNCTION LOAD keeps, and FCALL calls.
mod dump;
pub(super) mod register;

use super::{
    engine::{Engine, Kind},
    flags::{self, Flags, Heading},
};
use crate::error::{CommandError, text_of_bytes};
use bytes::Bytes;
use hashbrown::HashMap;
use register::{BAD_NAME, is_name};
use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

/// What a library's code may take to declare its functions, when a client sent it.
pub const LOAD_TIME_MAX: Duration = Duration::from_millis(500);
/// The one engine there is.
pub const ENGINE: &str = "LUA";

/// A function that a library registered.
pub struct Function {
    pub name: Rc<str>,
    pub description: Option<Vec<u8>>,
    pub flags: Flags,
    pub callback: mlua::RegistryKey,
}

pub struct Library {
    pub name: String,
    /// All of its source, with its first line.
    pub source: Bytes,
    pub functions: Vec<Rc<Function>>,
}

/// What FUNCTION RESTORE does with the libraries that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They stay; one of the same name is an error.
    Append,
    /// Those of the same names are replaced.
    Replace,
    /// All of them go.
    Flush,
}

/// The names of functions are one whatever their case; those of libraries are not.
type ByName = HashMap<Vec<u8>, Placed, ahash::RandomState>;

/// A function, and the library it is in.
struct Placed {
    function: Rc<Function>,
    library: Rc<str>,
}

/// All libraries, and the interpreter they are compiled for.
pub struct Libraries {
    pub engine: Engine,
    libraries: BTreeMap<String, Library>,
    by_name: ByName,
}

impl Default for Libraries {
    fn default() -> Libraries {
        Libraries {
            engine: Engine::new(Kind::Functions),
            libraries: BTreeMap::new(),
            by_name: ByName::default(),
        }
    }
}

impl Libraries {
    pub fn function(&self, name: &[u8]) -> Option<Rc<Function>> {
        self.by_name.get(&name.to_ascii_lowercase()).map(|placed| placed.function.clone())
    }
    /// The libraries, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.libraries.values()
    }
    pub fn len(&self) -> usize {
        self.libraries.len()
    }
    pub fn is_empty(&self) -> bool {
        self.libraries.is_empty()
    }
    pub fn function_count(&self) -> usize {
        self.by_name.len()
    }
    /// What keeping them takes beside the interpreter.
    pub fn overhead_bytes(&self) -> usize {
        let function = |function: &Rc<Function>| {
            let description = function.description.as_ref().map_or(0, Vec::len);
            size_of::<Function>()
                + 2 * function.name.len()
                + description
                + size_of::<(Vec<u8>, Rc<Function>)>()
        };
        let library = |library: &Library| {
            let functions: usize = library.functions.iter().map(function).sum();
            size_of::<Library>() + library.name.len() + library.source.len() + functions
        };
        self.libraries.values().map(library).sum()
    }
    /// Compiles a library, runs its code, and keeps what it registered: under the name that is returned. `time_max`: what
    /// its code may take.
    ///
    /// # Errors
    /// If anything about it is wrong, or it is there already and is not to be replaced. Then nothing has changed.
    pub fn load(
        &mut self,
        source: &Bytes,
        replaces: bool,
        time_max: Option<Duration>,
    ) -> Result<String, CommandError> {
        let heading = flags::of_library(source)?;
        let name = self.check_heading(&heading)?;
        if !replaces && self.libraries.contains_key(&name) {
            return Err(CommandError::text_of(format!("ERR Library '{name}' already exists")));
        }
        let library = self.compile(name.clone(), source, heading.code, time_max)?;
        self.check_names(&[&library], &[&name])?;
        self.link(library);
        Ok(name)
    }
    fn check_heading(&self, heading: &Heading) -> Result<String, CommandError> {
        if !is_name(&heading.name) {
            return Err(CommandError::text_of(format!("ERR {BAD_NAME}")));
        }
        if !heading.engine.eq_ignore_ascii_case(ENGINE.as_bytes()) {
            let engine = text_of_bytes(&heading.engine);
            return Err(CommandError::text_of(format!("ERR Engine '{engine}' not found")));
        }
        Ok(text_of_bytes(&heading.name).into_owned())
    }
    fn compile(
        &mut self,
        name: String,
        source: &Bytes,
        code: &[u8],
        time_max: Option<Duration>,
    ) -> Result<Library, CommandError> {
        let compiled = self.engine.compile(code);
        let code = compiled
            .map_err(|text| CommandError::text_of(format!("ERR Error compiling function: {text}")))?;
        let start = Instant::now();
        let may_go_on = || time_max.is_none_or(|most| start.elapsed() <= most);
        let functions = self.engine.register(&code, may_go_on)?.functions;
        if functions.is_empty() {
            return Err(CommandError::fixed("ERR No functions registered"));
        }
        Ok(Library { name, source: source.clone(), functions })
    }
    /// Whether these may come while those go: a function has its name for itself.
    fn check_names(&self, coming: &[&Library], going: &[&String]) -> Result<(), CommandError> {
        let stays = |placed: &Placed| !going.iter().any(|name| **name == *placed.library);
        let mut taken = hashbrown::HashSet::new();
        for function in coming.iter().flat_map(|library| &library.functions) {
            let key = function.name.to_ascii_lowercase().into_bytes();
            if self.by_name.get(&key).is_some_and(stays) || !taken.insert(key) {
                return Err(CommandError::text_of(format!("ERR Function {} already exists", function.name)));
            }
        }
        Ok(())
    }
    fn link(&mut self, library: Library) {
        self.delete(&library.name);
        let name: Rc<str> = library.name.as_str().into();
        for function in &library.functions {
            let placed = Placed { function: function.clone(), library: name.clone() };
            self.by_name.insert(function.name.to_ascii_lowercase().into_bytes(), placed);
        }
        self.libraries.insert(library.name.clone(), library);
    }
    /// Whether there was such a library.
    pub fn delete(&mut self, name: &str) -> bool {
        let Some(library) = self.libraries.remove(name) else { return false };
        for function in &library.functions {
            self.by_name.remove(function.name.to_ascii_lowercase().as_bytes());
        }
        true
    }
}
