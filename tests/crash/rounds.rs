//! kill -9 at any moment, again and again on the same files.
//!
//! With `appendfsync always` nothing that was acknowledged is lost, and nothing that anybody was shown is taken back. With
//! `everysec` that holds for what is older than two seconds, and with snapshots for what the last one has in it. In each
//! case the data are those after some number of a client's steps: a prefix of its history.
use crate::{
    history::{History, State},
    load::{Seen, Times, Written, hand_on, hand_out, look_on, read, write},
    number,
    site::{Running, Site},
    support::{Client, Value, client::encode},
};
use std::{
    thread,
    time::{Duration, Instant},
};

const WRITERS: usize = 4;
/// Keys that nobody touches: a snapshot has some work with them.
const BALLAST: usize = 20_000;
const ROUNDS: u64 = 5;
/// With `appendfsync everysec`.
const LOST_AT_MOST: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// What was acknowledged, or shown.
    Everything,
    /// What is older than two seconds. (A process that is killed leaves what it wrote to the kernel, so in fact it is what was
    /// on its way to the disk's thread.)
    OlderThanTwoSeconds,
    /// What was acknowledged when the last snapshot that is known to be done began.
    Snapshots,
}

#[test]
fn always_loses_nothing() {
    run(Promise::Everything);
}
#[test]
fn everysec_loses_no_more_than_two_seconds() {
    run(Promise::OlderThanTwoSeconds);
}
#[test]
fn a_snapshot_is_one_moment_of_the_past() {
    run(Promise::Snapshots);
}

fn run(promise: Promise) {
    let seed = number("CRASH_SEED", 1);
    let mut rng = fastrand::Rng::with_seed(seed ^ promise as u64);
    let site = Site::new();
    let mut rounds = Rounds { site, promise, befores: Default::default(), steps: 0, queue: Queue::default() };
    rounds.lay_ballast(&mut rng);
    for round in 0..number("CRASH_ROUNDS", ROUNDS) {
        println!("{promise:?}: CRASH_SEED={seed}, round {round}");
        rounds.round(&mut rng);
    }
}

/// What came before the next round.
struct Rounds {
    site: Site,
    promise: Promise,
    befores: [State; WRITERS],
    /// Numbers of steps that were given out.
    steps: u64,
    queue: Queue,
}

/// One client puts numbers into `queue`, another moves them to `done`.
#[derive(Default)]
struct Queue {
    /// All numbers below this one are in the one or in the other.
    next: usize,
    done: usize,
}

/// What became of a round: when the server died, and what is known of the time before.
struct Played {
    written: Vec<Written>,
    seen: Vec<Vec<Seen>>,
    handed_out: Times,
    handed_on: Vec<(usize, Instant)>,
    looked_on: Vec<(usize, Instant)>,
    until: Until,
}

/// Whatever was acknowledged or shown by then must be there.
enum Until {
    TheEnd,
    Moment(Instant),
    /// Nothing is promised.
    Never,
}
impl Played {
    fn promised(&self, at: &Instant) -> bool {
        match self.until {
            Until::TheEnd => true,
            Until::Moment(until) => *at <= until,
            Until::Never => false,
        }
    }
}

