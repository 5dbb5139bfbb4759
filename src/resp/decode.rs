//! From bytes to requests: RESP multibulk requests and inline commands, resumable at any byte.
//!
//! The decoder keeps its place between calls, so a request that trickles in a byte at a time costs no more than
//! one that comes whole. It never allocates by what a header claims: a count only bounds how many arguments
//! follow, and space for a bulk string is asked for when its header has been read, within the limits.
//!
//! Error texts and limits are Redis' own: clients and their test suites compare them.
use super::request::{LARGE_BYTES, Request, Span};
use crate::data::quoting::split_args;
use bytes::BytesMut;
use memchr::memchr;
use smallvec::SmallVec;

/// The longest line (inline command, or the header of a count) in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// What a client may send before it has authenticated: arguments, bytes in one, bytes in all.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX: i64 = 16 * 1024;
/// Positions inside a frame are 32 bits wide, so no frame may grow beyond.
const FRAME_BYTES_MAX: u64 = u32::MAX as u64;

/// What the configuration and the client's standing allow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`, bytes.
    pub bulk_bytes: usize,
    pub authenticated: bool,
}

/// The stream cannot be read on: the client is told this text, and its connection is closed.
#[derive(Debug, PartialEq)]
pub struct ProtocolError(pub String);

fn broken<T>(text: impl Into<String>) -> Result<T, ProtocolError> {
    Err(ProtocolError(text.into()))
}

/// What a call of [`Decoder::decode`] found.
#[derive(Debug)]
pub enum Decoded {
    /// A request, taken off the front of the buffer.
    Request(Request),
    /// An empty request (`*0`, a blank line): taken off, nothing to answer.
    Nothing,
    /// More bytes are needed; at least this many are known to be missing.
    Incomplete(usize),
}

/// What a call of [`Decoder::scan`] found, and how long it is.
#[derive(Debug)]
pub enum Scanned {
    /// A request. Where its arguments are says [`Decoder::take_spans`].
    Frame(usize),
    /// One that is not a part of the bytes.
    Inline(usize, Request),
    Nothing(usize),
    Incomplete(usize),
}

#[derive(Debug, Default)]
pub struct Decoder {
    /// How much of the buffer's front has been understood.
    position: usize,
    /// Arguments still to come; `None` between requests.
    missing: Option<u32>,
    /// Length of the bulk string whose header has been read.
    bulk: Option<usize>,
    spans: SmallVec<[Span; 4]>,
    large: bool,
}

impl Decoder {
    /// True when a request has begun and not ended.
    pub fn is_midway(&self) -> bool {
        self.missing.is_some()
    }
    /// The request under way holds a bulk string that deserves a buffer of its own.
    pub fn wants_own_buffer(&self) -> bool {
        self.large
    }

    /// Takes the next request off the front of `buffer`. `alone` says that no other connection shares the buffer.
    pub fn decode(
        &mut self,
        buffer: &mut BytesMut,
        limits: Limits,
        alone: bool,
    ) -> Result<Decoded, ProtocolError> {
        match self.scan(buffer, limits)? {
            Scanned::Frame(length) => {
                let frame = buffer.split_to(length).freeze();
                let alone = alone && std::mem::take(&mut self.large);
                Ok(Decoded::Request(Request::new(frame, self.take_spans(), alone)))
            }
            Scanned::Inline(length, request) => {
                let _ = buffer.split_to(length);
                Ok(Decoded::Request(request))
            }
            Scanned::Nothing(length) => {
                let _ = buffer.split_to(length);
                Ok(Decoded::Nothing)
            }
            Scanned::Incomplete(missing) => Ok(Decoded::Incomplete(missing)),
        }
    }

    /// Where the arguments of the request are that was found last.
    #[inline]
    pub fn take_spans(&mut self) -> SmallVec<[Span; 4]> {
        std::mem::take(&mut self.spans)
    }

