//! From the bytes of an append-only file to commands, with their places in it.
//!
//! Bytes are fed as they come from disk, in pieces of any size; what comes out does not depend on how they were cut. A
//! command is one shared slice of the buffer that it was read into, so its arguments are not copied; only one that lies
//! across two pieces is put together. Nothing is allocated for a length before the bytes are there.
//!
//! A file that ends in the midst of a command or of a transaction was cut off by a crash: [`Unfinished`] tells up to where
//! it is whole, and the rest may be removed. Bytes that cannot be the beginning of a command are [`Damage`]: what follows
//! them cannot be trusted, and nothing may be removed without a person's word. A transaction without its end counts as cut
//! off from its MULTI on, as otherwise half of it would be replayed.
use crate::{data::number::parse_integer, resp::Request};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use smallvec::SmallVec;
use std::{
    fmt,
    io::{self, Read},
};

/// How much [`Scanner::read`] asks for, in bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// The longest header of a count or length, its end included, in bytes: a few more than an integer takes.
const HEADER_BYTES_MAX: usize = 32;
/// The longest annotation, its end included, in bytes; Redis has the same.
const ANNOTATION_BYTES_MAX: usize = 1024;
/// Positions inside a command are 32 bits wide.
const COMMAND_BYTES_MAX: u64 = u32::MAX as u64;

/// How files in the format of snapshots begin.
const RDB_MAGIC: &[u8] = b"REDIS";

/// Whether a file that begins with these bytes (five of them, or the whole file) begins with a snapshot, behind which
/// commands may follow. Who reads the snapshot knows where: [`Scanner::starting_at`] goes on there.
pub fn begins_with_rdb(head: &[u8]) -> bool {
    head.starts_with(RDB_MAGIC)
}

#[derive(Debug)]
pub struct Command {
    pub request: Request,
    /// Where it begins in the file.
    pub offset: u64,
    /// Where the next one begins.
    pub end: u64,
    /// It is in a transaction, whose MULTI and EXEC included: to be run only once EXEC has come.
    pub in_transaction: bool,
}

#[derive(Debug)]
pub enum Item {
    Command(Command),
    /// A line that begins with `#`, without its end.
    Annotation {
        text: Bytes,
        offset: u64,
    },
}

/// The file ends before what it has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Up to here the file is whole.
    pub whole: u64,
    /// A transaction is open, which begins there.
    pub in_transaction: bool,
}

/// The file holds something else than commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it was met.
    pub offset: u64,
    /// Up to here the file is whole.
    pub whole: u64,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Neither a command nor an annotation begins here.
    Format,
    /// Another byte stands where this one is expected.
    Prefix {
        expected: u8,
        found: u8,
    },
    /// No number stands where one is expected.
    Number,
    /// Two bytes that stand where a line should end, that of a number or of an argument.
    LineEnd([u8; 2]),
    /// A command has no arguments, or too many.
    Count(i64),
    /// An argument has no such length.
    Length(i64),
    /// The line of an annotation is too long.
    Annotation,
    NestedMulti,
    LoneExec,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Reason::Format => f.write_str("Expected a command or an annotation"),
            Reason::Prefix { expected, found } => {
                let (expected, found) = (char::from(*expected), found.escape_ascii());
                write!(f, "Expected prefix '{expected}', got: '{found}'")
            }
            Reason::Number => f.write_str("Expected a number"),
            Reason::LineEnd([one, two]) => write!(f, "Expected \\r\\n, got: {one:02x}{two:02x}"),
            Reason::Count(count) => {
                write!(f, "Expected to read {count} arguments, which is not in the suitable range")
            }
            Reason::Length(length) => {
                write!(f, "Expected to read string of {length} bytes, which is not in the suitable range")
            }
            Reason::Annotation => f.write_str("Annotation is too long"),
            Reason::NestedMulti => f.write_str("Unexpected MULTI"),
            Reason::LoneExec => f.write_str("Unexpected EXEC"),
        }
    }
}

#[derive(Debug)]
pub struct Scanner {
    /// What is not yet given out, from `offset` on.
    buffer: BytesMut,
    /// Place in the file of the buffer's first byte.
    offset: u64,
    /// How much of the buffer's front has been understood.
    position: usize,
    /// Arguments still to come; `None` between commands.
    missing: Option<u32>,
    /// Length of the argument whose header has been read.
    length: Option<usize>,
    spans: SmallVec<[(u32, u32); 4]>,
    /// Where the open transaction begins.
    multi: Option<u64>,
    lines: u64,
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::starting_at(0)
    }
}

