//! How a snapshot is framed that comes over a socket: `$<length>`, or, where nobody knows the length yet, `$EOF:<mark>` with
//! the mark again at the end. Works on what has been read so far, however it is cut.
use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};

pub const MARK_BYTES: usize = 40;
/// No header is longer.
const HEADER_BYTES_MAX: usize = 1024;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    Length(u64),
    Mark(Bytes),
}

/// Takes the header off the front of what was read; `None` if it has not come yet. Blank lines before it only show that
/// the master lives.
///
/// # Errors
/// If there is something else: the text for the log.
pub fn take_header(input: &mut BytesMut) -> Result<Option<Header>, String> {
    loop {
        let Some(end) = memchr(b'\n', &input[..input.len().min(HEADER_BYTES_MAX)]) else {
            return match input.len() < HEADER_BYTES_MAX {
                true => Ok(None),
                false => Err("Bad protocol from MASTER: a line without an end".into()),
            };
        };
        let line = input.split_to(end + 1).freeze();
        let line = line.slice(..line.len() - 1 - usize::from(line.ends_with(b"\r\n")));
        if line.is_empty() {
            continue;
        }
        return parse(&line).map(Some);
    }
}

fn parse(line: &Bytes) -> Result<Header, String> {
    let text = || String::from_utf8_lossy(line).into_owned();
    match line.first() {
        Some(b'$') => {}
        Some(b'-') => return Err(format!("MASTER aborted replication with an error: {}", &text()[1..])),
        _ => {
            return Err(format!(
                "Bad protocol from MASTER, the first byte is not '$' (we received '{}'), are you sure the host and \
                 port are right?",
                text()
            ));
        }
    }
    if let Some(mark) = line.strip_prefix(b"$EOF:")
        && mark.len() >= MARK_BYTES
    {
        return Ok(Header::Mark(line.slice(5..5 + MARK_BYTES)));
    }
    let length = std::str::from_utf8(&line[1..]).ok().and_then(|digits| digits.parse().ok());
    length.map(Header::Length).ok_or_else(|| format!("Bad protocol from MASTER: no length in '{}'", text()))
}

/// Takes the snapshot itself out of its frame.
#[derive(Debug)]
pub enum Frame {
    /// So much is to come.
    Length(u64),
    Mark(Bytes),
    Ended,
}
impl From<Header> for Frame {
    fn from(header: Header) -> Frame {
        match header {
            Header::Length(0) => Frame::Ended,
            Header::Length(bytes) => Frame::Length(bytes),
            Header::Mark(mark) => Frame::Mark(mark),
        }
    }
}
impl Frame {
    pub fn is_ended(&self) -> bool {
        matches!(self, Frame::Ended)
    }
    /// Takes what is known to belong to the snapshot off the front of what was read. What comes behind the frame stays.
    pub fn take(&mut self, input: &mut BytesMut) -> Bytes {
        match self {
            Frame::Ended => Bytes::new(),
            Frame::Length(missing) => {
                let length = (*missing).min(input.len() as u64);
                *missing -= length;
                if *missing == 0 {
                    *self = Frame::Ended;
                }
                input.split_to(length as usize).freeze()
            }
            Frame::Mark(mark) => match memmem::find(input, mark) {
                Some(at) => {
                    let bytes = input.split_to(at).freeze();
                    input.advance(MARK_BYTES);
                    *self = Frame::Ended;
                    bytes
                }
                // The mark may have begun.
                None => input.split_to(input.len().saturating_sub(MARK_BYTES - 1)).freeze(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a header and a snapshot that come in pieces; says what came, and what is left.
    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>), String> {
        let (mut input, mut frame, mut found) = (BytesMut::new(), None, Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            if frame.is_none() {
                frame = take_header(&mut input)?.map(Frame::from);
            }
            if let Some(frame) = &mut frame {
                found.extend_from_slice(&frame.take(&mut input));
            }
        }
        match frame {
            Some(frame) if frame.is_ended() => Ok((found, input.to_vec())),
            _ => Err("not ended".into()),
        }
    }

    #[test]
    fn a_snapshot_is_the_same_however_it_is_cut() {
        let mark = "m".repeat(39) + "k";
        // Beginnings of the mark within the data must not be taken for it.
        let data = ["REDIS", &mark[..39], "x", &mark[..20], "\r\n$5\r\n"].concat();
        for frame in [
            format!("\n\n${}\r\n{data}", data.len()),
            format!("\n$EOF:{mark}\r\n{data}{mark}"),
            format!("$EOF:{mark}\n{data}{mark}"),
        ] {
            let all = [frame.as_bytes(), b"*1\r\n"].concat();
            let expected = Ok((data.clone().into_bytes(), b"*1\r\n".to_vec()));
            for cut in 0..all.len() {
                let (one, other) = all.split_at(cut);
                assert_eq!(read(&[one, other]), expected, "cut at {cut} of {frame:?}");
            }
            let single: Vec<&[u8]> = all.chunks(1).collect();
            assert_eq!(read(&single), expected, "byte by byte: {frame:?}");
        }
        assert_eq!(read(&[b"$0\r\n"]), Ok((vec![], vec![])));
    }

    #[test]
    fn what_is_no_frame_is_told() {
        for (input, begins) in [
            (&b"-ERR nothing for you\r\n"[..], "MASTER aborted replication with an error: ERR nothing"),
            (b"HTTP/1.1 400\r\n", "Bad protocol from MASTER, the first byte is not '$'"),
            (b"$many\r\n", "Bad protocol from MASTER: no length"),
            (b"$EOF:short\r\n", "Bad protocol from MASTER: no length"),
            (&[b'$'; 2000], "Bad protocol from MASTER: a line without an end"),
        ] {
            let error = take_header(&mut BytesMut::from(input)).expect_err("no header");
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
