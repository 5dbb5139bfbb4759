//! PSYNC and SYNC: a client becomes a replica.
//!
//! Only what can be refused at once is judged here. The rest is Primary's: the Connection hands it the socket, and the
//! client is none any more.
use super::{Announced, spec};
use crate::{
    board::{Board, ClientRecord, Failover},
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::{CommandError, shown},
        session::Session,
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    resp::Reply,
};
use std::sync::atomic::Ordering::Relaxed;

/// How a replica wants to be brought into step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// SYNC: all data, and no word about them before.
    Sync,
    /// PSYNC: to go on in this history (`?`: it has none) with this byte of the stream, the first of which is number 1.
    Resume { id: String, first: i64 },
    /// The same, but we, who are a replica yet, are to become the master before (`PSYNC … FAILOVER`).
    TakeOver { id: String, first: i64 },
}

/// How a replica is called in the log.
pub fn replica_name(announced: &Announced, client: &ClientRecord) -> String {
    let ip = match &announced.ip {
        Some(ip) => ip.clone(),
        None => ip_of(client),
    };
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip };
    match announced.port {
        0 => format!("{ip}:<unknown-replica-port>"),
        port => format!("{ip}:{port}"),
    }
}
/// The address that a client comes from, without its port.
pub fn ip_of(client: &ClientRecord) -> String {
    match client.address.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().to_canonical().to_string(),
        Err(_) => client.address.trim_end_matches(":0").to_string(),
    }
}

const FLAGS: Flags = ADMIN | NO_SCRIPT | NO_ASYNC_LOADING | NO_MULTI;

/// What keeps anybody from following us.
fn may_sync(session: &Session) -> Outcome {
    let replication = &session.board.replication;
    if replication.failover() != Failover::None {
        return Err(CommandError::fixed("NOMASTERLINK Can't SYNC while failing over"));
    }
    if replication.is_replica() && !replication.is_linked() {
        return Err(CommandError::fixed("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    // A part of the data must not take the place of the file with all of them, where a replica needs a file.
    if session.announced.is_filtered() && !session.announced.capa_eof {
        return Err(CommandError::fixed("ERR Filtered replica requires EOF capability"));
    }
    tracing::info!("Replica {} asks for synchronization", replica_name(&session.announced, &session.record));
    Ok(())
}
/// Who sees all commands is a replica of a kind to Redis, which asks for nothing more.
fn is_monitor(session: &Session) -> bool {
    session.record.monitors.load(Relaxed)
}

pub struct Sync;
impl Command for Sync {
    const SPEC: Spec = spec("SYNC", Exactly(1))
        .flags(FLAGS)
        .complexity("")
        .summary("Asks for all data, and for all that happens to them from there on.");
    fn parse(_: &mut Args) -> Result<Sync, CommandError> {
        Ok(Sync)
    }
}
impl SessionCommand for Sync {
    fn run(&mut self, session: &mut Session, _: &mut Reply) -> Outcome {
        if is_monitor(session) {
            return Ok(());
        }
        may_sync(session)?;
        session.wish = Some(Wish::Sync);
        Ok(())
    }
}

pub struct Psync {
    id: String,
    /// `None`: what was given is no number.
    first: Option<i64>,
    takes_over: bool,
}
impl Command for Psync {
    const SPEC: Spec = spec("PSYNC", AtLeast(3))
        .since("2.8.0")
        .flags(FLAGS)
        .complexity("")
        .syntax("replicationid offset")
        .summary("Asks for what has happened to the data since, or for all of them; and for all that happens from there on.");
    fn parse(args: &mut Args) -> Result<Psync, CommandError> {
        let id = shown(args.word()?).into_owned();
        let first = parse_integer(args.word()?);
        let takes_over = args.option("FAILOVER");
        args.skip_rest();
        Ok(Psync { id, first, takes_over })
    }
}
/// Whether we may be asked to become the master.
fn may_take_over(board: &Board, id: &str) -> Outcome {
    tracing::info!("Failover request received for replid {id}.");
    if !board.replication.is_replica() {
        return Err(CommandError::fixed("ERR PSYNC FAILOVER can't be sent to a master."));
    }
    if !board.replication.history.load().id.eq_ignore_ascii_case(id) {
        return Err(CommandError::fixed("ERR PSYNC FAILOVER replid must match my replid."));
    }
    Ok(())
}
impl SessionCommand for Psync {
    fn run(&mut self, session: &mut Session, _: &mut Reply) -> Outcome {
        if is_monitor(session) {
            return Ok(());
        }
        if self.takes_over {
            may_take_over(&session.board, &self.id)?;
        } else {
            may_sync(session)?;
        }
        let Some(first) = self.first else {
            tracing::warn!(
                "Replica {} asks for synchronization but with a wrong offset",
                replica_name(&session.announced, &session.record)
            );
            return Err(CommandError::NotAnInteger);
        };
        let id = std::mem::take(&mut self.id);
        session.wish = Some(match self.takes_over {
            true => Wish::TakeOver { id, first },
            false => Wish::Resume { id, first },
        });
        Ok(())
    }
}
