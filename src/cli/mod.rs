//! Tools beside the server, each a word behind the program's name: `callboard check-aof FILE`. As in Redis, a link to the
//! program under a tool's name (`redis-check-aof`) is that tool.
pub mod check_aof;
mod check_rdb;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::ExitCode,
};

/// Runs the tool that the program's name or its first argument asks for. `None`: neither does.
pub fn run(program: &OsStr, arguments: &[OsString]) -> Option<ExitCode> {
    type Tool = fn(&str, &[OsString]) -> ExitCode;
    let tool = |name: &OsStr| -> Option<Tool> {
        match name.to_str()? {
            "check-aof" => Some(check_aof::run),
            "check-rdb" => Some(check_rdb::run),
            _ => None,
        }
    };
    let name = Path::new(program).file_name()?.to_string_lossy().into_owned();
    if let Some(run) = name.strip_prefix("redis-").and_then(|name| tool(name.as_ref())) {
        return Some(run(&name, arguments));
    }
    let (first, rest) = arguments.split_first()?;
    tool(first).map(|run| run(&format!("{name} {}", first.to_string_lossy()), rest))
}
