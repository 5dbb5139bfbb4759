//! Looking at lists: LLEN, LINDEX, LRANGE, LPOS.
use super::{reply_range, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        span::{Span, index_among},
        spec::{Arity::*, *},
    },
    data::listpack::Needle,
    resp::Reply,
    store::{End, List, Stored, View},
};
use bytes::Bytes;
use std::ops::ControlFlow;

pub struct LLen {
    key: Bytes,
}
impl Command for LLen {
    const SPEC: Spec = spec("LLEN", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key")
        .summary("Counts the elements of a list.");
    fn parse(args: &mut Args) -> Result<LLen, CommandError> {
        Ok(LLen { key: args.bytes()? })
    }
}
impl ReadCommand for LLen {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.integer(view.value::<List>(&self.key)?.map_or(0, List::len) as i64);
        Ok(())
    }
}

pub struct LIndex {
    key: Bytes,
    /// One that is none fails only where there is a list.
    index: Result<i64, CommandError>,
}
impl Command for LIndex {
    const SPEC: Spec = spec("LINDEX", Exactly(3))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(N)")
        .syntax("key index")
        .summary("Shows one element of a list.");
    fn parse(args: &mut Args) -> Result<LIndex, CommandError> {
        Ok(LIndex { key: args.bytes()?, index: args.integer() })
    }
}
impl ReadCommand for LIndex {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let Some(list) = view.value::<List>(&self.key)? else {
            reply.null();
            return Ok(());
        };
        match index_among(self.index.clone()?, list.len()) {
            None => reply.null(),
            Some(index) => list.walk(index, End::Tail, |element| {
                reply.element(element);
                ControlFlow::Break(())
            }),
        }
        Ok(())
    }
}

pub struct LRange {
    key: Bytes,
    span: Span,
}
impl Command for LRange {
    const SPEC: Spec = spec("LRANGE", Exactly(4))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(S+N)")
        .syntax("key start stop")
        .summary("Shows a range of the elements of a list.");
    fn parse(args: &mut Args) -> Result<LRange, CommandError> {
        Ok(LRange { key: args.bytes()?, span: Span::parse(args)? })
    }
}
impl ReadCommand for LRange {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        match view.value::<List>(&self.key)? {
            None => reply.array(0),
            Some(list) => {
                let range = self.span.among(list.len());
                reply_range(reply, list, range.start, End::Tail, range.len());
            }
        }
        Ok(())
    }
}

/// Where equal elements stand. Which of them: from the `rank`th match on, `count` of them, of the first `len_max`
/// elements.
pub struct LPos {
    key: Bytes,
    element: Bytes,
    from: End,
    rank: u64,
    /// How many matches to tell, 0 being all; none given: one, by itself.
    count: Option<usize>,
    /// 0: all are looked at.
    len_max: usize,
}
impl Command for LPos {
    const SPEC: Spec = spec("LPOS", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .since("6.0.6")
        .complexity("O(N)")
        .syntax("key element [RANK rank] [COUNT num-matches] [MAXLEN len]")
        .summary("Finds out at which indexes of a list an element stands.");
    fn parse(args: &mut Args) -> Result<LPos, CommandError> {
        let (key, element) = (args.bytes()?, args.bytes()?);
        let mut pos = LPos { key, element, from: End::Head, rank: 1, count: None, len_max: 0 };
        while !args.is_empty() {
            if args.remaining() < 2 {
                return Err(CommandError::Syntax);
            }
            if args.option("RANK") {
                let rank = args.integer_between(-i64::MAX, i64::MAX)?;
                if rank == 0 {
                    return Err(CommandError::fixed(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                         or use negative to start from the end of the list",
                    ));
                }
                pos.from = if rank < 0 { End::Tail } else { End::Head };
                pos.rank = rank.unsigned_abs();
            } else if args.option("COUNT") {
                pos.count = Some(args.at_least(0, "ERR COUNT can't be negative")?);
            } else if args.option("MAXLEN") {
                pos.len_max = args.at_least(0, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(pos)
    }
}
impl LPos {
    /// Tells each index that is asked for, until told to stop.
    fn find(&self, list: &List, mut tell: impl FnMut(usize) -> ControlFlow<()>) {
        let needle = Needle::new(&self.element);
        let len = list.len();
        let len_max = if self.len_max == 0 { len } else { self.len_max };
        let (start, towards) = match self.from {
            End::Head => (0, End::Tail),
            End::Tail => (len - 1, End::Head),
        };
        let (mut seen, mut matches) = (0, 0);
        list.walk(start, towards, |element| {
            if seen == len_max {
                return ControlFlow::Break(());
            }
            seen += 1;
            if !needle.equals(element) {
                return ControlFlow::Continue(());
            }
            matches += 1;
            if matches < self.rank {
                return ControlFlow::Continue(());
            }
            tell(if towards == End::Tail { seen - 1 } else { len - seen })
        });
    }
}
impl ReadCommand for LPos {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let list = view.value::<List>(&self.key)?;
        let Some(count) = self.count else {
            let mut found = None;
            if let Some(list) = list {
                self.find(list, |index| {
                    found = Some(index);
                    ControlFlow::Break(())
                });
            }
            match found {
                Some(index) => reply.integer(index as i64),
                None => reply.null(),
            }
            return Ok(());
        };
        let place = reply.defer();
        let mut told = 0;
        if let Some(list) = list {
            self.find(list, |index| {
                reply.integer(index as i64);
                told += 1;
                if told == count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        reply.settle_array(place, told);
        Ok(())
    }
}
