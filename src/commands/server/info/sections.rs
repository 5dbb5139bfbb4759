//! INFO's sections about what the server is and has, as opposed to what it did (`statistics`).
use super::{Report, Scene};
use crate::script::{Libraries, Scripts};
use crate::{
    allocator,
    board::ClientKind,
    commands::REDIS_VERSION,
    commands::memory::{gathered_bytes, uncounted_bytes},
    commands::server::{
        host::{self, human_bytes},
        memory::Figures,
        time::refined_us,
    },
    config::Config,
};
use nix::sys::resource::UsageWho;
use std::sync::atomic::Ordering::Relaxed;

pub fn server(scene: &Scene, report: &mut Report) {
    let (board, config) = (scene.backstage.board, scene.config);
    let uptime_seconds = board.started.elapsed().as_secs();
    let now_ms = scene.backstage.changes.now_ms();
    report.section("Server");
    report.field("redis_version", REDIS_VERSION);
    // As Redis says it of a build that no commit is known of.
    report.field("redis_git_sha1", "00000000");
    report.field("redis_git_dirty", 0);
    report.field("callboard_version", env!("CARGO_PKG_VERSION"));
    report.field("redis_mode", "standalone");
    report.known("os", host::system());
    report.field("arch_bits", usize::BITS);
    report.field("monotonic_clock", "POSIX clock_gettime");
    report.field("multiplexing_api", "epoll");
    report.field("process_id", std::process::id());
    report.field("process_supervised", "no");
    report.field("run_id", &board.run_id);
    report.field("tcp_port", if config.port != 0 { config.port } else { config.tls_port });
    report.field("server_time_usec", refined_us(now_ms));
    report.field("uptime_in_seconds", uptime_seconds);
    report.field("uptime_in_days", uptime_seconds / 86_400);
    report.field("hz", config.hz);
    report.field("configured_hz", config.hz);
    report.field("lru_clock", (now_ms / 1000) & 0xff_ffff);
    report.field("executable", &board.executable);
    report.field(
        "config_file",
        board.config_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default(),
    );
    report.field("io_threads_active", (config.io_threads > 1) as u8);
    let ends_at_ms = board.ends_at_ms.load(Relaxed);
    if ends_at_ms != 0 {
        report.field("shutdown_in_milliseconds", ends_at_ms - now_ms);
    }
    for (number, listener) in listeners(config) {
        report.field(&format!("listener{number}"), listener);
    }
}
/// The addresses that the configuration has us listen on. Each kind has its number, whichever others there are.
fn listeners(config: &Config) -> Vec<(u8, String)> {
    let mut listeners = Vec::new();
    let binds: String = config.bind.iter().map(|address| format!(",bind={address}")).collect();
    if config.port != 0 {
        listeners.push((0, format!("name=tcp{binds},port={}", config.port)));
    }
    if let Some(path) = &config.unixsocket {
        listeners.push((1, format!("name=unix,bind={}", path.display())));
    }
    if config.tls_port != 0 {
        listeners.push((2, format!("name=tls{binds},port={}", config.tls_port)));
    }
    listeners
}

pub fn clients(scene: &Scene, report: &mut Report) {
    let board = scene.backstage.board;
    let all = board.roster.all();
    let input = all.iter().map(|client| client.query_buffer_peak_bytes.load(Relaxed)).max();
    let output = all.iter().map(|client| client.output_buffer_bytes.load(Relaxed)).max();
    report.section("Clients");
    let replicas = all.iter().filter(|client| client.kind() == ClientKind::Replica).count();
    // Those, too, who are still making their handshakes: they count for `maxclients`.
    report.field("connected_clients", board.vitals.connected.load(Relaxed).saturating_sub(replicas));
    report.field("cluster_connections", 0);
    report.field("maxclients", scene.config.maxclients);
    report.field("client_recent_max_input_buffer", input.unwrap_or(0));
    report.field("client_recent_max_output_buffer", output.unwrap_or(0));
    report.field("blocked_clients", board.vitals.blocked_clients.load(Relaxed));
    report.field("clients_in_timeout_table", scene.backstage.waiting.count_in_time());
    let (blocking_keys, on_any_change) = scene.backstage.waiting.count_keys();
    report.field("total_blocking_keys", blocking_keys);
    report.field("total_blocking_keys_on_nokey", on_any_change);
    let (watching, watched_keys) = scene.backstage.watches.count();
    report.field("tracking_clients", scene.backstage.tracking.clients());
    report.field("pubsub_clients", board.subscriptions.clients.load(Relaxed));
    report.field("watching_clients", watching);
    report.field("total_watched_keys", watched_keys);
}

/// What scripts and functions take. Their interpreters are made when they are first asked for.
fn scripting_memory(scene: &Scene, report: &mut Report) {
    let (scripts, libraries) =
        (scene.backstage.scripting.known_scripts(), scene.backstage.scripting.known_libraries());
    let eval = scripts.map_or(0, |scripts| scripts.engine.memory_bytes());
    let kept_scripts = scripts.map_or(0, Scripts::overhead_bytes);
    let functions = libraries.map_or(0, |libraries| libraries.engine.memory_bytes());
    let kept_libraries = libraries.map_or(0, Libraries::overhead_bytes);
    report.fields([("used_memory_lua", eval), ("used_memory_vm_eval", eval)]);
    report.field("used_memory_lua_human", human_bytes(eval as u64));
    report.fields([
        ("used_memory_scripts_eval", kept_scripts),
        ("number_of_cached_scripts", scripts.map_or(0, Scripts::len)),
        ("number_of_functions", libraries.map_or(0, Libraries::function_count)),
        ("number_of_libraries", libraries.map_or(0, Libraries::len)),
        ("used_memory_vm_functions", functions),
        ("used_memory_vm_total", eval + functions),
    ]);
    report.field("used_memory_vm_total_human", human_bytes((eval + functions) as u64));
    let kept = kept_scripts + kept_libraries;
    report.fields([("used_memory_functions", kept_libraries), ("used_memory_scripts", kept)]);
    report.field("used_memory_scripts_human", human_bytes(kept as u64));
}

