//! CLIENT LIST and CLIENT INFO: clients as lines of `field=value`, in the fields and the order of Redis 7.4, which
//! tools take apart.
//!
//! The lines are made from the records on the board, by whoever asks, so listing ten thousand clients does not
//! keep the data waiting.
use super::{COMMON, kind, spec};
use crate::{
    board::{ClientKind, ClientRecord},
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        registry::Registry,
        session::Session,
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    resp::Reply,
};
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

pub struct Info {
    now_ms: i64,
}
impl Command for Info {
    const SPEC: Spec = spec("INFO", Exactly(2))
        .since("6.2.0")
        .flags(COMMON)
        .summary("This connection, as CLIENT LIST shows it.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<Info, CommandError> {
        Ok(Info { now_ms: args.context().now_ms })
    }
}
impl SessionCommand for Info {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        reply.verbatim("txt", line(&session.record, self.now_ms).as_bytes());
        Ok(())
    }
}

/// Whom to list.
enum Whom {
    All,
    OfKind(ClientKind),
    /// In this order, as often as named; those that do not exist are left out.
    WithIds(Vec<i64>),
}
pub struct List {
    whom: Whom,
    now_ms: i64,
}
impl Command for List {
    const SPEC: Spec = spec("LIST", AtLeast(2))
        .since("2.4.0")
        .flags(COMMON | ADMIN)
        .complexity("O(N)")
        .syntax("[TYPE NORMAL|MASTER|REPLICA|PUBSUB] [ID client-id [client-id ...]]")
        .summary("All connections, one line each.")
        .tips(&["nondeterministic_output"])
        .history(&[
            ("2.8.12", "Lines begin with the client's `id`."),
            ("5.0.0", "The `TYPE` option."),
            ("6.0.0", "The `user` field."),
            ("6.2.0", "The `argv-mem`, `tot-mem`, `laddr` and `redir` fields, the `ID` option."),
            ("7.0.0", "The `resp`, `multi-mem`, `rbs` and `rbp` fields."),
            ("7.0.3", "The `ssub` field."),
        ]);
    fn parse(args: &mut Args) -> Result<List, CommandError> {
        let whom = match args.remaining() {
            0 => Whom::All,
            2 if args.option("TYPE") => Whom::OfKind(kind(args.word()?)?),
            2.. if args.option("ID") => Whom::WithIds(ids(args)?),
            _ => return Err(CommandError::Syntax),
        };
        Ok(List { whom, now_ms: args.context().now_ms })
    }
}
fn ids(args: &mut Args) -> Result<Vec<i64>, CommandError> {
    const INVALID: CommandError = CommandError::fixed("ERR Invalid client ID");
    (0..args.remaining()).map(|_| parse_integer(args.word()?).ok_or(INVALID)).collect()
}
impl SessionCommand for List {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        let roster = &session.board.roster;
        let found: Vec<Arc<ClientRecord>> = match &self.whom {
            Whom::All => roster.all(),
            Whom::OfKind(kind) => roster.all().into_iter().filter(|client| client.kind() == *kind).collect(),
            Whom::WithIds(ids) => ids.iter().filter_map(|&id| roster.get(u64::try_from(id).ok()?)).collect(),
        };
        let lines: String = found.iter().map(|client| line(client, self.now_ms)).collect();
        reply.verbatim("txt", lines.as_bytes());
        Ok(())
    }
}

