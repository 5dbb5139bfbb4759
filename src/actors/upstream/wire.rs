//! The socket to our master: what is read from it, and what waits to be written.
//!
//! Everything here may be given up half way (by a `select!`) without a byte being lost.
use crate::{
    config::Config,
    tls::{Channel, Contexts},
};
use bytes::{Buf, BytesMut};
use memchr::memchr;
use socket2::{SockRef, TcpKeepalive};
use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::AsyncWrite,
    net::{TcpSocket, TcpStream, lookup_host},
};
use tokio_util::io::poll_read_buf;

/// Room that a read finds at least, bytes.
const READ_BYTES: usize = 64 * 1024;
/// No line of a handshake is longer.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// The system looks whether a silent master is still there after so long.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

pub struct Wire {
    channel: Channel,
    output: BytesMut,
}

impl Wire {
    /// Connects to the first of the host's addresses that answers, by TLS if that is given.
    ///
    /// # Errors
    /// Why the last one did not, or the handshake failed.
    pub async fn connect(host: &str, port: u16, config: &Config, tls: Option<&Contexts>) -> io::Result<Wire> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        // Names are resolved on a thread of its own, as that may take its time.
        for address in lookup_host((host, port)).await? {
            match connect_to(address, config.bind_source_addr.as_deref()).await {
                Ok(socket) => {
                    let channel = Channel::open(socket, host, tls).await?;
                    return Ok(Wire { channel, output: BytesMut::new() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
    pub fn channel(&self) -> &Channel {
        &self.channel
    }
    /// Puts this behind what is to be written.
    pub fn say(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }
    /// All that was said is on its way.
    pub fn is_drained(&self) -> bool {
        self.output.is_empty()
    }
    /// Writes what waits, and reads to the end of `input`, if it is to: says how much, 0 at the end of the stream. If it is
    /// not to read, it never returns but on errors. May be given up at any time.
    ///
    /// # Errors
    /// If the connection is broken.
    pub async fn exchange(&mut self, input: &mut BytesMut, reads: bool) -> io::Result<usize> {
        poll_fn(|task| {
            self.poll_write(task)?;
            if !reads {
                return Poll::Pending;
            }
            if input.capacity() - input.len() < READ_BYTES / 4 {
                input.reserve(READ_BYTES);
            }
            // A read that does not fill the room leaves the socket known to be empty: the next costs no system call.
            poll_read_buf(Pin::new(&mut self.channel), task, input)
        })
        .await
    }
    /// Reads more; the end of the stream is an error here. As [`Wire::exchange`].
    ///
    /// # Errors
    /// As there.
    pub async fn read(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        match self.exchange(input, true).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection lost")),
            count => Ok(count),
        }
    }
    /// Writes what the socket takes now. If that is not all, the task is woken when it takes more.
    fn poll_write(&mut self, task: &mut Context) -> io::Result<()> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.channel).poll_write(task, &self.output) {
                Poll::Ready(written) => self.output.advance(written?),
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}

async fn connect_to(address: SocketAddr, source: Option<&str>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        for source in lookup_host((source, 0)).await?.filter(|source| source.is_ipv4() == address.is_ipv4()) {
            socket.set_reuseaddr(true)?;
            socket.bind(source)?;
        }
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_AFTER / 3).with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Takes a line off the front of what was read, without its end; `None` if it is not whole yet.
///
/// # Errors
/// If it is too long for one.
pub fn take_line(input: &mut BytesMut) -> Result<Option<String>, String> {
    match memchr(b'\n', input) {
        Some(end) => {
            let line = input.split_to(end + 1);
            Ok(Some(String::from_utf8_lossy(&line).trim_end().to_string()))
        }
        None if input.len() > LINE_BYTES_MAX => Err("a line without an end".into()),
        None => Ok(None),
    }
}
