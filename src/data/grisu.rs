//! Doubles to decimal digits by Grisu2: nearly always the fewest digits that read back as the same double, and nearly
//! always the nearest of those.
//!
//! Redis prints scores by this algorithm, and its "nearly" shows: where two texts are equally short (116260781840677.12
//! and …13 lie equally far from their double) it takes another one than a printer that is exact. So what is exact would
//! not do here.
//!
//! The algorithm is from Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers" (2010):
//! the double and the ends of the stretch that reads back as it are multiplied by a power of ten, all in 64 bits; then
//! digits are taken from the upper end until what is left is within the stretch. Which power is taken when several would
//! do, and how the last digit is brought near to the double, is as in Redis.

/// 10^k for every eighth k from [`POWER_FIRST`] on, as fractions of 64 bits whose first bit is set, rounded to nearest.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8fd5a0081c0288, 0xbaaee17fa23ebf76, 0x8b16fb203055ac76, 0xcf42894a5dce35ea, 0x9a6bb0aa55653b2d,
    0xe61acf033d1a45df, 0xab70fe17c79ac6ca, 0xff77b1fcbebcdc4f, 0xbe5691ef416bd60c, 0x8dd01fad907ffc3c,
    0xd3515c2831559a83, 0x9d71ac8fada6c9b5, 0xea9c227723ee8bcb, 0xaecc49914078536d, 0x823c12795db6ce57,
    0xc21094364dfb5637, 0x9096ea6f3848984f, 0xd77485cb25823ac7, 0xa086cfcd97bf97f4, 0xef340a98172aace5,
    0xb23867fb2a35b28e, 0x84c8d4dfd2c63f3b, 0xc5dd44271ad3cdba, 0x936b9fcebb25c996, 0xdbac6c247d62a584,
    0xa3ab66580d5fdaf6, 0xf3e2f893dec3f126, 0xb5b5ada8aaff80b8, 0x87625f056c7c4a8b, 0xc9bcff6034c13053,
    0x964e858c91ba2655, 0xdff9772470297ebd, 0xa6dfbd9fb8e5b88f, 0xf8a95fcf88747d94, 0xb94470938fa89bcf,
    0x8a08f0f8bf0f156b, 0xcdb02555653131b6, 0x993fe2c6d07b7fac, 0xe45c10c42a2b3b06, 0xaa242499697392d3,
    0xfd87b5f28300ca0e, 0xbce5086492111aeb, 0x8cbccc096f5088cc, 0xd1b71758e219652c, 0x9c40000000000000,
    0xe8d4a51000000000, 0xad78ebc5ac620000, 0x813f3978f8940984, 0xc097ce7bc90715b3, 0x8f7e32ce7bea5c70,
    0xd5d238a4abe98068, 0x9f4f2726179a2245, 0xed63a231d4c4fb27, 0xb0de65388cc8ada8, 0x83c7088e1aab65db,
    0xc45d1df942711d9a, 0x924d692ca61be758, 0xda01ee641a708dea, 0xa26da3999aef774a, 0xf209787bb47d6b85,
    0xb454e4a179dd1877, 0x865b86925b9bc5c2, 0xc83553c5c8965d3d, 0x952ab45cfa97a0b3, 0xde469fbd99a05fe3,
    0xa59bc234db398c25, 0xf6c69a72a3989f5c, 0xb7dcbf5354e9bece, 0x88fcf317f22241e2, 0xcc20ce9bd35c78a5,
    0x98165af37b2153df, 0xe2a0b5dc971f303a, 0xa8d9d1535ce3b396, 0xfb9b7cd9a4a7443c, 0xbb764c4ca7a44410,
    0x8bab8eefb6409c1a, 0xd01fef10a657842c, 0x9b10a4e5e9913129, 0xe7109bfba19c0c9d, 0xac2820d9623bf429,
    0x80444b5e7aa7cf85, 0xbf21e44003acdd2d, 0x8e679c2f5e44ff8f, 0xd433179d9c8cb841, 0x9e19db92b4e31ba9,
    0xeb96bf6ebadf77d9, 0xaf87023b9bf0ee6b,
];
const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;
/// The bit of a double's fraction that is not written.
const HIDDEN_BIT: u64 = 1 << 52;

