//! The facts of every implemented command against a table of Redis' facts (`data/commands.tsv`): arity, flags, ACL
//! categories and key specifications, for Redis 7.4 and older, and for the later commands that are implemented.
use callboard::commands::{
    Access,
    key_positions::LegacyRange,
    registry::{Node, Registry},
    spec::{Begin, CATEGORY_NAMES, FLAG_NAMES, Find, KEY_FLAG_NAMES, KeySpec, MOVABLE_KEYS},
};
use std::collections::{BTreeSet, HashMap};

/// Facts in which the table, made from a later version of Redis, says what was not yet so in 7.4.1: the command, what
/// differs, and how it was. The flag of script runners, below, is the other kind of exception.
const NEWER_THAN_7_4: &[(&str, &str, &str)] = &[
    (
        "GEORADIUS",
        "key specifications",
        "@1 range(0,1,0) RO,access; kw:STORE@6 range(0,1,0) OW,update; kw:STOREDIST@6 range(0,1,0) OW,update",
    ),
    (
        "GEORADIUSBYMEMBER",
        "key specifications",
        "@1 range(0,1,0) RO,access; kw:STORE@5 range(0,1,0) OW,update; kw:STOREDIST@5 range(0,1,0) OW,update",
    ),
    ("HEXPIRE", "flags", "denyoom,fast,write"),
    ("HEXPIREAT", "flags", "denyoom,fast,write"),
    ("HPEXPIRE", "flags", "denyoom,fast,write"),
    ("HPEXPIREAT", "flags", "denyoom,fast,write"),
    ("PSUBSCRIBE", "flags", "loading,noscript,pubsub,stale"),
    ("SSUBSCRIBE", "flags", "loading,noscript,pubsub,stale"),
    ("SUBSCRIBE", "flags", "loading,noscript,pubsub,stale"),
    ("XREAD", "key specifications", "kw:STREAMS@1 range(-1,1,2) RO,access"),
    ("XREADGROUP", "key specifications", "kw:STREAMS@4 range(-1,1,2) RO,access"),
];
/// Flags that the table has and that no version up to 7.4 shows.
const UNKNOWN_TO_7_4: &[&str] = &["script_runner"];

/// The four facts, in the notation of the table; what has no order is sorted.
type Facts = [String; 4];
const NAMES: [&str; 4] = ["arity", "flags", "ACL categories", "key specifications"];

fn sorted<'a>(words: impl Iterator<Item = &'a str>, separator: &str) -> String {
    let words: BTreeSet<&str> =
        words.filter(|word| !word.is_empty() && !UNKNOWN_TO_7_4.contains(word)).collect();
    words.into_iter().collect::<Vec<_>>().join(separator)
}

fn stated() -> HashMap<String, Facts> {
    let rows = include_str!("data/commands.tsv").lines().skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        let [name, arity, flags, categories, keys] = cells[..] else { panic!("five columns: {row}") };
        let keys: Vec<String> = keys.split("; ").map(with_sorted_flags).collect();
        let facts = [
            arity.to_string(),
            sorted(flags.split(','), ","),
            sorted(categories.split(' '), " "),
            keys.join("; "),
        ];
        (name.to_string(), facts)
    })
    .collect()
}
fn with_sorted_flags(key: &str) -> String {
    match key.rsplit_once(' ') {
        Some((place, flags)) => format!("{place} {}", sorted(flags.split(','), ",")),
        None => String::new(),
    }
}

fn implemented(node: &Node) -> Facts {
    let spec = node.spec();
    let flags = spec.flags | if LegacyRange::of(spec.keys).movable { MOVABLE_KEYS } else { 0 };
    let access = match node.entry.access {
        Access::Read => "readonly",
        Access::Write => "write",
        Access::Neither => "",
    };
    let flags = FLAG_NAMES.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name);
    let categories = CATEGORY_NAMES.iter().enumerate().filter(|(index, _)| node.categories >> index & 1 != 0);
    let categories: Vec<String> = categories.map(|(_, name)| format!("@{name}")).collect();
    [
        spec.arity.signed().to_string(),
        sorted(flags.chain([access]), ","),
        sorted(categories.iter().map(String::as_str), " "),
        spec.keys.iter().map(describe).collect::<Vec<_>>().join("; "),
    ]
}
fn describe(key: &KeySpec) -> String {
    let begin = match key.begin {
        Begin::Index(index) => format!("@{index}"),
        Begin::Keyword(word, from) => format!("kw:{word}@{from}"),
        Begin::Unknown => "unknown".into(),
    };
    let find = match key.find {
        Find::Range { last, step, limit } => format!("range({last},{step},{limit})"),
        Find::Count { at, first, step } => format!("keynum({at},{first},{step})"),
        Find::Unknown => "unknown".into(),
    };
    let flags = KEY_FLAG_NAMES.iter().filter(|(flag, _)| key.flags & flag != 0).map(|(_, name)| *name);
    format!("{begin} {find} {}", sorted(flags, ","))
}

#[test]
fn every_command_is_what_redis_says_it_is() {
    let stated = stated();
    let mut differences = Vec::new();
    for node in Registry::get().all() {
        let name = node.full_name.to_ascii_uppercase().replace('|', " ");
        let Some(facts) = stated.get(&name) else {
            differences.push(format!("{name}: not in the table"));
            continue;
        };
        for ((fact, expected), found) in NAMES.iter().zip(facts).zip(implemented(node)) {
            let older = NEWER_THAN_7_4.iter().find(|(command, what, _)| (*command, *what) == (&name, *fact));
            let expected = older.map_or(expected.as_str(), |(_, _, was)| was);
            if expected != found {
                differences.push(format!("{name}: {fact}: '{found}' where the table has '{expected}'"));
            }
        }
    }
    differences.sort();
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}
