//! All commands by name, and the way from a request to a task.
//!
//! Each family's file ends in one list; this is the only place that names the families.
use super::{
    Access,
    args::{Args, Context},
    command::{Entry, Task},
    error::{CommandError, SHOWN_BYTES_MAX, shown_in_part, text_of_bytes, until_nul},
    name_index::NameIndex,
    redis_names::redis_names,
    spec::{self, Categories, Spec, category},
};
use crate::resp::Request;
use hashbrown::HashSet;
use std::sync::OnceLock;

static FAMILIES: &[&[Entry]] = &[
    super::keys::COMMANDS,
    super::strings::COMMANDS,
    super::bitmaps::COMMANDS,
    super::hyperloglog::COMMANDS,
    super::lists::COMMANDS,
    super::sort::COMMANDS,
    super::sets::COMMANDS,
    super::sorted_sets::COMMANDS,
    super::geo::COMMANDS,
    super::streams::COMMANDS,
    super::hashes::COMMANDS,
    super::pubsub::COMMANDS,
    super::connection::COMMANDS,
    super::server::COMMANDS,
    super::transactions::COMMANDS,
    super::scripting::COMMANDS,
    super::replication::COMMANDS,
];

/// A command as it is registered, containers and subcommands alike.
pub struct Node {
    pub entry: &'static Entry,
    /// In lower case, with its container: `config|get`.
    pub full_name: &'static str,
    /// Dense number, for tables beside the registry.
    pub index: usize,
    pub categories: Categories,
    pub subcommands: Vec<Node>,
    /// Arguments that name the command: 1, or 2 for a subcommand.
    pub words: usize,
}
impl Node {
    pub fn spec(&self) -> &'static Spec {
        &self.entry.spec
    }
    pub fn subcommand(&self, name: &[u8]) -> Option<&Node> {
        self.subcommands.iter().find(|node| node.spec().name.as_bytes().eq_ignore_ascii_case(name))
    }
}

pub struct Registry {
    /// The top-level commands, and the names that they go by, in upper case.
    nodes: Vec<(&'static [u8], Node)>,
    index: NameIndex,
    names: Vec<&'static str>,
    /// Names of commands that Redis has and that are not here yet.
    absent: HashSet<String>,
}

/// What became of a renaming.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Renamed {
    InEffect,
    /// The command is not here yet.
    Waiting,
}

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// Longest name of a command, in bytes: room for a checksum in hexadecimal, a usual choice for a name nobody guesses.
const NAME_BYTES_MAX: usize = 64;