/// Decimal digits, and the power of ten that they are multiplied by.
#[derive(Debug)]
pub struct Digits {
    digits: [u8; 20],
    len: usize,
    pub scale: i32,
}
impl Digits {
    /// Of a double that is finite and above zero.
    pub fn of(value: f64) -> Digits {
        let bits = value.to_bits();
        let (fraction, exponent) = match ((bits >> 52) as i32 & 0x7FF, bits & (HIDDEN_BIT - 1)) {
            (0, fraction) => (fraction, -1074),
            (exponent, fraction) => (fraction | HIDDEN_BIT, exponent - 1075),
        };
        let shift = fraction.leading_zeros();
        let exponent = exponent - shift as i32;
        let middle = fraction << shift;
        let upper = middle + (1 << (shift - 1));
        // Below a power of two the doubles lie twice as dense.
        let lower = middle - (1 << if fraction == HIDDEN_BIT { shift - 2 } else { shift - 1 });

        let (power, power_exponent, scale) = power_for(exponent);
        let scaled = |number: u64| ((number as u128 * power as u128 + (1 << 63)) >> 64) as u64;
        // Products are off by less than one: the stretch is taken in by that.
        let stretch = Stretch { upper: scaled(upper) - 1, middle: scaled(middle), lower: scaled(lower) + 1 };
        let mut digits = Digits { digits: [0; 20], len: 0, scale: -scale };
        digits.generate(&stretch, -(exponent + power_exponent + 64));
        digits
    }
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.len]).unwrap_or_default()
    }

    /// Takes digits from the upper end of the stretch, whose last `point` bits stand behind the binary point.
    fn generate(&mut self, stretch: &Stretch, point: i32) {
        let Stretch { upper, middle, lower } = *stretch;
        let (mut width, distance) = (upper - lower, upper - middle);
        let fraction_mask = (1 << point) - 1;
        let (mut whole, mut fraction) = (upper >> point, upper & fraction_mask);
        let mut unit: u64 = 1_000_000_000;
        for place in (0..10).rev() {
            self.push(whole / unit);
            whole %= unit;
            let rest = (whole << point) + fraction;
            if rest <= width {
                self.scale += place;
                return self.approach(distance, width, rest, unit << point);
            }
            unit /= 10;
        }
        let mut magnified: u64 = 1;
        loop {
            fraction *= 10;
            width *= 10;
            magnified *= 10;
            self.scale -= 1;
            self.push(fraction >> point);
            fraction &= fraction_mask;
            if fraction < width {
                return self.approach(distance.wrapping_mul(magnified), width, fraction, 1 << point);
            }
        }
    }
    fn push(&mut self, digit: u64) {
        if digit != 0 || self.len > 0 {
            self.digits[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }
    /// Lowers the last digit as long as that leads nearer to the double and not out of the stretch. `rest` lies between
    /// the upper end and what the digits say, `distance` between the upper end and the double, `unit` is one of the
    /// last digit.
    fn approach(&mut self, distance: u64, width: u64, mut rest: u64, unit: u64) {
        while rest < distance
            && width - rest >= unit
            && (rest + unit < distance || distance - rest > rest + unit - distance)
        {
            self.digits[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

/// What reads back as a double, and that double itself.
struct Stretch {
    upper: u64,
    middle: u64,
    lower: u64,
}

/// A power of ten, its binary exponent and its decimal one, by which a number with this binary exponent gets one between
/// -60 and -32: so its whole part has 32 bits at most.
fn power_for(exponent: i32) -> (u64, i32, i32) {
    let wanted = (-(exponent + POWERS.len() as i32) as f64 * std::f64::consts::LOG10_2) as i32;
    let mut index = (wanted - POWER_FIRST) / POWER_STEP;
    loop {
        let decimal = POWER_FIRST + index * POWER_STEP;
        // floor(decimal × log₂ 10), less the 63 bits behind the first.
        let binary = ((decimal * 217_706) >> 16) - 63;
        match exponent + binary + 64 {
            ..-60 => index += 1,
            -31.. => index -= 1,
            _ => return (POWERS[index as usize], binary, decimal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_are_those_that_redis_prints() {
        for (value, digits, scale) in [
            (116260781840677.12, "11626078184067712", -2),
            (83175997308566.38, "8317599730856637", -2),
            (31618522425666090.0, "31618522425666088", 0),
            (2207059026531166.8, "22070590265311667", -1),
            (0.1, "1", -1),
            (0.1 + 0.2, "30000000000000004", -17),
            (5e-324, "5", -324),
            (f64::MIN_POSITIVE, "22250738585072014", -324),
            (f64::MAX, "17976931348623157", 292),
            (9007199254740993.0, "9007199254740992", 0),
        ] {
            let found = Digits::of(value);
            assert_eq!((found.as_str(), found.scale), (digits, scale), "{value:e}");
        }
    }
    proptest! {
        #[test]
        fn digits_read_back_as_the_double(bits in 1..f64::INFINITY.to_bits()) {
            let value = f64::from_bits(bits);
            let digits = Digits::of(value);
            prop_assert!(digits.as_str().len() <= 17);
            prop_assert_eq!(format!("{}e{}", digits.as_str(), digits.scale).parse(), Ok(value));
        }
    }
}
