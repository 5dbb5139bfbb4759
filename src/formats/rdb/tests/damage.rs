//! What is damaged, or made to do damage: an error or some other value, and never a panic or much memory.
use super::*;
use crate::data::{listpack::Listpack, stream::StreamId};
use kind::ALL;

/// Decodes; whatever comes of it can be looked at and written.
fn survive(kind: ValueType, payload: &[u8], limits: &EncodingLimits) -> Result<(), Damage> {
    let Decoded::Value(content) = decode(kind, &Bytes::copy_from_slice(payload), limits)? else {
        return Ok(());
    };
    let mut world = World::with(*limits);
    world.load(b"key", content, None);
    let entry = world.get("key");
    shown(entry);
    let frame = dump::seal(entry, true);
    assert!(
        dump::decode_body(&dump::open(&frame.into(), true).unwrap(), limits).is_ok(),
        "it is sound: {kind:?}"
    );
    Ok(())
}

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Set(usize, u8),
    Cut(usize),
    Repeat(usize, usize),
}
fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        4 => (any::<usize>(), 0..8_u8).prop_map(|(at, bit)| Harm::Flip(at, 1 << bit)),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        1 => any::<usize>().prop_map(Harm::Cut),
        1 => (any::<usize>(), 1..20_usize).prop_map(|(at, len)| Harm::Repeat(at, len)),
    ]
}
impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len().max(1);
        match *self {
            Harm::Flip(at, mask) => bytes[at % len] ^= mask,
            Harm::Set(at, byte) => bytes[at % len] = byte,
            Harm::Cut(at) => bytes.truncate(1 + at % len),
            Harm::Repeat(at, count) => {
                let at = at % len;
                let again = bytes[at..(at + count).min(len)].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damaged_values_do_no_damage(
        model in model(),
        limits in limits(),
        version in prop::sample::select(VERSIONS.to_vec()),
        compresses in prop::bool::weighted(0.2),
        harms in prop::collection::vec(harm(), 1..5),
    ) {
        let made = model.make(&limits);
        prop_assume!(is_storable(&made));
        let mut world = World::with(limits);
        world.load(b"key", made, None);
        let bytes = written(&world, version, compresses);
        let mut payload = bytes[1..].to_vec();
        harms.iter().for_each(|harm| harm.apply(&mut payload));
        // What it says does not matter: only that it comes back.
        let _ = survive(ValueType::of(bytes[0]).unwrap(), &payload, &limits);
        // The same bytes as anything else.
        let kind = ALL[harms.len() * 7 % ALL.len()];
        let _ = survive(kind, &payload, &limits);
    }

    #[test]
    fn random_bytes_do_no_damage(
        kind in prop::sample::select(ALL.to_vec()),
        payload in prop::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..80),
    ) {
        let _ = survive(kind, &payload, &EncodingLimits::default());
        let mut scanner = Scanner::new(false);
        scanner.push(Bytes::from_static(b"REDIS0012"));
        scanner.push(payload.into());
        while let Ok(Some(_)) = scanner.next_item() {}
    }
}

#[test]
fn lengths_that_lie_get_no_memory() {
    // Were room made for any of these, the process would end.
    let huge: [&[u8]; 5] = [
        b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x80\xff\xff\xff\xff",
        b"\x81\x00\x00\x01\x00\x00\x00\x00\x00",
        b"\xc3\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xc3\x03\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00ab",
    ];
    for &kind in ALL {
        for lie in huge {
            for front in [&b""[..], &[1], &[1, 1], &[0; 8], &[1, 1, b'a']] {
                let payload = [front, lie, &[0; 40]].concat();
                assert!(survive(kind, &payload, &EncodingLimits::default()).is_err(), "{kind:?} {payload:?}");
            }
        }
    }
}

fn listpack(words: &str) -> Vec<u8> {
    let mut list = Listpack::new();
    list.extend(words.split_whitespace().map(str::as_bytes));
    [&[list.byte_len() as u8][..], list.as_bytes()].concat()
}

#[track_caller]
fn refused(kind: ValueType, payload: &[u8], reason: &str) {
    let damage = survive(kind, payload, &EncodingLimits::default()).expect_err("it is refused");
    assert!(damage.reason.contains(reason), "{damage}");
}

