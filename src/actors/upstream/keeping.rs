//! The file of a full sync: what comes is written to it, and may be read behind that while it grows.
use super::loading::{Chunk, next_chunk};
use crate::{
    actors::{now_ms, persistence::messages::PutInPlace},
    disk::{self, CHUNK_BYTES, Output},
};
use bytes::{Bytes, BytesMut};
use std::{
    io::{self, Read},
    path::absolute,
    sync::{Arc, Condvar, Mutex, MutexGuard, mpsc::SyncSender},
};
use tokio::sync::mpsc;

/// A file that will be in the place of the last snapshot.
///
/// It is read by what is open of it, so that nothing that is saved there meanwhile is taken for it.
pub struct Keeper {
    output: Output,
}

impl Keeper {
    /// # Errors
    /// If there can be none, for the log.
    pub fn create() -> Result<Keeper, String> {
        let temporary = format!("temp-{}.{}.rdb", now_ms(), std::process::id());
        // `dir` may change before it has come.
        let open = || Output::create(Arc::new(disk::Real), absolute(temporary)?, true);
        open().map(|output| Keeper { output }).map_err(not_opened)
    }
    /// From its beginning to where it ends by then.
    ///
    /// # Errors
    /// Whatever the disk says, for the log.
    pub fn reader(&self) -> Result<Box<dyn Read + Send>, String> {
        self.output.reader().map_err(not_opened)
    }
    /// Writes all that comes and brings it to the medium. Whoever looks is told how far it is, and may give it up: then
    /// there is none.
    ///
    /// # Errors
    /// Why it is not whole, for the log.
    pub fn keep(
        mut self,
        taken: &mut mpsc::Receiver<Chunk>,
        growth: &Growth,
    ) -> Result<Option<Keeper>, String> {
        // Whoever reads must not wait for ever, whatever happens here.
        let _at_last = EndsAtLast(growth);
        loop {
            let chunk = next_chunk(taken).map_err(|error| error.to_string())?;
            if chunk.is_empty() {
                break;
            }
            self.output.write(&chunk).map_err(|error| {
                format!(
                    "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA \
                     synchronization: {error}"
                )
            })?;
            if !growth.note(self.output.bytes) {
                return Ok(None);
            }
        }
        // Whoever reads it need not wait for the disk.
        growth.end(true);
        self.output.sync().map_err(|error| {
            format!(
                "Failed trying to sync the temp DB to disk in MASTER <-> REPLICA synchronization: {error}"
            )
        })?;
        Ok(Some(self))
    }
    pub fn bytes(&self) -> u64 {
        self.output.bytes
    }
    /// What gives it its name, and then tells `done`.
    pub fn into_putting(self, done: SyncSender<()>) -> PutInPlace {
        PutInPlace { file: self.output, done }
    }
}
fn not_opened(error: io::Error) -> String {
    format!("Opening the temp file needed for MASTER <-> REPLICA synchronization: {error}")
}

/// How far a file is that is written by one thread and read by another.
#[derive(Default)]
pub struct Growth {
    state: Mutex<State>,
    moved: Condvar,
}
#[derive(Default)]
struct State {
    bytes: u64,
    /// No more will come; and whether that is all.
    ended: Option<bool>,
    /// Nobody wants it.
    given_up: bool,
}
impl Growth {
    fn state(&self) -> MutexGuard<'_, State> {
        // There is nothing in it that a panic could have left half done.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    /// False if nobody wants more.
    fn note(&self, bytes: u64) -> bool {
        let mut state = self.state();
        state.bytes = bytes;
        self.moved.notify_one();
        !state.given_up
    }
    /// No more will come. What was said first holds.
    fn end(&self, whole: bool) {
        self.state().ended.get_or_insert(whole);
        self.moved.notify_one();
    }
    pub fn give_up(&self) {
        self.state().given_up = true;
    }
    /// What comes behind the first `read` bytes; nothing at the end. Waits until there is some.
    ///
    /// # Errors
    /// If it ends before it is whole, or as reading says.
    pub fn next_chunk(&self, file: &mut dyn Read, read: &mut u64) -> io::Result<Bytes> {
        let mut state = self.state();
        while state.bytes == *read && state.ended.is_none() {
            state = self.moved.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        let (ready, ended) = (state.bytes - *read, state.ended);
        drop(state);
        if ready == 0 {
            return match ended {
                Some(false) => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "Unexpected EOF: the file of the master's data was not ended",
                )),
                _ => Ok(Bytes::new()),
            };
        }
        let mut chunk = BytesMut::zeroed(ready.min(CHUNK_BYTES as u64) as usize);
        file.read_exact(&mut chunk)?;
        *read += chunk.len() as u64;
        Ok(chunk.freeze())
    }
}

struct EndsAtLast<'a>(&'a Growth);
impl Drop for EndsAtLast<'_> {
    fn drop(&mut self) {
        self.0.end(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, thread};

    /// One thread writes, another reads behind it.
    fn read_behind(pieces: Vec<Vec<u8>>, whole: bool) -> io::Result<Vec<u8>> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let mut reader = file.reopen().expect("the same");
        let growth = Growth::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut bytes = 0;
                for piece in pieces {
                    file.write_all(&piece).expect("room");
                    bytes += piece.len() as u64;
                    assert!(growth.note(bytes));
                }
                growth.end(whole);
                growth.end(!whole);
            });
            let (mut found, mut read) = (Vec::new(), 0);
            loop {
                let chunk = growth.next_chunk(&mut reader, &mut read)?;
                if chunk.is_empty() {
                    return Ok(found);
                }
                assert!(chunk.len() <= CHUNK_BYTES);
                found.extend_from_slice(&chunk);
            }
        })
    }

    #[test]
    fn a_file_is_read_as_it_grows() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..30 {
            let mut piece = |_| {
                let bytes = if rng.bool() { rng.usize(..100) } else { rng.usize(..3 * CHUNK_BYTES) };
                (0..bytes).map(|_| rng.u8(..)).collect()
            };
            let pieces: Vec<Vec<u8>> = (0..20).map(&mut piece).collect();
            let all = pieces.concat();
            assert_eq!(read_behind(pieces, true).expect("all of it"), all);
        }
        assert_eq!(read_behind(vec![], true).expect("nothing"), b"");
    }
    #[test]
    fn a_file_that_is_broken_off_has_no_end() {
        let error = read_behind(vec![b"REDIS".to_vec()], false).expect_err("not whole");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
    #[test]
    fn who_writes_hears_that_nobody_wants_it() {
        let growth = Growth::default();
        growth.give_up();
        assert!(!growth.note(1));
    }
}
