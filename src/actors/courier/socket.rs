//! Sockets, TCP or Unix, as two halves: the Connection reads, the Courier writes.
use bytes::BytesMut;
use socket2::SockRef;
use std::{
    io::{self, IoSlice},
    net::Shutdown,
    os::fd::{AsFd, AsRawFd},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_util::io::poll_read_buf;

/// A socket that a Listener accepted, not yet on any reactor.
pub enum Accepted {
    Tcp(std::net::TcpStream),
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
pub enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}
pub enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Accepted {
    /// Puts the socket on the reactor of the calling thread.
    ///
    /// # Errors
    /// If the peer is gone already, or the reactor is full.
    pub fn open(self) -> io::Result<Socket> {
        match self {
            Accepted::Tcp(stream) => {
                let file_descriptor = stream.as_raw_fd();
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
            Accepted::Unix(stream, path) => {
                let file_descriptor = stream.as_raw_fd();
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
            ReadHalf::Unix(half) => poll_read_buf(Pin::new(half), task, buffer),
        }
    }
}

impl WriteHalf {
    /// Writes as much as the socket takes now.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing; anything else means that the connection is broken.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            WriteHalf::Tcp(half) => half.try_write(bytes),
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
            WriteHalf::Unix(half) => half.try_write_vectored(slices),
        }
    }
    /// The socket once more, to be put on another reactor.
    ///
    /// # Errors
    /// If no file descriptor is left for it.
    pub fn duplicate(&self) -> io::Result<Accepted> {
        Ok(match self {
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
            WriteHalf::Unix(half) => half.forget(),
        }
    }
    /// Ends the connection both ways, whoever still holds a part of it.
    pub fn shut_down(&self) {
        // It fails where the peer was faster.
        let _ = match self {
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
            WriteHalf::Unix(half) => half.writable().await,
        }
    }
}
