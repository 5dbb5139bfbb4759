//! COMMAND DOCS: what a command is, for people and for the hints that redis-cli shows.
use super::{about_commands, reply_words, sorted};
use crate::{
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        registry::{Node, Registry},
        session::Session,
        spec::{Arity::*, *},
        syntax::{self, Argument, Kind},
    },
    resp::Reply,
};
use bytes::Bytes;

/// The named commands; all, if none is named.
pub struct Docs(Vec<Bytes>);
impl Command for Docs {
    const SPEC: Spec = about_commands("DOCS", AtLeast(2))
        .since("7.0.0")
        .complexity("O(N)")
        .syntax("[command-name [command-name ...]]")
        .summary("Documents commands.")
        .tips(&["nondeterministic_output_order"]);
    fn parse(args: &mut Args) -> Result<Docs, CommandError> {
        Ok(Docs(args.rest()))
    }
}
impl SessionCommand for Docs {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        let nodes = match self.0.is_empty() {
            true => sorted(),
            false => self.0.iter().filter_map(|name| Registry::get().find_full(name)).collect(),
        };
        reply_nodes(reply, nodes.into_iter());
        Ok(())
    }
}

fn reply_nodes<'a>(reply: &mut Reply, nodes: impl ExactSizeIterator<Item = &'a Node>) {
    reply.map(nodes.len());
    for node in nodes {
        reply.bulk(node.full_name.as_bytes());
        reply_one(reply, node);
    }
}

fn reply_one(reply: &mut Reply, node: &Node) {
    let spec = node.spec();
    let mut map = Map::new(reply);
    map.text("summary", spec.summary);
    map.text("since", spec.since);
    map.text("group", spec.group.name());
    map.text("complexity", spec.complexity);
    let doc_flags = [(spec.deprecated.is_some(), "deprecated"), (spec.flags & SYSTEM != 0, "syscmd")];
    let doc_flags: Vec<&str> = doc_flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    if !doc_flags.is_empty() {
        map.entry("doc_flags", |reply| reply_words(reply, &doc_flags));
    }
    if let Some((since, instead)) = spec.deprecated {
        map.text("deprecated_since", since);
        map.text("replaced_by", instead);
    }
    if !spec.history.is_empty() {
        map.entry("history", |reply| reply_history(reply, spec.history));
    }
    // A syntax that cannot be read is found by a test; here it only leaves the hints out.
    let arguments = syntax::arguments(spec, node.words).unwrap_or_default();
    if !arguments.is_empty() {
        map.entry("arguments", |reply| reply_arguments(reply, &arguments));
    }
    if !node.subcommands.is_empty() {
        map.entry("subcommands", |reply| reply_nodes(reply, node.subcommands.iter()));
    }
    map.end();
}

fn reply_history(reply: &mut Reply, history: &[(&str, &str)]) {
    reply.set(history.len());
    for (version, change) in history {
        reply.array(2);
        reply.bulk(version.as_bytes());
        reply.bulk(change.as_bytes());
    }
}

fn reply_arguments(reply: &mut Reply, arguments: &[Argument]) {
    reply.array(arguments.len());
    arguments.iter().for_each(|argument| reply_argument(reply, argument));
}
fn reply_argument(reply: &mut Reply, argument: &Argument) {
    let nests = matches!(argument.kind, Kind::OneOf | Kind::Block);
    let mut map = Map::new(reply);
    map.text("name", &argument.name);
    map.text("type", argument.kind.name());
    if !nests {
        map.text("display_text", &argument.name);
    }
    if let Some(number) = argument.key_spec {
        map.entry("key_spec_index", |reply| reply.integer(number as i64));
    }
    if let Some(token) = &argument.token {
        map.entry("token", |reply| reply.bulk(token.as_bytes()));
    }
    let flags = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    if !flags.is_empty() {
        map.entry("flags", |reply| reply_words(reply, &flags));
    }
    if nests {
        map.entry("arguments", |reply| reply_arguments(reply, &argument.arguments));
    }
    map.end();
}

/// A map whose entries are counted as they are written.
struct Map<'a> {
    reply: &'a mut Reply,
    place: crate::resp::reply::Deferred,
    pairs: usize,
}
impl<'a> Map<'a> {
    fn new(reply: &'a mut Reply) -> Map<'a> {
        let place = reply.defer();
        Map { reply, place, pairs: 0 }
    }
    fn entry(&mut self, name: &str, value: impl FnOnce(&mut Reply)) {
        self.pairs += 1;
        self.reply.bulk(name.as_bytes());
        value(self.reply);
    }
    /// An entry that is left out if there is nothing to say.
    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.entry(name, |reply| reply.bulk(text.as_bytes()));
        }
    }
    fn end(self) {
        self.reply.settle_map(self.place, self.pairs);
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::{check, client};

    #[test]
    fn a_command_is_documented_with_its_arguments() {
        check(&[
            (
                "COMMAND DOCS command|list",
                "*2 $12 command|list *10 $7 summary $15 Names commands. $5 since $5 7.0.0 $5 group $6 server \
                 $10 complexity $4 O(N) $9 arguments *1 *10 $4 name $8 filterby $4 type $5 oneof \
                 $5 token $8 FILTERBY $5 flags *1 +optional $9 arguments *3 \
                 *8 $4 name $11 module-name $4 type $6 string $12 display_text $11 module-name $5 token $6 MODULE \
                 *8 $4 name $8 category $4 type $6 string $12 display_text $8 category $5 token $6 ACLCAT \
                 *8 $4 name $7 pattern $4 type $7 pattern $12 display_text $7 pattern $5 token $7 PATTERN ",
            ),
            ("COMMAND DOCS nosuch", "*0 "),
        ]);
        let docs = client().resp3().say("COMMAND DOCS setnx config memory");
        assert!(docs.starts_with("%3 $5 setnx %8 "), "{docs}");
        for part in [
            "$9 doc_flags ~1 +deprecated $16 deprecated_since $6 2.6.12 $11 replaced_by ",
            "$9 arguments *2 %4 $4 name $3 key $4 type $3 key $12 display_text $3 key $14 key_spec_index :0 ",
            "$11 subcommands %5 $10 config|get %",
        ] {
            assert!(docs.contains(part), "{part}\n{docs}");
        }
    }
}
