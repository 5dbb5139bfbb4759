//! The record of what was changed.
//!
//! WATCH, keyspace notifications, client-side caching, blocked clients, the append-only file and replicas all read
//! the same [`Record`]; so a command states what it did once, and cannot forget one of them. What nobody listens to
//! is not written down: [`Wants`] says who listens.
mod events;
mod interests;
mod progress;

pub use events::{Announcement, Event, EventChannels, EventsWanted};
pub use interests::Interests;
pub use progress::{LogProgress, StreamProgress};

use super::writers::Writers;
use crate::{allocator::held_bytes, resp::encode_command};
use bytes::Bytes;

/// How a command is told to the append-only file and to replicas.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Effect {
    /// As the client sent it, if it changed anything.
    #[default]
    Verbatim,
    /// By the commands that it wrote to the record itself (none is fine too).
    Rewritten,
}

/// Which parts of a record somebody reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    pub effects: bool,
    pub events: EventsWanted,
    /// Of all keys that change; else of those that are in [`Interests`].
    pub touched: bool,
}

#[derive(Debug, Default)]
pub struct Record {
    pub wants: Wants,
    /// Changes made, as `rdb_changes_since_last_save` counts them.
    pub dirty: u64,
    /// Those of earlier commands that are not posted yet.
    pub changes: u64,
    pub effect: Effect,
    pub interests: Interests,
    /// Database and key of everything that changed and that somebody wants to hear of. Of keys that go or change their
    /// place with all others of their database, only those that are in [`Interests`] are here: see `upheaval`.
    pub touched: Vec<(usize, Bytes)>,
    /// What is to be told to subscribers, in order: events and publications.
    pub announcements: Vec<Announcement>,
    /// A database was emptied, or took the place of another.
    pub upheaval: bool,
    /// All data were deleted at once: what is being saved is of no use any more.
    pub emptied: bool,
    /// Commands in RESP which, run in order on the data as it was, give the data as it is.
    effects: Vec<u8>,
    /// How many bytes of them replicas have been told already, while they wait for the log.
    streamed: usize,
    /// Where replicas are told otherwise than the log (PUBLISH, `redis.set_repl`), by its place among the effects.
    asides: Vec<(usize, Aside)>,
    /// By how much that makes it longer than the effects.
    asides_bytes: isize,
    /// How many of them there were before the command at hand.
    first_aside: usize,
    /// The database that is selected at the end of the effects, and of what replicas are told.
    effects_db: Option<usize>,
    stream_db: Option<usize>,
    /// Where the effects of the command at hand begin, and how many there are.
    first_effect: usize,
    own_effects: usize,
    /// Several commands are at hand that stand or fall together.
    in_block: bool,
    /// The time that the first of them who asked was told, in µs since 1970: for the others it is no later.
    pub block_time_us: Option<i64>,
    /// How far the log is.
    pub log: LogProgress,
    /// Whose command is at hand; 0: no client's.
    pub client: u64,
    pub writers: Writers,
    pub stream: StreamProgress,
}

/// Who is told of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    All,
    Log,
    Replicas,
    Nobody,
}
/// Where replicas are told otherwise than the log.
#[derive(Debug)]
enum Aside {
    /// They alone are told this.
    Told(Vec<u8>),
    /// So many bytes are not for them.
    Hidden(usize),
}

impl Aside {
    /// By how much it makes longer what replicas are told.
    fn bytes(&self) -> isize {
        match self {
            Aside::Told(aside) => aside.len() as isize,
            Aside::Hidden(bytes) => -(*bytes as isize),
        }
    }
}

/// How far the effects were at one time.
#[derive(Clone, Copy, Debug)]
pub struct EffectsMark {
    bytes: usize,
    asides: usize,
    first: usize,
    own: usize,
}

/// Effects that somebody is still to be told of.
pub struct LaidAside {
    effects: Vec<u8>,
    /// As in [`Record`].
    streamed: usize,
}

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";
/// Room that effects have to spare is given back from this length on, bytes.
const SPARE_BYTES_MIN: usize = 4096;

