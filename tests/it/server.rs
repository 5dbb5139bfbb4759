//! What the server tells about itself: COMMAND, INFO, TIME, MEMORY, DEBUG.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::PATIENCE;
use crate::support::{Client, Protocol, Server, Value, ours, redis_server};

#[test]
fn command_keys_and_lists() {
    transcript!(
        r#"
        COMMAND GETKEYS GET k
        COMMAND GETKEYS MSET a 1 b 2
        COMMAND GETKEYS BITOP AND d a b c
        COMMAND GETKEYS PFCOUNT a b
        COMMAND GETKEYS LCS a b
        COMMAND GETKEYS COPY a b
        COMMAND GETKEYS OBJECT ENCODING k
        COMMAND GETKEYS MEMORY USAGE k
        COMMAND GETKEYS PING ## since 7.2 one argument is enough
        COMMAND GETKEYS NOSUCH k
        COMMAND GETKEYS GET ## since 7.2 one argument is enough
        COMMAND GETKEYS
        COMMAND GETKEYSANDFLAGS SET k v
        COMMAND GETKEYSANDFLAGS GET k
        COMMAND GETKEYSANDFLAGS DEL a b
        COMMAND GETKEYSANDFLAGS RENAME a b
        COMMAND GETKEYSANDFLAGS PFMERGE d a b
        COMMAND GETKEYSANDFLAGS SET k v GET
        COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0
        COMMAND GETKEYSANDFLAGS BITFIELD k SET u8 0 1
        COMMAND GETKEYSANDFLAGS NOSUCH ## since 7.2 one argument is enough
        COMMAND LIST FILTERBY PATTERN getr*
        COMMAND LIST FILTERBY PATTERN no*such
        COMMAND LIST FILTERBY ACLCAT nosuch
        COMMAND LIST FILTERBY MODULE nosuch
        COMMAND LIST FILTERBY FOO bar
        COMMAND LIST FILTERBY
        COMMAND INFO nosuch
        COMMAND INFO get nosuch GETRANGE
        COMMAND INFO set
        COMMAND INFO mset del ping
        COMMAND INFO object|encoding
        COMMAND INFO object|nosuch
        COMMAND DOCS nosuch
        COMMAND COUNT x
        COMMAND FOO
        COMMAND HELP ## the words are our own
        "#
    );
}

#[test]
fn command_lists_agree() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let count = client.call(&["COMMAND", "COUNT"]).integer();
    let list = client.call(&["COMMAND", "LIST"]).items();
    let all = client.call(&["COMMAND"]).items();
    let top = list.iter().filter(|name| !name.text().contains('|')).count();
    assert_eq!((top as i64, all.len() as i64), (count, count));
    assert_eq!(client.call(&["COMMAND", "INFO"]).items().len() as i64, count);
    assert_eq!(client.call(&["COMMAND", "DOCS"]).items().len() as i64, 2 * count);
    client.hello(Protocol::Resp3);
    assert!(matches!(client.call(&["COMMAND", "DOCS"]), Value::Map(_)));
    let strings = client.call(&["COMMAND", "LIST", "FILTERBY", "ACLCAT", "string"]).items();
    assert!(strings.contains(&Value::bulk("getrange")) && !strings.contains(&Value::bulk("del")));
    let docs = client.call(&["COMMAND", "DOCS", "GETRANGE"]);
    let get_range = docs.field("getrange").expect("documented");
    assert_eq!(get_range.field("since"), Some(Value::bulk("2.4.0")));
    assert_eq!(get_range.field("group"), Some(Value::bulk("string")));
    for field in ["summary", "complexity", "arguments"] {
        assert!(get_range.field(field).is_some(), "{field} in {get_range:?}");
    }
    let names = get_range.field("arguments").expect("checked above").items();
    let names: Vec<_> = names.iter().filter_map(|argument| argument.field("name")).collect();
    assert_eq!(names, ["key", "start", "end"].map(Value::bulk));
}

/// INFO as fields, sections apart.
fn info(client: &mut Client, sections: &[&str]) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = client.call(&[&["INFO"], sections].concat()).text();
    let mut found = BTreeMap::<String, BTreeMap<String, String>>::new();
    let mut section = String::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(name) => section = name.to_string(),
            None => {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon in {line}"));
                found.entry(section.clone()).or_default().insert(name.into(), value.into());
            }
        }
        found.entry(section.clone()).or_default();
    }
    found
}

