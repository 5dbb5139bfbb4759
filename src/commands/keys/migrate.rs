//! MIGRATE: keys go to another server, and are then no longer here.
//!
//! The values are copied at one moment and sent beside the clients' work, which goes on meanwhile; only who would change
//! one of the keys on their way must wait. What the other server confirmed is deleted here.
use super::spec;
use crate::{
    commands::{
        Awaited, BlockingCommand, Command, Patience, Progress,
        args::Args,
        error::CommandError,
        key_positions::{KeyPosition, KeyPositions},
        shipment::{Credentials, Delivery, Shipment, Trouble},
        spec::{Arity::*, *},
    },
    formats::rdb::dump,
    resp::{Reply, Request, encode_command},
    store::{Changes, Event},
};
use bytes::Bytes;

pub struct Migrate {
    host: String,
    port: u16,
    keys: Vec<Bytes>,
    db: usize,
    timeout_ms: u64,
    options: Options,
    /// On its way as long as it is not taken.
    shipment: Option<Shipment>,
    /// The keys in it, in the order of its requests, with the checksums of what was sent.
    sent: Vec<(Bytes, [u8; dump::SUM_BYTES])>,
    delivery: Option<Delivery>,
}
#[derive(Default)]
struct Options {
    copies: bool,
    replaces: bool,
    credentials: Option<Credentials>,
    keys: Option<Vec<Bytes>>,
}

/// Where this stands in the request.
const KEY: usize = 3;
/// Where the options begin.
const OPTIONS: usize = 6;
const TIMEOUT_MS_DEFAULT: i64 = 1000;

