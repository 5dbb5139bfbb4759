//! What a command *is*: everything about it that is true before it has arguments.
//!
//! A `Spec` is the one source for dispatch, arity, COMMAND INFO/DOCS/GETKEYS, ACL categories, cluster slots and the
//! gates (`OOM`, `READONLY`, `LOADING`). Reading or writing is not in it: that follows from the trait that the
//! command implements, so the two cannot disagree.
use super::key_positions::Locate;
use crate::resp::Request;

/// How many arguments a command takes, its own name (and its subcommand's) included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arity {
    Exactly(u8),
    AtLeast(u8),
}
impl Arity {
    #[inline]
    pub fn admits(self, count: usize) -> bool {
        match self {
            Arity::Exactly(n) => count == n as usize,
            Arity::AtLeast(n) => count >= n as usize,
        }
    }
    /// As COMMAND INFO shows it: negative for a minimum.
    pub fn signed(self) -> i64 {
        match self {
            Arity::Exactly(n) => n as i64,
            Arity::AtLeast(n) => -(n as i64),
        }
    }
}

/// Where a command's first key of a kind is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    Index(u8),
    /// After this word, searched from argument `from` on (negative: from the end, backwards).
    Keyword(&'static str, i8),
    Unknown,
}
/// Which arguments from the first one on are keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Find {
    /// `last`: relative to the first key (negative: from the end of the arguments); every `step`-th argument;
    /// `limit`: with a negative last, only the first 1/limit of the arguments.
    Range {
        last: i8,
        step: u8,
        limit: u8,
    },
    /// A count stands `at` arguments behind the beginning, the first key `first` behind it.
    Count {
        at: u8,
        first: u8,
        step: u8,
    },
    Unknown,
}

/// What happens to a key, in Redis' terms: flags of COMMAND INFO's key specifications.
pub type KeyFlags = u16;
pub const RO: KeyFlags = 1;
pub const RW: KeyFlags = 1 << 1;
pub const OW: KeyFlags = 1 << 2;
pub const RM: KeyFlags = 1 << 3;
pub const ACCESS: KeyFlags = 1 << 4;
pub const UPDATE: KeyFlags = 1 << 5;
pub const INSERT: KeyFlags = 1 << 6;
pub const DELETE: KeyFlags = 1 << 7;
pub const NOT_KEY: KeyFlags = 1 << 8;
pub const INCOMPLETE: KeyFlags = 1 << 9;
pub const VARIABLE_FLAGS: KeyFlags = 1 << 10;
pub const KEY_FLAG_NAMES: &[(KeyFlags, &str)] = &[
    (RO, "RO"),
    (RW, "RW"),
    (OW, "OW"),
    (RM, "RM"),
    (ACCESS, "access"),
    (UPDATE, "update"),
    (INSERT, "insert"),
    (DELETE, "delete"),
    (NOT_KEY, "not_key"),
    (INCOMPLETE, "incomplete"),
    (VARIABLE_FLAGS, "variable_flags"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeySpec {
    pub begin: Begin,
    pub find: Find,
    pub flags: KeyFlags,
    /// Why it is so, where COMMAND INFO says that.
    pub notes: Option<&'static str>,
}
impl KeySpec {
    pub const fn notes(mut self, notes: &'static str) -> KeySpec {
        self.notes = Some(notes);
        self
    }
}
/// One key at argument `index`.
pub const fn key(index: u8, flags: KeyFlags) -> KeySpec {
    KeySpec {
        begin: Begin::Index(index),
        find: Find::Range { last: 0, step: 1, limit: 0 },
        flags,
        notes: None,
    }
}
/// All arguments from `index` on, every `step`-th a key.
pub const fn keys(index: u8, step: u8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Index(index), find: Find::Range { last: -1, step, limit: 0 }, flags, notes: None }
}
/// Keys from `index` to `last` arguments behind it.
pub const fn key_range(index: u8, last: i8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Index(index), find: Find::Range { last, step: 1, limit: 0 }, flags, notes: None }
}
/// A count of keys at `index`, and the keys behind it.
pub const fn counted_keys(index: u8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Index(index), find: Find::Count { at: 0, first: 1, step: 1 }, flags, notes: None }
}