/// Dashboards look for Redis' fields. Left out is what we could not know, or what would not be true.
#[test]
fn info_has_the_fields_of_redis() {
    const LEFT_OUT: [&str; 16] = [
        // Our allocator tells what the process holds, not what it has handed out of that.
        "allocator_active",
        "allocator_frag_bytes",
        "allocator_frag_ratio",
        "allocator_rss_bytes",
        "allocator_rss_ratio",
        "rss_overhead_bytes",
        "rss_overhead_ratio",
        "gcc_version",
        "redis_build_id",
        "atomicvar_api",
        "expire_cycle_cpu_milliseconds",
        "eventloop_cycles",
        "eventloop_duration_sum",
        "eventloop_duration_cmd_sum",
        "instantaneous_eventloop_cycles_per_sec",
        "instantaneous_eventloop_duration_usec",
    ];
    let [here, theirs] = [ours(), redis_server()].map(|binary| {
        let server = Server::start(&binary, &[]);
        let sections = info(&mut server.connect(), &["everything"]);
        // Which commands and errors there were is told in fields of their names.
        let sections = sections.into_iter().filter(|(name, _)| !name.ends_with("stats"));
        sections.flat_map(|(_, fields)| fields.into_keys()).collect::<BTreeSet<String>>()
    });
    let missing: Vec<&String> =
        theirs.difference(&here).filter(|name| !LEFT_OUT.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!LEFT_OUT.iter().any(|name| here.contains(*name)), "a name is left over in the list");
}

#[test]
fn failed_logins_are_counted() {
    let server = Server::start(&ours(), &["--requirepass", "secret"]);
    let mut client = server.connect();
    for credentials in [&["secrets"][..], &["nobody", "secret"], &["secret"]] {
        client.call(&[&["AUTH"], credentials].concat());
    }
    assert!(client.call(&["HELLO", "3", "AUTH", "default", "wrong"]).is_error());
    assert_eq!(info(&mut client, &["stats"])["Stats"]["acl_access_denied_auth"], "3");
}

#[test]
fn info_sections() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    client.call(&["SET", "k", "v"]);
    client.call(&["SETEX", "t", "100", "v"]);
    assert!(client.call(&["INCR", "k"]).is_error());
    let needed: &[(&str, &str)] = &[
        (
            "Server",
            "redis_version redis_mode os arch_bits process_id run_id tcp_port uptime_in_seconds hz config_file",
        ),
        ("Clients", "connected_clients maxclients blocked_clients"),
        (
            "Memory",
            "used_memory used_memory_human used_memory_rss used_memory_peak maxmemory maxmemory_policy",
        ),
        ("Persistence", "loading rdb_bgsave_in_progress aof_enabled aof_rewrite_in_progress"),
        (
            "Stats",
            "total_connections_received total_commands_processed instantaneous_ops_per_sec keyspace_hits \
            keyspace_misses expired_keys evicted_keys total_net_input_bytes total_error_replies",
        ),
        ("Replication", "role connected_slaves master_replid master_repl_offset"),
        ("CPU", "used_cpu_sys used_cpu_user"),
        ("Errorstats", "errorstat_ERR"),
        ("Keyspace", "db0"),
    ];
    let all = info(&mut client, &[]);
    for (section, fields) in needed {
        let found = all.get(*section).unwrap_or_else(|| panic!("no section {section}"));
        for field in fields.split_whitespace() {
            assert!(found.contains_key(field), "no {field} in {section}: {found:?}");
        }
    }
    assert!(!all.contains_key("Commandstats"), "only when asked for");
    assert!(all["Server"]["redis_version"].starts_with("7.4."), "{:?}", all["Server"]);
    assert_eq!(all["Server"]["tcp_port"], server.port().to_string());
    assert_eq!(all["Server"]["process_id"], server.pid().to_string());
    assert_eq!(all["Server"]["run_id"].len(), 40);
    assert_eq!(all["Errorstats"]["errorstat_ERR"], "count=1");
    assert!(all["Keyspace"]["db0"].starts_with("keys=2,expires=1,avg_ttl="), "{:?}", all["Keyspace"]);

    let everything = info(&mut client, &["everything"]);
    assert!(everything["Commandstats"]["cmdstat_set"].starts_with("calls=1,usec="));
    let incr = &everything["Commandstats"]["cmdstat_incr"];
    assert!(incr.ends_with("rejected_calls=0,failed_calls=1"), "{incr}");
    assert!(everything["Latencystats"]["latency_percentiles_usec_set"].starts_with("p50="));
    let two = info(&mut client, &["server", "CLIENTS"]);
    assert_eq!(two.keys().collect::<Vec<_>>(), ["Clients", "Server"]);
    assert!(info(&mut client, &["nosuch"]).is_empty());
    client.hello(Protocol::Resp3);
    assert!(matches!(client.call(&["INFO", "server"]), Value::Verbatim(format, _) if format == "txt"));
}

