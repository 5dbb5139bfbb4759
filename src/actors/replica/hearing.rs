//! What a replica says: how far it is, and nothing else. Whoever asks for anything would have the answer amid the stream,
//! and is let go.
use super::{Phase, Replica};
use crate::{
    actors::now_ms,
    commands::{
        Access,
        error::shown,
        registry::{Node, Registry},
        spec::MAY_REPLICATE,
    },
    data::number::parse_integer,
    resp::{Limits, Request, decode::Decoded},
};
use actix::prelude::*;
use std::{
    io,
    sync::atomic::Ordering::Relaxed,
    task::{Poll, ready},
};

/// More than this a replica has never to say at a time, bytes.
const PARTIAL_BYTES_MAX: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;
/// When it has read so much at one go, a Replica lets others go first, bytes.
const READ_BYTES_MAX: usize = 64 * 1024;
const LIMITS: Limits = Limits { bulk_bytes: PARTIAL_BYTES_MAX, authenticated: true };

/// Why a replica is heard no more.
enum End {
    Gone,
    Broken(String),
}

/// The reading of a Replica, as long as it lives.
pub struct Pump;
impl ActorFuture<Replica> for Pump {
    type Output = ();
    fn poll(
        self: std::pin::Pin<&mut Self>,
        replica: &mut Replica,
        ctx: &mut Context<Replica>,
        task: &mut std::task::Context<'_>,
    ) -> Poll<()> {
        if let End::Broken(reason) = ready!(replica.hear(ctx, task)) {
            tracing::warn!("Closing the connection with replica {}: {reason}", replica.name);
        }
        ctx.stop();
        Poll::Ready(())
    }
}

impl Replica {
    fn hear(&mut self, ctx: &mut Context<Self>, task: &mut std::task::Context) -> Poll<End> {
        let mut read_bytes = 0;
        loop {
            if let Err(end) = self.take_words(ctx) {
                return Poll::Ready(end);
            }
            if read_bytes >= READ_BYTES_MAX {
                return std::pin::pin!(tokio::task::yield_now()).poll(task).map(|()| End::Gone);
            }
            self.partial.reserve(READ_BYTES);
            match ready!(self.read.poll_read(&mut self.partial, task)) {
                Ok(0) => return Poll::Ready(End::Gone),
                Ok(count) => {
                    read_bytes += count;
                    self.note_input(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Poll::Ready(End::Gone),
            }
        }
    }
    fn note_input(&self, count: usize) {
        let vitals = &self.board.vitals;
        vitals.reads.fetch_add(1, Relaxed);
        vitals.input_bytes.fetch_add(count as u64, Relaxed);
        self.client.input_bytes.fetch_add(count as u64, Relaxed);
        self.client.active_at_ms.store(now_ms(), Relaxed);
    }
    fn take_words(&mut self, ctx: &mut Context<Self>) -> Result<(), End> {
        loop {
            match self.decoder.decode(&mut self.partial, LIMITS, true) {
                Ok(Decoded::Request(request)) => self.take(&request, ctx)?,
                // It is busy loading, and lets us know that it is there.
                Ok(Decoded::Nothing) => self.record.heard_at_ms.store(now_ms(), Relaxed),
                Ok(Decoded::Incomplete(_)) if self.partial.len() > PARTIAL_BYTES_MAX => {
                    return Err(End::Broken("it says more than a replica has to say".into()));
                }
                Ok(Decoded::Incomplete(_)) => return Ok(()),
                Err(error) => return Err(End::Broken(error.0)),
            }
        }
    }
    fn take(&mut self, request: &Request, ctx: &mut Context<Self>) -> Result<(), End> {
        self.client.commands.fetch_add(1, Relaxed);
        self.board.vitals.commands_processed.fetch_add(1, Relaxed);
        let word = |index: usize| request.get(index).unwrap_or_default();
        let is = |index: usize, name: &str| word(index).eq_ignore_ascii_case(name.as_bytes());
        let node = Registry::get().named_by(request);
        if let Some(node) = node {
            self.client.last_command.store(node.index + 1, Relaxed);
        }
        let is_replconf = node.map_or(is(0, "replconf"), |node| node.full_name == "replconf");
        if is_replconf && request.len() % 2 == 1 {
            if is(1, "ack") {
                let synced = is(3, "fack").then(|| word(4));
                self.acknowledge(word(2), synced, ctx);
                return Ok(());
            }
            // Who follows us has no word to ask us for.
            if is(1, "getack") {
                return Ok(());
            }
        }
        // Twice SYNC is once.
        if node.is_some_and(|node| ["sync", "psync"].contains(&node.full_name)) {
            return Ok(());
        }
        Err(self.refuse(node, word(0)))
    }
    fn acknowledge(&mut self, offset: &[u8], synced: Option<&[u8]>, ctx: &mut Context<Self>) {
        let number = |word: &[u8]| parse_integer(word).filter(|&number| number >= 0);
        let Some(offset) = number(offset) else { return };
        self.record.offset.fetch_max(offset as u64, Relaxed);
        if let Some(synced) = synced {
            let Some(synced) = number(synced) else { return };
            self.record.synced_offset.fetch_max(synced, Relaxed);
        }
        self.record.heard_at_ms.store(now_ms(), Relaxed);
        self.tell_primary();
        if self.phase == Phase::AwaitsAck {
            self.phase = Phase::InStep;
            self.flush(ctx);
        }
    }
    /// In the words that operators know from Redis.
    fn refuse(&self, node: Option<&Node>, word: &[u8]) -> End {
        let name = node.map_or_else(|| shown(word).to_lowercase(), |node| node.full_name.to_string());
        tracing::warn!(
            "Replica generated a reply to command '{name}', disconnecting it: id={} addr={} (replica {})",
            self.client.id,
            self.client.address,
            self.name
        );
        let is_about_data =
            |node: &Node| node.entry.access != Access::Neither || node.spec().flags & MAY_REPLICATE != 0;
        if node.is_some_and(is_about_data) {
            tracing::warn!(
                "== CRITICAL == This master is sending an error to its replica: 'Replica can't interact with the \
                 keyspace' after processing the command '{name}'"
            );
        }
        End::Gone
    }
}
