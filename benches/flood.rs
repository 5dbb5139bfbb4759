//! What one request costs the Keyspace when it is never idle: batches of GET and SET over 100,000 keys flood it from
//! another arbiter, as Couriers do, without sockets. This is the ceiling of one Keyspace.
//!
//! `cargo bench --bench flood` prints the time per request for batches of 1, 4, 16 and 64 requests.
use actix::prelude::*;
use callboard::{
    actors::{
        courier::messages::{Batch, LineId, Replies, Run, Step, Turn},
        expiry::Expiry,
        keyspace::{Execute, Keyspace, Peers},
        migration::Migration,
        now_ms,
        persistence::Persistence,
        primary::Primary,
        pubsub::{PubSub, Reach},
        supervisor::Supervisor,
    },
    board::Board,
    commands::{
        args::Context as ArgsContext,
        registry::{self, Registry},
    },
    config::Config,
    disk,
    resp::{Protocol, Request},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

const KEYS: u64 = 100_000;
/// Batches on their way at a time: as many as keep the Keyspace from ever waiting.
const IN_FLIGHT: usize = 8;

/// Sends a batch for every one that comes back, as clients do that never rest, until enough requests are done.
struct Flooder {
    keyspace: Addr<Keyspace>,
    remaining: u64,
    outstanding: usize,
    done: Option<Sender<()>>,
    rng: fastrand::Rng,
    /// Batches that are not on their way: all keys lie in them, so that none is warm for long.
    pool: VecDeque<Batch>,
}
#[derive(Message)]
#[rtype(result = "()")]
struct Flood {
    requests: u64,
    per_batch: usize,
    done: Sender<()>,
}

fn run(request: Request) -> Step {
    let node = Registry::get().resolve(&request).expect("a known command");
    let context = ArgsContext { databases: 16, db: 0, string_bytes_max: 1 << 29, now_ms: 0, obeyed: false };
    let task = registry::parse(node, &request, context).expect("a right request");
    Step::Run(Run { node, task, request, db: 0, protocol: Protocol::Resp2, touches: true, muted: false })
}
impl Flooder {
    /// Requests are parsed here, on the sender's side, as Connections do.
    fn batch(&mut self, requests: usize) -> Batch {
        let mut batch = Batch::default();
        for n in 0..requests {
            let key = format!("key:{:012}", self.rng.u64(..KEYS));
            batch.steps.push(run(match n % 2 {
                0 => Request::from_args(&["GET", &key]),
                _ => Request::from_args(&["SET", &key, "xxxxxxxxxxxxxxxx"]),
            }));
        }
        batch.turns.push(Turn { line: LineId { slot: 0, client: 0 }, end: requests });
        batch
    }
    fn send(&mut self, spent_bytes: Option<Vec<u8>>, ctx: &mut Context<Self>) {
        let Some(batch) = self.pool.pop_front() else { return };
        self.outstanding += 1;
        let reply_to = ctx.address().recipient();
        self.keyspace.do_send(Execute { batch, reply_to, spent_bytes, has_waited: false });
    }
}
impl Actor for Flooder {
    type Context = Context<Self>;
}
impl Handler<Flood> for Flooder {
    type Result = ();
    fn handle(&mut self, Flood { requests, per_batch, done }: Flood, ctx: &mut Self::Context) {
        self.remaining = requests;
        self.done = Some(done);
        if self.pool.front().is_none_or(|batch| batch.steps.len() != per_batch) {
            self.pool = (0..KEYS as usize / per_batch).map(|_| self.batch(per_batch)).collect();
        }
        for _ in 0..IN_FLIGHT {
            self.send(None, ctx);
        }
    }
}
impl Handler<Replies> for Flooder {
    type Result = ();
    /// A batch that comes back is run again later as it is, so the sender costs little beside the Keyspace.
    fn handle(&mut self, replies: Replies, ctx: &mut Self::Context) {
        self.outstanding -= 1;
        let Some(batch) = replies.spent else { return };
        self.remaining = self.remaining.saturating_sub(batch.steps.len() as u64);
        self.pool.push_back(batch);
        if self.remaining > 0 {
            self.send(Some(replies.bytes), ctx);
        } else if self.outstanding == 0
            && let Some(done) = self.done.take()
        {
            let _ = done.send(());
        }
    }
}

fn start() -> Receiver<Addr<Flooder>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let system = System::new();
        system.block_on(async {
            let board = Board::new(Config::default(), None, 1, now_ms());
            let expiry = Expiry::new(board.clone()).start();
            let supervisor = Supervisor::new(board.clone(), |_| {}).start();
            let migration = Migration::new(board.clone()).start();
            let pubsub = PubSub::new(board.clone()).start();
            let (data, files) = (Arbiter::new(), Arbiter::new());
            let primary = Primary::new(board.clone(), files.handle(), false).start();
            let (introduce, introduced) = channel();
            let persistence = {
                let (board, supervisor) = (board.clone(), supervisor.clone());
                Persistence::start_in_arbiter(&files.handle(), move |_| {
                    let keyspace = introduced.recv().expect("it is started next");
                    Persistence::new(board, keyspace, supervisor, Arc::new(disk::Real))
                })
            };
            let keyspace = Keyspace::start_in_arbiter(&data.handle(), move |ctx| {
                let pubsub = Reach::Far(pubsub);
                let peers = Peers { expiry, persistence, supervisor, migration, pubsub, primary };
                Keyspace::new(ctx.address(), board, 1, peers)
            });
            introduce.send(keyspace.clone()).expect("it waits for it");
            let rng = fastrand::Rng::with_seed(1);
            let flooder =
                Flooder { keyspace, remaining: 0, outstanding: 0, done: None, rng, pool: VecDeque::new() }
                    .start();
            let _ = sender.send(flooder);
            // The arbiters end with the program.
            std::mem::forget((data, files));
        });
        let _ = system.run();
    });
    receiver
}

fn flood(c: &mut Criterion) {
    let flooder = start().recv().expect("the system starts");
    let flood = |requests: u64, per_batch: usize| -> Duration {
        let (done, finished) = channel();
        let started = Instant::now();
        flooder.do_send(Flood { requests, per_batch, done });
        finished.recv().expect("the flood ends");
        started.elapsed()
    };
    // Fills the table first.
    flood(KEYS * 4, 64);
    let mut group = c.benchmark_group("flood");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(4));
    for per_batch in [1, 4, 16, 64] {
        group.bench_function(format!("{per_batch} requests a message"), |b| {
            b.iter_custom(|requests| flood(requests.max(1), per_batch))
        });
    }
    group.finish();
}

criterion_group!(benches, flood);
criterion_main!(benches);
