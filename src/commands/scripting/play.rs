//! One script as it is run: from wish to wish.
use super::{
    Invocation, What,
    invocation::{FIRST_KEY, WORD},
};
use crate::{
    board::{BusyWith, Slow},
    commands::{
        Access, Caller, Progress, RunSession, Task,
        args::Context,
        error::CommandError,
        may_write,
        memory::{OUT_OF_MEMORY, SCRIPT_NEEDS_MEMORY},
        monitors::Origin,
        registry::{self, Node, Registry},
        replication::gates::may_see_data,
        server::time::system_us,
        spec::{DENY_OOM, MAY_REPLICATE, NO_SCRIPT, STALE},
        stage::{READ_ONLY, Stage, count_error},
    },
    resp::{Reply, Request},
    script::{Answer, Call, Flags, Host, Keep, Outcome, Replicate, Run, Step, Wish, flags},
    store::{Audience, EffectsMark},
};
use bytes::Bytes;
use std::{rc::Rc, sync::atomic::Ordering::Relaxed, time::Instant};

const NO_SCRIPT_FOUND: CommandError = CommandError::fixed("NOSCRIPT No matching script. Please use EVAL.");

/// From this size on a script's reply is handed on as it is, and below it is copied, so that its buffer can be used again.
const LARGE_REPLY_BYTES: usize = 16 << 10;

/// How far a script came.
#[expect(clippy::large_enum_variant, reason = "it is looked at where it was made, and moved no further")]
pub enum Advance {
    /// It is done.
    Done(Outcome),
    /// A slice of its time is over.
    Paused,
    /// It called a command, which was performed or waits, or is another actor's. What is to be seen to is seen to before
    /// [`Play::finish_call`].
    Called(Called),
}

/// A command that a script called.
pub struct Called {
    pub node: &'static Node,
    pub request: Request,
    pub task: Task,
    pub reply: Reply,
    pub deed: Deed,
}
/// What became of it.
pub struct Deed {
    pub progress: Progress,
    /// Bytes of effects before it.
    pub effects: usize,
    /// What the effects were before it, if not all are to be told of its own.
    mark: Option<(EffectsMark, Audience)>,
}

pub struct Play {
    run: Run,
    part: Part,
    is_function: bool,
    name: Rc<str>,
    pub started: Instant,
    answer: Answer,
    /// Whoever drives it wants to see each command that it calls.
    pub is_watched: bool,
    /// The reply must wait for the disk.
    pub waits_for_disk: bool,
    /// The block of effects is its own: it does not run in a transaction.
    owns_block: bool,
    /// Everybody knows that it takes long.
    pub is_slow: bool,
    is_killed: bool,
}

/// What a script's commands are judged by.
struct Part {
    caller: Caller,
    context: Context,
    /// Nothing that writes may be called.
    read_only: bool,
    /// It says that it may write where there is no memory.
    allows_oom: bool,
    /// It has called a command that writes.
    wrote: bool,
    /// A command that its driver must finish.
    unfinished: Option<Box<Called>>,
}

/// Performs the commands of a script.
struct Performer<'a> {
    stage: &'a mut Stage,
    part: &'a mut Part,
    /// Even those that need nobody but the stage are left to be finished by the driver.
    is_watched: bool,
}
impl Host for Performer<'_> {
    fn call(&mut self, call: &Call, reply: &mut Reply) -> bool {
        let Performer { stage, part, is_watched } = self;
        let request = &call.request;
        let Some(node) = part.admit(stage, request, reply) else { return true };
        let mut parsed = registry::parse(node, request, part.context(stage));
        let task = match &mut parsed {
            Ok(Task::Session(task)) => {
                part.perform_session(stage, node, &mut **task, call, reply);
                return true;
            }
            Ok(task) => task,
            Err(error) => {
                stage.refuse(node, error);
                reply.error(error);
                return true;
            }
        };
        let deed = part.perform(stage, node, task, call, reply);
        if deed.progress == Progress::Done && stage.errand.is_none() && !*is_watched {
            part.conclude(stage, node, request, deed);
            return true;
        }
        let (request, reply) = (request.clone(), std::mem::take(reply));
        part.unfinished = parsed.ok().map(|task| Box::new(Called { node, request, task, reply, deed }));
        false
    }
}

