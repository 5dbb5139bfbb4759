//! Files of data, read and cut into pieces to be loaded.
use super::Disk;
use crate::{
    commands::loading::{Fault, Piece},
    formats::{
        aof::{self, Unfinished, scan::begins_with_rdb},
        rdb,
    },
};
use bytes::{Bytes, BytesMut};
use std::{
    fmt,
    io::{self, Read},
    path::Path,
};

/// Read at one go, bytes; pieces of so much are handed on together.
pub const CHUNK_BYTES: usize = 128 * 1024;
/// No more of them are handed on together: what is as long as that again and again is given the memory of the last but one,
/// and is still in the processor's cache when it is loaded.
const PIECES_MAX: usize = 1024;

/// Takes pieces in. With them comes how many bytes of the file were read so far.
pub type Sink<'a> = &'a mut dyn FnMut(Vec<Piece>, u64) -> Result<(), Fault>;

/// Gives the next chunk.
pub type Chunks<'a> = &'a mut dyn FnMut() -> io::Result<Bytes>;

/// Why a file cannot be loaded.
#[derive(Debug)]
pub enum Trouble {
    Disk(io::Error),
    /// It is damaged, or says what cannot be.
    Fault(Fault),
    /// A snapshot ends too early.
    Short(Fault),
    /// A log ends within a command or a transaction: up to `whole` it could be loaded, and was.
    Truncated(Unfinished),
}
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Disk(error)
    }
}
impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Fault(fault)
    }
}
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Trouble::Disk(error) => error.fmt(f),
            Trouble::Fault(fault) | Trouble::Short(fault) => fault.fmt(f),
            Trouble::Truncated(unfinished) => write!(f, "it ends early (at offset {})", unfinished.whole),
        }
    }
}

/// Loads a snapshot.
///
/// # Errors
/// If it cannot be read as a whole.
pub fn read_snapshot(disk: &dyn Disk, path: &Path, checks: bool, sink: Sink) -> Result<(), Trouble> {
    let (mut file, length) = disk.open(path)?;
    read_snapshot_from(&mut || next_chunk(&mut *file), Some(length), checks, sink)
}

/// Loads a snapshot that comes in chunks; an empty one means that there are no more. `length` is that of all, if it is
/// known.
///
/// # Errors
/// If it cannot be read as a whole.
pub fn read_snapshot_from(
    chunks: Chunks,
    length: Option<u64>,
    checks: bool,
    sink: Sink,
) -> Result<(), Trouble> {
    snapshot_from(chunks, Bytes::new(), Hints::of(length), checks, sink).map(|_| ())
}

/// A snapshot says how many keys each database has, so that room can be made for them. What it says need not be true: all
/// that is made together is no more than so long a file can hold.
struct Hints {
    keys_left: u64,
}
/// No key and value take less in a file, but for a few.
const KEY_BYTES: u64 = 8;
/// Of a snapshot whose length nobody knows.
const KEYS_BELIEVED: u64 = 64 * 1024;

impl Hints {
    fn of(length: Option<u64>) -> Hints {
        Hints { keys_left: length.map_or(KEYS_BELIEVED, |length| length / KEY_BYTES) }
    }
    fn bound(&mut self, item: rdb::Item) -> rdb::Item {
        let rdb::Item::ResizeDb { keys, volatile } = item else { return item };
        let keys = keys.min(self.keys_left);
        self.keys_left -= keys;
        rdb::Item::ResizeDb { keys, volatile: volatile.min(keys) }
    }
}

/// Loads a part of a log: a snapshot, commands, or a snapshot with commands behind it.
///
/// # Errors
/// If it cannot be read as a whole.
pub fn read_log(disk: &dyn Disk, path: &Path, checks: bool, sink: Sink) -> Result<(), Trouble> {
    let (mut file, length) = disk.open(path)?;
    let head = read_chunk(&mut *file, CHUNK_BYTES)?;
    let (offset, rest) = match begins_with_rdb(&head) {
        true => snapshot_from(&mut || next_chunk(&mut *file), head, Hints::of(Some(length)), checks, sink)?,
        false => (0, head),
    };
    commands_from(&mut *file, offset, &rest, sink)
}

/// The next chunk of a file.
///
/// # Errors
/// Whatever reading says.
pub fn next_chunk(file: &mut dyn Read) -> io::Result<Bytes> {
    read_chunk(file, CHUNK_BYTES)
}

fn read_chunk(file: &mut dyn Read, bytes: usize) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(bytes);
    let mut filled = 0;
    while filled < bytes {
        match file.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.freeze())
}

