//! Finding the items of a file that comes in chunks.
mod grammar;
mod walk;

use super::{Damage, VERSION_MAX, ValueType, input::Input, opcode};
use crate::data::crc64::Crc64;
use bytes::{Buf, Bytes, BytesMut};
use walk::Walk;

const SIGNATURE: &[u8] = b"REDIS";
const MAGIC_BYTES: u64 = 9;
const TRAILER_BYTES: u64 = 8;
/// From this version on a checksum stands at the end.
const CHECKED_FROM: u16 = 5;

/// Something that stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// The first item.
    Version(u16),
    /// A field of information, such as `redis-ver`.
    Aux { name: Bytes, value: Bytes },
    /// What follows belongs to this database.
    SelectDb(u64),
    /// So many keys will follow in it, and so many of them with a deadline.
    ResizeDb { keys: u64, volatile: u64 },
    /// The same of one slot of a cluster.
    SlotInfo { slot: u64, keys: u64, volatile: u64 },
    /// The source of a library of functions.
    Function(Bytes),
    /// A key with its value.
    Record(Record),
    /// Data of a module, that belongs to no key. Without that module, Redis refuses such a file.
    ModuleAux { module: String },
    /// The last item.
    End(Sum),
}

/// A key with its value, which is not yet decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub key: Bytes,
    /// When the key expires, ms since 1970.
    pub deadline: Option<i64>,
    /// Seconds for which it had not been used.
    pub idle_seconds: Option<u64>,
    /// Its LFU counter.
    pub frequency: Option<u8>,
    pub kind: ValueType,
    /// The bytes that stand for the value: for [`super::decode`].
    pub payload: Bytes,
    /// Where they begin in the file.
    pub payload_offset: u64,
}

/// What the checksum at the end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    Right,
    /// It is zero, or the version has none.
    Absent,
    /// Nobody wanted to know.
    Unchecked,
}

/// Takes a file chunk by chunk, and gives its items.
///
/// ```
/// # use callboard::formats::rdb::{Item, Scanner};
/// let mut scanner = Scanner::new(true);
/// scanner.push(b"REDIS0010\xfe".to_vec().into());
/// assert_eq!(scanner.next_item(), Ok(Some(Item::Version(10))));
/// assert_eq!(scanner.next_item(), Ok(None), "it needs more bytes");
/// scanner.push(b"\x03".to_vec().into());
/// assert_eq!(scanner.next_item(), Ok(Some(Item::SelectDb(3))));
/// assert!(scanner.end_of_input().is_err(), "no end was seen");
/// ```
pub struct Scanner {
    /// What is not taken yet.
    chunk: Bytes,
    /// The beginning of the item at hand, if it does not lie in one chunk; and how far it has been walked.
    partial: BytesMut,
    at: usize,
    walk: Walk,
    stage: Stage,
    /// Where the item at hand begins.
    offset: u64,
    version: u16,
    sum: Option<Crc64>,
    traits: Traits,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Magic,
    Between,
    /// What began with this byte.
    Within(u8),
    Trailer,
    Ended,
}