impl Play {
    /// Looks for what is to be run, and begins it.
    ///
    /// # Errors
    /// What the client is told.
    pub fn begin(
        stage: &mut Stage,
        invocation: &Invocation,
        request: &Request,
        caller: Caller,
        started: Instant,
    ) -> Result<Play, CommandError> {
        let word = request.get(WORD).unwrap_or_default();
        let Invocation { what, read_only, .. } = *invocation;
        let is_function = what == What::Function;
        let (run, name, flags) = if is_function {
            let libraries = stage.scripting.libraries();
            let function = libraries.function(word).ok_or(CommandError::fixed("ERR Function not found"))?;
            invocation.check()?;
            check_flags(stage, function.flags, read_only)?;
            let engine = &mut stage.scripting.libraries().engine;
            let (keys, arguments) = words(request, invocation);
            let run = engine.start(&function.callback, &function.name, keys, arguments, caller.protocol)?;
            (run, function.name.clone(), function.flags)
        } else {
            invocation.check()?;
            let scripts = stage.scripting.scripts();
            let script = match what {
                What::Sha(sha) => sha.and_then(|sha| scripts.find(&sha)).ok_or(NO_SCRIPT_FOUND)?,
                _ => scripts.load(word, Keep::WhileUsed)?.1,
            };
            let evicted = scripts.take_evicted();
            if evicted > 0 {
                stage.board.vitals.evicted_scripts.fetch_add(evicted, Relaxed);
            }
            check_flags(stage, script.flags, read_only)?;
            let engine = &mut stage.scripting.scripts().engine;
            let (keys, arguments) = words(request, invocation);
            let run = engine.start(&script.function, &script.name, keys, arguments, caller.protocol)?;
            (run, script.name.clone(), script.flags)
        };
        run.shorten_reply(stage.scripting.replied_bytes);
        stage.store.in_script = true;
        let owns_block = !stage.record.is_in_block();
        if owns_block {
            stage.record.begin_block();
        }
        let read_only = read_only || flags.has(Flags::NO_WRITES);
        Ok(Play {
            run,
            part: Part { allows_oom: flags.has(Flags::ALLOW_OOM), ..Part::new(stage, caller, read_only) },
            is_function,
            name,
            started,
            answer: Answer::Go,
            is_watched: false,
            waits_for_disk: false,
            owns_block,
            is_slow: false,
            is_killed: false,
        })
    }
    /// Lets it go on until it pauses, is done, or calls a command that is to be seen to.
    pub fn advance(&mut self, stage: &mut Stage) -> Advance {
        loop {
            let answer = std::mem::replace(&mut self.answer, Answer::Go);
            let Play { run, part, is_watched, .. } = self;
            let mut performer = Performer { stage, part, is_watched: *is_watched };
            match run.resume_with(&mut performer, answer) {
                Step::Done(outcome) => return Advance::Done(outcome),
                Step::Wish(Wish::Pause) => return Advance::Paused,
                Step::Wish(Wish::MayRun(request)) => {
                    // Until there are users with fewer rights, everybody may run what there is.
                    self.answer = Answer::May(Registry::get().named_by(&request).map(|_| true));
                }
                Step::Wish(Wish::Call(call)) => {
                    let mut reply = Reply::with_buffer(run.take_buffer());
                    reply.speak(call.protocol);
                    if performer.call(&call, &mut reply) {
                        self.answer(reply);
                    }
                }
                Step::Wish(Wish::FinishCall) => {}
            }
            if let Some(called) = self.part.unfinished.take() {
                return Advance::Called(*called);
            }
        }
    }
    /// The command that was called is done.
    pub fn finish_call(&mut self, stage: &mut Stage, called: Called) {
        self.part.conclude(stage, called.node, &called.request, called.deed);
        self.answer(called.reply);
    }
    fn answer(&mut self, reply: Reply) {
        self.answer = Answer::Reply(reply.into_whole());
    }
    /// The client whose script it is, in the database that the script has selected.
    pub fn caller(&self) -> Caller {
        self.part.caller
    }
    /// Tells everybody that it takes long. From now on TIME goes on for it, so that a script that waits for a time to come
    /// sees it come; what is due is judged by the time at which it began all the same, as its commands are one.
    pub fn post(&mut self, stage: &mut Stage, request: &Request) {
        stage.record.block_time_us = Some(system_us());
        let busy = &stage.board.busy;
        busy.wrote.store(self.part.wrote, Relaxed);
        let how = if self.is_function { "FUNCTION" } else { "SCRIPT" };
        if !self.is_slow {
            self.is_slow = true;
            let words = request.iter().map(Bytes::copy_from_slice).collect();
            let slow = Slow { name: self.name.to_string(), words, started: self.started };
            busy.begin(if self.is_function { BusyWith::Function } else { BusyWith::Script }, slow);
            let elapsed = self.started.elapsed().as_millis();
            tracing::warn!(
                "Slow script detected: still in execution after {elapsed} milliseconds. {how} KILL may end it. Its name \
                 is {}.",
                self.name
            );
        }
        if busy.is_killed() && !self.is_killed {
            self.is_killed = true;
            match busy.is_abandoned() {
                true => tracing::info!("Lua script ended in the midst of its work: the server shuts down."),
                false => tracing::info!("Lua script killed by user with {how} KILL."),
            }
            self.run.kill();
        }
    }
    /// It is done: writes its reply. True if that is an error.
    pub fn end(self, stage: &mut Stage, outcome: Outcome, reply: &mut Reply) -> bool {
        if self.owns_block {
            stage.record.end_block();
        }
        stage.store.in_script = false;
        if self.is_slow {
            stage.board.busy.end();
        }
        let Outcome { reply: told, failure, raised } = outcome;
        let spent = match told.size_bytes() < LARGE_REPLY_BYTES {
            true => {
                reply.raw(told.as_bytes());
                Some(told)
            }
            false => {
                reply.append(told);
                None
            }
        };
        if let Some(failure) = &failure
            && !failure.is_counted
        {
            count_error(&stage.board, &failure.error);
        }
        let engine = match self.is_function {
            true => &mut stage.scripting.libraries().engine,
            false => &mut stage.scripting.scripts().engine,
        };
        if let Some(spent) = spent {
            engine.give_back(spent);
        }
        engine.end(self.run);
        raised || failure.is_some()
    }
}