/// Properties that gates and tools ask for: COMMAND INFO's flags, but for `write` and `readonly`.
pub type Flags = u32;
pub const DENY_OOM: Flags = 1;
pub const ADMIN: Flags = 1 << 1;
pub const PUBSUB: Flags = 1 << 2;
pub const NO_SCRIPT: Flags = 1 << 3;
pub const BLOCKING: Flags = 1 << 4;
pub const LOADING: Flags = 1 << 5;
pub const STALE: Flags = 1 << 6;
pub const SKIP_MONITOR: Flags = 1 << 7;
pub const SKIP_SLOWLOG: Flags = 1 << 8;
pub const ASKING: Flags = 1 << 9;
pub const FAST: Flags = 1 << 10;
pub const NO_AUTH: Flags = 1 << 11;
/// Has effects to tell although it is no write (PFCOUNT, PUBLISH): waits while writes are paused. Clients do not see it.
pub const MAY_REPLICATE: Flags = 1 << 12;
pub const NO_MANDATORY_KEYS: Flags = 1 << 13;
pub const PROTECTED: Flags = 1 << 14;
pub const NO_ASYNC_LOADING: Flags = 1 << 15;
pub const NO_MULTI: Flags = 1 << 16;
pub const ALLOW_BUSY: Flags = 1 << 17;
pub const MOVABLE_KEYS: Flags = 1 << 18;
/// Of no use but to operators and tests: COMMAND DOCS says so.
pub const SYSTEM: Flags = 1 << 19;
/// May be said in RESP2 by a client that is subscribed to something. Not shown.
pub const WHILE_SUBSCRIBED: Flags = 1 << 20;
/// The names of the flags that clients see, in the order in which COMMAND INFO lists them (`write` and `readonly`
/// come first). `MAY_REPLICATE`, `PROTECTED` and `SYSTEM` are not shown.
pub const FLAG_NAMES: &[(Flags, &str)] = &[
    (DENY_OOM, "denyoom"),
    (ADMIN, "admin"),
    (PUBSUB, "pubsub"),
    (NO_SCRIPT, "noscript"),
    (BLOCKING, "blocking"),
    (LOADING, "loading"),
    (STALE, "stale"),
    (SKIP_MONITOR, "skip_monitor"),
    (SKIP_SLOWLOG, "skip_slowlog"),
    (ASKING, "asking"),
    (FAST, "fast"),
    (NO_AUTH, "no_auth"),
    (NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (NO_ASYNC_LOADING, "no_async_loading"),
    (NO_MULTI, "no_multi"),
    (MOVABLE_KEYS, "movablekeys"),
    (ALLOW_BUSY, "allow_busy"),
];

/// ACL categories, as a set.
pub type Categories = u32;
/// Every category, in the order of Redis' ACL CAT; a category's bit is its index here.
pub const CATEGORY_NAMES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];
/// The set that holds the named category alone.
pub const fn category(name: &str) -> Categories {
    let mut index = 0;
    while index < CATEGORY_NAMES.len() {
        if same(CATEGORY_NAMES[index], name) {
            return 1 << index;
        }
        index += 1;
    }
    panic!("no such category")
}
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The family a command is documented under.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Group {
    Generic,
    String,
    Bitmap,
    HyperLogLog,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
    Geo,
    PubSub,
    Connection,
    Server,
    Transactions,
    Scripting,
}
impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::HyperLogLog => "hyperloglog",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::Stream => "stream",
            Group::Geo => "geo",
            Group::PubSub => "pubsub",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Transactions => "transactions",
            Group::Scripting => "scripting",
        }
    }
    /// The category that most commands of the group are in.
    const fn category(self) -> Categories {
        match self {
            Group::Generic => category("keyspace"),
            Group::String => category("string"),
            Group::Bitmap => category("bitmap"),
            Group::HyperLogLog => category("hyperloglog"),
            Group::List => category("list"),
            Group::Set => category("set"),
            Group::SortedSet => category("sortedset"),
            Group::Hash => category("hash"),
            Group::Stream => category("stream"),
            Group::Geo => category("geo"),
            Group::PubSub => category("pubsub"),
            Group::Connection => category("connection"),
            Group::Server => 0,
            Group::Transactions => category("transaction"),
            Group::Scripting => category("scripting"),
        }
    }
}

/// Whether the word at this place of a request is a secret.
pub type Hides = fn(&Request, usize) -> bool;

#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// In upper case; a subcommand's is the bare word (`GET` of CONFIG GET).
    pub name: &'static str,
    pub group: Group,
    pub since: &'static str,
    pub arity: Arity,
    pub keys: &'static [KeySpec],
    /// Finds the keys of a request where `keys` cannot say exactly (SORT's STORE) or not what happens to them (SET).
    pub locate: Option<Locate>,
    pub flags: Flags,
    /// Beyond those that follow from flags and trait.
    pub categories: Categories,
    pub complexity: &'static str,
    pub syntax: &'static str,
    pub summary: &'static str,
    /// COMMAND INFO's tips (`nondeterministic_output`, `request_policy:all_shards` …).
    pub tips: &'static [&'static str],
    /// Version and text for each change of behaviour, as COMMAND DOCS shows them.
    pub history: &'static [(&'static str, &'static str)],
    /// Since which version, and by what, the command is superseded.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Which words of a request are a secret (AUTH): logs and MONITOR hide them.
    pub hides: Option<Hides>,
    /// A connection runs it, and others feel it (CLIENT KILL): it must not overtake what the client asked before.
    pub acts_on_others: bool,
}
impl Spec {
    pub const fn new(group: Group, name: &'static str, arity: Arity) -> Spec {
        Spec {
            name,
            group,
            since: "1.0.0",
            arity,
            keys: &[],
            locate: None,
            flags: 0,
            categories: group.category(),
            complexity: "O(1)",
            syntax: "",
            summary: "",
            tips: &[],
            history: &[],
            deprecated: None,
            hides: None,
            acts_on_others: false,
        }
    }
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Spec {
        self.keys = keys;
        self
    }
    pub const fn locate(mut self, locate: Locate) -> Spec {
        self.locate = Some(locate);
        self
    }
    pub const fn since(mut self, version: &'static str) -> Spec {
        self.since = version;
        self
    }
    pub const fn flags(mut self, flags: Flags) -> Spec {
        self.flags = flags;
        self
    }
    /// Replaces the group's category.
    pub const fn categories(mut self, categories: Categories) -> Spec {
        self.categories = categories;
        self
    }
    pub const fn complexity(mut self, text: &'static str) -> Spec {
        self.complexity = text;
        self
    }
    pub const fn syntax(mut self, text: &'static str) -> Spec {
        self.syntax = text;
        self
    }
    pub const fn summary(mut self, text: &'static str) -> Spec {
        self.summary = text;
        self
    }
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Spec {
        self.tips = tips;
        self
    }
    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Spec {
        self.history = history;
        self
    }
    pub const fn deprecated(mut self, since: &'static str, instead: &'static str) -> Spec {
        self.deprecated = Some((since, instead));
        self
    }
    pub const fn hides(mut self, hides: Hides) -> Spec {
        self.hides = Some(hides);
        self
    }
    pub const fn acts_on_others(mut self) -> Spec {
        self.acts_on_others = true;
        self
    }
}
