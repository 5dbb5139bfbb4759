//! What sessions are made from: certificates, keys and rules, as the `tls-*` parameters name them.
//!
//! A set of contexts never changes. A new configuration makes a new set, from files that are read anew; sessions that are
//! open keep the set that they were made from.
use super::brief;
use crate::config::{Config, TlsAuthClients};
use openssl::{
    bn::BigNum,
    dh::Dh,
    error::ErrorStack,
    pkey::{PKey, Params, Private},
    ssl::{
        Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
        SslVerifyMode,
    },
};
use std::{
    fmt::{self, Display},
    fs, io,
    net::IpAddr,
    path::Path,
};

/// Why TLS cannot be as the configuration wants it. Its display names the parameter or the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit(String);
impl Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
fn unfit(what: impl Display) -> impl FnOnce(ErrorStack) -> Unfit {
    move |stack| Unfit(format!("{what}: {}", brief(&stack)))
}
fn unread(what: impl Display) -> impl FnOnce(io::Error) -> Unfit {
    move |error| Unfit(format!("{what}: {error}"))
}

/// Both sides of TLS, as one configuration wants them.
pub struct Contexts {
    server: SslContext,
    /// For connections that we open. With no certificate of its own it is the other one.
    client: SslContext,
}

/// Sessions can be resumed only in the context that they were made in, which this names.
const SESSION_ID_CONTEXT: &[u8] = b"callboard";

impl Contexts {
    /// Reads the files that the configuration names, if it has any use for TLS.
    ///
    /// # Errors
    /// Which of the parameters, or of the files that they name, is of no use.
    pub fn of(config: &Config) -> Result<Option<Contexts>, Unfit> {
        if config.tls_port == 0 && !config.tls_replication && !config.tls_cluster {
            return Ok(None);
        }
        let own = Identity {
            certificate: named(config.tls_cert_file.as_deref(), "tls-cert-file")?,
            key: named(config.tls_key_file.as_deref(), "tls-key-file")?,
            passphrase: config.tls_key_file_pass.as_deref(),
        };
        let names_authority = config.tls_ca_cert_file.is_some() || config.tls_ca_cert_dir.is_some();
        let checks_peers =
            config.tls_auth_clients != TlsAuthClients::No || config.tls_replication || config.tls_cluster;
        if checks_peers && !names_authority {
            return Err(Unfit(
                "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or \
                 tls-auth-clients are enabled!"
                    .into(),
            ));
        }
        let mut server = builder(config, own)?;
        adapt_to_clients(&mut server, config)?;
        let server = server.build();
        let client = match (&config.tls_client_cert_file, &config.tls_client_key_file) {
            (Some(certificate), Some(key)) => {
                let passphrase = config.tls_client_key_file_pass.as_deref();
                builder(config, Identity { certificate, key, passphrase })?.build()
            }
            _ => server.clone(),
        };
        Ok(Some(Contexts { server, client }))
    }
    /// A session for a client that has come.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn session_for_client(&self, auth: TlsAuthClients) -> Result<Ssl, ErrorStack> {
        let mut session = Ssl::new(&self.server)?;
        session.set_verify(match auth {
            TlsAuthClients::No => SslVerifyMode::NONE,
            TlsAuthClients::Optional => SslVerifyMode::PEER,
            TlsAuthClients::Yes => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        });
        Ok(session)
    }
    /// A session for a connection that we open. The server there must have a certificate of our authority; which name that
    /// is made out to nobody asks, as with Redis: replicas and masters are known by address.
    ///
    /// # Errors
    /// If there is no memory for it, or the name is none.
    pub fn session_to_server(&self, host: &str) -> Result<Ssl, ErrorStack> {
        let mut session = Ssl::new(&self.client)?;
        if host.parse::<IpAddr>().is_err() {
            session.set_hostname(host)?;
        }
        Ok(session)
    }
}

/// Who we say we are.
struct Identity<'a> {
    certificate: &'a Path,
    key: &'a Path,
    passphrase: Option<&'a str>,
}

fn named<'a>(path: Option<&'a Path>, parameter: &str) -> Result<&'a Path, Unfit> {
    path.ok_or_else(|| Unfit(format!("No {parameter} configured!")))
}

