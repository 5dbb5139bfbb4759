//! From bytes to steps: what a Connection does with the requests in its buffer.
use super::Connection;
use crate::{
    actors::{
        courier::{
            line::Said,
            messages::{Answer, Batch, Run, Step},
        },
        now_ms,
        pubsub::messages::Wish,
        supervisor::Ask,
    },
    commands::{
        Access, Task,
        args::Context,
        error::CommandError,
        may_write,
        memory::may_grow,
        registry::{self, Node, Registry},
        replication::gates::{may_see_data, may_write_here},
        spec,
        stage::{LOADS, count_error},
        transactions::{Queued, Transaction, Verdict, runs_at_once},
    },
    resp::{Limits, Request, decode::Decoded},
};
use bytes::{Bytes, BytesMut};
use std::{sync::atomic::Ordering::Relaxed, time::Instant};

/// Something for another actor, waiting.
pub enum Deferred {
    /// A command for the Supervisor, parsed.
    Control { node: &'static Node, task: Task, muted: bool },
    /// Something for PubSub.
    Broker(Wish),
}

fn is_exec(request: &Request) -> bool {
    Registry::get().named_by(request).is_some_and(|node| node.full_name == "exec")
}

/// What is to be read and judged by, for one turn.
pub(super) struct Rules {
    /// No command may run now: CLIENT PAUSE ALL.
    paused: bool,
    /// Somebody sees all commands.
    pub(super) monitored: bool,
    limits: Limits,
    context: Context,
}

impl Connection {
    /// Decodes requests off the front of `buffer` and submits them as one turn, unless one is in flight.
    pub(super) fn take_requests(&mut self, buffer: &mut BytesMut, alone: bool) {
        if self.in_flight || self.halted || self.is_paused() || self.session.wish.is_some() {
            return;
        }
        // The word of the end may still be on its way here: who killed it must not see it do anything more.
        if self.session.record.is_killed() {
            return;
        }
        if let Some(deferred) = self.deferred.take() {
            return self.ask(deferred);
        }
        if self.must_hear_first() {
            return self.hear_first();
        }
        let desk = self.desk.clone();
        let before = buffer.len();
        let (mut only_said, mut notes) = (false, Vec::new());
        desk.submit(self.line, |batch| {
            let (steps, says) = (batch.steps.len(), batch.says.position());
            let count = self.gather(buffer, alone, batch);
            only_said = self.may_say_at_once(&batch.steps[steps..]);
            self.note_activity(count);
            if only_said {
                // Nothing that the Keyspace must do: the replies can go out at once.
                notes.extend(batch.steps[steps..].iter_mut().filter_map(Step::take_note));
                let bytes = batch.says.as_bytes()[says..].to_vec();
                batch.take_back(steps, says);
                self.said = bytes;
                return 0;
            }
            self.in_flight = true;
            before - buffer.len()
        });
        if only_said && !self.said.is_empty() {
            let said = std::mem::take(&mut self.said);
            desk.send(self.line, Said::Lent(&said), &[], 0);
        }
        if !notes.is_empty() {
            desk.note(self.session.record.clone(), notes);
        }
        if !self.in_flight
            && let Some(deferred) = self.deferred.take()
        {
            self.ask(deferred);
        }
        if self.halted {
            desk.close_when_drained(self.line);
        }
    }

