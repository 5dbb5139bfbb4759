//! The key table beside hashbrown: finding, inserting, replacing, and what growth costs in bytes and in pauses.
//!
//! `cargo bench --bench table` measures with criterion; `cargo bench --bench table -- --growth` prints bytes per key
//! over the number of keys, and the slowest single insertions; `-- --compare` times finding in turns, for noisy machines.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::ptr::NonNull;
use std::time::Duration;

use ahash::RandomState;
use callboard::data::table::{Entry, Table};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use hashbrown::HashMap;

/// An entry as the store has it: header and key in one allocation.
struct Node(NonNull<u8>);

const HEADER_BYTES: usize = 16;

fn layout(key_bytes: usize) -> Layout {
    Layout::from_size_align(HEADER_BYTES + key_bytes, 16).expect("a short key")
}

impl Node {
    fn new(key: &[u8]) -> Node {
        // SAFETY: the layout has a size above zero; header and key lie within it.
        unsafe {
            let raw = NonNull::new(alloc(layout(key.len()))).expect("memory");
            raw.cast::<usize>().write(key.len());
            raw.add(HEADER_BYTES).copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
            Node(raw)
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout, whose length is in the header.
        unsafe { dealloc(self.0.as_ptr(), layout(self.0.cast::<usize>().read())) };
    }
}

// SAFETY: an allocation aligned to 16 bytes, whose key is written once, in `new`.
unsafe impl Entry for Node {
    fn into_raw(self) -> NonNull<u8> {
        std::mem::ManuallyDrop::new(self).0
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Node(raw)
    }

    unsafe fn key<'a>(raw: NonNull<u8>) -> &'a [u8] {
        // SAFETY: `new` wrote length and key; the caller keeps the entry alive.
        unsafe { std::slice::from_raw_parts(raw.as_ptr().add(HEADER_BYTES), raw.cast::<usize>().read()) }
    }
}

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn table_of(count: usize) -> Table<Node> {
    let mut table = Table::new(hasher());
    for number in 0..count {
        insert(&mut table, &key(number));
    }
    table
}

fn insert(table: &mut Table<Node>, key: &[u8]) {
    table.insert(table.hash(key), Node::new(key));
}

fn map_of(count: usize) -> HashMap<Box<[u8]>, usize, RandomState> {
    let mut map = HashMap::with_hasher(hasher());
    map.extend((0..count).map(|number| (key(number).into_boxed_slice(), number)));
    map
}

/// Keys in random order, so that each look-up meets cold memory as a server's does.
fn shuffled(first: usize, count: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = (first..first + count).map(key).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut keys);
    keys
}

fn find(criterion: &mut Criterion) {
    for count in [100_000, 1_000_000] {
        let (table, map) = (table_of(count), map_of(count));
        let (present, absent) = (shuffled(0, count), shuffled(count, count));
        for (name, keys) in [("find hit", &present), ("find miss", &absent)] {
            let mut group = criterion.benchmark_group(name);
            group.bench_function(BenchmarkId::new("table", count), |bencher| {
                let mut keys = keys.iter().cycle();
                bencher.iter(|| {
                    let key = keys.next().expect("endless");
                    black_box(table.find(table.hash(key), key))
                });
            });
            group.bench_function(BenchmarkId::new("hashbrown", count), |bencher| {
                let mut keys = keys.iter().cycle();
                bencher.iter(|| black_box(map.get(keys.next().expect("endless").as_slice())));
            });
            group.finish();
        }
        find_batches(criterion, &table, &present);
    }
}

