//! INFO replication: whom we follow, who follows us, and how far each is.
use super::{Report, Scene};
use crate::board::{Link, LinkState, ReplicaRecord};
use std::sync::atomic::Ordering::Relaxed;

pub fn replication(scene: &Scene, report: &mut Report) {
    let (post, config) = (&scene.backstage.board.replication, scene.config);
    let (now_ms, offset) = (scene.backstage.changes.now_ms(), scene.backstage.changes.record.offset());
    report.section("Replication");
    match post.link.load_full() {
        Some(link) => {
            report.field("role", "slave");
            link_fields(&link, offset, now_ms, report);
            report.field("slave_priority", config.replica_priority);
            report.field("slave_read_only", config.replica_read_only as u8);
            report.field("replica_announced", config.replica_announced as u8);
        }
        None => report.field("role", "master"),
    }
    let replicas = post.replicas.load_full();
    report.field("connected_slaves", replicas.len());
    if config.min_replicas_to_write > 0 && config.min_replicas_max_lag_seconds > 0 {
        report.field("min_slaves_good_slaves", post.good_replicas.load(Relaxed));
    }
    for (number, replica) in replicas.iter().enumerate() {
        report.field(&format!("slave{number}"), replica_line(replica, now_ms));
    }
    let history = post.history.load_full();
    report.field("master_failover_state", post.failover().name());
    report.field("master_replid", &history.id);
    report.field("master_replid2", history.second_id.clone().unwrap_or_else(|| "0".repeat(40)));
    report.field("master_repl_offset", offset);
    let second = history.second_id.as_ref().map_or(-1, |_| history.second_end as i64);
    report.field("second_repl_offset", second);
    let backlog = &post.backlog;
    let is_on = backlog.is_on.load(Relaxed);
    report.field("repl_backlog_active", is_on as u8);
    report.field("repl_backlog_size", config.repl_backlog_size);
    // Redis counts from 1.
    let first = if is_on { backlog.first.load(Relaxed) + 1 } else { 0 };
    report.field("repl_backlog_first_byte_offset", first);
    report.field("repl_backlog_histlen", if is_on { backlog.bytes.load(Relaxed) } else { 0 });
}

/// Seconds from then to now; -1 if there is no then.
fn seconds_since(then_ms: i64, now_ms: i64) -> i64 {
    if then_ms == 0 { -1 } else { ((now_ms - then_ms) / 1000).max(0) }
}

fn link_fields(link: &Link, offset: u64, now_ms: i64, report: &mut Report) {
    let (state, heard_at_ms) = (link.state(), link.heard_at_ms.load(Relaxed));
    let is_up = state == LinkState::Connected;
    report.field("master_host", &link.host);
    report.field("master_port", link.port);
    report.field("master_link_status", if is_up { "up" } else { "down" });
    let heard = if is_up { seconds_since(heard_at_ms, now_ms) } else { -1 };
    report.field("master_last_io_seconds_ago", heard);
    report.field("master_sync_in_progress", (state == LinkState::Syncing) as u8);
    report.field("slave_read_repl_offset", link.read_offset.load(Relaxed).max(offset));
    report.field("slave_repl_offset", offset);
    if state == LinkState::Syncing {
        let (all, read) = (link.sync_bytes.load(Relaxed), link.synced_bytes.load(Relaxed));
        report.fields([("master_sync_total_bytes", all), ("master_sync_read_bytes", read)]);
        report.field("master_sync_left_bytes", all as i64 - read as i64);
        let percent = if all == 0 { 0.0 } else { read as f64 * 100.0 / all as f64 };
        report.field("master_sync_perc", format_args!("{percent:.2}"));
        let synced_at_ms = link.synced_at_ms.load(Relaxed);
        report.field("master_sync_last_io_seconds_ago", seconds_since(synced_at_ms, now_ms));
    }
    if !is_up {
        let down = seconds_since(link.down_since_ms.load(Relaxed), now_ms);
        report.field("master_link_down_since_seconds", down);
    }
}

fn replica_line(replica: &ReplicaRecord, now_ms: i64) -> String {
    let lag = if replica.is_online() { seconds_since(replica.heard_at_ms.load(Relaxed), now_ms) } else { 0 };
    format!(
        "ip={},port={},state={},offset={},lag={}",
        replica.ip,
        replica.port,
        replica.state().name(),
        replica.offset.load(Relaxed),
        lag.max(0)
    )
}
