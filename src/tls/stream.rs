//! A TCP socket with a TLS session on it.
//!
//! A session is one machine for both directions: a thread has it whole. So whoever reads and whoever writes share it, and
//! it moves to another thread whole: its socket leaves one reactor ([`Stream::leave`]) and joins the next ([`Stream::join`]).
use super::{
    brief, in_brief,
    seat::{Place, Seat, not_here},
};
use openssl::{
    ssl::{self, Ssl},
    x509::X509VerifyResult,
};
use socket2::SockRef;
use std::{
    io::{self, IoSlice},
    net::{Shutdown, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_openssl::SslStream;

/// The most that one record carries, bytes: OpenSSL writes no more at a time.
const RECORD_BYTES_MAX: usize = 16 * 1024;

pub struct Stream {
    session: SslStream<Seat>,
    /// Of what was to be written, so many bytes are encrypted, and the socket has not taken all of that yet. Who wrote them is
    /// told when it has.
    underway: Option<usize>,
    /// Who waits for something to read, and who waits to write. Of the two, the socket wakes whoever waited last to write: a
    /// session may have to write before it can read. He wakes the other.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Stream {
    /// Waits for the handshake of a client.
    ///
    /// # Errors
    /// Why it failed. What could be told to the client of it was told.
    pub async fn accept(socket: TcpStream, session: Ssl) -> io::Result<Stream> {
        let mut stream = Stream::new(socket, session)?;
        Pin::new(&mut stream.session)
            .accept()
            .await
            .map_err(|error| explained(error, stream.session.ssl()))?;
        Ok(stream.agreed())
    }
    /// Makes the handshake with a server.
    ///
    /// # Errors
    /// As [`Stream::accept`].
    pub async fn connect(socket: TcpStream, session: Ssl) -> io::Result<Stream> {
        let mut stream = Stream::new(socket, session)?;
        Pin::new(&mut stream.session)
            .connect()
            .await
            .map_err(|error| explained(error, stream.session.ssl()))?;
        Ok(stream.agreed())
    }
    fn new(socket: TcpStream, session: Ssl) -> io::Result<Stream> {
        let session = SslStream::new(session, Seat::new(socket))?;
        Ok(Stream { session, underway: None, reader: None, writer: None })
    }
    /// The handshake is made.
    fn agreed(mut self) -> Stream {
        self.session.get_mut().keeps_records = true;
        self
    }
    /// Takes the socket off its reactor, so that the stream may move to another thread.
    ///
    /// # Errors
    /// If the system refuses; then the connection is lost.
    pub fn leave(&mut self) -> io::Result<()> {
        let place = &mut self.session.get_mut().place;
        if let Place::OnReactor(socket) = std::mem::replace(place, Place::Lost) {
            *place = Place::Between(socket.into_std()?);
        }
        Ok(())
    }
    /// Puts the socket on the reactor of the calling thread.
    ///
    /// # Errors
    /// If it is full; then the connection is lost.
    pub fn join(&mut self) -> io::Result<()> {
        let place = &mut self.session.get_mut().place;
        if let Place::Between(socket) = std::mem::replace(place, Place::Lost) {
            *place = Place::OnReactor(TcpStream::from_std(socket)?);
        }
        Ok(())
    }
    /// Of the other end.
    ///
    /// # Errors
    /// If that is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.session.get_ref().place {
            Place::OnReactor(socket) => socket.peer_addr(),
            Place::Between(socket) => socket.peer_addr(),
            Place::Lost => Err(not_here()),
        }
    }
    /// Of our end.
    ///
    /// # Errors
    /// As [`Stream::peer_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.session.get_ref().place {
            Place::OnReactor(socket) => socket.local_addr(),
            Place::Between(socket) => socket.local_addr(),
            Place::Lost => Err(not_here()),
        }
    }
    /// The socket itself, to set options of it. `None` if it was lost.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.session.get_ref().place {
            Place::OnReactor(socket) => Some(socket.as_fd()),
            Place::Between(socket) => Some(socket.as_fd()),
            Place::Lost => None,
        }
    }
    /// Its number, -1 if it was lost.
    pub fn file_descriptor(&self) -> i32 {
        self.descriptor().map_or(-1, |descriptor| descriptor.as_raw_fd())
    }
    /// `None`: the socket takes no more now.
    fn write(&mut self, task: &mut Context, bytes: &[u8]) -> io::Result<Option<usize>> {
        if !self.session.get_mut().flush()? {
            return Ok(None);
        }
        if let Some(count) = self.underway.take() {
            return Ok(Some(count));
        }
        match Pin::new(&mut self.session).poll_write(task, bytes).map_err(in_brief)? {
            Poll::Ready(count) if self.session.get_ref().is_clear() => Ok(Some(count)),
            Poll::Ready(count) => {
                self.underway = Some(count);
                Ok(None)
            }
            Poll::Pending => Ok(None),
        }
    }
    /// Writes as much as the socket takes now, at most a record. Who is told `WouldBlock` must come again with the same
    /// bytes, or with these and more behind them: they may be encrypted already.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing; anything else means that the connection is broken.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.write(&mut Context::from_waker(Waker::noop()), bytes)?;
        written.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
    /// As [`Stream::try_write`], from several slices: small ones share a record.
    ///
    /// # Errors
    /// As there.
    pub fn try_write_vectored(&mut self, slices: &[IoSlice]) -> io::Result<usize> {
        match slices {
            [] => return Ok(0),
            [only] => return self.try_write(only),
            [first, ..] if first.len() >= RECORD_BYTES_MAX => return self.try_write(first),
            _ => {}
        }
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut gathered = Vec::with_capacity(total.min(RECORD_BYTES_MAX));
        for slice in slices {
            let room = RECORD_BYTES_MAX - gathered.len();
            gathered.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        self.try_write(&gathered)
    }
    /// Waits until the socket takes more.
    pub fn poll_writable(&mut self, task: &mut Context) -> Poll<io::Result<()>> {
        let ready = self.session.get_mut().poll_clear(task);
        if ready.is_ready() {
            wake(&mut self.reader);
        } else {
            remember(&mut self.writer, task);
        }
        ready
    }
    /// Tells the peer that nothing more comes, so that it need not take the end for somebody's attack, and ends the
    /// connection both ways.
    pub fn shut_down(&mut self) {
        // All this fails where the peer was faster, or reads nothing any more.
        let _ = Pin::new(&mut self.session).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        if let Some(descriptor) = self.descriptor() {
            let _ = SockRef::from(&descriptor).shutdown(Shutdown::Both);
        }
    }
}
impl Drop for Stream {
    fn drop(&mut self) {
        if matches!(self.session.get_ref().place, Place::OnReactor(_)) {
            let _ = Pin::new(&mut self.session).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// A failed handshake, with what was wrong with a certificate if that was it.
fn explained(error: ssl::Error, session: &ssl::SslRef) -> io::Error {
    let verified = session.verify_result();
    let error = match error.into_io_error() {
        Ok(error) => return error,
        Err(error) => error,
    };
    let Some(stack) = error.ssl_error() else { return io::Error::other(error.to_string()) };
    match verified {
        X509VerifyResult::OK => io::Error::other(brief(stack)),
        verified => io::Error::other(format!("{} ({})", brief(stack), verified.error_string())),
    }
}

fn remember(waiting: &mut Option<Waker>, task: &Context) {
    if !waiting.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
        *waiting = Some(task.waker().clone());
    }
}
fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// A read gives at most a record.
impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        if !self.session.get_ref().is_clear() && self.session.get_mut().flush()? {
            wake(&mut self.writer);
        }
        let read = Pin::new(&mut self.session).poll_read(task, buffer);
        if read.is_pending() {
            remember(&mut self.reader, task);
        }
        if !self.session.get_ref().is_clear() {
            // The session may have waited for the socket in the writer's place: he has to wait anew.
            wake(&mut self.writer);
        }
        read.map_err(in_brief)
    }
}
impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if let Some(count) = self.write(task, bytes)? {
                return Poll::Ready(Ok(count));
            }
            if self.session.get_ref().is_clear() {
                // The session has to read first, and has said so.
                return Poll::Pending;
            }
            ready!(self.poll_writable(task))?;
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        match self.session.get_ref().is_clear() {
            true => Poll::Ready(Ok(())),
            false => self.poll_writable(task),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.session).poll_shutdown(task)
    }
}
