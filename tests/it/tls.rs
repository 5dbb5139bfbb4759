//! TLS: who may come, what may change while the server runs, and that nothing else is different behind a handshake.
use crate::support::{
    Certificates, Client, Protocol, Server, Value,
    client::{PATIENCE, encode},
    ours, redis_server,
    server::free_port,
};
use foreign_types::ForeignTypeRef;
use openssl::ssl::{
    SslConnectorBuilder, SslOptions, SslSessionCacheMode, SslSessionRef, SslStream, SslVersion,
};
use socket2::SockRef;
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::mpsc::{Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// A server that speaks both, and what is needed to come by TLS.
struct Place {
    server: Server,
    certificates: Certificates,
    tls_port: u16,
}
impl Place {
    fn start(options: &[&str]) -> Place {
        Place::of(&ours(), options)
    }
    fn of(binary: &Path, options: &[&str]) -> Place {
        let certificates = Certificates::new();
        let tls_port = free_port();
        let mut all: Vec<String> = certificates.options();
        all.extend([
            "--tls-port".into(),
            tls_port.to_string(),
            "--enable-debug-command".into(),
            "yes".into(),
        ]);
        all.extend(options.iter().map(|word| word.to_string()));
        let words: Vec<&str> = all.iter().map(String::as_str).collect();
        Place { server: Server::start(binary, &words), certificates, tls_port }
    }
    fn connect(&self) -> Client {
        self.certificates.client(self.tls_port, Some("client")).expect("the server accepts")
    }
    /// The reply to PING, or how it came to nothing. (With TLS 1.3 a client hears only behind its handshake that it is not
    /// welcome.)
    fn ping_as(&self, name: Option<&str>) -> Result<Value, String> {
        self.ping_with(name, |_| ())
    }
    fn ping_with(
        &self,
        name: Option<&str>,
        adapt: impl FnOnce(&mut SslConnectorBuilder),
    ) -> Result<Value, String> {
        let client = self.certificates.client_with(self.tls_port, name, adapt);
        let mut client = client.map_err(|error| error.to_string())?;
        client.send_raw(b"PING\r\n").map_err(|error| error.to_string())?;
        client.try_receive().map_err(|error| error.to_string())
    }
    /// On the port without TLS.
    fn config(&self, pairs: &[&str]) -> Value {
        self.server.connect().call(&[&["CONFIG", "SET"], pairs].concat())
    }
    fn set(&self, pairs: &[&str]) {
        assert_eq!(self.config(pairs), Value::ok(), "{pairs:?}\n{}", self.server.output());
    }
}
/// Waits until something holds, but not forever.
fn await_true(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
/// Waits until INFO has this field.
fn await_field(client: &mut Client, field: &str) {
    await_true(field, || client.call(&["INFO"]).text().lines().any(|line| line == field));
}
fn pong() -> Result<Value, String> {
    Ok(Value::Simple("PONG".into()))
}

#[test]
fn behind_the_handshake_all_is_as_without() {
    for threads in ["1", "2"] {
        let place = Place::start(&["--io-threads", threads]);
        for protocol in Protocol::BOTH {
            let mut client = place.connect();
            client.hello(protocol);
            assert_eq!(client.call(&["SET", "k", "v"]), Value::ok());
            assert_eq!(client.call(&["GET", "k"]).text(), "v");
            assert!(client.call(&["LPUSH", "k", "v"]).is_error());
            assert!(client.call(&["CLIENT", "INFO"]).text().contains("addr=127.0.0.1:"));
            client.call(&["MULTI"]);
            client.call(&["INCR", "n"]);
            assert_eq!(client.call(&["EXEC"]).items().len(), 1);
            assert_eq!(client.call(&["QUIT"]), Value::ok());
            // It says that this is the end: no mere end of the connection, which could be an attack.
            assert_eq!(client.read_to_end().expect("an end in peace"), b"");
        }
    }
}

/// Values of about a record's size, and of many; and a reader who lets them wait.
#[test]
fn values_of_all_sizes_and_readers_of_all_speeds() {
    for threads in ["1", "2"] {
        let place = Place::start(&["--io-threads", threads]);
        let mut client = place.connect();
        for bytes in (16_300..16_500).step_by(7).chain([0, 1, 65_536, 1_000_003, 20_000_000]) {
            let value: Vec<u8> = (0..bytes).map(|n: usize| (n * 31 % 251) as u8).collect();
            assert_eq!(client.call(&[b"SET".as_slice(), b"v", &value]), Value::ok());
            assert!(client.call(&["GET", "v"]).bytes() == value, "{bytes}");
        }
        let value: Vec<u8> = (0..300_000_usize).map(|n| (n * 17 % 253) as u8).collect();
        client.call(&[b"SET".as_slice(), b"large", &value]);
        client.call(&["SET", "small", "x"]);
        // Nothing is read before all is asked for: replies wait, and are written as the socket takes them.
        const ROUNDS: usize = 100;
        let round = [encode(&["GET", "large"]), encode(&["GET", "small"]).repeat(50)].concat();
        client.send_raw(&round.repeat(ROUNDS)).expect("the server takes our commands");
        for _ in 0..ROUNDS {
            assert!(client.receive().bytes() == value);
            (0..50).for_each(|_| assert_eq!(client.receive().text(), "x"));
        }
    }
}

/// Requests and replies of which neither fit into the system's buffers: who has all of his taken before he reads the first
/// reply is served all the same.
#[test]
fn a_long_pipeline_is_written_before_the_first_reply_is_read() {
    const ROUNDS: usize = 30_000;
    for threads in ["1", "2"] {
        let place = Place::start(&["--io-threads", threads]);
        let mut client = place.connect();
        let value = "v".repeat(500);
        let round = [encode(&["SET", "k", &value]), encode(&["GET", "k"])].concat();
        client.send_raw(&round.repeat(ROUNDS)).expect("the server takes our commands");
        for _ in 0..ROUNDS {
            assert_eq!(client.receive(), Value::ok());
            assert_eq!(client.receive().text(), value);
        }
    }
}

#[test]
fn a_long_pipeline_byte_by_byte() {
    let place = Place::start(&[]);
    let mut client = place.connect();
    let requests: Vec<u8> = (0..300).flat_map(|n| encode(&["ECHO", &format!("word {n}")])).collect();
    // A record for each byte.
    requests.chunks(1).for_each(|byte| client.send_raw(byte).expect("the server takes our commands"));
    (0..300).for_each(|n| assert_eq!(client.receive().text(), format!("word {n}")));
}

#[test]
fn who_may_come() {
    let place = Place::start(&[]);
    assert_eq!(place.ping_as(Some("client")), pong());
    assert!(place.ping_as(None).is_err() && place.ping_as(Some("stranger")).is_err());
    place.set(&["tls-auth-clients", "optional"]);
    assert_eq!((place.ping_as(Some("client")), place.ping_as(None)), (pong(), pong()));
    assert!(place.ping_as(Some("stranger")).is_err());
    place.set(&["tls-auth-clients", "no"]);
    for name in [Some("client"), None, Some("stranger")] {
        assert_eq!(place.ping_as(name), pong(), "{name:?}");
    }
    // Neither language is taken for the other.
    let mut plain = Client::tcp("127.0.0.1", place.tls_port).expect("the server accepts");
    plain.send_raw(b"PING\r\n").expect("a connection");
    let end = plain.read_to_end().expect("an end");
    assert!(!end.starts_with(b"+PONG"), "{end:?}");
    assert!(place.certificates.client(place.server.port(), Some("client")).is_err());
    assert_eq!(place.ping_as(Some("client")), pong());
}

#[test]
fn a_password_is_asked_for_behind_the_handshake() {
    let place = Place::start(&["--requirepass", "secret"]);
    let mut client = place.connect();
    assert!(client.call(&["GET", "k"]).text().starts_with("NOAUTH"));
    assert_eq!(client.call(&["AUTH", "secret"]), Value::ok());
    assert_eq!(client.call(&["GET", "k"]), Value::NullBulk);
}

#[test]
fn certificates_change_while_clients_are_served() {
    let place = Place::start(&["--tls-auth-clients", "no"]);
    let mut early = place.connect();
    assert_eq!(early.call(&["SET", "k", "v"]), Value::ok());
    for (name, value) in
        [("tls-cert-file", "/no/such/file"), ("tls-key-file", "client.key"), ("tls-ca-cert-file", "")]
    {
        let value = if name == "tls-key-file" { place.certificates.path(value) } else { value.to_string() };
        if name == "tls-ca-cert-file" {
            place.set(&["tls-auth-clients", "yes"]);
        }
        let refusal = place.config(&[name, &value]).text();
        assert_eq!(
            refusal,
            format!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - Unable to update TLS configuration. \
                 Check server logs."
            )
        );
        assert_eq!(place.ping_as(Some("client")), pong(), "the old ones stay in force");
    }
    // Where several were given, the likeliest cause is named.
    let refusal = place.config(&["tls-port", "1", "TLS-Cert-File", "/no/such/file"]).text();
    assert!(refusal.contains("related to argument 'tls-cert-file')"), "{refusal}");
    place.set(&["tls-auth-clients", "no"]);
    let [certificate, key] = ["stranger.crt", "stranger.key"].map(|name| place.certificates.path(name));
    place.set(&["tls-cert-file", &certificate, "tls-key-file", &key]);
    assert!(place.ping_as(None).is_err(), "its authority is not ours");
    let authority = place.certificates.path("stranger-ca.crt");
    let trusting =
        |builder: &mut SslConnectorBuilder| builder.set_ca_file(&authority).expect("a certificate");
    assert_eq!(place.ping_with(None, trusting), pong());
    assert_eq!(early.call(&["GET", "k"]).text(), "v", "who was there before is served on");
    // The files have other contents by now, under the same names.
    for (old, new) in [("stranger.crt", "server.crt"), ("stranger.key", "server.key")] {
        std::fs::copy(place.certificates.path(new), place.certificates.path(old)).expect("copied");
    }
    assert!(place.ping_as(None).is_err(), "nobody has said that they are to be read");
    place.set(&["tls-cert-file", &certificate]);
    assert_eq!(place.ping_as(None), pong());
}

#[test]
fn ports_change_while_clients_are_served() {
    let mut place = Place::start(&[]);
    let mut early = place.connect();
    let (plain, tls) = (place.server.port(), place.tls_port);
    assert_eq!(early.call(&["CONFIG", "SET", "tls-port", "0"]), Value::ok());
    assert!(place.ping_as(Some("client")).is_err());
    assert_eq!(early.call(&["CONFIG", "SET", "tls-port", &tls.to_string()]), Value::ok());
    assert_eq!(place.ping_as(Some("client")), pong());
    // Only TLS from now on, at the port where there was none.
    let swap = ["CONFIG", "SET", "port", "0", "tls-port", &plain.to_string()];
    assert_eq!(early.call(&swap), Value::ok());
    place.tls_port = plain;
    assert_eq!(place.ping_as(Some("client")), pong());
    assert!(TcpStream::connect(("127.0.0.1", tls)).is_err());
    let info = early.call(&["INFO", "server"]).text();
    let expected = format!("listener2:name=tls,bind=127.0.0.1,port={plain}");
    assert!(info.contains(&expected) && !info.contains("listener0"), "{info}");
    assert!(info.contains(&format!("tcp_port:{plain}\r\n")), "{info}");
    // One that is taken: all stays as it is.
    let other = Server::start(&ours(), &[]);
    let refusal = early.call(&["CONFIG", "SET", "tls-port", &other.port().to_string()]).text();
    assert!(
        refusal.ends_with("argument 'tls-port') - Unable to listen on this port. Check server logs."),
        "{refusal}"
    );
    assert_eq!(place.ping_as(Some("client")), pong());
}

/// What both sides agreed on.
fn agreed(place: &Place, adapt: impl FnOnce(&mut SslConnectorBuilder)) -> Result<(String, String), String> {
    let session = place.certificates.session(place.tls_port, Some("client"), adapt, None);
    let session = session.map_err(|error| error.to_string())?;
    let cipher = session.ssl().current_cipher().expect("a handshake was made").name().to_string();
    Ok((session.ssl().version_str().to_string(), cipher))
}
fn at_most(version: SslVersion) -> impl FnOnce(&mut SslConnectorBuilder) {
    move |builder| builder.set_max_proto_version(Some(version)).expect("a version")
}

#[test]
fn versions_and_ciphers() {
    let place = Place::start(&[]);
    assert_eq!(agreed(&place, |_| ()).expect("agreed").0, "TLSv1.3");
    assert_eq!(agreed(&place, at_most(SslVersion::TLS1_2)).expect("agreed").0, "TLSv1.2");
    place.set(&["tls-protocols", "TLSv1.2"]);
    assert_eq!(agreed(&place, |_| ()).expect("agreed").0, "TLSv1.2");
    place.set(&["tls-protocols", "tlsv1.3"]);
    assert!(agreed(&place, at_most(SslVersion::TLS1_2)).is_err());
    place.set(&["tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]);
    assert_eq!(agreed(&place, |_| ()).expect("agreed").1, "TLS_CHACHA20_POLY1305_SHA256");
    for wrong in ["TLSv1.9", "TLSv1.2 nonsense", "  "] {
        assert!(place.config(&["tls-protocols", wrong]).is_error(), "{wrong}");
    }
    // Ours first, or the client's first.
    let [strong, fast] = ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"];
    place.set(&["tls-protocols", "", "tls-ciphers", &format!("{strong}:{fast}")]);
    let wants_fast = |builder: &mut SslConnectorBuilder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).expect("a version");
        builder.set_cipher_list(&format!("{fast}:{strong}")).expect("ciphers");
    };
    assert_eq!(agreed(&place, wants_fast).expect("agreed").1, fast);
    place.set(&["tls-prefer-server-ciphers", "yes"]);
    assert_eq!(agreed(&place, wants_fast).expect("agreed").1, strong);
    assert!(place.config(&["tls-ciphers", "NO-SUCH-CIPHER"]).is_error());
    // As redis.conf shows it.
    place.set(&["tls-ciphers", "DEFAULT:!MEDIUM"]);
    assert_eq!(place.ping_as(Some("client")), pong());
}

/// Without elliptic curves, by a group of ours or by one of the operator's.
#[test]
fn the_old_diffie_hellman() {
    let place = Place::start(&["--tls-ciphers", "DHE-RSA-AES256-GCM-SHA384", "--tls-protocols", "TLSv1.2"]);
    assert_eq!(agreed(&place, |_| ()).expect("agreed").1, "DHE-RSA-AES256-GCM-SHA384");
    place.set(&["tls-dh-params-file", &place.certificates.path("dh.pem")]);
    assert_eq!(agreed(&place, |_| ()).expect("agreed").1, "DHE-RSA-AES256-GCM-SHA384");
    assert!(place.config(&["tls-dh-params-file", &place.certificates.path("server.crt")]).is_error());
}

#[test]
fn keys_under_a_passphrase_and_folders_of_authorities() {
    let place = Place::start(&[]);
    let locked = place.certificates.path("locked.key");
    // A server that asked at its terminal would not answer.
    assert!(place.config(&["tls-key-file", &locked]).is_error());
    assert!(place.config(&["tls-key-file", &locked, "tls-key-file-pass", "wrong"]).is_error());
    place.set(&["tls-key-file", &locked, "tls-key-file-pass", "open sesame"]);
    assert_eq!(place.ping_as(Some("client")), pong());
    let folder = place.certificates.path("authorities");
    place.set(&["tls-ca-cert-file", "", "tls-ca-cert-dir", &folder]);
    assert_eq!(place.ping_as(Some("client")), pong());
    assert!(place.ping_as(Some("stranger")).is_err());
    for name in ["tls-ca-cert-file", "tls-ciphers", "tls-cert-file", "tls-ciphersuites"] {
        assert!(place.config(&[name, "a\0b"]).is_error(), "{name}");
    }
}

#[test]
fn sessions_are_resumed_if_that_is_wanted() {
    let place = Place::start(&[]);
    let by_id = |builder: &mut SslConnectorBuilder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).expect("a version");
        builder.set_options(SslOptions::NO_TICKET);
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
    };
    let is_resumed = || {
        let connect = |resumed: Option<&SslSessionRef>| {
            let connected = place.certificates.session(place.tls_port, Some("client"), by_id, resumed);
            connected.expect("the server accepts")
        };
        let first = connect(None);
        assert!(!first.ssl().session_reused());
        let again = connect(first.ssl().session());
        again.ssl().session_reused()
    };
    assert!(is_resumed());
    place.set(&["tls-session-caching", "no"]);
    assert!(!is_resumed());
    // Who comes with an old one, or with a ticket, is given a new one.
    let first = place.certificates.session(place.tls_port, Some("client"), at_most(SslVersion::TLS1_2), None);
    let first = first.expect("the server accepts");
    let again = place.certificates.session(
        place.tls_port,
        Some("client"),
        at_most(SslVersion::TLS1_2),
        first.ssl().session(),
    );
    assert!(!again.expect("the server accepts").ssl().session_reused());
}