    /// Turns requests into steps; says how many commands it took.
    fn gather(&mut self, buffer: &mut BytesMut, alone: bool, batch: &mut Batch) -> usize {
        let mut rules = self.rules();
        self.session.record.active_at_ms.store(rules.context.now_ms, Relaxed);
        (self.missing, self.last_said, self.uncounted, self.ends_turn) = (1, None, 0, false);
        self.turn_start = batch.steps.len();
        let mut count = 0;
        let postponed = self.postponed.take();
        if postponed.is_some() {
            self.desk.board.unblock(&self.session.record);
        }
        // What waited was admitted to what may be over: the server loads by now, or follows another. There is one of them.
        if let Some(request) = postponed.or_else(|| self.next.take()) {
            count = 1;
            self.take_one(request, buffer.len(), batch, &mut rules);
        }
        let count_max = self.pace.requests();
        while count < count_max && !self.is_stopped() && !self.ends_turn {
            match self.decoder.decode(buffer, rules.limits, alone) {
                Ok(Decoded::Request(request)) => {
                    count += 1;
                    self.take_one(request, buffer.len(), batch, &mut rules);
                }
                Ok(Decoded::Nothing) => {}
                Ok(Decoded::Incomplete(missing)) => {
                    self.missing = missing;
                    break;
                }
                Err(error) => {
                    tracing::debug!("Protocol error from client id={}: {}", self.line.client, error.0);
                    self.say_error(batch, &CommandError::text_of(format!("ERR {}", error.0)));
                    self.halted = true;
                }
            }
        }
        self.pace.took(count);
        if let Some(queue) = &mut self.session.transaction {
            queue.own_requests();
        }
        self.has_heard &= self.next.is_some();
        let is_full = count == count_max || self.ends_turn;
        self.is_behind = is_full && !buffer.is_empty() && !self.is_stopped();
        count - self.uncounted
    }
    /// Nothing behind the last request may be taken now.
    fn is_stopped(&self) -> bool {
        let waits = self.deferred.is_some() || self.postponed.is_some() || self.next.is_some();
        waits || self.away.is_some() || self.session.wish.is_some() || self.halted
    }
    /// A command was postponed by CLIENT PAUSE, and must wait still.
    pub(super) fn is_paused(&self) -> bool {
        self.postponed.is_some() && self.desk.board.pause.holds_all(now_ms()).is_some()
    }
    fn rules(&self) -> Rules {
        let config = self.desk.board.config.load();
        let now_ms = now_ms();
        Rules {
            paused: self.desk.board.pause.holds_all(now_ms).is_some(),
            monitored: self.desk.board.vitals.monitors.load(Relaxed) > 0,
            limits: Limits {
                bulk_bytes: config.proto_max_bulk_len,
                authenticated: !self.session.must_authenticate(),
            },
            context: Context {
                databases: config.databases,
                db: self.session.db,
                string_bytes_max: config.proto_max_bulk_len,
                now_ms,
                obeyed: false,
            },
        }
    }

