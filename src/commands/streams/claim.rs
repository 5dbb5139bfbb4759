//! Giving pending entries to another consumer: XCLAIM by ID, XAUTOCLAIM by age.
//!
//! An entry that was deleted from the stream cannot be given to anybody: whoever comes upon it takes it off the list.
use super::{
    ids::{parse_start, parse_strict, reply_id},
    no_group, reply_entry, spec,
    telling::Telling,
};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::{CommandError, shown},
        spec::{Arity::*, *},
    },
    data::{
        number::parse_integer,
        stream::{Group, Log, Pending, StreamId},
    },
    resp::Reply,
    store::{Changes, Stream},
};
use bytes::Bytes;

/// Who claims in which group, and what is old enough for it.
struct Claimant {
    key: Bytes,
    group: Bytes,
    consumer: Bytes,
}
impl Claimant {
    fn parse(args: &mut Args) -> Result<Claimant, CommandError> {
        Ok(Claimant { key: args.bytes()?, group: args.bytes()?, consumer: args.bytes()? })
    }
    /// The log and the group.
    fn find<'a>(&self, changes: &'a mut Changes) -> Result<(&'a Log, &'a mut Group), CommandError> {
        let stream = changes.value_read_mut::<Stream>(&self.key)?;
        let found = stream.and_then(|Stream { log, groups }| Some((&*log, groups.get_mut(&self.group[..])?)));
        found.ok_or_else(|| no_group(&self.key, &self.group))
    }
}
fn idle_time(word: &[u8], command: &'static str) -> Result<i64, CommandError> {
    let number = parse_integer(word).map(|ms| ms.max(0));
    number.ok_or_else(|| CommandError::text_of(format!("ERR Invalid min-idle-time argument for {command}")))
}
fn is_too_young(pending: &Pending, idle_ms_min: i64, now_ms: i64) -> bool {
    idle_ms_min > 0 && now_ms.wrapping_sub(pending.delivered_ms) < idle_ms_min
}
/// Writes a claimed entry, or its ID alone.
fn reply_claimed(log: &Log, id: StreamId, ids_only: bool, reply: &mut Reply) {
    match log.get(id) {
        Some(entry) if !ids_only => reply_entry(reply, &entry),
        _ => reply_id(reply, id),
    }
}

