//! COMMAND: what every command is, read from its declaration.
mod docs;
mod info;

use super::{
    help::{help, help_spec},
    spec,
};
use crate::{
    commands::{
        Command, Entry, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        key_positions::keys_asked_for,
        registry::{Node, Registry},
        session,
        session::Session,
        spec::{Arity::*, *},
    },
    data::glob,
    resp::{Reply, Request},
};
use bytes::Bytes;

pub const COMMAND: Entry = session::<All>().with(&[
    session::<Count>(),
    session::<info::Info>(),
    session::<docs::Docs>(),
    session::<List>(),
    session::<GetKeys>(),
    session::<GetKeysAndFlags>(),
    session::<Help>(),
]);

const fn about_commands(name: &'static str, arity: Arity) -> Spec {
    spec(name, arity).flags(LOADING | STALE).categories(category("connection"))
}

/// All commands, in the order of their names.
fn sorted() -> Vec<&'static Node> {
    let mut nodes: Vec<&Node> = Registry::get().iter().collect();
    nodes.sort_unstable_by_key(|node| node.full_name);
    nodes
}
/// A set of words, as statuses.
fn reply_words(reply: &mut Reply, words: &[&str]) {
    reply.set(words.len());
    words.iter().for_each(|word| reply.status(word));
}
/// Names of the flags in `set`.
fn names<F: Copy + Into<u32>>(set: F, names: &[(F, &'static str)]) -> Vec<&'static str> {
    names.iter().filter(|&&(flag, _)| set.into() & flag.into() != 0).map(|&(_, name)| name).collect()
}

/// COMMAND alone.
pub struct All;
impl Command for All {
    const SPEC: Spec = about_commands("COMMAND", AtLeast(1))
        .since("2.8.13")
        .complexity("O(N)")
        .summary("Describes all commands.")
        .tips(&["nondeterministic_output_order"]);
    fn parse(_: &mut Args) -> Result<All, CommandError> {
        Ok(All)
    }
}
impl SessionCommand for All {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        info::reply_all(reply);
        Ok(())
    }
}

pub struct Count;
impl Command for Count {
    const SPEC: Spec = about_commands("COUNT", Exactly(2)).since("2.8.13").summary("Counts the commands.");
    fn parse(_: &mut Args) -> Result<Count, CommandError> {
        Ok(Count)
    }
}
impl SessionCommand for Count {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply.integer(Registry::get().iter().count() as i64);
        Ok(())
    }
}

/// Which commands COMMAND LIST names.
pub enum List {
    All,
    /// None: there are no modules.
    OfModule,
    InCategory(Categories),
    Matching(Bytes),
}
impl Command for List {
    const SPEC: Spec = about_commands("LIST", AtLeast(2))
        .since("7.0.0")
        .complexity("O(N)")
        .syntax("[FILTERBY MODULE module-name|ACLCAT category|PATTERN pattern]")
        .summary("Names commands.")
        .tips(&["nondeterministic_output_order"]);
    fn parse(args: &mut Args) -> Result<List, CommandError> {
        if args.is_empty() {
            return Ok(List::All);
        }
        if !args.option("FILTERBY") || args.remaining() != 2 {
            return Err(CommandError::Syntax);
        }
        if args.option("MODULE") {
            args.word()?;
            return Ok(List::OfModule);
        }
        if args.option("ACLCAT") {
            let word = args.word()?;
            let index = CATEGORY_NAMES.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(word));
            return Ok(List::InCategory(index.map_or(0, |index| 1 << index)));
        }
        if args.option("PATTERN") {
            return Ok(List::Matching(args.bytes()?));
        }
        Err(CommandError::Syntax)
    }
}
impl List {
    fn names(&self, node: &Node) -> bool {
        match self {
            List::All => true,
            List::OfModule => false,
            List::InCategory(category) => node.categories & category != 0,
            List::Matching(pattern) => glob::matches(pattern, node.full_name.as_bytes(), true),
        }
    }
}
impl SessionCommand for List {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        let all = sorted().into_iter().flat_map(|node| std::iter::once(node).chain(&node.subcommands));
        let named: Vec<&Node> = all.filter(|node| self.names(node)).collect();
        reply.array(named.len());
        named.iter().for_each(|node| reply.bulk(node.full_name.as_bytes()));
        Ok(())
    }
}

/// The command that a request somebody asks about would run.
fn asked_about(words: &[Bytes]) -> Result<(&'static Node, Request), CommandError> {
    let invalid = CommandError::fixed("ERR Invalid command specified");
    let node = Registry::get().find(&words[0]).ok_or(invalid.clone())?;
    let node = match words.get(1) {
        Some(word) if !node.subcommands.is_empty() => node.subcommand(word).ok_or(invalid)?,
        _ => node,
    };
    Ok((node, Request::from_args(words)))
}

