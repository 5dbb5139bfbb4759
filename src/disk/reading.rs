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
const CHUNK_BYTES: usize = 1024 * 1024;

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
    let (mut file, _) = disk.open(path)?;
    read_snapshot_from(&mut || next_chunk(&mut *file), checks, sink)
}

/// Loads a snapshot that comes in chunks; an empty one means that there are no more.
///
/// # Errors
/// If it cannot be read as a whole.
pub fn read_snapshot_from(chunks: Chunks, checks: bool, sink: Sink) -> Result<(), Trouble> {
    snapshot_from(chunks, Bytes::new(), checks, sink).map(|_| ())
}

/// Loads a part of a log: a snapshot, commands, or a snapshot with commands behind it.
///
/// # Errors
/// If it cannot be read as a whole.
pub fn read_log(disk: &dyn Disk, path: &Path, checks: bool, sink: Sink) -> Result<(), Trouble> {
    let (mut file, _) = disk.open(path)?;
    let head = read_chunk(&mut *file, CHUNK_BYTES)?;
    let (offset, rest) = match begins_with_rdb(&head) {
        true => snapshot_from(&mut || next_chunk(&mut *file), head, checks, sink)?,
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
fn snapshot_from(next_chunk: Chunks, head: Bytes, checks: bool, sink: Sink) -> Result<(u64, Bytes), Trouble> {
    let fault = |damage: rdb::Damage| Fault { offset: damage.offset, reason: damage.reason.into_owned() };
    let mut scanner = rdb::Scanner::new(checks);
    let mut read = head.len() as u64;
    if !head.is_empty() {
        scanner.push(head);
    }
    loop {
        let mut pieces = Vec::new();
        let mut ended = false;
        while let Some(item) = scanner.next_item().map_err(fault)? {
            ended = matches!(item, rdb::Item::End(_));
            pieces.push(Piece::Snapshot(item));
        }
        sink(pieces, read)?;
        if ended {
            return Ok((scanner.offset(), scanner.take_rest()));
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