unsafe extern "C" {
    /// Of OpenSSL: asks for new keys, with the next bytes that are written; both sides', if the second is 1.
    fn SSL_key_update(session: *mut std::ffi::c_void, kind: std::ffi::c_int) -> std::ffi::c_int;
}

/// Asks for new keys of both sides.
fn ask_for_keys(session: &mut SslStream<TcpStream>) {
    // SAFETY: the session lives, and nobody else uses it meanwhile.
    let done = unsafe { SSL_key_update(session.ssl().as_ptr().cast(), 1) };
    assert_eq!(done, 1);
    // Without anything to be written it does not go out.
    session.write_all(b"PING\r\n").expect("a connection");
}

/// The answer to that cannot go out while others wait.
#[test]
fn new_keys_are_made_while_replies_wait() {
    for threads in ["1", "2"] {
        let place = Place::start(&["--io-threads", threads]);
        let value = "v".repeat(20_000_000);
        place.connect().call(&["SET", "large", &value]);
        let session = place.certificates.session(place.tls_port, Some("client"), |_| (), None);
        let mut session = session.expect("the server accepts");
        session.write_all(&encode(&["GET", "large"])).expect("a connection");
        let mut operator = place.server.connect();
        let waits = |line: &str| line.contains(" cmd=get ") && !line.contains(" oll=0 ");
        await_true("its reply waits", || operator.call(&["CLIENT", "LIST"]).text().lines().any(waits));
        (0..50).for_each(|_| ask_for_keys(&mut session));
        let mut client = Client::over(session);
        assert!(client.receive().text() == value);
        (0..50).for_each(|_| assert_eq!(client.receive(), Value::Simple("PONG".into())));
        assert_eq!(client.call(&["GET", "nothing"]), Value::NullBulk);
    }
}

