//! INFO's sections about what the server did: counters, and times per command.
use super::{Report, Scene};
use crate::{
    board::{CommandTally, Topic},
    commands::registry::{Node, Registry},
};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub fn stats(scene: &Scene, report: &mut Report) {
    let vitals = &scene.backstage.board.vitals;
    // What the data's owner has counted in this very batch is not posted yet.
    let counts = &scene.backstage.changes.store.counts;
    let read = |counter: &AtomicU64| counter.load(Relaxed);
    let kilobytes = |counter: &AtomicU64| format!("{:.2}", counter.load(Relaxed) as f64 / 1024.0);
    report.section("Stats");
    report.field("total_connections_received", read(&vitals.connections_received));
    report.field("total_commands_processed", read(&vitals.commands_processed));
    report.field("instantaneous_ops_per_sec", read(&vitals.operations_per_second));
    report.field("total_net_input_bytes", vitals.all_input_bytes());
    report.field("total_net_output_bytes", vitals.all_output_bytes());
    report.field("total_net_repl_input_bytes", read(&vitals.replication_input_bytes));
    report.field("total_net_repl_output_bytes", read(&vitals.replication_output_bytes));
    report.field("instantaneous_input_kbps", kilobytes(&vitals.input_bytes_per_second));
    report.field("instantaneous_output_kbps", kilobytes(&vitals.output_bytes_per_second));
    let replication =
        [&vitals.replication_input_bytes_per_second, &vitals.replication_output_bytes_per_second];
    report.field("instantaneous_input_repl_kbps", kilobytes(replication[0]));
    report.field("instantaneous_output_repl_kbps", kilobytes(replication[1]));
    report.field("rejected_connections", read(&vitals.connections_rejected));
    let replication = &scene.backstage.board.replication;
    report.fields([
        ("sync_full", replication.full.load(Relaxed)),
        ("sync_partial_ok", replication.partial.load(Relaxed)),
        ("sync_partial_err", replication.partial_refused.load(Relaxed)),
    ]);
    report.field("expired_subkeys", read(&vitals.expired_fields) + counts.expired_fields);
    report.field("expired_keys", read(&vitals.expired) + counts.expired);
    report.field("callboard_expiry_lag_p99_ms", vitals.expiry_lag.percentile_ms(99.0));
    report.field("callboard_expiry_lag_max_ms", vitals.expiry_lag.percentile_ms(100.0));
    report.field("callboard_expiry_wheel_items", vitals.wheel_items.load(Relaxed));
    // Every key goes when it is due: none of them grow stale, and no cycle looks for them.
    report.field("expired_stale_perc", "0.00");
    report.field("expired_time_cap_reached_count", 0);
    report.field("evicted_keys", read(&vitals.evicted) + counts.evicted);
    // Only keys make room.
    report.field("evicted_clients", 0);
    report.field("evicted_scripts", read(&vitals.evicted_scripts));
    let (exceeded_ms, current_ms) = vitals.eviction_exceeded_ms();
    report.fields([
        ("total_eviction_exceeded_time", exceeded_ms),
        ("current_eviction_exceeded_time", current_ms),
    ]);
    report.field("keyspace_hits", read(&vitals.hits) + counts.hits.get());
    report.field("keyspace_misses", read(&vitals.misses) + counts.misses.get());
    for (name, topic) in [
        ("pubsub_channels", Topic::Channel),
        ("pubsub_patterns", Topic::Pattern),
        ("pubsubshard_channels", Topic::ShardChannel),
    ] {
        report.field(name, scene.backstage.board.subscriptions.names(topic));
    }
    report.field("latest_fork_usec", 0);
    report.field("slave_expires_tracked_keys", vitals.own_deadlines.load(Relaxed));
    report.fields(
        [
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
        ]
        .map(|name| (name, 0)),
    );
    let (keys, items) = scene.backstage.tracking.remembered();
    report.field("tracking_total_keys", keys);
    report.field("tracking_total_items", items);
    report.field("tracking_total_prefixes", scene.backstage.tracking.prefixes());
    // To what our master told us: commands that cannot run here, and those that fail.
    report.field("unexpected_error_replies", vitals.unexpected_errors.load(Relaxed));
    report.field("migrate_cached_sockets", read(&vitals.migration_connections));
    // Nothing forks. Who waits for a fork waits for what it would be for.
    report.field("total_forks", read(&scene.backstage.board.archive.snapshots));
    report.field("total_error_replies", read(&vitals.error_replies));
    report.field("dump_payload_sanitizations", 0);
    report.field("total_reads_processed", read(&vitals.reads));
    report.field("total_writes_processed", read(&vitals.writes));
    report.field("client_query_buffer_limit_disconnections", read(&vitals.query_buffer_limit_disconnections));
    report
        .field("client_output_buffer_limit_disconnections", read(&vitals.output_buffer_limit_disconnections));
    // Connections read and write on the data's own thread, or all on threads of their own.
    let on_io_threads = |counter: &AtomicU64| if scene.config.io_threads > 1 { read(counter) } else { 0 };
    report.field("io_threaded_reads_processed", on_io_threads(&vitals.reads));
    report.field("io_threaded_writes_processed", on_io_threads(&vitals.writes));
    // Replies have no buffer of a size of its own.
    report.fields([("reply_buffer_shrinks", 0), ("reply_buffer_expands", 0)]);
    report.field("acl_access_denied_auth", read(&vitals.denied_logins));
    // There is one user, who may do everything.
    report.fields(
        ["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"].map(|name| (name, 0)),
    );
}

