//! Random sessions against Debian's redis-server and ours, side by side.
//!
//! A seed gives a sequence of commands over few keys, so that types and conversions collide. Replies are compared
//! one by one, then the whole key space. A difference is shrunk to the fewest commands that still show it and
//! printed as lines to paste into redis-cli. `DIFFERENTIAL_SEQUENCES` says how many, `DIFFERENTIAL_SEED` where to
//! begin: to repeat one failure, give its seed and 1.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod events;
mod generators;
mod peers;
mod random;
mod shrink;

use std::collections::BTreeSet;
use std::env;
use std::io::{self, Write};

use generators::{Generator, all_generators};
use peers::{Peers, Step};
use random::Random;
use support::{Protocol, Server, ours};

/// About a minute on two cores.
const SEQUENCES_DEFAULT: u64 = 1_500;
/// The same in every run, so that what a run finds was made by what has changed. Other seeds are tried by hand.
const FIRST_SEED: u64 = 278_411_729_303_764;
const STEPS_MAX: usize = 80;

fn number_from_env(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The protocol and the commands that a seed stands for.
fn sequence(seed: u64, generators: &[&'static Generator]) -> (Protocol, Vec<Step>) {
    let mut random = Random::new(seed);
    let protocol = if random.chance(50) { Protocol::Resp2 } else { Protocol::Resp3 };
    let count = 1 + random.below(STEPS_MAX);
    let mut steps = Vec::new();
    while steps.len() < count {
        match random.below(12) {
            0 => steps.extend(Step::transaction(&mut random, generators)),
            _ => steps.push(Step::random(&mut random, generators)),
        }
    }
    (protocol, steps)
}

#[test]
fn random_sessions_agree() {
    let generators = all_generators();
    let mut peers = Peers::start();
    let first = number_from_env("DIFFERENTIAL_SEED").unwrap_or(FIRST_SEED);
    let sequences = number_from_env("DIFFERENTIAL_SEQUENCES").unwrap_or(SEQUENCES_DEFAULT);
    // Past the harness' capture: a run that was killed can be repeated, too.
    let _ = writeln!(io::stderr(), "DIFFERENTIAL_SEED={first} DIFFERENTIAL_SEQUENCES={sequences}");
    for seed in first..first + sequences {
        let (protocol, steps) = sequence(seed, &generators);
        let io_threads = (seed % 2) as usize;
        let Err(first_difference) = peers.play(io_threads, protocol, &steps) else { continue };
        let fewest = shrink::shrink(&steps, |steps| peers.play(io_threads, protocol, steps).is_err());
        let difference = match peers.play(io_threads, protocol, &fewest) {
            Err(difference) => difference,
            Ok(()) => format!("seen once, but not again, so it depends on time:\n{first_difference}"),
        };
        let lines: Vec<String> = fewest.iter().map(Step::line).collect();
        panic!(
            "DIFFERENTIAL_SEED={seed} DIFFERENTIAL_SEQUENCES=1, {protocol:?}, io-threads {}:\n\n{}\n\n{difference}",
            io_threads + 1,
            lines.join("\n"),
        );
    }
}

/// Whoever adds a command adds its generator, or a reason why there cannot be one.
#[test]
fn every_command_has_a_generator() {
    let server = Server::start(&ours(), &[]);
    let listed = server.connect().call(&["COMMAND", "LIST"]).items();
    let listed: BTreeSet<String> =
        listed.iter().map(|name| name.text().to_uppercase().replace('|', " ")).collect();
    assert!(listed.contains("GET"), "{listed:?}");
    let generated: BTreeSet<&str> = all_generators().iter().map(|generator| generator.command).collect();
    let excused: BTreeSet<&str> = generators::NOT_COMPARABLE.iter().map(|(command, _)| *command).collect();
    let covered = |name: &str| {
        let container = format!("{name} ");
        generated.contains(name)
            || excused.contains(name)
            || name.split_once(' ').is_some_and(|(parent, _)| excused.contains(parent))
            || generated.iter().chain(&excused).any(|command| command.starts_with(&container))
    };
    let missing: Vec<&String> = listed.iter().filter(|name| !covered(name)).collect();
    assert!(missing.is_empty(), "neither a generator nor a reason: {missing:?}");
    let both: Vec<_> = generated.intersection(&excused).collect();
    assert!(both.is_empty(), "a generator and an excuse: {both:?}");
}
