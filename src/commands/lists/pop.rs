//! Taking from an end: LPOP, RPOP, LMPOP.
use super::{end, pop_event, removed, reply_range, settle, spec};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, End, List, Stored},
};
use bytes::Bytes;

/// Takes one element and replies with it, behind what `head` writes; false if there is no list.
#[inline]
pub fn take_one(
    changes: &mut Changes,
    key: &[u8],
    end: End,
    reply: &mut Reply,
    head: impl FnOnce(&mut Reply),
) -> Result<bool, CommandError> {
    let limits = changes.limits();
    let Some(list) = changes.value_mut::<List>(key)? else { return Ok(false) };
    let Some(element) = list.end(end) else { return Ok(false) };
    head(reply);
    reply.element(element);
    list.pop(end);
    let emptied = settle(list, &limits);
    removed(changes, pop_event(end), key, 1, emptied);
    Ok(true)
}
/// Takes up to `count` elements and replies with them, behind what `head` writes; returns how many, if there is a list.
pub fn take_range(
    changes: &mut Changes,
    key: &[u8],
    (end, count): (End, usize),
    reply: &mut Reply,
    head: impl FnOnce(&mut Reply),
) -> Result<Option<usize>, CommandError> {
    let limits = changes.limits();
    let Some(list) = changes.value_mut::<List>(key)? else { return Ok(None) };
    head(reply);
    let len = list.len();
    let taken = count.min(len);
    match end {
        End::Head => {
            reply_range(reply, list, 0, End::Tail, taken);
            list.remove_range(0, taken);
        }
        End::Tail => {
            reply_range(reply, list, len - 1, End::Head, taken);
            list.remove_range(len - taken, taken);
        }
    }
    let emptied = settle(list, &limits);
    removed(changes, pop_event(end), key, taken, emptied);
    Ok(Some(taken))
}

struct Pop {
    key: Bytes,
    count: Option<usize>,
}
impl Pop {
    fn parse(args: &mut Args, name: &str) -> Result<Pop, CommandError> {
        if args.remaining() > 2 {
            return Err(CommandError::Arity(name.to_string()));
        }
        let key = args.bytes()?;
        let count = if args.is_empty() {
            None
        } else {
            Some(args.at_least(0, "ERR value is out of range, must be positive")?)
        };
        Ok(Pop { key, count })
    }
    #[inline]
    fn run(&self, end: End, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        match self.count {
            None => {
                if !take_one(changes, &self.key, end, reply, |_| {})? {
                    reply.null();
                }
            }
            Some(0) => match changes.value_mut::<List>(&self.key)? {
                Some(_) => reply.array(0),
                None => reply.null_array(),
            },
            Some(count) => {
                if take_range(changes, &self.key, (end, count), reply, |_| {})?.is_none() {
                    reply.null_array();
                }
            }
        }
        Ok(())
    }
}

pub struct LPop(Pop);
impl Command for LPop {
    const SPEC: Spec = spec("LPOP", AtLeast(2))
        .keys(&[key(1, RW | ACCESS | DELETE)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key [count]")
        .summary("Takes the first element of a list, or the first ones.")
        .history(&[("6.2.0", "`count`.")]);
    fn parse(args: &mut Args) -> Result<LPop, CommandError> {
        Pop::parse(args, "lpop").map(LPop)
    }
}
impl WriteCommand for LPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(End::Head, changes, reply)
    }
}

pub struct RPop(Pop);
impl Command for RPop {
    const SPEC: Spec = spec("RPOP", AtLeast(2))
        .keys(&[key(1, RW | ACCESS | DELETE)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key [count]")
        .summary("Takes the last element of a list, or the last ones.")
        .history(&[("6.2.0", "`count`.")]);
    fn parse(args: &mut Args) -> Result<RPop, CommandError> {
        Pop::parse(args, "rpop").map(RPop)
    }
}
impl WriteCommand for RPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(End::Tail, changes, reply)
    }
}

/// What LMPOP and BLMPOP take: some elements from one end of the first list that there is.
pub struct FirstOf {
    pub keys: Vec<Bytes>,
    end: End,
    count: usize,
}
impl FirstOf {
    pub fn parse(args: &mut Args) -> Result<FirstOf, CommandError> {
        let keys = args.counted_keys("ERR numkeys should be greater than 0")?;
        let (end, mut count) = (end(args)?, None);
        while !args.is_empty() {
            if count.is_some() || args.remaining() < 2 || !args.option("COUNT") {
                return Err(CommandError::Syntax);
            }
            count = Some(args.at_least(1, "ERR count should be greater than 0")?);
        }
        Ok(FirstOf { keys, end, count: count.unwrap_or(1) })
    }
    /// False if there is no list.
    pub fn take(&self, changes: &mut Changes, reply: &mut Reply) -> Result<bool, CommandError> {
        for key in &self.keys {
            let head = |reply: &mut Reply| {
                reply.array(2);
                reply.bulk(key);
            };
            if let Some(taken) = take_range(changes, key, (self.end, self.count), reply, head)? {
                let name = if self.end == End::Head { "LPOP" } else { "RPOP" };
                changes.rewrite(&[name.as_bytes(), key, taken.to_string().as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub struct LMPop(FirstOf);
impl Command for LMPop {
    const SPEC: Spec = spec("LMPOP", AtLeast(4))
        .keys(&[counted_keys(1, RW | ACCESS | DELETE)])
        .flags(MOVABLE_KEYS)
        .since("7.0.0")
        .complexity("O(N+M)")
        .syntax("numkeys key [key ...] <LEFT|RIGHT> [COUNT count]")
        .summary("Takes elements from an end of the first of several lists that is there.");
    fn parse(args: &mut Args) -> Result<LMPop, CommandError> {
        FirstOf::parse(args).map(LMPop)
    }
}
impl WriteCommand for LMPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        if !self.0.take(changes, reply)? {
            reply.null_array();
        }
        Ok(())
    }
}
