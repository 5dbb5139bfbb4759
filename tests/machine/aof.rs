//! Does an append-only file that is rewritten as commands give the same data?
//!
//! A snapshot is told as commands while others run between its small pieces; what is told, replayed into an empty machine,
//! must be the data as it was when it began.
use crate::{
    DATABASES, START_MS,
    commands::random_command,
    machine::{Data, Machine},
    number, shorten,
};
use callboard::{
    formats::aof::{CommandScribe, Rewrite, Writer},
    resp::Request,
    store::{Entry, PieceSize, SnapshotId, Stream, Text},
};

const SEEDS: u64 = 600;
const COMMANDS_PER_SEED: usize = 120;
const PIECE: PieceSize = PieceSize { bytes: 100, entries: 3 };

/// `REWRITE_SEEDS` says how many runs, `REWRITE_SEED` which is the first.
#[test]
fn a_rewritten_log_gives_the_data_of_its_beginning() {
    let first = number("REWRITE_SEED", 0);
    (first..first + number("REWRITE_SEEDS", SEEDS)).for_each(check);
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut machine = Machine::new(seed, START_MS);
    let mut told = Vec::new();
    let mut step = |machine: &mut Machine| {
        let words = random_command(&mut rng, START_MS);
        told.push(words.iter().map(|word| shorten(word)).collect::<Vec<_>>().join(" "));
        machine.perform(&Request::from_args(&words), rng.usize(..DATABASES), START_MS);
    };
    (0..COMMANDS_PER_SEED).for_each(|_| step(&mut machine));
    let (wanted, lost) = ((machine.all_data(), deliveries(&machine)), lost(&machine));
    let id = begin(&mut machine);
    let mut log = Vec::new();
    while !take(&mut machine, id, PIECE, &mut log) {
        step(&mut machine);
    }
    compare(seed, &log, wanted, &lost, &told);
}

fn begin(machine: &mut Machine) -> SnapshotId {
    machine.stage.store.begin_snapshot(Box::new(CommandScribe::default())).expect("it is the only one")
}
fn take(machine: &mut Machine, id: SnapshotId, size: PieceSize, log: &mut Vec<u8>) -> bool {
    let piece = machine.stage.store.next_piece(id, size).expect("it is under way");
    log.extend(piece.bytes);
    piece.last
}

fn compare(
    seed: u64,
    log: &[u8],
    (wanted, delivered): (Vec<Data>, Vec<Delivery>),
    lost: &[(usize, String)],
    told: &[String],
) {
    let mut replayed = Machine::new(seed + 1, 0);
    // Later than it was written, and when much of it is due.
    replayed.replay(log, START_MS + 1_000_000);
    let is_kept = |delivery: &&Delivery| !lost.contains(&delivery.0);
    let (is, was): (Vec<_>, Vec<_>) = (deliveries(&replayed), delivered);
    let [is, was] = [&is, &was].map(|all| all.iter().filter(is_kept).collect::<Vec<_>>());
    assert_eq!(is, was, "seed {seed}: when was it delivered? After {told:#?}");
    for (db, (mut is, mut was)) in replayed.all_data().into_iter().zip(wanted).enumerate() {
        for (_, key) in lost.iter().filter(|(of, _)| *of == db) {
            assert!(is.remove(key).is_some() && was.remove(key).is_some(), "seed {seed}: {key} is missing");
        }
        let same = is == was;
        let (all, both) = (is.clone(), was.clone());
        is.retain(|key, data| both.get(key) != Some(data));
        was.retain(|key, data| all.get(key) != Some(data));
        assert!(same, "seed {seed}, database {db}: replayed {is:#?}\nwas {was:#?}\nafter {told:#?}");
    }
}

/// Of what key, to what group, which entry; when, and how often.
type Delivery = ((usize, String), String, String, i64, u64);

