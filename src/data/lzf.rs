//! LZF: a small and fast compression, that of list nodes and of strings in snapshots.
//!
//! The format is Marc Lehmann's LibLZF: a *control* byte below 32 stands for a run of that many bytes and one, which
//! follow as they are; any other is a *reference*: its upper three bits are a length (7: a byte follows that adds to
//! it), its lower five and the next byte a distance back, and length + 2 bytes from there are repeated.
//!
//! The compressor finds references by one table of where three bytes were seen last. It looks no further back than the
//! format reaches (8 KiB), and does not search for the longest match: it is meant to take less time than the memory is
//! worth. The `lzf` crate is declared deprecated by its author, so this is our own.

use super::Corrupt;

const LITERALS_MAX: usize = 1 << 5;
const DISTANCE_MAX: usize = 1 << 13;
const REFERENCE_BYTES_MIN: usize = 3;
/// 2 + 7 + 255.
const REFERENCE_BYTES_MAX: usize = 264;
const HASH_BITS: u32 = 13;

/// Compresses one input after the other. It keeps its table between them: to clear it would take longer than to
/// compress a short string.
pub struct Compressor {
    /// Where three bytes of each hash were seen last, counted from `origin`; of an input before, or not at all, if that
    /// is not above it.
    seen: Box<[u32]>,
    origin: u32,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor::new()
    }
}

impl Compressor {
    pub fn new() -> Compressor {
        Compressor { seen: vec![0; 1 << HASH_BITS].into(), origin: 0 }
    }

    /// Appends the compressed input, in at most `bytes_max` bytes. If that does not suffice, the output stays as it is,
    /// and it is false.
    pub fn compress_into(&mut self, input: &[u8], bytes_max: usize, output: &mut Vec<u8>) -> bool {
        let start = output.len();
        let fits = self.try_compress(input, bytes_max, output);
        // What lies beyond 4 GiB is not found again, that is all.
        match u32::try_from(input.len()).ok().and_then(|len| self.origin.checked_add(len)) {
            Some(origin) => self.origin = origin,
            None => *self = Compressor::new(),
        }
        if !fits {
            output.truncate(start);
        }
        fits
    }

    fn try_compress(&mut self, input: &[u8], bytes_max: usize, output: &mut Vec<u8>) -> bool {
        let end_max = output.len() + bytes_max;
        let origin = self.origin as usize;
        let (mut at, mut literals_at) = (0, 0);
        while let Some(three) = input.get(at..at + REFERENCE_BYTES_MIN) {
            let slot = &mut self.seen[hash(three)];
            let before = (*slot as usize).checked_sub(origin + 1);
            *slot = u32::try_from(origin + at + 1).unwrap_or(0);
            let length = before.map_or(0, |before| match_len(input, before, at));
            if length < REFERENCE_BYTES_MIN {
                at += 1;
                continue;
            }
            write_literals(&input[literals_at..at], output);
            write_reference(at - before.unwrap_or(at), length, output);
            if output.len() > end_max {
                return false;
            }
            at += length;
            literals_at = at;
        }
        let rest = input.len() - literals_at;
        if output.len() + rest + rest.div_ceil(LITERALS_MAX) > end_max {
            return false;
        }
        write_literals(&input[literals_at..], output);
        true
    }
}

/// Compresses to at most `bytes_max` bytes; none if that does not suffice.
pub fn compress(input: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(bytes_max.min(input.len()));
    Compressor::new().compress_into(input, bytes_max, &mut output).then_some(output)
}