    /// Finds the next request at the front of `buffer`, and leaves it there. While one is incomplete, the buffer may only
    /// grow.
    ///
    /// # Errors
    /// If this is no request.
    #[inline]
    pub fn scan(&mut self, buffer: &[u8], limits: Limits) -> Result<Scanned, ProtocolError> {
        if self.missing.is_none() {
            match buffer.first() {
                None => return Ok(Scanned::Incomplete(1)),
                Some(b'*') => {}
                Some(_) => return self.inline(buffer, limits),
            }
            let Some(count) = self.header(buffer, "mbulk count string", 0)? else {
                return Ok(Scanned::Incomplete(1));
            };
            match count {
                Some(count) if count > i32::MAX as i64 => {
                    return broken("Protocol error: invalid multibulk length");
                }
                Some(count) if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated => {
                    return broken("Protocol error: unauthenticated multibulk length");
                }
                Some(count) if count <= 0 => {
                    return Ok(Scanned::Nothing(std::mem::take(&mut self.position)));
                }
                Some(count) => self.missing = Some(count as u32),
                None => return broken("Protocol error: invalid multibulk length"),
            }
        }
        while self.missing != Some(0) {
            let length = match self.bulk {
                Some(length) => length,
                None => match self.bulk_header(buffer, limits)? {
                    Some(length) => length,
                    None => return Ok(Scanned::Incomplete(1)),
                },
            };
            let end = self.position + length + 2;
            if buffer.len() < end {
                self.bulk = Some(length);
                return Ok(Scanned::Incomplete(end - buffer.len()));
            }
            self.bulk = None;
            self.spans.push((self.position as u32, length as u32));
            self.position = end;
            self.missing = self.missing.map(|n| n - 1);
        }
        self.missing = None;
        Ok(Scanned::Frame(std::mem::take(&mut self.position)))
    }

    fn bulk_header(&mut self, buffer: &[u8], limits: Limits) -> Result<Option<usize>, ProtocolError> {
        let start = self.position;
        let Some(length) = self.header(buffer, "bulk count string", start)? else { return Ok(None) };
        // Only a whole line is judged: what never ends is told to be too long, whatever it begins with.
        if buffer[start] != b'$' {
            return broken(format!("Protocol error: expected '$', got '{}'", printable(buffer[start])));
        }
        let length = match length {
            Some(length) if (0..=limits.bulk_bytes as i64).contains(&length) => length,
            _ => return broken("Protocol error: invalid bulk length"),
        };
        if length > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated {
            return broken("Protocol error: unauthenticated bulk length");
        }
        if self.position as u64 + length as u64 + 2 > FRAME_BYTES_MAX {
            return broken("Protocol error: invalid bulk length");
        }
        self.large |= length as usize >= LARGE_BYTES;
        Ok(Some(length as usize))
    }

    /// Reads `<type><integer>\r\n` at `start` and moves behind it. The outer `None`: not whole yet; the inner one:
    /// not an integer.
    #[inline]
    fn header(
        &mut self,
        buffer: &[u8],
        what: &str,
        start: usize,
    ) -> Result<Option<Option<i64>>, ProtocolError> {
        let rest = &buffer[start..];
        if let Some((number, length)) = short_header(rest) {
            self.position = start + length;
            return Ok(Some(Some(number)));
        }
        let Some(end) = memchr(b'\r', &rest[..rest.len().min(LINE_BYTES_MAX + 2)]) else {
            return if rest.len() > LINE_BYTES_MAX {
                broken(format!("Protocol error: too big {what}"))
            } else {
                Ok(None)
            };
        };
        if rest.len() < end + 2 {
            return Ok(None);
        }
        self.position = start + end + 2;
        Ok(Some(rest.get(1..end).and_then(crate::data::number::parse_integer)))
    }

    fn inline(&mut self, buffer: &[u8], limits: Limits) -> Result<Scanned, ProtocolError> {
        // `position` remembers how far this line was searched already.
        let Some(end) = memchr(b'\n', &buffer[self.position..]).map(|at| at + self.position) else {
            if buffer.len() > LINE_BYTES_MAX {
                return broken("Protocol error: too big inline request");
            }
            self.position = buffer.len();
            return Ok(Scanned::Incomplete(1));
        };
        // Whether the end came with the rest or later must make no difference.
        if end > LINE_BYTES_MAX {
            return broken("Protocol error: too big inline request");
        }
        self.position = 0;
        let text = buffer[..end].strip_suffix(b"\r").unwrap_or(&buffer[..end]);
        let Some(args) = split_args(text) else {
            return broken("Protocol error: unbalanced quotes in request");
        };
        if args.is_empty() {
            return Ok(Scanned::Nothing(end + 1));
        }
        if !limits.authenticated && args.len() as i64 > UNAUTHENTICATED_ARGS_MAX {
            return broken("Protocol error: unauthenticated multibulk length");
        }
        Ok(Scanned::Inline(end + 1, Request::from_args(&args)))
    }
}

/// A byte as it may stand inside an error reply: never a line break, for which a blank stands there.
fn printable(byte: u8) -> char {
    match byte {
        b'\r' | b'\n' => ' ',
        b' '..=b'~' => char::from(byte),
        _ => '?',
    }
}

