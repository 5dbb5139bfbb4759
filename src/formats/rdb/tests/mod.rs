//! What is written is read, in one piece or many; what others wrote is read; what is damaged is refused.
mod damage;
mod files;
mod old;
mod values;
mod world;

use super::*;
use crate::store::{Content, EncodingLimits};
use bytes::Bytes;
use proptest::prelude::*;
use values::{is_storable, limits, model};
use world::{World, shown};

const VERSIONS: [Version; 3] = [Version::V10, Version::V11, Version::V12];

/// The content of a payload that holds something.
fn content(kind: ValueType, payload: &[u8], limits: &EncodingLimits) -> Content {
    match decode(kind, &Bytes::copy_from_slice(payload), limits) {
        Ok(Decoded::Value(content)) => content,
        Ok(Decoded::Empty) => panic!("it is empty"),
        Err(damage) => panic!("{damage}"),
    }
}

/// The value of a key as it is written, type first.
fn written(world: &World, version: Version, compresses: bool) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(version, compresses, Usage::Untold).value(world.get("key"), &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_is_read(
        model in model(),
        limits in limits(),
        version in prop::sample::select(VERSIONS.to_vec()),
        compresses in any::<bool>(),
    ) {
        let made = model.make(&limits);
        prop_assume!(is_storable(&made));
        let mut world = World::with(limits);
        world.load(b"key", made, Some(5));
        let lossless = version.max(Version::of_value(world.get("key")));
        let bytes = written(&world, lossless, compresses);
        let kind = ValueType::of(bytes[0]).unwrap();
        let mut other = World::with(limits);
        other.load(b"key", content(kind, &bytes[1..], &limits), Some(5));
        prop_assert_eq!(shown(world.get("key")), shown(other.get("key")));
        if lossless == Version::V12 {
            let (before, after) = (world.get("key").encoding(), other.get("key").encoding());
            let rebuilt = (before == "hashtable" && after == "listpackex") || before == "quicklist" || after == "intset"
                || matches!((before, after), ("hashtable" | "skiplist", "listpack"));
            prop_assert!(before == after || rebuilt, "{} became {}", before, after);
        }
        let frame = dump::seal(world.get("key"), compresses);
        let body = dump::open(&frame.into(), true).unwrap();
        let mut third = World::with(limits);
        third.load(b"key", dump::decode_body(&body, &limits).unwrap(), Some(5));
        prop_assert_eq!(shown(world.get("key")), shown(third.get("key")));
    }

    #[test]
    fn pieces_are_the_whole(
        model in model(),
        limits in limits(),
        version in prop::sample::select(VERSIONS.to_vec()),
        compresses in any::<bool>(),
        budget in prop_oneof![Just(0_usize), 1..100_usize, Just(10_000)],
    ) {
        let made = model.make(&limits);
        prop_assume!(is_storable(&made));
        let mut world = World::with(limits);
        world.load(b"key", made, None);
        let entry = world.get("key");
        let mut encoder = Encoder::new(version, compresses, Usage::IdleTime);
        let mut whole = Vec::new();
        encoder.entry(entry, world.clock(), &mut whole);
        let mut pieces = Vec::new();
        let mut progress = encoder.begin_entry(entry, world.clock(), &mut pieces);
        let mut left_whole = 200;
        // As somebody might change it in between, the rest is written at once then.
        while left_whole > 0 && !encoder.resume_entry(&mut progress, entry, budget, &mut pieces) {
            left_whole -= 1;
        }
        if left_whole == 0 {
            encoder.finish_entry(&mut progress, entry, &mut pieces);
        }
        prop_assert!(whole == pieces);
    }
}

#[test]
fn long_strings_are_cut_where_the_budget_ends() {
    let mut world = World::new();
    world.set("key", &vec![b'x'; 1 << 20]);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(Version::V10, true, Usage::Untold);
    let mut progress = encoder.begin_entry(world.get("key"), world.clock(), &mut out);
    let mut pieces = Vec::new();
    loop {
        let before = out.len();
        let complete = encoder.resume_entry(&mut progress, world.get("key"), 100_000, &mut out);
        pieces.push(out.len() - before);
        if complete {
            break;
        }
    }
    assert!(pieces.iter().all(|piece| *piece <= 100_000), "{pieces:?}");
    assert_eq!(pieces.len(), 11);
}

#[test]
fn numbers_and_lengths_take_the_shortest_form() {
    let form = |text: &str| {
        let mut world = World::new();
        world.set("key", text.as_bytes());
        written(&world, Version::V10, true)[1..].to_vec()
    };
    assert_eq!(form("0"), [0xC0, 0]);
    assert_eq!(form("-128"), [0xC0, 0x80]);
    assert_eq!(form("128"), [0xC1, 128, 0]);
    assert_eq!(form("-32769"), [0xC2, 0xFF, 0x7F, 0xFF, 0xFF]);
    assert_eq!(form("2147483648"), [&[10][..], b"2147483648"].concat());
    assert_eq!(form("007"), [3, b'0', b'0', b'7']);
    assert_eq!(form(""), [0]);
    assert_eq!(form(&"ab".repeat(30))[..3], [0xC3, 6, 60], "compressed");
    let random: Vec<u8> = (0..100_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut world = World::new();
    world.set("key", &random);
    assert_eq!(written(&world, Version::V10, true)[..3], [0, 0x40, 100], "not compressed");
}
