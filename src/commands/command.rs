//! From a name to a typed command that can run: the traits, and the erased form that travels in a message.
//!
//! A command implements [`Command`] (what it is, how it is parsed) and exactly one of the traits that say where it
//! runs and what it may do there. That choice is the single source for `write`/`readonly`, for who executes it and
//! for what is propagated.
use crate::{
    board::{Activity, Board, Topic},
    commands::{
        args::Args,
        error::CommandError,
        monitors::Monitors,
        pushes::Pushes,
        session::Session,
        shipment::{Delivery, Shipment},
        spec::Spec,
        tracking::Tracking,
        transactions::Transaction,
        waiting::Waiting,
        watches::Watches,
    },
    resp::{Protocol, Reply, Request},
    store::{Changes, Kind, View},
};
use bytes::Bytes;
use smallbox::{SmallBox, smallbox, space::S16};

pub type Outcome = Result<(), CommandError>;

pub trait Command: Sized + Send + Unpin + 'static {
    const SPEC: Spec;
    /// Takes the arguments; runs where the request was read.
    ///
    /// # Errors
    /// Whatever is wrong with the request alone. It becomes the reply, in the request's place.
    fn parse(args: &mut Args) -> Result<Self, CommandError>;
}
/// Only looks at data: it gets the store shared, so it cannot write. Runs in the Keyspace.
pub trait ReadCommand: Command {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome;
}
/// May write. Every change goes through `Changes`, which records keys, events and effects. Runs in the Keyspace.
pub trait WriteCommand: Command {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome;
}
/// May wait until one of its keys has something for it. Runs in the Keyspace.
///
/// A client that waits is data, not a pending future: the command is kept, and run again, by the same `run`, when one
/// of its keys has changed.
pub trait BlockingCommand: Command {
    /// Does its work; or says that there is nothing to do it with yet. In that case it has changed nothing and
    /// replied nothing.
    ///
    /// # Errors
    /// What becomes the reply, as for any command.
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError>;
    /// What it waits for. Asked once, when `run` has first said that it waits.
    fn patience(&self) -> Patience;
    /// What is to be sent elsewhere for it while it waits for the answer; see [`Awaited::Answer`].
    fn shipment(&mut self) -> Option<Shipment> {
        None
    }
    /// What became of that. It is run again behind this.
    fn hear(&mut self, _: Delivery) {}
    /// Replies that its time is over.
    fn give_up(&self, reply: &mut Reply) {
        reply.null_array();
    }
    /// Replies that there is nothing, where nobody may wait (in a transaction, in a script).
    fn decline(&self, reply: &mut Reply) {
        self.give_up(reply)
    }
}
/// How far a command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    Waits,
}
/// What a client waits for.
#[derive(Clone, Debug)]
pub struct Patience {
    pub awaited: Awaited,
    /// How long, from when it begins to wait, ms; `None`: for ever.
    pub lasts_ms: Option<i64>,
}
#[derive(Clone, Debug)]
pub enum Awaited {
    /// That one of these keys has changed.
    Keys {
        keys: Vec<Bytes>,
        /// A key that holds something of another type is left alone.
        kind: Kind,
        /// It wants to hear of any change of its keys: of their end, and of another type there (XREADGROUP).
        of_any_change: bool,
    },
    /// That more of the log is on the medium, here or there (WAITAOF).
    Log,
    /// That so many replicas have applied more of the stream (WAIT).
    Copies { replicas: i64 },
    /// What becomes of its shipment (MIGRATE).
    Answer,
}
impl Patience {
    /// For a change of keys that hold values of this type.
    pub fn for_keys(keys: &[Bytes], kind: Kind, lasts_ms: Option<i64>) -> Patience {
        Patience { awaited: Awaited::Keys { keys: keys.to_vec(), kind, of_any_change: false }, lasts_ms }
    }
}
/// Looks behind the scenes: data and board together (INFO, MEMORY, DEBUG). Runs in the Keyspace.
pub trait BackstageCommand: Command {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome;
}
/// About the connection itself, answered by it from its session and the board, in its place among the others. Such a
/// reply travels as plain bytes, so it holds no grafts (`Reply::bulk`, not `shared_bulk`).
pub trait SessionCommand: Command {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome;
}
/// Changes how the server runs (CONFIG SET, SHUTDOWN, CLIENT PAUSE). Runs in the Supervisor.
pub trait ControlCommand: Command {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome;
}