fn hash(three: &[u8]) -> usize {
    let word = u32::from_be_bytes([0, three[0], three[1], three[2]]);
    (word.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}

/// How many bytes at `at` repeat those at `before`; none if that is out of reach.
fn match_len(input: &[u8], before: usize, at: usize) -> usize {
    if at - before > DISTANCE_MAX {
        return 0;
    }
    let pairs = input[before..].iter().zip(&input[at..]);
    pairs.take(REFERENCE_BYTES_MAX).take_while(|(one, other)| one == other).count()
}

fn write_literals(literals: &[u8], output: &mut Vec<u8>) {
    for run in literals.chunks(LITERALS_MAX) {
        output.push(run.len() as u8 - 1);
        output.extend_from_slice(run);
    }
}

fn write_reference(distance: usize, length: usize, output: &mut Vec<u8>) {
    let (length, distance) = (length - 2, distance - 1);
    let high = (distance >> 8) as u8;
    if length < 7 {
        output.push((length as u8) << 5 | high);
    } else {
        output.extend_from_slice(&[7 << 5 | high, (length - 7) as u8]);
    }
    output.push(distance as u8);
}

/// Decompresses to `len` bytes, exactly.
///
/// # Errors
/// If the input is damaged, or gives another number of bytes.
pub fn decompress(input: &[u8], len: usize) -> Result<Vec<u8>, Corrupt> {
    // Each three bytes give 264 at the most: nothing is reserved on a false promise.
    let mut output = Vec::with_capacity(len.min(input.len().saturating_mul(REFERENCE_BYTES_MAX / 3)));
    let mut rest = input.iter().as_slice();
    while let Some((&control, behind)) = rest.split_first() {
        rest = behind;
        if usize::from(control) < LITERALS_MAX {
            let (literals, behind) = rest.split_at_checked(usize::from(control) + 1).ok_or(Corrupt)?;
            output.extend_from_slice(literals);
            rest = behind;
        } else {
            rest = copy_reference(control, rest, &mut output)?;
        }
        if output.len() > len {
            return Err(Corrupt);
        }
    }
    if output.len() == len { Ok(output) } else { Err(Corrupt) }
}

/// Repeats what the reference that began with `control` stands for; returns what is behind it.
fn copy_reference<'a>(control: u8, rest: &'a [u8], output: &mut Vec<u8>) -> Result<&'a [u8], Corrupt> {
    let (length, rest) = match control >> 5 {
        7 => rest.split_first().map(|(more, rest)| (7 + usize::from(*more), rest)).ok_or(Corrupt)?,
        length => (usize::from(length), rest),
    };
    let (low, rest) = rest.split_first().ok_or(Corrupt)?;
    let distance = (usize::from(control & 0x1F) << 8 | usize::from(*low)) + 1;
    let mut from = output.len().checked_sub(distance).ok_or(Corrupt)?;
    // What is repeated may overlap what is written: then it repeats itself, a distance at a time.
    let mut left = length + 2;
    while left > 0 {
        let step = left.min(output.len() - from);
        output.extend_from_within(from..from + step);
        from += step;
        left -= step;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &[u8]) -> usize {
        let compressed = compress(input, input.len() + input.len() / LITERALS_MAX + 1).unwrap();
        assert_eq!(decompress(&compressed, input.len()).unwrap(), input);
        assert_eq!(decompress(&compressed, input.len() + 1), Err(Corrupt));
        if !input.is_empty() {
            assert_eq!(decompress(&compressed, input.len() - 1), Err(Corrupt));
        }
        compressed.len()
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        assert_eq!(compress(b"aaaaaaaaaa", 10), Some(vec![0, b'a', 7 << 5, 0, 0]));
        assert_eq!(compress(b"abcabcd", 9), Some([&b"\x02abc"[..], &[1 << 5, 2], b"\x00d"].concat()));
        assert_eq!(decompress(b"\x03abcd\x20\x03", 7).as_deref(), Ok(&b"abcdabc"[..]));
        assert_eq!(compress(b"abcdefgh", 8), None, "it would be longer");
    }

    #[test]
    fn long_runs_and_far_references() {
        assert_eq!(check(b""), 0);
        assert!(check(&[b'x'; 100_000]) < 1200);
        let noise: Vec<u8> = (0..8192_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for gap in [0, 1, 100] {
            // The second copy is just within reach, or just not.
            let repeated = [&noise[..], &vec![b'-'; gap], &noise[..]].concat();
            check(&repeated);
        }
    }

    #[test]
    fn damage_is_seen() {
        for (bytes, len) in
            [(&[5, 1][..], 6), (&[0x20], 3), (&[0x20, 0], 3), (&[7 << 5], 9), (&[0, 1, 0x20, 1], 4)]
        {
            assert_eq!(decompress(bytes, len), Err(Corrupt), "{bytes:?}");
        }
        assert_eq!(decompress(&[0, 1], usize::MAX), Err(Corrupt));
    }

    #[test]
    fn one_input_is_not_taken_for_another() {
        let mut compressor = Compressor::new();
        for near_the_end in [false, true] {
            if near_the_end {
                compressor.origin = u32::MAX - 25;
            }
            for input in ["abcabcabcabc", "abcdefghijkl", "ijklmnopabcd", "aaaaaaaaaaaaaaaaaaaa"] {
                let mut output = b"before".to_vec();
                assert!(compressor.compress_into(input.as_bytes(), 30, &mut output));
                assert_eq!(&output[..6], b"before");
                assert_eq!(decompress(&output[6..], input.len()).as_deref(), Ok(input.as_bytes()));
                assert_eq!(&output[6..], compress(input.as_bytes(), 30).unwrap());
                output.truncate(6);
                assert!(!compressor.compress_into(input.as_bytes(), 3, &mut output));
                assert_eq!(output, b"before");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(words in prop::collection::vec("[a-c]{0,5}|.{0,40}", 0..200)) {
            check(words.concat().as_bytes());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), len in 0..20_000_usize) {
            if let Ok(output) = decompress(&bytes, len) {
                prop_assert_eq!(output.len(), len);
            }
        }
    }
}
