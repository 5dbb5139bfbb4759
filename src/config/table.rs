//! The one table that declares every parameter: its name, the typed field that holds it, its default, what values it
//! takes, when it may change, and what it does here.
//!
//! Adding a parameter is adding a row. A feature that comes into effect drops its `later`.

use std::path::PathBuf;

use super::checks::*;
use super::choices::*;
use super::parameter::{Apply, Directive, Field, Kind, Parameter, Standing};
use super::parameter::{integer, memory, parameters, row};
use super::setting::Setting;
use super::special::*;

/// Of users, what is in effect already.
const USERS: &str =
    "access lists, and as yet only gives the default user its passwords (channels are not restricted)";
const INT: i128 = i32::MAX as i128;
const UINT: i128 = u32::MAX as i128;
const LONG: i128 = i64::MAX as i128;
const ULONG: i128 = u64::MAX as i128;
const MIB: i128 = 1 << 20;

const CLUSTER: &str = "cluster mode";

const LAZY: &str = "large values are always freed on a thread of their own";
const DEFRAG: &str = "the allocator moves nothing";
const PLACEMENT: &str = "there are no such threads or processes to place";
const SYSLOG: &str = "the log goes to a file or to standard output";
const NO_CRASH_REPORT: &str = "the log tells of a crash in any case, and the system keeps its image";
const NO_HEARTBEAT: &str = "timers fire when they are due, there is no heartbeat";

const fn yes_no() -> Parameter {
    row(Kind::Bool)
}

const fn choice() -> Parameter {
    row(Kind::Choice)
}

const fn text() -> Parameter {
    row(Kind::Text)
}

const fn optional() -> Parameter {
    row(Kind::OptionalText)
}

const fn words() -> Parameter {
    row(Kind::Words)
}