impl Registry {
    pub fn get() -> &'static Registry {
        REGISTRY.get_or_init(Registry::build)
    }
    /// Opens the registry with some commands under other names (old and new; none, where the new one is empty). For
    /// the whole process, before anybody asks for it. Tells what became of each.
    ///
    /// # Errors
    /// Which of the renamings cannot be, and why.
    pub fn open<'a>(
        renamings: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Vec<Renamed>, (usize, &'static str)> {
        let mut registry = Registry::build();
        let rename =
            |(index, (name, new_name))| registry.rename(name, new_name).map_err(|reason| (index, reason));
        let renamed = renamings.enumerate().map(rename).collect::<Result<_, _>>()?;
        assert!(REGISTRY.set(registry).is_ok(), "the registry is opened once, before it is used");
        Ok(renamed)
    }
    fn rename(&mut self, name: &str, new_name: &str) -> Result<Renamed, &'static str> {
        let (name, new_name) = (name.to_ascii_uppercase(), new_name.to_ascii_uppercase());
        let nth = self.place_of(name.as_bytes());
        if nth.is_none() && !self.absent.remove(&name) {
            return Err("No such command in rename-command");
        }
        if new_name.len() > NAME_BYTES_MAX {
            return Err("Target command name is longer than 64 bytes");
        }
        let is_taken = self.place_of(new_name.as_bytes()).is_some_and(|other| nth != Some(other));
        if is_taken || self.absent.contains(&new_name) {
            return Err("Target command name already exists");
        }
        let renamed = if nth.is_some() { Renamed::InEffect } else { Renamed::Waiting };
        match nth {
            Some(nth) if new_name.is_empty() => drop(self.nodes.swap_remove(nth)),
            // Lives as long as the program, as the registry does.
            Some(nth) => self.nodes[nth].0 = new_name.leak().as_bytes(),
            None if new_name.is_empty() => {}
            None => drop(self.absent.insert(new_name)),
        }
        self.index_names();
        Ok(renamed)
    }
    fn build() -> Registry {
        let mut registry = Registry {
            nodes: Vec::new(),
            index: NameIndex::of(std::iter::empty()),
            names: Vec::new(),
            absent: HashSet::new(),
        };
        for entry in FAMILIES.iter().copied().flatten() {
            let node = registry.node(entry, None);
            registry.nodes.push((entry.spec.name.as_bytes(), node));
        }
        registry.index_names();
        let is_absent = |name: &&str| registry.place_of(name.as_bytes()).is_none();
        registry.absent = redis_names().filter(is_absent).map(str::to_string).collect();
        registry
    }
    /// To be called when names have changed.
    fn index_names(&mut self) {
        self.index = NameIndex::of(self.nodes.iter().map(|(name, _)| *name));
    }
    #[inline]
    fn place_of(&self, name: &[u8]) -> Option<usize> {
        self.index.find(name, |nth| self.nodes[nth].0)
    }
    fn node(&mut self, entry: &'static Entry, container: Option<&str>) -> Node {
        let name = entry.spec.name.to_ascii_lowercase();
        // The registry is built once and lives as long as the program.
        let full_name = container.map_or(name.clone(), |container| format!("{container}|{name}")).leak();
        let index = self.names.len();
        self.names.push(full_name);
        Node {
            entry,
            index,
            categories: categories_of(entry),
            subcommands: entry.subcommands.iter().map(|sub| self.node(sub, Some(&name))).collect(),
            words: 1 + container.is_some() as usize,
            full_name,
        }
    }
    /// Commands and subcommands in all: the length of tables indexed by [`Node::index`].
    pub fn count(&self) -> usize {
        self.names.len()
    }
    /// The full name of the command with this [`Node::index`].
    pub fn full_name(&self, index: usize) -> Option<&'static str> {
        self.names.get(index).copied()
    }
    /// The top-level commands.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|(_, node)| node)
    }
    /// Commands and subcommands.
    pub fn all(&self) -> impl Iterator<Item = &Node> {
        self.iter().flat_map(|node| std::iter::once(node).chain(&node.subcommands))
    }
    /// The top-level command of this name, whatever its case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Node> {
        self.place_of(name).map(|nth| &self.nodes[nth].1)
    }
    /// The command or subcommand that a full name (`config|get`) names.
    pub fn find_full(&self, full_name: &[u8]) -> Option<&Node> {
        let mut parts = full_name.splitn(2, |&byte| byte == b'|');
        let node = self.find(parts.next()?)?;
        match parts.next() {
            Some(sub) => node.subcommand(sub),
            None => Some(node),
        }
    }
    /// The command that a request names, down to its subcommand; `None` if there is no such one.
    pub fn named_by(&self, request: &Request) -> Option<&Node> {
        let node = self.find(request.get(0)?)?;
        match request.get(1) {
            Some(word) if !node.subcommands.is_empty() => node.subcommand(word),
            _ => Some(node),
        }
    }
    /// The command that a request means, down to its subcommand.
    ///
    /// # Errors
    /// Unknown command or subcommand, or a wrong number of arguments.
    #[inline]
    pub fn resolve(&self, request: &Request) -> Result<&Node, CommandError> {
        let node = self.find(request.get(0).unwrap_or_default()).ok_or_else(|| unknown(request))?;
        if node.subcommands.is_empty() {
            return check_arity(node, request);
        }
        match request.get(1) {
            Some(word) => match node.subcommand(word) {
                Some(sub) => check_arity(sub, request),
                None => Err(unknown_subcommand(node, word)),
            },
            None => match node.entry.parse {
                Some(_) => check_arity(node, request),
                None => Err(CommandError::Arity(node.full_name.to_string())),
            },
        }
    }
}

fn check_arity<'a>(node: &'a Node, request: &Request) -> Result<&'a Node, CommandError> {
    if node.spec().arity.admits(request.len()) {
        Ok(node)
    } else {
        Err(CommandError::Arity(node.full_name.to_string()))
    }
}

