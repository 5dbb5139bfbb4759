//! TIME: the server's clock.
//!
//! Commands are handed their time, in milliseconds, once per batch; scripts that rate-limit by TIME want to tell
//! microseconds apart. So while the system's clock agrees with the time that was handed in, it refines it; where
//! it does not (a test, a replay), the time that was handed in stands. In a script or transaction time stands still, until
//! the script is slow.
use super::spec;
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Time;
impl Command for Time {
    const SPEC: Spec = spec("TIME", Exactly(1))
        .flags(LOADING | STALE | FAST)
        .since("2.6.0")
        .summary("Tells the time: seconds since 1970, and microseconds within the second.")
        .tips(&["nondeterministic_output"]);
    fn parse(_: &mut Args) -> Result<Time, CommandError> {
        Ok(Time)
    }
}
impl BackstageCommand for Time {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let now_ms = backstage.changes.now_ms();
        let record = &mut backstage.changes.record;
        let now_us = match record.is_in_block() {
            true => *record.block_time_us.get_or_insert_with(|| refined_us(now_ms)),
            false => refined_us(now_ms),
        };
        reply.array(2);
        reply.bulk_integer(now_us / 1_000_000);
        reply.bulk_integer(now_us % 1_000_000);
        Ok(())
    }
}

/// How far the system's clock may be ahead of a batch's time, ms, and still be the same clock.
const BATCH_MS_MAX: i64 = 1000;

/// The time of the batch in µs since 1970, as exactly as is known.
pub fn refined_us(now_ms: i64) -> i64 {
    let system_us = system_us();
    let same_clock = (now_ms..now_ms + BATCH_MS_MAX).contains(&(system_us / 1000));
    if same_clock { system_us } else { now_ms * 1000 }
}

/// The system's time in µs since 1970.
pub fn system_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::server::testing::check;

    #[test]
    fn the_time_that_was_handed_in_is_told_and_refined_if_it_is_now() {
        check(&[
            ("TIME", "*2 $10 1700000000 $6 123000 "),
            ("TIME now", "-ERR wrong number of arguments for 'time' command "),
        ]);
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        assert!((now_us..now_us + 900_000).contains(&refined_us(now_us / 1000)));
    }
}
