//! MEMORY: where the bytes are.
mod figures;

pub use figures::Figures;

use super::{
    help::{help, help_spec},
    spec,
};
use crate::{
    allocator,
    commands::{
        Backstage, BackstageCommand, Command, Entry, Outcome,
        args::Args,
        backstage, backstage_read,
        error::CommandError,
        session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use bytes::Bytes;

pub static SUBCOMMANDS: &[Entry] = &[
    backstage::<Doctor>(),
    session::<Help>(),
    backstage::<MallocStats>(),
    backstage::<Purge>(),
    backstage::<Stats>(),
    backstage_read::<Usage>(),
];

const REPORT: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
/// What the table holds of an entry: a tagged pointer.
const SLOT_BYTES: usize = 8;

/// Parts of a value that are looked at, where the client does not say.
const SAMPLES: usize = 5;

pub struct Usage {
    key: Bytes,
    /// 0: all parts.
    samples: usize,
}
impl Command for Usage {
    const SPEC: Spec = spec("USAGE", AtLeast(3))
        .keys(&[key(2, RO)])
        .since("4.0.0")
        .complexity("O(N)")
        .syntax("key [SAMPLES count]")
        .summary("Tells how much memory a key and its value take.");
    fn parse(args: &mut Args) -> Result<Usage, CommandError> {
        let mut usage = Usage { key: args.bytes()?, samples: SAMPLES };
        while !args.is_empty() {
            if !args.option("SAMPLES") || args.is_empty() {
                return Err(CommandError::Syntax);
            }
            usage.samples = usize::try_from(args.integer()?).map_err(|_| CommandError::Syntax)?;
        }
        Ok(usage)
    }
}
impl BackstageCommand for Usage {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        match backstage.changes.view().peek(&self.key) {
            Some(entry) => reply.integer((entry.size_bytes(self.samples) + SLOT_BYTES) as i64),
            None => reply.null(),
        }
        Ok(())
    }
}

pub struct Stats;
impl Command for Stats {
    const SPEC: Spec =
        spec("STATS", Exactly(2)).since("4.0.0").summary("Tells what the memory is used for.").tips(REPORT);
    fn parse(_: &mut Args) -> Result<Stats, CommandError> {
        Ok(Stats)
    }
}
impl BackstageCommand for Stats {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let figures = Figures::gather(backstage.changes.store, backstage.board);
        let databases = backstage.changes.store.databases().iter().enumerate();
        let databases: Vec<_> = databases.filter(|(_, database)| !database.is_empty()).collect();
        let counts = figures.counts();
        let ratios = figures.ratios();
        reply.map(counts.len() + databases.len() + ratios.len());
        for (name, value) in counts {
            reply.bulk(name.as_bytes());
            reply.integer(value as i64);
        }
        for (index, database) in databases {
            reply.bulk(format!("db.{index}").as_bytes());
            reply.map(1);
            reply.bulk(b"overhead.hashtable.main");
            reply.integer(database.table_bytes() as i64);
        }
        for (name, value) in ratios {
            reply.bulk(name.as_bytes());
            reply.double(value);
        }
        Ok(())
    }
}

pub struct Doctor;
impl Command for Doctor {
    const SPEC: Spec = spec("DOCTOR", Exactly(2))
        .since("4.0.0")
        .summary("Looks for what is wrong with memory use, and says what to do.")
        .tips(REPORT);
    fn parse(_: &mut Args) -> Result<Doctor, CommandError> {
        Ok(Doctor)
    }
}
impl BackstageCommand for Doctor {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let figures = Figures::gather(backstage.changes.store, backstage.board);
        reply.verbatim("txt", figures.diagnosis().as_bytes());
        Ok(())
    }
}

pub struct Purge;
impl Command for Purge {
    const SPEC: Spec = spec("PURGE", Exactly(2))
        .since("4.0.0")
        .complexity("Depends on how much memory is allocated")
        .summary("Gives memory that is free back to the system.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);
    fn parse(_: &mut Args) -> Result<Purge, CommandError> {
        Ok(Purge)
    }
}
impl BackstageCommand for Purge {
    fn run(&mut self, _: &mut Backstage, reply: &mut Reply) -> Outcome {
        allocator::purge();
        reply.ok();
        Ok(())
    }
}

pub struct MallocStats;
impl Command for MallocStats {
    const SPEC: Spec = spec("MALLOC-STATS", Exactly(2))
        .since("4.0.0")
        .complexity("Depends on how much memory is allocated")
        .summary("Shows the allocator's own figures.")
        .tips(REPORT);
    fn parse(_: &mut Args) -> Result<MallocStats, CommandError> {
        Ok(MallocStats)
    }
}
impl BackstageCommand for MallocStats {
    fn run(&mut self, _: &mut Backstage, reply: &mut Reply) -> Outcome {
        let text = allocator::statistics().ok_or(CommandError::fixed("ERR the allocator has no figures"))?;
        reply.verbatim("txt", text.as_bytes());
        Ok(())
    }
}

help!(
    Help of "MEMORY",
    help_spec("4.0.0"),
    "DOCTOR",
    "    Look for what is wrong with memory use.",
    "MALLOC-STATS",
    "    Show the allocator's own figures, as JSON.",
    "PURGE",
    "    Give memory that is free back to the system.",
    "STATS",
    "    Tell what the memory is used for.",
    "USAGE <key> [SAMPLES <count>]",
    "    Tell how much memory a key and its value take. Of nested values <count>",
    "    are looked at (0: all), and the rest is estimated.",
);

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::{check, client};

    #[test]
    fn usage_is_what_the_entry_takes() {
        check(&[
            ("SET key:000000000001 vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", "+OK "),
            ("MEMORY USAGE key:000000000001", ":72 "),
            ("MEMORY USAGE key:000000000001 SAMPLES 0", ":72 "),
            ("MEMORY USAGE nosuch", "$-1 "),
            ("MEMORY USAGE k SAMPLES", "-ERR syntax error "),
            ("MEMORY USAGE k SAMPLES -1", "-ERR syntax error "),
            ("MEMORY USAGE k SAMPLES x", "-ERR value is not an integer or out of range "),
            ("MEMORY USAGE k MORE", "-ERR syntax error "),
        ]);
    }

    #[test]
    fn reports() {
        let mut client = client().resp3();
        client.say("SET k v");
        let stats = client.say("MEMORY STATS");
        for part in
            ["$10 keys.count :1 ", "$4 db.0 %1 $23 overhead.hashtable.main :", "$15 peak.percentage ,"]
        {
            assert!(stats.contains(part), "{part}: {stats}");
        }
        assert!(client.say("MEMORY DOCTOR").starts_with('='));
        assert!(client.say("MEMORY MALLOC-STATS").contains('{'));
        client.check(&[("MEMORY PURGE", "+OK ")]);
        assert!(client.say("MEMORY HELP").starts_with("*14 "));
    }
}