/// So much of replies goes through a [`Reservoir`] before it is opened: a handshake, and no more than its client has room for.
const BEFORE_IT_IS_OPENED: usize = 10_000;

/// Stands before the server. Of its replies nothing more comes from some point on, and nothing is taken from it, until this
/// is opened: then all is taken at once, whether the client reads it or not.
struct Reservoir {
    port: u16,
    open: Sender<()>,
}
impl Reservoir {
    fn before(port: u16) -> Reservoir {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own_port = listener.local_addr().expect("an address").port();
        let (open, opened) = channel();
        thread::spawn(move || {
            let (client, _) = listener.accept().expect("a client");
            let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
            for socket in [&client, &server] {
                // Small, or much has to be asked until all is full.
                SockRef::from(socket).set_recv_buffer_size(1 << 15).expect("a socket");
                SockRef::from(socket).set_send_buffer_size(1 << 15).expect("a socket");
            }
            let (mut from, mut to) =
                (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            thread::spawn(move || io::copy(&mut from, &mut to));
            let _ = io::copy(&mut (&server).take(BEFORE_IT_IS_OPENED as u64), &mut &client);
            if opened.recv().is_err() {
                return;
            }
            let (sender, pieces) = channel::<Vec<u8>>();
            thread::spawn(move || pieces.iter().try_for_each(|piece| (&client).write_all(&piece)));
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = (&server).read(&mut buffer) {
                let _ = sender.send(buffer[..count].to_vec());
            }
        });
        Reservoir { port: own_port, open }
    }
}

/// Who asks for new keys on and on, and takes no answer, is not read any more when much waits for him; then it goes on.
#[test]
fn answers_that_nobody_takes_do_not_gather() {
    for threads in ["1", "2"] {
        let place = Place::start(&["--io-threads", threads]);
        let value = "v".repeat(20_000_000);
        place.connect().call(&["SET", "large", &value]);
        let reservoir = Reservoir::before(place.tls_port);
        let session = place.certificates.session(reservoir.port, Some("client"), |_| (), None);
        let mut session = session.expect("the server accepts");
        session.write_all(&encode(&["GET", "large"])).expect("a connection");
        let impatient = Some(Duration::from_millis(300));
        session.get_ref().set_write_timeout(impatient).expect("a socket");
        SockRef::from(session.get_ref()).set_send_buffer_size(1 << 15).expect("a socket");
        let mut asked = 0;
        // SAFETY: the session lives, and nobody else uses it meanwhile.
        while unsafe { SSL_key_update(session.ssl().as_ptr().cast(), 1) } == 1
            && session.write_all(b"\n").is_ok()
        {
            asked += 1;
            assert!(asked < 1_000_000, "it goes on and on");
        }
        assert!(asked > 1000, "{asked}");
        let mut operator = place.server.connect();
        let memory = operator.call(&["INFO", "memory"]).text();
        let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("a figure");
        assert!(used.trim().parse::<u64>().expect("a number") < 60_000_000, "{used}");
        assert_eq!(operator.call(&["PING"]), Value::Simple("PONG".into()));
        // Who waited for the socket, the writer or the session itself, goes on when it takes more again.
        // (This client's OpenSSL has to write before it reads, maybe.)
        reservoir.open.send(()).expect("it stands");
        let patient = Some(Duration::from_secs(60));
        session.get_ref().set_write_timeout(patient).expect("a socket");
        session.get_ref().set_read_timeout(patient).expect("a socket");
        let mut read = vec![0; value.len() + b"$20000000\r\n\r\n".len()];
        session.read_exact(&mut read).expect("the reply");
        // The byte that did not go out is still underway.
        session.write_all(b"\n").expect("a connection");
        assert_eq!(Client::over(session).call(&["PING"]), Value::Simple("PONG".into()));
    }
}

#[test]
fn what_is_told_unasked_comes_by_tls_too() {
    let place = Place::start(&["--io-threads", "2"]);
    let (mut listener, mut waiter, mut client) = (place.connect(), place.connect(), place.connect());
    listener.hello(Protocol::Resp3);
    listener.call(&["SUBSCRIBE", "news"]);
    let word = "x".repeat(40_000);
    for _ in 0..200 {
        assert_eq!(client.call(&["PUBLISH", "news", &word]), Value::Integer(1));
    }
    for _ in 0..200 {
        let Value::Push(items) = listener.receive() else { panic!("a message is a push") };
        assert!(items[2].text() == word);
    }
    waiter.send(&["BLPOP", "queue", "0"]);
    await_field(&mut client, "blocked_clients:1");
    client.call(&["RPUSH", "queue", "job"]);
    assert_eq!(waiter.receive().items()[1].text(), "job");
    waiter.send(&["BLPOP", "queue", "0"]);
    await_field(&mut client, "blocked_clients:1");
    // An end that a client did not ask for is an end in order, too.
    assert_eq!(client.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]), Value::Integer(1));
    assert_eq!(waiter.read_to_end().expect("an end in peace"), b"");
    // Nor is there anything left of who has gone without a word.
    listener.finish_sending();
    await_field(&mut client, "connected_clients:1");
}

