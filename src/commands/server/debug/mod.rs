//! DEBUG: what tests of Redis, and of us, need to see or to force. Off unless `enable-debug-command` says otherwise.
//!
//! Subcommands that turn internals of Redis that we do not have (a dictionary's resizing, a reply buffer's peaks,
//! a cron) are accepted without effect: tests use them to keep those internals out of the way.
mod digest;
mod keys;
mod lists;
mod protocol;

use super::{OPERATOR, spec};
use crate::{
    board::Board,
    commands::{
        Backstage, BackstageCommand, Command, Errand, Outcome,
        args::Args,
        error::{CommandError, shown_in_part, text_of_bytes},
        help::reply_help,
        replication::faults::give_up,
        spec::{Arity::*, *},
    },
    config::Rewriting,
    data::glob,
    resp::Reply,
};
use bytes::Bytes;
use digest::Digest;
pub use digest::value_digest;
use protocol::{SAMPLES, Sample};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};

/// What is wrong with the arguments is told only to those who may use the command at all.
pub struct Debug(Result<Action, CommandError>);

enum Action {
    Help,
    /// It would do something to internals that we do not have.
    Accept,
    Sleep(Duration),
    SetActiveExpire(bool),
    SkipChecksums(bool),
    AllowInScripts(bool),
    DelayLog(Duration),
    Log(String),
    Error(String),
    Protocol(Sample),
    Listpack(Bytes),
    Quicklist(Bytes),
    PlainFromBytes(Option<usize>),
    Crash(&'static str),
    Object(Bytes),
    StringLengths(Bytes),
    TableStatistics(usize),
    TableStatisticsOfKey(Bytes),
    Populate(keys::Populate),
    RewriteConfiguration,
    /// Something that concerns files.
    Errand(Errand),
    /// A command as it is, whatever it is.
    TellReplicas(Vec<Bytes>),
    Digest,
    DigestValues(Vec<Bytes>),
    /// The pattern against that many letters `a`.
    MatchLong {
        length: usize,
        pattern: Bytes,
    },
    MatchAtRandom,
}

impl Command for Debug {
    const SPEC: Spec = spec("DEBUG", AtLeast(2))
        .flags(OPERATOR | PROTECTED | SYSTEM)
        .complexity("Depends on subcommand.")
        .summary("Groups what tests of the server need.");
    fn parse(args: &mut Args) -> Result<Debug, CommandError> {
        let name = args.bytes()?;
        let action = Action::parse(&name, args);
        if args.rest().is_empty() || action.is_err() {
            return Ok(Debug(action));
        }
        Ok(Debug(Err(unknown(&name))))
    }
}
fn unknown(name: &[u8]) -> CommandError {
    let name = shown_in_part(name);
    CommandError::text_of(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
    ))
}

