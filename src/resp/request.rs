//! One request as it came from the wire: the bytes of its frame, and where its arguments stand in it.
//!
//! The frame is one shared slice of the read buffer, so a request costs one reference count however many
//! arguments it has. The raw bytes ride along with the typed command, because MONITOR, the slow log and verbatim
//! propagation want the words that the client sent.
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// Offset and length of an argument inside its frame.
pub type Span = (u32, u32);

/// From this length on (bytes) a bulk string is read into a buffer of its own, and may be kept without a copy.
pub const LARGE_BYTES: usize = 32 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Request {
    frame: Bytes,
    spans: SmallVec<[Span; 4]>,
    /// The frame owns its buffer alone, so a slice of it that is kept pins little else.
    alone: bool,
}

impl Request {
    pub fn new(frame: Bytes, spans: SmallVec<[Span; 4]>, alone: bool) -> Request {
        Request { frame, spans, alone }
    }

    /// A request made of separate arguments: inline commands, scripts, tests.
    pub fn from_args<A: AsRef<[u8]>>(args: &[A]) -> Request {
        let mut bytes = Vec::with_capacity(args.iter().map(|a| a.as_ref().len()).sum());
        let mut spans = SmallVec::new();
        for arg in args {
            spans.push((bytes.len() as u32, arg.as_ref().len() as u32));
            bytes.extend_from_slice(arg.as_ref());
        }
        Request { frame: bytes.into(), spans, alone: false }
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
    /// The argument at `index`, the command's name being argument 0.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let &(start, length) = self.spans.get(index)?;
        Some(&self.frame[start as usize..start as usize + length as usize])
    }
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .map(|&(start, length)| &self.frame[start as usize..start as usize + length as usize])
    }
    /// The argument at `index` as a slice that shares the frame.
    pub fn share(&self, index: usize) -> Option<Bytes> {
        let &(start, length) = self.spans.get(index)?;
        Some(self.frame.slice(start as usize..start as usize + length as usize))
    }
    /// The argument at `index` as bytes that may be kept for as long as one likes: shared where that pins at most
    /// twice its size, copied otherwise. Arguments of up to `inline` bytes are shared in any case: whoever keeps
    /// those copies them into an entry.
    pub fn keep(&self, index: usize, inline: usize) -> Option<Bytes> {
        let shared = self.share(index)?;
        let pins_little = self.alone && shared.len() >= LARGE_BYTES && shared.len() * 2 >= self.frame.len();
        Some(if shared.len() <= inline || pins_little { shared } else { Bytes::copy_from_slice(&shared) })
    }
    /// Lets go of the buffer that it was read into, if it shares it with others.
    pub fn own(&mut self) {
        if !self.alone {
            self.frame = Bytes::copy_from_slice(&self.frame);
            self.alone = true;
        }
    }
    /// Its length on the wire, in bytes (of an inline request: of its arguments).
    pub fn frame_bytes(&self) -> usize {
        self.frame.len()
    }
    /// All arguments together, in bytes.
    pub fn argument_bytes(&self) -> usize {
        self.spans.iter().map(|&(_, length)| length as usize).sum()
    }
    /// Memory that this request holds, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.frame.len() + self.spans.len() * size_of::<Span>()
    }
}

/// Makes requests word by word. While nobody keeps the last one, the next stands in the same memory.
#[derive(Debug, Default)]
pub struct RequestBuilder {
    buffer: BytesMut,
    spans: SmallVec<[Span; 4]>,
}

/// Room is made for so many bytes at least.
const BUILDER_BYTES_MIN: usize = 4096;
/// Memory beyond this is not kept for the next request: one that was large would hold it for ever.
const BUILDER_BYTES_KEPT: usize = 64 << 10;
/// The same for the places of words.
const BUILDER_WORDS_KEPT: usize = 1024;

impl RequestBuilder {
    pub fn push(&mut self, word: &[u8]) {
        if self.buffer.capacity() - self.buffer.len() < word.len() {
            // While nobody else holds the memory, this takes it back instead of taking more.
            self.buffer.reserve(word.len().max(BUILDER_BYTES_MIN));
        }
        self.spans.push((self.buffer.len() as u32, word.len() as u32));
        self.buffer.extend_from_slice(word);
    }
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
    /// Forgets what was pushed since the last request.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.buffer.clear();
        if self.spans.capacity() > BUILDER_WORDS_KEPT {
            self.spans = SmallVec::new();
        }
        if self.buffer.capacity() > BUILDER_BYTES_KEPT {
            self.buffer = BytesMut::new();
        }
    }
    /// What was pushed since the last request.
    pub fn finish(&mut self) -> Request {
        let is_large = self.buffer.capacity() > BUILDER_BYTES_KEPT;
        let frame = self.buffer.split().freeze();
        if is_large {
            // Even the empty rest of the memory would hold all of it.
            self.buffer = BytesMut::new();
        }
        let spans = std::mem::take(&mut self.spans);
        Request { frame, spans, alone: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(builder: &mut RequestBuilder, words: &[&[u8]]) -> Request {
        words.iter().for_each(|word| builder.push(word));
        builder.finish()
    }

    #[test]
    fn a_builder_uses_its_memory_again_but_gives_that_of_a_large_request_back() {
        let mut builder = RequestBuilder::default();
        let small = |builder: &mut RequestBuilder| build(builder, &[b"GET", b"key"]).frame.as_ptr() as usize;
        let places: Vec<usize> = (0..20_000).map(|_| small(&mut builder)).collect();
        let later = &places[10_000..];
        let stretch = later.iter().max().unwrap() - later.iter().min().unwrap();
        assert!(stretch < 4 * BUILDER_BYTES_MIN, "{stretch}");
        let large = vec![b'x'; 8 << 20];
        let request = build(&mut builder, &[b"SET", b"key", &large]);
        assert_eq!(request.get(2), Some(&large[..]));
        assert_eq!(builder.buffer.capacity(), 0);
        // It holds no part of that: whoever has the request has all of the memory.
        assert!(request.frame.try_into_mut().is_ok());
    }
    #[test]
    fn a_builder_that_is_cleared_gives_back_what_was_large() {
        let mut builder = RequestBuilder::default();
        (0..100_000).for_each(|_| builder.push(b"some word"));
        builder.clear();
        assert!(builder.buffer.capacity() <= BUILDER_BYTES_KEPT);
        assert!(builder.spans.capacity() <= BUILDER_WORDS_KEPT);
        builder.push(b"PING");
        builder.clear();
        assert!(builder.buffer.capacity() > 0, "what is small is kept");
    }
}
