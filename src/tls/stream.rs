//! A TCP socket with a TLS session on it.
//!
//! A session is one machine for both directions: a thread has it whole. So whoever reads and whoever writes share it, and
//! it moves to another thread whole: its socket leaves one reactor ([`Stream::leave`]) and joins the next ([`Stream::join`]).
use super::{brief, in_brief};
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
    task::{Context, Poll, Waker},
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
    /// The socket took a record by halves, or not at all. Until it is through nothing is read: a peer that asks for new keys
    /// would have to be answered at once, and OpenSSL takes that for the rest of the record, and fails.
    is_blocked: bool,
    /// Who waits for something to read.
    reader: Option<Waker>,
}

/// Where the socket is.
enum Seat {
    OnReactor(TcpStream),
    Between(std::net::TcpStream),
    Lost,
}

fn not_here() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
impl Seat {
    fn socket(&self) -> io::Result<&TcpStream> {
        match self {
            Seat::OnReactor(socket) => Ok(socket),
            _ => Err(not_here()),
        }
    }
    fn pinned(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self {
            Seat::OnReactor(socket) => Ok(Pin::new(socket)),
            _ => Err(not_here()),
        }
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
        self.get_mut().pinned()?.poll_write(task, bytes)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        self.get_mut().pinned()?.poll_shutdown(task)
    }
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
        Ok(stream)
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
        Ok(stream)
    }
    fn new(socket: TcpStream, session: Ssl) -> io::Result<Stream> {
        let session = SslStream::new(session, Seat::OnReactor(socket))?;
        Ok(Stream { session, is_blocked: false, reader: None })
    }
    /// Takes the socket off its reactor, so that the stream may move to another thread.
    ///
    /// # Errors
    /// If the system refuses; then the connection is lost.
    pub fn leave(&mut self) -> io::Result<()> {
        let seat = self.session.get_mut();
        if let Seat::OnReactor(socket) = std::mem::replace(seat, Seat::Lost) {
            *seat = Seat::Between(socket.into_std()?);
        }
        Ok(())
    }
    /// Puts the socket on the reactor of the calling thread.
    ///
    /// # Errors
    /// If it is full; then the connection is lost.
    pub fn join(&mut self) -> io::Result<()> {
        let seat = self.session.get_mut();
        if let Seat::Between(socket) = std::mem::replace(seat, Seat::Lost) {
            *seat = Seat::OnReactor(TcpStream::from_std(socket)?);
        }
        Ok(())
    }
    /// Of the other end.
    ///
    /// # Errors
    /// If that is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.session.get_ref() {
            Seat::OnReactor(socket) => socket.peer_addr(),
            Seat::Between(socket) => socket.peer_addr(),
            Seat::Lost => Err(not_here()),
        }
    }
    /// Of our end.
    ///
    /// # Errors
    /// As [`Stream::peer_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.session.get_ref() {
            Seat::OnReactor(socket) => socket.local_addr(),
            Seat::Between(socket) => socket.local_addr(),
            Seat::Lost => Err(not_here()),
        }
    }
    /// The socket itself, to set options of it. `None` if it was lost.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self.session.get_ref() {
            Seat::OnReactor(socket) => Some(socket.as_fd()),
            Seat::Between(socket) => Some(socket.as_fd()),
            Seat::Lost => None,
        }
    }
    /// Its number, -1 if it was lost.
    pub fn file_descriptor(&self) -> i32 {
        self.descriptor().map_or(-1, |descriptor| descriptor.as_raw_fd())
    }
    fn remember_reader(&mut self, task: &Context) {
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(task.waker())) {
            self.reader = Some(task.waker().clone());
        }
    }
    fn write(&mut self, task: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.session).poll_write(task, bytes);
        let was_blocked = std::mem::replace(&mut self.is_blocked, written.is_pending());
        if was_blocked && !self.is_blocked {
            self.wake_reader();
        }
        written.map_err(in_brief)
    }
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
    /// Writes as much as the socket takes now, at most a record. Who is told `WouldBlock` must come again with the same
    /// bytes, or with these and more behind them: they may be encrypted already.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing; anything else means that the connection is broken.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.write(&mut Context::from_waker(Waker::noop()), bytes) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
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
        let ready = self.session.get_ref().socket()?.poll_write_ready(task);
        // It is awaited in the place of who reads, too: to read, a session may have to write first.
        if ready.is_ready() {
            self.wake_reader();
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
        if matches!(self.session.get_ref(), Seat::OnReactor(_)) {
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

/// A read gives at most a record.
impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        if self.is_blocked {
            self.remember_reader(task);
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.session).poll_read(task, buffer);
        if read.is_pending() {
            self.remember_reader(task);
        }
        read.map_err(in_brief)
    }
}
impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(task, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.session).poll_flush(task)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.session).poll_shutdown(task)
    }
}