pub struct XClaim {
    claimant: Claimant,
    /// Whatever is wrong here is told if there is a group.
    claim: Result<Claim, CommandError>,
}
#[derive(Clone, Debug, Default, PartialEq)]
struct Claim {
    idle_ms_min: i64,
    ids: Vec<StreamId>,
    delivered: Option<Delivered>,
    /// RETRYCOUNT
    deliveries: Option<u64>,
    /// FORCE: entries that are not pending become so.
    force: bool,
    /// JUSTID
    ids_only: bool,
    last_id: StreamId,
}
/// When an entry counts as delivered last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Delivered {
    /// ms ago.
    Ago(i64),
    /// ms since 1970.
    At(i64),
}
impl Delivered {
    /// A time in the future or before 1970 is none: clients' clocks may be wrong.
    fn resolve(this: Option<Delivered>, now_ms: i64) -> i64 {
        let at = match this {
            None => now_ms,
            Some(Delivered::Ago(ms)) => now_ms.saturating_sub(ms),
            Some(Delivered::At(at)) => at,
        };
        if (0..=now_ms).contains(&at) { at } else { now_ms }
    }
}
impl Claim {
    fn parse(args: &mut Args) -> Result<Claim, CommandError> {
        let mut claim = Claim { idle_ms_min: idle_time(args.word()?, "XCLAIM")?, ..Claim::default() };
        while let Some(id) = args.peek().and_then(|word| parse_strict(word, 0).ok()) {
            claim.ids.push(id);
            args.word()?;
        }
        while !args.is_empty() {
            let has_more = args.remaining() > 1;
            if args.option("FORCE") {
                claim.force = true;
            } else if args.option("JUSTID") {
                claim.ids_only = true;
            } else if has_more && args.option("IDLE") {
                claim.delivered = Some(Delivered::Ago(number(args, "IDLE")?));
            } else if has_more && args.option("TIME") {
                claim.delivered = Some(Delivered::At(number(args, "TIME")?));
            } else if has_more && args.option("RETRYCOUNT") {
                claim.deliveries = u64::try_from(number(args, "RETRYCOUNT")?).ok();
            } else if has_more && args.option("LASTID") {
                claim.last_id = parse_strict(args.word()?, 0)?;
            } else {
                let option = shown(args.word()?);
                return Err(CommandError::text_of(format!("ERR Unrecognized XCLAIM option '{option}'")));
            }
        }
        Ok(claim)
    }
}
fn number(args: &mut Args, option: &str) -> Result<i64, CommandError> {
    let invalid = || CommandError::text_of(format!("ERR Invalid {option} option argument for XCLAIM"));
    parse_integer(args.word()?).ok_or_else(invalid)
}
impl Command for XClaim {
    const SPEC: Spec = spec("XCLAIM", AtLeast(6))
        .keys(&[key(1, RW | UPDATE)])
        .flags(FAST)
        .complexity("O(log N), where N is the number of entries that are pending in the group")
        .syntax("key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]")
        .summary("Gives pending entries to a consumer, as if they had been delivered to it.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<XClaim, CommandError> {
        let claimant = Claimant::parse(args)?;
        let claim = Claim::parse(args);
        args.skip_rest();
        Ok(XClaim { claimant, claim })
    }
}
impl WriteCommand for XClaim {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (now_ms, mut telling) = (changes.now_ms(), Telling::new(changes));
        let (log, group) = self.claimant.find(changes)?;
        let claim = self.claim.as_ref().map_err(Clone::clone)?;
        let moved = claim.last_id > group.last_id;
        group.last_id = group.last_id.max(claim.last_id);
        let (consumer, is_new) = group.see_consumer(&self.claimant.consumer, now_ms);
        let delivered_ms = Delivered::resolve(claim.delivered, now_ms);
        let place = reply.defer();
        let (mut changed, mut claimed) = (0, 0);
        for &id in &claim.ids {
            let before = group.pending().get(&id).copied();
            if !log.contains(id) {
                if let Some(before) = before {
                    telling.forgotten(group, id, &before);
                    group.acknowledge(id);
                    changed += 1;
                }
                continue;
            }
            let is_young = before.is_some_and(|before| is_too_young(&before, claim.idle_ms_min, now_ms));
            if is_young || (before.is_none() && !claim.force) {
                continue;
            }
            // One that was not pending begins as delivered once.
            let deliveries = before.map_or(1, |before| before.deliveries);
            let counted = if claim.ids_only { deliveries } else { deliveries.wrapping_add(1) };
            let deliveries = claim.deliveries.unwrap_or(counted);
            let pending = Pending { delivered_ms, deliveries, consumer };
            group.assign(id, pending);
            group.consumer_mut(consumer).active_ms = Some(now_ms);
            telling.claim(id, &self.claimant.consumer, &pending);
            reply_claimed(log, id, claim.ids_only, reply);
            claimed += 1;
        }
        changed += claimed as u64;
        if moved && changed == 0 {
            telling.position(group);
            changed = 1;
        }
        let last_id = group.last_id;
        reply.settle_array(place, claimed);
        self.claimant.finish(changes, telling, last_id, changed, is_new);
        Ok(())
    }
}