impl Record {
    /// States an event, if anybody wants to hear of its class.
    #[inline]
    pub fn event(&mut self, class: Event, name: &'static str, db: usize, key: &[u8]) {
        if self.wants.events.has(class) {
            let (key, channels) = (Bytes::copy_from_slice(key), self.wants.events.channels);
            self.announcements.push(Announcement::Event { class, name, db, key, channels });
        }
    }
    pub fn new(wants: Wants) -> Record {
        Record { wants, ..Record::default() }
    }
    /// Writes one command to the effects, preceded by SELECT where the database changes.
    pub fn log<'a>(&mut self, db: usize, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        if !self.wants.effects {
            return;
        }
        if self.own_effects == 0 {
            self.first_effect = self.effects.len();
        }
        if self.effects_db != Some(db) || self.stream_db != Some(db) {
            (self.effects_db, self.stream_db) = (Some(db), Some(db));
            encode_select(&mut self.effects, db);
        }
        self.own_effects += 1;
        encode_command(&mut self.effects, args);
    }
    /// Writes a command to what replicas are told, and the log is not, preceded by SELECT as with [`Record::log`].
    pub fn tell_replicas<'a>(&mut self, db: usize, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        if self.stream.is_on && !self.stream.follows {
            let mut aside = Vec::new();
            if self.stream_db != Some(db) {
                self.stream_db = Some(db);
                encode_select(&mut aside, db);
            }
            encode_command(&mut aside, args);
            self.push_aside(self.effects.len(), Aside::Told(aside));
        }
    }
    fn push_aside(&mut self, at: usize, aside: Aside) {
        self.asides_bytes += aside.bytes();
        self.asides.push((at, aside));
    }
    /// How far the effects are.
    pub fn mark(&self) -> EffectsMark {
        EffectsMark {
            bytes: self.effects.len(),
            asides: self.asides.len(),
            first: self.first_effect,
            own: self.own_effects,
        }
    }
    /// What was written since the mark is for some only (`redis.set_repl`). Those know of another database then than the
    /// others, so the next effect selects its own again.
    pub fn restrict(&mut self, mark: EffectsMark, audience: Audience) {
        if matches!(audience, Audience::Log | Audience::Nobody) {
            // What only replicas would have been told, and the database that it may have selected there.
            if self.asides.len() > mark.asides {
                let bytes = self.asides.drain(mark.asides..).map(|(_, aside)| aside.bytes()).sum::<isize>();
                self.asides_bytes -= bytes;
                self.stream_db = None;
            }
        }
        let told = self.effects.len() - mark.bytes;
        let has_stream = self.stream.is_on && !self.stream.follows;
        if told == 0 || audience == Audience::All {
            return;
        }
        self.select_anew();
        match audience {
            Audience::Log if has_stream => self.push_aside(mark.bytes, Aside::Hidden(told)),
            // What is on both sides of it stays together, whoever is told.
            Audience::Replicas if has_stream => {
                let aside = self.effects.split_off(mark.bytes);
                self.push_aside(mark.bytes, Aside::Told(aside));
            }
            Audience::Log | Audience::All => {}
            Audience::Replicas | Audience::Nobody => {
                self.effects.truncate(mark.bytes);
                (self.first_effect, self.own_effects) = (mark.first, mark.own);
            }
        }
    }
    /// The effects written since the last call. The first command of the next ones selects its database again.
    pub fn take_effects(&mut self) -> Vec<u8> {
        self.select_anew();
        self.next_effects()
    }
    /// As [`Record::take_effects`], for whoever writes them right behind the last ones: the database selected there holds.
    pub fn next_effects(&mut self) -> Vec<u8> {
        // What is taken in the midst of a block (DEBUG LOADAOF in MULTI) stands by itself.
        self.own_effects = 0;
        self.streamed = 0;
        let mut effects = std::mem::take(&mut self.effects);
        // It may wait for long, for a slow disk or replica.
        if effects.len() >= SPARE_BYTES_MIN && effects.capacity() - effects.len() > effects.len() / 8 {
            effects.shrink_to_fit();
        }
        effects
    }
    /// What replicas are told now, if that is not just the effects. To be called before these are taken.
    pub fn take_told_to_replicas(&mut self) -> Option<Vec<u8>> {
        match self.asides.is_empty() && self.streamed == 0 {
            true => None,
            false => Some(self.stream_ahead()),
        }
    }
    /// What replicas are told now, where the log is not told yet. Not to be called in the midst of a block.
    pub fn stream_ahead(&mut self) -> Vec<u8> {
        let mut told = Vec::with_capacity(self.untold_bytes());
        let mut from = std::mem::replace(&mut self.streamed, self.effects.len());
        (self.first_aside, self.asides_bytes) = (0, 0);
        for (at, aside) in std::mem::take(&mut self.asides) {
            let at = at.clamp(from, self.effects.len());
            told.extend_from_slice(&self.effects[from..at]);
            from = at;
            match aside {
                Aside::Told(aside) => told.extend_from_slice(&aside),
                Aside::Hidden(bytes) => from = (at + bytes).min(self.effects.len()),
            }
        }
        told.extend_from_slice(&self.effects[from..]);
        told
    }
    /// How much replicas have not been told yet.
    pub fn untold_bytes(&self) -> usize {
        (self.effects.len() - self.streamed).saturating_add_signed(self.asides_bytes)
    }
    /// Whether there is something that replicas are told otherwise than the log.
    pub fn has_asides(&self) -> bool {
        !self.asides.is_empty()
    }
    /// The next effects begin a file: their first command selects its database.
    pub fn select_anew(&mut self) {
        (self.effects_db, self.stream_db) = (None, None);
    }
    /// Takes the effects away, to be put back when what comes meanwhile is done.
    pub fn lay_aside(&mut self) -> LaidAside {
        LaidAside { streamed: self.streamed, effects: self.take_effects() }
    }
    pub fn put_back(&mut self, LaidAside { effects, streamed }: LaidAside) {
        self.select_anew();
        (self.effects, self.streamed) = (effects, streamed);
    }
    /// How much is written since the last call of [`Record::take_effects`].
    pub fn effects_bytes(&self) -> usize {
        self.effects.len()
    }
    /// Memory that it takes, with room for more, bytes.
    pub fn effects_memory_bytes(&self) -> usize {
        held_bytes(self.effects.capacity()) + self.asides_bytes.max(0) as usize
    }
    /// Number of the commit that the last write of the client at hand is in, or will be in: the first one behind the
    /// beginning of the log if it has not begun. A client that has written nothing waits for no more than that.
    pub fn last_commit(&self) -> u64 {
        if self.log.is_on {
            self.writers.commit_of(self.client).unwrap_or(0).max(self.log.begun)
        } else {
            self.log.committed + 1
        }
    }
    /// Changes since the last call.
    pub fn take_changes(&mut self) -> u64 {
        std::mem::take(&mut self.changes) + std::mem::take(&mut self.dirty)
    }
    /// Makes ready for the next command; effects gather until taken.
    pub fn begin(&mut self) {
        self.changes += std::mem::take(&mut self.dirty);
        self.effect = Effect::Verbatim;
        if !self.in_block {
            self.own_effects = 0;
            self.first_aside = self.asides.len();
        }
    }
    /// From here on commands belong together (a transaction, a script), until [`Record::end_block`].
    pub fn begin_block(&mut self) {
        self.begin();
        self.in_block = true;
        self.block_time_us = None;
    }
    pub fn end_block(&mut self) {
        self.in_block = false;
        self.settle();
    }
    /// Whether the command at hand is one of several that belong together.
    pub fn is_in_block(&self) -> bool {
        self.in_block
    }
    /// Offset of the stream behind all that was done so far, taken or not.
    pub fn offset(&self) -> u64 {
        let stream = &self.stream;
        let is_ours = stream.is_on && !stream.follows;
        stream.end + if is_ours { self.untold_bytes() as u64 } else { 0 }
    }
    /// Offset of the stream behind the last write of the client at hand.
    pub fn last_offset(&self) -> u64 {
        self.writers.offset_of(self.client)
    }
    /// The effects of the command at hand may be told one by one.
    pub fn part(&mut self) {
        if !self.in_block {
            self.own_effects = self.own_effects.min(1);
        }
    }
    /// The command is done. If it had several effects, a crash must leave all of them or none.
    pub fn settle(&mut self) {
        if self.in_block {
            return;
        }
        if self.own_effects > 1 {
            self.effects.splice(self.first_effect..self.first_effect, MULTI.iter().copied());
            let first = self.first_effect;
            for (at, _) in self.asides.iter_mut().skip(self.first_aside).filter(|(at, _)| *at >= first) {
                *at += MULTI.len();
            }
            self.effects.extend_from_slice(EXEC);
        }
        if self.client != 0 {
            if self.own_effects > 0 {
                self.writers.note(self.client, self.log.committed + 1, self.offset());
            } else if self.asides.len() > self.first_aside {
                self.writers.note_told(self.client, self.offset());
            }
        }
        self.own_effects = 0;
    }
}