/// The number of a header of one or two digits, and the header's length: nearly all are short, and to look for their end
/// costs more than to read them.
#[inline]
fn short_header(bytes: &[u8]) -> Option<(i64, usize)> {
    let digit = |byte: u8| i64::from(byte - b'0');
    match *bytes {
        [_, one @ b'0'..=b'9', b'\r', _, ..] => Some((digit(one), 4)),
        [_, ten @ b'1'..=b'9', one @ b'0'..=b'9', b'\r', _, ..] => Some((10 * digit(ten) + digit(one), 5)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Limits = Limits { bulk_bytes: 1 << 20, authenticated: true };

    fn all(input: &[u8], step: usize, limits: Limits) -> Result<Vec<Vec<Vec<u8>>>, String> {
        let (mut decoder, mut buffer, mut found) = (Decoder::default(), BytesMut::new(), Vec::new());
        for piece in input.chunks(step) {
            buffer.extend_from_slice(piece);
            loop {
                match decoder.decode(&mut buffer, limits, true).map_err(|e| e.0)? {
                    Decoded::Request(request) => found.push(request.iter().map(<[u8]>::to_vec).collect()),
                    Decoded::Nothing => {}
                    Decoded::Incomplete(_) => break,
                }
            }
        }
        Ok(found)
    }

    #[test]
    fn requests_come_out_the_same_however_they_are_cut() {
        let input =
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n\r\n*0\r\n*-1\r\nset \"a b\" 'c'\n*1\r\n$0\r\n\r\n";
        let words = |line: &[&str]| line.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let want = vec![words(&["GET", "k"]), words(&["PING"]), words(&["set", "a b", "c"]), words(&[""])];
        for step in 1..=input.len() {
            assert_eq!(all(input, step, OPEN).as_ref(), Ok(&want), "in pieces of {step}");
        }
    }

    #[test]
    fn broken_streams_say_what_is_wrong() {
        let closed = Limits { authenticated: false, ..OPEN };
        for (input, limits, text) in [
            ("*3000000000\r\n", OPEN, "Protocol error: invalid multibulk length"),
            ("*blabla\r\n", OPEN, "Protocol error: invalid multibulk length"),
            ("*1\r\n$-10\r\n", OPEN, "Protocol error: invalid bulk length"),
            ("*1\r\n$2000000000\r\n", OPEN, "Protocol error: invalid bulk length"),
            ("*1\r\n$blabla\r\n", OPEN, "Protocol error: invalid bulk length"),
            ("*1\r\nfoo\r\n", OPEN, "Protocol error: expected '$', got 'f'"),
            ("*1\r\n\r\n", OPEN, "Protocol error: expected '$', got ' '"),
            ("*1\r\n\n\r\n", OPEN, "Protocol error: expected '$', got ' '"),
            ("set \"a\r\n", OPEN, "Protocol error: unbalanced quotes in request"),
            ("*11\r\n", closed, "Protocol error: unauthenticated multibulk length"),
            ("*1\r\n$16385\r\n", closed, "Protocol error: unauthenticated bulk length"),
        ] {
            assert_eq!(all(input.as_bytes(), 1, limits), Err(text.to_string()), "{input:?}");
        }
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        assert_eq!(all(&long, 4096, OPEN), Err("Protocol error: too big inline request".to_string()));
        let ended = [&long[..], b"\n"].concat();
        for step in [1, 4096, ended.len()] {
            assert_eq!(all(&ended, step, OPEN), Err("Protocol error: too big inline request".to_string()));
            assert_eq!(all(&ended[1..], step, OPEN).map(|found| found.len()), Ok(1), "in pieces of {step}");
        }
        let long = [b"*".as_slice(), &long].concat();
        assert_eq!(all(&long, 4096, OPEN), Err("Protocol error: too big mbulk count string".to_string()));
        let long = [b"*1\r\n$".as_slice(), &long].concat();
        assert_eq!(all(&long, 4096, OPEN), Err("Protocol error: too big bulk count string".to_string()));
    }

    #[test]
    fn a_large_bulk_may_be_kept_without_a_copy() {
        let value = vec![b'v'; LARGE_BYTES];
        let mut buffer = BytesMut::from(&b"*2\r\n$3\r\nSET\r\n$32768\r\n"[..]);
        buffer.extend_from_slice(&value);
        buffer.extend_from_slice(b"\r\n");
        let inside = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
        let Ok(Decoded::Request(request)) = Decoder::default().decode(&mut buffer, OPEN, true) else {
            panic!()
        };
        assert!(inside.contains(&(request.keep(1, 64).unwrap().as_ptr() as usize)));
    }
}
