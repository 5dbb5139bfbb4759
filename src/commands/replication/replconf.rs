//! REPLCONF: what a replica says of itself, so that its master knows how to send it the data.
//!
//! Its pairs count one by one: what stands before a wrong one is kept. Two of them are never answered: `ACK`, by which a
//! replica tells how far it is (which its Replica actor reads; from anybody else it means nothing), and `GETACK`, by which
//! a master asks for that.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::{CommandError, shown},
        session::Session,
        spec::{Arity::*, *},
    },
    data::{number::parse_integer, quoting::split_args},
    resp::Reply,
};

/// What a client has said of itself, should it become a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    pub ip: Option<String>,
    /// 0: it did not say.
    pub port: u16,
    /// It understands a snapshot that ends in a mark instead of being told its length.
    pub capa_eof: bool,
    /// It understands that a history may go on under another id.
    pub capa_psync2: bool,
    /// Once asked how far it is, it says so for a while unasked (see [`UNASKED_FOR`](crate::board::UNASKED_FOR)).
    pub capa_unasked_acks: bool,
    /// It wants a snapshot, and nothing behind it.
    pub rdb_only: bool,
    /// `rdb-filter-only`: of the snapshot it wants no data, or no functions.
    pub without_data: bool,
    pub without_functions: bool,
    /// As in RDB's aux fields (0x070401); 0: it did not say.
    pub version: u32,
}
impl Announced {
    /// The snapshot is not to tell everything.
    pub fn is_filtered(&self) -> bool {
        self.without_data || self.without_functions
    }
}

/// One pair of REPLCONF.
#[derive(Debug)]
enum Pair {
    Port(i64),
    Ip(String),
    Capa(Capability),
    RdbOnly(bool),
    Filter { wants_functions: bool },
    Version(u32),
}
#[derive(Clone, Copy, Debug)]
enum Capability {
    Eof,
    Psync2,
    /// No other server has it.
    UnaskedAcks,
    /// Of a later version than ours.
    Unknown,
}

pub struct ReplConf {
    pairs: Vec<Pair>,
    end: End,
}
/// What comes of it behind the pairs.
enum End {
    Ok,
    Silence,
    Refused(CommandError),
}

/// Longest address, in bytes.
const IP_BYTES_MAX: usize = 255;

impl Command for ReplConf {
    const SPEC: Spec = spec("REPLCONF", AtLeast(1))
        .since("3.0.0")
        .flags(ADMIN | NO_SCRIPT | LOADING | STALE | ALLOW_BUSY | SYSTEM)
        .complexity("O(1)")
        .summary("By which replicas and their masters tell each other about themselves.");
    fn parse(args: &mut Args) -> Result<ReplConf, CommandError> {
        if !args.remaining().is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        let mut pairs = Vec::new();
        let mut end = End::Ok;
        while !args.is_empty() {
            if args.option("ACK") || args.option("GETACK") {
                args.skip_rest();
                end = End::Silence;
                break;
            }
            match pair(args) {
                Ok(pair) => pairs.push(pair),
                Err(error) => {
                    args.skip_rest();
                    end = End::Refused(error);
                }
            }
        }
        Ok(ReplConf { pairs, end })
    }
}
fn pair(args: &mut Args) -> Result<Pair, CommandError> {
    Ok(match () {
        () if args.option("LISTENING-PORT") => Pair::Port(args.integer()?),
        () if args.option("IP-ADDRESS") => Pair::Ip(ip(args.word()?)?),
        () if args.option("CAPA") => {
            let known = args.one_of(&[
                ("EOF", Capability::Eof),
                ("PSYNC2", Capability::Psync2),
                ("UNASKED-ACKS", Capability::UnaskedAcks),
            ]);
            Pair::Capa(match known {
                Some(known) => known,
                None => args.word().map(|_| Capability::Unknown)?,
            })
        }
        () if args.option("RDB-ONLY") => Pair::RdbOnly(args.integer_between(0, 1)? == 1),
        () if args.option("RDB-FILTER-ONLY") => filter(args.word()?)?,
        () if args.option("VERSION") => Pair::Version(version(args.word()?)),
        () => {
            let name = shown(args.word()?);
            return Err(CommandError::text_of(format!("ERR Unrecognized REPLCONF option: {name}")));
        }
    })
}
fn ip(word: &[u8]) -> Result<String, CommandError> {
    if word.len() > IP_BYTES_MAX {
        return Err(CommandError::text_of(format!(
            "ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
            word.len()
        )));
    }
    Ok(shown(word).into_owned())
}
/// `rdb-filter-only`: all that the snapshot is to tell.
fn filter(words: &[u8]) -> Result<Pair, CommandError> {
    let words = split_args(words).ok_or(CommandError::fixed("ERR Missing rdb-filter-only values"))?;
    match words.iter().find(|word| !word.eq_ignore_ascii_case(b"functions")) {
        Some(other) => {
            Err(CommandError::text_of(format!("ERR Unsupported rdb-filter-only option: {}", shown(other))))
        }
        None => Ok(Pair::Filter { wants_functions: !words.is_empty() }),
    }
}
/// `7.4.1` as 0x070401. What is no version is none.
fn version(word: &[u8]) -> u32 {
    let mut parts = word.splitn(3, |&byte| byte == b'.').map(|part| parse_integer(part).unwrap_or(0));
    let mut next = || parts.next().map_or(0, |part| part.clamp(0, 255) as u32);
    let (major, minor, patch) = (next(), next(), next());
    major << 16 | minor << 8 | patch
}

impl Announced {
    fn note(&mut self, pair: &Pair) {
        match pair {
            Pair::Port(port) => self.port = u16::try_from(*port).unwrap_or(0),
            Pair::Ip(ip) => self.ip = (!ip.is_empty()).then(|| ip.clone()),
            Pair::Capa(Capability::Eof) => self.capa_eof = true,
            Pair::Capa(Capability::Psync2) => self.capa_psync2 = true,
            Pair::Capa(Capability::UnaskedAcks) => self.capa_unasked_acks = true,
            Pair::Capa(Capability::Unknown) => {}
            Pair::RdbOnly(only) => self.rdb_only = *only,
            Pair::Filter { wants_functions } => {
                self.without_data = true;
                self.without_functions = !wants_functions;
            }
            Pair::Version(version) => self.version = *version,
        }
    }
}
impl SessionCommand for ReplConf {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        for pair in &self.pairs {
            session.announced.note(pair);
        }
        match &self.end {
            End::Ok => reply.ok(),
            End::Silence => {}
            End::Refused(error) => return Err(error.clone()),
        }
        Ok(())
    }
}