impl Scanner {
    /// For bytes from this place of the file on.
    pub fn starting_at(offset: u64) -> Scanner {
        Scanner {
            buffer: BytesMut::new(),
            offset,
            position: 0,
            missing: None,
            length: None,
            spans: SmallVec::new(),
            multi: None,
            lines: 1,
        }
    }
    /// Takes the next bytes of the file, by copying them. [`Scanner::next_item`] until it has no more comes between.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes)
    }
    /// Reads the next bytes of the file to where they are wanted. Returns how many; 0 at the end.
    pub fn read(&mut self, source: &mut impl Read) -> io::Result<usize> {
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK_BYTES, 0);
        let read = loop {
            match source.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(filled + read.as_ref().copied().unwrap_or(0));
        read
    }

    /// The place up to which bytes have been fed.
    pub fn fed(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }
    /// Up to here all is understood that may stay when the rest is cut off.
    pub fn whole(&self) -> u64 {
        self.multi.unwrap_or(self.offset)
    }
    /// Where the header or argument begins that is being read.
    pub fn place(&self) -> u64 {
        self.offset + self.position as u64
    }
    /// Bytes that an argument, of which a part is there, should have with its line end.
    pub fn awaited_bytes(&self) -> Option<usize> {
        self.length.map(|length| length + 2)
    }
    /// What is wrong with the line that is being read, if the file ends here. `None`: no line has begun.
    pub fn unfinished_line(&self) -> Option<Reason> {
        let line =
            self.buffer.get(self.position..).filter(|rest| !rest.is_empty() && self.length.is_none())?;
        match line[0] {
            b'#' => Some(Reason::LineEnd([0, 0])),
            _ => integer_of(&line[1..]).err(),
        }
    }
    pub fn is_in_transaction(&self) -> bool {
        self.multi.is_some()
    }
    /// Lines ended so far and one, an argument being one line whatever is in it.
    pub fn line(&self) -> u64 {
        self.lines
    }

    /// The next command or annotation. `None`: more bytes are needed.
    ///
    /// # Errors
    /// If it cannot be one whatever follows. The scanner stays where it is.
    pub fn next_item(&mut self) -> Result<Option<Item>, Damage> {
        if self.missing.is_none() {
            match self.buffer.first() {
                None => return Ok(None),
                Some(b'*') => {}
                Some(b'#') => return self.annotation(),
                Some(_) => return self.damage(Reason::Format),
            }
            match self.header(b'*')? {
                None => return Ok(None),
                Some(count @ 1..=0x7fff_ffff) => self.missing = Some(count as u32),
                Some(count) => return self.damage_at(0, Reason::Count(count)),
            }
        }
        while self.missing != Some(0) {
            if !self.argument()? {
                return Ok(None);
            }
        }
        self.command().map(Some)
    }

    /// Takes one argument; false if it is not all there.
    fn argument(&mut self) -> Result<bool, Damage> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let start = self.position;
                let Some(length) = self.header(b'$')? else { return Ok(false) };
                let room = COMMAND_BYTES_MAX - self.position as u64;
                if length < 0 || length as u64 > room.saturating_sub(2) {
                    return self.damage_at(start, Reason::Length(length));
                }
                *self.length.insert(length as usize)
            }
        };
        let end = self.position + length;
        let Some(line_end) = self.buffer.get(end..end + 2) else { return Ok(false) };
        if line_end != b"\r\n" {
            return self.damage(Reason::LineEnd([line_end[0], line_end[1]]));
        }
        self.length = None;
        self.spans.push((self.position as u32, length as u32));
        self.position = end + 2;
        self.lines += 1;
        self.missing = self.missing.map(|count| count - 1);
        Ok(true)
    }

    /// Takes a line of a letter and an integer; `None` if it is not all there.
    fn header(&mut self, letter: u8) -> Result<Option<i64>, Damage> {
        let rest = &self.buffer[self.position..];
        let Some(&first) = rest.first() else { return Ok(None) };
        if first != letter {
            return self.damage(Reason::Prefix { expected: letter, found: first });
        }
        let rest = &rest[..rest.len().min(HEADER_BYTES_MAX)];
        let line = match memchr(b'\n', rest) {
            Some(end) => &rest[..end + 1],
            None if rest.len() < HEADER_BYTES_MAX => return Ok(None),
            None => rest,
        };
        match integer_of(&line[1..]) {
            Ok(integer) => {
                self.position += line.len();
                self.lines += 1;
                Ok(Some(integer))
            }
            Err(reason) => self.damage(reason),
        }
    }

    fn annotation(&mut self) -> Result<Option<Item>, Damage> {
        let line = &self.buffer[..self.buffer.len().min(ANNOTATION_BYTES_MAX)];
        let Some(end) = memchr(b'\n', line) else {
            let too_long = line.len() == ANNOTATION_BYTES_MAX;
            return if too_long { self.damage(Reason::Annotation) } else { Ok(None) };
        };
        let offset = self.offset;
        let line = self.buffer.split_to(end + 1).freeze();
        self.offset += line.len() as u64;
        let text = line.slice(..line.strip_suffix(b"\r\n").map_or(end, <[u8]>::len));
        Ok(Some(Item::Annotation { text, offset }))
    }

    /// Takes the command whose arguments are all there.
    fn command(&mut self) -> Result<Item, Damage> {
        let (start, length) = self.spans[0];
        let name = &self.buffer[start as usize..][..length as usize];
        let (begins, ends) = (name.eq_ignore_ascii_case(b"MULTI"), name.eq_ignore_ascii_case(b"EXEC"));
        match (begins, ends, self.multi) {
            (true, _, Some(_)) => return self.damage_at(start as usize, Reason::NestedMulti),
            (_, true, None) => return self.damage_at(start as usize, Reason::LoneExec),
            (true, ..) => self.multi = Some(self.offset),
            _ => {}
        }
        let in_transaction = self.multi.is_some();
        if ends {
            self.multi = None;
        }
        let offset = self.offset;
        let frame = self.buffer.split_to(std::mem::take(&mut self.position)).freeze();
        self.offset += frame.len() as u64;
        self.missing = None;
        let request = Request::new(frame, std::mem::take(&mut self.spans), false);
        Ok(Item::Command(Command { request, offset, end: self.offset, in_transaction }))
    }

    fn damage<T>(&self, reason: Reason) -> Result<T, Damage> {
        self.damage_at(self.position, reason)
    }
    fn damage_at<T>(&self, position: usize, reason: Reason) -> Result<T, Damage> {
        Err(Damage { offset: self.offset + position as u64, whole: self.whole(), reason })
    }

    /// The file ends here; [`Scanner::next_item`] has no more.
    ///
    /// # Errors
    /// If something has begun that has not ended.
    pub fn finish(&self) -> Result<(), Unfinished> {
        if self.buffer.is_empty() && self.multi.is_none() {
            return Ok(());
        }
        Err(Unfinished { whole: self.whole(), in_transaction: self.is_in_transaction() })
    }
    /// Takes what has been fed and not given out: whoever reads a snapshot goes on with it.
    pub fn into_rest(mut self) -> Bytes {
        self.buffer.copy_to_bytes(self.buffer.len())
    }
}

/// The integer of a line, which its end must follow at once. One too large for its type is the largest one.
fn integer_of(line: &[u8]) -> Result<i64, Reason> {
    let sign = usize::from(line.starts_with(b"-"));
    let digits = line[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, end) = line.split_at(sign + digits);
    if digits == 0 {
        return Err(Reason::Number);
    }
    if end != b"\r\n" {
        let byte = |at: usize| end.get(at).copied().unwrap_or(0);
        return Err(Reason::LineEnd([byte(0), byte(1)]));
    }
    let number = std::str::from_utf8(number).unwrap_or_default();
    Ok(number.parse().unwrap_or(if sign == 0 { i64::MAX } else { i64::MIN }))
}

/// The seconds since 1970 that an annotation `#TS:…` tells. `None`: it tells something else; an error: no number.
pub fn timestamp(annotation: &[u8]) -> Option<Result<i64, ()>> {
    let text = annotation.strip_prefix(b"#TS:")?;
    Some(parse_integer(text).ok_or(()))
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
