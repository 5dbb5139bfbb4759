//! CRC-64 by the polynomial of David T. Jones, as RDB files and DUMP use it: bits reflected, nothing added before or
//! after. No crate that is kept has exactly this one in a fast form.
//!
//! *Slicing by sixteen* (Kounavis and Berry, 2005): the contribution of each of sixteen bytes to the sum behind them is
//! looked up in a table of its own, so that the sixteen look-ups do not wait for one another.

/// The polynomial, its lowest bit first.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
const SLICES: usize = 16;

static TABLES: [[u64; 256]; SLICES] = tables();

const fn tables() -> [[u64; 256]; SLICES] {
    let mut tables = [[0; 256]; SLICES];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    // What a byte contributes when so many zeros come behind it.
    let mut slice = 1;
    while slice < SLICES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[slice - 1][byte];
            tables[slice][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

/// The sum of all bytes up to here; more can follow.
///
/// ```
/// use callboard::data::crc64::Crc64;
/// let mut sum = Crc64::default();
/// sum.update(b"1234");
/// sum.update(b"56789");
/// assert_eq!(sum.value(), 0xe9c6_d914_c4b8_d9ca);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crc64(u64);

impl Crc64 {
    /// The sum of these bytes alone.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut sum = Crc64::default();
        sum.update(bytes);
        sum.value()
    }
    pub fn value(self) -> u64 {
        self.0
    }
    pub fn update(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<SLICES>();
        let mut sum = self.0;
        for block in blocks {
            let (low, high) = block.split_at(8);
            let low = u64::from_le_bytes(low.try_into().expect("half of sixteen")) ^ sum;
            let high = u64::from_le_bytes(high.try_into().expect("half of sixteen"));
            sum = eight(low, 8) ^ eight(high, 0);
        }
        for byte in rest {
            sum = sum >> 8 ^ TABLES[0][(sum as u8 ^ byte) as usize];
        }
        self.0 = sum;
    }
}

/// What eight bytes contribute with `behind` bytes behind them.
#[inline(always)]
fn eight(word: u64, behind: usize) -> u64 {
    (0..8).fold(0, |sum, at| sum ^ TABLES[behind + 7 - at][(word >> (8 * at)) as usize & 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit_by_bit(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |sum, &byte| {
            (0..8).fold(
                sum ^ u64::from(byte),
                |sum, _| {
                    if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 }
                },
            )
        })
    }

    #[test]
    fn known_sums() {
        assert_eq!(Crc64::of(b""), 0);
        assert_eq!(Crc64::of(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    proptest! {
        #[test]
        fn it_is_the_sum_bit_by_bit_however_the_bytes_are_cut(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cut in 0..200_usize,
        ) {
            let (front, back) = bytes.split_at(cut.min(bytes.len()));
            let mut sum = Crc64::default();
            sum.update(front);
            sum.update(back);
            prop_assert_eq!(sum.value(), bit_by_bit(&bytes));
        }
    }
}
