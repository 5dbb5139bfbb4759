//! Our master's stream: from bytes to commands that are ready to run, in parts that may be applied by themselves.
//!
//! A part ends where nothing is half done: behind a command, or behind all of a transaction. With it go the bytes it was
//! made of, just as they came: they are what our own replicas are sent, so that all of a chain count the same offsets.
use crate::{
    actors::keyspace::StreamedCommand,
    board::Board,
    commands::{
        Task,
        args::Context,
        error::{CommandError, bytes_of_text},
        registry::{self, Node, Registry},
        replication::faults::note_fault,
    },
    data::number::parse_integer,
    resp::{Decoder, Limits, ProtocolError, Request, decode::Decoded},
};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// A part is closed when it has so many bytes.
const PART_BYTES: usize = 64 * 1024;

/// Nobody limits what a master sends.
const LIMITS: Limits = Limits { bulk_bytes: usize::MAX >> 1, authenticated: true };

/// What can be applied at once.
#[derive(Default)]
pub struct Part {
    /// Commands that stand or fall together are in one list.
    pub units: Vec<Vec<StreamedCommand>>,
    pub bytes: Bytes,
    /// The database that is selected behind it.
    pub db: usize,
    /// The master wants to be told that it was applied.
    pub asks: bool,
}

pub struct Stream {
    board: Arc<Board>,
    decoder: Decoder,
    /// What was read and is not decoded yet.
    pub input: BytesMut,
    /// The same, and what is decoded but not in a part yet.
    raw: BytesMut,
    /// How much of `raw` is decoded, and how much of that is nothing half done.
    decoded: usize,
    whole: usize,
    db: usize,
    /// The commands of the transaction that has begun.
    transaction: Option<Vec<StreamedCommand>>,
    part: Part,
}

/// What a command of the stream means for the stream.
enum Meaning {
    Begin,
    End,
    Select,
    Ask,
    /// It does nothing to data.
    Nothing,
    Run,
}
impl Meaning {
    fn of(request: &Request) -> Meaning {
        let is = |index: usize, word: &[u8]| {
            request.get(index).is_some_and(|found| found.eq_ignore_ascii_case(word))
        };
        match () {
            () if is(0, b"multi") => Meaning::Begin,
            () if is(0, b"exec") => Meaning::End,
            () if is(0, b"select") => Meaning::Select,
            () if is(0, b"replconf") && is(1, b"getack") => Meaning::Ask,
            () if is(0, b"ping") || is(0, b"replconf") => Meaning::Nothing,
            () => Meaning::Run,
        }
    }
}

