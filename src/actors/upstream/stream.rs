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
    resp::{Decoder, Limits, ProtocolError, Request, decode::Scanned, request::Span},
};
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// A part is closed when it has so many bytes.
const PART_BYTES: usize = 64 * 1024;

/// Nobody limits what a master sends.
const LIMITS: Limits = Limits { bulk_bytes: usize::MAX >> 1, authenticated: true };

/// A buffer that has held so much is not kept when little of that is left.
const LARGE_BYTES: usize = 256 * 1024;
/// Room for so many requests is kept: as many as a part of short ones has.
const FRAMES_KEPT: usize = PART_BYTES / 32;

/// What can be applied at once.
#[derive(Default)]
pub struct Part {
    /// Commands that stand or fall together are in one list.
    pub units: Vec<Vec<StreamedCommand>>,
    /// The others among them, which are about the stream: they count as commands, too.
    pub words: Vec<&'static Node>,
    pub bytes: Bytes,
    /// The database that is selected behind it.
    pub db: usize,
    /// The master wants to be told that it was applied.
    pub asks: bool,
}

pub struct Stream {
    board: Arc<Board>,
    decoder: Decoder,
    /// What was read and is in no part yet. The commands of a part share its bytes: whatever comes is here once.
    pub input: BytesMut,
    /// How much of it is scanned, and how much of that is nothing half done.
    scanned: usize,
    whole: usize,
    /// The requests in it.
    frames: Vec<Frame>,
    /// The last of them are of a transaction that goes on.
    in_transaction: bool,
    /// One of them asks how far we are.
    asks: bool,
    /// The most that there was in this buffer.
    most: usize,
    db: usize,
    /// The commands of the transaction at hand.
    transaction: Option<Vec<StreamedCommand>>,
    part: Part,
}

/// A request in the input.
struct Frame {
    start: usize,
    length: usize,
    words: Words,
    meaning: Meaning,
}
enum Words {
    Here(SmallVec<[Span; 4]>),
    /// It came as a line of text.
    Apart(Request),
}