impl Command for Migrate {
    const SPEC: Spec = spec("MIGRATE", AtLeast(6))
        .keys(&[
            key(3, RW | ACCESS | DELETE),
            KeySpec {
                begin: Begin::Keyword("KEYS", -2),
                find: Find::Range { last: -1, step: 1, limit: 0 },
                flags: RW | ACCESS | DELETE | INCOMPLETE,
                notes: None,
            },
        ])
        .locate(locate)
        .categories(category("keyspace") | category("dangerous"))
        .since("2.6.0")
        .complexity("What DUMP and DEL cost here and RESTORE there, and the way between.")
        .syntax(
            "host port <key|\"\"> destination-db timeout [COPY] [REPLACE] [AUTH password|AUTH2 username password] \
             [KEYS key [key ...]]",
        )
        .tips(&["nondeterministic_output"])
        .summary("Moves keys to another server.")
        .history(&[
            ("3.0.0", "Added the `COPY` and `REPLACE` options."),
            ("3.0.6", "Added the `KEYS` option."),
            ("4.0.7", "Added the `AUTH` option."),
            ("6.0.0", "Added the `AUTH2` option."),
        ])
        .hides(hides_credentials);
    fn parse(args: &mut Args) -> Result<Migrate, CommandError> {
        let host = String::from_utf8_lossy(args.word()?).into_owned();
        let (port, key, db, timeout) = (args.word()?, args.bytes()?, args.split_off(1), args.split_off(1));
        let options = Options::parse(args)?;
        if options.keys.is_some() && !key.is_empty() {
            return Err(CommandError::fixed(
                "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
            ));
        }
        let timeout_ms = { timeout }.integer()?;
        let db = { db }.integer()?;
        Ok(Migrate {
            host,
            // What is none leads nowhere, which is told when nobody answers there.
            port: port_of(port),
            keys: options.keys.clone().unwrap_or_else(|| vec![key]),
            db: usize::try_from(db).unwrap_or(usize::MAX),
            timeout_ms: if timeout_ms <= 0 { TIMEOUT_MS_DEFAULT } else { timeout_ms } as u64,
            options,
            shipment: None,
            sent: Vec::new(),
            delivery: None,
        })
    }
}
/// The number with which a word begins, as Redis reads it; 0 if there is none.
fn port_of(word: &[u8]) -> u16 {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    // What is too large loses its upper bits on the way into the address.
    number as u16
}
impl Options {
    fn parse(args: &mut Args) -> Result<Options, CommandError> {
        let mut options = Options::default();
        while !args.is_empty() {
            if args.option("COPY") {
                options.copies = true;
            } else if args.option("REPLACE") {
                options.replaces = true;
            } else if args.option("AUTH") {
                options.credentials = Some(Credentials { user: None, password: args.bytes()? });
            } else if args.option("AUTH2") {
                let user = Some(args.bytes()?);
                options.credentials = Some(Credentials { user, password: args.bytes()? });
            } else if args.option("KEYS") {
                options.keys = Some(args.rest());
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// The password behind AUTH, user and password behind AUTH2.
fn hides_credentials(request: &Request, index: usize) -> bool {
    const OPTIONS: usize = 6;
    let is = |at: usize, word: &str| {
        at >= OPTIONS && request.get(at).is_some_and(|given| given.eq_ignore_ascii_case(word.as_bytes()))
    };
    is(index.saturating_sub(1), "AUTH")
        || is(index.saturating_sub(1), "AUTH2")
        || is(index.saturating_sub(2), "AUTH2")
}

/// The keys of a request; those behind `KEYS` count only if the one in its place is empty.
fn locate(request: &Request, found: &mut KeyPositions) {
    const FLAGS: KeyFlags = RW | ACCESS | DELETE;
    let keyword = |index: &usize| request.get(*index).is_some_and(|word| word.eq_ignore_ascii_case(b"KEYS"));
    let is_empty = request.get(KEY).is_some_and(<[u8]>::is_empty);
    let several = if is_empty { (OPTIONS..request.len()).find(keyword) } else { None };
    match several {
        Some(index) => {
            found.extend((index + 1..request.len()).map(|index| KeyPosition { index, flags: FLAGS }))
        }
        None => found.extend([KeyPosition { index: KEY, flags: FLAGS }]),
    }
}

impl BlockingCommand for Migrate {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        if let Some(delivery) = self.delivery.take() {
            self.land(delivery, changes)?;
            reply.ok();
            return Ok(Progress::Done);
        }
        let requests = self.pack(changes);
        if requests.is_empty() {
            reply.status("NOKEY");
            return Ok(Progress::Done);
        }
        self.shipment = Some(Shipment {
            host: self.host.clone(),
            port: self.port,
            credentials: self.options.credentials.clone(),
            db: self.db,
            timeout_ms: self.timeout_ms,
            requests,
            keys: if self.options.copies {
                Vec::new()
            } else {
                self.sent.iter().map(|(key, _)| key.clone()).collect()
            },
        });
        Ok(Progress::Waits)
    }
    fn patience(&self) -> Patience {
        Patience { awaited: Awaited::Answer, lasts_ms: None }
    }
    fn shipment(&mut self) -> Option<Shipment> {
        self.shipment.take()
    }
    fn hear(&mut self, delivery: Delivery) {
        self.delivery = Some(delivery);
    }
}

impl Migrate {
    /// The keys that are there, as requests that make them elsewhere.
    fn pack(&mut self, changes: &mut Changes) -> Vec<Vec<u8>> {
        let (now_ms, compresses) = (changes.now_ms(), changes.store.compresses_dumps);
        let mut requests = Vec::new();
        for key in &self.keys {
            // Deletes the key if it has expired: a view would only hide it.
            let _ = changes.lookup(key);
            let view = changes.view();
            let Some(entry) = view.lookup(key) else { continue };
            let ttl_ms = entry.deadline().map_or(0, |deadline| (deadline - now_ms).max(1)).to_string();
            let payload = dump::seal(entry, compresses);
            let mut words: Vec<&[u8]> = vec![b"RESTORE", key, ttl_ms.as_bytes(), &payload];
            if self.options.replaces {
                words.push(b"REPLACE");
            }
            let mut request = Vec::with_capacity(payload.len() + key.len() + 64);
            encode_command(&mut request, words.into_iter());
            requests.push(request);
            self.sent.push((key.clone(), dump::sum(&payload)));
        }
        requests
    }
    /// Deletes here what has arrived there.
    fn land(&mut self, delivery: Delivery, changes: &mut Changes) -> Result<(), CommandError> {
        let Delivery { answers, refusal, trouble } = delivery;
        let arrived = std::mem::take(&mut self.sent).into_iter().zip(answers).filter(|(_, done)| *done);
        let is_whole = self.options.copies || self.delete(arrived.map(|(sent, _)| sent), changes);
        match (refusal, trouble) {
            (Some(text), _) => {
                Err(CommandError::text_of(format!("ERR Target instance replied with error: {text}")))
            }
            (None, Some(Trouble::Connecting)) => {
                Err(CommandError::fixed("IOERR error or timeout connecting to the client"))
            }
            (None, Some(Trouble::Writing)) => {
                Err(CommandError::fixed("IOERR error or timeout writing to target instance"))
            }
            (None, Some(Trouble::Reading)) => {
                Err(CommandError::fixed("IOERR error or timeout reading from target instance"))
            }
            (None, None) if !is_whole => {
                Err(CommandError::fixed("ERR A value changed while it was moved, and is still here"))
            }
            (None, None) => Ok(()),
        }
    }
    /// Deletes them; false if one is no longer what was sent. Clients are kept from changing it meanwhile, but what had
    /// begun to wait before may have been served from it or into it (BLMOVE), and fields of a hash expire.
    fn delete(
        &self,
        sent: impl Iterator<Item = (Bytes, [u8; dump::SUM_BYTES])>,
        changes: &mut Changes,
    ) -> bool {
        let compresses = changes.store.compresses_dumps;
        let (mut gone, mut is_whole) = (vec![Bytes::from_static(b"DEL")], true);
        for (key, sum) in sent {
            // It may have expired on the way.
            let Some(entry) = changes.lookup(&key) else { continue };
            if dump::sum(&dump::seal(entry, compresses)) != sum {
                is_whole = false;
            } else if changes.delete(&key) {
                changes.modified(Event::Generic, "del", &key);
                gone.push(key);
            }
        }
        if gone.len() > 1 {
            changes.rewrite(&gone.iter().map(|word| &word[..]).collect::<Vec<_>>());
        }
        is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_as_far_as_it_is_a_number() {
        for (word, port) in [("6379", 6379), ("12x", 12), ("x12", 0), ("", 0), ("70000", 4464)] {
            assert_eq!(port_of(word.as_bytes()), port, "{word}");
        }
    }
}