impl Stream {
    /// It goes on in this database. `read` is what was read of it already.
    pub fn new(board: Arc<Board>, db: usize, read: BytesMut) -> Stream {
        let raw = read.clone();
        let (decoder, part) = (Decoder::default(), Part::default());
        Stream { board, decoder, input: read, raw, decoded: 0, whole: 0, db, transaction: None, part }
    }
    /// The last `count` bytes of the input are new.
    pub fn note_read(&mut self, count: usize) {
        self.raw.extend_from_slice(&self.input[self.input.len() - count..]);
    }
    pub fn db(&self) -> usize {
        self.db
    }
    /// The next part; `None` if more must be read first.
    ///
    /// # Errors
    /// If this is no stream of commands.
    pub fn next_part(&mut self, now_ms: i64) -> Result<Option<Part>, ProtocolError> {
        while self.whole < PART_BYTES && !self.part.asks {
            let before = self.input.len();
            let decoded = self.decoder.decode(&mut self.input, LIMITS, false)?;
            self.decoded += before - self.input.len();
            match decoded {
                Decoded::Request(request) => self.take(request, now_ms),
                Decoded::Nothing => {}
                Decoded::Incomplete(_) => break,
            }
            if self.transaction.is_none() {
                self.whole = self.decoded;
            }
        }
        if self.whole == 0 {
            return Ok(None);
        }
        let bytes = self.raw.split_to(self.whole).freeze();
        self.decoded -= std::mem::take(&mut self.whole);
        let part = std::mem::take(&mut self.part);
        Ok(Some(Part { bytes, db: self.db, ..part }))
    }
    fn take(&mut self, request: Request, now_ms: i64) {
        match Meaning::of(&request) {
            Meaning::Begin => self.transaction = Some(self.transaction.take().unwrap_or_default()),
            Meaning::End => {
                let unit = self.transaction.take().unwrap_or_default();
                self.keep(unit);
            }
            Meaning::Select => match self.selected(&request) {
                Some(db) => self.db = db,
                None => note_fault(&self.board, Some("select"), &CommandError::DbIndexOutOfRange.text()),
            },
            Meaning::Ask => self.part.asks = true,
            Meaning::Nothing => {}
            Meaning::Run => match self.parse(&request, now_ms) {
                Ok((node, task)) => {
                    let command = StreamedCommand { node, task, request, db: self.db };
                    match &mut self.transaction {
                        Some(unit) => unit.push(command),
                        None => self.keep(vec![command]),
                    }
                }
                Err(error) => {
                    let name = Registry::get().named_by(&request).map(|node| node.full_name);
                    let text = error.text();
                    note_fault(&self.board, name, &String::from_utf8_lossy(&bytes_of_text(&text)));
                }
            },
        }
    }
    fn keep(&mut self, unit: Vec<StreamedCommand>) {
        if !unit.is_empty() {
            self.part.units.push(unit);
        }
    }
    fn selected(&self, request: &Request) -> Option<usize> {
        let db = usize::try_from(parse_integer(request.get(1)?)?).ok()?;
        (request.len() == 2 && db < self.board.config.load().databases).then_some(db)
    }
    fn parse(&self, request: &Request, now_ms: i64) -> Result<(&'static Node, Task), CommandError> {
        let databases = self.board.config.load().databases;
        let context = Context { databases, db: self.db, string_bytes_max: usize::MAX >> 1, now_ms };
        let node = Registry::get().resolve(request)?;
        match registry::parse(node, request, context)? {
            // They are about a client, or run elsewhere: there are no such effects.
            Task::Session(_) | Task::Control(_) | Task::Broker(_) | Task::Transaction(_) => {
                Err(CommandError::fixed("ERR command not allowed here"))
            }
            task => Ok((node, task)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, resp::encode_command};
    use proptest::prelude::*;
    use std::sync::atomic::Ordering::Relaxed;

    fn board() -> Arc<Board> {
        Board::new(Config::default(), None, 1, 0)
    }
    fn encode(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            encode_command(&mut bytes, words.into_iter());
        }
        bytes
    }
    /// What comes out of a stream that comes in such pieces: units as `db:words;words`, and all bytes.
    fn read(board: &Arc<Board>, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>, usize) {
        let mut stream = Stream::new(board.clone(), 3, BytesMut::new());
        let (mut units, mut bytes, mut asked) = (Vec::new(), Vec::new(), 0);
        for piece in pieces {
            stream.input.extend_from_slice(piece);
            stream.note_read(piece.len());
            while let Some(part) = stream.next_part(0).expect("commands") {
                for unit in &part.units {
                    let shown = unit.iter().map(|command| {
                        let words: Vec<_> = command.request.iter().map(String::from_utf8_lossy).collect();
                        format!("{}:{}", command.db, words.join(" "))
                    });
                    units.push(shown.collect::<Vec<_>>().join(";"));
                }
                bytes.extend_from_slice(&part.bytes);
                asked += usize::from(part.asks);
            }
        }
        (units, bytes, asked)
    }
    const LINES: &[&str] = &[
        "SET a 1",
        "PING",
        "SELECT 0",
        "SET b 2",
        "MULTI",
        "INCR c",
        "SELECT 5",
        "INCR d",
        "EXEC",
        "DEL e",
        "REPLCONF GETACK *",
        "DEL f",
    ];
    const UNITS: &[&str] = &["3:SET a 1", "0:SET b 2", "0:INCR c;5:INCR d", "5:DEL e", "5:DEL f"];

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let (board, bytes) = (board(), encode(LINES));
        let expected = (UNITS.iter().map(|unit| unit.to_string()).collect(), bytes.clone(), 1);
        for cut in 0..=bytes.len() {
            let (one, other) = bytes.split_at(cut);
            assert_eq!(read(&board, &[one, other]), expected, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn in_many_pieces(lengths in prop::collection::vec(1..40usize, 1..60)) {
            let (board, bytes) = (board(), encode(LINES));
            let (mut pieces, mut rest): (Vec<&[u8]>, _) = (Vec::new(), &bytes[..]);
            for length in lengths.into_iter().cycle() {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                pieces.push(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            let (units, raw, asked) = read(&board, &pieces);
            prop_assert_eq!(units, UNITS);
            prop_assert_eq!(raw, bytes);
            prop_assert_eq!(asked, 1);
        }
    }

    #[test]
    fn a_part_holds_no_half_of_a_transaction() {
        let board = board();
        let mut stream = Stream::new(board, 0, BytesMut::from(&encode(&["SET a 1", "MULTI", "SET b 2"])[..]));
        let part = stream.next_part(0).expect("commands").expect("the first command");
        assert_eq!(&part.bytes[..], encode(&["SET a 1"]));
        assert!(stream.next_part(0).expect("commands").is_none());
        let rest = encode(&["EXEC", "SELECT 2"]);
        stream.input.extend_from_slice(&rest);
        stream.note_read(rest.len());
        let part = stream.next_part(0).expect("commands").expect("the rest");
        assert_eq!(&part.bytes[..], encode(&["MULTI", "SET b 2", "EXEC", "SELECT 2"]));
        assert_eq!((part.units.len(), part.db), (1, 2));
    }

    #[test]
    fn a_part_is_not_much_longer_than_need_be() {
        let line = format!("SET key {}", "v".repeat(1000));
        let lines = vec![&line[..]; 200];
        let bytes = encode(&lines);
        let mut stream = Stream::new(board(), 0, BytesMut::from(&bytes[..]));
        let mut lengths = Vec::new();
        while let Some(part) = stream.next_part(0).expect("commands") {
            lengths.push(part.bytes.len());
        }
        assert_eq!(lengths.iter().sum::<usize>(), bytes.len());
        assert!(lengths.iter().all(|length| *length < PART_BYTES + 1100), "{lengths:?}");
        assert_eq!(lengths.len(), 4);
    }

    #[test]
    fn what_cannot_run_is_counted_and_left_out() {
        let board = board();
        let lines =
            ["fake-command-1 x", "SET a", "SET a 1", "SELECT 99", "SELECT x", "GET", "CLIENT ID", "DEL a"];
        let bytes = encode(&lines);
        let (units, raw, _) = read(&board, &[&bytes]);
        assert_eq!(units, ["3:SET a 1", "3:DEL a"]);
        assert_eq!(raw, bytes, "but handed on it is");
        assert_eq!(board.vitals.unexpected_errors.load(Relaxed), 6);
    }
}
