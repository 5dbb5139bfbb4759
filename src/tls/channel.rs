//! A connection that we open to another server, with TLS or without.
use super::{Contexts, Stream};
use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, RawFd},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

pub enum Channel {
    Plain(TcpStream),
    Secure(Box<Stream>),
}

impl Channel {
    /// Makes the handshake on a socket that is connected, where there is one to be made.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn open(socket: TcpStream, host: &str, tls: Option<&Contexts>) -> io::Result<Channel> {
        Ok(match tls {
            None => Channel::Plain(socket),
            Some(tls) => {
                let session = tls.session_to_server(host)?;
                Channel::Secure(Box::new(Stream::connect(socket, session).await?))
            }
        })
    }
    /// Of the other end.
    ///
    /// # Errors
    /// If that is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Channel::Plain(socket) => socket.peer_addr(),
            Channel::Secure(stream) => stream.peer_addr(),
        }
    }
    /// Of our end.
    ///
    /// # Errors
    /// As [`Channel::peer_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Channel::Plain(socket) => socket.local_addr(),
            Channel::Secure(stream) => stream.local_addr(),
        }
    }
    pub fn file_descriptor(&self) -> RawFd {
        match self {
            Channel::Plain(socket) => socket.as_raw_fd(),
            Channel::Secure(stream) => stream.file_descriptor(),
        }
    }
}

impl AsyncRead for Channel {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Channel::Plain(socket) => Pin::new(socket).poll_read(task, buffer),
            Channel::Secure(stream) => Pin::new(stream).poll_read(task, buffer),
        }
    }
}
impl AsyncWrite for Channel {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Channel::Plain(socket) => Pin::new(socket).poll_write(task, bytes),
            Channel::Secure(stream) => Pin::new(stream).poll_write(task, bytes),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Channel::Plain(socket) => Pin::new(socket).poll_flush(task),
            Channel::Secure(stream) => Pin::new(stream).poll_flush(task),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Channel::Plain(socket) => Pin::new(socket).poll_shutdown(task),
            Channel::Secure(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }
}
