//! Who must wait for a while: clients that an operator paused, and all that write, while the server itself needs its data
//! to stay as they are.
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering::Relaxed};

/// Which commands wait while clients are paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    Writes,
    All,
}

/// Why the server itself makes those wait that write; it ends what it has begun, so no time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PauseReason {
    Failover = 4,
    Shutdown = 8,
}

/// Of the flags, those that hold the scope of CLIENT PAUSE. 0: none, 1: writes, 2: all.
const SCOPE: u8 = 3;

/// CLIENT PAUSE, and the pauses of a failover and of a shutdown. Writer: the Supervisor. Readers: each Connection, at every
/// turn (all commands wait there), and the Keyspace, at every batch (those that write wait there).
#[derive(Debug, Default)]
pub struct Pause {
    flags: AtomicU8,
    /// Of CLIENT PAUSE.
    until_ms: AtomicI64,
}
impl Pause {
    /// The pause in force at this time, and when it ends (ms since 1970; `i64::MAX`: nobody knows yet).
    #[inline]
    pub fn at(&self, now_ms: i64) -> Option<(PauseScope, i64)> {
        let flags = self.flags.load(Relaxed);
        if flags == 0 {
            return None;
        }
        let asked = self.asked(flags, now_ms);
        match asked {
            // Behind it, writers may have to wait still: who waits looks again.
            Some((PauseScope::All, _)) => asked,
            _ if flags & !SCOPE != 0 => Some((PauseScope::Writes, i64::MAX)),
            _ => asked,
        }
    }
    /// What CLIENT PAUSE wants.
    fn asked(&self, flags: u8, now_ms: i64) -> Option<(PauseScope, i64)> {
        let scope = match flags & SCOPE {
            0 => return None,
            1 => PauseScope::Writes,
            _ => PauseScope::All,
        };
        let until_ms = self.until_ms.load(Relaxed);
        (now_ms < until_ms).then_some((scope, until_ms))
    }
    /// How long all commands must wait, in ms, if they must.
    #[inline]
    pub fn holds_all(&self, now_ms: i64) -> Option<i64> {
        match self.at(now_ms) {
            Some((PauseScope::All, until_ms)) => Some(until_ms - now_ms),
            _ => None,
        }
    }
    /// CLIENT PAUSE until `until_ms`; of two overlapping ones the wider scope and the later end hold.
    pub fn set(&self, scope: PauseScope, until_ms: i64, now_ms: i64) {
        let flags = self.flags.load(Relaxed);
        let (scope, until_ms) = match self.asked(flags, now_ms) {
            Some((old_scope, old_until_ms)) => (scope.max(old_scope), until_ms.max(old_until_ms)),
            None => (scope, until_ms),
        };
        self.until_ms.store(until_ms, Relaxed);
        self.flags.store(flags & !SCOPE | (scope as u8 + 1), Relaxed);
    }
    /// CLIENT UNPAUSE: what the server needs itself goes on.
    pub fn clear(&self) {
        self.flags.fetch_and(!SCOPE, Relaxed);
    }
    pub fn begin(&self, reason: PauseReason) {
        self.flags.fetch_or(reason as u8, Relaxed);
    }
    pub fn end(&self, reason: PauseReason) {
        self.flags.fetch_and(!(reason as u8), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_overlap() {
        let pause = Pause::default();
        assert_eq!(pause.at(0), None);
        pause.set(PauseScope::Writes, 100, 0);
        assert_eq!(pause.at(50), Some((PauseScope::Writes, 100)));
        pause.set(PauseScope::All, 80, 50);
        assert_eq!((pause.at(99), pause.holds_all(99)), (Some((PauseScope::All, 100)), Some(1)));
        assert_eq!((pause.at(100), pause.holds_all(100)), (None, None));
    }

    #[test]
    fn what_the_server_needs_no_client_ends() {
        let pause = Pause::default();
        let forever = Some((PauseScope::Writes, i64::MAX));
        pause.begin(PauseReason::Failover);
        pause.begin(PauseReason::Shutdown);
        assert_eq!((pause.at(0), pause.holds_all(0)), (forever, None));
        pause.set(PauseScope::All, 100, 0);
        // All wait for the end that is known; then writers still do.
        assert_eq!((pause.at(99), pause.at(100)), (Some((PauseScope::All, 100)), forever));
        pause.clear();
        pause.end(PauseReason::Failover);
        assert_eq!(pause.at(0), forever);
        pause.end(PauseReason::Shutdown);
        assert_eq!(pause.at(0), None);
        pause.set(PauseScope::Writes, 100, 0);
        pause.begin(PauseReason::Shutdown);
        pause.end(PauseReason::Shutdown);
        assert_eq!(pause.at(99), Some((PauseScope::Writes, 100)));
    }
}
