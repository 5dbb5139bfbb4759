//! How fast an RDB file is written, scanned and decoded: `cargo bench --bench rdb`.
//!
//! One thread, all in memory: what the disk would add is not in it.
use callboard::{
    formats::rdb::{Checksum, Decoded, Encoder, Item, Scanner, Usage, Version, decode},
    store::{
        AccessClock, AccessPolicy, Changes, Content, Deadline, EncodingLimits, End, Hash, List, Record, Set,
        SortedSet, Store, Text, Wants, sorted_set::Adding,
    },
};
use std::time::{Duration, Instant};

const CHUNK_BYTES: usize = 1 << 20;
const ROUNDS: usize = 5;

struct Case {
    name: &'static str,
    keys: usize,
    make: fn(usize, &EncodingLimits) -> Content,
}

fn word(number: usize) -> String {
    format!("element:{number:010}")
}

const CASES: &[Case] = &[
    Case {
        name: "strings of 32 bytes",
        keys: 1_000_000,
        make: |at, _| Content::Text(format!("{at:x>32}").into()),
    },
    Case { name: "integers", keys: 1_000_000, make: |at, _| Content::Integer(at as i64 * 7919) },
    Case { name: "strings of 10 KiB", keys: 10_000, make: |at, _| Content::Text(noise(at, 10 << 10).into()) },
    Case { name: "hashes of 10 fields", keys: 100_000, make: |at, limits| hash(at, 10, limits) },
    Case { name: "hashes of 10,000 fields", keys: 100, make: |at, limits| hash(at, 10_000, limits) },
    Case {
        name: "lists of 1,000 elements",
        keys: 1000,
        make: |at, limits| {
            let mut list = List::long(limits);
            (0..1000).for_each(|number| list.push(End::Tail, word(at + number * 31).as_bytes()));
            Content::Object(list.into())
        },
    },
    Case {
        name: "sets of 10,000 members",
        keys: 100,
        make: |at, limits| {
            let mut set = Set::for_members(10_000, limits);
            (0..10_000).for_each(|number| _ = set.insert(word(at + number).as_bytes(), limits));
            Content::Object(set.into())
        },
    },
    Case {
        name: "sorted sets of 10,000 members",
        keys: 100,
        make: |at, limits| {
            let mut set = SortedSet::new(10_000, 10, limits);
            for number in 0..10_000 {
                let score = (number * 7919 % 10_007) as f64;
                set.add(word(at + number).as_bytes(), score, Adding::default(), limits).expect("a score");
            }
            Content::Object(set.into())
        },
    },
];

fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    (0..len).map(|_| random.u8(b'a'..=b'z')).collect()
}

fn hash(at: usize, fields: usize, limits: &EncodingLimits) -> Content {
    let mut hash = Hash::default();
    for number in 0..fields {
        hash.set(word(number).as_bytes(), (at + number).to_string().as_bytes(), limits);
    }
    Content::Object(hash.into())
}

fn fill(case: &Case) -> Store {
    let mut store = Store::new(1, 1);
    let limits = store.limits;
    let mut record = Record::new(Wants::default());
    let mut changes = Changes { store: &mut store, db: 0, touches: false, record: &mut record };
    for number in 0..case.keys {
        let key = format!("key:{number:012}");
        match (case.make)(number, &limits) {
            Content::Text(text) => {
                changes.set_string(key.as_bytes(), Text::smallest(&text), Deadline::Clear);
            }
            content => _ = changes.load(key.as_bytes(), content, None, None),
        }
    }
    store
}

fn write(store: &Store, compresses: bool) -> (Vec<u8>, Duration) {
    let clock = AccessClock::new(AccessPolicy::Recency, 0);
    let mut encoder = Encoder::new(Version::V10, compresses, Usage::Untold);
    let mut file = Vec::with_capacity(256 << 20);
    let start = Instant::now();
    encoder.header(&mut file);
    store.database(0).scan_all(&mut |entry| encoder.entry(entry, clock, &mut file));
    encoder.end(&mut file);
    (file, start.elapsed())
}

fn scan(file: &[u8], mut take: impl FnMut(callboard::formats::rdb::Record)) -> Duration {
    let start = Instant::now();
    let mut scanner = Scanner::new(true);
    for chunk in file.chunks(CHUNK_BYTES) {
        scanner.push(chunk.to_vec().into());
        while let Some(item) = scanner.next_item().expect("our own") {
            if let Item::Record(record) = item {
                take(record);
            }
        }
    }
    scanner.end_of_input().expect("it is whole");
    start.elapsed()
}

fn load(file: &[u8]) -> Duration {
    let mut store = Store::new(1, 1);
    let limits = store.limits;
    let mut sink = Record::new(Wants::default());
    let mut changes = Changes { store: &mut store, db: 0, touches: false, record: &mut sink };
    scan(file, |record| {
        let Ok(Decoded::Value(content)) = decode(record.kind, &record.payload, &limits) else {
            panic!("sound")
        };
        changes.load(&record.key, content, record.deadline, None);
    })
}

fn best(mut run: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| run()).min().expect("some rounds")
}

fn main() {
    println!(
        "{:31} {:>9} {:>15} {:>15} {:>15} {:>15}",
        "", "MB", "write", "write, LZF", "scan and sum", "load"
    );
    for case in CASES {
        let store = fill(case);
        let plain = best(|| write(&store, false).1);
        let compressed = best(|| write(&store, true).1);
        let mut file = write(&store, false).0;
        let mut sum = Checksum::new(true);
        sum.update(&file);
        file.extend_from_slice(&sum.trailer());
        let scanned = best(|| scan(&file, drop));
        let loaded = best(|| load(&file));
        let megabytes = file.len() as f64 / 1e6;
        let shown = |time: Duration| {
            let seconds = time.as_secs_f64();
            format!("{:.0} MB/s {:.2} M/s", megabytes / seconds, case.keys as f64 / seconds / 1e6)
        };
        let shown = [plain, compressed, scanned, loaded].map(shown);
        println!(
            "{:31} {megabytes:9.1} {:>18} {:>18} {:>18} {:>18}",
            case.name, shown[0], shown[1], shown[2], shown[3]
        );
    }
    let bytes = noise(1, 64 << 20);
    let time = best(|| {
        let start = Instant::now();
        std::hint::black_box(callboard::data::crc64::Crc64::of(&bytes));
        start.elapsed()
    });
    println!("CRC-64: {:.0} MB/s", bytes.len() as f64 / 1e6 / time.as_secs_f64());
}
