//! The script that keeps everybody waiting. Writer: the Keyspace; who may stop it: any Connection.
use crate::error::CommandError;
use bytes::Bytes;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// What takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusyWith {
    Script,
    Function,
}

impl BusyWith {
    /// What clients are told meanwhile.
    pub fn refusal(self) -> CommandError {
        CommandError::fixed(match self {
            BusyWith::Script => {
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
            }
            BusyWith::Function => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
            }
        })
    }
}

/// What is known of it.
#[derive(Clone, Debug)]
pub struct Slow {
    pub name: String,
    /// The words of the request that called it.
    pub words: Vec<Bytes>,
    pub started: Instant,
}

#[derive(Debug, Default)]
pub struct Busy {
    /// 0: nothing, 1: a script, 2: a function.
    with: AtomicU8,
    /// It has changed data, so it cannot be stopped without leaving them half changed.
    pub wrote: AtomicBool,
    killed: AtomicBool,
    /// It was killed because the server ends.
    abandoned: AtomicBool,
    /// Read and written when somebody asks, or when a script begins or ends to be slow.
    slow: Mutex<Option<Slow>>,
    /// How many libraries and functions there are.
    pub libraries: AtomicUsize,
    pub functions: AtomicUsize,
}

impl Busy {
    /// Since it has taken longer than `busy-reply-threshold`.
    #[inline]
    pub fn with(&self) -> Option<BusyWith> {
        match self.with.load(Relaxed) {
            0 => None,
            1 => Some(BusyWith::Script),
            _ => Some(BusyWith::Function),
        }
    }
    pub fn begin(&self, with: BusyWith, slow: Slow) {
        *self.slow.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(slow);
        self.killed.store(false, Relaxed);
        self.abandoned.store(false, Relaxed);
        self.with.store(if with == BusyWith::Script { 1 } else { 2 }, Relaxed);
    }
    pub fn end(&self) {
        self.with.store(0, Relaxed);
        self.wrote.store(false, Relaxed);
        *self.slow.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }
    pub fn slow(&self) -> Option<Slow> {
        self.slow.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
    pub fn kill(&self) {
        self.killed.store(true, Relaxed)
    }
    /// Ends it because the server ends: nobody hears of what became of it.
    pub fn abandon(&self) {
        self.abandoned.store(true, Relaxed);
        self.kill();
    }
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Relaxed)
    }
}
