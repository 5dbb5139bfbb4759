//! Writing to a replica, as far as its socket takes it.
use super::{Bulk, Phase, Replica};
use actix::prelude::*;
use std::{
    io::{self, IoSlice},
    os::unix::fs::FileExt,
    sync::atomic::Ordering::Relaxed,
    time::Instant,
};

/// While so much of a snapshot waits, no more of it is asked for, bytes.
pub const AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// Slices given to one system call.
const SLICES_MAX: usize = 256;
/// When it has written so much at one go, a Replica lets others go first, bytes.
const WRITE_BYTES_MAX: usize = 1024 * 1024;
/// What is read of a snapshot's file at a time, bytes.
const FILE_BYTES: usize = 256 * 1024;

/// How far writing came.
enum Written {
    All,
    /// The rest is for when the socket takes more, or for when others had their turn.
    Partly,
}

impl Replica {
    /// Writes what waits, as far as the socket takes it, and does what comes behind that.
    pub(super) fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.waits_writable {
            return self.post();
        }
        loop {
            let written = self.write_waiting();
            self.post();
            self.ask_for_more();
            match written {
                Err(error) => {
                    tracing::debug!("Writing to replica {}: {error}", self.name);
                    return ctx.stop();
                }
                Ok(Written::Partly) => {
                    self.await_writable(ctx);
                    return self.check_limit(ctx);
                }
                Ok(Written::All) => {}
            }
            let Phase::Ending(next) = self.phase else { return };
            self.end_snapshot(next, ctx);
            // The stream may have gathered behind it.
        }
    }
    fn write_waiting(&mut self) -> io::Result<Written> {
        let mut flushed = 0;
        loop {
            self.read_file()?;
            let is_ahead = !self.ahead.is_empty();
            let streams = self.phase == Phase::InStep && !self.stream.is_empty();
            if !is_ahead && !streams {
                self.moved = Instant::now();
                return Ok(Written::All);
            }
            if flushed >= WRITE_BYTES_MAX {
                return Ok(Written::Partly);
            }
            let queue = if is_ahead { &mut self.ahead } else { &mut self.stream };
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = queue.slices(&mut slices);
            self.board.vitals.writes.fetch_add(1, Relaxed);
            match self.write.try_write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    queue.forget(written);
                    flushed += written;
                    self.moved = Instant::now();
                    self.client.output_bytes.fetch_add(written as u64, Relaxed);
                    self.board.vitals.replication_output_bytes.fetch_add(written as u64, Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Partly),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    /// Takes the next part of the snapshot's file, if all before it is written.
    fn read_file(&mut self) -> io::Result<()> {
        let Some(Bulk { file, done, bytes }) = &mut self.file else { return Ok(()) };
        if !self.ahead.is_empty() {
            return Ok(());
        }
        let mut part = vec![0; FILE_BYTES.min((*bytes - *done) as usize)];
        file.read_exact_at(&mut part, *done)?;
        *done += part.len() as u64;
        if done == bytes {
            self.file = None;
        }
        self.say(part.into());
        Ok(())
    }
    fn await_writable(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.waits_writable, true) {
            return;
        }
        let socket = self.write.clone();
        let wait = async move {
            // A socket that takes more at once leaves others their turn all the same.
            tokio::task::yield_now().await;
            socket.writable().await
        };
        ctx.spawn(wait.into_actor(self).map(|_, replica, ctx| {
            replica.waits_writable = false;
            replica.flush(ctx);
        }));
    }
    pub(super) fn post(&self) {
        let waiting = self.ahead.len() + self.stream.len();
        self.record.pending_bytes.store(waiting as u64, Relaxed);
        let overhead = self.ahead.overhead_bytes() + self.stream.overhead_bytes();
        self.record.queue_bytes.store(overhead as u64, Relaxed);
        self.client.output_buffer_bytes.store(waiting, Relaxed);
    }
}
