//! Certificates for a test, and clients that come by TLS.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use openssl::ssl::{
    SslConnector, SslConnectorBuilder, SslFiletype, SslMethod, SslSessionRef, SslStream, SslVerifyMode,
};
use tempfile::TempDir;

use super::client::{Client, PATIENCE};

/// Files of certificates and keys, as `tests/support/certificates` makes them.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    pub fn new() -> Certificates {
        let dir = TempDir::new().expect("a temporary directory");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/certificates");
        let made = Command::new(script).arg(dir.path()).output().expect("the script runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        Certificates { dir }
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// What a server needs to speak TLS.
    pub fn options(&self) -> Vec<String> {
        let files = [
            ("--tls-cert-file", "server.crt"),
            ("--tls-key-file", "server.key"),
            ("--tls-ca-cert-file", "ca.crt"),
        ];
        files.into_iter().flat_map(|(option, name)| [option.to_string(), self.path(name)]).collect()
    }

    /// A client with the certificate of this name, or with none.
    pub fn client(&self, port: u16, name: Option<&str>) -> io::Result<Client> {
        self.client_with(port, name, |_| ())
    }

    pub fn client_with(
        &self,
        port: u16,
        name: Option<&str>,
        adapt: impl FnOnce(&mut SslConnectorBuilder),
    ) -> io::Result<Client> {
        self.session(port, name, adapt, None).map(Client::over)
    }

    /// A client of ours that comes by another address of this machine.
    pub fn client_at(&self, address: &str, port: u16) -> io::Result<Client> {
        let check_no_name = |builder: &mut SslConnectorBuilder| builder.set_verify(SslVerifyMode::NONE);
        let socket = TcpStream::connect((address, port))?;
        self.shake_hands(socket, Some("client"), check_no_name, None).map(Client::over)
    }

    /// A session as OpenSSL shows it, to look into it or to resume another.
    pub fn session(
        &self,
        port: u16,
        name: Option<&str>,
        adapt: impl FnOnce(&mut SslConnectorBuilder),
        resumed: Option<&SslSessionRef>,
    ) -> io::Result<SslStream<TcpStream>> {
        self.shake_hands(TcpStream::connect(("127.0.0.1", port))?, name, adapt, resumed)
    }

    fn shake_hands(
        &self,
        socket: TcpStream,
        name: Option<&str>,
        adapt: impl FnOnce(&mut SslConnectorBuilder),
        resumed: Option<&SslSessionRef>,
    ) -> io::Result<SslStream<TcpStream>> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let mut builder = SslConnector::builder(SslMethod::tls())?;
        builder.set_verify(SslVerifyMode::PEER);
        builder.set_ca_file(self.path("ca.crt"))?;
        if let Some(name) = name {
            builder.set_certificate_chain_file(self.path(&format!("{name}.crt")))?;
            builder.set_private_key_file(self.path(&format!("{name}.key")), SslFiletype::PEM)?;
        }
        adapt(&mut builder);
        let mut session = builder.build().configure()?.into_ssl("127.0.0.1")?;
        if let Some(resumed) = resumed {
            // SAFETY: the session was made by a context of the same kind, which is all that OpenSSL asks for.
            unsafe { session.set_session(resumed)? };
        }
        let mut stream = SslStream::new(session, socket)?;
        stream.connect().map_err(io::Error::other)?;
        Ok(stream)
    }
}
