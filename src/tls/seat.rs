//! The socket below a session, with what it has not taken yet.
//!
//! OpenSSL cannot put a record aside that it has written by halves: a peer that asked for new keys meanwhile would have to be
//! answered in the midst of it, which breaks the connection; and if nothing was read until the record is through, a peer that
//! writes all that it wants before it reads the first reply would wait for ever. So every record is taken whole: what the
//! socket has no room for waits here.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// With so much that waits, OpenSSL has to wait, too, bytes. Of data there is one record at a time; but each request for new
/// keys has an answer, and a peer that reads nothing may ask on and on.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

pub struct Seat {
    pub place: Place,
    /// The handshake is made. (Within it, there is nothing else to be done than to wait.)
    pub keeps_records: bool,
    unsent: Vec<u8>,
    /// So much of that is sent, bytes.
    sent: usize,
}

/// Where the socket is.
pub enum Place {
    OnReactor(TcpStream),
    Between(std::net::TcpStream),
    Lost,
}

pub fn not_here() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
impl Seat {
    pub fn new(socket: TcpStream) -> Seat {
        Seat { place: Place::OnReactor(socket), keeps_records: false, unsent: Vec::new(), sent: 0 }
    }
    fn socket(&self) -> io::Result<&TcpStream> {
        match &self.place {
            Place::OnReactor(socket) => Ok(socket),
            _ => Err(not_here()),
        }
    }
    fn pinned(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match &mut self.place {
            Place::OnReactor(socket) => Ok(Pin::new(socket)),
            _ => Err(not_here()),
        }
    }
    /// All that was taken is sent.
    pub fn is_clear(&self) -> bool {
        self.unsent.is_empty()
    }
    /// Sends what waits, as far as the socket takes it now. Nobody is woken later. Tells whether it is all.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.unsent.len() {
            match self.try_write(self.sent)? {
                0 => return Ok(false),
                count => self.sent += count,
            }
        }
        // What a slow peer needed once is not kept for it.
        (self.unsent, self.sent) = (Vec::new(), 0);
        Ok(true)
    }
    /// Waits until the socket takes more, and all that waited is sent.
    pub fn poll_clear(&mut self, task: &mut Context) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket()?.poll_write_ready(task))?;
            if self.flush()? {
                return Poll::Ready(Ok(()));
            }
        }
    }
    /// Sends from what waits, behind so many bytes; 0: the socket takes nothing now.
    fn try_write(&self, begin: usize) -> io::Result<usize> {
        accepted(self.socket()?.try_write(&self.unsent[begin..]))
    }
    /// Takes all of it, whether the socket does or not.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.flush()? { accepted(self.socket()?.try_write(bytes))? } else { 0 };
        self.unsent.drain(..std::mem::take(&mut self.sent));
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }
}
fn accepted(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}

impl AsyncRead for Seat {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        // A read that does not fill the buffer leaves the socket known to be empty: the next costs no system call.
        self.get_mut().pinned()?.poll_read(task, buffer)
    }
}
impl AsyncWrite for Seat {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let seat = self.get_mut();
        if !seat.keeps_records {
            return seat.pinned()?.poll_write(task, bytes);
        }
        if seat.unsent.len() - seat.sent > UNSENT_BYTES_MAX {
            ready!(seat.poll_clear(task))?;
        }
        seat.take(bytes)?;
        Poll::Ready(Ok(bytes.len()))
    }
    /// OpenSSL flushes where an answer is complete: it may go when there is room.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        self.get_mut().pinned()?.poll_shutdown(task)
    }
}
