//! What is known of the files: how saving, logging and loading go. INFO shows it, and commands are refused by it.
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, SeqCst},
};

/// What is written in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Activity {
    None = 0,
    /// BGSAVE
    Save = 1,
    /// BGREWRITEAOF
    Rewrite = 2,
}

/// Writer: Persistence; but who begins an [`Activity`] claims it here, so that there is one at a time.
#[derive(Debug)]
pub struct Archive {
    pub loading: Loading,
    /// A sync has failed when our data were gone: there are none until one succeeds, or we are promoted. Nothing of that
    /// takes the place of what is on disk, unless somebody asks for it. Writer: Keyspace.
    pub lacks_data: AtomicBool,
    activity: AtomicU8,
    /// Seconds since 1970.
    pub activity_began_s: AtomicI64,
    /// To begin when nothing else is being written.
    pub save_scheduled: AtomicBool,
    pub rewrite_scheduled: AtomicBool,
    /// Keys of the activity under way: all, and those told.
    pub keys_total: AtomicU64,
    pub keys_told: AtomicU64,
    /// How many were begun in the background since the start.
    pub snapshots: AtomicU64,

    /// Seconds since 1970; the start counts as one.
    pub last_save_s: AtomicI64,
    pub last_save_failed: AtomicBool,
    /// When the last save in the background began, seconds since 1970.
    pub last_save_tried_s: AtomicI64,
    /// How long it took; -1: there was none.
    pub last_background_save_seconds: AtomicI64,
    /// Asked for or begun by itself, whatever came of it.
    pub saves: AtomicU64,

    /// Something is logged, or on its way to the log: it may go on for a moment when `appendonly` is off.
    pub log_is_on: AtomicBool,
    pub log_bytes: AtomicU64,
    pub log_base_bytes: AtomicU64,
    /// Not written yet.
    pub log_pending_bytes: AtomicU64,
    /// Handed over by the Keyspace, and not taken by Persistence yet; both write it.
    pub log_underway_bytes: AtomicU64,
    pub log_unsynced: AtomicBool,
    /// Number of the last commit that is on the medium: posted before replies that waited for it go out.
    pub log_synced: AtomicU64,
    pub log_delayed_syncs: AtomicU64,
    /// Persistence waits so long before it writes (DEBUG AOF-FLUSH-SLEEP).
    pub log_delay_us: AtomicU64,
    /// Of the last write or sync; 0: it went well.
    pub log_error: AtomicI32,
    pub last_rewrite_failed: AtomicBool,
    pub last_rewrite_seconds: AtomicI64,
    pub rewrites: AtomicU64,
    pub rewrite_failures_in_a_row: AtomicU64,
    /// Bases that the log was given. Writer: Persistence.
    pub bases: AtomicU64,
}

/// How far loading has come.
#[derive(Debug, Default)]
pub struct Loading {
    pub active: AtomicBool,
    /// They are loaded beside the old ones, which serve until then (`repl-diskless-load swapdb`).
    pub beside: AtomicBool,
    /// Seconds since 1970.
    pub began_s: AtomicI64,
    pub bytes_total: AtomicU64,
    pub bytes_loaded: AtomicU64,
    /// Memory that the server held which wrote the snapshot, as that says, bytes.
    pub writer_bytes: AtomicU64,
    /// Of the last snapshot that was loaded.
    pub keys_loaded: AtomicU64,
    pub keys_expired: AtomicU64,
}

impl Archive {
    pub fn new(now_s: i64) -> Archive {
        Archive {
            loading: Loading::default(),
            lacks_data: AtomicBool::new(false),
            activity: AtomicU8::new(0),
            activity_began_s: AtomicI64::new(0),
            save_scheduled: AtomicBool::new(false),
            rewrite_scheduled: AtomicBool::new(false),
            keys_total: AtomicU64::new(0),
            keys_told: AtomicU64::new(0),
            snapshots: AtomicU64::new(0),
            last_save_s: AtomicI64::new(now_s),
            last_save_failed: AtomicBool::new(false),
            last_save_tried_s: AtomicI64::new(0),
            last_background_save_seconds: AtomicI64::new(-1),
            saves: AtomicU64::new(0),
            log_is_on: AtomicBool::new(false),
            log_bytes: AtomicU64::new(0),
            log_base_bytes: AtomicU64::new(0),
            log_pending_bytes: AtomicU64::new(0),
            log_underway_bytes: AtomicU64::new(0),
            log_synced: AtomicU64::new(0),
            log_unsynced: AtomicBool::new(false),
            log_delayed_syncs: AtomicU64::new(0),
            log_delay_us: AtomicU64::new(0),
            log_error: AtomicI32::new(0),
            last_rewrite_failed: AtomicBool::new(false),
            last_rewrite_seconds: AtomicI64::new(-1),
            rewrites: AtomicU64::new(0),
            rewrite_failures_in_a_row: AtomicU64::new(0),
            bases: AtomicU64::new(0),
        }
    }
    pub fn activity(&self) -> Activity {
        match self.activity.load(SeqCst) {
            0 => Activity::None,
            1 => Activity::Save,
            _ => Activity::Rewrite,
        }
    }
    /// Begins something in the background; false if something is under way.
    pub fn claim(&self, activity: Activity, now_s: i64) -> bool {
        let claimed = self.activity.compare_exchange(0, activity as u8, SeqCst, SeqCst).is_ok();
        if claimed {
            self.activity_began_s.store(now_s, Relaxed);
        }
        claimed
    }
    /// It has begun in the background.
    pub fn count_begun(&self, activity: Activity) {
        self.snapshots.fetch_add(1, Relaxed);
        let kind = if activity == Activity::Rewrite { &self.rewrites } else { &self.saves };
        kind.fetch_add(1, Relaxed);
    }
    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for count in [
            &self.snapshots,
            &self.saves,
            &self.rewrites,
            &self.rewrite_failures_in_a_row,
            &self.log_delayed_syncs,
        ] {
            count.store(0, Relaxed);
        }
    }
    pub fn release(&self) {
        self.activity.store(0, SeqCst);
        self.keys_total.store(0, Relaxed);
        self.keys_told.store(0, Relaxed);
    }
    /// Something could not be written lately.
    #[inline]
    pub fn is_ailing(&self) -> bool {
        self.log_error.load(Relaxed) != 0 || self.last_save_failed.load(Relaxed)
    }
    /// Who sees that it is over comes behind what was told because of it.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.active.load(Acquire)
    }
    /// Other data are being loaded, and the old ones serve meanwhile.
    #[inline]
    pub fn is_loading_beside(&self) -> bool {
        self.loading.beside.load(Relaxed)
    }
}
