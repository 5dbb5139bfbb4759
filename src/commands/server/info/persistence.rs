//! INFO's section about saving, logging and loading. Nothing here forks, so what Redis tells of copied pages is zero.
use super::{Report, Scene};
use crate::board::{Activity, Archive};
use std::sync::atomic::Ordering::Relaxed;

pub fn persistence(scene: &Scene, report: &mut Report) {
    let archive = &scene.backstage.board.archive;
    let now_s = scene.backstage.changes.now_ms() / 1000;
    report.section("Persistence");
    report.field("loading", archive.is_loading() as u8);
    report.field("async_loading", archive.is_loading_beside() as u8);
    report.fields([("current_cow_peak", 0), ("current_cow_size", 0), ("current_cow_size_age", 0)]);
    report.field("current_fork_perc", told_percent(archive));
    report.field("current_save_keys_processed", archive.keys_told.load(Relaxed));
    report.field("current_save_keys_total", archive.keys_total.load(Relaxed));
    saving(scene, archive, now_s, report);
    logging(scene, archive, now_s, report);
    report.fields([("module_fork_in_progress", 0), ("module_fork_last_cow_size", 0)]);
    if is_logged(scene, archive) {
        log_size(scene, archive, report);
    }
    if archive.is_loading() || archive.is_loading_beside() {
        loading(archive, now_s, report);
    }
}

/// From CONFIG SET on, though its first base takes a moment; and until the last command of a log that ends is written.
fn is_logged(scene: &Scene, archive: &Archive) -> bool {
    scene.config.appendonly || archive.log_is_on.load(Relaxed)
}
fn told_percent(archive: &Archive) -> String {
    let total = archive.keys_total.load(Relaxed).max(1) as f64;
    format!("{:.2}", (archive.keys_told.load(Relaxed) as f64 / total * 100.0).min(100.0))
}
fn status(failed: bool) -> &'static str {
    if failed { "err" } else { "ok" }
}
/// For how long this has been written, in seconds; -1 if it is not.
fn seconds_of(archive: &Archive, activity: Activity, now_s: i64) -> i64 {
    match archive.activity() == activity {
        true => (now_s - archive.activity_began_s.load(Relaxed)).max(0),
        false => -1,
    }
}

fn saving(scene: &Scene, archive: &Archive, now_s: i64, report: &mut Report) {
    let board = scene.backstage.board;
    let changes = board.vitals.changes.load(Relaxed) + scene.backstage.changes.record.changes;
    report.field("rdb_changes_since_last_save", changes);
    let saves = archive.activity() == Activity::Save || board.replication.syncs.load(Relaxed) > 0;
    report.field("rdb_bgsave_in_progress", saves as u8);
    report.field("rdb_last_save_time", archive.last_save_s.load(Relaxed));
    report.field("rdb_last_bgsave_status", status(archive.last_save_failed.load(Relaxed)));
    report.field("rdb_last_bgsave_time_sec", archive.last_background_save_seconds.load(Relaxed));
    report.field("rdb_current_bgsave_time_sec", seconds_of(archive, Activity::Save, now_s));
    report.field("rdb_saves", archive.saves.load(Relaxed));
    report.field("rdb_last_cow_size", 0);
    report.field("rdb_last_load_keys_expired", archive.loading.keys_expired.load(Relaxed));
    report.field("rdb_last_load_keys_loaded", archive.loading.keys_loaded.load(Relaxed));
}

fn logging(scene: &Scene, archive: &Archive, now_s: i64, report: &mut Report) {
    report.field("aof_enabled", is_logged(scene, archive) as u8);
    report.field("aof_rewrite_in_progress", (archive.activity() == Activity::Rewrite) as u8);
    report.field("aof_rewrite_scheduled", archive.rewrite_scheduled.load(Relaxed) as u8);
    report.field("aof_last_rewrite_time_sec", archive.last_rewrite_seconds.load(Relaxed));
    report.field("aof_current_rewrite_time_sec", seconds_of(archive, Activity::Rewrite, now_s));
    report.field("aof_last_bgrewrite_status", status(archive.last_rewrite_failed.load(Relaxed)));
    report.field("aof_rewrites", archive.rewrites.load(Relaxed));
    report.field("aof_rewrites_consecutive_failures", archive.rewrite_failures_in_a_row.load(Relaxed));
    report.field("aof_last_write_status", status(archive.log_error.load(Relaxed) != 0));
    report.field("aof_last_cow_size", 0);
}

fn log_size(scene: &Scene, archive: &Archive, report: &mut Report) {
    report.field("aof_current_size", archive.log_bytes.load(Relaxed));
    report.field("aof_base_size", archive.log_base_bytes.load(Relaxed));
    report.field("aof_pending_rewrite", 0);
    let gathered = scene.backstage.changes.record.effects_bytes() as u64;
    let underway = archive.log_underway_bytes.load(Relaxed);
    let waiting = gathered + underway + archive.log_pending_bytes.load(Relaxed);
    report.field("aof_buffer_length", waiting);
    report.field("aof_pending_bio_fsync", archive.log_unsynced.load(Relaxed) as u8);
    report.field("aof_delayed_fsync", archive.log_delayed_syncs.load(Relaxed));
}

fn loading(archive: &Archive, now_s: i64, report: &mut Report) {
    let loading = &archive.loading;
    let (began_s, total) = (loading.began_s.load(Relaxed), loading.bytes_total.load(Relaxed));
    let (loaded, writer_bytes) = (loading.bytes_loaded.load(Relaxed), loading.writer_bytes.load(Relaxed));
    // A stream without a length is guessed to be as long as the memory that its writer holds; and whatever is guessed, it is
    // never all before it is.
    let (percent, left_bytes) = match (total, writer_bytes) {
        (0, 0) => (0.0, 1),
        (0, guess) => (percent_of(loaded, guess).min(99.99), guess.saturating_sub(loaded).max(1)),
        _ => (percent_of(loaded, total).min(100.0), total.saturating_sub(loaded)),
    };
    let seconds = (now_s - began_s).max(0) as u64;
    // As long again for each byte that is left as for those that are loaded.
    let left_seconds = if seconds == 0 { 1 } else { seconds.saturating_mul(left_bytes) / (loaded + 1) };
    report.field("loading_start_time", began_s);
    report.field("loading_total_bytes", total);
    report.field("loading_rdb_used_mem", writer_bytes);
    report.field("loading_loaded_bytes", loaded);
    report.field("loading_loaded_perc", format_args!("{percent:.2}"));
    report.field("loading_eta_seconds", left_seconds);
}
fn percent_of(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}