impl Part {
    fn new(stage: &Stage, caller: Caller, read_only: bool) -> Part {
        let config = stage.board.config.load();
        let context = Context {
            databases: config.databases,
            db: caller.db,
            string_bytes_max: config.proto_max_bulk_len,
            now_ms: stage.store.now_ms(),
            obeyed: false,
        };
        Part { caller, context, read_only, allows_oom: false, wrote: false, unfinished: None }
    }
    fn context(&self, stage: &Stage) -> Context {
        Context { db: self.caller.db, now_ms: stage.store.now_ms(), ..self.context }
    }
    /// Runs a command about a session: that of the script, which ends with it.
    fn perform_session(
        &mut self,
        stage: &mut Stage,
        node: &'static Node,
        task: &mut dyn RunSession,
        call: &Call,
        reply: &mut Reply,
    ) {
        let board = stage.board.clone();
        let mut session = stage.scripting.session(&board).fellow();
        (session.db, session.protocol, session.authenticated) = (self.caller.db, call.protocol, true);
        stage.perform_session(node, task, &mut session, reply);
        stage.show(node, &call.request, self.caller.db, Origin::Script);
        self.caller.db = session.db;
    }
    /// Runs a command, if it is the stage's.
    fn perform(
        &self,
        stage: &mut Stage,
        node: &'static Node,
        task: &mut Task,
        call: &Call,
        reply: &mut Reply,
    ) -> Deed {
        let Call { request, protocol, replicate } = call;
        let caller = Caller { protocol: *protocol, ..self.caller };
        let effects = stage.record.effects_bytes();
        let mark = (*replicate != Replicate::ALL).then(|| (stage.record.mark(), audience(*replicate)));
        let progress = match task {
            Task::Control(_) | Task::Broker(_) => Progress::Waits,
            _ => stage.perform(node, task, request, caller, reply),
        };
        Deed { progress, effects, mark }
    }
    /// A command is done.
    fn conclude(&self, stage: &mut Stage, node: &Node, request: &Request, deed: Deed) {
        if let Some((mark, audience)) = deed.mark {
            stage.record.restrict(mark, audience);
        }
        stage.show(node, request, self.caller.db, Origin::Script);
    }
    /// A command that may run. None: it is answered already.
    fn admit(&mut self, stage: &Stage, request: &Request, reply: &mut Reply) -> Option<&'static Node> {
        self.pass_gates(stage, request).inspect_err(|error| reply.error(error)).ok()
    }
    /// The gates that a script's command meets.
    fn pass_gates(&mut self, stage: &Stage, request: &Request) -> Result<&'static Node, CommandError> {
        let node = Registry::get().resolve(request).map_err(|error| {
            let error = CommandError::fixed(match error {
                CommandError::Arity(_) => "ERR Wrong number of args calling Redis command from script",
                _ => "ERR Unknown Redis command called from script",
            });
            count_error(&stage.board, &error);
            if let Some(node) = Registry::get().named_by(request) {
                stage.note_rejection(node);
            }
            error
        })?;
        self.may_call(stage, node).inspect_err(|error| {
            count_error(&stage.board, error);
            stage.note_rejection(node);
        })?;
        Ok(node)
    }
    fn may_call(&mut self, stage: &Stage, node: &Node) -> Result<(), CommandError> {
        let (flags, access) = (node.spec().flags, node.entry.access);
        if flags & NO_SCRIPT != 0 && !stage.scripting.allows_all {
            return Err(CommandError::fixed("ERR This Redis command is not allowed from script"));
        }
        if self.read_only && (access == Access::Write || flags & MAY_REPLICATE != 0) {
            return Err(CommandError::fixed("ERR Write commands are not allowed from read-only scripts."));
        }
        if flags & STALE == 0 && !stage.obeys {
            let stale = |_| CommandError::fixed("ERR Can not execute the command on a stale replica");
            may_see_data(&stage.board).map_err(stale)?;
        }
        if flags & DENY_OOM != 0 && !self.allows_oom && !self.wrote && stage.is_out_of_memory() {
            return Err(OUT_OF_MEMORY.clone());
        }
        if access == Access::Write {
            // Who has begun to write is not stopped half-way.
            if !self.wrote {
                stage.replicas_let_write()?;
                if stage.board.archive.is_ailing() && !stage.obeys {
                    may_write(&stage.board)?;
                }
            }
            self.wrote = true;
        }
        Ok(())
    }
}

