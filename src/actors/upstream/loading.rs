//! A full sync on the side of the data: a thread of its own takes the snapshot as it comes, keeps it in a file first if so
//! configured, and has the Keyspace take it in.
//!
//! It is the thread that begins and ends the replacing of the data, so that this is one thing whatever becomes of the link
//! in between.
use super::{
    Peers,
    handshake::Place,
    keeping::{Growth, Keeper},
};
use crate::{
    actors::{
        keyspace::{BeginReplacing, EndReplacing, Load, Meanwhile, Replacing},
        now_ms,
        persistence::{delay_of, messages::PutInPlace},
    },
    commands::loading::{Fault, Piece},
    data::number::parse_integer,
    disk::{self, Chunks, Trouble},
    formats::rdb,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// How many batches may be on their way to the Keyspace.
const BATCHES_AHEAD: usize = 2;
/// How long it may take to notice that all is given up.
const TICK: Duration = Duration::from_millis(100);

/// A part of the snapshot as it comes.
pub enum Chunk {
    Bytes(Bytes),
    /// All of it has come. Without this it is broken off.
    End,
}

/// Where the snapshot is loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is written to a file first.
    File,
    /// It is written to a file, and loaded from there while that grows: there are no data yet that this would take room
    /// beside, and nobody notices before all has come.
    GrowingFile,
    /// As it comes.
    Socket { how: Replacing, meanwhile: Meanwhile },
}