/// What both sides have in common.
fn builder(config: &Config, identity: Identity) -> Result<SslContextBuilder, Unfit> {
    let mut builder = SslContextBuilder::new(SslMethod::tls()).map_err(unfit("OpenSSL"))?;
    builder.set_options(SslOptions::NO_COMPRESSION | SslOptions::NO_RENEGOTIATION | without(config)?);
    // What could not be written is written again from wherever it is by then. Memory of an idle session is given back, and
    // a read takes all that the system has, not first the header of a record and then the record.
    builder.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::RELEASE_BUFFERS,
    );
    builder.set_read_ahead(true);
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    identify(&mut builder, identity)?;
    let (file, folder) = (config.tls_ca_cert_file.as_deref(), config.tls_ca_cert_dir.as_deref());
    if file.is_some() || folder.is_some() {
        file.into_iter().chain(folder).try_for_each(no_nul)?;
        let named: Vec<_> = file.into_iter().chain(folder).map(|path| path.display().to_string()).collect();
        builder.load_verify_locations(file, folder).map_err(unfit(format!(
            "Failed to configure CA certificate(s) file/directory {}",
            named.join(", ")
        )))?;
    }
    if let Some(ciphers) = &config.tls_ciphers {
        no_nul(ciphers.as_ref())?;
        builder.set_cipher_list(ciphers).map_err(unfit(format!("Failed to configure ciphers: {ciphers}")))?;
    }
    if let Some(suites) = &config.tls_ciphersuites {
        no_nul(suites.as_ref())?;
        builder
            .set_ciphersuites(suites)
            .map_err(unfit(format!("Failed to configure ciphersuites: {suites}")))?;
    }
    Ok(builder)
}

/// The versions that `tls-protocols` leaves out. Without the parameter, TLS 1.2 and 1.3 stay.
fn without(config: &Config) -> Result<SslOptions, Unfit> {
    let all = [
        ("TLSv1", SslOptions::NO_TLSV1),
        ("TLSv1.1", SslOptions::NO_TLSV1_1),
        ("TLSv1.2", SslOptions::NO_TLSV1_2),
        ("TLSv1.3", SslOptions::NO_TLSV1_3),
    ];
    let mut without = SslOptions::NO_SSLV3;
    let Some(protocols) = &config.tls_protocols else {
        return Ok(without | SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
    };
    let named: Vec<&str> = protocols.split(' ').filter(|name| !name.is_empty()).collect();
    let is_known = |name: &&str| all.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if named.is_empty() || !named.iter().all(is_known) {
        return Err(Unfit(
            "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'."
                .into(),
        ));
    }
    for (protocol, option) in all {
        if !named.iter().any(|name| protocol.eq_ignore_ascii_case(name)) {
            without |= option;
        }
    }
    Ok(without)
}

fn identify(builder: &mut SslContextBuilder, identity: Identity) -> Result<(), Unfit> {
    let Identity { certificate, key, passphrase } = identity;
    let failed = |what: &str, path: &Path| format!("Failed to load {what}: {}", path.display());
    no_nul(certificate)?;
    builder.set_certificate_chain_file(certificate).map_err(unfit(failed("certificate", certificate)))?;
    let pem = fs::read(key).map_err(unread(failed("private key", key)))?;
    let loaded = load_key(&pem, passphrase).map_err(unfit(failed("private key", key)))?;
    // One that belongs to another certificate would be found out by every client, and by nobody before.
    builder.set_private_key(&loaded).map_err(unfit(failed("private key", key)))?;
    builder.check_private_key().map_err(|_| {
        let (key, certificate) = (key.display(), certificate.display());
        Unfit(format!("Failed to load private key: {key}: it does not belong to {certificate}"))
    })
}
fn load_key(pem: &[u8], passphrase: Option<&str>) -> Result<PKey<Private>, ErrorStack> {
    // Without a callback of ours OpenSSL would ask at the terminal.
    PKey::private_key_from_pem_callback(pem, |room| {
        let passphrase = passphrase.unwrap_or_default().as_bytes();
        match room.get_mut(..passphrase.len()) {
            Some(room) if !passphrase.is_empty() => {
                room.copy_from_slice(passphrase);
                Ok(passphrase.len())
            }
            _ => Err(ErrorStack::get()),
        }
    })
}

/// What concerns only those who come to us.
fn adapt_to_clients(builder: &mut SslContextBuilder, config: &Config) -> Result<(), Unfit> {
    if config.tls_session_caching {
        builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
        builder.set_session_cache_size(i32::try_from(config.tls_session_cache_size).unwrap_or(i32::MAX));
    } else {
        // Nor are clients to keep them for us.
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        builder.set_options(SslOptions::NO_TICKET);
    }
    // Without it whoever comes with an old session is turned away, instead of being given a new one.
    builder.set_session_id_context(SESSION_ID_CONTEXT).map_err(unfit("OpenSSL"))?;
    builder.set_options(SslOptions::SINGLE_DH_USE);
    if config.tls_prefer_server_ciphers {
        builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE);
    }
    let group = match config.tls_dh_params_file.as_deref() {
        Some(path) => {
            let failed = || format!("Failed to load DH params file: {}", path.display());
            let pem = fs::read(path).map_err(unread(failed()))?;
            Dh::params_from_pem(&pem).map_err(unfit(failed()))?
        }
        None => well_known_group().map_err(unfit("OpenSSL"))?,
    };
    builder.set_tmp_dh(&group).map_err(unfit("Failed to load DH params"))
}
/// Of RFC 3526, of 2048 bits: for clients that know no elliptic curves.
fn well_known_group() -> Result<Dh<Params>, ErrorStack> {
    Dh::from_pqg(BigNum::get_rfc3526_prime_2048()?, None, BigNum::from_u32(2)?)
}

