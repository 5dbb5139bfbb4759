//! LATENCY: how long commands take, from the tallies.
use super::{
    OPERATOR,
    help::{help, help_spec},
    spec,
};
use crate::{
    board::CommandTally,
    commands::{
        Command, Entry, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        registry::{Node, Registry},
        session,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use bytes::Bytes;

pub static SUBCOMMANDS: &[Entry] = &[session::<Histogram>(), session::<Help>()];

/// The named commands with their subcommands; all, if none is named.
pub struct Histogram(Vec<Bytes>);
impl Command for Histogram {
    const SPEC: Spec = spec("HISTOGRAM", AtLeast(2))
        .flags(OPERATOR)
        .since("7.0.0")
        .complexity("O(N)")
        .syntax("[command [command ...]]")
        .summary("Tells how the latencies of commands are distributed.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);
    fn parse(args: &mut Args) -> Result<Histogram, CommandError> {
        Ok(Histogram(args.rest()))
    }
}
impl Histogram {
    fn nodes(&self) -> Vec<&'static Node> {
        if self.0.is_empty() {
            return Registry::get().all().collect();
        }
        let named = self.0.iter().filter_map(|name| Registry::get().find_full(name));
        named.flat_map(|node| std::iter::once(node).chain(&node.subcommands)).collect()
    }
}
impl SessionCommand for Histogram {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        let sums = session.board.tallies.sums();
        let called: Vec<(&Node, &CommandTally)> = self
            .nodes()
            .into_iter()
            .filter_map(|node| sums.get(node.index).map(|tally| (node, tally)))
            .filter(|(_, tally)| tally.calls > 0)
            .collect();
        reply.map(called.len());
        for (node, tally) in called {
            reply.bulk(node.full_name.as_bytes());
            reply_distribution(reply, tally);
        }
        Ok(())
    }
}
fn reply_distribution(reply: &mut Reply, tally: &CommandTally) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(tally.calls as i64);
    reply.bulk(b"histogram_usec");
    let steps = tally.cumulative();
    reply.map(steps.len());
    for (bound_ns, count) in steps {
        reply.integer(bound_ns as i64 / 1000);
        reply.integer(count as i64);
    }
}

help!(
    Help of "LATENCY",
    help_spec("2.8.13"),
    "HISTOGRAM [<command> ...]",
    "    Tell, for these commands or all, how many calls took up to 1, 2, 4 … microseconds.",
);

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    #[test]
    fn calls_are_counted_by_the_time_they_took() {
        let mut client = client();
        client.check(&[("LATENCY HISTOGRAM", "*0 "), ("LATENCY HISTOGRAM nosuch", "*0 ")]);
        let tally = client.stage.board.tallies.join(crate::commands::registry::Registry::get().count());
        let get = crate::commands::registry::Registry::get().find(b"GET").unwrap();
        for nanoseconds in [500, 900, 1500, 1_000_000] {
            tally.called(get.index, nanoseconds, false);
        }
        client.check(&[(
            "LATENCY HISTOGRAM get set",
            "*2 $3 get *4 $5 calls :4 $14 histogram_usec *6 :1 :2 :2 :3 :1048 :4 ",
        )]);
        client.resp3().check(&[(
            "LATENCY HISTOGRAM GET",
            "%1 $3 get %2 $5 calls :4 $14 histogram_usec %3 :1 :2 :2 :3 :1048 :4 ",
        )]);
    }
}
