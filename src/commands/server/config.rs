//! CONFIG: reading the configuration needs nobody; changing it is the Supervisor's.
use super::{
    OPERATOR,
    help::{help, help_spec},
    spec,
};
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, ControlCommand, Entry, Office, Outcome, SessionCommand,
        args::Args,
        backstage, control,
        error::{CommandError, text_of_bytes},
        session,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::Counts,
};
use bytes::Bytes;

pub static SUBCOMMANDS: &[Entry] =
    &[session::<Get>(), control::<Set>(), backstage::<ResetStat>(), control::<Rewrite>(), session::<Help>()];

const ON_ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

pub struct Get(Vec<Bytes>);
impl Command for Get {
    const SPEC: Spec = spec("GET", AtLeast(3))
        .flags(OPERATOR)
        .since("2.0.0")
        .complexity("O(N)")
        .syntax("parameter [parameter ...]")
        .summary("Tells the values of parameters, by name or pattern.")
        .history(&[("7.0.0", "Takes several names or patterns.")]);
    fn parse(args: &mut Args) -> Result<Get, CommandError> {
        Ok(Get(args.rest()))
    }
}
impl SessionCommand for Get {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        let patterns: Vec<&[u8]> = self.0.iter().map(|pattern| &pattern[..]).collect();
        let found = session.board.config.load().get(&patterns);
        reply.map(found.len());
        for (name, value) in &found {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        Ok(())
    }
}

/// An error of the Supervisor's. One that brings its own prefix (`LOADING`) keeps it.
fn refused(text: String) -> CommandError {
    CommandError::text_of(if text.starts_with("LOADING ") { text } else { format!("ERR {text}") })
}

pub struct Set(Vec<(String, Vec<u8>)>);
impl Command for Set {
    const SPEC: Spec = spec("SET", AtLeast(4))
        .flags(OPERATOR)
        .since("2.0.0")
        .complexity("O(N)")
        .syntax("parameter value [parameter value ...]")
        .summary("Sets parameters: all of them, or none.")
        .tips(ON_ALL_NODES)
        .history(&[("7.0.0", "Sets several parameters at once.")]);
    fn parse(args: &mut Args) -> Result<Set, CommandError> {
        if args.remaining() % 2 == 1 {
            return Err(CommandError::Syntax);
        }
        let mut pairs = Vec::with_capacity(args.remaining() / 2);
        while !args.is_empty() {
            pairs.push((text_of_bytes(args.word()?).into_owned(), args.word()?.to_vec()));
        }
        Ok(Set(pairs))
    }
}
impl ControlCommand for Set {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        office.configure(&self.0).map_err(refused)?;
        reply.ok();
        Ok(())
    }
}

pub struct Rewrite;
impl Command for Rewrite {
    const SPEC: Spec = spec("REWRITE", Exactly(2))
        .flags(OPERATOR)
        .since("2.8.0")
        .summary("Writes the configuration in force to its file.")
        .tips(ON_ALL_NODES);
    fn parse(_: &mut Args) -> Result<Rewrite, CommandError> {
        Ok(Rewrite)
    }
}
impl ControlCommand for Rewrite {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        office.rewrite_configuration().map_err(refused)?;
        reply.ok();
        Ok(())
    }
}

pub struct ResetStat;
impl Command for ResetStat {
    const SPEC: Spec = spec("RESETSTAT", Exactly(2))
        .flags(OPERATOR)
        .since("2.0.0")
        .summary("Sets the counters that INFO shows back to zero.")
        .tips(ON_ALL_NODES);
    fn parse(_: &mut Args) -> Result<ResetStat, CommandError> {
        Ok(ResetStat)
    }
}
/// Backstage, where counts are that are not on the board yet.
impl BackstageCommand for ResetStat {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let Backstage { changes, board, .. } = backstage;
        changes.store.counts = Counts::default();
        board.vitals.reset();
        board.errors.reset();
        board.tallies.reset();
        board.archive.reset();
        board.replication.reset();
        reply.ok();
        Ok(())
    }
}

help!(
    Help of "CONFIG",
    help_spec("5.0.0"),
    "GET <pattern> [<pattern> ...]",
    "    Tell the parameters whose names match, and their values.",
    "SET <name> <value> [<name> <value> ...]",
    "    Set parameters: all of them, or none.",
    "RESETSTAT",
    "    Set the counters that INFO shows back to zero.",
    "REWRITE",
    "    Write the configuration in force to its file.",
);

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    #[test]
    fn parameters_are_read_and_set() {
        let mut client = client();
        client.check(&[
            ("CONFIG GET databases", "*2 $9 databases $2 16 "),
            ("CONFIG GET nosuch", "*0 "),
            ("CONFIG GET timeout maxcl*", "*4 $7 timeout $1 0 $10 maxclients $5 10000 "),
            ("CONFIG SET timeout 7 maxclients 100", "+OK "),
            ("config get TIMEOUT", "*2 $7 TIMEOUT $1 7 "),
            ("CONFIG SET timeout", "-ERR wrong number of arguments for 'config|set' command "),
            ("CONFIG SET timeout 1 maxclients", "-ERR syntax error "),
            (
                "CONFIG SET timeout x",
                "-ERR CONFIG SET failed (possibly related to argument 'timeout') - \
                 argument couldn't be parsed into an integer ",
            ),
            ("CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch' "),
            ("CONFIG REWRITE", "-ERR The server is running without a config file "),
            ("CONFIG", "-ERR wrong number of arguments for 'config' command "),
            ("CONFIG NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP. "),
        ]);
        assert!(
            client.say("CONFIG HELP").starts_with("*11 +CONFIG <subcommand> [<arg> [value] [opt] ...]. ")
        );
        client.resp3().check(&[("CONFIG GET timeout", "%1 $7 timeout $1 7 ")]);
    }

    #[test]
    fn counters_start_anew() {
        let mut client = client();
        client.say("SET k v");
        client.say("INCR k");
        client.say("GET k");
        assert!(client.say("INFO commandstats").contains("cmdstat_set:calls=1"));
        assert!(client.say("INFO errorstats").contains("errorstat_ERR:count=1"));
        client.check(&[("CONFIG RESETSTAT", "+OK ")]);
        assert!(client.say("INFO stats").contains("keyspace_hits:0 "));
        assert!(!client.say("INFO commandstats").contains("cmdstat_set"));
        assert!(!client.say("INFO errorstats").contains("errorstat_ERR"));
    }
}