/// OpenSSL takes names that end at a NUL.
fn no_nul(text: &Path) -> Result<(), Unfit> {
    match text.as_os_str().as_encoded_bytes().contains(&0) {
        true => Err(Unfit("A NUL byte stands in a tls parameter".into())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(protocols: Option<&str>) -> Result<Vec<&'static str>, Unfit> {
        let config = Config { tls_protocols: protocols.map(str::to_string), ..Config::default() };
        let without = without(&config)?;
        let all = [
            ("1.0", SslOptions::NO_TLSV1),
            ("1.1", SslOptions::NO_TLSV1_1),
            ("1.2", SslOptions::NO_TLSV1_2),
            ("1.3", SslOptions::NO_TLSV1_3),
        ];
        assert!(without.contains(SslOptions::NO_SSLV3));
        Ok(all.into_iter().filter(|(_, option)| without.contains(*option)).map(|(name, _)| name).collect())
    }

    #[test]
    fn protocols_are_those_that_are_named() {
        for (protocols, expected) in [
            (None, &["1.0", "1.1"][..]),
            (Some("TLSv1.2"), &["1.0", "1.1", "1.3"]),
            (Some("tlsv1.3  TLSv1.2"), &["1.0", "1.1"]),
            (Some("TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"), &[]),
        ] {
            assert_eq!(left_out(protocols).as_deref(), Ok(expected), "{protocols:?}");
        }
        for nonsense in [" ", "TLSv2", "TLSv1.2,TLSv1.3", "SSLv3"] {
            assert!(left_out(Some(nonsense)).is_err(), "{nonsense:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_nobody_uses_is_not_read() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config { tls_cert_file: Some("/no/file".into()), ..Config::default() };
            change(&mut config);
            Contexts::of(&config).err().map(|unfit| unfit.to_string()).unwrap_or_default()
        };
        assert_eq!(refused(|_| ()), "");
        let uses: [fn(&mut Config); 3] = [
            |config| config.tls_port = 1,
            |config| config.tls_replication = true,
            |config| config.tls_cluster = true,
        ];
        for wants in uses {
            assert_eq!(refused(wants), "No tls-key-file configured!");
        }
        let names_key: fn(&mut Config) = |config| {
            config.tls_port = 1;
            config.tls_key_file = Some("/no/key".into());
        };
        assert!(refused(names_key).starts_with("Either tls-ca-cert-file or tls-ca-cert-dir"));
        let asks_nobody: fn(&mut Config) = |config| {
            config.tls_port = 1;
            config.tls_key_file = Some("/no/key".into());
            config.tls_auth_clients = TlsAuthClients::No;
        };
        let reason = refused(asks_nobody);
        assert!(reason.contains("/no/file") && reason.contains("No such file or directory"), "{reason}");
    }
}