/// Tells a thread that nobody wants what it does any more.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);
pub struct Stops(Arc<AtomicBool>);
impl Stop {
    /// What says so when it is dropped.
    pub fn when_dropped(&self) -> Stops {
        Stops(self.0.clone())
    }
    fn is_said(&self) -> bool {
        self.0.load(Relaxed)
    }
}
impl Drop for Stops {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

pub struct Job {
    pub(super) peers: Peers,
    pub source: Source,
    /// Whose data they are.
    pub of: Place,
    /// How long the snapshot is, if that is known; else 0.
    pub bytes: u64,
    pub stop: Stop,
}

impl Job {
    /// Does it on a thread of its own. It tells which database the stream has selected behind the snapshot, or why there is
    /// none.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(
        mut self,
        mut taken: mpsc::Receiver<Chunk>,
        done: oneshot::Sender<Result<usize, String>>,
    ) -> io::Result<()> {
        let run = move || {
            let result = self.run(&mut taken);
            // Who asked may have given up meanwhile.
            let _ = done.send(result);
        };
        thread::Builder::new().name("sync".into()).spawn(run).map(drop)
    }
    fn run(&mut self, taken: &mut mpsc::Receiver<Chunk>) -> Result<usize, String> {
        match self.source {
            Source::File => {
                let keeper = Keeper::create()?;
                let mut file = keeper.reader()?;
                let kept = keeper.keep(taken, &Growth::default())?;
                self.bytes = kept.as_ref().map_or(0, Keeper::bytes);
                let chunks: Chunks = &mut || disk::next_chunk(&mut *file);
                self.replace(Replacing::First, Meanwhile::Loading, chunks, "from disk", |_| Ok(kept))
            }
            Source::GrowingFile => self.keep_and_load(taken),
            Source::Socket { how, meanwhile } => {
                self.replace(how, meanwhile, &mut || next_chunk(taken), "from socket", |_| Ok(None))
            }
        }
    }
    /// Writes what comes to a file, and loads it behind that, so that a loader that is slower than the master holds up
    /// nobody.
    fn keep_and_load(&self, taken: &mut mpsc::Receiver<Chunk>) -> Result<usize, String> {
        let keeper = Keeper::create()?;
        let mut file = keeper.reader()?;
        let growth = Growth::default();
        thread::scope(|scope| {
            let writer = thread::Builder::new()
                .name("sync-file".into())
                .spawn_scoped(scope, || keeper.keep(taken, &growth))
                .map_err(|error| format!("Cannot start a thread to keep what the master sends: {error}"))?;
            let kept = |is_loaded: bool| {
                if !is_loaded {
                    growth.give_up();
                }
                writer.join().unwrap_or_else(|_| Err("Nobody keeps what the master sends".into()))
            };
            let mut read = 0;
            let chunks: Chunks = &mut || growth.next_chunk(&mut *file, &mut read);
            self.replace(Replacing::AtTheEnd, Meanwhile::Nothing, chunks, "from disk", kept)
        })
    }
    /// Has the Keyspace take all that comes in the place of its data. Before that counts `kept` is told whether it was
    /// loaded, and gives the file that it is in, or says why it is nothing all the same.
    fn replace(
        &self,
        how: Replacing,
        meanwhile: Meanwhile,
        chunks: Chunks,
        whence: &str,
        kept: impl FnOnce(bool) -> Result<Option<Keeper>, String>,
    ) -> Result<usize, String> {
        let _turn = self.peers.ground.take_turn();
        if self.stop.is_said() || !self.begin_replacing(how, meanwhile) {
            let _ = kept(false);
            return Err(not_wanted());
        }
        tracing::info!("MASTER <-> REPLICA sync: Loading DB in memory");
        let fed = self.feed(chunks);
        let fed = kept(fed.is_ok()).and_then(|kept| {
            fed.map(|db| (db, kept)).map_err(|trouble| {
                tracing::warn!("Internal error in RDB: {trouble}");
                format!("Failed trying to load the MASTER synchronization DB {whence}, check server logs.")
            })
        });
        let (db, kept) = match fed {
            Ok(fed) => fed,
            Err(reason) => {
                self.end_replacing(None, None);
                return Err(reason);
            }
        };
        let (put, is_put) = sync_channel(1);
        let file = kept.map(|kept| kept.into_putting(put));
        if !self.end_replacing(Some(self.of.clone()), file) {
            return Err("The master's data came too late".into());
        }
        // Nothing comes where there is no file, or nobody writes files any more.
        let _ = is_put.recv();
        Ok(db)
    }
    /// False if we follow another master by now.
    fn begin_replacing(&self, how: Replacing, meanwhile: Meanwhile) -> bool {
        let Peers { board, keyspace, ground, number: link, .. } = &self.peers;
        let loading = &board.archive.loading;
        loading.began_s.store(now_ms() / 1000, Relaxed);
        loading.bytes_loaded.store(0, Relaxed);
        loading.writer_bytes.store(0, Relaxed);
        loading.bytes_total.store(self.bytes, Relaxed);
        let (done, answer) = sync_channel(1);
        keyspace.do_send(BeginReplacing { link: *link, how, meanwhile, ground: ground.clone(), done });
        answer.recv().unwrap_or(false)
    }
    /// Has the Keyspace end it: with data that are of this history at this offset, or without. False if it follows another
    /// master by now.
    fn end_replacing(&self, of: Option<Place>, file: Option<PutInPlace>) -> bool {
        let Peers { keyspace, ground, number: link, .. } = &self.peers;
        let (done, answer) = sync_channel(1);
        keyspace.do_send(EndReplacing { link: *link, of, file, ground: ground.clone(), done });
        answer.recv().unwrap_or(false)
    }
    /// Has the Keyspace take in what comes. While it is at one batch the next is read.
    fn feed(&self, chunks: Chunks) -> Result<usize, Trouble> {
        let Peers { board, keyspace, .. } = &self.peers;
        let mut underway: VecDeque<Receiver<Result<(), Fault>>> = VecDeque::new();
        let wait = |answer: Receiver<Result<(), Fault>>| answer.recv().unwrap_or_else(|_| Err(given_up()));
        let checks = board.config.load().rdbchecksum;
        let mut stream_db = 0;
        let length = Some(self.bytes).filter(|bytes| *bytes > 0);
        let result =
            disk::read_snapshot_from(chunks, length, checks, &mut |pieces: Vec<Piece>, bytes_read| {
                board.archive.loading.bytes_loaded.store(bytes_read, Relaxed);
                if let Some(db) = pieces.iter().find_map(stream_db_of) {
                    stream_db = db;
                }
                if underway.len() >= BATCHES_AHEAD
                    && let Some(first) = underway.pop_front()
                {
                    wait(first)?;
                }
                self.delay(pieces.iter().filter(|piece| piece.is_key()).count() as u64);
                if self.stop.is_said() {
                    return Err(given_up());
                }
                let (done, answer) = sync_channel(1);
                keyspace.do_send(Load { link: Some(self.peers.number), pieces, done });
                underway.push_back(answer);
                Ok(())
            });
        // What was taken in wrongly is told before what could not be read behind it.
        underway.into_iter().try_for_each(wait)?;
        result.map(|()| stream_db)
    }
    /// `key-load-delay`, which may change meanwhile.
    fn delay(&self, keys: u64) {
        let began = Instant::now();
        let left = || {
            let delay = delay_of(keys, self.peers.board.config.load().key_load_delay_us);
            delay.checked_sub(began.elapsed()).filter(|left| !left.is_zero() && !self.stop.is_said())
        };
        while let Some(left) = left() {
            thread::sleep(left.min(TICK));
        }
    }
}

fn not_wanted() -> String {
    "Nobody wants the master's data any more".into()
}
fn given_up() -> Fault {
    Fault { offset: 0, reason: "nobody takes the data in".into() }
}

/// What a replica's snapshot says about the stream behind it: it hands that on as it comes, so it cannot select anew.
fn stream_db_of(piece: &Piece) -> Option<usize> {
    match piece {
        Piece::Snapshot(rdb::Item::Aux { name, value }) if &name[..] == b"repl-stream-db" => {
            usize::try_from(parse_integer(value)?).ok()
        }
        _ => None,
    }
}

/// An empty one at the end.
pub(super) fn next_chunk(taken: &mut mpsc::Receiver<Chunk>) -> io::Result<Bytes> {
    match taken.blocking_recv() {
        Some(Chunk::Bytes(bytes)) => Ok(bytes),
        Some(Chunk::End) => Ok(Bytes::new()),
        None => {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "Unexpected EOF: the master has broken off"))
        }
    }
}
