//! FAILOVER: lets a replica become the master, and follows it, without losing a write.
use super::spec;
use crate::{
    commands::{
        Command, ControlCommand, FailoverPlan, Office, Outcome,
        args::Args,
        error::{CommandError, text_of_bytes},
        spec::{Arity::*, *},
    },
    resp::Reply,
};

pub enum Failover {
    Begin(FailoverPlan),
    Abort,
}
impl Command for Failover {
    const SPEC: Spec = spec("FAILOVER", AtLeast(1))
        .since("6.2.0")
        .flags(ADMIN | NO_SCRIPT | STALE)
        .complexity("O(1)")
        .syntax("[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]")
        .summary("Makes a replica the master once it has all data, and follows it.");
    fn parse(args: &mut Args) -> Result<Failover, CommandError> {
        if args.remaining() == 1 && args.option("ABORT") {
            return Ok(Failover::Abort);
        }
        let mut plan = FailoverPlan::default();
        while !args.is_empty() {
            if args.remaining() >= 2 && plan.timeout_ms.is_none() && args.option("TIMEOUT") {
                let timeout_ms = args.integer()?;
                if timeout_ms <= 0 {
                    return Err(CommandError::fixed("ERR FAILOVER timeout must be greater than 0"));
                }
                plan.timeout_ms = Some(timeout_ms as u64);
            } else if args.remaining() >= 3 && plan.target.is_none() && args.option("TO") {
                let host = text_of_bytes(args.word()?).into_owned();
                plan.target = Some((host, args.integer()?));
            } else if !plan.force && args.option("FORCE") {
                plan.force = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(Failover::Begin(plan))
    }
}
impl ControlCommand for Failover {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        match self {
            Failover::Begin(plan) => office.fail_over(plan)?,
            Failover::Abort => office.abort_failover()?,
        }
        reply.ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    #[test]
    fn options_are_read_and_passed_on() {
        let mut client = client();
        client.check(&[
            ("FAILOVER", "+OK "),
            ("failover to host 7 force timeout 100", "+OK "),
            ("FAILOVER TIMEOUT 5 FORCE", "+OK "),
            ("FAILOVER ABORT", "-ERR No failover in progress. "),
            ("FAILOVER ABORT FORCE", "-ERR syntax error "),
            ("FAILOVER TO host", "-ERR syntax error "),
            ("FAILOVER TO host port", "-ERR value is not an integer or out of range "),
            ("FAILOVER TO host 1 TO host 2", "-ERR syntax error "),
            ("FAILOVER FORCE FORCE", "-ERR syntax error "),
            ("FAILOVER TIMEOUT", "-ERR syntax error "),
            ("FAILOVER TIMEOUT 0", "-ERR FAILOVER timeout must be greater than 0 "),
            ("FAILOVER TIMEOUT x", "-ERR value is not an integer or out of range "),
            ("FAILOVER TIMEOUT 1 TIMEOUT 1", "-ERR syntax error "),
        ]);
        assert_eq!(
            client.office.asked,
            [
                "FailoverPlan { target: None, force: false, timeout_ms: None }",
                "FailoverPlan { target: Some((\"host\", 7)), force: true, timeout_ms: Some(100) }",
                "FailoverPlan { target: None, force: true, timeout_ms: Some(5) }",
            ]
        );
    }
}