fn encode_select(out: &mut Vec<u8>, db: usize) {
    let index = db.to_string();
    encode_command(out, [&b"SELECT"[..], index.as_bytes()].into_iter());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record = Record::new(Wants { effects: true, ..Wants::default() });
        record.stream.is_on = true;
        record
    }
    /// The words, without the lengths.
    fn words(bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let words = text.split("\r\n").filter(|word| !word.starts_with(['*', '$']));
        words.collect::<Vec<_>>().join(" ").trim().to_string()
    }
    fn log(record: &mut Record, line: &str, audience: Audience) {
        let mark = record.mark();
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        record.log(0, words.into_iter());
        record.restrict(mark, audience);
    }
    /// What replicas and what the log are told of a script that does this.
    fn told(lines: &[(&str, Audience)]) -> (String, String) {
        let mut record = record();
        record.log(0, [&b"DEL"[..], b"before"].into_iter());
        record.begin_block();
        lines.iter().for_each(|(line, audience)| log(&mut record, line, *audience));
        record.end_block();
        let end = record.offset();
        let replicas = record.take_told_to_replicas();
        let effects = record.next_effects();
        let replicas = replicas.unwrap_or_else(|| effects.clone());
        assert_eq!(replicas.len() as u64, end, "the offset is that of the stream");
        (words(&replicas), words(&effects))
    }

    #[test]
    fn a_script_chooses_who_is_told() {
        use Audience::*;
        let both =
            |text: &str| (format!("SELECT 0 DEL before {text}"), format!("SELECT 0 DEL before {text}"));
        assert_eq!(told(&[("SET a 1", All), ("SET b 2", All)]), both("MULTI SET a 1 SET b 2 EXEC"));
        assert_eq!(told(&[("SET a 1", Nobody), ("SET b 2", All)]), both("SELECT 0 SET b 2"));
        let (replicas, log) =
            told(&[("SET a 1", Log), ("SET b 2", Replicas), ("SET c 3", All), ("SET d 4", Log)]);
        assert_eq!(replicas, "SELECT 0 DEL before MULTI SELECT 0 SET b 2 SELECT 0 SET c 3 EXEC");
        assert_eq!(log, "SELECT 0 DEL before MULTI SET a 1 SELECT 0 SET c 3 SET d 4 EXEC");
        let (replicas, log) = told(&[("SET a 1", Replicas), ("SET b 2", Replicas)]);
        assert_eq!(replicas, "SELECT 0 DEL before MULTI SET a 1 SELECT 0 SET b 2 EXEC");
        assert_eq!(log, "SELECT 0 DEL before MULTI EXEC");
    }
    #[test]
    fn what_is_published_is_told_replicas_as_the_script_chose() {
        for (audience, expected) in [
            (Audience::All, "SELECT 0 PUBLISH c x"),
            (Audience::Replicas, "SELECT 0 PUBLISH c x"),
            (Audience::Log, ""),
            (Audience::Nobody, ""),
        ] {
            let mut record = record();
            let mark = record.mark();
            record.tell_replicas(0, [&b"PUBLISH"[..], b"c", b"x"].into_iter());
            record.restrict(mark, audience);
            assert_eq!(words(&record.take_told_to_replicas().unwrap_or_default()), expected, "{audience:?}");
        }
    }
    #[test]
    fn each_command_is_told_behind_its_database() {
        let mut record = record();
        let publish = || [&b"PUBLISH"[..], b"c", b"x"].into_iter();
        record.tell_replicas(1, publish());
        record.tell_replicas(1, publish());
        log(&mut record, "SET a 1", Audience::All);
        record.tell_replicas(0, publish());
        record.tell_replicas(1, publish());
        log(&mut record, "SET b 2", Audience::All);
        let told = record.take_told_to_replicas().expect("more than the log");
        assert_eq!(
            words(&told),
            "SELECT 1 PUBLISH c x PUBLISH c x SELECT 0 SET a 1 PUBLISH c x SELECT 1 PUBLISH c x SELECT 0 SET b 2"
        );
        assert_eq!(words(&record.next_effects()), "SELECT 0 SET a 1 SELECT 0 SET b 2");
    }
    #[test]
    fn a_client_waits_for_what_replicas_are_told_of_it() {
        let mut record = record();
        record.begin();
        record.client = 7;
        record.tell_replicas(0, [&b"PUBLISH"[..], b"c", b"x"].into_iter());
        record.settle();
        assert!(record.last_offset() > 0);
        assert_eq!((record.last_offset(), record.last_commit()), (record.offset(), record.log.committed + 1));
        // What a client of a writable replica writes is in no stream, now or later.
        record.take_told_to_replicas();
        record.next_effects();
        (record.stream.follows, record.stream.end) = (true, 100);
        record.begin();
        log(&mut record, "SET a 1", Audience::All);
        record.settle();
        assert_eq!(record.last_offset(), 100);
    }
    #[test]
    fn replicas_may_be_told_before_the_log_is() {
        let mut record = record();
        let mut told = Vec::new();
        log(&mut record, "SET a 1", Audience::All);
        told.extend(record.stream_ahead());
        record.stream.end = told.len() as u64;
        assert_eq!((record.untold_bytes(), record.offset()), (0, told.len() as u64));
        record.begin();
        record.tell_replicas(0, [&b"PUBLISH"[..], b"c", b"x"].into_iter());
        log(&mut record, "SET b 2", Audience::Log);
        log(&mut record, "SET c 3", Audience::All);
        record.settle();
        let offset = record.offset();
        told.extend(record.stream_ahead());
        assert_eq!(told.len() as u64, offset);
        record.begin();
        log(&mut record, "SET d 4", Audience::All);
        told.extend(record.take_told_to_replicas().expect("the rest"));
        assert_eq!(words(&told), "SELECT 0 SET a 1 MULTI PUBLISH c x SELECT 0 SET c 3 EXEC SET d 4");
        assert_eq!(
            words(&record.next_effects()),
            "SELECT 0 SET a 1 MULTI SET b 2 SELECT 0 SET c 3 EXEC SET d 4"
        );
        log(&mut record, "SET e 5", Audience::All);
        assert_eq!(record.take_told_to_replicas(), None, "as the log");
        // What lay aside meanwhile is told once all the same.
        record.stream_ahead();
        let laid_aside = record.lay_aside();
        record.put_back(laid_aside);
        assert_eq!(record.take_told_to_replicas(), Some(Vec::new()));
        assert_eq!(words(&record.next_effects()), "SET e 5");
    }
    #[test]
    fn without_a_stream_the_log_is_all_there_is() {
        let mut record = Record::new(Wants { effects: true, ..Wants::default() });
        log(&mut record, "SET a 1", Audience::Log);
        log(&mut record, "SET b 1", Audience::Replicas);
        assert!(!record.has_asides());
        assert_eq!(words(&record.next_effects()), "SELECT 0 SET a 1");
    }
}
