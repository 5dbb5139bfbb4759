//! The Supervisor: runs the house. It starts and stops the others in order, changes the configuration, answers the
//! commands that concern the server as a whole, and looks at clients and rates once in a while.
mod housekeeping;
mod office;

use crate::{
    actors::{
        courier::{
            Courier,
            messages::{End, LineId, Replies},
        },
        keyspace::Keyspace,
        listener::{Closer, Listener, Listening, Stop, Ushers},
    },
    allocator,
    board::{Board, Tally},
    commands::{
        Task,
        error::CommandError,
        registry::{Node, Registry},
        stage::count_error,
    },
    config::Parameter,
    resp::{Protocol, Reply},
};
use actix::prelude::*;
use housekeeping::Rates;
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
    pub line: LineId,
    pub protocol: Protocol,
    pub muted: bool,
    pub courier: Addr<Courier>,
}

/// A signal to end (SIGTERM, SIGINT).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Signalled(pub &'static str);

/// The rest of the cast, given once it stands.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Open {
    pub keyspace: Addr<Keyspace>,
    pub ushers: Arc<Ushers>,
    pub tcp: Vec<Listening>,
    pub unix: Option<Listening>,
}

pub struct Supervisor {
    board: Arc<Board>,
    tally: Arc<Tally>,
    keyspace: Option<Addr<Keyspace>>,
    ushers: Option<Arc<Ushers>>,
    tcp: Vec<OpenListener>,
    unix: Option<OpenListener>,
    rates: Rates,
    set_log_level: fn(crate::config::LogLevel),
    ending: bool,
}

/// A Listener, and what closes its address without waiting for it.
struct OpenListener {
    listener: Addr<Listener>,
    closer: Closer,
}
impl OpenListener {
    fn close(self) {
        self.closer.close();
        self.listener.do_send(Stop);
    }
}

/// How long the last replies have to reach their clients at the end.
const FAREWELL: Duration = Duration::from_millis(50);
const HOUSEKEEPING_EVERY: Duration = Duration::from_millis(100);

impl Supervisor {
    pub fn new(board: Arc<Board>, set_log_level: fn(crate::config::LogLevel)) -> Supervisor {
        Supervisor {
            tally: board.tallies.join(Registry::get().count()),
            board,
            keyspace: None,
            ushers: None,
            tcp: Vec::new(),
            unix: None,
            rates: Rates::default(),
            set_log_level,
            ending: false,
        }
    }
    fn listen(&self, socket: Listening) -> Option<OpenListener> {
        let ushers = self.ushers.clone()?;
        let closer = socket.closer().inspect_err(|error| tracing::error!("Cannot listen: {error}")).ok()?;
        Some(OpenListener { listener: Listener::new(socket, ushers, self.board.clone()).start(), closer })
    }
    /// Ends in order: no new clients, last replies out, files away, then the process.
    fn end(&mut self) {
        if std::mem::replace(&mut self.ending, true) {
            return;
        }
        let config = self.board.config.load_full();
        if !config.save.0.is_empty() {
            tracing::warn!("Data is not saved at the end: snapshots are not there yet");
        }
        self.tcp.drain(..).chain(self.unix.take()).for_each(OpenListener::close);
        for courier in self.ushers.iter().flat_map(|ushers| &ushers.couriers) {
            courier.do_send(crate::actors::courier::messages::Close);
        }
        for (what, path) in [("pid file", &config.pidfile), ("unix socket file", &config.unixsocket)] {
            if let Some(path) = path
                && std::fs::remove_file(path).is_ok()
            {
                tracing::info!("Removing the {what}.");
            }
        }
        tracing::warn!("Callboard is now ready to exit, bye bye...");
        actix_rt::spawn(async {
            actix_rt::time::sleep(FAREWELL).await;
            System::current().stop_with_code(0);
        });
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(HOUSEKEEPING_EVERY, |supervisor, _| supervisor.keep_house());
    }
}

impl Handler<Open> for Supervisor {
    type Result = ();
    fn handle(&mut self, open: Open, _: &mut Self::Context) {
        self.keyspace = Some(open.keyspace);
        self.ushers = Some(open.ushers);
        let config = self.board.config.load_full();
        self.tcp = open.tcp.into_iter().filter_map(|socket| self.listen(socket)).collect();
        self.unix = open.unix.and_then(|socket| self.listen(socket));
        let vitals = &self.board.vitals;
        vitals.startup_memory_bytes.store(allocator::used_bytes(), Relaxed);
        tracing::info!("Server initialized");
        if !self.tcp.is_empty() {
            tracing::info!("Ready to accept connections tcp (port {})", config.port);
        }
        if let (Some(_), Some(path)) = (&self.unix, &config.unixsocket) {
            tracing::info!("Ready to accept connections unix ({})", path.display());
        }
    }
}

impl Handler<Ask> for Supervisor {
    type Result = ();
    fn handle(&mut self, ask: Ask, _: &mut Self::Context) {
        let Ask { node, task, line, protocol, muted, courier } = ask;
        let started = Instant::now();
        let mut reply = Reply::new(protocol);
        let mut desk = office::AtDesk { supervisor: self, client: line.client };
        let outcome = match task {
            Task::Control(mut task) => task.run_control(&mut desk, &mut reply),
            _ => Err(CommandError::fixed("ERR command not allowed here")),
        };
        if let Err(error) = &outcome {
            reply.truncate(0);
            reply.error(error);
            count_error(&self.board, error);
        }
        self.tally.called(node.index, started.elapsed().as_nanos() as u64, outcome.is_err());
        if muted {
            reply.truncate(0);
        }
        let (bytes, grafts) = reply.into_parts();
        let ends = vec![End { line, at: bytes.len(), settles: true }];
        courier.do_send(Replies { bytes, grafts, ends, spent: None });
    }
}

impl Handler<Signalled> for Supervisor {
    type Result = ();
    fn handle(&mut self, Signalled(name): Signalled, _: &mut Self::Context) {
        tracing::warn!("Received {name} scheduling shutdown...");
        self.end();
    }
}

/// What a change of these parameters asks to be done.
fn duties(changed: &[&'static Parameter]) -> Vec<crate::config::Apply> {
    let mut duties: Vec<_> = changed.iter().map(|parameter| parameter.apply).collect();
    duties.dedup();
    duties
}
