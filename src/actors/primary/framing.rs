//! How a snapshot goes to replicas: with a mark at its end, or, to those who do not look for one, with its length in front.
use crate::formats::rdb::Checksum;
use bytes::Bytes;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

/// Length of the mark, bytes.
pub const MARK_BYTES: usize = 40;

/// A snapshot without a length. The mark is drawn by chance, so it does not stand in the data.
pub struct Marked {
    mark: String,
    checksum: Checksum,
}
impl Marked {
    pub fn new(rng: &mut fastrand::Rng, with_checksum: bool) -> Marked {
        Marked {
            mark: (0..MARK_BYTES).map(|_| rng.digit(16)).collect(),
            checksum: Checksum::new(with_checksum),
        }
    }
    /// What stands in front of it.
    pub fn head(&self) -> Bytes {
        format!("$EOF:{}\r\n", self.mark).into()
    }
    /// The next part, as it is to be sent.
    pub fn part(&mut self, mut bytes: Vec<u8>, is_last: bool) -> Bytes {
        self.checksum.update(&bytes);
        if is_last {
            bytes.extend_from_slice(&self.checksum.trailer());
            bytes.extend_from_slice(self.mark.as_bytes());
        }
        bytes.into()
    }
}

/// A snapshot whose length is not known before it is whole: it is kept in a file until then. Nobody can open that by name;
/// it goes when the last who is sent it has let go of it.
pub struct Spooled {
    file: File,
    bytes: u64,
    checksum: Checksum,
}
impl Spooled {
    /// # Errors
    /// If no file can be made in the working directory.
    pub fn new(number: u64, with_checksum: bool) -> io::Result<Spooled> {
        let path = PathBuf::from(format!("temp-repl-{}.{number}.rdb", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        fs::remove_file(&path)?;
        Ok(Spooled { file, bytes: 0, checksum: Checksum::new(with_checksum) })
    }
    /// # Errors
    /// Whatever the disk says. It is of no use then.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.put(bytes)
    }
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
    /// Writes what comes behind all else; gives the file, and how long it is.
    ///
    /// # Errors
    /// As [`Spooled::write`].
    pub fn end(mut self) -> io::Result<(File, u64)> {
        let trailer = self.checksum.trailer();
        self.put(&trailer)?;
        Ok((self.file, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    /// A snapshot in two parts, and what it is as a file.
    fn parts() -> ([Vec<u8>; 2], Vec<u8>) {
        let parts = [b"REDIS0011".to_vec(), vec![0xff]];
        let mut sum = Checksum::new(true);
        parts.iter().for_each(|part| sum.update(part));
        let whole = [&parts.concat()[..], &sum.trailer()].concat();
        (parts, whole)
    }

    #[test]
    fn a_mark_stands_around_it() {
        let mut framing = Marked::new(&mut fastrand::Rng::with_seed(1), true);
        let head = framing.head();
        let mark = head.strip_prefix(b"$EOF:").and_then(|head| head.strip_suffix(b"\r\n")).expect("a header");
        assert_eq!(mark.len(), MARK_BYTES);
        let ([one, two], whole) = parts();
        let sent = [framing.part(one, false), framing.part(two, true)].concat();
        assert_eq!(sent, [&whole[..], mark].concat());
    }

    #[test]
    fn a_file_is_as_long_as_it_says() {
        let mut spooled = Spooled::new(1, true).expect("a file");
        let (parts, whole) = parts();
        parts.iter().for_each(|part| spooled.write(part).expect("room"));
        let (file, bytes) = spooled.end().expect("room");
        assert_eq!(bytes, whole.len() as u64);
        let mut read = vec![0; whole.len()];
        file.read_exact_at(&mut read, 0).expect("what was written");
        assert_eq!(read, whole);
    }
}