pub fn memory(scene: &Scene, report: &mut Report) {
    let (board, config) = (scene.backstage.board, scene.config);
    let figures = Figures::gather(scene.backstage.changes.store, board);
    report.section("Memory");
    let mut bytes = |name: &str, bytes: u64| {
        report.field(name, bytes);
        report.field(&format!("{name}_human"), human_bytes(bytes));
    };
    let total = host::total_memory_bytes();
    bytes("used_memory", figures.used as u64);
    bytes("used_memory_rss", figures.resident as u64);
    bytes("used_memory_peak", figures.peak as u64);
    report.field("used_memory_peak_perc", format_args!("{:.2}%", figures.peak_percent()));
    report.field("used_memory_overhead", figures.overhead());
    report.field("used_memory_startup", figures.startup);
    report.field("used_memory_dataset", figures.dataset());
    report.field("used_memory_dataset_perc", format_args!("{:.2}%", figures.dataset_percent()));
    report.field("allocator_allocated", figures.used);
    // The allocator does not tell which of its pages are in use and which are kept, and so no ratio of them either.
    report.field("allocator_resident", figures.resident);
    report.known("total_system_memory", total);
    report.known("total_system_memory_human", total.map(human_bytes));
    scripting_memory(scene, report);
    report.field("maxmemory", config.maxmemory);
    report.field("maxmemory_human", human_bytes(config.maxmemory));
    report.field("maxmemory_policy", config.maxmemory_policy.name());
    report.field("mem_fragmentation_ratio", format_args!("{:.2}", figures.fragmentation_ratio()));
    report.field("mem_fragmentation_bytes", figures.fragmentation_bytes());
    let changes = &scene.backstage.changes;
    let gathered = gathered_bytes(changes.record, changes.store) as u64;
    report.field("mem_not_counted_for_evict", uncounted_bytes(board) + gathered);
    let kept = board.replication.kept_bytes() + board.replication.queues_bytes();
    let backlog = board.replication.backlog.held_bytes.load(Relaxed);
    report.field("mem_replication_backlog", backlog);
    report.field("mem_total_replication_buffers", kept);
    report.field("mem_clients_slaves", kept - backlog.min(kept));
    report.field("mem_clients_normal", figures.clients);
    report.field("mem_cluster_links", 0);
    let archive = &scene.backstage.board.archive;
    let underway = archive.log_underway_bytes.load(Relaxed) + archive.log_pending_bytes.load(Relaxed);
    report.field("mem_aof_buffer", underway + changes.record.effects_memory_bytes() as u64);
    report.field("mem_expiry_wheel", figures.deadlines);
    report.field("mem_allocator", allocator::name());
    // The table grows in place.
    report.fields([("mem_overhead_db_hashtable_rehashing", 0), ("active_defrag_running", 0)]);
    report.field("lazyfree_pending_objects", board.vitals.lazyfree_pending.load(Relaxed).max(0));
    report.field("lazyfreed_objects", board.vitals.lazyfreed.load(Relaxed));
}

pub fn cpu(_: &Scene, report: &mut Report) {
    report.section("CPU");
    for (who, suffix) in [
        (UsageWho::RUSAGE_SELF, ""),
        (UsageWho::RUSAGE_CHILDREN, "_children"),
        // INFO runs on the thread of the data.
        (UsageWho::RUSAGE_THREAD, "_main_thread"),
    ] {
        if let Some((system, user)) = host::cpu_seconds(who) {
            report.field(&format!("used_cpu_sys{suffix}"), system);
            report.field(&format!("used_cpu_user{suffix}"), user);
        }
    }
}

pub fn modules(_: &Scene, report: &mut Report) {
    report.section("Modules");
}

pub fn cluster(_: &Scene, report: &mut Report) {
    report.section("Cluster");
    report.field("cluster_enabled", 0);
}

pub fn keyspace(scene: &Scene, report: &mut Report) {
    let changes = &scene.backstage.changes;
    report.section("Keyspace");
    for (index, database) in changes.store.databases().iter().enumerate() {
        if !database.is_empty() {
            let (keys, volatile, parted) = (database.len(), database.volatile(), database.parted());
            let mean_ttl_ms = database.mean_ttl_ms(changes.now_ms());
            report.field(
                &format!("db{index}"),
                format_args!("keys={keys},expires={volatile},avg_ttl={mean_ttl_ms},subexpiry={parted}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_those_of_the_configuration() {
        let config = Config { bind: vec!["127.0.0.1".into(), "::1".into()], ..Config::default() };
        assert_eq!(listeners(&config), [(0, "name=tcp,bind=127.0.0.1,bind=::1,port=6379".into())]);
        let config = Config { port: 0, unixsocket: Some("/s".into()), ..Config::default() };
        assert_eq!(listeners(&config), [(1, "name=unix,bind=/s".into())]);
    }
}
