//! Whole files: written, cut into chunks, scanned.
use super::{world::NOW_MS, *};
use crate::data::crc64::Crc64;
use proptest::strategy::ValueTree;
use std::io::Write;

/// A file with something of each kind in it.
fn file(world: &World, usage: Usage) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(Version::V12, true, usage);
    encoder.header(&mut out);
    encoder.aux("redis-ver", "7.4.1", &mut out);
    encoder.aux("ctime", "1700000000", &mut out);
    encoder.function(b"#!lua name=lib\n", &mut out);
    encoder.select_db(0, &mut out);
    encoder.resize_db(world.store.database(0).len(), 1, &mut out);
    world.store.database(0).scan_all(&mut |entry| encoder.entry(entry, world.clock(), &mut out));
    encoder.end(&mut out);
    let mut checked = CheckedWriter::new(Vec::new(), true);
    checked.write_all(&out).unwrap();
    checked.finish().unwrap()
}

/// All items, when the file comes in chunks of so many bytes.
fn items(file: &[u8], chunk: usize) -> Result<Vec<Item>, Damage> {
    let mut scanner = Scanner::new(true);
    let mut items = Vec::new();
    for chunk in file.chunks(chunk) {
        scanner.push(Bytes::copy_from_slice(chunk));
        while let Some(item) = scanner.next_item()? {
            items.push(item);
        }
    }
    scanner.end_of_input()?;
    Ok(items)
}

fn filled() -> World {
    let mut world = World::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let limits = world.store.limits;
    for number in 0..40 {
        let made = model().new_tree(&mut runner).unwrap().current().make(&limits);
        if is_storable(&made) {
            world.load(
                format!("key:{number}").as_bytes(),
                made,
                (number % 3 == 0).then_some(NOW_MS + number),
            );
        }
    }
    world
}

#[test]
fn a_file_is_the_same_however_it_is_cut() {
    let world = filled();
    let file = file(&world, Usage::IdleTime);
    let whole = items(&file, usize::MAX).expect("our own");
    assert_eq!(whole[0], Item::Version(12));
    assert_eq!(whole[1], Item::Aux { name: "redis-ver".into(), value: "7.4.1".into() });
    assert_eq!(whole[3], Item::Function("#!lua name=lib\n".into()));
    assert_eq!(whole[4], Item::SelectDb(0));
    assert_eq!(whole.last(), Some(&Item::End(Sum::Right)));
    for chunk in [1, 2, 7, 1000, 65_536] {
        assert_eq!(items(&file, chunk).expect("our own"), whole, "in chunks of {chunk}");
    }
    let mut read = World::new();
    for item in whole {
        let Item::Record(record) = item else { continue };
        assert_eq!(record.idle_seconds, Some(0));
        let payload = &file[record.payload_offset as usize..][..record.payload.len()];
        assert_eq!(payload, record.payload, "it lies where it says");
        read.load(&record.key, content(record.kind, payload, &EncodingLimits::default()), record.deadline);
    }
    assert_eq!(read.store.database(0).len(), world.store.database(0).len());
    world.store.database(0).scan_all(&mut |entry| {
        let key = str::from_utf8(entry.key()).unwrap();
        assert_eq!(shown(entry), shown(read.get(key)), "{key}");
    });
}

#[test]
fn what_lies_in_a_chunk_is_not_copied() {
    let mut world = World::new();
    world.set("key", &[7; 5000]);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(Version::V10, false, Usage::Untold);
    encoder.header(&mut file);
    encoder.entry(world.get("key"), world.clock(), &mut file);
    let chunk = Bytes::from(file);
    let within = chunk.as_ptr_range();
    let mut scanner = Scanner::new(true);
    scanner.push(chunk.clone());
    assert_eq!(scanner.next_item(), Ok(Some(Item::Version(10))));
    let Ok(Some(Item::Record(record))) = scanner.next_item() else { panic!("a record") };
    assert!(within.contains(&record.payload.as_ptr()) && within.contains(&record.key.as_ptr()));
}

#[test]
fn a_file_that_is_cut_off_says_so() {
    let world = filled();
    let file = file(&world, Usage::Untold);
    let step = (file.len() / 200).max(1);
    for len in (0..file.len()).step_by(step).chain(file.len() - 9..file.len()) {
        let damage = items(&file[..len], 4096).expect_err("it is cut off");
        assert_eq!(damage, Damage::new(len as u64, "Unexpected EOF reading RDB file"));
    }
}

