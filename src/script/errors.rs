//! Errors as scripts see them: tables with the text, and where it happened.
use super::{engine::Shared, run::Failure};
use crate::error::{CommandError, text_of_bytes};
use mlua::{Lua, Table, Value};
use std::fmt;

/// Chunks of this name are the sandbox's own, and no place that an author would look at.
pub const PRELUDE: &str = "=callboard";

pub const KILLED: &str = "Script killed by user with SCRIPT KILL...";

/// An error's text as a reply has it: a code, a space, and the rest. A text that begins with `-` brings its own code.
pub fn with_code(text: &[u8]) -> Vec<u8> {
    let trimmed = |text: &[u8]| {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let start = text.iter().position(|byte| !is_break(byte)).unwrap_or(text.len());
        let end = text.iter().rposition(|byte| !is_break(byte)).map_or(start, |last| last + 1);
        text[start..end].to_vec()
    };
    let coded = text.strip_prefix(b"-").map(|rest| (rest, memchr::memchr(b' ', rest)));
    let (code, rest) = match coded {
        Some((rest, Some(space))) => (&rest[..space], &rest[space + 1..]),
        Some((rest, None)) => (&b"ERR"[..], rest),
        None => (&b"ERR"[..], text),
    };
    [code, b" ", &trimmed(rest)].concat()
}

/// The table that stands for an error.
pub fn table(lua: &Lua, text: &[u8]) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("err", lua.create_string(with_code(text))?)?;
    Ok(table)
}

/// An error that the host raises. To scripts it is a table.
#[derive(Debug)]
struct Raised {
    /// With its code.
    text: Vec<u8>,
    /// A command ended in it, and was counted then.
    is_counted: bool,
}
impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&text_of_bytes(&self.text))
    }
}
impl std::error::Error for Raised {}

/// Raises an error.
pub fn raised<T>(text: &str) -> mlua::Result<T> {
    Err(mlua::Error::external(Raised { text: with_code(text.as_bytes()), is_counted: false }))
}
/// The error that a command ended in.
pub fn of_reply(reply: &[u8]) -> mlua::Error {
    mlua::Error::external(Raised { text: with_code(reply), is_counted: true })
}
fn raised_in(error: &mlua::Error) -> Option<&Raised> {
    match error {
        mlua::Error::CallbackError { cause, .. } => raised_in(cause),
        mlua::Error::ExternalError(error) => error.downcast_ref(),
        _ => None,
    }
}
/// What scripts that catch an error of the host get for it.
pub fn plain(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let Value::Error(error) = &value else { return Ok(value) };
    let Some(raised) = raised_in(error) else {
        return lua.create_string(text_of_failure(error)).map(Value::String);
    };
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("err", lua.create_string(&raised.text)?)?;
    if raised.is_counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(Value::Table(table))
}

/// The text of what was raised, if it is no table.
pub fn text_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Error(error) => text_of_failure(error),
        Value::Nil => b"nil".to_vec(),
        Value::Boolean(value) => value.to_string().into_bytes(),
        other => other.to_string().map_or_else(|_| other.type_name().into(), String::into_bytes),
    }
}

/// What went wrong in one of the host's own functions.
pub fn text_of_failure(error: &mlua::Error) -> Vec<u8> {
    if let Some(raised) = raised_in(error) {
        return raised.text.clone();
    }
    match error {
        mlua::Error::CallbackError { cause, .. } => text_of_failure(cause),
        mlua::Error::StackError => b"stack overflow".to_vec(),
        mlua::Error::MemoryError(_) => b"not enough memory".to_vec(),
        mlua::Error::RuntimeError(text) | mlua::Error::SyntaxError { message: text, .. } => {
            // Behind the text stands where it happened, which is for us and not for an author.
            text.split("\nstack traceback:").next().unwrap_or(text).as_bytes().to_vec()
        }
        other => other.to_string().into_bytes(),
    }
}

/// What a script ends in when not even the handler of its errors could end.
pub fn failure_of_host(name: &str, shared: &Shared, error: &mlua::Error) -> Failure {
    let text = match shared.killed.get() {
        true => match &*shared.killed_at.borrow() {
            Some((source, line)) => format!("ERR {KILLED} script: {name}, on {source}:{line}."),
            None => format!("ERR {KILLED} script: {name}"),
        },
        false => format!("ERR Error running script {name}, {}", text_of_bytes(&text_of_failure(error))),
    };
    Failure { error: CommandError::text_of(text), is_counted: false }
}

/// The source and line at which an author's code raised what is being handled: the innermost that is neither C nor the
/// sandbox's own. `first`: the level that may be the author's (0 in a hook, 1 in a function of ours that he called).
pub fn place(lua: &Lua, first: usize) -> Option<(String, i64)> {
    const LEVELS_MAX: usize = 8;
    for level in first..first + LEVELS_MAX {
        let place = lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let name = source.source.as_deref().unwrap_or_default().to_string();
            let is_authors = source.what != "C" && source.what != "tail" && name != PRELUDE;
            is_authors.then(|| (name, frame.current_line().map_or(-1, |line| line as i64)))
        })?;
        if place.is_some() {
            return place;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_code() {
        for (text, coded) in [
            ("text", "ERR text"),
            ("-MY text", "MY text"),
            ("-alone", "ERR alone"),
            ("-MY text\r\n", "MY text"),
            ("", "ERR "),
        ] {
            assert_eq!(with_code(text.as_bytes()), coded.as_bytes(), "{text}");
        }
    }
}