/// They cost a place of `maxclients`, but hold up nobody.
#[test]
fn who_makes_no_handshake_only_takes_a_place() {
    let place = Place::start(&["--maxclients", "8"]);
    let mut client = place.server.connect();
    let silent: Vec<TcpStream> = (0..7)
        .map(|_| TcpStream::connect(("127.0.0.1", place.tls_port)).expect("the server accepts"))
        .collect();
    await_field(&mut client, "connected_clients:8");
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    assert!(place.ping_as(Some("client")).is_err(), "no place is left");
    for mut socket in silent {
        let _ = socket.write_all(b"no handshake at all\r\n");
        // It is told so, in the language of TLS, and that is the end.
        let _ = socket.read_to_end(&mut Vec::new());
    }
    await_field(&mut client, "connected_clients:1");
    assert_eq!(place.ping_as(Some("client")), pong());
}

#[test]
fn many_at_once() {
    let place = Place::start(&["--io-threads", "2"]);
    let (tell, told) = channel();
    thread::scope(|scope| {
        for number in 0..8 {
            let (place, tell) = (&place, tell.clone());
            scope.spawn(move || {
                for _ in 0..10 {
                    let mut client = place.connect();
                    (0..20).for_each(|_| drop(client.call(&["INCR", "n"])));
                }
                tell.send(number).expect("somebody listens");
            });
        }
    });
    drop(tell);
    assert_eq!(told.iter().count(), 8);
    assert_eq!(place.connect().call(&["GET", "n"]).text(), "1600");
}