pub struct GetKeys(Vec<Bytes>);
impl Command for GetKeys {
    const SPEC: Spec = about_commands("GETKEYS", AtLeast(3))
        .since("2.8.13")
        .complexity("O(N)")
        .syntax("command [arg [arg ...]]")
        .summary("Names the keys in a request.");
    fn parse(args: &mut Args) -> Result<GetKeys, CommandError> {
        Ok(GetKeys(args.rest()))
    }
}
impl SessionCommand for GetKeys {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        let (node, request) = asked_about(&self.0)?;
        let found = keys_asked_for(node, &request)?;
        reply.array(found.len());
        found.iter().for_each(|key| reply.bulk(&self.0[key.index]));
        Ok(())
    }
}

pub struct GetKeysAndFlags(Vec<Bytes>);
impl Command for GetKeysAndFlags {
    const SPEC: Spec = about_commands("GETKEYSANDFLAGS", AtLeast(3))
        .since("7.0.0")
        .complexity("O(N)")
        .syntax("command [arg [arg ...]]")
        .summary("Names the keys in a request, and what would happen to them.");
    fn parse(args: &mut Args) -> Result<GetKeysAndFlags, CommandError> {
        Ok(GetKeysAndFlags(args.rest()))
    }
}
impl SessionCommand for GetKeysAndFlags {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        let (node, request) = asked_about(&self.0)?;
        let found = keys_asked_for(node, &request)?;
        reply.array(found.len());
        for key in &found {
            reply.array(2);
            reply.bulk(&self.0[key.index]);
            reply_words(reply, &names(key.flags, KEY_FLAG_NAMES));
        }
        Ok(())
    }
}

help!(
    Help of "COMMAND",
    help_spec("5.0.0").categories(category("connection")),
    "(no subcommand)",
    "    Describe all commands.",
    "COUNT",
    "    Count the commands.",
    "LIST [FILTERBY <MODULE <name>|ACLCAT <category>|PATTERN <pattern>>]",
    "    Name the commands, or those of them that the filter lets through.",
    "INFO [<command> ...]",
    "    Describe these commands, or all: arity, flags, keys, categories.",
    "DOCS [<command> ...]",
    "    Document these commands, or all: summary, history, arguments.",
    "GETKEYS <request>",
    "    Name the keys in a whole request.",
    "GETKEYSANDFLAGS <request>",
    "    Name the keys in a whole request, and what would happen to them.",
);

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::{check, client};

    #[test]
    fn keys_of_a_request() {
        check(&[
            ("COMMAND GETKEYS GET a", "*1 $1 a "),
            ("COMMAND GETKEYS mset a 1 b 2", "*2 $1 a $1 b "),
            ("COMMAND GETKEYS MEMORY USAGE a", "*1 $1 a "),
            ("COMMAND GETKEYS NOSUCH a", "-ERR Invalid command specified "),
            ("COMMAND GETKEYS MEMORY NOSUCH a", "-ERR Invalid command specified "),
            ("COMMAND GETKEYS TIME", "-ERR The command has no key arguments "),
            ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command "),
            ("COMMAND GETKEYSANDFLAGS SET a 1", "*1 *2 $1 a *2 +OW +update "),
            ("COMMAND GETKEYSANDFLAGS SET a 1 get", "*1 *2 $1 a *3 +RW +access +update "),
            ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command "),
            ("COMMAND NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP. "),
        ]);
    }

    #[test]
    fn lists() {
        let mut client = client();
        client.check(&[
            (
                "COMMAND LIST FILTERBY PATTERN config|*",
                "*5 $10 config|get $10 config|set $16 config|resetstat $14 config|rewrite $11 config|help ",
            ),
            ("COMMAND LIST FILTERBY PATTERN GETR*", "*1 $8 getrange "),
            ("COMMAND LIST FILTERBY MODULE any", "*0 "),
            ("COMMAND LIST FILTERBY ACLCAT nosuch", "*0 "),
            ("COMMAND LIST FILTERBY", "-ERR syntax error "),
            ("COMMAND LIST FILTERBY PATTERN a b", "-ERR syntax error "),
        ]);
        assert!(client.say("COMMAND LIST FILTERBY ACLCAT dangerous").contains("shutdown"));
        assert!(!client.say("COMMAND LIST FILTERBY ACLCAT dangerous").contains("getrange"));
        let count: usize = client.say("COMMAND COUNT").trim().trim_start_matches(':').parse().unwrap();
        assert!(client.say("COMMAND").starts_with(&format!("*{count} ")));
    }
}
