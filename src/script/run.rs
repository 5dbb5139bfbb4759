//! One script at work, on a stack of its own.
//!
//! Most commands can be performed where the script stands, by the [`Host`] that it was resumed with: two changes of the
//! stack, and all that is handed over by them, would cost a small command as much again. The script is suspended for what
//! a host cannot do, and where there is none.
use super::{engine::Shared, errors, to_reply};
use crate::{
    error::CommandError,
    resp::{Protocol, Reply, Request},
};
use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};
use mlua::{Function, Lua, Table, Value};
use scoped_tls_hkt::scoped_thread_local;
use std::{cell::Cell, rc::Rc};

/// What a script suspends for.
#[derive(Debug)]
pub enum Wish {
    /// A command, to be answered by [`Answer::Reply`].
    Call(Call),
    /// The rest of a command that its host has begun, to be answered by [`Answer::Reply`].
    FinishCall,
    /// Whether its user may run this, to be answered by [`Answer::May`].
    MayRun(Request),
    /// Its slice is over, to be answered by [`Answer::Go`].
    Pause,
}

/// A command that a script wants.
#[derive(Debug)]
pub struct Call {
    pub request: Request,
    /// The reply must speak it.
    pub protocol: Protocol,
    /// Where what it changes may be told.
    pub replicate: Replicate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicate {
    pub to_log: bool,
    pub to_replicas: bool,
}
impl Replicate {
    pub const ALL: Replicate = Replicate { to_log: true, to_replicas: true };
}

#[derive(Debug)]
pub enum Answer {
    Go,
    /// A reply as it would go over the wire. [`Run::take_buffer`] has memory for it.
    Reply(Vec<u8>),
    /// None: there is no such command.
    May(Option<bool>),
}

#[derive(Debug)]
pub enum Step {
    Wish(Wish),
    Done(Outcome),
}

/// What became of a script.
#[derive(Debug)]
pub struct Outcome {
    /// Its one reply.
    pub reply: Reply,
    /// It ended in an error, or an error is among what it returned.
    pub failure: Option<Failure>,
    /// It raised an error, or was killed.
    pub raised: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub error: CommandError,
    /// A command that the script called ended in it, and was counted then.
    pub is_counted: bool,
}

/// Performs commands for the script that is resumed with it.
pub trait Host {
    /// Performs a command and writes its reply. False if its driver must finish it: the script is suspended until then.
    fn call(&mut self, call: &Call, reply: &mut Reply) -> bool;
}

pub(super) type Talk = Yielder<Answer, Wish>;
scoped_thread_local!(static TALK: for<'a> &'a Talk);
scoped_thread_local!(static mut HOST: for<'a> &'a mut (dyn Host + 'a));

/// Suspends the script that runs on this thread. None if none does: a finalizer, or code that is being compiled.
pub(super) fn suspend(wish: Wish) -> Option<Answer> {
    TALK.is_set().then(|| TALK.with(|talk| talk.suspend(wish)))
}
/// Has a command performed: its reply, as it would go over the wire. None if no script runs on this thread.
pub(super) fn call(call: Call, buffer: &Cell<Vec<u8>>) -> Option<Vec<u8>> {
    let mut wish = Wish::Call(call);
    if let Wish::Call(call) = &wish
        && HOST.is_set()
    {
        let mut reply = Reply::with_buffer(buffer.take());
        reply.speak(call.protocol);
        if HOST.with(|host| host.call(call, &mut reply)) {
            return Some(reply.into_whole());
        }
        wish = Wish::FinishCall;
    }
    match suspend(wish) {
        Some(Answer::Reply(reply)) => Some(reply),
        _ => None,
    }
}

/// What is to be run.
pub(super) struct Start {
    /// One of the prelude's.
    pub entry: Function,
    pub function: Function,
    pub keys: Table,
    pub arguments: Table,
    /// What errors call it.
    pub name: Rc<str>,
    /// For the reply.
    pub protocol: Protocol,
    pub buffer: Vec<u8>,
}

/// One script at work.
pub struct Run {
    /// None: it has ended, and its stack is taken.
    coroutine: Option<Coroutine<Answer, Wish, Outcome, DefaultStack>>,
    shared: Rc<Shared>,
}

impl Run {
    pub(super) fn new(stack: DefaultStack, lua: Lua, shared: Rc<Shared>, start: Start) -> Run {
        let within = shared.clone();
        let coroutine = Coroutine::with_stack(stack, move |talk: &Talk, _: Answer| {
            TALK.set(talk, || perform(&lua, &within, start))
        });
        Run { coroutine: Some(coroutine), shared }
    }
    /// Lets it go on, to its next wish or its end. The first answer is not looked at.
    ///
    /// # Panics
    /// If it has ended.
    pub fn resume(&mut self, answer: Answer) -> Step {
        let coroutine = self.coroutine.as_mut().expect("a script that has ended is not resumed");
        match coroutine.resume(answer) {
            CoroutineResult::Yield(wish) => Step::Wish(wish),
            CoroutineResult::Return(outcome) => Step::Done(outcome),
        }
    }
    /// The same, with somebody who performs commands at once.
    ///
    /// # Panics
    /// If it has ended.
    pub fn resume_with(&mut self, host: &mut dyn Host, answer: Answer) -> Step {
        HOST.set(host, || self.resume(answer))
    }
    /// It will end in an error when it is resumed, whatever it tries to catch that.
    pub fn kill(&self) {
        self.shared.killed.set(true)
    }
    /// So much of what its reply may have is taken already: it is one of several that are sent together.
    pub fn shorten_reply(&self, taken_bytes: usize) {
        let max = &self.shared.reply_bytes_max;
        max.set(max.get().saturating_sub(taken_bytes));
    }
    /// An empty buffer for a reply.
    pub fn take_buffer(&self) -> Vec<u8> {
        self.shared.buffer.take()
    }
    /// Its stack, if it has ended.
    pub(super) fn into_stack(mut self) -> Option<DefaultStack> {
        self.coroutine.take_if(|coroutine| coroutine.done()).map(Coroutine::into_stack)
    }
}
impl Drop for Run {
    fn drop(&mut self) {
        // Lua's frames on the stack of a script that has not ended cannot be unwound: it is left lying.
        std::mem::forget(self.coroutine.take_if(|coroutine| !coroutine.done()));
    }
}

/// What happens on the script's own stack.
fn perform(lua: &Lua, shared: &Shared, start: Start) -> Outcome {
    let Start { entry, function, keys, arguments, name, protocol, buffer } = start;
    let mut reply = Reply::with_buffer(buffer);
    reply.speak(protocol);
    shared.limit(lua);
    let ended = entry.call::<(bool, Value)>((function, keys, arguments));
    shared.unlimit(lua);
    let (raised, failure) = match ended {
        Ok((true, value)) => match to_reply::write(value, shared, &mut reply) {
            Ok(failure) => return Outcome { reply, failure, raised: false },
            Err(error) => (true, errors::failure_of_host(&name, shared, &error)),
        },
        Ok((false, problem)) => (true, to_reply::failure(&name, &problem)),
        Err(error) => (true, errors::failure_of_host(&name, shared, &error)),
    };
    reply.truncate(0);
    reply.error(&failure.error);
    Outcome { reply, failure: Some(failure), raised }
}
