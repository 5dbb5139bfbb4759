//! Is a snapshot the data of one moment, whatever is written while it is told?
//!
//! Random commands run between its pieces. At its beginning the data are copied; what the snapshot tells must be that,
//! each key once. Several are under way at a time, and some are given up.
use crate::{
    DATABASES, START_MS,
    commands::random_command,
    machine::{Data, Machine, value_of},
    number, shorten,
};
use callboard::{
    resp::Request,
    store::{DatabaseSize, EntryRef, Facts, PieceSize, Scribe, SnapshotId},
};
use std::sync::{Arc, Mutex};

const SEEDS: u64 = 600;
const COMMANDS_PER_SEED: usize = 120;
/// So many snapshots may be under way at once in these runs.
const AT_ONCE: usize = 3;

/// Notes what it is told. A value of several parts takes several calls, as if it were very large; its text is taken at
/// the last of them.
struct Notes {
    told: Arc<Mutex<Vec<Data>>>,
    calls_left: usize,
    half_db: usize,
}
impl Notes {
    fn note(&mut self, db: usize, entry: EntryRef, out: &mut Vec<u8>) {
        let key = String::from_utf8_lossy(entry.key()).into_owned();
        out.extend_from_slice(entry.key());
        let mut told = self.told.lock().unwrap();
        let before = told[db].insert(key.clone(), (value_of(entry), entry.deadline()));
        assert_eq!(before, None, "{key} of database {db} was told twice");
    }
}
impl Scribe for Notes {
    fn begin(&mut self, facts: &Facts, _: &mut Vec<u8>) {
        assert!(facts.databases.iter().all(|size| size.keys > 0 && size.volatile <= size.keys));
    }
    fn database(&mut self, size: &DatabaseSize, _: &mut Vec<u8>) {
        assert!(size.index < DATABASES);
    }
    fn entry(&mut self, db: usize, entry: EntryRef, out: &mut Vec<u8>) {
        self.note(db, entry, out)
    }
    fn begin_entry(&mut self, db: usize, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        self.calls_left = entry.object().map_or(0, |object| object.len().min(4));
        self.half_db = db;
        self.calls_left == 0 && { self.go_on(entry, bytes_max, out) }
    }
    fn go_on(&mut self, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        self.calls_left = if bytes_max == usize::MAX { 0 } else { self.calls_left.saturating_sub(1) };
        // Pieces are cut by their bytes.
        out.extend_from_slice(&[0; 64]);
        self.calls_left == 0 && {
            self.note(self.half_db, entry, out);
            true
        }
    }
    fn end(&mut self, _: &mut Vec<u8>) {}
}

struct Running {
    id: SnapshotId,
    /// The data at its beginning.
    wanted: Vec<Data>,
    told: Arc<Mutex<Vec<Data>>>,
}
impl Running {
    fn begin(machine: &mut Machine) -> Running {
        let told = Arc::new(Mutex::new(vec![Data::new(); DATABASES]));
        let notes = Notes { told: told.clone(), calls_left: 0, half_db: 0 };
        let wanted = machine.all_data();
        let id = machine.stage.store.begin_snapshot(Box::new(notes)).expect("there is room for it");
        Running { id, wanted, told }
    }
    /// Takes a small piece; true at the end.
    fn go_on(&self, machine: &mut Machine) -> bool {
        let size = PieceSize { bytes: 100, entries: 3 };
        machine.stage.store.next_piece(self.id, size).expect("it is under way").last
    }
}

/// `SNAPSHOT_SEEDS` says how many runs, `SNAPSHOT_SEED` which is the first.
#[test]
fn a_snapshot_is_the_data_of_its_beginning() {
    let first = number("SNAPSHOT_SEED", 0);
    (first..first + number("SNAPSHOT_SEEDS", SEEDS)).for_each(check);
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut machine = Machine::new(seed, START_MS);
    let (mut now_ms, mut told, mut running) = (START_MS, Vec::new(), Vec::<Running>::new());
    for _ in 0..COMMANDS_PER_SEED {
        if rng.u8(..20) == 0 {
            now_ms += rng.i64(0..3000);
            machine.expire_due(now_ms);
        }
        let words = random_command(&mut rng, now_ms);
        told.push(words.iter().map(|word| shorten(word)).collect::<Vec<_>>().join(" "));
        machine.perform(&Request::from_args(&words), rng.usize(..DATABASES), now_ms);
        match rng.u8(..12) {
            0 if running.len() < AT_ONCE => running.push(Running::begin(&mut machine)),
            1 if rng.bool() && !running.is_empty() => {
                let given_up = running.swap_remove(rng.usize(..running.len()));
                machine.stage.store.abandon_snapshot(given_up.id);
            }
            2 => {
                machine.stage.store.clean_up();
            }
            _ => {}
        }
        let goes_on =
            |running: &Running, rng: &mut fastrand::Rng| rng.u8(..3) == 0 && { running.go_on(&mut machine) };
        let mut step = goes_on;
        let over: Vec<bool> = running.iter().map(|running| step(running, &mut rng)).collect();
        let mut over = over.into_iter();
        running.retain(|running| {
            let is_over = over.next() == Some(true);
            if is_over {
                let is = running.told.lock().unwrap();
                assert!(
                    *is == running.wanted,
                    "seed {seed}: is {is:#?}\nwanted {:#?}\nafter {told:#?}",
                    running.wanted
                );
            }
            !is_over
        });
    }
    running.iter().for_each(|running| {
        while !running.go_on(&mut machine) {}
        assert!(*running.told.lock().unwrap() == running.wanted, "seed {seed}, at the end, after {told:#?}");
    });
    while machine.stage.store.clean_up() {}
    let marked = |entry: EntryRef| assert_eq!(entry.marks(), 0, "a mark is left: {seed}");
    machine.stage.store.databases().iter().for_each(|database| database.scan_all(&mut |entry| marked(entry)));
}