/// What was said of the next key.
#[derive(Default)]
struct Traits {
    deadline: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl Scanner {
    /// `checks`: whether the checksum is to be looked at (`rdbchecksum`).
    pub fn new(checks: bool) -> Scanner {
        let mut walk = Walk::default();
        walk.begin(&[grammar::Step::Bytes(MAGIC_BYTES)], &[]);
        Scanner {
            chunk: Bytes::new(),
            partial: BytesMut::new(),
            at: 0,
            walk,
            stage: Stage::Magic,
            offset: 0,
            version: 0,
            sum: checks.then(Crc64::default),
            traits: Traits::default(),
        }
    }
    /// Gives the next bytes of the file, once [`Scanner::next_item`] asks for them.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [&self.chunk[..], &chunk[..]].concat().into();
        }
    }
    /// The next item; `None` if more bytes are needed, or behind the last one.
    ///
    /// # Errors
    /// If the file is damaged. There is no next item then.
    pub fn next_item(&mut self) -> Result<Option<Item>, Damage> {
        while self.stage != Stage::Ended {
            let item = self.offset;
            let window = if self.partial.is_empty() { &self.chunk[..] } else { &self.partial[..] };
            if self.stage == Stage::Between {
                let Some(&first) = window.first() else { return Ok(None) };
                let (first_steps, then) =
                    grammar::of_item(first).map_err(|reason| grammar::refused(item, first, reason))?;
                self.walk.begin(first_steps, then);
                self.stage = Stage::Within(first);
                self.at = 1;
            }
            match self.walk.advance(window, &mut self.at).map_err(|damage| damage.behind(item))? {
                None => {
                    let whole = self.take_item();
                    if let Some(item) = self.finish(whole).map_err(|damage| damage.behind(item))? {
                        return Ok(Some(item));
                    }
                }
                Some(wanted) => {
                    if !self.gather(wanted) {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }
    /// Puts more of the chunk to the beginning of the item at hand; false if there is no more.
    fn gather(&mut self, wanted: u64) -> bool {
        let wanted = if self.partial.is_empty() { u64::MAX } else { wanted };
        let more = wanted.min(self.chunk.len() as u64) as usize;
        // It grows with what is there, not with what is promised.
        self.partial.extend_from_slice(&self.chunk[..more]);
        self.chunk.advance(more);
        more > 0 && wanted < u64::MAX
    }
    /// The bytes of the item at hand, which has been walked to its end.
    fn take_item(&mut self) -> Bytes {
        let whole = match self.partial.is_empty() {
            true => self.chunk.split_to(self.at),
            false => std::mem::take(&mut self.partial).freeze(),
        };
        debug_assert_eq!(whole.len(), self.at);
        self.offset += self.at as u64;
        self.at = 0;
        if let Some(sum) = self.sum.as_mut().filter(|_| self.stage != Stage::Trailer) {
            sum.update(&whole);
        }
        whole
    }
    fn finish(&mut self, whole: Bytes) -> Result<Option<Item>, Damage> {
        let stage = std::mem::replace(&mut self.stage, Stage::Between);
        match stage {
            Stage::Magic => {
                self.version = version(&whole)?;
                Ok(Some(Item::Version(self.version)))
            }
            Stage::Within(opcode::END) if self.version >= CHECKED_FROM => {
                self.stage = Stage::Trailer;
                self.walk.begin(&[grammar::Step::Bytes(TRAILER_BYTES)], &[]);
                Ok(None)
            }
            Stage::Within(opcode::END) => {
                self.stage = Stage::Ended;
                Ok(Some(Item::End(Sum::Absent)))
            }
            Stage::Trailer => {
                self.stage = Stage::Ended;
                self.compare(&whole).map(|sum| Some(Item::End(sum)))
            }
            Stage::Within(first) => self.read(first, &whole),
            Stage::Between | Stage::Ended => Ok(None),
        }
    }
    fn compare(&self, trailer: &[u8]) -> Result<Sum, Damage> {
        let said = Input::new(trailer).i64()? as u64;
        match self.sum.map(Crc64::value) {
            _ if said == 0 => Ok(Sum::Absent),
            None => Ok(Sum::Unchecked),
            Some(sum) if sum == said => Ok(Sum::Right),
            Some(sum) => {
                let reason =
                    format!("RDB CRC error: the checksum is {said:016x}, but the data gives {sum:016x}");
                Err(Damage::new(0, reason))
            }
        }
    }
    fn read(&mut self, first: u8, whole: &Bytes) -> Result<Option<Item>, Damage> {
        let mut input = Input::new(whole);
        input.byte()?;
        Ok(Some(match first {
            opcode::AUX => Item::Aux { name: input.word()?.into_bytes(), value: input.word()?.into_bytes() },
            opcode::SELECT_DB => Item::SelectDb(input.length()?),
            opcode::RESIZE_DB => Item::ResizeDb { keys: input.length()?, volatile: input.length()? },
            opcode::SLOT_INFO => {
                Item::SlotInfo { slot: input.length()?, keys: input.length()?, volatile: input.length()? }
            }
            opcode::FUNCTION => Item::Function(input.word()?.into_bytes()),
            opcode::MODULE_AUX => Item::ModuleAux { module: module_name(input.length()?) },
            _ => match ValueType::of(first) {
                Some(kind) => Item::Record(self.record(kind, whole, input)?),
                None => {
                    self.note_trait(first, input)?;
                    return Ok(None);
                }
            },
        }))
    }
    fn note_trait(&mut self, first: u8, mut input: Input) -> Result<(), Damage> {
        match first {
            opcode::IDLE => self.traits.idle_seconds = Some(input.length()?),
            opcode::FREQUENCY => self.traits.frequency = Some(input.byte()?),
            opcode::DEADLINE_MS => self.traits.deadline = Some(input.i64()?),
            _ => {
                let seconds = i32::from_le_bytes(input.array()?);
                self.traits.deadline = Some(i64::from(seconds) * 1000);
            }
        }
        Ok(())
    }
    fn record(&mut self, kind: ValueType, whole: &Bytes, mut input: Input) -> Result<Record, Damage> {
        let Traits { deadline, idle_seconds, frequency } = std::mem::take(&mut self.traits);
        let key = match input.word()? {
            super::input::Word::Slice(key) => whole.slice_ref(key),
            other => other.into_bytes(),
        };
        let payload = whole.slice(input.offset()..);
        let payload_offset = self.offset - payload.len() as u64;
        Ok(Record { key, deadline, idle_seconds, frequency, kind, payload, payload_offset })
    }

    /// Whether the last item was given.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }
    /// States that no more bytes come.
    ///
    /// # Errors
    /// If the last item was not given yet: the file is cut off.
    pub fn end_of_input(&self) -> Result<(), Damage> {
        match self.has_ended() {
            true => Ok(()),
            false => Err(Damage::new(self.end_offset(), "Unexpected EOF reading RDB file")),
        }
    }
    /// How many bytes of the file have been taken in.
    pub fn end_offset(&self) -> u64 {
        self.offset + self.partial.len() as u64 + self.chunk.len() as u64
    }
    /// Where the item at hand begins; behind the last one, where the file ends and something else may begin.
    pub fn offset(&self) -> u64 {
        self.offset
    }
    /// The type of the value that is being walked along.
    pub fn kind_at_hand(&self) -> Option<ValueType> {
        if let Stage::Within(first) = self.stage { ValueType::of(first) } else { None }
    }
    /// Bytes that were given and lie behind the last item: an append-only file goes on there.
    pub fn take_rest(&mut self) -> Bytes {
        match self.has_ended() {
            true => std::mem::take(&mut self.chunk),
            false => Bytes::new(),
        }
    }
}

fn version(magic: &[u8]) -> Result<u16, Damage> {
    let Some(digits) = magic.strip_prefix(SIGNATURE) else {
        return Err(Damage::new(0_u64, "Wrong signature trying to load DB from file"));
    };
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
    match number {
        Some(number @ 1..=VERSION_MAX) => Ok(number),
        Some(number) => Err(Damage::new(0_u64, format!("Can't handle RDB format version {number}"))),
        None => Err(Damage::new(0_u64, "Can't handle RDB format version: it is no number")),
    }
}

/// The name of a module's type: nine characters of six bits each, above ten bits of a version.
pub(super) fn module_name(id: u64) -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).rev().map(|place| CHARACTERS[(id >> (10 + 6 * place)) as usize & 63] as char).collect()
}