/// What a command of the stream means for the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
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
    fn of<'a>(word: impl Fn(usize) -> Option<&'a [u8]>) -> Meaning {
        let is =
            |index: usize, name: &[u8]| word(index).is_some_and(|found| found.eq_ignore_ascii_case(name));
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
        Stream {
            board,
            decoder: Decoder::default(),
            input: read,
            scanned: 0,
            whole: 0,
            frames: Vec::new(),
            in_transaction: false,
            asks: false,
            most: 0,
            db,
            transaction: None,
            part: Part::default(),
        }
    }
    pub fn db(&self) -> usize {
        self.db
    }
    /// The next part; `None` if more must be read first.
    ///
    /// # Errors
    /// If this is no stream of commands.
    pub fn next_part(&mut self, now_ms: i64) -> Result<Option<Part>, ProtocolError> {
        self.most = self.most.max(self.input.len());
        while self.whole < PART_BYTES && (self.in_transaction || !self.asks) {
            match self.decoder.scan(&self.input[self.scanned..], LIMITS)? {
                Scanned::Frame(length) => {
                    let spans = self.decoder.take_spans();
                    let frame = &self.input[self.scanned..self.scanned + length];
                    let word = |index: usize| {
                        spans.get(index).map(|&(start, length)| &frame[start as usize..][..length as usize])
                    };
                    let meaning = Meaning::of(word);
                    self.note(length, Words::Here(spans), meaning);
                }
                Scanned::Inline(length, request) => {
                    let meaning = Meaning::of(|index| request.get(index));
                    self.note(length, Words::Apart(request), meaning);
                }
                Scanned::Nothing(length) => self.scanned += length,
                Scanned::Incomplete(_) => break,
            }
            if !self.in_transaction {
                self.whole = self.scanned;
            }
        }
        if self.whole == 0 {
            return Ok(None);
        }
        Ok(Some(self.close(now_ms)))
    }
    fn note(&mut self, length: usize, words: Words, meaning: Meaning) {
        match meaning {
            Meaning::Begin => self.in_transaction = true,
            Meaning::End => self.in_transaction = false,
            Meaning::Ask => self.asks = true,
            _ => {}
        }
        self.frames.push(Frame { start: self.scanned, length, words, meaning });
        self.scanned += length;
    }
    /// Makes a part of what is whole.
    fn close(&mut self, now_ms: i64) -> Part {
        let whole = std::mem::take(&mut self.whole);
        let bytes = self.input.split_to(whole).freeze();
        self.give_back();
        self.scanned -= whole;
        let count = self.frames.partition_point(|frame| frame.start < whole);
        let mut frames = std::mem::take(&mut self.frames);
        for Frame { start, length, words, meaning } in frames.drain(..count) {
            let request = match words {
                Words::Here(spans) => Request::new(bytes.slice(start..start + length), spans, false),
                Words::Apart(request) => request,
            };
            self.take(meaning, request, now_ms);
        }
        frames.iter_mut().for_each(|frame| frame.start -= whole);
        // A transaction is scanned to its end before it is a part, and may have had very many of them.
        frames.shrink_to(FRAMES_KEPT);
        self.frames = frames;
        let part = std::mem::take(&mut self.part);
        Part { bytes, db: self.db, asks: std::mem::take(&mut self.asks), ..part }
    }
    /// The buffer that something large came in goes with that.
    fn give_back(&mut self) {
        if self.most >= LARGE_BYTES && self.input.len() <= self.most / 4 {
            self.input = BytesMut::from(&self.input[..]);
            self.most = self.input.len();
        }
    }
    fn take(&mut self, meaning: Meaning, request: Request, now_ms: i64) {
        if meaning == Meaning::Run {
            return self.take_command(request, now_ms);
        }
        match meaning {
            Meaning::Begin => self.transaction = Some(self.transaction.take().unwrap_or_default()),
            Meaning::Select => match self.selected(&request) {
                Some(db) => self.db = db,
                None => {
                    note_fault(&self.board, Some("select"), &CommandError::DbIndexOutOfRange.text());
                }
            },
            _ => {}
        }
        if let Some(node) = Registry::get().named_by(&request) {
            self.part.words.push(node);
            if self.board.vitals.monitors.load(Relaxed) > 0 {
                self.keep(StreamedCommand { node, task: None, request, db: self.db });
            }
        }
        if meaning == Meaning::End {
            let unit = self.transaction.take().unwrap_or_default();
            self.keep_unit(unit);
        }
    }
    fn take_command(&mut self, request: Request, now_ms: i64) {
        match self.parse(&request, now_ms) {
            Ok((node, task)) => self.keep(StreamedCommand { node, task: Some(task), request, db: self.db }),
            Err(error) => {
                let name = Registry::get().named_by(&request).map(|node| node.full_name);
                let text = error.text();
                note_fault(&self.board, name, &String::from_utf8_lossy(&bytes_of_text(&text)));
            }
        }
    }
    fn keep(&mut self, command: StreamedCommand) {
        match &mut self.transaction {
            Some(unit) => unit.push(command),
            None => self.keep_unit(vec![command]),
        }
    }
    fn keep_unit(&mut self, unit: Vec<StreamedCommand>) {
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
        let context =
            Context { databases, db: self.db, string_bytes_max: usize::MAX >> 1, now_ms, obeyed: true };
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
    fn a_large_buffer_goes_with_what_came_in_it() {
        let large = format!("SET key {}", "v".repeat(4_000_000));
        let bytes = encode(&["SET a 1", &large, "SET b 2"]);
        let mut stream = Stream::new(board(), 0, BytesMut::new());
        let mut seen = 0;
        for piece in bytes.chunks(50_000) {
            stream.input.extend_from_slice(piece);
            while let Some(part) = stream.next_part(0).expect("commands") {
                seen += part.bytes.len();
                let pieces = part.bytes.as_ptr_range();
                for command in part.units.iter().flatten() {
                    let word = command.request.get(0).expect("a name").as_ptr();
                    assert!(pieces.contains(&word), "what is run is what is handed on, there once");
                }
            }
        }
        assert_eq!(seen, bytes.len());
        assert!(stream.input.capacity() < LARGE_BYTES, "{}", stream.input.capacity());
    }

    #[test]
    fn room_for_the_requests_of_a_long_transaction_goes_with_it() {
        let mut lines = vec!["MULTI"];
        lines.extend([&"INCR c"; 50_000]);
        lines.push("EXEC");
        let mut stream = Stream::new(board(), 0, BytesMut::from(&encode(&lines)[..]));
        let part = stream.next_part(0).expect("commands").expect("it is whole");
        assert_eq!(part.units.iter().map(Vec::len).collect::<Vec<_>>(), [50_000]);
        assert!(stream.frames.capacity() <= FRAMES_KEPT, "{}", stream.frames.capacity());
    }

    #[test]
    fn words_about_the_stream_count_and_monitors_are_shown_them() {
        let board = board();
        let names = |part: &Part| part.words.iter().map(|node| node.full_name).collect::<Vec<_>>().join(" ");
        let bytes = encode(LINES);
        let mut stream = Stream::new(board.clone(), 3, BytesMut::from(&bytes[..]));
        let part = stream.next_part(0).expect("commands").expect("a part");
        assert_eq!(names(&part), "ping select multi select exec replconf");
        assert!(part.units.iter().flatten().all(|command| command.task.is_some()));
        board.vitals.monitors.store(1, Relaxed);
        let (units, ..) = read(&board, &[&bytes]);
        let shown = [
            "3:SET a 1",
            "3:PING",
            "0:SELECT 0",
            "0:SET b 2",
            "0:MULTI;0:INCR c;5:SELECT 5;5:INCR d;5:EXEC",
            "5:DEL e",
            "5:REPLCONF GETACK *",
            "5:DEL f",
        ];
        assert_eq!(units, shown);
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
