//! What goes on between us and our master, from connecting to the end of the link; and again.
use super::{
    Peers,
    client::Client,
    handshake::{Handshake, Introduction, Next, Place, request},
    messages::{Applied, TakenOver},
    stream::Stream,
    wire::{Wire, take_line},
};
use crate::{
    actors::{keyspace::Apply, now_ms, primary::messages::Continued},
    board::{Failover, LinkState, UNASKED_FOR},
    config::Config,
};
use actix::prelude::*;
use bytes::BytesMut;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Parts of the stream on their way to the Keyspace.
const PARTS_AHEAD: usize = 2;
/// Between two attempts, as Redis has it; an end of what went well before is followed by one at once.
const RETRY_AFTER: Duration = Duration::from_secs(1);
pub const TICK: Duration = Duration::from_secs(1);

/// How an attempt ended. Why is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There was no link yet.
    Early,
    /// A full sync came to nothing.
    Sync,
    /// The link was good, and is lost.
    Link,
}

pub struct Session {
    pub(super) peers: Peers,
    hears: UnboundedReceiver<Applied>,
    reply_to: Recipient<Applied>,
    /// Of our history, as far as it is known here: its id, and what was applied.
    pub(super) place: Option<Place>,
    /// The database that the stream has selected there.
    pub(super) db: usize,
    /// There is an append-only file: our master is told what of it is on our medium.
    has_log: bool,
    /// Where the parts end that are on their way to the Keyspace.
    underway: VecDeque<u64>,
    /// When the master asked last how far we are.
    asked: Option<Instant>,
    /// The master knows offsets: it came by PSYNC.
    knows_offsets: bool,
    /// Full syncs in a row that came to nothing, and those in a row that were needed at all.
    failed_syncs: u32,
    full_syncs: u32,
}