/// Batches of 16, as a Courier's message brings them: prefetched, then found.
fn find_batches(criterion: &mut Criterion, table: &Table<Node>, keys: &[Vec<u8>]) {
    const BATCH: usize = 16;
    let mut group = criterion.benchmark_group("find hit, prefetched in batches of 16");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(BenchmarkId::new("table", keys.len()), |bencher| {
        let mut batches = keys.chunks_exact(BATCH).cycle();
        bencher.iter(|| {
            let batch = batches.next().expect("endless");
            let hashes: [u64; BATCH] = std::array::from_fn(|index| table.hash(&batch[index]));
            hashes.iter().for_each(|hash| table.prefetch_slots(*hash));
            hashes.iter().for_each(|hash| table.prefetch_entry(*hash));
            for (hash, key) in hashes.iter().zip(batch) {
                black_box(table.find(*hash, key));
            }
        });
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    for count in [100_000, 1_000_000] {
        let keys = shuffled(0, count);
        let mut group = criterion.benchmark_group("write");
        group.sample_size(10);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("grow table", count), |bencher| {
            bencher.iter_batched(
                || Table::new(hasher()),
                |mut table| {
                    keys.iter().for_each(|key| insert(&mut table, key));
                    table
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("grow hashbrown", count), |bencher| {
            bencher.iter_batched(
                || HashMap::with_hasher(hasher()),
                |mut map: HashMap<Box<[u8]>, usize, RandomState>| {
                    map.extend(keys.iter().map(|key| (key.as_slice().into(), 0)));
                    map
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
        replace(criterion, count, &keys);
    }
}

fn replace(criterion: &mut Criterion, count: usize, keys: &[Vec<u8>]) {
    let (mut table, mut map) = (table_of(count), map_of(count));
    let mut group = criterion.benchmark_group("replace");
    group.bench_function(BenchmarkId::new("table", count), |bencher| {
        let mut keys = keys.iter().cycle();
        bencher.iter(|| {
            let key = keys.next().expect("endless");
            table.replace(table.hash(key), key, Node::new(key))
        });
    });
    group.bench_function(BenchmarkId::new("remove and insert, table", count), |bencher| {
        let mut keys = keys.iter().cycle();
        bencher.iter(|| {
            let key = keys.next().expect("endless");
            let hash = table.hash(key);
            let entry = table.remove(hash, key).expect("present");
            table.insert(hash, entry);
        });
    });
    group.bench_function(BenchmarkId::new("hashbrown", count), |bencher| {
        let mut keys = keys.iter().cycle();
        bencher.iter(|| map.insert(keys.next().expect("endless").as_slice().into(), 1));
    });
    group.finish();
}

/// Prints bytes per key on the way to 5 million keys, and the slowest insertions of table and map.
fn growth() {
    const KEYS: usize = 5_000_000;
    let mut table = Table::new(hasher());
    let mut costs = Vec::new();
    let mut next = 1_000_usize;
    for count in 1..=KEYS {
        insert(&mut table, &key(count));
        if count == next || count == 1_000_000 {
            costs.push((table.memory_bytes() as f64 / count as f64, count));
            next = next.max(count + count / 50);
        }
    }
    let mean = costs.iter().map(|cost| cost.0).sum::<f64>() / costs.len() as f64;
    costs.iter().filter(|cost| cost.1 == 1_000_000).for_each(|cost| println!("{cost:.2?} at a million"));
    costs.sort_by(|left, right| left.0.total_cmp(&right.0));
    println!("bytes per key: mean {mean:.2}, least {:.2?}, most {:.2?}", costs[0], costs[costs.len() - 1]);
    drop(table);
    slowest(
        "table",
        || Table::new(hasher()),
        |table, key| {
            let entry = Node::new(key);
            let start = thread_time();
            table.insert(table.hash(key), entry);
            thread_time() - start
        },
    );
    slowest(
        "hashbrown",
        || HashMap::with_hasher(hasher()),
        |map: &mut HashMap<_, _, _>, key| {
            let key: Box<[u8]> = key.into();
            let start = thread_time();
            map.insert(key, 0);
            thread_time() - start
        },
    );
}

/// Processor time of this thread, which does not count while another runs in its place.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Prints the slowest of 3 million insertions, each with its number. Of several rounds the least time of each insertion
/// counts: what the structure does comes back every time, interrupts and page faults do not.
fn slowest<T>(name: &str, new: impl Fn() -> T, mut insert: impl FnMut(&mut T, &[u8]) -> Duration) {
    const KEYS: usize = 3_000_000;
    let mut least = vec![Duration::MAX; KEYS];
    for _ in 0..3 {
        let mut subject = new();
        for (number, least) in least.iter_mut().enumerate() {
            *least = insert(&mut subject, &key(number)).min(*least);
        }
    }
    let mut times: Vec<_> = least.into_iter().enumerate().map(|(number, time)| (time, number)).collect();
    let total: Duration = times.iter().map(|time| time.0).sum();
    times.sort_unstable_by(|left, right| right.cmp(left));
    println!(
        "{name}: mean {} ns; slowest {:?}; 1 in 10,000 above {:?}, 1 in 1,000 above {:?}",
        total.as_nanos() / KEYS as u128,
        &times[..8],
        times[KEYS / 10_000].0,
        times[KEYS / 1_000].0
    );
}

/// Prints what a look-up costs in table and map, in turns, so that both meet the same noise; the median of many turns.
fn compare() {
    for count in [100_000, 1_000_000] {
        let (table, map) = (table_of(count), map_of(count));
        for (name, keys) in [("hit", shuffled(0, count)), ("miss", shuffled(count, count))] {
            let mut times = [Vec::new(), Vec::new()];
            for chunk in keys.chunks(5_000).cycle().take(400) {
                let start = thread_time();
                for key in chunk {
                    black_box(table.find(table.hash(key), key));
                }
                let middle = thread_time();
                for key in chunk {
                    black_box(map.get(key.as_slice()));
                }
                times[0].push(middle - start);
                times[1].push(thread_time() - middle);
            }
            let [table, map] = times.map(|mut times| {
                times.sort_unstable();
                times[times.len() / 2].as_nanos() / 5_000
            });
            println!("find {name} of {count}: table {table} ns, hashbrown {map} ns");
        }
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--growth") {
        return growth();
    }
    if std::env::args().any(|argument| argument == "--compare") {
        return compare();
    }
    let mut criterion = Criterion::default().configure_from_args();
    find(&mut criterion);
    write(&mut criterion);
    criterion.final_summary();
}
