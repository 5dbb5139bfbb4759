//! The accepting itself, apart from the actor so that its loop can own the socket.
//!
//! Who comes by TLS makes the handshake here: it costs half a millisecond of computing or more, so it has a thread of its own (see
//! [`Supervisor`](crate::actors::supervisor::Supervisor)) and holds up nobody who is served already.
use super::{Listening, Transport, Ushers};
use crate::{actors::courier::socket::Accepted, board::Board, config::Config, tls};
use socket2::{SockRef, TcpKeepalive};
use std::{
    io::{self, Write},
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    time::timeout,
};

/// After an error that concerns the whole process (no file descriptors left), accepting is tried again this late.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Who needs longer for its handshake has no honest reason, and takes a place of `maxclients` meanwhile.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Gate {
    ushers: Arc<Ushers>,
    board: Arc<Board>,
}
/// A place among `maxclients`. Who is not seated gives it back.
struct Ticket(Option<Arc<Board>>);
impl Ticket {
    fn use_up(mut self) {
        self.0 = None;
    }
}
impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(board) = &self.0 {
            board.vitals.connected.fetch_sub(1, Relaxed);
        }
    }
}

impl Gate {
    pub fn new(ushers: Arc<Ushers>, board: Arc<Board>) -> Gate {
        Gate { ushers, board }
    }
    /// Lets clients in until the address is closed.
    pub async fn listen(self, socket: Listening) {
        let result = match socket {
            Listening::Tcp(Transport::Tcp, listener) => self.listen_tcp(listener).await,
            Listening::Tcp(Transport::Tls, listener) => self.listen_tls(listener).await,
            Listening::Unix(listener, path) => self.listen_unix(listener, path.display().to_string()).await,
        };
        if let Err(error) = result {
            tracing::error!("Cannot wait for clients: {error}");
        }
    }
    async fn listen_tcp(&self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let accept = async || listener.accept().await?.0.into_std().map(Accepted::Tcp);
        accept_all(accept, |accepted| self.admit(accepted)).await;
        Ok(())
    }
    async fn listen_unix(&self, listener: std::os::unix::net::UnixListener, path: String) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        let accept = async || Ok(Accepted::Unix(listener.accept().await?.0.into_std()?, path.clone()));
        accept_all(accept, |accepted| self.admit(accepted)).await;
        Ok(())
    }
    async fn listen_tls(&self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let gate = Rc::new(self.clone());
        accept_all(
            async || Ok(listener.accept().await?.0),
            |socket| {
                // Without TLS there is no word that it would understand: who is too many is told nothing.
                if let Some(ticket) = gate.ticket() {
                    actix_rt::spawn(gate.clone().greet(socket, ticket));
                }
            },
        )
        .await;
        Ok(())
    }
    /// Makes the handshake with a client, and lets it in.
    async fn greet(self: Rc<Self>, socket: TcpStream, ticket: Ticket) {
        let peer = socket.peer_addr();
        match timeout(HANDSHAKE_MAX, self.shake_hands(socket)).await {
            Ok(Ok(mut stream)) => {
                if is_stranger(stream.peer_addr(), &self.board.config.load()) {
                    drop(ticket);
                    self.board.vitals.connections_rejected.fetch_add(1, Relaxed);
                    // Best effort, as below.
                    let _ = stream.try_write(PROTECTED.as_bytes());
                    return;
                }
                match stream.leave() {
                    Ok(()) => self.seat(Accepted::Tls(Box::new(stream)), ticket),
                    Err(error) => tracing::debug!("A client's socket cannot move: {error}"),
                }
            }
            failed => {
                let reason = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "no handshake in time".to_string(),
                };
                let peer = peer.map_or_else(|_| "gone".to_string(), |peer| peer.to_string());
                tracing::warn!("Error accepting a client connection: {reason} (addr={peer})");
            }
        }
    }
    async fn shake_hands(&self, socket: TcpStream) -> io::Result<tls::Stream> {
        let auth = self.board.config.load().tls_auth_clients;
        let contexts = self.board.tls.load_full().ok_or(io::ErrorKind::NotConnected)?;
        let session = contexts.session_for_client(auth)?;
        tls::Stream::accept(socket, session).await
    }
    fn admit(&self, accepted: Accepted) {
        match self.ticket() {
            None => refuse(accepted, "-ERR max number of clients reached\r\n"),
            Some(ticket) if comes_from_afar(&accepted, &self.board.config.load()) => {
                // Who sees that it is refused finds its place free.
                drop(ticket);
                self.board.vitals.connections_rejected.fetch_add(1, Relaxed);
                refuse(accepted, PROTECTED);
            }
            Some(ticket) => self.seat(accepted, ticket),
        }
    }
    /// A place for who has come, if one is free.
    fn ticket(&self) -> Option<Ticket> {
        let vitals = &self.board.vitals;
        let clients = vitals.connected.fetch_add(1, Relaxed);
        let ticket = Ticket(Some(self.board.clone()));
        if clients >= self.board.config.load().maxclients as usize {
            vitals.connections_rejected.fetch_add(1, Relaxed);
            return None;
        }
        Some(ticket)
    }
    fn seat(&self, accepted: Accepted, ticket: Ticket) {
        ticket.use_up();
        self.board.vitals.connections_received.fetch_add(1, Relaxed);
        prepare(&accepted, &self.board.config.load());
        self.ushers.seat(accepted)
    }
}