/// All that is pending.
fn deliveries(machine: &Machine) -> Vec<Delivery> {
    let mut found = Vec::new();
    for (db, database) in machine.stage.store.databases().iter().enumerate() {
        database.scan_all(&mut |entry| {
            let Some(Stream { groups, .. }) = entry.value() else { return };
            for (name, group) in groups {
                for (id, pending) in group.pending() {
                    let key = (db, String::from_utf8_lossy(entry.key()).into_owned());
                    let group = name.escape_ascii().to_string();
                    found.push((key, group, id.to_string(), pending.delivered_ms, pending.deliveries));
                }
            }
        });
    }
    found.sort();
    found
}

/// Streams of which something is pending whose entry is deleted: no command can say that.
fn lost(machine: &Machine) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (db, database) in machine.stage.store.databases().iter().enumerate() {
        database.scan_all(&mut |entry| {
            let Some(Stream { log, groups }) = entry.value() else { return };
            let mut pending = groups.values().flat_map(|group| group.pending().keys());
            if pending.any(|id| !log.contains(*id)) {
                found.push((db, String::from_utf8_lossy(entry.key()).into_owned()));
            }
        });
    }
    found
}

/// What a value is written in, and what one step of that may add: a group of items with their deadlines.
const PIECE_BYTES: usize = 4000;
const COMMAND_BYTES: usize = 16_000;

/// Large values of each type, and others between their pieces.
#[test]
fn large_values_are_told_in_pieces() {
    let mut machine = Machine::new(7, START_MS);
    let run = |machine: &mut Machine, db: usize, words: &[String]| {
        assert_eq!(machine.perform(&Request::from_args(words), db, START_MS), None, "{words:?}");
    };
    let words = |line: &str| line.split(' ').map(str::to_string).collect::<Vec<_>>();
    run(&mut machine, 1, &words("XGROUP CREATE stream group 0 MKSTREAM"));
    for n in 0..1000 {
        for (db, line) in [
            (0, format!("RPUSH list element-{n} {n}")),
            (1, format!("SADD set member-{n} {n}")),
            (1, format!("SADD integers {n} {}", n * 70_000)),
            (2, format!("ZADD ranking {}.5 member-{n}", n * 7 % 500)),
            (0, format!("HSET hash field-{n} {n} other-{n} value")),
            (0, format!("HPEXPIREAT hash {} FIELDS 1 field-{n}", START_MS + 1000 + n)),
            (1, format!("XADD stream {n}-1 field {n}")),
            (2, format!("SET small-{n} {n}")),
        ] {
            if !line.contains("stream 0-1") || n > 0 {
                run(&mut machine, db, &words(&line));
            }
        }
    }
    run(&mut machine, 1, &words("XREADGROUP GROUP group ann COUNT 400 STREAMS stream >"));
    run(&mut machine, 1, &words("XREADGROUP GROUP group bob COUNT 400 STREAMS stream >"));
    run(&mut machine, 1, &words("XGROUP CREATECONSUMER stream group idle"));
    run(&mut machine, 1, &words("XGROUP CREATE stream later $"));
    run(&mut machine, 0, &words(&format!("PEXPIREAT list {}", START_MS + 50_000)));
    let mut writer = Writer::default();
    let other = Entry::string(b"between", Text::Inline(b"x"), None, 0);
    for (db, database) in machine.stage.store.databases().iter().enumerate() {
        database.scan_all(&mut |entry| {
            let (mut rewrite, mut pieces) = (Rewrite::default(), 1);
            let before = writer.len();
            let mut full = before + PIECE_BYTES;
            while !rewrite.write(db, entry, &mut writer, full) {
                pieces += 1;
                full = writer.len() + PIECE_BYTES;
                // Others may be written between the pieces.
                assert!(Rewrite::default().write(2, other.get(), &mut writer, usize::MAX));
            }
            let bytes = writer.len() - before;
            assert!(pieces >= bytes / (PIECE_BYTES + COMMAND_BYTES), "{pieces} pieces of {bytes} bytes");
        });
    }
    run(&mut machine, 2, &words("SET between x"));
    compare(7, &writer.take(), (machine.all_data(), deliveries(&machine)), &[], &[]);
}
