//! Are effects the truth? The append-only file and every replica are built from nothing else.
//!
//! Random commands run on one stage, while time moves and keys expire, by lookups and by the wheel. The effects
//! that it wrote are replayed into an empty second stage, and both must hold the same data. Replay happens at
//! the last of these moments, when much is long due, as it does when a log is loaded: nothing expires by itself there,
//! deletions are all in the log. Behind it what is due by then expires by the wheel alone.
use crate::{DATABASES, START_MS, commands::random_command, machine::Machine, number, shorten};
use callboard::resp::Request;

const SEEDS: u64 = 800;
/// Short runs: what fails is then short to read, and less is forgotten before it is compared.
const COMMANDS_PER_SEED: usize = 60;

/// `EFFECTS_SEEDS` says how many runs, `EFFECTS_SEED` which is the first.
#[test]
fn what_effects_tell_is_what_happened() {
    let first = number("EFFECTS_SEED", 0);
    (first..first + number("EFFECTS_SEEDS", SEEDS)).for_each(check);
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut original = Machine::new(seed, START_MS);
    let (mut now_ms, mut log, mut told) = (START_MS, Vec::new(), Vec::new());
    for _ in 0..COMMANDS_PER_SEED {
        if rng.u8(..5) == 0 {
            now_ms += rng.i64(0..3000);
            if rng.bool() {
                original.expire_due(now_ms);
            }
        }
        let words = random_command(&mut rng, now_ms);
        told.push(words.iter().map(|word| shorten(word)).collect::<Vec<_>>().join(" "));
        original.perform(&Request::from_args(&words), rng.usize(..DATABASES), now_ms);
        log.extend(original.stage.record.take_effects());
    }
    original.expire_due(now_ms);
    log.extend(original.stage.record.take_effects());

    let mut replayed = Machine::new(seed + 1, 0);
    replayed.replay(&log, now_ms);
    replayed.expire_due(now_ms);
    for (db, (mut is, mut was)) in replayed.data(now_ms).into_iter().zip(original.data(now_ms)).enumerate() {
        let same = is == was;
        let (all, both) = (is.clone(), was.clone());
        is.retain(|key, data| both.get(key) != Some(data));
        was.retain(|key, data| all.get(key) != Some(data));
        assert!(same, "seed {seed}, database {db}: replayed {is:#?}\nwas {was:#?}\nafter {told:#?}");
    }
}

/// A lock that is taken and given back leaves an item in the wheel each time; none may be kept alive by the next lock.
#[test]
fn the_wheel_does_not_gather_items_of_a_key_that_comes_and_goes() {
    let mut machine = Machine::new(1, START_MS);
    for now_ms in START_MS..START_MS + 2000 {
        machine.expire_due(now_ms);
        machine.perform(&Request::from_args(&["SET", "lock", "me", "NX", "PX", "100"]), 0, now_ms);
        if now_ms % 10 != 0 {
            machine.perform(&Request::from_args(&["DEL", "lock"]), 0, now_ms);
        }
        machine.perform(&Request::from_args(&["SET", "lock", "me", "PX", "100"]), 0, now_ms);
    }
    assert!(machine.wheel.len() <= 200, "{} items", machine.wheel.len());
}
