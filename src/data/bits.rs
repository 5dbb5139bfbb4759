//! Strings as arrays of bits, for SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP and BITFIELD.
//!
//! Bit 0 is the *most* significant bit of the first byte. So a field of several bits reads as a big-endian
//! number wherever it begins, and a string sorts as its bits do. Beyond its end a string counts as zeroes, as far
//! as that is read; to write there, the caller makes it longer first.
//!
//! Positions are `u64` numbers of bits, ranges are half open. [`resolve_range`] makes them of what clients send.

use std::ops::Range;

/// What BITOP does with several strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOperation {
    And,
    Or,
    Xor,
}

/// What to do with a result that its field cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Keep the low bits.
    Wrap,
    /// Take the nearest value that the field can hold.
    Saturate,
    /// Do nothing.
    Fail,
}

/// The range that `start` and `end` (both inclusive; negative ones count from the end) mean in a string of `len` units
/// (bytes or bits). `None` if it is empty.
///
/// Two negative ends that both lie before the string become 0 and 0, in whichever order they were. BITPOS takes that
/// for the first unit; BITCOUNT looks at the order first.
pub fn resolve_range(start: i64, end: i64, len: u64) -> Option<Range<u64>> {
    let from_start = |index: i64| match u64::try_from(index) {
        Ok(index) => index,
        Err(_) => len.saturating_sub(index.unsigned_abs()),
    };
    let range = from_start(start)..from_start(end).saturating_add(1).min(len);
    (!range.is_empty()).then_some(range)
}