/// Accepts until the address is closed. No error of one client ends it, nor one of the whole process, such as too many
/// open files.
async fn accept_all<T>(accept: impl AsyncFn() -> io::Result<T>, admit: impl Fn(T)) {
    loop {
        match accept().await {
            Ok(accepted) => admit(accepted),
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

const PROTECTED: &str = "-DENIED Callboard is running in protected mode because protected mode is enabled and no \
    password is set for the default user. In this mode connections are only accepted from the loopback interface. To \
    connect from elsewhere, set a password (CONFIG SET requirepass, or the configuration file), or turn protected \
    mode off (CONFIG SET protected-mode no, from the loopback interface, or --protected-mode no) once you are sure \
    that the server cannot be reached from the internet.\r\n";

/// Protected mode: without a password, only this machine is served.
fn is_stranger(peer: io::Result<SocketAddr>, config: &Config) -> bool {
    let is_local = peer.is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    config.protected_mode && !config.asks_for_password() && !is_local
}
fn comes_from_afar(accepted: &Accepted, config: &Config) -> bool {
    let Accepted::Tcp(stream) = accepted else { return false };
    is_stranger(stream.peer_addr(), config)
}
fn refuse(accepted: Accepted, text: &str) {
    // Best effort: the socket's buffer is empty, and who does not read it is refused all the same.
    let _ = match accepted {
        Accepted::Tcp(mut stream) => stream.write(text.as_bytes()),
        Accepted::Unix(mut stream, _) => stream.write(text.as_bytes()),
        // It is told before it comes so far.
        Accepted::Tls(_) => Ok(0),
    };
}
fn prepare(accepted: &Accepted, config: &Config) {
    let result = match accepted {
        Accepted::Tcp(stream) => {
            stream.set_nonblocking(true).and_then(|()| prepare_tcp(SockRef::from(stream), config))
        }
        Accepted::Tls(stream) => match stream.descriptor() {
            Some(descriptor) => prepare_tcp(SockRef::from(&descriptor), config),
            None => Ok(()),
        },
        Accepted::Unix(stream, _) => stream.set_nonblocking(true),
    };
    if let Err(error) = result {
        tracing::debug!("Preparing a client's socket: {error}");
    }
}
fn prepare_tcp(socket: SockRef, config: &Config) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    match u64::from(config.tcp_keepalive_seconds) {
        0 => Ok(()),
        seconds => socket.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(Duration::from_secs(seconds))
                .with_interval(Duration::from_secs((seconds / 3).max(1)))
                .with_retries(3),
        ),
    }
}
