//! All members, at once or some with every call: SMEMBERS, SSCAN.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        keys::walk::Step,
        spec::{Arity::*, *},
    },
    data::listpack::Element,
    resp::Reply,
    store::{Set, Stored, View},
};
use bytes::Bytes;

pub struct SMembers(Bytes);
impl Command for SMembers {
    const SPEC: Spec = spec("SMEMBERS", Exactly(2))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(N)")
        .syntax("key")
        .summary("Reads all members of a set.")
        .tips(&["nondeterministic_output_order"]);
    fn parse(args: &mut Args) -> Result<SMembers, CommandError> {
        Ok(SMembers(args.bytes()?))
    }
}
impl ReadCommand for SMembers {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let set = view.value::<Set>(&self.0)?;
        reply.set(set.map_or(0, Set::len));
        set.into_iter().flat_map(Set::iter).for_each(|member| reply.element(member));
        Ok(())
    }
}

pub struct SScan {
    key: Bytes,
    cursor: u64,
    /// Where there is no such key, nobody asks whether the options are right.
    step: Result<Step, CommandError>,
}
impl Command for SScan {
    const SPEC: Spec = spec("SSCAN", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .since("2.8.0")
        .complexity("O(1) for every call, O(N) for a walk from end to end.")
        .syntax("key cursor [MATCH pattern] [COUNT count]")
        .summary("Goes through the members of a set, some with every call.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<SScan, CommandError> {
        let (key, cursor) = (args.bytes()?, Step::cursor(args)?);
        Ok(SScan { key, cursor, step: Step::of_members(args) })
    }
}
impl ReadCommand for SScan {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let mut found: Vec<Element> = Vec::new();
        let mut next = 0;
        if let Some(set) = view.value::<Set>(&self.key)? {
            let step = self.step.as_ref().map_err(CommandError::clone)?;
            next = set.scan(self.cursor, step.count, &mut |member| {
                if step.names.admit(member.bytes(&mut itoa::Buffer::new())) {
                    found.push(member);
                }
            });
        }
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        reply.array(found.len());
        found.into_iter().for_each(|member| reply.element(member));
        Ok(())
    }
}