#[test]
fn what_stands_twice_is_refused() {
    refused(ValueType::Set, b"\x02\x01a\x01a", "Duplicate set members");
    refused(ValueType::Set, b"\x02\x017\xc0\x07", "Duplicate set members");
    refused(ValueType::SetListpack, &listpack("a b a"), "Set listpack");
    refused(ValueType::SetIntset, b"\x0c\x02\0\0\0\x02\0\0\0\x01\0\x01\0", "Intset");
    refused(ValueType::Hash, b"\x02\x01a\x011\x01a\x012", "Duplicate hash fields");
    refused(ValueType::HashListpack, &listpack("a 1 a 2"), "Hash listpack");
    refused(ValueType::HashTriplesPreGa, &listpack("a 1 5 a 2 6"), "Hash listpack");
    refused(ValueType::HashDeadlinesPreGa, b"\x02\x05\x01a\x011\x06\x01a\x012", "Duplicate hash fields");
    refused(ValueType::HashZipmap, b"\x0a\x02\x01a\x00\x00\x01a\x00\x00\xff", "Zipmap");
    refused(ValueType::SortedSetListpack, &listpack("a 1 a 2"), "Zset listpack");
    let twice = [&b"\x02\x01a"[..], &1_f64.to_le_bytes(), b"\x01a", &2_f64.to_le_bytes()].concat();
    refused(ValueType::SortedSet2, &twice, "Duplicate zset fields");
}

#[test]
fn what_is_out_of_order_or_place_is_refused() {
    refused(ValueType::SortedSetListpack, &listpack("a 2 b 1"), "Zset listpack");
    refused(ValueType::SortedSetListpack, &listpack("b 1 a 1"), "Zset listpack");
    refused(ValueType::SortedSetListpack, &listpack("a 1 b"), "Zset listpack");
    refused(ValueType::SortedSetListpack, &listpack("a x"), "Zset listpack");
    refused(ValueType::SortedSetListpack, &listpack("a nan"), "Zset listpack");
    refused(ValueType::SortedSet2, &[&b"\x01\x01a"[..], &f64::NAN.to_le_bytes()].concat(), "NAN");
    refused(ValueType::SortedSet1, b"\x01\x01a\xfd", "NAN");
    refused(ValueType::HashListpack, &listpack("a 1 b"), "Hash listpack");
    refused(ValueType::HashTriplesPreGa, &listpack("a 1 6 b 2 5"), "Hash listpack");
    refused(ValueType::HashTriplesPreGa, &listpack("a 1 0 b 2 5"), "Hash listpack");
    refused(ValueType::HashTriplesPreGa, &listpack("a 1 x"), "Hash listpack");
    refused(ValueType::HashTriplesPreGa, &listpack("a 1 -5"), "Hash listpack");
    refused(
        ValueType::HashDeadlines,
        &[&i64::MAX.to_le_bytes()[..], b"\x01\x05\x01a\x01b"].concat(),
        "deadline",
    );
    refused(ValueType::Quicklist2, b"\x01\x03\x01a", "Quicklist");
    refused(ValueType::Quicklist2, b"\x01\x01\x00", "without bytes");
    refused(ValueType::String, b"\x01ab", "behind the end");
}

#[test]
fn an_entry_is_pending_for_one_consumer() {
    let id = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    let group = |consumers: &[(&[u8], bool)]| {
        let mut out = b"\x00\x00\x01\x01\x01\x01g\x00\x00\x01".to_vec();
        out.extend_from_slice(&id);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&[1, consumers.len() as u8]);
        for (name, owns) in consumers {
            out.extend_from_slice(&[&[name.len() as u8][..], name, &[0; 8], &[*owns as u8]].concat());
            out.extend_from_slice(if *owns { &id } else { &[] });
        }
        out
    };
    assert_eq!(
        survive(ValueType::Stream1, &group(&[(b"a", true), (b"b", false)]), &EncodingLimits::default()),
        Ok(())
    );
    refused(ValueType::Stream1, &group(&[(b"a", true), (b"b", true)]), "not found in group");
    refused(ValueType::Stream1, &group(&[(b"a", true), (b"a", false)]), "Duplicate stream consumer");
    refused(ValueType::Stream1, &group(&[(b"a", false)]), "without consumer");
    assert!(StreamId::MIN < StreamId::new(1, 1));
}