#[test]
fn the_checksum_is_looked_at() {
    let world = filled();
    let mut file = file(&world, Usage::Frequency);
    let body = file.len() - 8;
    file[body - 20] ^= 1;
    let wrong = items(&file, 4096).expect_err("a bit was flipped");
    assert!(wrong.reason.starts_with("RDB CRC error") || wrong.offset < body as u64, "{wrong}");
    file[body - 20] ^= 1;
    file[body..].fill(0);
    assert_eq!(items(&file, 4096).unwrap().last(), Some(&Item::End(Sum::Absent)));
    // Versions before 5 have none.
    assert_eq!(items(b"REDIS0004\xff", 3), Ok(vec![Item::Version(4), Item::End(Sum::Absent)]));
    let mut unchecked = Scanner::new(false);
    unchecked.push(Bytes::from_static(b"REDIS0010\xff\x01\0\0\0\0\0\0\0AOF"));
    assert_eq!(unchecked.next_item(), Ok(Some(Item::Version(10))));
    assert_eq!(unchecked.next_item(), Ok(Some(Item::End(Sum::Unchecked))));
    assert_eq!(unchecked.next_item(), Ok(None));
    assert_eq!((unchecked.offset(), unchecked.take_rest()), (18, Bytes::from_static(b"AOF")));
}

/// A file of these bytes, with the right checksum.
fn framed(version: u32, body: &[u8]) -> Vec<u8> {
    let mut file = [format!("REDIS{version:04}").as_bytes(), body, &[255]].concat();
    let sum = Crc64::of(&file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}

#[test]
fn every_opcode_is_known() {
    let body = [
        &b"\xfe\x02"[..],                                // database 2
        b"\xfb\x40\x64\x01",                             // 100 keys, one with a deadline
        b"\xf4\x05\x02\x01",                             // slot 5
        b"\xfd\xff\xff\xff\xff",                         // seconds: -1
        b"\xf8\x07\xf9\x09",                             // idle for 7, counter 9
        b"\x00\x01a\x01b",                               // a = b
        b"\xfc\x01\0\0\0\0\0\0\0\x00\xc0\x05\xc1\0\x01", // 5 = 256
        b"\xf7\x81\x04\x20\xc4\x14\x61\xc8\x04\x01\x02\x01\x05\x01x\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x00",
    ]
    .concat();
    let items = items(&framed(12, &body), 1).expect("well formed");
    assert_eq!(items[1], Item::SelectDb(2));
    assert_eq!(items[2], Item::ResizeDb { keys: 100, volatile: 1 });
    assert_eq!(items[3], Item::SlotInfo { slot: 5, keys: 2, volatile: 1 });
    let Item::Record(first) = &items[4] else { panic!("{:?}", items[4]) };
    assert_eq!((&first.key[..], &first.payload[..]), (&b"a"[..], &b"\x01b"[..]));
    assert_eq!((first.deadline, first.idle_seconds, first.frequency), (Some(-1000), Some(7), Some(9)));
    let Item::Record(second) = &items[5] else { panic!("{:?}", items[5]) };
    assert_eq!((&second.key[..], second.deadline, second.idle_seconds), (&b"5"[..], Some(1), None));
    let Item::ModuleAux { module } = &items[6] else { panic!("{:?}", items[6]) };
    assert_eq!(module.len(), 9);
}

#[test]
fn what_is_no_file_is_refused_by_its_reason() {
    let check = |file: &[u8], offset: u64, reason: &str| {
        assert_eq!(items(file, 4), Err(Damage::new(offset, reason.to_string())));
    };
    check(b"PEDIS0010\xff", 0, "Wrong signature trying to load DB from file");
    check(b"REDIS0013\xff", 0, "Can't handle RDB format version 13");
    check(b"REDIS0000\xff", 0, "Can't handle RDB format version 0");
    check(b"REDIS00x0\xff", 0, "Can't handle RDB format version: it is no number");
    check(&framed(10, b"\x1f\x01a"), 9, "Invalid object type: 31");
    check(&framed(10, b"\x06\x01a"), 9, "Pre-release module format not supported");
    check(&framed(10, b"\xf6\x01a"), 9, "Pre-release function format not supported");
    check(&framed(10, b"\xfe\xc0\x01"), 10, "A string where a length is expected");
    check(&framed(10, b"\x00\x01a\xd0"), 12, "Unknown encoding 0xd0 of a length");
    // Lengths that are not backed by bytes are not believed.
    let huge = [&framed(10, b"\x00\x01a\x81\x7f\xff\xff\xff\xff\xff\xff\xff")[..], &[0; 100]].concat();
    assert_eq!(items(&huge, 50).unwrap_err().reason, "Unexpected EOF reading RDB file");
}

#[test]
fn values_of_modules_are_skipped_and_not_decoded() {
    let items =
        items(&framed(10, b"\x07\x01m\x81\x04\x20\xc4\x14\x61\xc8\x04\x01\x02\x05\x05\x03abc\x00"), 2);
    let Item::Record(record) = &items.unwrap()[1] else { panic!("a record") };
    assert_eq!(record.kind, ValueType::Module);
    let refused = decode(record.kind, &record.payload, &EncodingLimits::default()).err().unwrap();
    assert!(refused.reason.contains("module"), "{refused}");
}
