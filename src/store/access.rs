//! The 24-bit access clock of an entry: when it was last used (LRU), or how often (LFU).
//!
//! Which of the two it is depends on `maxmemory-policy`. LRU holds seconds; LFU holds 16 bits of minutes and an
//! 8-bit logarithmic counter (Morris counting), which grows with a probability that falls as it grows and loses
//! one for every `lfu-decay-time` minutes without use. Both wrap; ages are differences modulo the clock's width.

use crate::config::Config;

/// A new key's LFU counter: not zero, so that it has a chance to be used before it is evicted.
const COUNTER_INITIAL: u32 = 5;
const LRU_MASK: u32 = (1 << 24) - 1;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AccessPolicy {
    Recency,
    Frequency { log_factor: u32, decay_minutes: u32 },
}

impl AccessPolicy {
    pub fn of(config: &Config) -> AccessPolicy {
        match config.maxmemory_policy.is_lfu() {
            true => AccessPolicy::Frequency {
                log_factor: config.lfu_log_factor,
                decay_minutes: config.lfu_decay_time_minutes,
            },
            false => AccessPolicy::Recency,
        }
    }
}

/// The clock's reading for one moment, and how to advance an entry's.
#[derive(Clone, Copy, Debug)]
pub struct AccessClock {
    pub policy: AccessPolicy,
    now_ms: i64,
}
impl AccessClock {
    pub fn new(policy: AccessPolicy, now_ms: i64) -> AccessClock {
        AccessClock { policy, now_ms }
    }
    fn seconds(self) -> u32 {
        (self.now_ms / 1000) as u32 & LRU_MASK
    }
    fn minutes(self) -> u32 {
        (self.now_ms / 60_000) as u32 & 0xffff
    }
    /// The clock of an entry that is born now.
    pub fn birth(self) -> u32 {
        match self.policy {
            AccessPolicy::Recency => self.seconds(),
            AccessPolicy::Frequency { .. } => self.minutes() << 8 | COUNTER_INITIAL,
        }
    }
    /// The clock of an entry that is used now; `random` is uniform in 0..1.
    pub fn touched(self, clock: u32, random: impl FnOnce() -> f64) -> u32 {
        let AccessPolicy::Frequency { log_factor, .. } = self.policy else { return self.seconds() };
        let counter = self.frequency(clock);
        let above = counter.saturating_sub(COUNTER_INITIAL) as f64;
        let grows = counter < 255 && random() < 1.0 / (above * log_factor as f64 + 1.0);
        self.minutes() << 8 | (counter + grows as u32)
    }
    /// The LFU counter as it has decayed until now.
    pub fn frequency(self, clock: u32) -> u32 {
        let AccessPolicy::Frequency { decay_minutes, .. } = self.policy else { return 0 };
        let idle_minutes = self.minutes().wrapping_sub(clock >> 8) & 0xffff;
        let periods = idle_minutes.checked_div(decay_minutes).unwrap_or(0);
        (clock & 0xff).saturating_sub(periods)
    }
    /// The clock of an entry that was not used for so many seconds; as of one that is born now, under LFU.
    pub fn idle_for(self, seconds: u64) -> u32 {
        match self.policy {
            AccessPolicy::Recency => {
                self.seconds().wrapping_sub(seconds.min(LRU_MASK.into()) as u32) & LRU_MASK
            }
            AccessPolicy::Frequency { .. } => self.birth(),
        }
    }
    /// The clock of an entry with this LFU counter; as of one that is born now, under LRU.
    pub fn with_frequency(self, counter: u8) -> u32 {
        match self.policy {
            AccessPolicy::Recency => self.birth(),
            AccessPolicy::Frequency { .. } => self.minutes() << 8 | u32::from(counter),
        }
    }
    /// Seconds since an entry was used, under LRU.
    pub fn idle_seconds(self, clock: u32) -> u32 {
        self.seconds().wrapping_sub(clock) & LRU_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let at = |seconds: i64| AccessClock::new(AccessPolicy::Recency, seconds * 1000);
        assert_eq!(at(100).idle_seconds(at(90).birth()), 10);
        assert_eq!(at((1 << 24) + 5).idle_seconds(at((1 << 24) - 5).birth()), 10);
    }

    #[test]
    fn a_counter_grows_with_use_and_decays_without() {
        let policy = AccessPolicy::Frequency { log_factor: 10, decay_minutes: 1 };
        let now = AccessClock::new(policy, 1_000_000_000);
        assert_eq!(now.frequency(now.birth()), 5);
        let used = now.touched(now.birth(), || 0.0);
        assert_eq!(now.frequency(used), 6);
        assert_eq!(
            now.frequency(now.touched(used, || 0.99)),
            6,
            "the higher it is, the less likely it grows"
        );
        let later = AccessClock::new(policy, 1_000_000_000 + 4 * 60_000);
        assert_eq!(later.frequency(used), 2);
    }
}