/// How many bits of `bytes` are set.
pub fn count_ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|&word| u64::from(u64::from_ne_bytes(word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many of the bits in `range` are set.
pub fn count_ones_in(bytes: &[u8], range: Range<u64>) -> u64 {
    let Some(span) = Span::new(bytes, range) else { return 0 };
    let outside = |index: usize| u64::from((bytes[index] & !span.mask(index)).count_ones());
    let mut ones = count_ones(&bytes[span.first..=span.last]) - outside(span.first);
    if span.last > span.first {
        ones -= outside(span.last);
    }
    ones
}

/// The first position in `range`, as far as it lies in `bytes`, whose bit is `bit`.
pub fn find_bit(bytes: &[u8], bit: bool, range: Range<u64>) -> Option<u64> {
    let span = Span::new(bytes, range)?;
    let unwanted = if bit { 0 } else { u8::MAX };
    let found_in = |index: usize| {
        let wanted = (bytes[index] ^ unwanted) & span.mask(index);
        (wanted != 0).then(|| index as u64 * 8 + u64::from(wanted.leading_zeros()))
    };
    if let Some(position) = found_in(span.first) {
        return Some(position);
    }
    if span.last == span.first {
        return None;
    }
    let inner = &bytes[span.first + 1..span.last];
    found_in(span.first + 1 + count_leading(inner, unwanted))
}

/// What BITPOS answers: like [`find_bit`], but a search for a zero that was given no end goes on into the zeroes behind
/// the string, so that it finds one there at the latest.
///
/// Nothing is found in an empty `range`, with or without an end.
pub fn bit_position(bytes: &[u8], bit: bool, range: Range<u64>, end_given: bool) -> Option<u64> {
    if range.is_empty() {
        return None;
    }
    let behind = range.end;
    find_bit(bytes, bit, range).or((!bit && !end_given).then_some(behind))
}

/// The bit at `position`; beyond the end it is zero.
pub fn get_bit(bytes: &[u8], position: u64) -> bool {
    usize::try_from(position / 8)
        .ok()
        .and_then(|index| bytes.get(index))
        .is_some_and(|byte| byte & bit_mask(position) != 0)
}

/// Sets the bit at `position` to `bit`, and returns what it was.
///
/// # Panics
/// If `position` is not in `bytes`.
pub fn set_bit(bytes: &mut [u8], position: u64, bit: bool) -> bool {
    let byte = &mut bytes[(position / 8) as usize];
    let mask = bit_mask(position);
    let before = *byte & mask != 0;
    *byte = if bit { *byte | mask } else { *byte & !mask };
    before
}

/// The unsigned number in the `width_bits` (1 to 64) at `position`.
pub fn get_unsigned(bytes: &[u8], position: u64, width_bits: u32) -> u64 {
    (window(bytes, position) << (position % 8) >> (u128::BITS - width_bits)) as u64
}

/// The signed number, in two's complement, in the `width_bits` (1 to 64) at `position`.
pub fn get_signed(bytes: &[u8], position: u64, width_bits: u32) -> i64 {
    let unused = u64::BITS - width_bits;
    (get_unsigned(bytes, position, width_bits) << unused) as i64 >> unused
}

/// Writes the low `width_bits` (1 to 64) of `value` at `position`. For signed numbers, cast them.
///
/// # Panics
/// If the field is not wholly in `bytes`.
pub fn set_field(bytes: &mut [u8], position: u64, width_bits: u32, value: u64) {
    let shift = u128::BITS - width_bits - (position % 8) as u32;
    let mask = ((1u128 << width_bits) - 1) << shift;
    let field = window(bytes, position) & !mask | (u128::from(value) << shift) & mask;
    let first = (position / 8) as usize;
    let len = (position % 8 + u64::from(width_bits)).div_ceil(8) as usize;
    bytes[first..first + len].copy_from_slice(&field.to_be_bytes()[..len]);
}

/// `value + increment` for an unsigned field of `width_bits` (1 to 63). `None` if it does not fit and `overflow` is
/// to fail.
///
/// A `value` that does not fit by itself is an overflow upwards, whatever the increment. So, with an increment of 0,
/// this also tells what BITFIELD SET writes for a number that a client sent: a negative one, cast, saturates at the
/// *largest* value.
pub fn add_unsigned(value: u64, increment: i64, width_bits: u32, overflow: Overflow) -> Option<u64> {
    let max = (1 << width_bits) - 1;
    let sum = i128::from(value) + i128::from(increment);
    if value <= max && (0..=i128::from(max)).contains(&sum) {
        return Some(sum as u64);
    }
    match overflow {
        Overflow::Wrap => Some(sum as u64 & max),
        Overflow::Saturate => Some(if value <= max && sum < 0 { 0 } else { max }),
        Overflow::Fail => None,
    }
}

/// `value + increment` for a signed field of `width_bits` (1 to 64). `None` if it does not fit and `overflow` is to
/// fail.
///
/// With an increment of 0, this also tells what BITFIELD SET writes. There it differs from arithmetic where Redis does:
/// within 2^(`width_bits` - 1) of the least 64-bit number, a value saturates at the largest instead of the least.
pub fn add_signed(value: i64, increment: i64, width_bits: u32, overflow: Overflow) -> Option<i64> {
    let max = i64::MAX >> (u64::BITS - width_bits);
    let min = -max - 1;
    let sum = i128::from(value) + i128::from(increment);
    if (min..=max).contains(&value) && (i128::from(min)..=i128::from(max)).contains(&sum) {
        return Some(sum as i64);
    }
    match overflow {
        Overflow::Wrap => {
            let unused = u64::BITS - width_bits;
            Some((sum as i64) << unused >> unused)
        }
        Overflow::Saturate => {
            // Redis takes this room for an increment modulo 2^64, from which the exception above follows.
            let room_wraps = value < 0 && width_bits < 64 && max.checked_sub(value).is_none();
            Some(if sum > i128::from(max) || value > max || room_wraps { max } else { min })
        }
        Overflow::Fail => None,
    }
}

/// All of `sources` combined bit by bit. Shorter ones count as followed by zeroes; the result is as long as the longest.
pub fn combine(operation: BitOperation, sources: &[&[u8]]) -> Vec<u8> {
    let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = Vec::with_capacity(len);
    let Some((first, others)) = sources.split_first() else { return result };
    result.extend_from_slice(first);
    result.resize(len, 0);
    for source in others {
        match operation {
            BitOperation::And => {
                zip_words(&mut result, source, |a, b| a & b);
                result[source.len()..].fill(0);
            }
            BitOperation::Or => zip_words(&mut result, source, |a, b| a | b),
            BitOperation::Xor => zip_words(&mut result, source, |a, b| a ^ b),
        }
    }
    result
}

/// `bytes` with all bits inverted.
pub fn invert(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

/// The bytes that a range of bits touches.
struct Span {
    first: usize,
    last: usize,
    first_mask: u8,
    last_mask: u8,
}

impl Span {
    /// `None` if `range` has no bit in `bytes`.
    fn new(bytes: &[u8], range: Range<u64>) -> Option<Span> {
        let end = range.end.min(bytes.len() as u64 * 8);
        if range.start >= end {
            return None;
        }
        Some(Span {
            first: (range.start / 8) as usize,
            last: ((end - 1) / 8) as usize,
            first_mask: u8::MAX >> (range.start % 8),
            last_mask: u8::MAX << (7 - (end - 1) % 8),
        })
    }

    /// The bits of the byte at `index` that are in the range; `index` is from first to last.
    fn mask(&self, index: usize) -> u8 {
        let first = if index == self.first { self.first_mask } else { u8::MAX };
        let last = if index == self.last { self.last_mask } else { u8::MAX };
        first & last
    }
}

fn bit_mask(position: u64) -> u8 {
    1 << (7 - position % 8)
}

/// How many bytes at the start of `bytes` are `unwanted`, by words while that goes.
fn count_leading(bytes: &[u8], unwanted: u8) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let in_words = words.iter().take_while(|&&word| word == [unwanted; 8]).count() * 8;
    in_words + bytes[in_words..].iter().take_while(|&&byte| byte == unwanted).count()
}

/// The nine bytes from that of `position` on, which hold any field that begins there, as the top of a number.
fn window(bytes: &[u8], position: u64) -> u128 {
    let first = usize::try_from(position / 8).unwrap_or(usize::MAX).min(bytes.len());
    let rest = &bytes[first..];
    let rest = &rest[..rest.len().min(9)];
    let mut window = [0; 16];
    window[..rest.len()].copy_from_slice(rest);
    u128::from_be_bytes(window)
}

/// `target[i] = operation(target[i], source[i])` as far as `source` goes, by words.
fn zip_words(target: &mut [u8], source: &[u8], operation: impl Fn(u64, u64) -> u64) {
    let target = &mut target[..source.len()];
    let (target_words, target_rest) = target.as_chunks_mut::<8>();
    let (source_words, source_rest) = source.as_chunks::<8>();
    for (a, b) in target_words.iter_mut().zip(source_words) {
        *a = operation(u64::from_ne_bytes(*a), u64::from_ne_bytes(*b)).to_ne_bytes();
    }
    for (a, b) in target_rest.iter_mut().zip(source_rest) {
        *a = operation(u64::from(*a), u64::from(*b)) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_resolve_as_listed() {
        let cases = [
            (0, -1, 5, Some(0..5)),
            (1, 1, 5, Some(1..2)),
            (-2, -1, 5, Some(3..5)),
            (-100, 100, 5, Some(0..5)),
            (3, 2, 5, None),
            (5, 9, 5, None),
            (0, -1, 0, None),
            (-10, -20, 5, Some(0..1)),
            (i64::MIN, i64::MAX, 5, Some(0..5)),
            (i64::MAX, i64::MIN, 5, None),
        ];
        for (start, end, len, expected) in cases {
            assert_eq!(resolve_range(start, end, len), expected, "{start} {end} of {len}");
        }
    }

    #[test]
    fn a_search_for_zero_without_an_end_finds_one_behind() {
        let ones = [0xff; 3];
        assert_eq!(bit_position(&ones, false, 0..24, false), Some(24));
        assert_eq!(bit_position(&ones, false, 0..24, true), None);
        assert_eq!(bit_position(&ones, false, 24..24, false), None);
        assert_eq!(bit_position(&[0; 3], true, 0..24, false), None);
        assert_eq!(bit_position(b"\x00\xff\xf0", true, 8..24, false), Some(8));
        assert_eq!(bit_position(b"\xff\xf0\x00", false, 0..24, false), Some(12));
    }

    #[test]
    fn a_field_lies_as_documented() {
        let mut bytes = [0; 2];
        set_field(&mut bytes, 7, 5, 23);
        assert_eq!(bytes, [0b0000_0001, 0b0111_0000]);
        assert_eq!((get_unsigned(&bytes, 7, 5), get_signed(&bytes, 7, 5)), (23, -9));
        assert_eq!(get_unsigned(&bytes, u64::MAX - 63, 63), 0);
    }

    #[test]
    fn overflow_is_handled_as_listed() {
        use Overflow::{Fail, Saturate, Wrap};
        let unsigned = [
            (255, 1, 8, Wrap, Some(0)),
            (255, 1, 8, Saturate, Some(255)),
            (255, 1, 8, Fail, None),
            (0, -1, 8, Wrap, Some(255)),
            (0, -1, 8, Saturate, Some(0)),
            (0, -1, 8, Fail, None),
            (-1i64 as u64, 0, 8, Saturate, Some(255)),
            (-2i64 as u64, 0, 8, Wrap, Some(254)),
            (7, i64::MIN, 63, Saturate, Some(0)),
            (i64::MAX as u64, i64::MAX, 63, Wrap, Some(i64::MAX as u64 - 1)),
            (100, -100, 8, Fail, Some(0)),
        ];
        for (value, increment, width_bits, overflow, expected) in unsigned {
            let found = add_unsigned(value, increment, width_bits, overflow);
            assert_eq!(found, expected, "u{width_bits} {value} + {increment} {overflow:?}");
        }
        let signed = [
            (127, 1, 8, Wrap, Some(-128)),
            (127, 1, 8, Saturate, Some(127)),
            (127, 1, 8, Fail, None),
            (-128, -1, 8, Wrap, Some(127)),
            (-128, -1, 8, Saturate, Some(-128)),
            (-128, -1, 8, Fail, None),
            (i64::MAX, 1, 64, Wrap, Some(i64::MIN)),
            (i64::MAX, 1, 64, Saturate, Some(i64::MAX)),
            (i64::MIN, -1, 64, Saturate, Some(i64::MIN)),
            (i64::MIN, -1, 64, Fail, None),
            (-5, 10, 64, Fail, Some(5)),
            (1000, 0, 8, Saturate, Some(127)),
            (-1000, 0, 8, Saturate, Some(-128)),
            (i64::MIN, 0, 8, Saturate, Some(127)),
            (i64::MIN + 128, 0, 8, Saturate, Some(-128)),
            (1000, 0, 8, Wrap, Some(-24)),
            (0, 1, 1, Wrap, Some(-1)),
        ];
        for (value, increment, width_bits, overflow, expected) in signed {
            let found = add_signed(value, increment, width_bits, overflow);
            assert_eq!(found, expected, "i{width_bits} {value} + {increment} {overflow:?}");
        }
    }

    #[test]
    fn strings_of_unequal_length_combine_as_if_padded() {
        assert_eq!(combine(BitOperation::And, &[b"\xff\xff\xff", b"\x0f"]), b"\x0f\0\0");
        assert_eq!(combine(BitOperation::And, &[b"\x0f", b"\xff\xff\xff"]), b"\x0f\0\0");
        assert_eq!(combine(BitOperation::Or, &[b"\x01", b"", b"\x02\x04"]), b"\x03\x04");
        assert_eq!(combine(BitOperation::Xor, &[b"\xff\x01", b"\x0f"]), b"\xf0\x01");
        assert_eq!(combine(BitOperation::Or, &[]), b"");
        assert_eq!(invert(b"\x0f\xff"), b"\xf0\0");
    }

    /// The model: a string as a list of bits.
    fn bits_of(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1)).collect()
    }

    /// Bytes with long stretches of zeroes and ones.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop_oneof![Just(0), Just(0xff), any::<u8>()], 0usize..20);
        prop::collection::vec(run, 0..4)
            .prop_map(|runs| runs.into_iter().flat_map(|(byte, len)| vec![byte; len]).collect())
    }

    proptest! {
        #[test]
        fn counts_and_positions_agree_with_single_bits(
            bytes in bytes(), start in 0usize..400, len in 0usize..400, bit: bool,
        ) {
            let bits = bits_of(&bytes);
            let end = (start + len).min(bits.len());
            let range = start as u64..(start + len) as u64;
            let model = || (start..end).filter(|&at| bits[at]);
            prop_assert_eq!(count_ones(&bytes), bits.iter().filter(|&&bit| bit).count() as u64);
            prop_assert_eq!(count_ones_in(&bytes, range.clone()), model().count() as u64);
            let first = (start..end).find(|&at| bits[at] == bit).map(|at| at as u64);
            prop_assert_eq!(find_bit(&bytes, bit, range), first);
        }

        #[test]
        fn single_bits_are_set_and_got(bytes in bytes(), at: prop::sample::Index, bit: bool) {
            let bytes = [bytes, vec![0xa5]].concat();
            let (mut written, mut bits) = (bytes.clone(), bits_of(&bytes));
            let at = at.index(bits.len());
            prop_assert_eq!(set_bit(&mut written, at as u64, bit), bits[at]);
            bits[at] = bit;
            prop_assert_eq!(bits_of(&written), bits);
            prop_assert_eq!(get_bit(&written, at as u64), bit);
            prop_assert!(!get_bit(&written, written.len() as u64 * 8));
        }

        #[test]
        fn fields_agree_with_single_bits(bytes in bytes(), at in 0usize..400, width_bits in 1usize..=64, value: u64) {
            let mut bits = bits_of(&bytes);
            let read = |bits: &[bool]| {
                (at..at + width_bits).fold(0u64, |value, at| value << 1 | u64::from(bits.get(at) == Some(&true)))
            };
            let (position, width) = (at as u64, width_bits as u32);
            prop_assert_eq!(get_unsigned(&bytes, position, width), read(&bits));
            let sign = if read(&bits) >> (width - 1) == 1 { u64::MAX.checked_shl(width).unwrap_or(0) } else { 0 };
            prop_assert_eq!(get_signed(&bytes, position, width), (read(&bits) | sign) as i64);

            let mut written = bytes.clone();
            written.resize(written.len().max((at + width_bits).div_ceil(8)), 0);
            set_field(&mut written, position, width, value);
            bits.resize(written.len() * 8, false);
            (0..width_bits).for_each(|bit| bits[at + bit] = value >> (width_bits - 1 - bit) & 1 == 1);
            prop_assert_eq!(bits_of(&written), bits);
        }

        #[test]
        fn sums_of_values_that_fit_agree_with_wide_arithmetic(value: i64, increment: i64, shift in 0u32..64) {
            let width_bits = 64 - shift;
            let value = value >> shift;
            let (min, max) = (i128::from(i64::MIN >> shift), i128::from(i64::MAX >> shift));
            let sum = i128::from(value) + i128::from(increment);
            let fits = (min..=max).contains(&sum).then_some(sum as i64);
            prop_assert_eq!(add_signed(value, increment, width_bits, Overflow::Fail), fits);
            prop_assert_eq!(add_signed(value, increment, width_bits, Overflow::Saturate), Some(sum.clamp(min, max) as i64));
            let wrapped = (sum - min).rem_euclid(1 << width_bits) + min;
            prop_assert_eq!(add_signed(value, increment, width_bits, Overflow::Wrap), Some(wrapped as i64));
        }

        #[test]
        fn unsigned_sums_of_values_that_fit_agree_with_wide_arithmetic(value: u64, increment: i64, shift in 1u32..64) {
            let width_bits = 64 - shift;
            let value = value >> shift;
            let max = i128::from(u64::MAX >> shift);
            let sum = i128::from(value) + i128::from(increment);
            let fits = (0..=max).contains(&sum).then_some(sum as u64);
            prop_assert_eq!(add_unsigned(value, increment, width_bits, Overflow::Fail), fits);
            prop_assert_eq!(add_unsigned(value, increment, width_bits, Overflow::Saturate), Some(sum.clamp(0, max) as u64));
            let wrapped = sum.rem_euclid(1 << width_bits);
            prop_assert_eq!(add_unsigned(value, increment, width_bits, Overflow::Wrap), Some(wrapped as u64));
        }

        #[test]
        fn combining_agrees_with_single_bytes(sources in prop::collection::vec(bytes(), 1..5)) {
            let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
            let len = sources.iter().map(Vec::len).max().unwrap_or(0);
            let model = |operation: fn(u8, u8) -> u8| -> Vec<u8> {
                let byte = |source: &Vec<u8>, at: usize| source.get(at).copied().unwrap_or(0);
                (0..len).map(|at| sources.iter().map(|source| byte(source, at)).reduce(operation).unwrap()).collect()
            };
            prop_assert_eq!(combine(BitOperation::And, &slices), model(|a, b| a & b));
            prop_assert_eq!(combine(BitOperation::Or, &slices), model(|a, b| a | b));
            prop_assert_eq!(combine(BitOperation::Xor, &slices), model(|a, b| a ^ b));
        }
    }
}