impl Rounds {
    fn options(&self, rng: &mut fastrand::Rng) -> Vec<String> {
        let mut options = format!("--io-threads {}", 1 + rng.u32(..2));
        options += match self.promise {
            Promise::Everything => " --appendonly yes --appendfsync always",
            Promise::OlderThanTwoSeconds => " --appendonly yes --appendfsync everysec",
            Promise::Snapshots => " --appendonly no",
        };
        options += if rng.bool() { " --aof-use-rdb-preamble no" } else { "" };
        options += if rng.bool() { " --aof-timestamp-enabled yes" } else { "" };
        options += " --auto-aof-rewrite-percentage 20 --auto-aof-rewrite-min-size 1mb";
        options.split(' ').map(String::from).collect()
    }
    fn start(&self, rng: &mut fastrand::Rng) -> Running {
        let options = self.options(rng);
        self.site.start(&options.iter().map(|word| &**word).collect::<Vec<_>>())
    }
    fn lay_ballast(&self, rng: &mut fastrand::Rng) {
        let server = self.start(rng);
        let mut client = server.connect();
        for first in (0..BALLAST).step_by(1000) {
            let mut words = vec!["MSET".to_string()];
            for index in first..first + 1000 {
                words.extend([format!("ballast:{index}"), format!("{index:050}")]);
            }
            assert_eq!(client.call(&words), Value::ok());
        }
        if self.promise == Promise::Snapshots {
            assert_eq!(client.call(&["SAVE"]), Value::ok());
        }
        server.stop();
    }
    fn round(&mut self, rng: &mut fastrand::Rng) {
        let server = self.start(rng);
        let played = self.play(server, rng);
        let server = self.start(rng);
        let mut client = server.connect();
        check_ballast(&mut client, rng);
        self.check_writers(&mut client, &played);
        self.check_queue(&mut client, &played);
        self.site.wait_for_no_temporary_names();
        if self.promise == Promise::Snapshots {
            // What was lost must not come back from an older file.
            assert_eq!(client.call(&["SAVE"]), Value::ok());
        }
        drop(client);
        if rng.bool() { server.stop() } else { server.kill() }
    }
    fn play(&mut self, server: Running, rng: &mut fastrand::Rng) -> Played {
        let (first, queue) = (self.steps, self.queue.next);
        thread::scope(|scope| {
            let (mut writers, mut readers) = (Vec::new(), Vec::new());
            for index in 0..WRITERS {
                let depth = [1, 1, 5, 40][index];
                let (client, fork) = (connect_to(&server, index), rng.fork());
                // Enough numbers for each writer, so that none comes twice.
                let from = first + index as u64 * 10_000_000;
                writers.push(scope.spawn(move || write(client, &name(index), fork, from, depth)));
                let (client, fork) = (connect_to(&server, index), rng.fork());
                readers.push(scope.spawn(move || read(client, &name(index), fork)));
            }
            let client = server.connect();
            let handing_out = scope.spawn(move || hand_out(client, queue));
            let client = server.connect();
            let handing_on = scope.spawn(move || hand_on(client));
            let client = server.connect();
            let looking_on = scope.spawn(move || look_on(client));
            let until = self.disturb(server, rng);
            Played {
                written: writers.into_iter().map(|thread| thread.join().expect("a writer")).collect(),
                seen: readers.into_iter().map(|thread| thread.join().expect("a reader")).collect(),
                handed_out: handing_out.join().expect("who hands out"),
                handed_on: handing_on.join().expect("who hands on"),
                looked_on: looking_on.join().expect("who looks on"),
                until,
            }
        })
    }
    /// Has the server write its files anew at random moments, then kills it. Returns up to when nothing may be lost.
    fn disturb(&self, server: Running, rng: &mut fastrand::Rng) -> Until {
        let mut client = server.connect();
        let lasts_ms = if self.promise == Promise::OlderThanTwoSeconds { 5..3500 } else { 5..600 };
        let ends = Instant::now() + Duration::from_millis(rng.u64(lasts_ms));
        let mut until = Until::Never;
        let mut underway = None;
        while Instant::now() < ends {
            let command = if rng.bool() { "BGSAVE" } else { "BGREWRITEAOF" };
            match (self.promise, underway) {
                (Promise::Snapshots, Some(began)) if !is_saving(&mut client) => {
                    (until, underway) = (Until::Moment(began), None);
                }
                (Promise::Snapshots, Some(_)) => {}
                (Promise::Snapshots, None) => {
                    underway = Some(Instant::now());
                    assert!(!client.call(&["BGSAVE"]).is_error());
                }
                // It may be refused, if something else is being written.
                _ => drop(client.call(&[command])),
            }
            thread::sleep(
                Duration::from_millis(rng.u64(..60)).min(ends.saturating_duration_since(Instant::now())),
            );
        }
        let now = Instant::now();
        server.kill();
        match self.promise {
            Promise::Everything => Until::TheEnd,
            Promise::OlderThanTwoSeconds => now.checked_sub(LOST_AT_MOST).map_or(Until::Never, Until::Moment),
            Promise::Snapshots => until,
        }
    }
    fn check_writers(&mut self, client: &mut Client, played: &Played) {
        for (index, written) in played.written.iter().enumerate() {
            let promised = |at: &Instant| played.promised(at);
            let at_least = written.replies.iter().take_while(|(_, at)| promised(at)).count();
            let history = History {
                before: std::mem::take(&mut self.befores[index]),
                steps: written.steps.clone(),
                replies: written.replies.iter().map(|(reply, _)| reply.clone()).collect(),
            };
            select(client, index);
            let found = State::read(client, &name(index));
            select(client, 0);
            let bounds = at_least..=written.steps.len();
            let Some(steps) = history.steps_in(&found, bounds.clone()) else {
                let anywhere = history.steps_in(&found, 0..=written.steps.len());
                panic!(
                    "writer {index}: of {} steps {at_least} must be there; what is there are {anywhere:?} steps\nfound: {found:?}\n\
                     steps around: {:?}",
                    written.steps.len(),
                    &written.steps[at_least.saturating_sub(5)..(at_least + 5).min(written.steps.len())]
                );
            };
            let first_seen = history.first_seen();
            for seen in played.seen[index].iter().filter(|seen| promised(&seen.at)) {
                let Some(first) = first_seen.get(&(seen.question, seen.value.clone())) else {
                    panic!("writer {index}: nobody ever wrote this: {seen:?}");
                };
                assert!(*first <= steps, "shown after {first} steps, of which {steps} are left: {seen:?}");
            }
            self.befores[index] = found;
        }
        self.steps += 1_000_000;
    }
    fn check_queue(&mut self, client: &mut Client, played: &Played) {
        let mut numbers = |key: &str| -> Vec<usize> {
            let items = client.call(&["LRANGE", key, "0", "-1"]).items();
            items.iter().map(|item| item.text().parse().expect("a number")).collect()
        };
        let (done, queue) = (numbers("done"), numbers("queue"));
        let all: Vec<usize> = done.iter().chain(&queue).copied().collect();
        assert_eq!(all, (0..all.len()).collect::<Vec<_>>(), "done: {}, then the queue", done.len());
        let promised = |at: &Instant| played.promised(at);
        let handed_out = played.handed_out.iter().filter(|at| promised(at)).count();
        assert!(
            all.len() >= self.queue.next + handed_out,
            "{} < {} + {handed_out}",
            all.len(),
            self.queue.next
        );
        for (shown, at) in played.handed_on.iter().chain(&played.looked_on) {
            assert!(!promised(at) || *shown < done.len(), "{shown} was shown as done: {} are", done.len());
        }
        let had = self.queue.done;
        assert!(done.len() >= had, "{had} were done already, not {}", done.len());
        self.queue = Queue { next: all.len(), done: done.len() };
    }
}

/// Each writer has a database of its own.
fn connect_to(server: &Running, db: usize) -> Client {
    let mut client = server.connect();
    select(&mut client, db);
    client
}

fn select(client: &mut Client, db: usize) {
    assert_eq!(client.call(&["SELECT", &db.to_string()]), Value::ok());
}

fn name(writer: usize) -> String {
    format!("w{writer}")
}

fn is_saving(client: &mut Client) -> bool {
    let info = client.call(&["INFO", "persistence"]).text();
    assert!(info.contains("rdb_last_bgsave_status:ok"), "{info}");
    info.contains("rdb_bgsave_in_progress:1")
}

fn check_ballast(client: &mut Client, rng: &mut fastrand::Rng) {
    let indices: Vec<usize> = (0..BALLAST).filter(|_| rng.u8(..20) == 0).collect();
    let mut request = vec!["MGET".to_string()];
    request.extend(indices.iter().map(|index| format!("ballast:{index}")));
    client.send_raw(&encode(&request)).expect("the server takes it");
    for (index, value) in indices.iter().zip(client.receive().items()) {
        assert_eq!(value, Value::bulk(format!("{index:050}")));
    }
}
