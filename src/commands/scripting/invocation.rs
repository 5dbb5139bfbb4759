//! EVAL, EVALSHA and FCALL as requests: what is to be run, and which of the words are keys.
use super::{invoked, spec};
use crate::{
    commands::{
        Access, Entry, Outcome, Task,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    script::{Scripts, Sha},
};

/// What is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The script whose text is the first argument.
    Body,
    /// The script with this sum; none, if it is none.
    Sha(Option<Sha>),
    /// The function whose name is the first argument.
    Function,
}

#[derive(Clone, Debug)]
pub struct Invocation {
    pub what: What,
    /// It must not write (`…_RO`).
    pub read_only: bool,
    /// How many of the words behind the count are keys.
    pub keys: Result<usize, CommandError>,
}

/// The word that is run, and the first of the keys.
pub const WORD: usize = 1;
pub const FIRST_KEY: usize = 3;

const NOTE: &str = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE";
const READ_NOTE: &str = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS";
const KEYS: &[KeySpec] = &[counted_keys(2, RW | ACCESS | UPDATE).notes(NOTE)];
const KEYS_READ: &[KeySpec] = &[counted_keys(2, RO | ACCESS)];
const KEYS_READ_BY_FUNCTION: &[KeySpec] = &[counted_keys(2, RO | ACCESS).notes(READ_NOTE)];
const FLAGS: Flags = NO_SCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS;

const fn runner(
    name: &'static str,
    since: &'static str,
    syntax: &'static str,
    summary: &'static str,
) -> Spec {
    spec(name, AtLeast(3))
        .since(since)
        .flags(FLAGS)
        .complexity("Depends on what is executed.")
        .syntax(syntax)
        .summary(summary)
}
const fn reader(spec: Spec) -> Spec {
    spec.flags(FLAGS & !MAY_REPLICATE)
}

pub const EVAL: Entry = invoked(
    runner("EVAL", "2.6.0", "script numkeys [key [key ...]] [arg [arg ...]]", "Runs a script.").keys(KEYS),
    Access::Neither,
    |args| parse(args, |_| What::Body, false),
);
pub const EVAL_RO: Entry = invoked(
    reader(runner(
        "EVAL_RO",
        "7.0.0",
        "script numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a script that must not write.",
    ))
    .keys(KEYS_READ),
    Access::Read,
    |args| parse(args, |_| What::Body, true),
);
pub const EVALSHA: Entry = invoked(
    runner(
        "EVALSHA",
        "2.6.0",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        "Runs the script that is kept under a sum.",
    )
    .keys(KEYS),
    Access::Neither,
    |args| parse(args, by_sha, false),
);
pub const EVALSHA_RO: Entry = invoked(
    reader(runner(
        "EVALSHA_RO",
        "7.0.0",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        "Runs the script that is kept under a sum, and that must not write.",
    ))
    .keys(KEYS_READ),
    Access::Read,
    |args| parse(args, by_sha, true),
);
pub const FCALL: Entry = invoked(
    runner("FCALL", "7.0.0", "function numkeys [key [key ...]] [arg [arg ...]]", "Calls a function.")
        .keys(KEYS),
    Access::Neither,
    |args| parse(args, |_| What::Function, false),
);
pub const FCALL_RO: Entry = invoked(
    reader(runner(
        "FCALL_RO",
        "7.0.0",
        "function numkeys [key [key ...]] [arg [arg ...]]",
        "Calls a function that must not write.",
    ))
    .keys(KEYS_READ_BY_FUNCTION),
    Access::Read,
    |args| parse(args, |_| What::Function, true),
);

fn by_sha(word: &[u8]) -> What {
    What::Sha(Scripts::parse_sha(word))
}

fn parse(args: &mut Args, what: fn(&[u8]) -> What, read_only: bool) -> Result<Task, CommandError> {
    let word = args.word()?;
    let what = what(word);
    let is_no_sum = matches!(what, What::Sha(_)) && word.len() != 40;
    let count = parse_integer(args.word()?);
    let keys = match count {
        // What has no sum's length is not looked at any further.
        _ if is_no_sum => Ok(0),
        None if what == What::Function => Err(CommandError::fixed("ERR Bad number of keys provided")),
        None => Err(CommandError::NotAnInteger),
        Some(..0) => Err(CommandError::fixed("ERR Number of keys can't be negative")),
        Some(count) if count > args.remaining() as i64 => {
            Err(CommandError::fixed("ERR Number of keys can't be greater than number of args"))
        }
        Some(count) => Ok(count as usize),
    };
    args.skip_rest();
    Ok(Task::Script(Invocation { what, read_only, keys }))
}

impl Invocation {
    /// What it is run by was told of a wrong count before it is looked for what is to be run.
    ///
    /// # Errors
    /// The wrong count.
    pub fn check(&self) -> Outcome {
        self.keys.as_ref().map(|_| ()).map_err(Clone::clone)
    }
}
