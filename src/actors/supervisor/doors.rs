//! The addresses that are listened on, and how CONFIG SET changes them.
use super::Supervisor;
use crate::{
    actors::{
        listener::{CannotListen, Closer, Listener, Listening, Stop, Transport},
        name_thread,
    },
    config::{Apply, Config, TABLE},
    tls::Contexts,
};
use actix::prelude::*;

/// Parameters that an action was for, the likeliest cause first, and why it failed.
pub type Failed = (Vec<&'static str>, String);

#[derive(Default)]
pub struct Doors {
    /// Bound, and not opened yet: whoever comes waits before them.
    closed: Vec<Listening>,
    open: Vec<Door>,
    /// Where handshakes are made, since the first address with TLS was opened.
    guardroom: Option<Arbiter>,
}

/// A Listener, and what closes its address without waiting for it.
struct Door {
    /// None for a Unix socket.
    transport: Option<Transport>,
    listener: Addr<Listener>,
    closer: Closer,
}
impl Door {
    fn close(self) {
        self.closer.close();
        self.listener.do_send(Stop);
    }
}

impl Doors {
    /// These will be opened when there is something to be seen.
    pub fn keep_closed(&mut self, sockets: Vec<Listening>) {
        self.closed = sockets;
    }
    /// Says in the log where clients are awaited.
    pub fn announce(&self, config: &Config) {
        for transport in Transport::ALL {
            if self.open.iter().any(|door| door.transport == Some(transport)) {
                tracing::info!("Ready to accept connections {transport} (port {})", transport.port(config));
            }
        }
        if let (true, Some(path)) =
            (self.open.iter().any(|door| door.transport.is_none()), &config.unixsocket)
        {
            tracing::info!("Ready to accept connections unix ({})", path.display());
        }
    }
    pub fn close_all(&mut self) {
        self.closed.clear();
        self.open.drain(..).for_each(Door::close);
    }
    fn close(&mut self, transports: &[Transport]) {
        let is_meant = |door: &mut Door| door.transport.is_some_and(|known| transports.contains(&known));
        self.open.extract_if(.., is_meant).for_each(Door::close);
    }
}

/// All addresses of these, or none.
fn open(transports: &[Transport], config: &Config) -> Result<Vec<Listening>, CannotListen> {
    let opened: Result<Vec<_>, _> =
        transports.iter().map(|&transport| Listening::tcp(transport, config)).collect();
    Ok(opened?.into_iter().flatten().collect())
}

impl Supervisor {
    /// Lets those in who wait since the start; does nothing if that is done.
    pub(super) fn open_doors(&mut self) {
        std::mem::take(&mut self.doors.closed).into_iter().for_each(|socket| self.listen(socket));
    }
    pub(super) fn listen(&mut self, socket: Listening) {
        let Some(ushers) = self.ushers.clone() else { return };
        let closer = match socket.closer() {
            Ok(closer) => closer,
            Err(error) => return tracing::error!("Cannot listen: {error}"),
        };
        let transport = socket.transport();
        let listener = Listener::new(socket, ushers, self.board.clone());
        let listener = match transport {
            Some(Transport::Tls) => {
                let guardroom = self.doors.guardroom.get_or_insert_with(|| {
                    let arbiter = Arbiter::new();
                    name_thread(&arbiter, "handshakes".into());
                    arbiter
                });
                Listener::start_in_arbiter(&guardroom.handle(), move |_| listener)
            }
            _ => listener.start(),
        };
        self.doors.open.push(Door { transport, listener, closer });
    }
    /// What TLS needs under a new configuration.
    pub(super) fn read_certificates(&self, new: &Config) -> Result<Option<Contexts>, Failed> {
        Contexts::of(new).map_err(|unfit| {
            tracing::warn!("{unfit}");
            let of_tls = TABLE.iter().filter(|parameter| parameter.apply == Apply::Tls);
            let names = of_tls.map(|parameter| parameter.name).chain([Transport::Tls.parameter()]).collect();
            (names, "Unable to update TLS configuration. Check server logs.".to_string())
        })
    }
    /// Listens on the new addresses, and only then no longer on the old ones. Where they overlap the old must go
    /// first; if the new then fail, the old are opened again.
    pub(super) fn relisten(&mut self, new: &Config) -> Result<(), Failed> {
        let old = self.board.config.load_full();
        let moved: Vec<Transport> = Transport::ALL
            .into_iter()
            .filter(|transport| old.bind != new.bind || transport.port(&old) != transport.port(new))
            .collect();
        let may_overlap = |transport: &Transport| {
            let port = transport.port(new);
            port != 0 && (port == old.port || port == old.tls_port)
        };
        let opened = match open(&moved, new) {
            Err(error) if !moved.iter().any(may_overlap) => return Err(failed(error, &old, new)),
            Err(_) => {
                self.doors.close(&moved);
                open(&moved, new).map_err(|error| {
                    let back = open(&moved, &old).unwrap_or_else(|error| {
                        tracing::error!("Some addresses are not listened on any more: {error}");
                        Vec::new()
                    });
                    back.into_iter().for_each(|socket| self.listen(socket));
                    failed(error, &old, new)
                })?
            }
            Ok(opened) => {
                self.doors.close(&moved);
                opened
            }
        };
        opened.into_iter().for_each(|socket| self.listen(socket));
        Ok(())
    }
}

fn failed(error: CannotListen, old: &Config, new: &Config) -> Failed {
    tracing::warn!("Could not listen on {error}");
    let moved = error.transport.filter(|transport| transport.port(old) != transport.port(new));
    match moved {
        None => (vec!["bind", "tcp-backlog"], "Failed to bind to specified addresses.".into()),
        Some(transport) => {
            (vec![transport.parameter()], "Unable to listen on this port. Check server logs.".into())
        }
    }
}