/// Returns where the snapshot ended, and what was read behind it.
fn snapshot_from(
    next_chunk: Chunks,
    head: Bytes,
    mut hints: Hints,
    checks: bool,
    sink: Sink,
) -> Result<(u64, Bytes), Trouble> {
    let fault = |damage: rdb::Damage| Fault { offset: damage.offset, reason: damage.reason.into_owned() };
    let mut scanner = rdb::Scanner::new(checks);
    let mut read = head.len() as u64;
    if !head.is_empty() {
        scanner.push(head);
    }
    let mut expected = 0;
    loop {
        let mut pieces = Vec::with_capacity(expected);
        let mut ended = false;
        while pieces.len() < PIECES_MAX
            && let Some(item) = scanner.next_item().map_err(fault)?
        {
            ended = matches!(item, rdb::Item::End(_));
            pieces.push(Piece::Snapshot(hints.bound(item)));
        }
        expected = pieces.len();
        sink(pieces, read)?;
        if ended {
            return Ok((scanner.offset(), scanner.take_rest()));
        }
        if expected == PIECES_MAX {
            continue;
        }
        let chunk = next_chunk()?;
        if chunk.is_empty() {
            let damage = scanner.end_of_input().err();
            let fault =
                damage.map(fault).unwrap_or(Fault { offset: read, reason: "Unexpected end of file".into() });
            return Err(Trouble::Short(fault));
        }
        read += chunk.len() as u64;
        scanner.push(chunk);
    }
}

fn commands_from(file: &mut dyn Read, offset: u64, rest: &[u8], sink: Sink) -> Result<(), Trouble> {
    let fault = |damage: aof::Damage| Fault { offset: damage.offset, reason: damage.reason.to_string() };
    let mut scanner = aof::Scanner::starting_at(offset);
    scanner.feed(rest);
    // Commands of a transaction are handed on when all of it is there.
    let (mut pieces, mut transaction) = (Vec::new(), Vec::new());
    loop {
        while let Some(item) = scanner.next_item().map_err(fault)? {
            let aof::Item::Command(command) = item else { continue };
            if command.in_transaction {
                transaction.push(Piece::Command(command));
            } else {
                pieces.append(&mut transaction);
                pieces.push(Piece::Command(command));
            }
            if !scanner.is_in_transaction() {
                pieces.append(&mut transaction);
            }
        }
        sink(std::mem::take(&mut pieces), scanner.fed())?;
        let mut file = &mut *file;
        if scanner.read(&mut file)? == 0 {
            return scanner.finish().map_err(Trouble::Truncated);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::Board,
        commands::{loading::Loader, stage::Stage},
        config::Config,
        store::Wants,
    };

    /// A snapshot that says of each of 16 databases that it has as many keys as can be said.
    fn boast() -> Vec<u8> {
        let mut file = b"REDIS0009".to_vec();
        for db in 0..16 {
            file.extend_from_slice(&[0xfe, db, 0xfb]);
            file.extend_from_slice(&[0x81, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
            file.extend_from_slice(&[0x81, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
            file.extend_from_slice(&[0, 1, b'k', 1, b'v']);
        }
        file.push(0xff);
        file.extend_from_slice(&[0; 8]);
        file
    }
    /// Memory of the tables after loading it, bytes.
    fn tables_after(file: &[u8], length: Option<u64>) -> usize {
        let mut stage = Stage::new(Board::new(Config::default(), None, 1, 0), 1, Wants::default());
        let (mut loader, mut chunks) = (Loader::default(), file.chunks(50));
        let mut next = || Ok(chunks.next().map_or(Bytes::new(), Bytes::copy_from_slice));
        let result = read_snapshot_from(&mut next, length, true, &mut |pieces, _| {
            pieces.iter().try_for_each(|piece| stage.load(&mut loader, piece))
        });
        result.expect("a snapshot");
        let databases = stage.store.databases();
        assert!(databases.iter().all(|database| database.len() == 1));
        databases.iter().map(|database| database.table_bytes()).sum()
    }

    #[test]
    fn what_a_file_says_of_its_keys_takes_no_memory_before_they_come() {
        let file = boast();
        let known = tables_after(&file, Some(file.len() as u64));
        assert!(known < 512 * 1024, "{known}");
        let unknown = tables_after(&file, None);
        assert!(unknown < 4 * 1024 * 1024, "{unknown}");
    }

    #[test]
    fn what_can_be_true_is_believed() {
        let mut hints = Hints::of(Some(80_000));
        let mut bound = |keys| hints.bound(rdb::Item::ResizeDb { keys, volatile: 1 });
        assert_eq!(bound(6000), rdb::Item::ResizeDb { keys: 6000, volatile: 1 });
        assert_eq!(bound(6000), rdb::Item::ResizeDb { keys: 4000, volatile: 1 });
        assert_eq!(bound(6000), rdb::Item::ResizeDb { keys: 0, volatile: 0 });
    }
}
