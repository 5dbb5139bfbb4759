//! Calls and time per command. Every thread that runs commands keeps a tally of its own, so counting is a plain
//! load and store without a locked instruction; INFO commandstats adds them up.
//!
//! CONFIG RESETSTAT must not write what another thread counts: it notes the sums of the moment, and they are
//! subtracted from then on.
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Steps per power of two in the latency histogram: 16 keep the error of a percentile below 6.25 %.
const STEPS: usize = 16;
/// Latencies from 2^SHIFT ns on are told apart, up to 2^(SHIFT + OCTAVES) ns (about 17 s).
const SHIFT: u32 = 6;
const OCTAVES: usize = 28;
const BUCKETS: usize = STEPS * OCTAVES;

/// One command's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandTally {
    pub calls: u64,
    pub nanoseconds: u64,
    /// Refused before it ran: wrong arity, no permission, out of memory …
    pub rejected: u64,
    /// Answered with an error.
    pub failed: u64,
    buckets: Box<[u64]>,
}
impl Default for CommandTally {
    fn default() -> Self {
        CommandTally { calls: 0, nanoseconds: 0, rejected: 0, failed: 0, buckets: vec![0; BUCKETS].into() }
    }
}
impl CommandTally {
    /// The latency, in ns, that `percent` of the calls did not exceed.
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        let total: u64 = self.buckets.iter().sum();
        let wanted = ((percent / 100.0) * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_bound_ns(index);
            }
        }
        0
    }
    /// Calls that took up to a bound, and the bound (ns), for each power of two from 1024 ns on at which the number
    /// grows.
    pub fn cumulative(&self) -> Vec<(u64, u64)> {
        const FIRST_OCTAVE: usize = 10 - SHIFT as usize - 1;
        let (mut steps, mut seen) = (Vec::new(), 0);
        for (octave, counts) in self.buckets.chunks(STEPS).enumerate() {
            let here: u64 = counts.iter().sum();
            seen += here;
            let is_new = steps.last().map_or(0, |&(_, before)| before) < seen;
            if octave >= FIRST_OCTAVE && is_new {
                steps.push((1 << (octave + SHIFT as usize + 1), seen));
            }
        }
        steps
    }
    fn minus(mut self, base: &CommandTally) -> CommandTally {
        self.calls -= base.calls;
        self.nanoseconds -= base.nanoseconds;
        self.rejected -= base.rejected;
        self.failed -= base.failed;
        self.buckets.iter_mut().zip(base.buckets.iter()).for_each(|(mine, base)| *mine -= base);
        self
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let scaled = (nanoseconds >> (SHIFT - 4)).max(STEPS as u64);
    let octave = scaled.ilog2() as usize - 4;
    let step = (scaled >> octave) as usize - STEPS;
    (octave * STEPS + step).min(BUCKETS - 1)
}
fn upper_bound_ns(bucket: usize) -> u64 {
    let (octave, step) = (bucket / STEPS, bucket % STEPS);
    ((((STEPS + step + 1) as u64) << octave) << (SHIFT - 4)) - 1
}

#[derive(Default)]
struct Row {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    buckets: std::sync::OnceLock<Box<[AtomicU64]>>,
}

/// The counts of one thread, by index of the command in the registry.
pub struct Tally(Box<[Row]>);
impl Tally {
    /// Only the thread that owns the tally may count: an increment is a load and a store.
    #[inline]
    fn add(counter: &AtomicU64, n: u64) {
        counter.store(counter.load(Relaxed) + n, Relaxed)
    }
    #[inline]
    pub fn called(&self, command: usize, nanoseconds: u64, failed: bool) {
        self.called_in_a_row(command, 1, nanoseconds, failed as u64)
    }
    /// Several calls of one command, which together took this long.
    #[inline]
    pub fn called_in_a_row(&self, command: usize, calls: u64, nanoseconds: u64, failed: u64) {
        let row = &self.0[command];
        Self::add(&row.calls, calls);
        Self::add(&row.nanoseconds, nanoseconds);
        let buckets = row.buckets.get_or_init(|| (0..BUCKETS).map(|_| AtomicU64::new(0)).collect());
        let mean = if calls == 1 { nanoseconds } else { nanoseconds / calls };
        Self::add(&buckets[bucket(mean)], calls);
        if failed > 0 {
            Self::add(&row.failed, failed)
        }
    }
    pub fn rejected(&self, command: usize) {
        Self::add(&self.0[command].rejected, 1)
    }
}

/// The tallies of all threads.
#[derive(Default)]
pub struct Tallies(Mutex<All>);
#[derive(Default)]
struct All {
    tallies: Vec<Arc<Tally>>,
    base: Vec<CommandTally>,
}
impl Tallies {
    /// A tally for the calling thread.
    pub fn join(&self, commands: usize) -> Arc<Tally> {
        let tally = Arc::new(Tally((0..commands).map(|_| Row::default()).collect()));
        self.lock().tallies.push(tally.clone());
        tally
    }
    /// The numbers of every command since the last reset, by index in the registry.
    pub fn sums(&self) -> Vec<CommandTally> {
        let all = self.lock();
        let sums = all.sums();
        if all.base.is_empty() {
            return sums;
        }
        sums.into_iter().zip(&all.base).map(|(sum, base)| sum.minus(base)).collect()
    }
    pub fn reset(&self) {
        let mut all = self.lock();
        all.base = all.sums();
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, All> {
        // A panic while adding up leaves the counts as they were.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
impl All {
    fn sums(&self) -> Vec<CommandTally> {
        let commands = self.tallies.first().map_or(0, |tally| tally.0.len());
        let mut sums = vec![CommandTally::default(); commands];
        for tally in &self.tallies {
            for (sum, row) in sums.iter_mut().zip(tally.0.iter()) {
                sum.calls += row.calls.load(Relaxed);
                sum.nanoseconds += row.nanoseconds.load(Relaxed);
                sum.rejected += row.rejected.load(Relaxed);
                sum.failed += row.failed.load(Relaxed);
                for (mine, theirs) in sum.buckets.iter_mut().zip(row.buckets.get().into_iter().flatten()) {
                    *mine += theirs.load(Relaxed);
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_its_bounds_say() {
        for nanoseconds in [0, 63, 64, 100, 1_000, 12_345, 1_000_000, 999_999_999] {
            let index = bucket(nanoseconds);
            assert!(nanoseconds <= upper_bound_ns(index), "{nanoseconds}");
            assert!(index == 0 || nanoseconds > upper_bound_ns(index - 1), "{nanoseconds}");
        }
    }

    #[test]
    fn sums_over_threads_start_anew_after_a_reset() {
        let tallies = Tallies::default();
        let (a, b) = (tallies.join(2), tallies.join(2));
        a.called(1, 1000, false);
        b.called(1, 3000, true);
        b.rejected(0);
        let sums = tallies.sums();
        assert_eq!((sums[1].calls, sums[1].nanoseconds, sums[1].failed, sums[0].rejected), (2, 4000, 1, 1));
        assert!((1000..1100).contains(&sums[1].percentile_ns(50.0)));
        tallies.reset();
        b.called(1, 1, false);
        assert_eq!(tallies.sums()[1].calls, 1);
    }
}
