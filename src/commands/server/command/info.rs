//! COMMAND INFO: what a command is, for programs.
use super::{about_commands, names, reply_words, sorted};
use crate::{
    commands::{
        Access, Command, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        key_positions::LegacyRange,
        registry::{Node, Registry},
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use bytes::Bytes;

/// The named commands; all, if none is named.
pub struct Info(Vec<Bytes>);
impl Command for Info {
    const SPEC: Spec = about_commands("INFO", AtLeast(2))
        .since("2.8.13")
        .complexity("O(N)")
        .syntax("[command-name [command-name ...]]")
        .summary("Describes commands.")
        .tips(&["nondeterministic_output_order"])
        .history(&[("7.0.0", "Without names it describes all commands.")]);
    fn parse(args: &mut Args) -> Result<Info, CommandError> {
        Ok(Info(args.rest()))
    }
}
impl SessionCommand for Info {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        if self.0.is_empty() {
            reply_all(reply);
            return Ok(());
        }
        reply.array(self.0.len());
        for name in &self.0 {
            match Registry::get().find_full(name) {
                Some(node) => reply_one(reply, node),
                None => reply.null(),
            }
        }
        Ok(())
    }
}

pub fn reply_all(reply: &mut Reply) {
    let nodes = sorted();
    reply.array(nodes.len());
    nodes.into_iter().for_each(|node| reply_one(reply, node));
}

fn reply_one(reply: &mut Reply, node: &Node) {
    let spec = node.spec();
    let range = LegacyRange::of(spec.keys);
    reply.array(10);
    reply.bulk(node.full_name.as_bytes());
    reply.integer(spec.arity.signed());
    reply_words(reply, &flags(node));
    reply.integer(range.first);
    reply.integer(range.last);
    reply.integer(range.step);
    let categories = CATEGORY_NAMES.iter().enumerate().filter(|(index, _)| node.categories >> index & 1 != 0);
    let categories: Vec<String> = categories.map(|(_, name)| format!("@{name}")).collect();
    reply_words(reply, &categories.iter().map(String::as_str).collect::<Vec<_>>());
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(spec.keys.len());
    spec.keys.iter().for_each(|key| reply_key(reply, key));
    if node.subcommands.is_empty() {
        // An empty set where a filled one is an array: so do Redis' own replies.
        return reply.set(0);
    }
    reply.array(node.subcommands.len());
    node.subcommands.iter().for_each(|sub| reply_one(reply, sub));
}

/// The flags that COMMAND INFO shows.
pub fn flags(node: &Node) -> Vec<&'static str> {
    let spec = node.spec();
    let movable = if LegacyRange::of(spec.keys).movable { MOVABLE_KEYS } else { 0 };
    let access = match node.entry.access {
        Access::Read => Some("readonly"),
        Access::Write => Some("write"),
        Access::Neither => None,
    };
    access.into_iter().chain(names(spec.flags | movable, FLAG_NAMES)).collect()
}

fn reply_key(reply: &mut Reply, key: &KeySpec) {
    reply.map(3 + key.notes.is_some() as usize);
    if let Some(notes) = key.notes {
        reply.bulk(b"notes");
        reply.bulk(notes.as_bytes());
    }
    reply.bulk(b"flags");
    reply_words(reply, &names(key.flags, KEY_FLAG_NAMES));
    reply.bulk(b"begin_search");
    match key.begin {
        Begin::Index(index) => reply_typed(reply, "index", &[("index", index as i64)]),
        Begin::Keyword(word, from) => {
            reply_type(reply, "keyword");
            reply.map(2);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            reply.bulk(b"startfrom");
            reply.integer(from as i64);
        }
        Begin::Unknown => reply_typed(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match key.find {
        Find::Range { last, step, limit } => reply_typed(
            reply,
            "range",
            &[("lastkey", last as i64), ("keystep", step as i64), ("limit", limit as i64)],
        ),
        Find::Count { at, first, step } => reply_typed(
            reply,
            "keynum",
            &[("keynumidx", at as i64), ("firstkey", first as i64), ("keystep", step as i64)],
        ),
        Find::Unknown => reply_typed(reply, "unknown", &[]),
    }
}
/// The head of a map that says its type, and then its particulars.
fn reply_type(reply: &mut Reply, name: &str) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(name.as_bytes());
    reply.bulk(b"spec");
}
fn reply_typed(reply: &mut Reply, name: &str, particulars: &[(&str, i64)]) {
    reply_type(reply, name);
    reply.map(particulars.len());
    for (name, value) in particulars {
        reply.bulk(name.as_bytes());
        reply.integer(*value);
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::{check, client};

    #[test]
    fn a_command_is_described_in_ten_parts() {
        check(&[
            (
                "COMMAND INFO get nosuch",
                "*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 \
                 *1 *6 $5 flags *2 +RO +access \
                 $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 \
                 $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 \
                 *0 $-1 ",
            ),
            (
                "COMMAND INFO config|get",
                "*1 *10 $10 config|get :-3 *4 +admin +noscript +loading +stale :0 :0 :0 \
                 *3 +@admin +@slow +@dangerous *0 *0 *0 ",
            ),
        ]);
        client().resp3().check(&[(
            "COMMAND INFO memory|usage",
            "*1 *10 $12 memory|usage :-3 ~1 +readonly :2 :2 :1 ~2 +@read +@slow ~0 \
             ~1 %3 $5 flags ~1 +RO \
             $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :2 \
             $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0 ~0 ",
        )]);
    }
}
