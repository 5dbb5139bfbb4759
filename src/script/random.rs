//! The numbers of `math.random`: the same sequence on every machine, from the same seed (`lrand48` of POSIX: a linear
//! congruential generator of 48 bits, of which the upper 31 are given).
use std::cell::Cell;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;
/// What stands in the lower 16 bits when a seed is set.
const SEED_LOW: u64 = 0x330E;
/// What POSIX starts from.
const START: u64 = 0x1234_ABCD_330E;
const LARGEST: u32 = 0x7FFF_FFFF;

#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Default for Random {
    fn default() -> Random {
        Random(Cell::new(START))
    }
}
impl Random {
    pub fn seed(&self, seed: i32) {
        self.0.set(u64::from(seed as u32) << 16 | SEED_LOW)
    }
    /// The next number, from 0 inclusive to 1 exclusive.
    pub fn share(&self) -> f64 {
        let state = self.0.get().wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        self.0.set(state);
        f64::from((state >> 17) as u32 % LARGEST) / f64::from(LARGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked of a redis-server that had just been started.
    #[test]
    fn the_sequence_is_that_of_redis() {
        let random = Random::default();
        let next = |upto: f64| (random.share() * upto) as u32 + 1;
        assert_eq!([next(100_000.0), next(100_000.0)], [39_647, 84_049]);
        random.seed(5);
        assert_eq!([next(100_000.0), next(10.0)], [52_484, 3]);
        assert_eq!(format!("{:.13}", random.share()), "0.7885994686692");
    }
}
