//! Sockets, TCP (with TLS or without) or Unix, as two halves: the Connection reads, the Courier writes.
use crate::tls::Stream;
use bytes::BytesMut;
use socket2::SockRef;
use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice},
    net::Shutdown,
    os::fd::{AsFd, AsRawFd},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_util::io::poll_read_buf;

/// A socket that a Listener accepted, not yet on any reactor.
pub enum Accepted {
    Tcp(std::net::TcpStream),
    /// Behind its handshake.
    Tls(Box<Stream>),
    Unix(std::os::unix::net::UnixStream, String),
}
/// A socket on this thread's reactor, with what CLIENT LIST tells of it.
pub struct Socket {
    pub read: ReadHalf,
    pub write: WriteHalf,
    pub address: String,
    pub local_address: String,
    pub file_descriptor: i32,
    pub is_unix: bool,
}
/// Both halves of a session have it whole. It is gone when it was handed to another thread.
type Shared = Rc<RefCell<Option<Box<Stream>>>>;

pub enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Tls(Shared),
    Unix(unix::OwnedReadHalf),
}
pub enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Tls(Shared),
    Unix(unix::OwnedWriteHalf),
}

impl Accepted {
    pub fn file_descriptor(&self) -> i32 {
        match self {
            Accepted::Tcp(stream) => stream.as_raw_fd(),
            Accepted::Tls(stream) => stream.file_descriptor(),
            Accepted::Unix(stream, _) => stream.as_raw_fd(),
        }
    }
    /// Puts the socket on the reactor of the calling thread.
    ///
    /// # Errors
    /// If the peer is gone already, or the reactor is full.
    pub fn open(self) -> io::Result<Socket> {
        let file_descriptor = self.file_descriptor();
        match self {
            Accepted::Tcp(stream) => {
                let (address, local_address) = (stream.peer_addr()?, stream.local_addr()?);
                let (read, write) = TcpStream::from_std(stream)?.into_split();
                Ok(Socket {
                    read: ReadHalf::Tcp(read),
                    write: WriteHalf::Tcp(write),
                    address: address.to_string(),
                    local_address: local_address.to_string(),
                    file_descriptor,
                    is_unix: false,
                })
            }
            Accepted::Tls(mut stream) => {
                stream.join()?;
                let (address, local_address) = (stream.peer_addr()?, stream.local_addr()?);
                let shared = Rc::new(RefCell::new(Some(stream)));
                Ok(Socket {
                    read: ReadHalf::Tls(shared.clone()),
                    write: WriteHalf::Tls(shared),
                    address: address.to_string(),
                    local_address: local_address.to_string(),
                    file_descriptor,
                    is_unix: false,
                })
            }
            Accepted::Unix(stream, path) => {
                let (read, write) = UnixStream::from_std(stream)?.into_split();
                Ok(Socket {
                    read: ReadHalf::Unix(read),
                    write: WriteHalf::Unix(write),
                    address: format!("{path}:0"),
                    local_address: format!("{path}:0"),
                    file_descriptor,
                    is_unix: true,
                })
            }
        }
    }
}

impl ReadHalf {
    /// Reads into the free capacity of `buffer`; 0 is the end of the stream. A read that does not fill the buffer
    /// leaves the socket known to be empty, so the next call costs no system call.
    pub fn poll_read(&mut self, buffer: &mut BytesMut, task: &mut Context) -> Poll<io::Result<usize>> {
        match self {
            ReadHalf::Tcp(half) => poll_read_buf(Pin::new(half), task, buffer),
            ReadHalf::Tls(shared) => {
                let mut stream = shared.borrow_mut();
                let stream = stream.as_mut().ok_or_else(handed_over)?;
                poll_read_buf(Pin::new(&mut **stream), task, buffer)
            }
            ReadHalf::Unix(half) => poll_read_buf(Pin::new(half), task, buffer),
        }
    }
}

impl WriteHalf {
    /// Writes as much as the socket takes now. Who is told `WouldBlock` comes again with the same bytes, and perhaps more
    /// behind them: that is a rule of TLS.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing; anything else means that the connection is broken.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            WriteHalf::Tcp(half) => half.try_write(bytes),
            WriteHalf::Tls(shared) => with_stream(shared, |stream| stream.try_write(bytes)),
            WriteHalf::Unix(half) => half.try_write(bytes),
        }
    }
    /// As [`WriteHalf::try_write`], from several slices.
    ///
    /// # Errors
    /// As there.
    pub fn try_write_vectored(&self, slices: &[IoSlice]) -> io::Result<usize> {
        match self {
            WriteHalf::Tcp(half) => half.try_write_vectored(slices),
            WriteHalf::Tls(shared) => with_stream(shared, |stream| stream.try_write_vectored(slices)),
            WriteHalf::Unix(half) => half.try_write_vectored(slices),
        }
    }
    /// The socket, to be put on another reactor: once more, or with TLS the only one.
    ///
    /// # Errors
    /// If no file descriptor is left for it, or it was handed over before.
    pub fn hand_over(&self) -> io::Result<Accepted> {
        Ok(match self {
            WriteHalf::Tls(shared) => {
                let mut stream = shared.take().ok_or_else(handed_over)?;
                stream.leave()?;
                Accepted::Tls(stream)
            }
            WriteHalf::Tcp(half) => Accepted::Tcp(half.as_ref().as_fd().try_clone_to_owned()?.into()),
            WriteHalf::Unix(half) => {
                Accepted::Unix(half.as_ref().as_fd().try_clone_to_owned()?.into(), String::new())
            }
        })
    }
    /// Lets go of the socket without ending the connection: somebody else has it.
    pub fn let_go(self) {
        match self {
            WriteHalf::Tcp(half) => half.forget(),
            WriteHalf::Tls(_) => {}
            WriteHalf::Unix(half) => half.forget(),
        }
    }
    /// Ends the connection both ways, whoever still holds a part of it.
    pub fn shut_down(&self) {
        // It fails where the peer was faster.
        let _ = match self {
            WriteHalf::Tls(shared) => with_stream(shared, |stream| {
                stream.shut_down();
                Ok(())
            }),
            WriteHalf::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            WriteHalf::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
        };
    }
    /// Waits until the socket takes more.
    ///
    /// # Errors
    /// If it never will.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            WriteHalf::Tcp(half) => half.writable().await,
            WriteHalf::Tls(shared) => {
                poll_fn(|task| match &mut *shared.borrow_mut() {
                    Some(stream) => stream.poll_writable(task),
                    None => Poll::Ready(Err(handed_over())),
                })
                .await
            }
            WriteHalf::Unix(half) => half.writable().await,
        }
    }
}

fn with_stream<R>(shared: &Shared, act: impl FnOnce(&mut Stream) -> io::Result<R>) -> io::Result<R> {
    act(shared.borrow_mut().as_mut().ok_or_else(handed_over)?)
}
fn handed_over() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