/// redis-cli reads INFO by first substring, so the order and the wording of the early fields matter.
#[test]
fn info_is_readable_by_first_substring() {
    let server = Server::start(&ours(), &[]);
    let text = server.connect().call(&["INFO"]).text();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what}"));
    assert_eq!(at("loading"), at("loading:"));
    assert_eq!(at("used_memory"), at("used_memory:"));
}

#[test]
fn statistics_count_and_reset() {
    for io_threads in ["1", "2"] {
        let server = Server::start(&ours(), &["--io-threads", io_threads]);
        let mut client = server.connect();
        client.call(&["SET", "k", "v"]);
        (0..7).for_each(|_| drop(client.call(&["GET", "k"])));
        (0..3).for_each(|_| drop(client.call(&["GET", "absent"])));
        client.call(&["NOSUCH"]);
        client.call(&["GET"]);
        let all = info(&mut client, &["all"]);
        assert_eq!(all["Stats"]["keyspace_hits"], "7");
        assert_eq!(all["Stats"]["keyspace_misses"], "3");
        assert_eq!(all["Stats"]["total_error_replies"], "2");
        let get = &all["Commandstats"]["cmdstat_get"];
        assert!(get.starts_with("calls=10,") && get.ends_with("rejected_calls=1,failed_calls=0"), "{get}");
        assert_eq!(all["Clients"]["connected_clients"], "1");
        assert_eq!(client.call(&["CONFIG", "RESETSTAT"]), Value::ok());
        let all = info(&mut client, &["all"]);
        assert_eq!(all["Stats"]["keyspace_hits"], "0");
        assert!(!all["Commandstats"].contains_key("cmdstat_get"));
        assert!(!all.get("Errorstats").is_some_and(|errors| errors.contains_key("errorstat_ERR")));
    }
}

#[test]
fn time_and_art() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let time = client.call(&["TIME"]).items();
    let seconds: u64 = time[0].text().parse().expect("seconds");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(now.abs_diff(seconds) <= 60, "{seconds} is not about {now}");
    assert!(time[1].text().parse::<u64>().expect("microseconds") < 1_000_000);
    assert_eq!(time.len(), 2);
    client.hello(Protocol::Resp3);
    for arguments in [&["LOLWUT"][..], &["LOLWUT", "VERSION", "5"], &["LOLWUT", "VERSION", "6"]] {
        let art = client.call(arguments);
        assert!(matches!(&art, Value::Verbatim(format, _) if format == "txt"), "{art:?}");
        assert!(art.text().contains("Redis ver. 7.4."), "{art:?}");
    }
}

#[test]
fn memory() {
    transcript!(
        r#"
        MEMORY USAGE absent
        SET k v
        ~ MEMORY USAGE k
        ~ MEMORY USAGE k SAMPLES 0
        MEMORY USAGE k SAMPLES -1
        MEMORY USAGE k SAMPLES a
        MEMORY USAGE k SAMPLES
        MEMORY USAGE k FOO 1
        MEMORY USAGE
        MEMORY PURGE
        MEMORY PURGE x
        MEMORY FOO
        MEMORY
        MEMORY HELP ## the words are our own
        TIME x
        LOLWUT VERSION a
        "#
    );
}

