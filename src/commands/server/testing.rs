//! A client at the prompt, for tests: a line in, its reply out, without a socket or an actor.
use crate::{
    board::{Board, ClientRecord, PauseScope},
    commands::{
        Caller, FailoverPlan, Followed, Office, Outcome, Shutdown, Task,
        args::Context,
        error::CommandError,
        registry::{self, Registry},
        session::Session,
        stage::Stage,
    },
    config::{Config, Master, Permission},
    data::quoting,
    resp::{Protocol, Reply, Request},
    store::{EventsWanted, Wants},
};
use std::sync::Arc;

/// When tests happen, ms since 1970.
pub const NOW_MS: i64 = 1_700_000_000_123;

pub struct Client {
    pub stage: Stage,
    pub session: Session,
    pub office: Clerk,
}

/// A Supervisor that notes what it is asked for.
pub struct Clerk {
    board: Arc<Board>,
    pub asked: Vec<String>,
}
impl Office for Clerk {
    fn client(&self) -> u64 {
        1
    }
    fn configure(&mut self, pairs: &[(String, Vec<u8>)]) -> Result<(), String> {
        let pairs: Vec<(&str, &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let set = self.board.config.load().set(&pairs, Default::default());
        let (config, _) = set.map_err(|error| error.to_string())?;
        self.board.config.store(Arc::new(config));
        Ok(())
    }
    fn rewrite_configuration(&mut self) -> Result<(), String> {
        Err("The server is running without a config file".into())
    }
    fn shut_down(&mut self, how: Shutdown) -> Outcome {
        self.asked.push(format!("{how:?}"));
        Ok(())
    }
    fn abort_shut_down(&mut self) -> Outcome {
        Err(CommandError::fixed("ERR No shutdown in progress."))
    }
    fn follow(&mut self, master: Option<Master>) -> Result<Followed, CommandError> {
        let mut config = (**self.board.config.load()).clone();
        let known = config.replicaof.is_some() && config.replicaof == master;
        config.replicaof = master;
        self.board.config.store(Arc::new(config));
        Ok(if known { Followed::AsBefore } else { Followed::Anew })
    }
    fn fail_over(&mut self, plan: &FailoverPlan) -> Outcome {
        self.asked.push(format!("{plan:?}"));
        Ok(())
    }
    fn abort_failover(&mut self) -> Outcome {
        Err(CommandError::fixed("ERR No failover in progress."))
    }
    fn pause(&mut self, _: PauseScope, _: i64) {}
    fn unpause(&mut self) {}
}

pub fn client() -> Client {
    client_of(Config { enable_debug_command: Permission::Yes, ..Config::default() })
}
pub fn client_of(config: Config) -> Client {
    let board = Board::new(config, None, 1, NOW_MS);
    let id = board.roster.next_id();
    let record = ClientRecord::new(id, "127.0.0.1:50000".into(), "127.0.0.1:6379".into(), 8, false, NOW_MS);
    let record = Arc::new(record);
    board.roster.enter(record.clone());
    let wants = Wants { effects: true, events: EventsWanted::ALL, touched: true };
    let mut stage = Stage::new(board.clone(), 7, wants);
    stage.begin(NOW_MS);
    Client { stage, session: Session::new(board.clone(), record), office: Clerk { board, asked: Vec::new() } }
}
/// Lines and their replies, in RESP2, line breaks shown as spaces.
pub fn check(cases: &[(&str, &str)]) {
    client().check(cases)
}

impl Client {
    pub fn resp3(mut self) -> Client {
        self.session.speak(Protocol::Resp3);
        self
    }
    #[track_caller]
    pub fn check(&mut self, cases: &[(&str, &str)]) {
        for (line, expected) in cases {
            assert_eq!(self.say(line), *expected, "{line}");
        }
    }
    pub fn say(&mut self, line: &str) -> String {
        let words = quoting::split_args(line.as_bytes()).expect("balanced quotes");
        let request = Request::from_args(&words);
        let mut reply = Reply::new(self.session.protocol);
        if let Err(error) = self.answer(&request, &mut reply) {
            reply.truncate(0);
            reply.error(&error);
        }
        String::from_utf8_lossy(reply.as_bytes()).replace("\r\n", " ")
    }
    fn answer(&mut self, request: &Request, reply: &mut Reply) -> Outcome {
        let node = Registry::get().resolve(request)?;
        let config = self.stage.board.config.load();
        let context = Context {
            databases: config.databases,
            db: self.session.db,
            string_bytes_max: config.proto_max_bulk_len,
            now_ms: NOW_MS,
            obeyed: false,
        };
        drop(config);
        let mut task = registry::parse(node, request, context)?;
        match &mut task {
            Task::Session(task) => task.run_session(&mut self.session, reply),
            Task::Control(task) => task.run_control(&mut self.office, reply),
            _ => {
                let Session { db, protocol, .. } = self.session;
                let caller = Caller { client: self.session.record.id, db, protocol, touches: true };
                self.stage.perform(node, &mut task, request, caller, reply);
                Ok(())
            }
        }
    }
}