/// Changes what its client is subscribed to (SUBSCRIBE and its like). Runs in PubSub, and writes a push for each change.
pub trait BrokerCommand: Command {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome;
}

/// What a [`BackstageCommand`] sees.
pub struct Backstage<'a> {
    pub changes: Changes<'a>,
    /// The clients that are blocked.
    pub waiting: &'a mut Waiting,
    pub watches: &'a mut Watches,
    pub tracking: &'a mut Tracking,
    pub monitors: &'a mut Monitors,
    pub pushes: &'a mut Pushes,
    pub board: &'a Board,
    pub scripting: &'a mut super::scripting::Scripting,
    pub caller: Caller,
    /// The words of the request.
    pub request: &'a Request,
    /// Something to be done behind the command, by whoever drives the stage.
    pub errand: &'a mut Option<Errand>,
}

/// What a command asks for that a Stage cannot do: it has no files. It is done before the next command runs; if it fails,
/// its error takes the place of the command's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Write a snapshot, now.
    Save,
    /// Begin what has been claimed on the board.
    Begin(Activity),
    /// DEBUG RELOAD
    Reload {
        save: bool,
        flush: bool,
        /// What is in the file replaces what is there.
        merge: bool,
    },
    /// DEBUG LOADAOF
    LoadLog,
    /// All data were deleted: the files must not bring them back.
    Emptied,
    /// DEBUG CHANGE-REPL-ID
    ChangeHistory,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    pub client: u64,
    pub db: usize,
    pub protocol: Protocol,
    /// False under CLIENT NO-TOUCH.
    pub touches: bool,
}

/// What a [`BrokerCommand`] can ask of PubSub, for its client.
pub trait Broker {
    /// The client is in a transaction, where each command has one reply.
    fn is_in_transaction(&self) -> bool;
    /// Subscribes the client, if it is not subscribed yet.
    fn subscribe(&mut self, topic: Topic, name: &Bytes);
    fn unsubscribe(&mut self, topic: Topic, name: &Bytes);
    /// What the client is subscribed to, in alphabetical order.
    fn subscribed(&self, topic: Topic) -> Vec<Bytes>;
    /// How many names of a kind that is.
    fn count(&self, topic: Topic) -> usize;
}

/// What a [`ControlCommand`] can ask of the Supervisor.
pub trait Office {
    /// Id of the client that asks.
    fn client(&self) -> u64;
    /// CONFIG SET: all or none.
    ///
    /// # Errors
    /// The text for the client, without `ERR`.
    fn configure(&mut self, pairs: &[(String, Vec<u8>)]) -> Result<(), String>;
    /// CONFIG REWRITE.
    ///
    /// # Errors
    /// The text for the client, without `ERR`.
    fn rewrite_configuration(&mut self) -> Result<(), String>;
    /// Ends the server; on success nothing is replied.
    ///
    /// # Errors
    /// Why it cannot end now.
    fn shut_down(&mut self, how: Shutdown) -> Outcome;
    /// SHUTDOWN ABORT.
    ///
    /// # Errors
    /// If none is under way.
    fn abort_shut_down(&mut self) -> Outcome;
    /// REPLICAOF: follows this master from here on, or nobody.
    ///
    /// # Errors
    /// Why that cannot be now.
    fn follow(&mut self, master: Option<crate::config::Master>) -> Result<Followed, CommandError>;
    /// FAILOVER.
    ///
    /// # Errors
    /// Why that cannot be now.
    fn fail_over(&mut self, plan: &FailoverPlan) -> Outcome;
    /// FAILOVER ABORT.
    ///
    /// # Errors
    /// If none is under way.
    fn abort_failover(&mut self) -> Outcome;
    /// CLIENT PAUSE: from now, for `milliseconds`.
    fn pause(&mut self, scope: crate::board::PauseScope, milliseconds: i64);
    fn unpause(&mut self);
}

