//! A full sync on the side of the socket: the snapshot is taken out of its frame and given to a thread that loads it; the
//! master is told meanwhile that we are alive.
use super::{
    framing::{Frame, Header, take_header},
    handshake::Place,
    loading::{Chunk, Job, Source, Stop},
    session::{Session, TICK},
    wire::Wire,
};
use crate::{
    actors::{
        keyspace::{IsEmpty, Meanwhile, Replacing},
        now_ms,
    },
    config::DisklessLoad,
};
use bytes::BytesMut;
use std::sync::atomic::Ordering::Relaxed;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Interval, interval},
};

/// Chunks on their way to the thread.
const CHUNKS_AHEAD: usize = 4;

impl Session {
    /// Takes the data of our master in the place of ours. `place` is where they stand, if the master told.
    ///
    /// # Errors
    /// Why that came to nothing, for the log.
    pub(super) async fn take_all(
        &mut self,
        wire: &mut Wire,
        input: &mut BytesMut,
        place: Option<Place>,
    ) -> Result<(), String> {
        let mut pulse = interval(TICK);
        let header = self.await_header(wire, input, &mut pulse).await?;
        self.tell_of_full_sync(&place);
        let source = self.source(place.as_ref()).await;
        let to = if matches!(source, Source::Socket { .. }) { "parser" } else { "disk" };
        let bytes = match &header {
            Header::Mark(mark) => {
                let mark = String::from_utf8_lossy(mark);
                tracing::info!(
                    "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF {mark} to {to}"
                );
                0
            }
            Header::Length(bytes) => {
                tracing::info!("MASTER <-> REPLICA sync: receiving {bytes} bytes from master to {to}");
                *bytes
            }
        };
        let link = self.peers.link.clone();
        link.sync_bytes.store(bytes, Relaxed);
        link.synced_bytes.store(0, Relaxed);
        link.synced_at_ms.store(now_ms(), Relaxed);
        // A master that tells nothing of its history begins a new one for us.
        let place = place.unwrap_or_else(|| (new_id(), 0));
        let (chunks, taken) = mpsc::channel(CHUNKS_AHEAD);
        let (done, mut outcome) = oneshot::channel();
        let stop = Stop::default();
        // If all of this is given up, the thread is to end as well.
        let _stops = stop.when_dropped();
        Job { peers: self.peers.clone(), source, of: place.clone(), bytes, stop }
            .start(taken, done)
            .map_err(|error| format!("Cannot start a thread to load what the master sends: {error}"))?;
        let received = self.receive(wire, input, Frame::from(header), chunks, &mut pulse).await;
        let loaded = self.await_loading(wire, &mut outcome, &mut pulse).await;
        // What comes later follows from what came first.
        match received.and(loaded) {
            Ok(db) => {
                (self.db, self.place) = (db, Some(place));
                Ok(())
            }
            Err(reason) => {
                self.place.take_if(|_| !self.peers.ground.is_whole());
                Err(reason)
            }
        }
    }
    async fn await_header(
        &mut self,
        wire: &mut Wire,
        input: &mut BytesMut,
        pulse: &mut Interval,
    ) -> Result<Header, String> {
        loop {
            if let Some(header) = take_header(input)? {
                return Ok(header);
            }
            self.read(wire, input, pulse).await?;
        }
    }
    /// Reads more, and tells the master meanwhile that we are alive.
    async fn read(&self, wire: &mut Wire, input: &mut BytesMut, pulse: &mut Interval) -> Result<(), String> {
        let began = Instant::now();
        loop {
            tokio::select! {
                biased;
                read = wire.read(input) => {
                    let count =
                        read.map_err(|error| format!("I/O error trying to sync with MASTER: {error}"))?;
                    self.note_received(count);
                    return Ok(());
                }
                _ = pulse.tick() => beat(wire),
            }
            // It may be set meanwhile.
            if began.elapsed() > self.patience() {
                return Err(TIMEOUT.into());
            }
        }
    }
    fn note_received(&self, count: usize) {
        self.note_heard();
        self.peers.board.vitals.replication_input_bytes.fetch_add(count as u64, Relaxed);
        self.peers.link.synced_at_ms.store(now_ms(), Relaxed);
    }
    /// How the snapshot is to be loaded.
    async fn source(&self, place: Option<&Place>) -> Source {
        let load = self.peers.board.config.load().repl_diskless_load;
        match load {
            DisklessLoad::SwapDb => {
                // The old data may serve meanwhile if they are an earlier state of the same.
                let known = self.peers.board.replication.history.load();
                let is_same = place.is_some_and(|(id, _)| *id == known.id);
                let meanwhile = if is_same { Meanwhile::OldData } else { Meanwhile::Loading };
                Source::Socket { how: Replacing::AtTheEnd, meanwhile }
            }
            DisklessLoad::OnEmptyDb if self.is_empty().await => {
                Source::Socket { how: Replacing::First, meanwhile: Meanwhile::Loading }
            }
            DisklessLoad::Disabled if self.is_empty().await => Source::GrowingFile,
            _ => Source::File,
        }
    }
    async fn is_empty(&self) -> bool {
        let (tell, told) = oneshot::channel();
        self.peers.keyspace.do_send(IsEmpty(tell));
        told.await.unwrap_or(false)
    }
    /// Gives the thread what comes, up to the end of the frame, or as long as it takes it.
    async fn receive(
        &mut self,
        wire: &mut Wire,
        input: &mut BytesMut,
        mut frame: Frame,
        chunks: mpsc::Sender<Chunk>,
        pulse: &mut Interval,
    ) -> Result<(), String> {
        loop {
            let bytes = frame.take(input);
            if !bytes.is_empty() {
                self.peers.link.synced_bytes.fetch_add(bytes.len() as u64, Relaxed);
                if !hand_over(Chunk::Bytes(bytes), wire, &chunks, pulse).await? {
                    return Ok(());
                }
            }
            if frame.is_ended() {
                hand_over(Chunk::End, wire, &chunks, pulse).await?;
                return Ok(());
            }
            self.read(wire, input, pulse).await?;
        }
    }
    /// The database that the stream has selected behind the snapshot.
    async fn await_loading(
        &self,
        wire: &mut Wire,
        outcome: &mut oneshot::Receiver<Result<usize, String>>,
        pulse: &mut Interval,
    ) -> Result<usize, String> {
        let mut nothing = BytesMut::new();
        loop {
            tokio::select! {
                biased;
                outcome = &mut *outcome => {
                    return outcome.unwrap_or_else(|_| Err("Nobody loads what the master sent".into()));
                }
                _ = pulse.tick() => beat(wire),
                // If the line is dead, that is seen behind it: what has come is loaded all the same.
                Ok(_) = wire.exchange(&mut nothing, false) => {}
            }
        }
    }
}

const TIMEOUT: &str = "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' \
                       parameter in redis.conf to a larger value.";

/// A blank line, which means nothing, but that we are alive.
fn beat(wire: &mut Wire) {
    if wire.is_drained() {
        wire.say(b"\n");
    }
}

/// False if the thread takes nothing any more.
async fn hand_over(
    chunk: Chunk,
    wire: &mut Wire,
    chunks: &mpsc::Sender<Chunk>,
    pulse: &mut Interval,
) -> Result<bool, String> {
    let mut nothing = BytesMut::new();
    loop {
        tokio::select! {
            biased;
            room = chunks.reserve() => {
                let taken = room.map(|room| room.send(chunk));
                return Ok(taken.is_ok());
            }
            _ = pulse.tick() => beat(wire),
            error = wire.exchange(&mut nothing, false) => {
                error.map_err(|error| format!("I/O error trying to sync with MASTER: {error}"))?;
            }
        }
    }
}

/// The id of a history that nobody has told.
fn new_id() -> String {
    (0..40).map(|_| fastrand::digit(16)).collect()
}
