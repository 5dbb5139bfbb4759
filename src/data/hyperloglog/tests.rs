//! The registers against a plain array, the estimate against exact counts, and bytes that lie.
use super::*;
use proptest::prelude::*;

const SPARSE_MAX_BYTES: usize = 3000;

fn value_of(elements: impl IntoIterator<Item = String>, sparse_max_bytes: usize) -> BytesMut {
    let mut hll = create();
    for element in elements {
        add(&mut hll, element.as_bytes(), sparse_max_bytes).unwrap();
    }
    hll
}

fn registers_of(hll: &[u8]) -> Registers {
    let mut registers = [0; REGISTERS];
    merge_into(&mut registers, hll).unwrap();
    registers
}

/// FNV-1a, to compare long values with a short constant.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn an_empty_value_counts_zero() {
    let hll = create();
    assert_eq!(hll[..], b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"[..]);
    assert_eq!((count(&hll), cached_count(&hll)), (Ok(0), Some(0)));
    assert_eq!(decode(&hll).as_deref(), Ok("Z:16384"));
}

/// As redis-server 7.0.15 answers `PFADD x a b c d e f g`, `GET x`, `PFDEBUG DECODE x`, `PFCOUNT x`, `GET x`.
#[test]
fn few_elements_give_the_bytes_of_redis() {
    let mut hll = value_of("abcdefg".chars().map(String::from), SPARSE_MAX_BYTES);
    let body = b"Fm\x80V\x0c\x80D<\x848\x80P\xb1\x84I\x8c\x80Bm\x80BZ";
    assert_eq!(hll[..], [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", body.as_slice()].concat()[..]);
    assert_eq!(
        decode(&hll).as_deref(),
        Ok("Z:1646 v:1,1 Z:5645 v:1,1 Z:1085 v:2,1 z:57 v:1,1 Z:4274 v:2,1 Z:2445 v:1,1 Z:622 v:1,1 Z:603")
    );
    assert_eq!((cached_count(&hll), count(&hll)), (None, Ok(7)));
    set_cached_count(&mut hll, 7);
    assert_eq!(hll[..], [b"HYLL\x01\0\0\0\x07\0\0\0\0\0\0\0", body.as_slice()].concat()[..]);
    assert_eq!(cached_count(&hll), Some(7));
}

/// Lengths, counts and bodies that redis-server 7.0.15 has after adding `element:0` to `element:<n - 1>`.
#[test]
fn many_elements_give_the_bytes_and_counts_of_redis() {
    let cases = [
        (10, 48, 10, 0x99f3_7a39_ac52_364b),
        (100, 285, 99, 0x5e1f_a99a_223e_fc4a),
        (1000, 1897, 997, 0xb415_20da_f438_aeef),
        (1300, 2387, 1294, 0xd1db_3e53_d5ab_fa5b),
        (2000, 12304, 2004, 0x9cc6_6418_68e7_8962),
        (10000, 12304, 10017, 0x9a6b_f65e_6a79_4db4),
        (100_000, 12304, 100_039, 0x12de_b2ba_6a83_edee),
    ];
    for (elements, len, expected, body) in cases {
        let hll = value_of((0..elements).map(|number| format!("element:{number}")), SPARSE_MAX_BYTES);
        let found = (hll.len(), count(&hll), fingerprint(&hll[HEADER_BYTES..]));
        assert_eq!(found, (len, Ok(expected), body), "{elements} elements");
        assert_eq!(count_registers(&registers_of(&hll)), expected);
    }
}

#[test]
fn adding_an_element_again_changes_nothing() {
    let mut hll = create();
    assert_eq!(add(&mut hll, b"a", SPARSE_MAX_BYTES), Ok(true));
    set_cached_count(&mut hll, 1);
    assert_eq!(add(&mut hll, b"a", SPARSE_MAX_BYTES), Ok(false));
    assert_eq!(cached_count(&hll), Some(1));
}

#[test]
fn a_register_above_32_makes_a_value_dense() {
    let mut hll = create();
    let mut registers = [0; REGISTERS];
    registers[5] = 32;
    raise_registers(&mut hll, &registers, SPARSE_MAX_BYTES).unwrap();
    assert_eq!(decode(&hll).as_deref(), Ok("z:5 v:32,1 Z:16378"));
    registers[5] = 33;
    raise_registers(&mut hll, &registers, SPARSE_MAX_BYTES).unwrap();
    assert_eq!(encoding(&hll), Ok(Encoding::Dense));
    assert_eq!(registers_of(&hll), registers);
    assert_eq!(decode(&hll), Err(Corrupted));
}

#[test]
fn equal_neighbours_are_joined_four_at_most() {
    let mut hll = create();
    let mut registers = [0; REGISTERS];
    registers[..6].fill(3);
    registers[7] = 3;
    raise_registers(&mut hll, &registers, SPARSE_MAX_BYTES).unwrap();
    assert_eq!(decode(&hll).as_deref(), Ok("v:3,4 v:3,2 z:1 v:3,1 Z:16376"));
}

#[test]
fn becoming_dense_keeps_registers_and_cached_count() {
    let mut hll = value_of((0..300).map(|number| number.to_string()), SPARSE_MAX_BYTES);
    set_cached_count(&mut hll, 77);
    let registers = registers_of(&hll);
    assert_eq!(to_dense(&mut hll), Ok(true));
    assert_eq!(to_dense(&mut hll), Ok(false));
    assert_eq!((hll.len(), cached_count(&hll)), (DENSE_BYTES, Some(77)));
    assert_eq!(registers_of(&hll), registers);
}

#[test]
fn wrong_headers_are_told_from_corrupted_bodies() {
    let hll = value_of(["a".to_owned()], SPARSE_MAX_BYTES);
    let with = |at: usize, byte: u8| {
        let mut wrong = hll.clone();
        wrong[at] = byte;
        wrong.to_vec()
    };
    let no_header = [b"".to_vec(), b"HYLL".to_vec(), with(0, b'h'), with(4, 0), with(4, 2)];
    for bytes in no_header {
        assert!(!has_header(&bytes) && !is_valid(&bytes), "{}", bytes.escape_ascii());
    }
    let longer = [&hll[..], b"hello"].concat();
    let shorter = hll[..hll.len() - 1].to_vec();
    for bytes in [longer, shorter, hll[..HEADER_BYTES].to_vec()] {
        assert!(has_header(&bytes) && !is_valid(&bytes), "{}", bytes.escape_ascii());
        assert_eq!(count(&bytes), Err(Corrupted));
        assert_eq!(to_dense(&mut BytesMut::from(&bytes[..])), Err(Corrupted));
        assert!(decode(&bytes).is_ok());
        assert_eq!(merge_into(&mut [0; REGISTERS], &bytes), Err(Corrupted));
    }
    // Values behind the last register are wrong where they are counted, and ignored where they are merged.
    let longer = [&hll[..], b"\x80"].concat();
    assert_eq!(count(&longer), Err(Corrupted));
    assert_eq!(merge_into(&mut [0; REGISTERS], &longer), Ok(()));
    assert_eq!(to_dense(&mut BytesMut::from(&longer[..])), Ok(true));
    assert_eq!(Corrupted.to_string(), "INVALIDOBJ Corrupted HLL object detected");
}

#[test]
fn a_short_self_test_passes() {
    let mut random = fastrand::Rng::with_seed(1);
    assert_eq!(self_test::check_registers(&mut random, 10), Ok(()));
    assert_eq!(self_test::check_estimates(&mut random, 100_000, SPARSE_MAX_BYTES), Ok(()));
}

/// Calls everything there is on `bytes`: what matters is that it returns.
fn try_everything(bytes: &[u8]) {
    let mut bytes = BytesMut::from(bytes);
    let valid = is_valid(&bytes);
    assert_eq!(count(&bytes).is_ok(), valid);
    assert!(merge_into(&mut [0; REGISTERS], &bytes).is_ok() >= valid);
    let _ = (decode(&bytes), cached_count(&bytes));
    let _ = raise_registers(&mut bytes.clone(), &[3; REGISTERS], 100);
    for number in 0..20u8 {
        let added = add(&mut bytes, &[number], 40);
        assert!(added.is_ok() || !valid);
    }
    // Values behind the last register do not count as valid, and yet are only left out here.
    assert!(to_dense(&mut bytes).is_ok() || !valid);
}

proptest! {
    #[test]
    fn sparse_and_dense_agree_with_plain_registers(
        numbers in prop::collection::vec(0u32..5000, 0..400),
        sparse_max_bytes in 0usize..1500,
    ) {
        let (mut hll, mut dense) = (create(), create());
        to_dense(&mut dense).unwrap();
        let mut model = [0; REGISTERS];
        for number in numbers {
            let (index, run) = hash::register_of(&number.to_le_bytes());
            let changes = run > model[index];
            model[index] = run.max(model[index]);
            prop_assert_eq!(add(&mut hll, &number.to_le_bytes(), sparse_max_bytes), Ok(changes));
            prop_assert_eq!(add(&mut dense, &number.to_le_bytes(), sparse_max_bytes), Ok(changes));
        }
        prop_assert!(is_valid(&hll) && is_valid(&dense));
        prop_assert!(registers_of(&hll) == model && registers_of(&dense) == model);
        prop_assert_eq!(count(&hll).unwrap(), count_registers(&model));
        prop_assert_eq!(count(&dense).unwrap(), count_registers(&model));
    }

    #[test]
    fn raising_in_one_pass_gives_the_bytes_of_raising_one_by_one(
        old in prop::collection::vec(0u32..5000, 0..400),
        raised in prop::collection::vec((0usize..REGISTERS, 1u8..5), 0..300),
        dense_part in (0usize..REGISTERS, prop::collection::vec(0u8..4, 0..60)),
        sparse_max_bytes in 300usize..3000,
    ) {
        let mut together = value_of(old.iter().map(u32::to_string), SPARSE_MAX_BYTES);
        let mut one_by_one = together.clone();
        let mut registers = [0; REGISTERS];
        raised.into_iter().for_each(|(index, value)| registers[index] = value);
        registers[dense_part.0..].iter_mut().zip(dense_part.1).for_each(|(register, value)| *register = value);
        raise_registers(&mut together, &registers, sparse_max_bytes).unwrap();
        for (index, &value) in registers.iter().enumerate().filter(|&(_, &value)| value > 0) {
            raise(&mut one_by_one, index, value, sparse_max_bytes, &mut sparse::Cursor::default()).unwrap();
        }
        invalidate_cached_count(&mut one_by_one);
        prop_assert_eq!(together, one_by_one);
    }

    #[test]
    fn damaged_sparse_values_harm_nobody(
        elements in 0u32..200,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0usize..4,
    ) {
        let mut hll = value_of((0..elements).map(|number| number.to_string()), SPARSE_MAX_BYTES);
        for (at, byte) in damage {
            let at = at.index(hll.len() - HEADER_BYTES) + HEADER_BYTES;
            hll[at] = byte;
        }
        hll.truncate(hll.len() - cut.min(2));
        try_everything(&hll);
    }

    #[test]
    fn random_bodies_harm_nobody(body in prop::collection::vec(any::<u8>(), 0..300)) {
        try_everything(&[&create()[..HEADER_BYTES], &body].concat());
    }

    #[test]
    fn random_dense_bodies_harm_nobody(byte: u8, seed: u64) {
        let mut hll = create();
        to_dense(&mut hll).unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        hll[HEADER_BYTES..].iter_mut().for_each(|at| *at = if random.bool() { byte } else { 0xff });
        try_everything(&hll);
    }
}