/// `tls-cluster` says how servers of a cluster speak to each other, and MIGRATE is of their business.
#[test]
fn keys_migrate_by_tls() {
    for (from, to) in [(ours(), ours()), (ours(), redis_server()), (redis_server(), ours())] {
        let place = Place::of(&from, &["--tls-cluster", "yes", "--tls-auth-clients", "no"]);
        let other = {
            let mut options = place.certificates.options();
            let tls_port = free_port();
            options.extend(["--tls-port".into(), tls_port.to_string()]);
            let words: Vec<&str> = options.iter().map(String::as_str).collect();
            Place { server: Server::start(&to, &words), certificates: Certificates::new(), tls_port }
        };
        let mut client = place.server.connect();
        let value = "v".repeat(100_000);
        client.call(&["SET", "k", &value]);
        let port = other.tls_port.to_string();
        assert_eq!(client.call(&["MIGRATE", "127.0.0.1", &port, "k", "0", "5000"]), Value::ok());
        assert_eq!(client.call(&["EXISTS", "k"]), Value::Integer(0));
        assert!(other.server.connect().call(&["GET", "k"]).text() == value);
        if from == ours() {
            client.call(&["SET", "k", "v"]);
            // Where no TLS is spoken, nothing is given away.
            let port = other.server.port().to_string();
            let failed = client.call(&["MIGRATE", "127.0.0.1", &port, "k", "0", "2000"]);
            assert!(failed.text().starts_with("IOERR"), "{failed:?}");
            assert_eq!(client.call(&["EXISTS", "k"]), Value::Integer(1));
        }
    }
}
