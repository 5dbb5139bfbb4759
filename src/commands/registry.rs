//! All commands by name, and the way from a request to a task.
//!
//! Each family's file ends in one list; this is the only place that names the families.
use super::{
    Access,
    args::{Args, Context},
    command::{Entry, Task},
    error::{CommandError, SHOWN_BYTES_MAX, shown, shown_in_part},
    spec::{self, Categories, Spec, category},
};
use crate::resp::Request;
use hashbrown::HashMap;
use std::sync::LazyLock;

static FAMILIES: &[&[Entry]] = &[
    super::keys::COMMANDS,
    super::strings::COMMANDS,
    super::bitmaps::COMMANDS,
    super::hyperloglog::COMMANDS,
    super::connection::COMMANDS,
    super::server::COMMANDS,
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
    by_name: HashMap<&'static [u8], Node, ahash::RandomState>,
    names: Vec<&'static str>,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::build);

impl Registry {
    pub fn get() -> &'static Registry {
        &REGISTRY
    }
    fn build() -> Registry {
        let mut registry = Registry { by_name: HashMap::default(), names: Vec::new() };
        for entry in FAMILIES.iter().copied().flatten() {
            let node = registry.node(entry, None);
            registry.by_name.insert(entry.spec.name.as_bytes(), node);
        }
        registry
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
        self.by_name.values()
    }
    /// Commands and subcommands.
    pub fn all(&self) -> impl Iterator<Item = &Node> {
        self.iter().flat_map(|node| std::iter::once(node).chain(&node.subcommands))
    }
    /// The top-level command of this name, whatever its case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Node> {
        let mut upper = [0u8; 32];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        self.by_name.get(&*upper)
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
                None if node.entry.parse.is_some() && node.spec().arity.admits(request.len()) => Ok(node),
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
    let task = parse(&mut args)?;
    args.end()?;
    Ok(task)
}

fn unknown(request: &Request) -> CommandError {
    let mut beginning = String::new();
    for word in request.iter().skip(1) {
        if beginning.len() >= SHOWN_BYTES_MAX {
            break;
        }
        let room = SHOWN_BYTES_MAX - beginning.len();
        beginning += &format!("'{}' ", shown(&word[..word.len().min(room)]));
    }
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
