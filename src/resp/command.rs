//! A command as bytes: an array of bulk strings, as clients send it, and as the append-only file and replicas get it.

/// What is around an argument takes no more than this, bytes.
const FRAME_BYTES_MAX: usize = 1 + 20 + 2 + 2;

/// Writes the head of a command of so many arguments, its name being one.
pub fn encode_count(out: &mut Vec<u8>, count: usize) {
    head(out, b'*', count)
}

pub fn encode_argument(out: &mut Vec<u8>, argument: &[u8]) {
    // Else a long one's last two bytes would have room made for as much again.
    out.reserve(argument.len() + FRAME_BYTES_MAX);
    head(out, b'$', argument.len());
    out.extend_from_slice(argument);
    out.extend_from_slice(b"\r\n");
}

pub fn encode_command<'a>(out: &mut Vec<u8>, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    encode_count(out, args.len());
    args.for_each(|argument| encode_argument(out, argument));
}

fn head(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}
