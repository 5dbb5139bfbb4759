//! The Supervisor: runs the house. It starts and stops the others in order, changes the configuration, answers the
//! commands that concern the server as a whole, and looks at clients and rates once in a while.
mod doors;
mod failover;
mod following;
mod housekeeping;
mod leaving;
mod office;

use crate::{
    actors::{
        courier::messages::Answer,
        keyspace::Keyspace,
        listener::{Listening, Ushers},
        persistence::Persistence,
        primary::{Primary, messages::ReplicaHeard},
    },
    allocator,
    board::{Board, Failover, PauseReason, Tally},
    commands::{
        Save, Shutdown, Task,
        error::CommandError,
        registry::{Node, Registry},
        stage::count_error,
    },
    config::Parameter,
    resp::{Protocol, Reply},
};
use actix::prelude::*;
use doors::Doors;
use failover::Handover;
use following::Following;
use housekeeping::Rates;
use leaving::{Leaving, Patient};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// From a Connection: a command for the Supervisor, with where its reply goes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ask {
    pub node: &'static Node,
    pub task: Task,
    pub client: u64,
    pub protocol: Protocol,
    pub muted: bool,
    pub answer: Answer,
}

/// A signal to end (SIGTERM, SIGINT).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Signalled(pub &'static str);

/// From Persistence: what was on disk is loaded; if not well, the server cannot start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Loaded(pub bool);

/// The rest of the cast, given once it stands.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Open {
    pub keyspace: Addr<Keyspace>,
    pub persistence: Addr<Persistence>,
    pub primary: Addr<Primary>,
    pub ushers: Arc<Ushers>,
    /// Where the Keyspace is, if clients are there, too.
    pub near: Option<ArbiterHandle>,
    /// Everything that is listened on.
    pub doors: Vec<Listening>,
}

pub struct Supervisor {
    board: Arc<Board>,
    tally: Arc<Tally>,
    keyspace: Option<Addr<Keyspace>>,
    persistence: Option<Addr<Persistence>>,
    primary: Option<Addr<Primary>>,
    ushers: Option<Arc<Ushers>>,
    following: Following,
    doors: Doors,
    rates: Rates,
    set_log_level: fn(crate::config::LogLevel),
    handover: Option<Handover>,
    /// Clients that asked for the end, until it comes.
    patient: Vec<Patient>,
    leaving: Leaving,
    /// When the end comes without the Keyspace.
    give_up_at: Option<Instant>,
    own: Option<Addr<Supervisor>>,
}

const HOUSEKEEPING_EVERY: Duration = Duration::from_millis(100);

impl Supervisor {
    pub fn new(board: Arc<Board>, set_log_level: fn(crate::config::LogLevel)) -> Supervisor {
        let supervisor = Supervisor {
            tally: board.tallies.join(Registry::get().count()),
            board,
            keyspace: None,
            persistence: None,
            primary: None,
            ushers: None,
            following: Following::default(),
            doors: Doors::default(),
            rates: Rates::default(),
            set_log_level,
            handover: None,
            patient: Vec::new(),
            leaving: Leaving::Not,
            give_up_at: None,
            own: None,
        };
        supervisor.post_role();
        supervisor
    }
    /// Whether anybody is waited for: then Primary tells of each replica that it hears.
    fn mind_replicas(&self) {
        let waits = matches!(self.leaving, Leaving::Waits { .. })
            || self.board.replication.failover() == Failover::WaitsForReplica;
        self.board.replication.awaits_replicas.store(waits, Relaxed);
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        self.own = Some(ctx.address());
        ctx.run_interval(HOUSEKEEPING_EVERY, |supervisor, _| supervisor.keep_house());
    }
}

