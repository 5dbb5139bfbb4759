//! From registers to a number.
//!
//! The estimator is that of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
//! (arXiv:1702.01284, algorithm 6). It needs no tables and no special cases for small or large sets, only how many
//! registers have each value. The order of the floating point operations is Redis', so that the results are equal
//! to the last bit.

use super::REGISTERS;
use super::hash::RUN_BITS;

/// 1 / (2 ln 2), the limit of the bias correction for many registers.
const ALPHA_INFINITY: f64 = 0.721_347_520_444_481_7;

/// How many registers have each value. Values above 51 come from damaged values only, and count for nothing.
pub struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram([0; 64])
    }
}

impl Histogram {
    /// Counts `registers` registers of `value` (of which the low six bits matter).
    pub fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value & 63)] += registers as u32;
    }

    /// The estimate of the number of elements.
    pub fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let share = |count: u32| f64::from(count) / registers;
        let largest = RUN_BITS as usize + 1;
        let mut z = registers * tau(share(REGISTERS as u32 - self.0[largest]));
        for &count in self.0[1..largest].iter().rev() {
            z = (z + f64::from(count)) * 0.5;
        }
        z += registers * sigma(share(self.0[0]));
        // Through i64, so that the top bit, which marks a stale cache, is free even if z was 0.
        (ALPHA_INFINITY * registers * registers / z).round() as i64 as u64
    }
}

/// The paper's sigma, what the registers at zero contribute; `x` is their share.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// The paper's tau, what the registers at their largest contribute; `x` is the share of the others.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
