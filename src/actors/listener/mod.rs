//! A Listener: one for each address. It accepts clients, turns away those that are too many or not allowed, and gives
//! each of the others to a Courier, in turn.
pub mod files;
mod gate;

use crate::{
    actors::courier::{Courier, messages::Adopt, socket::Accepted},
    board::Board,
    config::Config,
};
use actix::prelude::*;
use gate::Gate;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    fmt, io,
    net::{IpAddr, Shutdown, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Tls,
}
impl Transport {
    pub const ALL: [Transport; 2] = [Transport::Tcp, Transport::Tls];
    /// The parameter that says at which port; 0 is none.
    pub fn parameter(self) -> &'static str {
        match self {
            Transport::Tcp => "port",
            Transport::Tls => "tls-port",
        }
    }
    pub fn port(self, config: &Config) -> u16 {
        match self {
            Transport::Tcp => config.port,
            Transport::Tls => config.tls_port,
        }
    }
}
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        })
    }
}

/// A socket that listens, not yet on any reactor.
pub enum Listening {
    Tcp(Transport, std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct CannotListen {
    /// None for a Unix socket.
    pub transport: Option<Transport>,
    pub address: String,
    pub error: io::Error,
}
impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)
    }
}

impl Listening {
    /// Opens all TCP addresses that the configuration names for this transport. Port 0 means none.
    ///
    /// # Errors
    /// The first address that fails and is not optional. Optional ones (`-::1`), and `*` where a protocol is missing,
    /// are passed over.
    pub fn tcp(transport: Transport, config: &Config) -> Result<Vec<Listening>, CannotListen> {
        let mut open = Vec::new();
        let port = transport.port(config);
        if port == 0 {
            return Ok(open);
        }
        for name in &config.bind {
            let (name, optional) = match name.strip_prefix('-') {
                Some(name) => (name, true),
                None => (name.as_str(), false),
            };
            let address = match name {
                "*" => "0.0.0.0",
                "::*" => "::",
                name => name,
            };
            match open_tcp(address, port, config.tcp_backlog) {
                Ok(listener) => open.push(Listening::Tcp(transport, listener)),
                Err(error) if optional && is_missing_address(&error) => {}
                Err(error) => {
                    let address = format!("{name}:{port}");
                    return Err(CannotListen { transport: Some(transport), address, error });
                }
            }
        }
        Ok(open)
    }
    /// Opens the Unix socket that the configuration names.
    ///
    /// # Errors
    /// If its path cannot be bound; an old socket in its place is removed first.
    pub fn unix(config: &Config) -> Result<Option<Listening>, CannotListen> {
        let Some(path) = &config.unixsocket else { return Ok(None) };
        let open = || {
            let is_socket = |meta: std::fs::Metadata| {
                use std::os::unix::fs::FileTypeExt;
                meta.file_type().is_socket()
            };
            if std::fs::symlink_metadata(path).is_ok_and(is_socket) {
                // One that a crash left behind is in the way; one that somebody answers on is theirs.
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(io::Error::from_raw_os_error(libc::EADDRINUSE));
                }
                std::fs::remove_file(path)?;
            }
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&SockAddr::unix(path)?)?;
            socket.listen(config.tcp_backlog as i32)?;
            socket.set_nonblocking(true)?;
            if config.unixsocketperm != 0 {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(config.unixsocketperm))?;
            }
            Ok(Listening::Unix(socket.into(), path.clone()))
        };
        open().map(Some).map_err(|error| CannotListen {
            transport: None,
            address: path.display().to_string(),
            error,
        })
    }
    /// What is spoken there; `None` for a Unix socket.
    pub fn transport(&self) -> Option<Transport> {
        match self {
            Listening::Tcp(transport, _) => Some(*transport),
            Listening::Unix(..) => None,
        }
    }
    /// What closes this address at once.
    ///
    /// # Errors
    /// If there is no file descriptor left for it.
    pub fn closer(&self) -> io::Result<Closer> {
        Ok(Closer(match self {
            Listening::Tcp(_, listener) => listener.try_clone()?.into(),
            Listening::Unix(listener, _) => listener.try_clone()?.into(),
        }))
    }
}

/// Closes an address that a Listener waits on, at once: a message to it would be read too late for whoever is to
/// have the address next.
pub struct Closer(Socket);
impl Closer {
    pub fn close(self) {
        // On Linux this ends the listening itself, however many descriptors there are of the socket.
        if let Err(error) = self.0.shutdown(Shutdown::Read) {
            tracing::warn!("Closing an address: {error}");
        }
    }
}

fn open_tcp(address: &str, port: u16, backlog: u32) -> io::Result<std::net::TcpListener> {
    let ip: IpAddr = match address.parse() {
        Ok(ip) => ip,
        Err(_) => {
            use std::net::ToSocketAddrs;
            let mut found = (address, port).to_socket_addrs()?;
            found.next().ok_or(io::ErrorKind::AddrNotAvailable)?.ip()
        }
    };
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog as i32)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
fn is_missing_address(error: &io::Error) -> bool {
    let missing = [libc::EADDRNOTAVAIL, libc::EAFNOSUPPORT, libc::ENOPROTOOPT, libc::EPROTONOSUPPORT];
    error.raw_os_error().is_some_and(|code| missing.contains(&code))
}

/// Hands new clients to the Couriers in turn. All Listeners share one.
pub struct Ushers {
    couriers: Vec<Addr<Courier>>,
    /// Its thread is free whatever the Keyspace does.
    attendant: Addr<Courier>,
    board: Arc<Board>,
    next: AtomicUsize,
}
impl Ushers {
    pub fn new(couriers: Vec<Addr<Courier>>, attendant: Addr<Courier>, board: Arc<Board>) -> Arc<Ushers> {
        Arc::new(Ushers { couriers, attendant, board, next: AtomicUsize::new(0) })
    }
    /// All Couriers, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &Addr<Courier>> {
        self.couriers.iter().chain([&self.attendant])
    }
    /// Who comes while a script is slow may come to end it: that must not wait for the thread which the script has, if that
    /// is the clients' thread, too, and it does not give way (in a transaction).
    fn seat(&self, accepted: Accepted) {
        if self.couriers.len() == 1 && self.board.busy.with().is_some() {
            return self.attendant.do_send(Adopt(accepted));
        }
        let turn = self.next.fetch_add(1, Relaxed) % self.couriers.len();
        self.couriers[turn].do_send(Adopt(accepted));
    }
}

pub struct Listener {
    socket: Option<Listening>,
    ushers: Arc<Ushers>,
    board: Arc<Board>,
}

/// From the Supervisor: stop listening.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

impl Listener {
    pub fn new(socket: Listening, ushers: Arc<Ushers>, board: Arc<Board>) -> Listener {
        Listener { socket: Some(socket), ushers, board }
    }
}

impl Actor for Listener {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(socket) = self.socket.take() {
            let gate = Gate::new(self.ushers.clone(), self.board.clone());
            ctx.spawn(async move { gate.listen(socket).await }.into_actor(self));
        }
    }
}
impl Handler<Stop> for Listener {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop()
    }
}
