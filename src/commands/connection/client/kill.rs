//! CLIENT KILL: ends the connections that match, by address (the old form) or by any of several filters.
use super::{COMMON, kind, spec};
use crate::{
    board::{ClientKind, ClientRecord},
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        connection::authentication,
        error::{CommandError, shown},
        session::{PubSubErrand, Session},
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    resp::Reply,
};
use bytes::Bytes;
use std::sync::atomic::Ordering::Relaxed;

/// What all must hold of a client for it to be killed.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    kind: Option<ClientKind>,
    user: Option<Bytes>,
    address: Option<Bytes>,
    local_address: Option<Bytes>,
    age_seconds_min: Option<i64>,
    spares_caller: bool,
}
impl Filter {
    /// Takes one filter with its value.
    fn take(&mut self, args: &mut Args) -> Result<(), CommandError> {
        if args.remaining() < 2 {
            return Err(CommandError::Syntax);
        }
        match () {
            () if args.option("ID") => self.id = Some(id(args.word()?)?),
            () if args.option("TYPE") => self.kind = Some(kind(args.word()?)?),
            () if args.option("USER") => self.user = Some(args.bytes()?),
            () if args.option("ADDR") => self.address = Some(args.bytes()?),
            () if args.option("LADDR") => self.local_address = Some(args.bytes()?),
            () if args.option("MAXAGE") => self.age_seconds_min = Some(age(args.word()?)?),
            () if args.option("SKIPME") => {
                let answer = args.one_of(&[("YES", true), ("NO", false)]);
                self.spares_caller = answer.ok_or(CommandError::Syntax)?
            }
            () => return Err(CommandError::Syntax),
        }
        Ok(())
    }
    fn admits(&self, client: &ClientRecord, caller: u64, now_ms: i64) -> bool {
        let same = |wanted: &Option<Bytes>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text);
        let age_seconds = now_ms / 1000 - client.connected_at_ms / 1000;
        !(self.spares_caller && client.id == caller)
            && self.id.is_none_or(|id| id == client.id)
            && self.kind.is_none_or(|kind| kind == client.kind())
            && self.age_seconds_min.is_none_or(|least| age_seconds >= least)
            && same(&self.user, &client.user.load())
            && same(&self.address, &client.address)
            && same(&self.local_address, &client.local_address)
    }
}
fn id(word: &[u8]) -> Result<u64, CommandError> {
    parse_integer(word)
        .and_then(|id| u64::try_from(id).ok())
        .filter(|&id| id > 0)
        .ok_or(CommandError::fixed("ERR client-id should be greater than 0"))
}
fn age(word: &[u8]) -> Result<i64, CommandError> {
    match parse_integer(word) {
        None => Err(CommandError::fixed("ERR maxage is not an integer or out of range")),
        Some(..=0) => Err(CommandError::fixed("ERR maxage should be greater than 0")),
        Some(seconds) => Ok(seconds),
    }
}

enum Form {
    /// One address, answered by OK or an error.
    Old,
    /// Filters, answered by how many were killed.
    New,
}
pub struct Kill {
    form: Form,
    filter: Filter,
    now_ms: i64,
}
impl Command for Kill {
    const SPEC: Spec = spec("KILL", AtLeast(3))
        .since("2.4.0")
        .flags(COMMON | ADMIN)
        .acts_on_others()
        .complexity("O(N)")
        .syntax(
            "<ip:port|<[ID client-id]|[TYPE NORMAL|MASTER|SLAVE|REPLICA|PUBSUB]|[USER username]|[ADDR ip:port]|\
             [LADDR ip:port]|[SKIPME YES|NO]|[MAXAGE maxage]> [<[ID client-id]|\
             [TYPE NORMAL|MASTER|SLAVE|REPLICA|PUBSUB]|[USER username]|[ADDR ip:port]|[LADDR ip:port]|\
             [SKIPME YES|NO]|[MAXAGE maxage]> ...]>",
        )
        .summary("Ends connections.")
        .history(&[
            ("2.8.12", "Filters, and how many they met as the answer. The `ID` filter."),
            ("3.2.0", "`TYPE` knows `master`."),
            ("5.0.0", "`TYPE` knows `replica`, which it called `slave` before and still understands so."),
            ("6.2.0", "The `LADDR` filter."),
            ("7.4.0", "The `MAXAGE` filter."),
        ]);
    fn parse(args: &mut Args) -> Result<Kill, CommandError> {
        let now_ms = args.context().now_ms;
        if args.remaining() == 1 {
            let filter = Filter { address: Some(args.bytes()?), ..Filter::default() };
            return Ok(Kill { form: Form::Old, filter, now_ms });
        }
        let mut filter = Filter { spares_caller: true, ..Filter::default() };
        while !args.is_empty() {
            filter.take(args)?;
        }
        Ok(Kill { form: Form::New, filter, now_ms })
    }
}
impl Kill {
    /// Kills all that match, and tells how many they were. The caller is let off until its reply is written.
    fn carry_out(&self, session: &mut Session) -> usize {
        let caller = session.record.id;
        let mut killed = 0;
        for client in session.board.roster.all() {
            if !self.filter.admits(&client, caller, self.now_ms) {
                continue;
            }
            if client.id == caller {
                session.quit();
                killed += 1;
            } else {
                killed += session.board.roster.kill(&client) as usize;
                if client.known_to_pubsub.load(Relaxed) {
                    // It must not be counted any more once this is answered.
                    session.errand = Some(PubSubErrand::CatchUp);
                }
            }
        }
        killed
    }
}
impl SessionCommand for Kill {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        if let Some(user) = self.filter.user.as_ref().filter(|user| !authentication::exists(user)) {
            let user = shown(user);
            return Err(CommandError::text_of(format!("ERR No such user '{user}'")));
        }
        match (&self.form, self.carry_out(session)) {
            (Form::Old, 0) => return Err(CommandError::fixed("ERR No such client")),
            (Form::Old, _) => reply.ok(),
            (Form::New, killed) => reply.integer(killed as i64),
        }
        Ok(())
    }
}