impl Session {
    pub fn new(peers: Peers, hears: UnboundedReceiver<Applied>, reply_to: Recipient<Applied>) -> Session {
        Session {
            peers,
            hears,
            reply_to,
            place: None,
            db: 0,
            has_log: false,
            underway: VecDeque::new(),
            asked: None,
            knows_offsets: true,
            failed_syncs: 0,
            full_syncs: 0,
        }
    }
    /// Follows the master until it is dropped.
    pub async fn live(mut self) {
        let Some(began) = self.hears.recv().await else { return };
        self.has_log = began.has_log;
        let replication = self.peers.board.replication.history.load();
        if self.peers.ground.is_whole() {
            self.place = Some((replication.id.clone(), began.offset));
            self.db = self.peers.board.replication.stream_db.load(Relaxed);
        }
        drop(replication);
        let link = self.peers.link.clone();
        tracing::info!("Connecting to MASTER {}:{}", link.host, link.port);
        loop {
            self.settle().await;
            link.set_state(LinkState::Connecting);
            let end = self.attempt().await;
            if end == End::Link {
                link.down_since_ms.store(now_ms(), Relaxed);
            }
            link.set_state(LinkState::Waiting);
            self.rest(end).await;
        }
    }
    /// Waits before the next attempt.
    async fn rest(&mut self, end: End) {
        let link = &self.peers.link;
        match end {
            End::Early => {
                sleep(RETRY_AFTER).await;
                tracing::info!("Connecting to MASTER {}:{}", link.host, link.port);
            }
            // The backlog of the master may not hold for long what we are missing.
            End::Link => tracing::info!("Reconnecting to MASTER {}:{}", link.host, link.port),
            End::Sync => {
                // Whatever it is, it may come to nothing again, and it costs the master much.
                sleep((RETRY_AFTER / 10 * self.failed_syncs).min(RETRY_AFTER)).await;
                self.failed_syncs += 1;
                tracing::info!("Reconnecting to MASTER {}:{} after failure", link.host, link.port);
            }
        }
    }
    /// Waits until the Keyspace has done with what it was sent: only then we know where we are.
    async fn settle(&mut self) {
        while !self.underway.is_empty()
            && let Some(applied) = self.hears.recv().await
        {
            self.hear(&applied);
        }
    }
    fn hear(&mut self, applied: &Applied) {
        while self.underway.front().is_some_and(|end| *end <= applied.offset) {
            self.underway.pop_front();
        }
        if let Some((_, offset)) = &mut self.place {
            *offset = applied.offset.max(*offset);
        }
        self.has_log = applied.has_log;
    }
    pub(super) fn config(&self) -> Arc<Config> {
        self.peers.board.config.load_full()
    }
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.peers.board.config.load().repl_timeout_seconds.into())
    }
    pub(super) fn note_heard(&self) {
        self.peers.link.heard_at_ms.store(now_ms(), Relaxed);
    }

    async fn attempt(&mut self) -> End {
        let (link, patience) = (self.peers.link.clone(), self.patience());
        tracing::info!("MASTER <-> REPLICA sync started");
        let config = self.config();
        let tls = match self.peers.board.tls_if(config.tls_replication) {
            Ok(tls) => tls,
            Err(reason) => {
                tracing::warn!("{reason}");
                return End::Early;
            }
        };
        let connect = Wire::connect(&link.host, link.port, &config, tls.as_deref());
        let mut wire = match timeout(patience, connect).await {
            Ok(Ok(wire)) => wire,
            Ok(Err(error)) => {
                tracing::warn!("Error condition on socket for SYNC: {error}");
                return End::Early;
            }
            Err(_) => {
                let hint = if config.tls_replication { " (by TLS: is that its tls-port?)" } else { "" };
                tracing::warn!("Timeout connecting to the MASTER...{hint}");
                return End::Early;
            }
        };
        drop((config, tls));
        self.note_heard();
        link.set_state(LinkState::Greeting);
        let mut input = BytesMut::new();
        let gives_way = self.peers.board.replication.failover() == Failover::InProgress;
        let heard = self.greet(&mut wire, &mut input, gives_way).await;
        if gives_way {
            self.tell_of_failover(&heard);
        }
        match heard {
            Ok(Next::Resume(id)) => {
                self.resume(id);
                self.full_syncs = 0;
            }
            Ok(Next::Full(place)) => {
                if let Some((id, offset)) = &place {
                    tracing::info!("Full resync from master: {id}:{offset}");
                }
                link.set_state(LinkState::Syncing);
                if let Err(reason) = self.take_all(&mut wire, &mut input, place).await {
                    tracing::warn!("{reason}");
                    return End::Sync;
                }
                self.failed_syncs = 0;
                tracing::info!("MASTER <-> REPLICA sync: Finished with success");
            }
            Ok(Next::Later(reason)) => {
                tracing::info!("{reason}");
                return End::Early;
            }
            Ok(Next::Refused(line)) => {
                tracing::warn!("The replica does not take over: {line}");
                return End::Early;
            }
            Ok(Next::Fail(reason)) | Err(reason) => {
                tracing::warn!("{reason}");
                return End::Early;
            }
            Ok(Next::Say(_) | Next::Wait) => return End::Early,
        }
        let began = Instant::now();
        let reason = self.follow(&mut wire, input).await;
        if began.elapsed() > self.patience() {
            // It was well for long: what comes next is no loop.
            self.full_syncs = 0;
        }
        if let Some(reason) = reason {
            tracing::warn!("{reason}");
        }
        tracing::info!("Connection with master lost.");
        End::Link
    }
    /// A link that came to nothing before is tried again; an answer is one.
    fn tell_of_failover(&self, heard: &Result<Next, String>) {
        let agreed = match heard {
            Ok(Next::Resume(_) | Next::Full(_)) => true,
            Ok(Next::Refused(_)) => false,
            _ => return,
        };
        self.peers.supervisor.do_send(TakenOver { link: self.peers.number, agreed });
    }
    /// Says who we are, and asks for the stream.
    async fn greet(
        &mut self,
        wire: &mut Wire,
        input: &mut BytesMut,
        gives_way: bool,
    ) -> Result<Next, String> {
        let introduction = Introduction::of(&self.peers.board.config.load());
        let (mut handshake, first) = Handshake::begin(introduction, self.place.clone(), gives_way);
        wire.say(&first);
        loop {
            while let Some(line) = take_line(input)? {
                match handshake.hear(&line) {
                    Next::Say(bytes) => wire.say(&bytes),
                    Next::Wait => {}
                    next => {
                        if next == Next::Full(None) {
                            wire.say(b"SYNC\r\n");
                        }
                        return Ok(next);
                    }
                }
            }
            match self.read_in_time(wire, input).await {
                Some(Ok(_)) => self.note_heard(),
                Some(Err(error)) => {
                    return Err(format!("Master did not respond to command during SYNC handshake: {error}"));
                }
                None => return Err("Timeout connecting to the MASTER...".into()),
            }
        }
    }
    /// Reads more; `None` if nothing comes for as long as `repl-timeout` says, which may be set meanwhile.
    async fn read_in_time(&self, wire: &mut Wire, input: &mut BytesMut) -> Option<io::Result<usize>> {
        let began = Instant::now();
        loop {
            match timeout(TICK, wire.read(input)).await {
                Ok(outcome) => return Some(outcome),
                Err(_) if began.elapsed() > self.patience() => return None,
                Err(_) => {}
            }
        }
    }
    /// The stream goes on where it was, maybe under another name.
    fn resume(&mut self, id: Option<String>) {
        tracing::info!("Successful partial resynchronization with master.");
        self.knows_offsets = true;
        if let (Some(id), Some((known, _))) = (id, &mut self.place)
            && id != *known
        {
            tracing::info!("Master replication ID changed to {id}");
            *known = id.clone();
            self.peers.primary.do_send(Continued { id });
        }
        tracing::info!("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
    }
    /// The snapshot comes. Where there was something to go on from the operator must see why that was not possible; and one
    /// full sync after the other is a loop that he has to see.
    pub(super) fn tell_of_full_sync(&mut self, place: &Option<Place>) {
        self.knows_offsets = place.is_some();
        self.full_syncs += 1;
        let why = match (&self.place, place) {
            (None, _) => "there are no whole data here to go on from".to_string(),
            (_, None) => "the master does not know PSYNC".to_string(),
            (Some((known, _)), Some((id, _))) if known != id => {
                format!("the master has another history ({id}, ours is {known})")
            }
            (Some((_, ours)), Some((_, offset))) => format!(
                "the master no longer has what comes behind our offset {ours} (it is at {offset}): its \
                 repl-backlog-size may be too small"
            ),
        };
        match self.full_syncs {
            1 if self.place.is_none() => {}
            1 => tracing::info!("The resynchronization is full: {why}"),
            count => tracing::warn!("This is full resynchronization number {count} in a row: {why}"),
        }
    }

    /// Hands the stream on until the link is lost. Says why, if not by the other side's will.
    async fn follow(&mut self, wire: &mut Wire, input: BytesMut) -> Option<String> {
        let client = Client::enter(&self.peers, wire);
        let link = self.peers.link.clone();
        let mut stream = Stream::new(self.peers.board.clone(), self.db, input);
        let start = self.place.as_ref().map_or(0, |(_, offset)| *offset);
        let mut read_offset = start;
        link.read_offset.store(start + stream.input.len() as u64, Relaxed);
        link.down_since_ms.store(0, Relaxed);
        link.set_state(LinkState::Connected);
        self.acknowledge(wire);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let reason = loop {
            if let Err(reason) = self.hand_on(&mut stream, &mut read_offset) {
                // What we are at is not the place that we thought it was.
                self.place = None;
                break Some(reason);
            }
            let reads = self.underway.len() < PARTS_AHEAD;
            tokio::select! {
                biased;
                () = client.killed.notified() => break None,
                Some(applied) = self.hears.recv() => {
                    self.hear(&applied);
                    if applied.asked {
                        self.asked = Some(Instant::now());
                        self.acknowledge(wire);
                    } else if self.underway.is_empty() && self.remembers_question() {
                        self.acknowledge_in_time(wire);
                    }
                }
                _ = ticks.tick() => {
                    self.acknowledge_in_time(wire);
                    if !reads {
                        // It is we who do not listen.
                        heard = Instant::now();
                    } else if heard.elapsed() > self.patience() {
                        break Some("MASTER timeout: no data nor PING received...".into());
                    }
                }
                read = wire.exchange(&mut stream.input, reads) => match read {
                    Ok(0) => break None,
                    Ok(count) => {
                        heard = Instant::now();
                        client.note_read(count, &link, &self.peers);
                    }
                    Err(error) => break lost(error),
                }
            }
        };
        self.db = stream.db();
        reason
    }
    /// Sends the Keyspace what is ready, as far as it keeps up.
    fn hand_on(&mut self, stream: &mut Stream, read_offset: &mut u64) -> Result<(), String> {
        while self.underway.len() < PARTS_AHEAD {
            let part = stream
                .next_part(now_ms())
                .map_err(|error| format!("Protocol error ({}) from master", error.0))?;
            let Some(part) = part else { break };
            *read_offset += part.bytes.len() as u64;
            self.underway.push_back(*read_offset);
            self.peers.keyspace.do_send(Apply {
                link: self.peers.number,
                units: part.units,
                words: part.words,
                bytes: part.bytes,
                end: *read_offset,
                db: part.db,
                asks: part.asks,
                reply_to: self.reply_to.clone(),
            });
        }
        Ok(())
    }
    /// It will be asked again.
    fn remembers_question(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < UNASKED_FOR)
    }
    /// Where nobody has asked; not, while the last time still waits to be written.
    fn acknowledge_in_time(&self, wire: &mut Wire) {
        if wire.is_drained() {
            self.acknowledge(wire);
        }
    }
    fn acknowledge(&self, wire: &mut Wire) {
        let Some((_, offset)) = self.place.as_ref().filter(|_| self.knows_offsets) else { return };
        let synced = &self.peers.board.replication.synced_offset;
        let synced = self.has_log.then(|| synced.load(Relaxed).min(*offset));
        let offset = offset.to_string();
        match synced.map(|synced| synced.to_string()) {
            Some(synced) => wire.say(&request(&["REPLCONF", "ACK", &offset, "FACK", &synced])),
            None => wire.say(&request(&["REPLCONF", "ACK", &offset])),
        }
    }
}

fn lost(error: io::Error) -> Option<String> {
    Some(format!("Reading from master: {error}"))
}