pub struct XAutoClaim {
    claimant: Claimant,
    idle_ms_min: i64,
    start: StreamId,
    /// Entries in the reply at the most.
    count: u64,
    ids_only: bool,
}
impl Command for XAutoClaim {
    const SPEC: Spec = spec("XAUTOCLAIM", AtLeast(6))
        .keys(&[key(1, RW | DELETE)])
        .flags(FAST)
        .complexity("O(1) if COUNT is small")
        .since("6.2.0")
        .syntax("key group consumer min-idle-time start [COUNT count] [JUSTID]")
        .summary("Gives entries that have been pending for some time to a consumer, a few with each call.")
        .tips(&["nondeterministic_output"])
        .history(&[("7.0.0", "The reply tells of entries that were deleted, and are not pending any more.")]);
    fn parse(args: &mut Args) -> Result<XAutoClaim, CommandError> {
        let claimant = Claimant::parse(args)?;
        let idle_ms_min = idle_time(args.word()?, "XAUTOCLAIM")?;
        let start = parse_start(args.word()?)?;
        let mut claim = XAutoClaim { claimant, idle_ms_min, start, count: 100, ids_only: false };
        while !args.is_empty() {
            if args.remaining() > 1 && args.option("COUNT") {
                claim.count = count(args.word()?)?;
            } else if args.option("JUSTID") {
                claim.ids_only = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(claim)
    }
}
fn count(word: &[u8]) -> Result<u64, CommandError> {
    const MOST: i64 = i64::MAX / 16;
    let count = parse_integer(word).filter(|count| (1..=MOST).contains(count));
    Ok(count.ok_or(CommandError::fixed("ERR COUNT must be > 0"))? as u64)
}
impl WriteCommand for XAutoClaim {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        /// So many entries are looked at for each one that may be claimed.
        const ATTEMPTS: u64 = 10;
        let (now_ms, mut telling) = (changes.now_ms(), Telling::new(changes));
        let (log, group) = self.claimant.find(changes)?;
        let (consumer, is_new) = group.see_consumer(&self.claimant.consumer, now_ms);
        let next = |group: &Group, from: Option<StreamId>| {
            group.pending().range(from?..).next().map(|(&id, pending)| (id, *pending))
        };
        let (mut at, mut attempts, mut room) =
            (next(group, Some(self.start)), self.count * ATTEMPTS, self.count);
        let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
        while let Some((id, before)) = at.filter(|_| attempts > 0 && room > 0) {
            attempts -= 1;
            if !log.contains(id) {
                telling.forgotten(group, id, &before);
                group.acknowledge(id);
                deleted.push(id);
                room -= 1;
            } else if !is_too_young(&before, self.idle_ms_min, now_ms) {
                let deliveries = before.deliveries.wrapping_add(!self.ids_only as u64);
                let pending = Pending { delivered_ms: now_ms, deliveries, consumer };
                group.assign(id, pending);
                group.consumer_mut(consumer).active_ms = Some(now_ms);
                telling.claim(id, &self.claimant.consumer, &pending);
                claimed.push(id);
                room -= 1;
            }
            at = next(group, id.next());
        }
        reply.array(3);
        reply_id(reply, at.map_or(StreamId::MIN, |(id, _)| id));
        reply.array(claimed.len());
        claimed.iter().for_each(|&id| reply_claimed(log, id, self.ids_only, reply));
        reply.array(deleted.len());
        deleted.iter().for_each(|&id| reply_id(reply, id));
        let (last_id, changed) = (group.last_id, (claimed.len() + deleted.len()) as u64);
        self.claimant.finish(changes, telling, last_id, changed, is_new);
        Ok(())
    }
}
impl Claimant {
    /// Counts and tells what was done. The command itself is never told: elsewhere it might find something else.
    fn finish(
        &self,
        changes: &mut Changes,
        mut telling: Telling,
        last_id: StreamId,
        changed: u64,
        is_new: bool,
    ) {
        changes.rewrite_as_nothing();
        changes.also_dirty(changed);
        if is_new {
            telling.new_consumer(changes, &self.key, &self.consumer);
        }
        telling.write(changes, &self.key, &self.group, last_id);
    }
}