/// One client's line, its end included.
pub fn line(client: &ClientRecord, now_ms: i64) -> String {
    let mut line = String::with_capacity(400);
    // Writing to a string cannot fail.
    let _ = write_line(client, now_ms, &mut line);
    line
}
fn write_line(client: &ClientRecord, now_ms: i64, line: &mut String) -> std::fmt::Result {
    let text = |field: &arc_swap::ArcSwapOption<String>| {
        field.load().as_deref().map_or_else(String::new, String::clone)
    };
    write!(line, "id={} addr={} laddr={}", client.id, client.address, client.local_address)?;
    write!(line, " fd={} name={}", client.file_descriptor.load(Relaxed), text(&client.name))?;
    let seconds_since = |then_ms: i64| (now_ms / 1000 - then_ms / 1000).max(0);
    write!(line, " age={}", seconds_since(client.connected_at_ms))?;
    write!(line, " idle={}", seconds_since(client.active_at_ms.load(Relaxed)))?;
    write!(line, " flags={} db={}", flags(client), number(&client.db))?;
    write!(line, " sub={} psub={}", number(&client.channels), number(&client.patterns))?;
    write!(line, " ssub={}", number(&client.shard_channels))?;
    write!(line, " multi={}", client.queued_commands.load(Relaxed).max(-1))?;
    write!(line, " watch={}", number(&client.watched_keys))?;
    write_memory(client, line)?;
    let last = client.last_command.load(Relaxed).checked_sub(1);
    let command = last.and_then(|index| Registry::get().full_name(index)).unwrap_or("NULL");
    write!(line, " cmd={command} user={}", client.user.load())?;
    let tracking = client.tracking.load();
    let redirect = if tracking.on { tracking.redirect as i64 } else { -1 };
    write!(line, " redir={redirect} resp={}", client.protocol.load(Relaxed))?;
    write!(line, " lib-name={} lib-ver={}", text(&client.library_name), text(&client.library_version))?;
    line.write_char('\n')
}
/// The buffers. Redis fills a fixed reply buffer first (rbs, rbp, obl) and then a list of blocks (oll, omem); here
/// pending output is one queue, which is shown as that list. Its memory is told, not its length: a large value that is
/// shared with the data waits here without costing more. But of a replica, whose queue is shared with the backlog and with
/// other replicas, its length: that is what `client-output-buffer-limit` is about.
fn write_memory(client: &ClientRecord, line: &mut String) -> std::fmt::Result {
    let pending_bytes = number(&client.output_buffer_bytes);
    let (blocks, events) = if pending_bytes > 0 { (1, "rw") } else { (0, "r") };
    write!(line, " qbuf={}", number(&client.query_buffer_bytes))?;
    write!(line, " qbuf-free={}", number(&client.query_buffer_free_bytes))?;
    write!(line, " argv-mem={}", number(&client.argument_bytes))?;
    write!(line, " multi-mem={}", number(&client.queued_bytes))?;
    let own = number(&client.output_memory_bytes);
    let output = if client.kind() == ClientKind::Replica { pending_bytes } else { own };
    write!(line, " rbs=0 rbp=0 obl=0 oll={blocks} omem={output}")?;
    write!(line, " tot-mem={} events={events}", client.memory_bytes().saturating_sub(own) + output)
}
fn number(count: &AtomicUsize) -> usize {
    count.load(Relaxed)
}
/// A letter for each that applies, `N` if none does.
fn flags(client: &ClientRecord) -> String {
    let is = |flag: &AtomicBool| flag.load(Relaxed);
    let tracking = client.tracking.load();
    let flags: String = [
        (is(&client.monitors), 'O'),
        (client.kind() == ClientKind::Replica, 'S'),
        (client.kind() == ClientKind::Master, 'M'),
        (client.is_subscribed(), 'P'),
        (client.queued_commands.load(Relaxed) >= 0, 'x'),
        (is(&client.blocked), 'b'),
        (tracking.on, 't'),
        (tracking.is_broken, 'R'),
        (tracking.broadcasts, 'B'),
        (is(&client.closing), 'c'),
        (client.unix_socket, 'U'),
        (is(&client.no_evict), 'e'),
        (is(&client.no_touch), 'T'),
    ]
    .into_iter()
    .filter_map(|(applies, letter)| applies.then_some(letter))
    .collect();
    if flags.is_empty() { "N".into() } else { flags }
}
