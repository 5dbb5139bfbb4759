//! A small blocking client. It sends what it is told, right or wrong, and reads exactly what comes.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use openssl::ssl::SslStream;

use super::value::Value;

/// How long a reply may take before a test gives up: a bound on hanging, never a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Resp2,
    Resp3,
}

impl Protocol {
    pub const BOTH: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

    pub fn version(self) -> &'static str {
        match self {
            Protocol::Resp2 => "2",
            Protocol::Resp3 => "3",
        }
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(SslStream<TcpStream>),
    Unix(UnixStream),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

#[derive(Debug)]
pub struct Client {
    stream: BufReader<Stream>,
}

impl Client {
    pub fn tcp(host: &str, port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect((host, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(Stream::Tcp(stream)) })
    }

    /// On a session whose handshake is done.
    pub fn over(stream: SslStream<TcpStream>) -> Client {
        Client { stream: BufReader::new(Stream::Tls(stream)) }
    }

    pub fn unix(path: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::new(Stream::Unix(stream)) })
    }

    /// Switches the protocol; the greeting's reply is checked by the connection family, not here.
    pub fn hello(&mut self, protocol: Protocol) {
        let greeting = self.call(&["HELLO", protocol.version()]);
        assert!(!greeting.is_error(), "HELLO: {greeting:?}");
    }

    /// One command, one reply. Panics when the connection breaks.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Value {
        self.send(arguments);
        self.receive()
    }

    pub fn send<A: AsRef<[u8]>>(&mut self, arguments: &[A]) {
        self.send_raw(&encode(arguments)).expect("the server takes our command");
    }

    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.get_mut() {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    pub fn receive(&mut self) -> Value {
        self.try_receive().expect("a whole reply")
    }

    /// The next reply, or the error that ended the connection.
    pub fn try_receive(&mut self) -> io::Result<Value> {
        let line = self.read_line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| broken("an empty line"))?;
        Ok(match kind {
            "+" => Value::Simple(rest.into()),
            "-" => Value::Error(rest.into()),
            ":" => Value::Integer(number(rest)?),
            "_" => Value::Null,
            "#" => Value::Boolean(rest == "t"),
            "," => Value::Double(rest.into()),
            "(" => Value::BigNumber(rest.into()),
            "$" if rest == "-1" => Value::NullBulk,
            "$" => Value::Bulk(self.read_bulk(rest)?),
            "!" => Value::BulkError(self.read_bulk(rest)?),
            "=" => {
                let bytes = self.read_bulk(rest)?;
                let (format, text) = bytes.split_at(4);
                Value::Verbatim(String::from_utf8_lossy(&format[..3]).into_owned(), text.to_vec())
            }
            "*" if rest == "-1" => Value::NullArray,
            "*" => Value::Array(self.read_items(rest)?),
            "~" => Value::Set(self.read_items(rest)?),
            ">" => Value::Push(self.read_items(rest)?),
            "%" => Value::Map(self.read_pairs(rest)?),
            "|" => {
                let pairs = self.read_pairs(rest)?;
                Value::Attribute(pairs, Box::new(self.try_receive()?))
            }
            _ => return Err(broken(&format!("no reply begins like this: {line}"))),
        })
    }

    /// The next bytes, as they come.
    pub fn read_some(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// All bytes until the server closes.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
            _ => Ok(bytes),
        }
    }

    /// Whether the server has closed: a reset counts, bytes still to read do not.
    pub fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    pub fn set_patience(&mut self, patience: Duration) {
        let set = match self.stream.get_mut() {
            Stream::Tcp(stream) => set_timeouts(stream, patience),
            Stream::Tls(stream) => set_timeouts(stream.get_ref(), patience),
            Stream::Unix(stream) => stream.set_read_timeout(Some(patience)),
        };
        set.expect("a timeout can be set");
    }

    /// The same connection, for another thread to send on.
    pub fn another_handle(&mut self) -> Client {
        let stream = match self.stream.get_mut() {
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
            Stream::Tls(_) => panic!("a session has one handle"),
            Stream::Unix(stream) => stream.try_clone().map(Stream::Unix),
        };
        Client { stream: BufReader::new(stream.expect("a file handle")) }
    }

    /// Our half ends; the server's replies may still come.
    pub fn finish_sending(&mut self) {
        let shut = match self.stream.get_mut() {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => stream.get_ref().shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        shut.expect("a connected socket");
    }

    pub fn local_port(&mut self) -> u16 {
        match self.stream.get_mut() {
            Stream::Tcp(stream) => stream.local_addr().expect("a connected socket").port(),
            Stream::Tls(stream) => stream.get_ref().local_addr().expect("a connected socket").port(),
            Stream::Unix(_) => panic!("a Unix socket has no port"),
        }
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\r\n").ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn read_bulk(&mut self, length: &str) -> io::Result<Vec<u8>> {
        let length: usize = number(length)?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        if !bytes.ends_with(b"\r\n") {
            return Err(broken("a bulk that does not end where its length says"));
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn read_items(&mut self, count: &str) -> io::Result<Vec<Value>> {
        (0..number::<usize>(count)?).map(|_| self.try_receive()).collect()
    }

    fn read_pairs(&mut self, count: &str) -> io::Result<Vec<(Value, Value)>> {
        (0..number::<usize>(count)?).map(|_| Ok((self.try_receive()?, self.try_receive()?))).collect()
    }
}

fn set_timeouts(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(patience)).and(stream.set_write_timeout(Some(patience)))
}

/// A command as a multibulk request.
pub fn encode<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn number<N: std::str::FromStr>(text: &str) -> io::Result<N> {
    text.parse().map_err(|_| broken(&format!("not a number: {text}")))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