/// What came of REPLICAOF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It is done; and nothing was to be done where a master was told to be one.
    Anew,
    /// This master is followed already.
    AsBefore,
}

/// Options of FAILOVER.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailoverPlan {
    /// The replica that is to be the master; any that has all data, if none is named. Numbers that are no ports are those
    /// of no replica.
    pub target: Option<(String, i64)>,
    /// To do it at the end of the timeout even if the replica has not all.
    pub force: bool,
    pub timeout_ms: Option<u64>,
}

/// Options of SHUTDOWN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shutdown {
    pub save: Save,
    /// Do not wait for replicas.
    pub now: bool,
    /// End even if saving fails.
    pub force: bool,
}
/// Whether to write a snapshot first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Save {
    /// If save points are configured.
    #[default]
    AsConfigured,
    Yes,
    No,
}

/// A typed command on its way. Up to 16 words travel inside the message, without an allocation.
pub enum Task {
    Read(SmallBox<dyn RunRead, S16>),
    Write(SmallBox<dyn RunWrite, S16>),
    Blocking(SmallBox<dyn RunBlocking, S16>),
    Backstage(SmallBox<dyn RunBackstage, S16>),
    Session(SmallBox<dyn RunSession, S16>),
    Control(SmallBox<dyn RunControl, S16>),
    Broker(SmallBox<dyn RunBroker, S16>),
    /// A script or a function.
    Script(super::scripting::Invocation),
    /// EXEC and DISCARD.
    Transaction(Box<Transaction>),
}
pub trait RunRead: Send + Unpin {
    fn run_read(&mut self, view: &View, reply: &mut Reply) -> Outcome;
}
pub trait RunWrite: Send + Unpin {
    fn run_write(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome;
}
pub trait RunBlocking: Send + Unpin {
    fn run_blocking(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError>;
    fn its_patience(&self) -> Patience;
    fn its_shipment(&mut self) -> Option<Shipment>;
    fn it_hears(&mut self, delivery: Delivery);
    fn it_gives_up(&self, reply: &mut Reply);
    fn it_declines(&self, reply: &mut Reply);
}
pub trait RunBackstage: Send + Unpin {
    fn run_backstage(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome;
}
pub trait RunSession: Send + Unpin {
    fn run_session(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome;
}
pub trait RunControl: Send + Unpin {
    fn run_control(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome;
}
pub trait RunBroker: Send + Unpin {
    fn run_broker(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome;
}
impl<C: ReadCommand> RunRead for C {
    fn run_read(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.run(view, reply)
    }
}
impl<C: WriteCommand> RunWrite for C {
    fn run_write(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.run(changes, reply)
    }
}
impl<C: BlockingCommand> RunBlocking for C {
    fn run_blocking(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.run(changes, reply)
    }
    fn its_patience(&self) -> Patience {
        self.patience()
    }
    fn its_shipment(&mut self) -> Option<Shipment> {
        self.shipment()
    }
    fn it_hears(&mut self, delivery: Delivery) {
        self.hear(delivery)
    }
    fn it_gives_up(&self, reply: &mut Reply) {
        self.give_up(reply)
    }
    fn it_declines(&self, reply: &mut Reply) {
        self.decline(reply)
    }
}
impl<C: BackstageCommand> RunBackstage for C {
    fn run_backstage(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        self.run(backstage, reply)
    }
}
impl<C: SessionCommand> RunSession for C {
    fn run_session(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        self.run(session, reply)
    }
}
impl<C: ControlCommand> RunControl for C {
    fn run_control(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        self.run(office, reply)
    }
}
impl<C: BrokerCommand> RunBroker for C {
    fn run_broker(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        self.run(broker, reply)
    }
}

/// What running a command may do, as COMMAND INFO flags it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    /// Neither reads nor writes keys for its caller.
    Neither,
}

/// How a command's arguments become a task.
pub type Parse = fn(&mut Args) -> Result<Task, CommandError>;

/// One line of a family's list: a command, or a container of subcommands.
pub struct Entry {
    pub spec: Spec,
    pub access: Access,
    /// `None` for a container that does nothing without a subcommand.
    pub parse: Option<Parse>,
    pub subcommands: &'static [Entry],
}
const fn entry(spec: Spec, access: Access, parse: fn(&mut Args) -> Result<Task, CommandError>) -> Entry {
    Entry { spec, access, parse: Some(parse), subcommands: &[] }
}
pub const fn read<C: ReadCommand>() -> Entry {
    entry(C::SPEC, Access::Read, |args| Ok(Task::Read(smallbox!(C::parse(args)?))))
}
pub const fn write<C: WriteCommand>() -> Entry {
    entry(C::SPEC, Access::Write, |args| Ok(Task::Write(smallbox!(C::parse(args)?))))
}
/// A [`WriteCommand`] that is a read to its caller: it answers a question, and keeps the answer in the value for the
/// next time (PFCOUNT). So it is allowed where writes are not: on a replica, to a user who may only read, without
/// memory. What it kept is recorded as for any write; such a command is [`MAY_REPLICATE`](super::spec::MAY_REPLICATE).
pub const fn caching_read<C: WriteCommand>() -> Entry {
    entry(C::SPEC, Access::Read, |args| Ok(Task::Write(smallbox!(C::parse(args)?))))
}
/// A [`BlockingCommand`] that writes (BLPOP).
pub const fn blocking_write<C: BlockingCommand>() -> Entry {
    entry(C::SPEC, Access::Write, |args| Ok(Task::Blocking(smallbox!(C::parse(args)?))))
}
/// A [`BlockingCommand`] that only reads (XREAD).
pub const fn blocking_read<C: BlockingCommand>() -> Entry {
    entry(C::SPEC, Access::Read, |args| Ok(Task::Blocking(smallbox!(C::parse(args)?))))
}
/// A [`BlockingCommand`] about the server (WAITAOF).
pub const fn blocking<C: BlockingCommand>() -> Entry {
    entry(C::SPEC, Access::Neither, |args| Ok(Task::Blocking(smallbox!(C::parse(args)?))))
}
pub const fn backstage<C: BackstageCommand>() -> Entry {
    entry(C::SPEC, Access::Neither, |args| Ok(Task::Backstage(smallbox!(C::parse(args)?))))
}
/// A [`BackstageCommand`] that reads keys (MEMORY USAGE).
pub const fn backstage_read<C: BackstageCommand>() -> Entry {
    entry(C::SPEC, Access::Read, |args| Ok(Task::Backstage(smallbox!(C::parse(args)?))))
}
pub const fn session<C: SessionCommand>() -> Entry {
    entry(C::SPEC, Access::Neither, |args| Ok(Task::Session(smallbox!(C::parse(args)?))))
}
pub const fn control<C: ControlCommand>() -> Entry {
    entry(C::SPEC, Access::Neither, |args| Ok(Task::Control(smallbox!(C::parse(args)?))))
}
pub const fn broker<C: BrokerCommand>() -> Entry {
    entry(C::SPEC, Access::Neither, |args| Ok(Task::Broker(smallbox!(C::parse(args)?))))
}
/// A name that only has subcommands.
pub const fn container(spec: Spec, subcommands: &'static [Entry]) -> Entry {
    Entry { spec, access: Access::Neither, parse: None, subcommands }
}
impl Entry {
    /// Gives a command that also runs by itself its subcommands (COMMAND).
    pub const fn with(mut self, subcommands: &'static [Entry]) -> Entry {
        self.subcommands = subcommands;
        self
    }
}