fn audience(replicate: Replicate) -> Audience {
    match (replicate.to_log, replicate.to_replicas) {
        (true, true) => Audience::All,
        (true, false) => Audience::Log,
        (false, true) => Audience::Replicas,
        (false, false) => Audience::Nobody,
    }
}

/// Keys and arguments.
fn words<'a>(
    request: &'a Request,
    invocation: &Invocation,
) -> (impl ExactSizeIterator<Item = &'a [u8]>, impl ExactSizeIterator<Item = &'a [u8]>) {
    let keys_end = FIRST_KEY + invocation.keys.as_ref().copied().unwrap_or(0);
    let word = |index: usize| request.get(index).unwrap_or_default();
    ((FIRST_KEY..keys_end).map(word), (keys_end..request.len()).map(word))
}

impl Stage {
    /// Whether a script or a function says of itself that it may write. One that says nothing is judged by what it calls.
    pub fn says_it_writes(&mut self, invocation: &Invocation, request: &Request) -> bool {
        let flags = self.flags_of(invocation, request);
        flags.is_some_and(|flags| !flags.has(Flags::UNSAID) && !flags.has(Flags::NO_WRITES))
    }
    /// The other way round: whether it says that it writes nothing.
    pub fn says_it_only_reads(&mut self, invocation: &Invocation, request: &Request) -> bool {
        self.flags_of(invocation, request).is_some_and(|flags| flags.has(Flags::NO_WRITES))
    }
    /// The same of whether it may need memory.
    pub fn says_it_needs_memory(&mut self, invocation: &Invocation, request: &Request) -> bool {
        self.flags_of(invocation, request).is_some_and(needs_memory)
    }
    /// What a script or a function says of itself, if it is known.
    fn flags_of(&mut self, invocation: &Invocation, request: &Request) -> Option<Flags> {
        let word = request.get(WORD).unwrap_or_default();
        match invocation.what {
            What::Function => self.scripting.libraries().function(word).map(|function| function.flags),
            What::Sha(sha) => {
                sha.and_then(|sha| self.scripting.scripts().find(&sha)).map(|script| script.flags)
            }
            What::Body => flags::of_script(word).ok().map(|(flags, _)| flags),
        }
    }
}

/// Whether a script says of itself that it may need memory: what writes nothing needs none.
fn needs_memory(flags: Flags) -> bool {
    ![Flags::UNSAID, Flags::NO_WRITES, Flags::ALLOW_OOM].into_iter().any(|flag| flags.has(flag))
}

/// Whether a script that says so much of itself may run now. One that says nothing is judged by what it calls, but that it
/// may not see data which are out of date.
fn check_flags(stage: &Stage, flags: Flags, read_only: bool) -> Result<(), CommandError> {
    if stage.obeys {
        return Ok(());
    }
    if flags.has(Flags::UNSAID) {
        return may_see_data(&stage.board);
    }
    if !flags.has(Flags::ALLOW_STALE) {
        may_see_data(&stage.board)?;
    }
    if flags.has(Flags::NO_WRITES) {
        return Ok(());
    }
    if stage.is_read_only() {
        return Err(READ_ONLY.clone());
    }
    stage.replicas_let_write()?;
    if stage.board.archive.is_ailing() {
        may_write(&stage.board).map_err(|error| match error.text().strip_prefix("MISCONF Errors writing") {
            Some(rest) => CommandError::text_of(format!(
                "MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. \
                 Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error:{}",
                rest.split_once(':').map_or("", |(_, error)| error)
            )),
            None => CommandError::fixed(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                 Writable scripts are blocked. Use 'no-writes' flag for read only scripts.",
            ),
        })?;
    }
    if read_only {
        return Err(CommandError::fixed("ERR Can not execute a script with write flag using *_ro command."));
    }
    if stage.is_out_of_memory() && needs_memory(flags) {
        return Err(SCRIPT_NEEDS_MEMORY.clone());
    }
    Ok(())
}
