//! The only code that knows how RESP2 and RESP3 differ. Commands say what they mean (`map`, `null`, `double`); the
//! writer says it in the client's protocol.
//!
//! One writer serves all replies of a batch: they stand one behind the other in one buffer. A large bulk string is
//! not copied into it: it is *grafted*, kept as a shared slice with the place where it belongs, and the socket
//! is written with both in turn.
use crate::{
    data::{listpack::Element, number},
    error::{CommandError, bytes_of_text},
};
use bytes::Bytes;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// From this length on (bytes) a shared bulk string is grafted instead of copied: below it, a copy is cheaper than
/// one more segment in the write.
const GRAFT_BYTES_MIN: usize = 16 * 1024;

/// A shared slice that belongs at offset `at` of the buffer's own bytes.
#[derive(Clone, Debug)]
pub struct Graft {
    pub at: usize,
    pub bytes: Bytes,
}

#[derive(Debug, Default)]
pub struct Reply {
    out: Vec<u8>,
    grafts: Vec<Graft>,
    grafted_bytes: usize,
    protocol: Protocol,
}

/// A place in the buffer where a header will be written once its count is known.
#[derive(Debug)]
pub struct Deferred {
    at: usize,
    grafts: usize,
}

impl Reply {
    pub fn new(protocol: Protocol) -> Reply {
        Reply { protocol, ..Reply::default() }
    }
    /// Reuses a spent buffer.
    pub fn with_buffer(mut out: Vec<u8>) -> Reply {
        out.clear();
        Reply { out, ..Reply::default() }
    }
    /// From here on replies are for a client of this protocol.
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol
    }
    /// The writer's own bytes so far (grafts stand beside them).
    pub fn position(&self) -> usize {
        self.out.len()
    }
    /// Room for the writer's own bytes.
    pub fn capacity(&self) -> usize {
        self.out.capacity()
    }
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }
    /// Bytes of reply since the start, grafts included.
    pub fn size_bytes(&self) -> usize {
        self.out.len() + self.grafted_bytes
    }
    /// Takes back all that was written since `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
        while self.grafts.last().is_some_and(|graft| graft.at > position) {
            self.grafted_bytes -= self.grafts.pop().map_or(0, |graft| graft.bytes.len());
        }
    }
    /// Takes out what was written since `position`, as a reply of its own.
    pub fn split_off(&mut self, position: usize) -> Reply {
        let first = self.grafts.partition_point(|graft| graft.at <= position);
        let mut grafts = self.grafts.split_off(first);
        grafts.iter_mut().for_each(|graft| graft.at -= position);
        let grafted_bytes = grafts.iter().map(|graft| graft.bytes.len()).sum();
        self.grafted_bytes -= grafted_bytes;
        Reply { out: self.out.split_off(position), grafts, grafted_bytes, protocol: self.protocol }
    }
    pub fn into_parts(self) -> (Vec<u8>, Vec<Graft>) {
        (self.out, self.grafts)
    }

    /// Adds what another writer has written. Where nothing stands yet, its buffer is taken over.
    pub fn append(&mut self, other: Reply) {
        if self.size_bytes() == 0 {
            *self = Reply { protocol: self.protocol, ..other };
            return;
        }
        let base = self.out.len();
        self.out.extend_from_slice(&other.out);
        self.grafted_bytes += other.grafted_bytes;
        self.grafts.extend(other.grafts.into_iter().map(|graft| Graft { at: base + graft.at, ..graft }));
    }
    /// All of it as one run of bytes.
    pub fn into_whole(self) -> Vec<u8> {
        let Reply { mut out, grafts, .. } = self;
        // From the last to the first, so that the places of the others hold.
        for graft in grafts.iter().rev() {
            out.splice(graft.at..graft.at, graft.bytes.iter().copied());
        }
        out
    }
    /// Bytes that are a reply already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes)
    }
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n")
    }
    /// A status: a short text that the server chose, never a client's bytes.
    pub fn status(&mut self, text: &str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n")
    }
    /// A status of a client's choice: a line break in it would start a second reply.
    pub fn status_of(&mut self, text: &[u8]) {
        self.out.push(b'+');
        self.out.extend(text.iter().map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.out.extend_from_slice(b"\r\n")
    }
    pub fn error(&mut self, error: &CommandError) {
        self.out.push(b'-');
        // A client's bytes may stand in the text: a line break among them would start a second reply.
        let text = error.text();
        let bytes = bytes_of_text(text.trim_end_matches(['\r', '\n']));
        self.out.extend(bytes.iter().map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.out.extend_from_slice(b"\r\n")
    }
    #[inline]
    pub fn integer(&mut self, n: i64) {
        self.head(b':', n)
    }
    pub fn boolean(&mut self, value: bool) {
        match self.protocol {
            Protocol::Resp2 => self.integer(value as i64),
            Protocol::Resp3 => self.out.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
        }
    }
    /// A double: RESP2 clients get its text as a bulk string.
    pub fn double(&mut self, value: f64) {
        // Scores are integers more often than not, and those are quick to write.
        match number::integral(value).filter(|&integer| integer != 0) {
            Some(integer) => self.double_text(itoa::Buffer::new().format(integer)),
            None => self.double_text(&number::format_double(value)),
        }
    }
    fn double_text(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b',');
                self.out.extend_from_slice(text.as_bytes());
                self.out.extend_from_slice(b"\r\n")
            }
        }
    }
    /// A double in plain decimal text, with up to 17 digits behind the point and no exponent.
    pub fn plain_double(&mut self, value: f64) {
        let text = format!("{value:.17}");
        self.double_text(text.trim_end_matches('0').trim_end_matches('.'))
    }
    /// A number too large for an integer, given by its digits.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b'(');
                self.out.extend_from_slice(digits.as_bytes());
                self.out.extend_from_slice(b"\r\n")
            }
        }
    }
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.head(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n")
    }
    /// A bulk string that is held by reference count: handed over without a copy where it is large.
    pub fn shared_bulk(&mut self, bytes: &Bytes) {
        if bytes.len() < GRAFT_BYTES_MIN {
            return self.bulk(bytes);
        }
        self.head(b'$', bytes.len() as i64);
        self.grafts.push(Graft { at: self.out.len(), bytes: bytes.clone() });
        self.grafted_bytes += bytes.len();
        self.out.extend_from_slice(b"\r\n")
    }
    /// A bulk string that shows an integer.
    pub fn bulk_integer(&mut self, n: i64) {
        self.bulk(itoa::Buffer::new().format(n).as_bytes())
    }
    /// What a compact encoding holds, as a bulk string.
    #[inline]
    pub fn element(&mut self, element: Element) {
        match element {
            Element::Bytes(bytes) => self.bulk(bytes),
            Element::Integer(integer) => self.bulk_integer(integer),
        }
    }
    /// Text with a format (`txt`, `mkd`); RESP2 clients get a plain bulk string.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.head(b'=', text.len() as i64 + 4);
                self.out.extend_from_slice(format.as_bytes());
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n")
            }
        }
    }
    /// The same with a format of any length: it is cut, or filled up with spaces, to the three letters it must have.
    pub fn verbatim_of(&mut self, format: &[u8], text: &[u8]) {
        let letter = |at: usize| format.get(at).map_or(' ', |&byte| char::from(byte & 0x7F));
        let format: String = (0..3).map(letter).collect();
        self.verbatim(&format, text)
    }
    /// Nothing where a single value could be.
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.protocol == Protocol::Resp3 { b"_\r\n" } else { b"$-1\r\n" })
    }
    /// Nothing where an array could be: RESP2 tells the two apart.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.protocol == Protocol::Resp3 { b"_\r\n" } else { b"*-1\r\n" })
    }
    pub fn array(&mut self, count: usize) {
        self.head(b'*', count as i64)
    }
    /// Unordered members; an array for RESP2.
    pub fn set(&mut self, count: usize) {
        self.head(if self.protocol == Protocol::Resp3 { b'~' } else { b'*' }, count as i64)
    }
    /// Members that each come with their score: pairs for RESP3, for RESP2 a flat array of twice as many.
    pub fn scored(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.array(2 * count),
            Protocol::Resp3 => self.array(count),
        }
    }
    /// One of them.
    pub fn scored_member(&mut self, member: Element, score: f64) {
        if self.protocol == Protocol::Resp3 {
            self.array(2);
        }
        self.element(member);
        self.double(score);
    }
    /// Pairs; for RESP2 a flat array of twice as many.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp3 => self.head(b'%', pairs as i64),
            Protocol::Resp2 => self.head(b'*', 2 * pairs as i64),
        }
    }
    /// Pairs that RESP2 clients get as an array of arrays of two. Each of them begins by [`Reply::paired`].
    pub fn paired_map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp3 => self.map(pairs),
            Protocol::Resp2 => self.array(pairs),
        }
    }
    pub fn paired(&mut self) {
        if self.protocol == Protocol::Resp2 {
            self.array(2)
        }
    }
    /// Pairs in order, each begun by [`Reply::pair`]; for RESP2 a flat array of twice as many.
    pub fn pairs(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp3 => self.array(pairs),
            Protocol::Resp2 => self.array(2 * pairs),
        }
    }
    /// Begins one of [`Reply::pairs`].
    pub fn pair(&mut self) {
        if self.protocol == Protocol::Resp3 {
            self.array(2)
        }
    }
    /// Names something about the reply that follows; RESP2 has no such thing, and gets nothing. True when written:
    /// only then do the pairs follow.
    pub fn attribute(&mut self, pairs: usize) -> bool {
        let can = self.protocol == Protocol::Resp3;
        if can {
            self.head(b'|', pairs as i64)
        }
        can
    }
    /// Out-of-band data; RESP2 clients get an array.
    pub fn push(&mut self, count: usize) {
        self.head(if self.protocol == Protocol::Resp3 { b'>' } else { b'*' }, count as i64)
    }
    /// Leaves room for a header whose count is not known yet.
    pub fn defer(&mut self) -> Deferred {
        Deferred { at: self.out.len(), grafts: self.grafts.len() }
    }
    pub fn settle_array(&mut self, deferred: Deferred, count: usize) {
        self.settle(deferred, |reply| reply.array(count))
    }
    pub fn settle_set(&mut self, deferred: Deferred, count: usize) {
        self.settle(deferred, |reply| reply.set(count))
    }
    pub fn settle_map(&mut self, deferred: Deferred, pairs: usize) {
        self.settle(deferred, |reply| reply.map(pairs))
    }
    pub fn settle_paired_map(&mut self, deferred: Deferred, pairs: usize) {
        self.settle(deferred, |reply| reply.paired_map(pairs))
    }
    /// An array that was begun at `position` with `count` elements has fewer.
    pub fn replace_count(&mut self, position: usize, count: usize, fewer: usize) {
        let [mut old, mut new] = [(); 2].map(|()| Reply::new(self.protocol));
        old.array(count);
        new.array(fewer);
        let (old, new) = (old.out.len(), new.out);
        let later = self.grafts.iter_mut().filter(|graft| graft.at > position);
        later.for_each(|graft| graft.at -= old - new.len());
        self.out.splice(position..position + old, new);
    }
    fn settle(&mut self, deferred: Deferred, header: impl FnOnce(&mut Reply)) {
        let end = self.out.len();
        header(self);
        let length = self.out.len() - end;
        self.out[deferred.at..].rotate_right(length);
        self.grafts[deferred.grafts..].iter_mut().for_each(|graft| graft.at += length);
    }

    #[inline]
    fn head(&mut self, kind: u8, n: i64) {
        if (0..10).contains(&n) {
            return self.out.extend_from_slice(&[kind, b'0' + n as u8, b'\r', b'\n']);
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n).as_bytes();
        self.out.reserve(digits.len() + 3);
        self.out.push(kind);
        self.out.extend_from_slice(digits);
        self.out.extend_from_slice(b"\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply)) -> [String; 2] {
        [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
            let mut reply = Reply::new(protocol);
            write(&mut reply);
            String::from_utf8_lossy(reply.as_bytes()).replace("\r\n", " ")
        })
    }

    #[test]
    fn each_meaning_in_both_protocols() {
        type Case = (fn(&mut Reply), &'static str, &'static str);
        let cases: &[Case] = &[
            (|r| r.null(), "$-1 ", "_ "),
            (|r| r.null_array(), "*-1 ", "_ "),
            (|r| r.map(2), "*4 ", "%2 "),
            (|r| r.set(12), "*12 ", "~12 "),
            (|r| r.push(3), "*3 ", ">3 "),
            (|r| r.boolean(true), ":1 ", "#t "),
            (|r| r.double(1.5), "$3 1.5 ", ",1.5 "),
            (|r| r.double(f64::NEG_INFINITY), "$4 -inf ", ",-inf "),
            (|r| r.double(-0.0), "$2 -0 ", ",-0 "),
            (|r| r.big_number("123"), "$3 123 ", "(123 "),
            (|r| r.verbatim("txt", b"hi"), "$2 hi ", "=6 txt:hi "),
            (|r| r.integer(-15), ":-15 ", ":-15 "),
            (|r| r.error(&CommandError::text_of("ERR a\r\n+OK")), "-ERR a  +OK ", "-ERR a  +OK "),
        ];
        for (write, resp2, resp3) in cases {
            assert_eq!(both(write), [resp2.to_string(), resp3.to_string()]);
        }
    }

    #[test]
    fn a_deferred_header_stands_before_its_items_and_their_grafts() {
        let large = Bytes::from(vec![b'x'; GRAFT_BYTES_MIN]);
        let mut reply = Reply::new(Protocol::Resp3);
        let place = reply.defer();
        reply.shared_bulk(&large);
        reply.settle_array(place, 1);
        let (out, grafts) = reply.into_parts();
        assert_eq!(out, b"*1\r\n$16384\r\n\r\n");
        assert_eq!((grafts.len(), grafts[0].at), (1, out.len() - 2));
    }

    #[test]
    fn what_is_split_off_takes_its_grafts_along() {
        let large = Bytes::from(vec![b'x'; GRAFT_BYTES_MIN]);
        let mut reply = Reply::new(Protocol::Resp2);
        reply.shared_bulk(&large);
        let position = reply.position();
        reply.ok();
        reply.shared_bulk(&large);
        let whole = reply.size_bytes();
        let rest = reply.split_off(position);
        assert_eq!(reply.size_bytes() + rest.size_bytes(), whole);
        let (first, second) = (reply.into_parts(), rest.into_parts());
        let places = |grafts: &[Graft]| grafts.iter().map(|graft| graft.at).collect::<Vec<_>>();
        assert_eq!((first.0.as_slice(), places(&first.1)), (&b"$16384\r\n\r\n"[..], vec![8]));
        assert_eq!((second.0.as_slice(), places(&second.1)), (&b"+OK\r\n$16384\r\n\r\n"[..], vec![13]));
    }

    #[test]
    fn what_is_taken_back_leaves_no_graft() {
        let mut reply = Reply::new(Protocol::Resp2);
        reply.ok();
        let position = reply.position();
        reply.shared_bulk(&Bytes::from(vec![b'x'; GRAFT_BYTES_MIN]));
        reply.truncate(position);
        assert_eq!(reply.size_bytes(), 5);
        assert!(reply.into_parts().1.is_empty());
    }
}
