//! The checksum behind a file's last opcode.
use crate::data::crc64::Crc64;
use std::io::{self, Write};

/// Sums the bytes of a file up while they go by, on the thread that writes them.
///
/// ```
/// use callboard::formats::rdb::Checksum;
/// let mut sum = Checksum::new(true);
/// sum.update(b"REDIS0010\xff");
/// let mut file = b"REDIS0010\xff".to_vec();
/// file.extend_from_slice(&sum.trailer());
/// assert_eq!(file.len(), 18);
/// assert_eq!(Checksum::new(false).trailer(), [0; 8], "without one it is zero");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Checksum(Option<Crc64>);

impl Checksum {
    /// `wanted`: `rdbchecksum`.
    pub fn new(wanted: bool) -> Checksum {
        Checksum(wanted.then(Crc64::default))
    }
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(sum) = &mut self.0 {
            sum.update(bytes);
        }
    }
    /// The bytes that end the file: zeros, if no sum is wanted.
    pub fn trailer(self) -> [u8; 8] {
        self.0.map_or(0, Crc64::value).to_le_bytes()
    }
}

/// Passes bytes on and sums them up.
pub struct CheckedWriter<W> {
    inner: W,
    sum: Checksum,
}

impl<W: Write> CheckedWriter<W> {
    pub fn new(inner: W, wanted: bool) -> CheckedWriter<W> {
        CheckedWriter { inner, sum: Checksum::new(wanted) }
    }
    /// Writes the checksum of all before, and gives back what was written to.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&self.sum.trailer())?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for CheckedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
