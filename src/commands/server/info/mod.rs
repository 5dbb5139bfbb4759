//! INFO: the state of the server in sections of `field:value` lines, which every tool around Redis reads.
//!
//! Names, order and formats are Redis'; a field whose value we cannot know is left out rather than made up. Some
//! tools look fields up by their first occurrence as a substring: nothing before `loading:` may contain `loading`,
//! and `used_memory:` precedes what derives from it.
mod persistence;
mod replication;
mod report;
mod sections;
mod statistics;

use super::spec;
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    config::Config,
    resp::Reply,
};
use report::Report;

/// One section: the word that selects it, and who writes it.
struct Section {
    name: &'static str,
    /// Part of what INFO shows unasked.
    by_default: bool,
    write: fn(&Scene, &mut Report),
}
const fn section(name: &'static str, write: fn(&Scene, &mut Report)) -> Section {
    Section { name, by_default: true, write }
}
const fn on_demand(name: &'static str, write: fn(&Scene, &mut Report)) -> Section {
    Section { name, by_default: false, write }
}
/// In the order in which they are shown.
static SECTIONS: &[Section] = &[
    section("server", sections::server),
    section("clients", sections::clients),
    section("memory", sections::memory),
    section("persistence", persistence::persistence),
    section("stats", statistics::stats),
    section("replication", replication::replication),
    section("cpu", sections::cpu),
    section("modules", sections::modules),
    on_demand("commandstats", statistics::commands),
    section("errorstats", statistics::errors),
    on_demand("latencystats", statistics::latencies),
    section("cluster", sections::cluster),
    section("keyspace", sections::keyspace),
];

/// What the sections look at.
struct Scene<'a, 'b> {
    backstage: &'a Backstage<'b>,
    config: &'a Config,
}

/// The chosen sections, a bit for each.
pub struct Info(u32);
impl Command for Info {
    const SPEC: Spec = spec("INFO", AtLeast(1))
        .flags(LOADING | STALE)
        .categories(category("dangerous"))
        .syntax("[section [section ...]]")
        .summary("Tells the state and the statistics of the server.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .history(&[("7.0.0", "Takes several sections.")]);
    fn parse(args: &mut Args) -> Result<Info, CommandError> {
        let default = chosen(|section| section.by_default);
        if args.is_empty() {
            return Ok(Info(default));
        }
        let mut sections = 0;
        while !args.is_empty() {
            let everything = u32::MAX;
            sections |=
                match args.one_of(&[("default", default), ("all", everything), ("everything", everything)]) {
                    Some(several) => several,
                    None => {
                        let word = args.word()?;
                        chosen(|section| section.name.as_bytes().eq_ignore_ascii_case(word))
                    }
                };
        }
        Ok(Info(sections))
    }
}
fn chosen(choose: impl Fn(&Section) -> bool) -> u32 {
    SECTIONS.iter().enumerate().filter(|(_, section)| choose(section)).map(|(index, _)| 1 << index).sum()
}
impl BackstageCommand for Info {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let config = backstage.board.config.load();
        let scene = Scene { backstage, config: &config };
        let mut report = Report::default();
        for (index, section) in SECTIONS.iter().enumerate() {
            if self.0 >> index & 1 != 0 {
                (section.write)(&scene, &mut report);
            }
        }
        reply.verbatim("txt", report.text().as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    /// Names of the sections in a reply.
    fn sections(reply: &str) -> String {
        let heads = reply.split("# ").skip(1).map(|part| part.split(' ').next().unwrap_or_default());
        heads.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sections_are_chosen_by_name() {
        let mut client = client();
        let usual =
            "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace";
        let all = "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats \
                   Latencystats Cluster Keyspace";
        for (line, expected) in [
            ("INFO", usual),
            ("INFO default", usual),
            ("INFO ALL", all),
            ("INFO everything", all),
            ("INFO Keyspace CPU", "CPU Keyspace"),
            ("INFO keyspace nosuch", "Keyspace"),
            ("INFO nosuch", ""),
            ("INFO commandstats default", &all.replace("Latencystats ", "")),
        ] {
            assert_eq!(sections(&client.say(line)), expected, "{line}");
        }
        assert!(client.resp3().say("INFO cluster").starts_with("=34 txt:# Cluster cluster_enabled:0 "));
    }

    #[test]
    fn tools_that_search_for_substrings_find_the_right_field() {
        let info = client().say("INFO everything");
        assert!(info[info.find("loading").unwrap()..].starts_with("loading:0 "));
        assert!(info[info.find("used_memory").unwrap()..].starts_with("used_memory:"));
    }

    #[test]
    fn every_line_is_a_field_of_its_own() {
        let info = client().say("INFO");
        let names: Vec<&str> =
            info.split(' ').filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        for field in [
            "redis_version",
            "callboard_version",
            "run_id",
            "used_memory_rss",
            "role",
            "used_cpu_user_main_thread",
        ] {
            assert!(names.contains(&field), "{field}");
        }
    }

    #[test]
    fn what_happened_is_told() {
        let mut client = client();
        for line in ["SET a 1", "SET b 2 PX 5000", "SETEX c 10 x", "GET a", "GET nosuch", "INCR c"] {
            client.say(line);
        }
        let keyspace = client.say("INFO keyspace");
        assert!(
            keyspace.ends_with("# Keyspace db0:keys=3,expires=2,avg_ttl=7500,subexpiry=0  "),
            "{keyspace}"
        );
        let stats = client.say("INFO stats errorstats");
        for part in ["keyspace_hits:1 keyspace_misses:1 ", "total_error_replies:1 ", "errorstat_ERR:count=1 "]
        {
            assert!(stats.contains(part), "{part}: {stats}");
        }
        let commands = client.say("INFO commandstats latencystats");
        for part in [
            "cmdstat_get:calls=2,usec=",
            ",rejected_calls=0,failed_calls=1 ",
            "latency_percentiles_usec_get:p50=",
        ] {
            assert!(commands.contains(part), "{part}: {commands}");
        }
    }
}