/// The commands that were asked for since the last reset, with their numbers, by name.
fn tallied(scene: &Scene) -> Vec<(&'static Node, CommandTally)> {
    let mut sums: Vec<Option<CommandTally>> =
        scene.backstage.board.tallies.sums().into_iter().map(Some).collect();
    let take = |node: &'static Node| Some((node, sums.get_mut(node.index)?.take()?));
    let mut tallied: Vec<_> = Registry::get().all().filter_map(take).collect();
    tallied.retain(|(_, tally)| tally.calls + tally.rejected + tally.failed > 0);
    tallied.sort_unstable_by_key(|(node, _)| node.full_name);
    tallied
}

pub fn commands(scene: &Scene, report: &mut Report) {
    report.section("Commandstats");
    for (node, tally) in tallied(scene) {
        let microseconds = tally.nanoseconds / 1000;
        let mean = tally.nanoseconds as f64 / 1000.0 / tally.calls.max(1) as f64;
        report.field(
            &format!("cmdstat_{}", node.full_name),
            format_args!(
                "calls={},usec={microseconds},usec_per_call={mean:.2},rejected_calls={},failed_calls={}",
                tally.calls, tally.rejected, tally.failed
            ),
        );
    }
}

pub fn latencies(scene: &Scene, report: &mut Report) {
    report.section("Latencystats");
    if !scene.config.latency_tracking {
        return;
    }
    for (node, tally) in tallied(scene).iter().filter(|(_, tally)| tally.calls > 0) {
        let percentiles = scene.config.latency_tracking_info_percentiles.iter();
        let shown = percentiles.map(|&percent| {
            let microseconds = tally.percentile_ns(percent) as f64 / 1000.0;
            format!("p{percent}={microseconds:.3}")
        });
        let shown: Vec<String> = shown.collect();
        report.field(&format!("latency_percentiles_usec_{}", node.full_name), shown.join(","));
    }
}

pub fn errors(scene: &Scene, report: &mut Report) {
    report.section("Errorstats");
    for (prefix, count) in scene.backstage.board.errors.all() {
        report.field(&format!("errorstat_{}", safe(&prefix)), format_args!("count={count}"));
    }
}
/// A prefix may hold a client's own bytes (through DEBUG ERROR or a script): none of them may look like INFO's.
fn safe(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '#' | ':' | '\n' | '\r') { '_' } else { c }).collect()
}