/// Parses a request whose command is resolved. Runs where the request was read: everything that can be wrong with
/// a request alone is found here.
///
/// # Errors
/// What the command's own `parse` says, or a syntax error if arguments are left over.
#[inline]
pub fn parse(node: &Node, request: &Request, context: Context) -> Result<Task, CommandError> {
    let Some(parse) = node.entry.parse else { return Err(CommandError::Arity(node.full_name.to_string())) };
    let mut args = Args::new(request, node.words, context);
    // A task is large: it stays where it was made.
    let task = parse(&mut args);
    if task.is_ok() {
        args.end()?;
    }
    task
}

fn unknown(request: &Request) -> CommandError {
    let mut beginning = Vec::new();
    for word in request.iter().skip(1) {
        if beginning.len() >= SHOWN_BYTES_MAX {
            break;
        }
        let room = SHOWN_BYTES_MAX - beginning.len();
        let word = until_nul(&word[..word.len().min(room)]);
        beginning.extend([b"'", word, b"' "].concat());
    }
    let beginning = text_of_bytes(&beginning);
    let name = shown_in_part(request.get(0).unwrap_or_default());
    CommandError::text_of(format!("ERR unknown command '{name}', with args beginning with: {beginning}"))
}
fn unknown_subcommand(node: &Node, word: &[u8]) -> CommandError {
    let word = shown_in_part(word);
    let container = node.full_name.to_ascii_uppercase();
    CommandError::text_of(format!("ERR unknown subcommand '{word}'. Try {container} HELP."))
}

/// The categories that a command states, and those that follow from what it is.
fn categories_of(entry: &Entry) -> Categories {
    let has = |flag| entry.spec.flags & flag != 0;
    let mut set = entry.spec.categories;
    match entry.access {
        // Who may read may not therefore run scripts.
        Access::Read if set & category("scripting") != 0 => {}
        Access::Read => set |= category("read"),
        Access::Write => set |= category("write"),
        Access::Neither => {}
    }
    if has(spec::ADMIN) {
        set |= category("admin") | category("dangerous")
    }
    if has(spec::BLOCKING) {
        set |= category("blocking")
    }
    if has(spec::PUBSUB) {
        set |= category("pubsub")
    }
    set | if has(spec::FAST) { category("fast") } else { category("slow") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration for Redis may rename any of its commands.
    #[test]
    fn a_command_that_is_not_here_yet_may_be_renamed() {
        let mut registry = Registry::build();
        registry.absent.extend(["LATER".into(), "ALSO".into()]);
        for (name, new_name, outcome) in [
            ("later", "secret", Ok(Renamed::Waiting)),
            ("LATER", "other", Err("No such command in rename-command")),
            ("ALSO", "SECRET", Err("Target command name already exists")),
            ("get", "secret", Err("Target command name already exists")),
            ("secret", "ping", Err("Target command name already exists")),
        ] {
            assert_eq!(registry.rename(name, new_name), outcome, "{name} {new_name}");
        }
        registry.absent.insert("LATER".into());
        assert_eq!(registry.rename("later", ""), Ok(Renamed::Waiting));
        assert!(registry.find(b"later").is_none());
    }

    #[test]
    fn a_renamed_command_has_its_new_name_only() {
        let mut registry = Registry::build();
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for (name, new_name, outcome) in [
            ("flushall", "Badger", Ok(Renamed::InEffect)),
            ("Badger", "FLUSHALL", Ok(Renamed::InEffect)),
            ("FLUSHALL", "badger", Ok(Renamed::InEffect)),
            ("CONFIG", "", Ok(Renamed::InEffect)),
            ("get", "GET", Ok(Renamed::InEffect)),
            ("NoSuch", "other", Err("No such command in rename-command")),
            ("CONFIG", "", Err("No such command in rename-command")),
            ("ECHO", "ping", Err("Target command name already exists")),
            ("TIME", &long, Err("Target command name is longer than 64 bytes")),
        ] {
            assert_eq!(registry.rename(name, new_name), outcome, "{name} {new_name}");
        }
        let full_name = |name: &str| registry.find(name.as_bytes()).map(|node| node.full_name);
        for (name, found) in
            [("badger", Some("flushall")), ("FLUSHALL", None), ("config", None), ("get", Some("get"))]
        {
            assert_eq!(full_name(name), found, "{name}");
        }
    }
}