impl Action {
    fn parse(name: &[u8], args: &mut Args) -> Result<Action, CommandError> {
        let lower = name.to_ascii_lowercase();
        let wrong = || unknown(name);
        Ok(match (&lower[..], args.remaining()) {
            (b"help", 0) => Action::Help,
            (b"change-repl-id", 0) => Action::Errand(Errand::ChangeHistory),
            (b"replicate", 1..) => Action::TellReplicas(args.rest()),
            (b"set-disable-deny-scripts", 1) => Action::AllowInScripts(args.word()? != b"0"),
            (b"pause-cron" | b"dict-resizing", 1) => {
                args.word()?;
                Action::Accept
            }
            (b"replybuffer", 2) => {
                let known = args.option("PEAK-RESET-TIME") || args.option("RESIZING");
                args.word()?;
                if known { Action::Accept } else { return Err(wrong()) }
            }
            (b"sleep", 1) => {
                Action::Sleep(Duration::try_from_secs_f64(seconds(args.word()?)).unwrap_or_default())
            }
            (b"set-active-expire", 1) => Action::SetActiveExpire(args.word()? != b"0"),
            (b"set-skip-checksum-validation", 1) => Action::SkipChecksums(args.word()? != b"0"),
            (b"aof-flush-sleep", 1) => {
                let us = u64::try_from(args.integer()?).unwrap_or(0);
                Action::DelayLog(Duration::from_micros(us))
            }
            (b"log", 1) => Action::Log(text(args)?),
            (b"error", 1) => Action::Error(text_of_bytes(args.word()?).into_owned()),
            (b"protocol", 1) => Action::Protocol(args.one_of(SAMPLES).ok_or_else(Sample::unknown)?),
            (b"segfault", 0) => Action::Crash("SEGFAULT"),
            (b"panic", 0) => Action::Crash("PANIC"),
            (b"assert", 0) => Action::Crash("ASSERT"),
            (b"listpack", 1) => Action::Listpack(args.bytes()?),
            (b"quicklist", 1 | 2) => {
                let key = args.bytes()?;
                args.rest();
                Action::Quicklist(key)
            }
            (b"quicklist-packed-threshold", 1) => lists::parse_threshold(args)?,
            (b"object", 1) => Action::Object(args.bytes()?),
            (b"sdslen", 1) => Action::StringLengths(args.bytes()?),
            (b"htstats", 1 | 2) => {
                let database = args.integer()?;
                args.option("FULL");
                let database = usize::try_from(database).ok().filter(|&db| db < args.context().databases);
                Action::TableStatistics(database.ok_or(CommandError::fixed("ERR Out of range database"))?)
            }
            (b"htstats-key", 1 | 2) => {
                let key = args.bytes()?;
                args.option("FULL");
                Action::TableStatisticsOfKey(key)
            }
            (b"populate", 1..=3) => Action::Populate(keys::Populate::parse(args)?),
            (b"config-rewrite-force-all", 0) => Action::RewriteConfiguration,
            (b"reload", _) => Action::Errand(reload(args)?),
            (b"loadaof", 0) => Action::Errand(Errand::LoadLog),
            (b"digest", 0) => Action::Digest,
            (b"digest-value", _) => Action::DigestValues(args.rest()),
            (b"stringmatch-len", 2) => {
                let length = usize::try_from(args.integer()?).map_err(|_| CommandError::OutOfRange)?;
                if length > args.context().string_bytes_max {
                    return Err(CommandError::OutOfRange);
                }
                Action::MatchLong { length, pattern: args.bytes()? }
            }
            (b"stringmatch-test", 0) => Action::MatchAtRandom,
            (b"jmap", _) => {
                args.rest();
                return Err(CommandError::fixed(
                    "ERR DEBUG JMAP is for Java virtual machines. MEMORY MALLOC-STATS shows the allocator's figures.",
                ));
            }
            _ => return Err(wrong()),
        })
    }

    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        match self {
            Action::Help => reply_help(reply, "DEBUG", HELP),
            Action::Accept => reply.ok(),
            Action::Sleep(duration) => {
                std::thread::sleep(*duration);
                reply.ok();
            }
            Action::SetActiveExpire(on) => {
                backstage.changes.store.expires_actively = *on;
                reply.ok();
            }
            Action::AllowInScripts(on) => {
                backstage.scripting.allows_all = *on;
                reply.ok();
            }
            Action::SkipChecksums(on) => {
                backstage.changes.store.skips_checksums = *on;
                reply.ok();
            }
            Action::DelayLog(delay) => {
                backstage.board.archive.log_delay_us.store(delay.as_micros() as u64, Relaxed);
                reply.ok();
            }
            Action::Log(text) => {
                tracing::warn!("DEBUG LOG: {text}");
                reply.ok();
            }
            Action::Error(text) => return Err(CommandError::text_of(std::mem::take(text))),
            Action::Protocol(sample) => return sample.reply(backstage.caller.protocol, reply),
            Action::Crash(how) => {
                let reason = format!("DEBUG {how}: a client asked the server to crash");
                give_up(backstage.board, &reason)
            }
            Action::Object(key) => return keys::reply_object(backstage, key, reply),
            Action::Listpack(key) => return lists::show_listpack(backstage, key, reply),
            Action::Quicklist(key) => return lists::show_quicklist(backstage, key, reply),
            Action::PlainFromBytes(bytes) => {
                backstage.changes.store.limits.list_plain_from_bytes = *bytes;
                reply.ok();
            }
            Action::StringLengths(key) => return keys::reply_string_lengths(backstage, key, reply),
            Action::TableStatistics(database) => keys::reply_table_statistics(backstage, *database, reply),
            Action::TableStatisticsOfKey(key) => {
                return keys::reply_table_statistics_of_key(backstage, key, reply);
            }
            Action::Populate(populate) => {
                populate.run(&mut backstage.changes);
                reply.ok();
            }
            Action::RewriteConfiguration => {
                rewrite_configuration(backstage.board)?;
                reply.ok();
            }
            Action::Errand(errand) => {
                *backstage.errand = Some(*errand);
                reply.ok();
            }
            Action::Digest => reply.status(&Digest::of_store(backstage.changes.store).to_hex()),
            Action::TellReplicas(words) => {
                let db = backstage.changes.db;
                backstage.changes.record.tell_replicas(db, words.iter().map(|word| &word[..]));
                reply.ok();
            }
            Action::DigestValues(keys) => {
                reply.array(keys.len());
                for key in keys {
                    let entry = backstage.changes.view().database().find(key);
                    reply.status(&entry.map_or(Digest::default(), Digest::of_value).to_hex());
                }
            }
            Action::MatchLong { length, pattern } => {
                reply.integer(glob::matches(pattern, &vec![b'a'; *length], false) as i64)
            }
            Action::MatchAtRandom => {
                match_at_random(&mut || backstage.changes.store.random());
                reply.status("the matcher came through");
            }
        }
        Ok(())
    }
}
/// CONFIG REWRITE, with the parameters that have their defaults too.
fn rewrite_configuration(board: &Board) -> Outcome {
    let Some(path) = &board.config_file else {
        return Err(CommandError::fixed("ERR The server is running without a config file"));
    };
    let rewriting = Rewriting { every_parameter: true, ..Rewriting::default() };
    board
        .config
        .load()
        .rewrite_file(path, rewriting)
        .map_err(|error| CommandError::text_of(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {error}")))
}
/// `[MERGE] [NOFLUSH] [NOSAVE]`
fn reload(args: &mut Args) -> Result<Errand, CommandError> {
    let (mut save, mut flush, mut merge) = (true, true, false);
    while !args.is_empty() {
        if args.option("MERGE") {
            merge = true;
        } else if args.option("NOFLUSH") {
            flush = false;
        } else if args.option("NOSAVE") {
            save = false;
        } else {
            return Err(CommandError::fixed(
                "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            ));
        }
    }
    Ok(Errand::Reload { save, flush, merge })
}
/// The number that a word begins with, as C reads it: 0 if it begins with none, or with one below.
fn seconds(word: &[u8]) -> f64 {
    let end = word.iter().position(|byte| !b"0123456789.+-eE".contains(byte)).unwrap_or(word.len());
    let head = std::str::from_utf8(&word[..end]).unwrap_or_default();
    let number = (1..=head.len()).rev().find_map(|len| head[..len].parse().ok());
    number.unwrap_or(0.0_f64).max(0.0)
}
fn text(args: &mut Args) -> Result<String, CommandError> {
    Ok(String::from_utf8_lossy(args.word()?).into_owned())
}
/// Matches random patterns of few letters against random strings: it must end, and soon.
fn match_at_random(random: &mut dyn FnMut() -> u64) {
    const ROUNDS: usize = 100_000;
    const LETTERS: &[u8] = b"ab*?[]^-\\";
    let mut word = || {
        let length = random() as usize % 16;
        (0..length).map(|_| LETTERS[random() as usize % LETTERS.len()]).collect::<Vec<u8>>()
    };
    for _ in 0..ROUNDS {
        std::hint::black_box(glob::matches(&word(), &word(), false));
    }
}

impl BackstageCommand for Debug {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let allowed = backstage.board.config.load().enable_debug_command;
        let caller = backstage.board.roster.get(backstage.caller.client);
        if !allowed.admits(caller.is_some_and(|record| record.is_local())) {
            return Err(CommandError::fixed(NOT_ALLOWED));
        }
        match &mut self.0 {
            Ok(action) => action.run(backstage, reply),
            Err(error) => Err(error.clone()),
        }
    }
}
const NOT_ALLOWED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
    you can run it from a local connection, otherwise you need to set this option in the configuration file, \
    and then restart the server.";

const HELP: &[&str] = &[
    "AOF-FLUSH-SLEEP <microseconds>",
    "    Wait so long before each write to the append-only file.",
    "ASSERT | PANIC | SEGFAULT",
    "    End the process at once, as a crash would.",
    "CHANGE-REPL-ID",
    "    Give the history of the data another id, so that no replica can go on from what it has.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Write every parameter to the configuration file, also those that have their defaults.",
    "DICT-RESIZING <0|1>, PAUSE-CRON <0|1>, SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Accepted; there is nothing here that they would change.",
    "DIGEST",
    "    Show a checksum of the whole data set.",
    "DIGEST-VALUE [<key> ...]",
    "    Show a checksum of each key's value.",
    "ERROR <text>",
    "    Reply with this error.",
    "HTSTATS <db> [FULL]",
    "    Show figures of a database's key table.",
    "HTSTATS-KEY <key> [FULL]",
    "    Show figures of the table in a key's value.",
    "LISTPACK <key>",
    "    Write to the log what is in a small value.",
    "LOADAOF",
    "    Empty the server, and load what the append-only file says.",
    "LOG <text>",
    "    Write this to the log.",
    "OBJECT <key>",
    "    Show how a key's value is held.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create keys <prefix>:0, <prefix>:1 … that are not there yet, without telling replicas.",
    "PROTOCOL <type>",
    "    Reply with a value of this type: string, integer, double, bignum, null, array, set, map, attrib, push,",
    "    verbatim, true, false.",
    "QUICKLIST <key> [<0|1>]",
    "    Write to the log how a long list is held.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    From how many bytes on an element of a list has a node of its own; 0 for what the list's limit says.",
    "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
    "    Save, empty the server, and load what was saved. NOSAVE loads the file as it is; NOFLUSH leaves what is there,",
    "    and MERGE lets keys of the file take the place of those that are there.",
    "REPLYBUFFER PEAK-RESET-TIME <ms|NEVER|RESET>, REPLYBUFFER RESIZING <0|1>",
    "    Accepted; there is nothing here that they would change.",
    "SDSLEN <key>",
    "    Show the lengths of a key and of its string.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Leave expired keys until somebody asks for them (0), or remove them when they are due (1).",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Let RESTORE and RELOAD take what has a wrong checksum (1).",
    "SLEEP <seconds>",
    "    Do nothing else for so long.",
    "STRINGMATCH-LEN <length> <pattern>",
    "    Match a pattern against that many letters 'a'.",
    "STRINGMATCH-TEST",
    "    Match random patterns against random strings.",
];

#[cfg(test)]
mod tests;