parameters! {
    // Network
    "bind" => bind: Vec<String> = "* -::*", words().apply(Apply::Listen);
    "port" => port: u16 = "6379", integer(0, 65535).apply(Apply::Listen);
    "protected-mode" => protected_mode: bool = "yes", yes_no();
    "unixsocket" => unixsocket: Option<PathBuf> = "", optional().immutable();
    "unixsocketperm" => unixsocketperm: u32 = "0", row(Kind::Octal(0, 0o777)).immutable();
    "tcp-backlog" => tcp_backlog: u32 = "511", integer(0, INT).immutable();
    "tcp-keepalive" => tcp_keepalive_seconds: u32 = "300", integer(0, INT);
    "timeout" => timeout_seconds: u32 = "0", integer(0, INT);
    "maxclients" => maxclients: u32 = "10000", integer(1, UINT).apply(Apply::MaxClients);
    "max-new-connections-per-cycle" => max_new_connections_per_cycle: u32 = "10",
        integer(1, 1000).no_effect("accepting does not hold up commands");
    "max-new-tls-connections-per-cycle" => max_new_tls_connections_per_cycle: u32 = "1",
        integer(1, 1000).no_effect("handshakes have a thread of their own");
    "socket-mark-id" => socket_mark_id: u32 = "0", integer(0, UINT).immutable().later("marked sockets");
    "bind-source-addr" => bind_source_addr: Option<String> = "", optional();
    "proto-max-bulk-len" => proto_max_bulk_len: usize = "536870912", memory(MIB, LONG);
    "client-query-buffer-limit" => client_query_buffer_limit: usize = "1073741824", memory(MIB, LONG);
    "client-output-buffer-limit" => client_output_buffer_limit: OutputBufferLimits
        = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", words();
    "maxmemory-clients" => maxmemory_clients: MemoryShare = "0",
        row(Kind::MemoryOrPercent(-100, LONG)).later("eviction of clients");
    "io-threads" => io_threads: usize = "1", integer(1, 128).immutable();
    "io-threads-do-reads" => io_threads_do_reads: bool = "no",
        yes_no().immutable().no_effect("I/O threads always read");

    // TLS
    "tls-port" => tls_port: u16 = "0", integer(0, 65535).apply(Apply::Listen);
    "tls-session-cache-size" => tls_session_cache_size: u32 = "20480", integer(0, INT).apply(Apply::Tls);
    "tls-session-cache-timeout" => tls_session_cache_timeout_seconds: u32 = "300",
        integer(0, INT).no_effect("OpenSSL forgets a session after two hours");
    "tls-cluster" => tls_cluster: bool = "no", yes_no().apply(Apply::Tls);
    "tls-replication" => tls_replication: bool = "no", yes_no().apply(Apply::Tls);
    "tls-auth-clients" => tls_auth_clients: TlsAuthClients = "yes", choice().apply(Apply::Tls);
    "tls-prefer-server-ciphers" => tls_prefer_server_ciphers: bool = "no", yes_no().apply(Apply::Tls);
    "tls-session-caching" => tls_session_caching: bool = "yes", yes_no().apply(Apply::Tls);
    "tls-cert-file" => tls_cert_file: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-key-file" => tls_key_file: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-key-file-pass" => tls_key_file_pass: Option<String> = "", optional().sensitive().apply(Apply::Tls);
    "tls-client-cert-file" => tls_client_cert_file: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-client-key-file" => tls_client_key_file: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-client-key-file-pass" => tls_client_key_file_pass: Option<String> = "", optional().sensitive().apply(Apply::Tls);
    "tls-dh-params-file" => tls_dh_params_file: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-ca-cert-file" => tls_ca_cert_file: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-ca-cert-dir" => tls_ca_cert_dir: Option<PathBuf> = "", optional().volatile().apply(Apply::Tls);
    "tls-protocols" => tls_protocols: Option<String> = "", optional().apply(Apply::Tls);
    "tls-ciphers" => tls_ciphers: Option<String> = "", optional().apply(Apply::Tls);
    "tls-ciphersuites" => tls_ciphersuites: Option<String> = "", optional().apply(Apply::Tls);

    // General
    "daemonize" => daemonize: bool = "no", yes_no().immutable();
    "supervised" => supervised: Supervised = "no", choice().immutable().later("service managers");
    "pidfile" => pidfile: Option<PathBuf> = "", optional().immutable();
    "loglevel" => loglevel: LogLevel = "notice", choice().apply(Apply::Log);
    "logfile" => logfile: Option<PathBuf> = "", text().immutable();
    "hide-user-data-from-log" => hide_user_data_from_log: bool = "no",
        yes_no().no_effect("the log never holds user data");
    "syslog-enabled" => syslog_enabled: bool = "no", yes_no().immutable().no_effect(SYSLOG);
    "syslog-ident" => syslog_ident: String = "redis", text().immutable().no_effect(SYSLOG);
    "syslog-facility" => syslog_facility: SyslogFacility = "local0", choice().immutable().no_effect(SYSLOG);
    "crash-log-enabled" => crash_log_enabled: bool = "yes", yes_no().no_effect(NO_CRASH_REPORT);
    "crash-memcheck-enabled" => crash_memcheck_enabled: bool = "yes", yes_no().no_effect(NO_CRASH_REPORT);
    "use-exit-on-panic" => use_exit_on_panic: bool = "no", yes_no().hidden().no_effect(NO_CRASH_REPORT);
    "databases" => databases: usize = "16", integer(1, INT).immutable();
    "always-show-logo" => always_show_logo: bool = "no", yes_no().immutable().no_effect("there is no logo");
    "set-proc-title" => set_proc_title: bool = "yes",
        yes_no().immutable().no_effect("the process keeps its title");
    "proc-title-template" => proc_title_template: String = "{title} {listen-addr} {server-mode}",
        text().settle(proc_title_template_expands).no_effect("the process keeps its title");
    "locale-collate" => locale_collate: String = "", text().settle(locale_has_a_name).no_effect("strings compare by bytes");
    "ignore-warnings" => ignore_warnings: String = "", text().no_effect("there are no such warnings");
    "shutdown-timeout" => shutdown_timeout_seconds: u32 = "10", integer(0, INT);
    "shutdown-on-sigint" => shutdown_on_sigint: ShutdownOptions = "default", row(Kind::Flags);
    "shutdown-on-sigterm" => shutdown_on_sigterm: ShutdownOptions = "default", row(Kind::Flags);
    "hz" => hz: u32 = "10", integer(0, INT).settle(hz_within_reason).no_effect(NO_HEARTBEAT);
    "dynamic-hz" => dynamic_hz: bool = "yes", yes_no().no_effect(NO_HEARTBEAT);
    "activerehashing" => activerehashing: bool = "yes", yes_no().no_effect("the table grows without a second one");
    "active-expire-effort" => active_expire_effort: u32 = "1",
        integer(1, 10).no_effect("keys expire when they are due");
    "watchdog-period" => watchdog_period_ms: u32 = "0", integer(0, INT).hidden().no_effect(NO_CRASH_REPORT);
    "oom-score-adj" => oom_score_adj: OomScoreAdj = "no", choice().later("out-of-memory scores");
    "oom-score-adj-values" => oom_score_adj_values: [i32; 3] = "0 200 800", words().later("out-of-memory scores");
    "disable-thp" => disable_thp: bool = "yes", yes_no().immutable().no_effect("snapshots do not fork");
    "jemalloc-bg-thread" => jemalloc_bg_thread: bool = "yes", yes_no().no_effect("the allocator is not jemalloc");
    "server-cpulist" => server_cpulist: Option<String> = "",
        optional().alias("server_cpulist").immutable().later("pinning threads to cores");
    "bio-cpulist" => bio_cpulist: Option<String> = "",
        optional().alias("bio_cpulist").immutable().no_effect(PLACEMENT);
    "aof-rewrite-cpulist" => aof_rewrite_cpulist: Option<String> = "",
        optional().alias("aof_rewrite_cpulist").immutable().no_effect(PLACEMENT);
    "bgsave-cpulist" => bgsave_cpulist: Option<String> = "",
        optional().alias("bgsave_cpulist").immutable().no_effect(PLACEMENT);

    // Security
    "requirepass" => requirepass: Option<String> = "", optional().sensitive();
    "aclfile" => aclfile: String = "", text().immutable().later(USERS);
    "acl-pubsub-default" => acl_pubsub_default: AclPubsubDefault = "resetchannels", choice().later("access lists");
    "acllog-max-len" => acllog_max_len: usize = "128", integer(0, LONG).later("access lists");
    "enable-protected-configs" => enable_protected_configs: Permission = "no", choice().immutable();
    "enable-debug-command" => enable_debug_command: Permission = "no", choice().immutable();
    "enable-module-command" => enable_module_command: Permission = "no",
        choice().immutable().no_effect("modules cannot be loaded");
    "sanitize-dump-payload" => sanitize_dump_payload: SanitizeDumpPayload = "no",
        choice().no_effect("payloads are always checked");

    // Memory
    "maxmemory" => maxmemory: u64 = "0", memory(0, ULONG);
    "maxmemory-policy" => maxmemory_policy: MaxmemoryPolicy = "noeviction", choice();
    "maxmemory-samples" => maxmemory_samples: u32 = "5", integer(1, 64);
    "maxmemory-eviction-tenacity" => maxmemory_eviction_tenacity: u32 = "10", integer(0, 100);
    "lfu-log-factor" => lfu_log_factor: u32 = "10", integer(0, INT);
    "lfu-decay-time" => lfu_decay_time_minutes: u32 = "1", integer(0, INT);
    "lazyfree-lazy-eviction" => lazyfree_lazy_eviction: bool = "no", yes_no().no_effect(LAZY);
    "lazyfree-lazy-expire" => lazyfree_lazy_expire: bool = "no", yes_no().no_effect(LAZY);
    "lazyfree-lazy-server-del" => lazyfree_lazy_server_del: bool = "no", yes_no().no_effect(LAZY);
    "lazyfree-lazy-user-del" => lazyfree_lazy_user_del: bool = "no", yes_no().no_effect(LAZY);
    "lazyfree-lazy-user-flush" => lazyfree_lazy_user_flush: bool = "no", yes_no();
    "tracking-table-max-keys" => tracking_table_max_keys: usize = "1000000", integer(0, LONG);
    "activedefrag" => activedefrag: bool = "no", yes_no().settle(defragmentation_is_off).no_effect(DEFRAG);
    "active-defrag-cycle-min" => active_defrag_cycle_min: u32 = "1", integer(1, 99).no_effect(DEFRAG);
    "active-defrag-cycle-max" => active_defrag_cycle_max: u32 = "25", integer(1, 99).no_effect(DEFRAG);
    "active-defrag-threshold-lower" => active_defrag_threshold_lower: u32 = "10",
        integer(0, 1000).no_effect(DEFRAG);
    "active-defrag-threshold-upper" => active_defrag_threshold_upper: u32 = "100",
        integer(0, 1000).no_effect(DEFRAG);
    "active-defrag-max-scan-fields" => active_defrag_max_scan_fields: u64 = "1000",
        integer(1, LONG).no_effect(DEFRAG);
    "active-defrag-ignore-bytes" => active_defrag_ignore_bytes: u64 = "104857600",
        memory(1, LONG).no_effect(DEFRAG);

    // Encodings
    "hash-max-listpack-entries" => hash_max_listpack_entries: usize = "512",
        integer(0, LONG).alias("hash-max-ziplist-entries");
    "hash-max-listpack-value" => hash_max_listpack_value: usize = "64",
        memory(0, LONG).alias("hash-max-ziplist-value");
    "list-max-listpack-size" => list_max_listpack_size: i32 = "-2",
        integer(i32::MIN as i128, INT).alias("list-max-ziplist-size");
    "list-compress-depth" => list_compress_depth: u32 = "0", integer(0, INT);
    "set-max-intset-entries" => set_max_intset_entries: usize = "512", integer(0, LONG);
    "set-max-listpack-entries" => set_max_listpack_entries: usize = "128", integer(0, LONG);
    "set-max-listpack-value" => set_max_listpack_value: usize = "64", integer(0, LONG);
    "zset-max-listpack-entries" => zset_max_listpack_entries: usize = "128",
        integer(0, LONG).alias("zset-max-ziplist-entries");
    "zset-max-listpack-value" => zset_max_listpack_value: usize = "64",
        memory(0, LONG).alias("zset-max-ziplist-value");
    "stream-node-max-bytes" => stream_node_max_bytes: usize = "4096", memory(0, LONG);
    "stream-node-max-entries" => stream_node_max_entries: usize = "100", integer(0, LONG);
    "hll-sparse-max-bytes" => hll_sparse_max_bytes: usize = "3000", memory(0, LONG);

    // Persistence
    "dir" => dir: Directory = "", text().protected().denied_while_loading().apply(Apply::Directory);
    "save" => save: SavePoints = "3600 1 300 100 60 10000", words().accumulates();
    "dbfilename" => dbfilename: String = "dump.rdb",
        text().protected().settle(dbfilename_is_a_name);
    "rdbchecksum" => rdbchecksum: bool = "yes", yes_no().immutable();
    "rdbcompression" => rdbcompression: bool = "yes", yes_no();
    "rdb-del-sync-files" => rdb_del_sync_files: bool = "no", yes_no();
    "rdb-save-incremental-fsync" => rdb_save_incremental_fsync: bool = "yes", yes_no();
    "rdb-key-save-delay" => rdb_key_save_delay_us: i32 = "0",
        integer(i32::MIN as i128, INT).hidden();
    "key-load-delay" => key_load_delay_us: i32 = "0", integer(i32::MIN as i128, INT).hidden();
    "loading-process-events-interval-bytes" => loading_process_events_interval_bytes: u64 = "2097152",
        integer(1024, INT).hidden().no_effect("loading does not hold up connections");
    "stop-writes-on-bgsave-error" => stop_writes_on_bgsave_error: bool = "yes", yes_no();
    "appendonly" => appendonly: bool = "no", yes_no().denied_while_loading().apply(Apply::Persistence);
    "appendfilename" => appendfilename: String = "appendonly.aof",
        text().immutable().settle(appendfilename_is_a_name);
    "appenddirname" => appenddirname: String = "appendonlydir",
        text().immutable().settle(appenddirname_is_a_name);
    "appendfsync" => appendfsync: AppendFsync = "everysec", choice().apply(Apply::Persistence);
    "no-appendfsync-on-rewrite" => no_appendfsync_on_rewrite: bool = "no", yes_no();
    "auto-aof-rewrite-percentage" => auto_aof_rewrite_percentage: u32 = "100", integer(0, INT);
    "auto-aof-rewrite-min-size" => auto_aof_rewrite_min_size: u64 = "67108864", memory(0, LONG);
    "aof-rewrite-incremental-fsync" => aof_rewrite_incremental_fsync: bool = "yes", yes_no();
    "aof-load-truncated" => aof_load_truncated: bool = "yes", yes_no();
    "aof-use-rdb-preamble" => aof_use_rdb_preamble: bool = "yes", yes_no();
    "aof-timestamp-enabled" => aof_timestamp_enabled: bool = "no", yes_no();
    "aof-disable-auto-gc" => aof_disable_auto_gc: bool = "no", yes_no().hidden().apply(Apply::Persistence);

    // Replication
    "replicaof" => replicaof: Option<Master> = "", words().alias("slaveof").immutable();
    "masterauth" => masterauth: Option<String> = "", optional().sensitive();
    "masteruser" => masteruser: Option<String> = "", optional().sensitive();
    "replica-serve-stale-data" => replica_serve_stale_data: bool = "yes",
        yes_no().alias("slave-serve-stale-data");
    "replica-read-only" => replica_read_only: bool = "yes", yes_no().alias("slave-read-only");
    "replica-lazy-flush" => replica_lazy_flush: bool = "no", yes_no().alias("slave-lazy-flush").no_effect(LAZY);
    "replica-ignore-maxmemory" => replica_ignore_maxmemory: bool = "yes",
        yes_no().alias("slave-ignore-maxmemory");
    "replica-priority" => replica_priority: u32 = "100",
        integer(0, INT).alias("slave-priority");
    "replica-announced" => replica_announced: bool = "yes", yes_no();
    "replica-announce-ip" => replica_announce_ip: Option<String> = "",
        optional().alias("slave-announce-ip");
    "replica-announce-port" => replica_announce_port: u16 = "0",
        integer(0, 65535).alias("slave-announce-port");
    "replica-ignore-disk-write-errors" => replica_ignore_disk_write_errors: bool = "no",
        yes_no();
    "repl-timeout" => repl_timeout_seconds: u32 = "60", integer(1, INT);
    "repl-ping-replica-period" => repl_ping_replica_period_seconds: u32 = "10",
        integer(1, INT).alias("repl-ping-slave-period");
    "repl-disable-tcp-nodelay" => repl_disable_tcp_nodelay: bool = "no", yes_no();
    "repl-diskless-sync" => repl_diskless_sync: bool = "yes", yes_no();
    "repl-diskless-sync-delay" => repl_diskless_sync_delay_seconds: u32 = "5", integer(0, INT);
    "repl-diskless-sync-max-replicas" => repl_diskless_sync_max_replicas: u32 = "0",
        integer(0, INT);
    "repl-diskless-load" => repl_diskless_load: DisklessLoad = "disabled",
        choice().denied_while_loading();
    "repl-backlog-size" => repl_backlog_size: u64 = "1048576", memory(1, LONG).settle(repl_backlog_within_reason);
    "repl-backlog-ttl" => repl_backlog_ttl_seconds: u64 = "3600", integer(0, LONG);
    "min-replicas-to-write" => min_replicas_to_write: u32 = "0",
        integer(0, INT).alias("min-slaves-to-write");
    "min-replicas-max-lag" => min_replicas_max_lag_seconds: u32 = "10",
        integer(0, INT).alias("min-slaves-max-lag");
    "propagation-error-behavior" => propagation_error_behavior: PropagationErrorBehavior = "ignore",
        choice();

    // Cluster
    "cluster-enabled" => cluster_enabled: bool = "no", yes_no().immutable().later(CLUSTER);
    "cluster-config-file" => cluster_config_file: String = "nodes.conf", text().immutable().later(CLUSTER);
    "cluster-port" => cluster_port: u16 = "0", integer(0, 65535).immutable().later(CLUSTER);
    "cluster-node-timeout" => cluster_node_timeout_ms: u64 = "15000", integer(0, LONG).later(CLUSTER);
    "cluster-ping-interval" => cluster_ping_interval_ms: u64 = "0", integer(0, LONG).hidden().later(CLUSTER);
    "cluster-replica-validity-factor" => cluster_replica_validity_factor: u32 = "10",
        integer(0, INT).alias("cluster-slave-validity-factor").later(CLUSTER);
    "cluster-replica-no-failover" => cluster_replica_no_failover: bool = "no",
        yes_no().alias("cluster-slave-no-failover").later(CLUSTER);
    "cluster-allow-replica-migration" => cluster_allow_replica_migration: bool = "yes", yes_no().later(CLUSTER);
    "cluster-migration-barrier" => cluster_migration_barrier: u32 = "1", integer(0, INT).later(CLUSTER);
    "cluster-require-full-coverage" => cluster_require_full_coverage: bool = "yes", yes_no().later(CLUSTER);
    "cluster-allow-reads-when-down" => cluster_allow_reads_when_down: bool = "no", yes_no().later(CLUSTER);
    "cluster-allow-pubsubshard-when-down" => cluster_allow_pubsubshard_when_down: bool = "yes",
        yes_no().later(CLUSTER);
    "cluster-link-sendbuf-limit" => cluster_link_sendbuf_limit: u64 = "0", memory(0, ULONG).later(CLUSTER);
    "cluster-announce-ip" => cluster_announce_ip: Option<String> = "", optional().later(CLUSTER);
    "cluster-announce-port" => cluster_announce_port: u16 = "0", integer(0, 65535).later(CLUSTER);
    "cluster-announce-tls-port" => cluster_announce_tls_port: u16 = "0", integer(0, 65535).later(CLUSTER);
    "cluster-announce-bus-port" => cluster_announce_bus_port: u16 = "0", integer(0, 65535).later(CLUSTER);
    "cluster-announce-hostname" => cluster_announce_hostname: Option<String> = "",
        optional().settle(hostname_is_valid).later(CLUSTER);
    "cluster-announce-human-nodename" => cluster_announce_human_nodename: Option<String> = "",
        optional().settle(nodename_is_valid).later(CLUSTER);
    "cluster-preferred-endpoint-type" => cluster_preferred_endpoint_type: ClusterEndpointType = "ip",
        choice().later(CLUSTER);

    // Observation and scripts
    "slowlog-log-slower-than" => slowlog_log_slower_than_us: i64 = "10000",
        integer(-1, LONG).later("the slow log");
    "slowlog-max-len" => slowlog_max_len: usize = "128", integer(0, LONG).later("the slow log");
    "latency-monitor-threshold" => latency_monitor_threshold_ms: u64 = "0",
        integer(0, LONG).later("latency monitoring");
    "latency-tracking" => latency_tracking: bool = "yes", yes_no();
    "latency-tracking-info-percentiles" => latency_tracking_info_percentiles: Vec<f64> = "50 99 99.9", words();
    "notify-keyspace-events" => notify_keyspace_events: KeyspaceEvents = "",
        text();
    "busy-reply-threshold" => busy_reply_threshold_ms: u64 = "5000",
        integer(0, LONG).alias("lua-time-limit");
}

/// What else a file may hold.
pub static DIRECTIVES: &[Directive] = &[
    Directive { name: "include", words: (1, 1), standing: Standing::InEffect },
    Directive { name: "user", words: (1, usize::MAX), standing: Standing::Later(USERS) },
    Directive { name: "rename-command", words: (2, 2), standing: Standing::InEffect },
    Directive {
        name: "loadmodule",
        words: (1, usize::MAX),
        standing: Standing::NoEffect("modules cannot be loaded"),
    },
    Directive { name: "list-max-ziplist-entries", words: (1, 1), standing: RETIRED },
    Directive { name: "list-max-ziplist-value", words: (1, 1), standing: RETIRED },
    Directive { name: "lua-replicate-commands", words: (1, 1), standing: RETIRED },
];

const RETIRED: Standing = Standing::NoEffect("it was retired before Redis 7");
