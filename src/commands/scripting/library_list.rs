//! FUNCTION LIST.
use super::spec;
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::{CommandError, shown},
        spec::{Arity::*, *},
    },
    data::glob,
    resp::Reply,
    script::{Library, functions},
};
use bytes::Bytes;

pub struct List {
    with_code: bool,
    pattern: Option<Bytes>,
}
impl Command for List {
    const SPEC: Spec = spec("LIST", AtLeast(2))
        .since("7.0.0")
        .flags(NO_SCRIPT)
        .complexity("O(N) where N is the number of functions")
        .syntax("[LIBRARYNAME library-name-pattern] [WITHCODE]")
        .summary("All libraries with their functions.")
        .tips(&["nondeterministic_output_order"]);
    fn parse(args: &mut Args) -> Result<List, CommandError> {
        let (mut with_code, mut pattern) = (false, None);
        while !args.is_empty() {
            if !with_code && args.option("WITHCODE") {
                with_code = true;
            } else if pattern.is_none() && args.option("LIBRARYNAME") {
                let missing = CommandError::fixed("ERR library name argument was not given");
                pattern = Some(args.bytes().map_err(|_| missing)?);
            } else {
                let word = shown(args.word()?).into_owned();
                return Err(CommandError::text_of(format!("ERR Unknown argument {word}")));
            }
        }
        Ok(List { with_code, pattern })
    }
}
impl BackstageCommand for List {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let matches = |name: &str| {
            let pattern = self.pattern.as_ref();
            pattern.is_none_or(|pattern| glob::matches(pattern, name.as_bytes(), true))
        };
        let is_meant = |library: &&Library| matches(&library.name);
        let all = backstage.scripting.known_libraries().into_iter().flat_map(|libraries| libraries.iter());
        let meant: Vec<&Library> = all.filter(is_meant).collect();
        reply.array(meant.len());
        meant.into_iter().for_each(|library| self.tell(library, reply));
        Ok(())
    }
}
impl List {
    fn tell(&self, library: &Library, reply: &mut Reply) {
        reply.map(3 + usize::from(self.with_code));
        reply.bulk(b"library_name");
        reply.bulk(library.name.as_bytes());
        reply.bulk(b"engine");
        reply.bulk(functions::ENGINE.as_bytes());
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(function.name.as_bytes());
            reply.bulk(b"description");
            match &function.description {
                Some(description) => reply.bulk(description),
                None => reply.null(),
            }
            reply.bulk(b"flags");
            reply.set(function.flags.names().count());
            function.flags.names().for_each(|flag| reply.status(flag));
        }
        if self.with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.source);
        }
    }
}