    /// What it does to the session holds for the next one.
    fn take_one(&mut self, request: Request, behind: usize, batch: &mut Batch, rules: &mut Rules) {
        self.take_request(request, behind, batch, rules);
        rules.context.db = self.session.db;
        rules.limits.authenticated = !self.session.must_authenticate();
    }
    /// `behind` is how many bytes wait behind the request.
    fn take_request(&mut self, request: Request, behind: usize, batch: &mut Batch, rules: &Rules) {
        let node = match self.admit(&request) {
            Ok(node) => node,
            // Who was found out to be no client of ours is told nothing.
            Err(_) if self.halted => return self.uncounted += 1,
            Err(error) => {
                self.uncounted += 1;
                return match &mut self.session.transaction {
                    _ if is_exec(&request) => self.refuse_transaction(request, error, batch),
                    Some(queue) => {
                        queue.is_spoilt = true;
                        self.say_error(batch, &error)
                    }
                    None => {
                        self.say_error(batch, &error);
                        self.note_refused(request, batch);
                    }
                };
            }
        };
        self.take_admitted(node, request, behind, batch, rules);
    }
    fn take_admitted(
        &mut self,
        node: &'static Node,
        request: Request,
        behind: usize,
        batch: &mut Batch,
        rules: &Rules,
    ) {
        if rules.paused {
            self.desk.board.block(&self.session.record);
            self.uncounted += 1;
            self.postponed = Some(request);
            return;
        }
        if self.session.transaction.is_some() && !runs_at_once(node) {
            return self.queue(node, request, batch);
        }
        if self.desk.board.busy.with().is_some() && self.watches_while_busy(node, &request, batch) {
            return self.note(node, request, batch, rules);
        }
        let waits =
            |batch: &Batch| batch.steps[self.turn_start..].iter().any(|step| matches!(step, Step::Run(_)));
        if node.spec().acts_on_others && waits(batch) {
            self.uncounted += 1;
            self.next = Some(request);
            return;
        }
        if self.must_run_later(node) {
            return self.run_later(request);
        }
        match registry::parse(node, &request, rules.context) {
            Err(error) => {
                self.desk.tally.called(node.index, 0, true);
                self.say_error(batch, &error);
                self.note(node, request, batch, rules);
            }
            Ok(Task::Session(mut task)) => {
                let started = self.last_said.unwrap_or_else(Instant::now);
                // Before it runs, because CLIENT LIST shows itself.
                self.note_command(node);
                self.post_request(&request, behind);
                let start = batch.says.position();
                batch.says.speak(self.session.protocol);
                let outcome = task.run_session(&mut self.session, &mut batch.says);
                self.post_buffer();
                if let Err(error) = &outcome {
                    batch.says.truncate(start);
                    batch.says.error(error);
                    count_error(&self.desk.board, error);
                }
                // One reading of the clock ends this command and begins the next: of two PINGs it would be the larger part.
                let ended = Instant::now();
                self.last_said = Some(ended);
                self.desk.tally.called(node.index, (ended - started).as_nanos() as u64, outcome.is_err());
                let muted = self.session.mutes_reply();
                match self.session.take_errand() {
                    Some(errand) => self.defer_said(start, batch, muted, errand),
                    None => self.say_from(start, batch, muted),
                }
                self.halted |= self.session.quits;
                if node.full_name == "reset" && self.session.record.is_kept_in_mind() {
                    self.session.record.watched_keys.store(0, Relaxed);
                    self.desk.forget(self.line.client);
                }
                self.note(node, request, batch, rules);
            }
            Ok(Task::Backstage(_)) if self.session.transaction.is_some() => {
                // No other command of the kind is taken at once.
                self.say_error(batch, &CommandError::fixed("ERR WATCH inside MULTI is not allowed"));
                self.note(node, request, batch, rules);
            }
            Ok(Task::Transaction(transaction)) => {
                self.end_transaction(node, request, transaction, batch, rules)
            }
            Ok(task @ Task::Control(_)) => {
                self.note(node, request, batch, rules);
                let muted = self.session.mutes_reply();
                self.deferred = Some(Deferred::Control { node, task, muted });
            }
            Ok(task @ Task::Broker(_)) => {
                self.note(node, request, batch, rules);
                let muted = self.session.mutes_reply();
                self.deferred = Some(Deferred::Broker(Wish::Run { node, task, muted }));
            }
            Ok(task) => {
                // A script may publish, too.
                let may_publish = node.spec().flags & (spec::PUBSUB | spec::MAY_REPLICATE) != 0;
                self.ends_turn = may_publish && self.session.record.is_subscribed();
                self.push_run(node, task, request, batch)
            }
        }
        self.last_command = Some(node);
    }
    fn push_run(&mut self, node: &'static Node, task: Task, request: Request, batch: &mut Batch) {
        // Any command but CLIENT ends it by itself when the Keyspace runs it.
        self.ends_caching(Some(node));
        self.said_caching |= node.full_name == "client|caching";
        let muted = self.session.mutes_reply();
        batch.steps.push(Step::Run(Run {
            node,
            task,
            request,
            db: self.session.db,
            protocol: self.session.protocol,
            touches: !self.session.record.no_touch.load(Relaxed),
            muted,
        }))
    }
    /// Keeps a command for EXEC.
    fn queue(&mut self, node: &'static Node, request: Request, batch: &mut Batch) {
        let Some(queue) = &mut self.session.transaction else { return };
        queue.push(node, request);
        let record = &self.session.record;
        record.queued_commands.store(queue.len() as i64, Relaxed);
        record.queued_bytes.store(queue.bytes, Relaxed);
        let start = batch.says.position();
        batch.says.status("QUEUED");
        let muted = self.session.mutes_reply();
        self.say_from(start, batch, muted);
        self.last_command = Some(node);
    }
    /// EXEC and DISCARD.
    fn end_transaction(
        &mut self,
        node: &'static Node,
        request: Request,
        mut transaction: Box<Transaction>,
        batch: &mut Batch,
        rules: &Rules,
    ) {
        let Some(queue) = self.session.end_transaction() else {
            let name = node.spec().name;
            self.desk.tally.called(node.index, 0, true);
            self.say_error(batch, &CommandError::text_of(format!("ERR {name} without MULTI")));
            return self.note(node, request, batch, rules);
        };
        if matches!(transaction.verdict, Verdict::Discard) && self.desk.board.busy.with().is_some() {
            self.forget_watches();
            let start = batch.says.position();
            batch.says.ok();
            let muted = self.session.mutes_reply();
            return self.say_from(start, batch, muted);
        }
        self.away = transaction.take(queue, &self.session, rules.context);
        let may_publish = |node: &Node| node.spec().flags & (spec::PUBSUB | spec::MAY_REPLICATE) != 0;
        // Who follows whom, what is paused and what limits hold is known when it has run: so what is behind it meets the gates then.
        let may_change_gates = |item: &Queued| matches!(item.task, Ok(Task::Control(_)));
        let ends_turn = |item: &Queued| may_publish(item.node) || may_change_gates(item);
        self.ends_turn = transaction.items.iter().any(ends_turn);
        self.push_run(node, Task::Transaction(transaction), request, batch);
    }
    /// EXEC may not run: its transaction is over.
    fn refuse_transaction(&mut self, request: Request, error: CommandError, batch: &mut Batch) {
        let Some(node) = Registry::get().named_by(&request) else { return };
        self.session.end_transaction();
        let error = error.text();
        let because = error.strip_prefix("ERR ").unwrap_or(&error);
        let reason = format!("EXECABORT Transaction discarded because of: {because}");
        let reason = CommandError::text_of(reason);
        if self.desk.board.busy.with().is_some() {
            self.forget_watches();
            return self.say_error(batch, &reason);
        }
        let transaction = Transaction::of(Verdict::Reject(reason));
        self.push_run(node, Task::Transaction(transaction), request, batch);
    }
    /// WATCH and UNWATCH are answered at once while a script keeps the Keyspace busy, which hears of them when it is free: no
    /// write of another client can come between. True if it is one of them.
    fn watches_while_busy(&mut self, node: &'static Node, request: &Request, batch: &mut Batch) -> bool {
        match node.full_name {
            "watch" if self.session.transaction.is_none() => {
                let keys: Vec<Bytes> = request.iter().skip(1).map(Bytes::copy_from_slice).collect();
                // It is known to watch something before the Keyspace says how much: its end must be heard of.
                self.session.record.watched_keys.fetch_add(keys.len(), Relaxed);
                self.desk.watch(self.line.client, self.session.db, keys);
            }
            "unwatch" if self.session.transaction.is_none() => self.forget_watches(),
            _ => return false,
        }
        self.desk.tally.called(node.index, 0, false);
        let start = batch.says.position();
        batch.says.ok();
        let muted = self.session.mutes_reply();
        self.say_from(start, batch, muted);
        self.last_command = Some(node);
        true
    }
    /// While a script keeps the Keyspace busy, a transaction ends without it: who waited for it could not end the script.
    fn forget_watches(&self) {
        if self.session.record.watched_keys.swap(0, Relaxed) > 0 {
            self.desk.unwatch(self.line.client);
        }
    }
    fn note_command(&self, node: &Node) {
        self.session.record.last_command.store(node.index + 1, Relaxed);
    }
    fn post_request(&self, request: &Request, behind: usize) {
        let record = &self.session.record;
        record.query_buffer_bytes.store(request.frame_bytes() + behind, Relaxed);
        record.argument_bytes.store(request.argument_bytes(), Relaxed);
    }
    /// The gates that a request meets before it is parsed.
    fn admit(&mut self, request: &Request) -> Result<&'static Node, CommandError> {
        let node = match Registry::get().resolve(request) {
            Ok(node) => node,
            Err(error) => {
                self.suspect(request);
                if let Some(node) = Registry::get().named_by(request) {
                    self.desk.tally.rejected(node.index);
                }
                return Err(error);
            }
        };
        if self.session.must_authenticate() && node.spec().flags & spec::NO_AUTH == 0 {
            self.desk.tally.rejected(node.index);
            return Err(CommandError::fixed("NOAUTH Authentication required."));
        }
        let gates = || {
            if self.session.transaction.is_some() && node.spec().flags & spec::NO_MULTI != 0 {
                return Err(CommandError::fixed("ERR Command not allowed inside a transaction"));
            }
            self.may_run(node)
        };
        gates().inspect_err(|_| self.desk.tally.rejected(node.index))?;
        Ok(node)
    }
    /// What the state of the data, of the disk and of the client allows.
    fn may_run(&self, node: &Node) -> Result<(), CommandError> {
        let board = &self.desk.board;
        // What is not queued meets that gate in the Keyspace.
        if self.session.transaction.is_some() && node.spec().flags & spec::DENY_OOM != 0 {
            may_grow(board, now_ms())?;
        }
        if self.session.is_only_listening() && node.spec().flags & spec::WHILE_SUBSCRIBED == 0 {
            return Err(CommandError::text_of(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                 this context",
                node.full_name
            )));
        }
        // What EXEC does is what was queued.
        let queue = self.session.transaction.as_ref().filter(|_| node.full_name == "exec");
        let writes = node.entry.access == Access::Write || queue.is_some_and(|queue| queue.writes());
        if writes {
            may_write_here(board)?;
        }
        if node.spec().flags & spec::STALE == 0 || queue.is_some_and(|queue| !queue.may_run_while_stale()) {
            may_see_data(board)?;
        }
        if board.archive.is_loading() {
            let queued_may = queue.is_none_or(|queue| queue.may_run_while_loading());
            if node.spec().flags & spec::LOADING == 0 || !queued_may {
                return Err(LOADS.clone());
            }
        }
        if board.archive.is_loading_beside() {
            let queued_may = queue.is_none_or(|queue| queue.may_run_while_loading_beside());
            if node.spec().flags & spec::NO_ASYNC_LOADING != 0 || !queued_may {
                return Err(LOADS.clone());
            }
        }
        if let Some(with) = board.busy.with() {
            let queued_may = queue.is_none_or(|queue| queue.may_run_while_busy());
            if node.spec().flags & spec::ALLOW_BUSY == 0 || !queued_may {
                return Err(with.refusal());
            }
        }
        if board.archive.is_ailing() && (writes || node.full_name == "ping") {
            may_write(board)?;
        }
        let is_about_data =
            node.entry.access != Access::Neither || node.spec().flags & spec::MAY_REPLICATE != 0;
        if is_about_data && self.session.record.monitors.load(Relaxed) {
            // So says Redis, to which monitors are replicas of a kind.
            return Err(CommandError::fixed("ERR Replica can't interact with the keyspace"));
        }
        Ok(())
    }
    /// An HTTP request is somebody's browser, tricked into talking to us: nothing behind its first line is for us.
    fn suspect(&mut self, request: &Request) {
        let name = request.get(0).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
            tracing::warn!(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to \
                 Callboard. This is likely due to an attacker attempting to use Cross Protocol Scripting to \
                 compromise your instance. Connection from {} aborted.",
                self.session.record.address
            );
            self.halted = true;
        }
    }
    fn say_error(&mut self, batch: &mut Batch, error: &CommandError) {
        let muted = self.session.mutes_reply();
        let start = batch.says.position();
        batch.says.speak(self.session.protocol);
        batch.says.error(error);
        count_error(&self.desk.board, error);
        self.say_from(start, batch, muted);
    }
    fn say_from(&self, start: usize, batch: &mut Batch, muted: bool) {
        if muted {
            batch.says.truncate(start);
        }
        let end = batch.says.position();
        // What is said in a row is one step.
        match batch.steps[self.turn_start..].last_mut() {
            Some(Step::Say(last)) if last.end == start => last.end = end,
            _ => batch.steps.push(Step::Say(start..end)),
        }
    }
    fn note_activity(&mut self, count: usize) {
        if count == 0 && self.deferred.is_none() {
            return;
        }
        self.session.record.commands.fetch_add(count as u64, Relaxed);
        self.desk.board.vitals.commands_processed.fetch_add(count as u64, Relaxed);
        // Whoever sees that a client subscribes with its last command may publish: so PubSub notes it, when it is done.
        let notes_itself = matches!(self.deferred, Some(Deferred::Broker(Wish::Run { .. })));
        if let Some(node) = self.last_command.filter(|_| !notes_itself) {
            self.note_command(node);
        }
    }
    /// Sends a command to another actor; its reply comes like any other.
    pub(super) fn ask(&mut self, deferred: Deferred) {
        self.in_flight = true;
        // Nothing came before it whose replies are on their way.
        self.desk.with_line(self.line, |line| (line.in_flight, line.is_owed) = (true, false));
        let answer = Answer::ByCourier(self.line, self.desk.courier.clone());
        match deferred {
            Deferred::Control { node, task, muted } => self.desk.supervisor.do_send(Ask {
                node,
                task,
                client: self.line.client,
                protocol: self.session.protocol,
                muted,
                answer,
            }),
            Deferred::Broker(wish) => self.ask_pubsub(wish, answer),
        }
    }
}
