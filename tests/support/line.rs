//! Commands as one types them at redis-cli's prompt: words, 'single' and "double" quotes, \xHH escapes.

/// The arguments of one line; panics on unbalanced quotes, which in a test is a typing error.
pub fn split(line: &str) -> Vec<Vec<u8>> {
    let mut arguments = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while !rest.is_empty() {
        let (argument, after) = match rest[0] {
            b'"' => double_quoted(&rest[1..], line),
            b'\'' => single_quoted(&rest[1..], line),
            _ => {
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                (rest[..end].to_vec(), &rest[end..])
            }
        };
        arguments.push(argument);
        rest = after.trim_ascii_start();
    }
    arguments
}

fn double_quoted<'a>(mut rest: &'a [u8], line: &str) -> (Vec<u8>, &'a [u8]) {
    let mut bytes = Vec::new();
    loop {
        let (byte, taken) = match rest {
            [b'"', after @ ..] => return (bytes, after),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) * 16 + hex(*low), 4)
            }
            [b'\\', escaped, ..] => (unescape(*escaped), 2),
            [byte, ..] => (*byte, 1),
            [] => panic!("unbalanced quotes: {line}"),
        };
        bytes.push(byte);
        rest = &rest[taken..];
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], line: &str) -> (Vec<u8>, &'a [u8]) {
    let mut bytes = Vec::new();
    loop {
        let taken = match rest {
            [b'\'', after @ ..] => return (bytes, after),
            [b'\\', b'\'', ..] => 2,
            [_, ..] => 1,
            [] => panic!("unbalanced quotes: {line}"),
        };
        bytes.push(rest[taken - 1]);
        rest = &rest[taken..];
    }
}

fn hex(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("a hex digit") as u8
}

fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        other => other,
    }
}