#[test]
fn memory_is_counted() {
    let server = Server::start(&ours(), &[]);
    let mut client = server.connect();
    let used = |client: &mut Client| -> i64 {
        info(client, &["memory"])["Memory"]["used_memory"].parse().expect("bytes")
    };
    let before = used(&mut client);
    assert_eq!(client.call(&["SETRANGE", "big", "4999999", "x"]), Value::Integer(5_000_000));
    let grown = used(&mut client) - before;
    assert!((5_000_000..7_000_000).contains(&grown), "5,000,000 bytes took {grown}");
    let usage = client.call(&["MEMORY", "USAGE", "big"]).integer();
    assert!((5_000_000..6_500_000).contains(&usage), "{usage}");
    client.call(&["FLUSHALL", "SYNC"]);
    // Large values are freed on a thread of their own.
    let deadline = Instant::now() + PATIENCE;
    while used(&mut client) - before >= 1_500_000 {
        assert!(Instant::now() < deadline, "{} bytes kept after FLUSHALL", used(&mut client) - before);
        thread::sleep(Duration::from_millis(5));
    }
    let stats = client.call(&["MEMORY", "STATS"]);
    for field in ["peak.allocated", "total.allocated", "startup.allocated", "keys.count", "dataset.bytes"] {
        assert!(stats.field(field).is_some(), "{field} in {stats:?}");
    }
    let doctor = client.call(&["MEMORY", "DOCTOR"]).text();
    assert!(!doctor.is_empty());
}

#[test]
fn debug() {
    transcript!(
        r#"
        DEBUG SLEEP 0.01
        DEBUG SLEEP 0
        DEBUG JMAP ## Redis has none, so the answer is our own
        DEBUG STRINGMATCH-LEN 20000 a*a*a*b ## our own: how long a pattern takes
        DEBUG PROTOCOL STRING
        DEBUG PROTOCOL INTEGER
        DEBUG PROTOCOL DOUBLE
        DEBUG PROTOCOL NULL
        DEBUG PROTOCOL ARRAY
        DEBUG PROTOCOL SET
        DEBUG PROTOCOL MAP
        DEBUG PROTOCOL ATTRIB
        DEBUG PROTOCOL VERBATIM
        DEBUG PROTOCOL TRUE
        DEBUG PROTOCOL FALSE
        DEBUG PROTOCOL BIGNUM
        DEBUG PROTOCOL FOO
        DEBUG OBJECT absent
        DEBUG SET-ACTIVE-EXPIRE 1
        DEBUG FOO
        DEBUG
        "#
    );
}

#[test]
fn debug_push_stands_beside_its_reply() {
    let server = Server::start(&ours(), &["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.hello(Protocol::Resp3);
    let push = Value::Push(vec![Value::bulk("server-cpu-usage"), Value::Integer(42)]);
    let said = [client.call(&["DEBUG", "PROTOCOL", "PUSH"]), client.receive()];
    // 7.0 sends the push first, 7.4 after the reply.
    assert!(said.contains(&push) && said.iter().any(|value| matches!(value, Value::Bulk(_))), "{said:?}");
}

#[test]
fn debug_object_tells_the_encoding() {
    let server = Server::start(&ours(), &["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.call(&["SET", "k", "abc"]);
    let told = client.call(&["DEBUG", "OBJECT", "k"]).text();
    for part in
        ["Value at:", "refcount:1", "encoding:embstr", "serializedlength:4", "lru:", "lru_seconds_idle:"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn debug_is_refused_by_default() {
    let server = Server::start(&ours(), &[]);
    let refused = server.connect().call(&["DEBUG", "SLEEP", "0"]).text();
    assert!(
        refused.starts_with("ERR DEBUG command not allowed. If the enable-debug-command option"),
        "{refused}"
    );
}

/// A subcommand that there is not is no command: it is not counted as one, and one need not say who one is to hear that.
#[test]
fn unknown_subcommands() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &["--requirepass", "secret"]);
        let mut client = server.connect();
        for container in ["CLIENT", "COMMAND"] {
            let said = client.call(&[container, "FOO"]).text();
            assert_eq!(said, format!("ERR unknown subcommand 'FOO'. Try {container} HELP."));
        }
        client.call(&["AUTH", "secret"]);
        let stats = info(&mut client, &["commandstats"]);
        let counted = &stats["Commandstats"];
        assert!(!["cmdstat_client", "cmdstat_command"].iter().any(|name| counted.contains_key(*name)));
        client.call(&["CLIENT"]);
        let stats = info(&mut client, &["commandstats"]);
        assert!(stats["Commandstats"]["cmdstat_client"].contains("rejected_calls=1"), "{stats:?}");
    }
}

#[test]
fn the_run_and_the_history_have_names_of_their_own() {
    for binary in [ours(), redis_server()] {
        let server = Server::start(&binary, &[]);
        let all = info(&mut server.connect(), &[]);
        let (run, history) = (&all["Server"]["run_id"], &all["Replication"]["master_replid"]);
        assert_eq!((run.len(), history.len()), (40, 40));
        assert_ne!(run, history);
    }
}
