//! Spool: keeps a snapshot in a file until it is whole, for replicas that want to be told its length first. It lives where
//! the other files are written, so that a slow disk holds up nobody else.
use super::{Primary, messages::Spooled};
use crate::{board::Share, formats::rdb::Checksum, store::SnapshotId};
use actix::prelude::*;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

/// From Primary: the next part. Answered by [`Spooled`], until the first error.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Keep {
    pub bytes: Vec<u8>,
    pub memory: Share,
    pub is_last: bool,
}

/// From Primary: it is of no use any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drop;

pub struct Spool {
    id: SnapshotId,
    primary: Addr<Primary>,
    file: TemporaryFile,
}
impl Spool {
    /// Opens its file when the first part comes.
    pub fn new(id: SnapshotId, number: u64, with_checksum: bool, primary: Addr<Primary>) -> Spool {
        Spool { id, primary, file: TemporaryFile::new(number, with_checksum) }
    }
}
impl Actor for Spool {
    type Context = Context<Self>;
}

impl Handler<Keep> for Spool {
    type Result = ();
    fn handle(&mut self, Keep { bytes, memory, is_last }: Keep, ctx: &mut Self::Context) {
        let kept =
            self.file.keep(&bytes).and_then(|()| if is_last { self.file.end().map(Some) } else { Ok(None) });
        drop((bytes, memory));
        if is_last || kept.is_err() {
            ctx.stop();
        }
        self.primary.do_send(Spooled { id: self.id, kept });
    }
}
impl Handler<Drop> for Spool {
    type Result = ();
    fn handle(&mut self, _: Drop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A file that nobody can open by name; it goes when the last who is sent it has let go of it.
struct TemporaryFile {
    number: u64,
    file: Option<File>,
    bytes: u64,
    checksum: Checksum,
}
impl TemporaryFile {
    fn new(number: u64, with_checksum: bool) -> TemporaryFile {
        TemporaryFile { number, file: None, bytes: 0, checksum: Checksum::new(with_checksum) }
    }
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.put(bytes)
    }
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        let file = match &mut self.file {
            Some(file) => file,
            file => file.insert(open(self.number)?),
        };
        file.write_all(bytes)
    }
    /// Writes what comes behind all else; gives the file, and how long it is.
    fn end(&mut self) -> io::Result<(Arc<File>, u64)> {
        let trailer = self.checksum.trailer();
        self.put(&trailer)?;
        let file = self.file.take().unwrap_or_else(|| unreachable!("the trailer was put into it"));
        Ok((Arc::new(file), self.bytes))
    }
}
/// In the working directory.
fn open(number: u64) -> io::Result<File> {
    let path = PathBuf::from(format!("temp-repl-{}.{number}.rdb", std::process::id()));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_file_is_as_long_as_it_says() {
        let mut spooled = TemporaryFile::new(1, true);
        let parts = [b"REDIS0011".to_vec(), vec![0xff]];
        let mut sum = Checksum::new(true);
        for part in &parts {
            sum.update(part);
            spooled.keep(part).expect("room");
        }
        let whole = [&parts.concat()[..], &sum.trailer()].concat();
        let (file, bytes) = spooled.end().expect("room");
        assert_eq!(bytes, whole.len() as u64);
        let mut read = vec![0; whole.len()];
        file.read_exact_at(&mut read, 0).expect("what was written");
        assert_eq!(read, whole);
    }
}
