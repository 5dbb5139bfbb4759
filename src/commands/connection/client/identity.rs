//! Id, name and library of a client: what it is called by others.
use super::{COMMON, spec};
use crate::{
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::{CommandError, shown},
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use std::sync::Arc;

/// The text, if it leaves the fields of a CLIENT LIST line apart: printable ASCII without spaces.
fn printable(text: &[u8]) -> Option<String> {
    text.iter().all(u8::is_ascii_graphic).then(|| text.iter().map(|&byte| char::from(byte)).collect())
}
/// A client's name; the empty one means none.
///
/// # Errors
/// If it would not stand as one word in a line of CLIENT LIST.
pub fn validate_name(name: &[u8]) -> Result<String, CommandError> {
    printable(name)
        .ok_or(CommandError::fixed("ERR Client names cannot contain spaces, newlines or special characters."))
}

pub struct Id;
impl Command for Id {
    const SPEC: Spec = spec("ID", Exactly(2))
        .since("5.0.0")
        .flags(COMMON)
        .summary("The number of this connection. Numbers grow and are never used again.");
    fn parse(_: &mut Args) -> Result<Id, CommandError> {
        Ok(Id)
    }
}
impl SessionCommand for Id {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        reply.integer(session.record.id as i64);
        Ok(())
    }
}

pub struct GetName;
impl Command for GetName {
    const SPEC: Spec = spec("GETNAME", Exactly(2))
        .since("2.6.9")
        .flags(COMMON)
        .summary("The name of this connection, if it has one.");
    fn parse(_: &mut Args) -> Result<GetName, CommandError> {
        Ok(GetName)
    }
}
impl SessionCommand for GetName {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        match &*session.record.name.load() {
            Some(name) => reply.bulk(name.as_bytes()),
            None => reply.null(),
        }
        Ok(())
    }
}

pub struct SetName {
    name: String,
}
impl Command for SetName {
    const SPEC: Spec = spec("SETNAME", Exactly(3))
        .since("2.6.9")
        .flags(COMMON)
        .syntax("connection-name")
        .summary("Names this connection, for CLIENT LIST.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);
    fn parse(args: &mut Args) -> Result<SetName, CommandError> {
        Ok(SetName { name: validate_name(args.word()?)? })
    }
}
impl SessionCommand for SetName {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        session.rename(&self.name);
        reply.ok();
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Attribute {
    LibraryName,
    LibraryVersion,
}
pub struct SetInfo {
    attribute: Attribute,
    value: String,
}
impl Command for SetInfo {
    const SPEC: Spec = spec("SETINFO", Exactly(4))
        .since("7.2.0")
        .flags(COMMON)
        .syntax("<LIB-NAME libname|LIB-VER libver>")
        .summary("Tells which client library speaks, and in which version.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);
    fn parse(args: &mut Args) -> Result<SetInfo, CommandError> {
        let word = args.peek().unwrap_or_default();
        let Some(attribute) =
            args.one_of(&[("LIB-NAME", Attribute::LibraryName), ("LIB-VER", Attribute::LibraryVersion)])
        else {
            return Err(CommandError::text_of(format!("ERR Unrecognized option '{}'", shown(word))));
        };
        let value = printable(args.word()?).ok_or_else(|| {
            CommandError::text_of(format!(
                "ERR {} cannot contain spaces, newlines or special characters.",
                shown(word)
            ))
        })?;
        Ok(SetInfo { attribute, value })
    }
}
impl SessionCommand for SetInfo {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        let field = match self.attribute {
            Attribute::LibraryName => &session.record.library_name,
            Attribute::LibraryVersion => &session.record.library_version,
        };
        field.store((!self.value.is_empty()).then(|| Arc::new(self.value.clone())));
        reply.ok();
        Ok(())
    }
}