impl Handler<Open> for Supervisor {
    type Result = ();
    fn handle(&mut self, open: Open, _: &mut Self::Context) {
        self.keyspace = Some(open.keyspace);
        self.persistence = Some(open.persistence);
        self.primary = Some(open.primary);
        self.ushers = Some(open.ushers);
        self.following.near = open.near;
        self.doors.keep_closed(open.doors);
        let vitals = &self.board.vitals;
        vitals.startup_memory_bytes.store(allocator::used_bytes(), Relaxed);
        tracing::info!("Server initialized");
    }
}

impl Handler<Loaded> for Supervisor {
    type Result = ();
    fn handle(&mut self, Loaded(well): Loaded, _: &mut Self::Context) {
        if !well {
            System::current().stop_with_code(1);
            return;
        }
        self.open_doors();
        self.doors.announce(&self.board.config.load());
        self.follow_as_configured();
    }
}

impl Handler<Ask> for Supervisor {
    type Result = ();
    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) {
        let Ask { node, task, client, protocol, muted, answer } = ask;
        let started = Instant::now();
        let mut reply = Reply::new(protocol);
        let mut desk = office::AtDesk { supervisor: self, client, settles: None, waits: false };
        let outcome = match task {
            Task::Control(mut task) => task.run_control(&mut desk, &mut reply),
            _ => Err(CommandError::fixed("ERR command not allowed here")),
        };
        let settles = desk.settles;
        if desk.waits {
            if let Some(client) = self.board.roster.get(client) {
                self.board.block(&client);
            }
            answer.delay();
            self.patient.push(Patient { client, protocol, answer });
            return;
        }
        if let Err(error) = &outcome {
            reply.truncate(0);
            reply.error(error);
            count_error(&self.board, error);
        }
        self.tally.called(node.index, started.elapsed().as_nanos() as u64, outcome.is_err());
        if muted {
            reply.truncate(0);
        }
        match (settles, &answer) {
            // The Keyspace, amid a transaction, waits for nobody who may wait for it: a log ends with its help.
            (Some(settles), Answer::ByCourier(..)) => {
                let settled = tokio::time::timeout(office::SETTLES_MAX, settles).into_actor(self);
                ctx.spawn(settled.map(move |_, _, _| answer.give(reply)));
            }
            _ => answer.give(reply),
        }
    }
}

impl Handler<Signalled> for Supervisor {
    type Result = ();
    fn handle(&mut self, Signalled(name): Signalled, _: &mut Self::Context) {
        if name == "SIGINT" && self.leaving != Leaving::Not {
            tracing::warn!("Received SIGINT again: exiting now, whatever is under way");
            std::process::exit(1);
        }
        tracing::warn!("Received {name} scheduling shutdown...");
        let config = self.board.config.load_full();
        let options = if name == "SIGINT" { &config.shutdown_on_sigint } else { &config.shutdown_on_sigterm };
        let save = match (options.save, options.nosave) {
            (true, _) => Save::Yes,
            (_, true) => Save::No,
            _ => Save::AsConfigured,
        };
        self.leave(Shutdown { save, now: options.now, force: options.force });
    }
}

/// From the Keyspace: data are on disk, or cannot be brought there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PutAwayDone(pub Result<(), String>);

/// From the Keyspace: writers stand still since this offset.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Fenced {
    pub reason: PauseReason,
    pub offset: u64,
}

impl Handler<Fenced> for Supervisor {
    type Result = ();
    fn handle(&mut self, Fenced { reason, offset }: Fenced, _: &mut Self::Context) {
        match reason {
            PauseReason::Failover => self.note_failover_fence(),
            PauseReason::Shutdown => self.note_shutdown_fence(offset),
        }
    }
}

impl Handler<ReplicaHeard> for Supervisor {
    type Result = ();
    fn handle(&mut self, _: ReplicaHeard, _: &mut Self::Context) {
        self.consider_failover();
        self.consider_leaving();
    }
}

/// What a change of these parameters asks to be done.
fn duties(changed: &[&'static Parameter]) -> Vec<crate::config::Apply> {
    let mut duties: Vec<_> = changed.iter().map(|parameter| parameter.apply).collect();
    duties.dedup();
    duties
}
