//! What PFSELFTEST runs: does the code do on this machine what it did where it was built?

use super::{
    DENSE_BYTES, Encoding, HEADER_BYTES, REGISTERS, Registers, add, count, create, dense, encoding, to_dense,
};

/// Rounds of writing and reading all registers.
const ROUNDS: usize = 1000;
/// Elements added to estimate their number, at each power of ten.
const ELEMENTS: u64 = 10_000_000;

/// Writes and reads registers, and checks the estimates for up to ten million random elements, in both encodings.
/// Takes about a third of a second (with optimization).
///
/// # Errors
/// What went wrong, as the text of the error reply.
pub fn self_test(seed: u64, sparse_max_bytes: usize) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    check_registers(&mut random, ROUNDS)?;
    check_estimates(&mut random, ELEMENTS, sparse_max_bytes)
}

/// Each register can be written and read, and leaves its neighbours alone.
pub(super) fn check_registers(random: &mut fastrand::Rng, rounds: usize) -> Result<(), String> {
    let mut body = vec![0; DENSE_BYTES - HEADER_BYTES];
    for _ in 0..rounds {
        let expected: Registers = std::array::from_fn(|_| random.u8(..64));
        (0..REGISTERS).for_each(|index| dense::set(&mut body, index, expected[index]));
        for (index, (&expected, found)) in expected.iter().zip(dense::registers(&body)).enumerate() {
            if found != expected || dense::get(&body, index) != expected {
                return Err(format!("TESTFAILED Register {index} should be {expected} but is {found}"));
            }
        }
    }
    Ok(())
}

/// At each power of ten the estimate is as good as it should be, and the same whether the value began sparse or dense.
pub(super) fn check_estimates(
    random: &mut fastrand::Rng,
    elements: u64,
    sparse_max_bytes: usize,
) -> Result<(), String> {
    let corrupted = |error: super::Corrupted| format!("TESTFAILED {error}");
    let (mut dense, mut sparse) = (create(), create());
    to_dense(&mut dense).map_err(corrupted)?;
    let seed = random.u64(..);
    let mut checkpoint = 1;
    for number in 1..=elements {
        let element = (number ^ seed).to_le_bytes();
        add(&mut dense, &element, sparse_max_bytes).map_err(corrupted)?;
        add(&mut sparse, &element, sparse_max_bytes).map_err(corrupted)?;
        if number < checkpoint {
            continue;
        }
        if number < sparse_max_bytes as u64 / 2 && encoding(&sparse) != Ok(Encoding::Sparse) {
            return Err("TESTFAILED sparse encoding not used".to_owned());
        }
        let estimate = count(&dense).map_err(corrupted)?;
        if count(&sparse) != Ok(estimate) {
            return Err("TESTFAILED dense/sparse disagree".to_owned());
        }
        check_error(number, estimate)?;
        checkpoint *= 10;
    }
    Ok(())
}

/// The error is within six times the standard error, 1.04 / sqrt(registers).
fn check_error(elements: u64, estimate: u64) -> Result<(), String> {
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let error = elements.abs_diff(estimate);
    let error_max = (standard_error * 6.0 * elements as f64).ceil() as u64;
    if error > error_max {
        return Err(format!("TESTFAILED Too big error. card:{elements} abserr:{error}"));
    }
    Ok(())
}
