//! A Listener: one for each address. It accepts clients, turns away those that are too many or not allowed, and gives
//! each of the others to a Courier, in turn.
pub mod files;

use crate::{
    actors::courier::{Courier, messages::Adopt, socket::Accepted},
    board::Board,
    config::Config,
};
use actix::prelude::*;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use std::{
    fmt,
    io::{self, Write},
    net::{IpAddr, Shutdown, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::net::{TcpListener, UnixListener};

/// After an error that concerns the whole process (no file descriptors left), accepting is tried again this late.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// A socket that listens, not yet on any reactor.
pub enum Listening {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct CannotListen {
    pub address: String,
    pub error: io::Error,
}
impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)
    }
}

impl Listening {
    /// Opens all TCP addresses that the configuration names. `port` 0 means none.
    ///
    /// # Errors
    /// The first address that fails and is not optional. Optional ones (`-::1`), and `*` where a protocol is missing,
    /// are passed over.
    pub fn tcp(config: &Config) -> Result<Vec<Listening>, CannotListen> {
        let mut open = Vec::new();
        if config.port == 0 {
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
            match open_tcp(address, config) {
                Ok(listener) => open.push(Listening::Tcp(listener)),
                Err(error) if optional && is_missing_address(&error) => {}
                Err(error) => {
                    return Err(CannotListen { address: format!("{name}:{}", config.port), error });
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
        open().map(Some).map_err(|error| CannotListen { address: path.display().to_string(), error })
    }
    /// What closes this address at once.
    ///
    /// # Errors
    /// If there is no file descriptor left for it.
    pub fn closer(&self) -> io::Result<Closer> {
        Ok(Closer(match self {
            Listening::Tcp(listener) => listener.try_clone()?.into(),
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

fn open_tcp(address: &str, config: &Config) -> io::Result<std::net::TcpListener> {
    let ip: IpAddr = match address.parse() {
        Ok(ip) => ip,
        Err(_) => {
            use std::net::ToSocketAddrs;
            let mut found = (address, config.port).to_socket_addrs()?;
            found.next().ok_or(io::ErrorKind::AddrNotAvailable)?.ip()
        }
    };
    let address = SocketAddr::new(ip, config.port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(config.tcp_backlog as i32)?;
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
            let gate = Gate { ushers: self.ushers.clone(), board: self.board.clone() };
            ctx.spawn(gate.listen(socket).into_actor(self));
        }
    }
}
impl Handler<Stop> for Listener {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop()
    }
}

/// The accepting itself, apart from the actor so that its loop can own the socket.
struct Gate {
    ushers: Arc<Ushers>,
    board: Arc<Board>,
}
impl Gate {
    async fn listen(self, socket: Listening) {
        let result = match socket {
            Listening::Tcp(listener) => self.listen_tcp(listener).await,
            Listening::Unix(listener, path) => self.listen_unix(listener, path.display().to_string()).await,
        };
        if let Err(error) = result {
            tracing::error!("Cannot wait for clients: {error}");
        }
    }
    async fn listen_tcp(&self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        self.accept_all(async || listener.accept().await?.0.into_std().map(Accepted::Tcp)).await;
        Ok(())
    }
    async fn listen_unix(&self, listener: std::os::unix::net::UnixListener, path: String) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        self.accept_all(async || Ok(Accepted::Unix(listener.accept().await?.0.into_std()?, path.clone())))
            .await;
        Ok(())
    }
    /// Accepts until the address is closed. No error of one client ends it, nor one of the whole process, such as too
    /// many open files.
    async fn accept_all(&self, accept: impl AsyncFn() -> io::Result<Accepted>) {
        loop {
            match accept().await {
                Ok(accepted) => self.admit(accepted),
                // No longer listening: see `Closer`.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return,
                // The client was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!("Accepting client connection: {error}");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }
    fn admit(&self, accepted: Accepted) {
        let vitals = &self.board.vitals;
        let config = self.board.config.load();
        let refusal = if vitals.connected.fetch_add(1, Relaxed) >= config.maxclients as usize {
            Some("-ERR max number of clients reached\r\n")
        } else if is_stranger(&accepted, &config) {
            Some(PROTECTED)
        } else {
            None
        };
        match refusal {
            Some(text) => {
                vitals.connected.fetch_sub(1, Relaxed);
                vitals.connections_rejected.fetch_add(1, Relaxed);
                refuse(accepted, text);
            }
            None => {
                vitals.connections_received.fetch_add(1, Relaxed);
                prepare(&accepted, &config);
                self.ushers.seat(accepted)
            }
        }
    }
}

const PROTECTED: &str = "-DENIED Callboard is running in protected mode because protected mode is enabled and no \
    password is set for the default user. In this mode connections are only accepted from the loopback interface. To \
    connect from elsewhere, set a password (CONFIG SET requirepass, or the configuration file), or turn protected \
    mode off (CONFIG SET protected-mode no, from the loopback interface, or --protected-mode no) once you are sure \
    that the server cannot be reached from the internet.\r\n";

/// Protected mode: without a password, only this machine is served.
fn is_stranger(accepted: &Accepted, config: &Config) -> bool {
    let Accepted::Tcp(stream) = accepted else { return false };
    let local = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    config.protected_mode && !config.asks_for_password() && !local
}
fn refuse(accepted: Accepted, text: &str) {
    // Best effort: the socket's buffer is empty, and who does not read it is refused all the same.
    let _ = match accepted {
        Accepted::Tcp(mut stream) => stream.write(text.as_bytes()),
        Accepted::Unix(mut stream, _) => stream.write(text.as_bytes()),
    };
}
fn prepare(accepted: &Accepted, config: &Config) {
    let result = match accepted {
        Accepted::Tcp(stream) => stream.set_nonblocking(true).and_then(|()| {
            let socket = SockRef::from(stream);
            socket.set_tcp_nodelay(true)?;
            match config.tcp_keepalive_seconds as u64 {
                0 => Ok(()),
                seconds => socket.set_tcp_keepalive(
                    &TcpKeepalive::new()
                        .with_time(Duration::from_secs(seconds))
                        .with_interval(Duration::from_secs((seconds / 3).max(1)))
                        .with_retries(3),
                ),
            }
        }),
        Accepted::Unix(stream, _) => stream.set_nonblocking(true),
    };
    if let Err(error) = result {
        tracing::debug!("Preparing a client's socket: {error}");
    }
}
