//! Wiring only: which arbiters there are, which actor runs on which, and who knows whose address.
//!
//! * control: Supervisor, Listeners (those with TLS have a thread of their own for handshakes), Expiry, Primary with its Replicas, and a Courier for those who come while a
//!   script is slow. They must answer while data is busy.
//! * files: Persistence, which waits for the disk.
//! * data: the Keyspace. With `io-threads 1` the Connections, their Courier and PubSub run beside it, so that neither a
//!   request nor a publication costs a wake of another thread, and so does Upstream, the link to our master; with more, each
//!   I/O arbiter has its own Connections, and PubSub and Upstream run on the control arbiter.
use crate::{
    actors::{
        courier::Courier,
        expiry::{Expiry, Serve},
        keyspace::{Keyspace, Peers},
        listener::{Listening, Transport, Ushers, files},
        migration::Migration,
        name_thread, now_ms,
        persistence::{Persistence, messages::Start},
        primary::{self, Primary, Superior},
        pubsub::{PubSub, Reach, messages::Cast},
        supervisor::{Open, Signalled, Supervisor},
    },
    board::Board,
    commands::{
        redis_names::redis_names,
        registry::{Registry, Renamed},
        spec::CATEGORY_NAMES,
    },
    config::{Config, Loaded, Renaming},
    disk, log, tls,
};
use actix::prelude::*;
use std::{fs, process::ExitCode, sync::Arc};

/// Why the server did not start. Its display says what to do.
#[derive(Debug)]
pub struct Fatal(pub String);
impl std::fmt::Display for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs the server until it is told to end.
///
/// # Errors
/// If a directory, a log, or an address of the configuration cannot be had.
pub fn run(loaded: Loaded) -> Result<ExitCode, Fatal> {
    let Loaded { mut config, file, is_configured, notices, users, renamed_commands, .. } = loaded;
    let waiting_names = rename_commands(&renamed_commands)?;
    config.adopt_users(&users, &may_be_named).map_err(|error| Fatal(error.to_string()))?;
    std::env::set_current_dir(&*config.dir)
        .map_err(|error| Fatal(format!("Can't chdir to '{}': {error}", config.dir.display())))?;
    if config.daemonize {
        config.pidfile.get_or_insert_with(|| "/var/run/callboard.pid".into());
        // Before any thread is there: a fork copies only the thread that calls it.
        nix::unistd::daemon(true, false).map_err(|error| Fatal(format!("Can't daemonize: {error}")))?;
    }
    log::start(config.loglevel, config.logfile.as_deref())
        .map_err(|error| Fatal(format!("Can't open the log file: {error}")))?;
    log::tell_of_panics(config.pidfile.clone());
    greet(&config, is_configured);
    // A warning: who relies on one of these must not miss it.
    notices.iter().for_each(|notice| tracing::warn!("{notice}"));
    if config.default_user.is_some() && config.requirepass.is_some() {
        let instead = if config.asks_for_password() { "its own passwords are" } else { "it needs none" };
        tracing::warn!("requirepass is not in effect, because there is a 'user default': {instead}");
    }
    for name in waiting_names {
        tracing::warn!("rename-command of {name} is kept but not yet in effect: it waits for the command");
    }
    if (1..1 << 20).contains(&config.maxmemory) {
        // A unit was forgotten, most likely.
        tracing::warn!("maxmemory is {} bytes: there is hardly room for any data", config.maxmemory);
    }
    if let Err(short) = files::make_room(config.maxclients) {
        config.maxclients = short.clients_max.max(1);
        tracing::warn!("{short} maxclients has been reduced to {}.", config.maxclients);
    }
    let tls =
        tls::Contexts::of(&config).map_err(|unfit| Fatal(format!("Failed to configure TLS. {unfit}")))?;
    let doors = open_doors(&config)?;
    write_pid_file(&config);
    let board = Board::new(config, file, fastrand::u64(..), now_ms());
    board.tls.store(tls.map(Arc::new));
    // Until Persistence has looked what there is: no client may see, or change, what is not loaded yet.
    board.archive.loading.active.store(true, std::sync::atomic::Ordering::Relaxed);
    let system = System::new();
    system.block_on(async { raise_curtain(board, doors) });
    let code = system.run_with_code().map_err(|error| Fatal(format!("The event loop failed: {error}")))?;
    Ok(ExitCode::from(code as u8))
}

/// Tells the names of commands that are not here yet.
fn rename_commands(renamings: &[Renaming]) -> Result<Vec<&str>, Fatal> {
    let names = renamings.iter().map(|renaming| (renaming.name.as_str(), renaming.new_name.as_str()));
    let renamed = Registry::open(names)
        .map_err(|(index, reason)| Fatal(renamings[index].refused(reason).to_string()))?;
    let waiting = renamings.iter().zip(renamed).filter(|(_, renamed)| *renamed == Renamed::Waiting);
    Ok(waiting.map(|(renaming, _)| renaming.name.as_str()).collect())
}
fn greet(config: &Config, is_configured: bool) {
    tracing::info!(
        "Callboard version={}, bits=64, pid={}, just started",
        env!("CARGO_PKG_VERSION"),
        std::process::id()
    );
    if is_configured {
        tracing::info!("Configuration loaded");
    } else {
        tracing::warn!(
            "No config file specified, using the default config. To give one: callboard /path/to/redis.conf"
        );
    }
    let port = if config.port != 0 { config.port } else { config.tls_port };
    tracing::info!("Running mode=standalone, port: {port}, PID: {}", std::process::id());
}
/// Whether rules of users may name this command or (with `@`) this category.
fn may_be_named(name: &str) -> bool {
    match name.strip_prefix('@') {
        Some(category) => CATEGORY_NAMES.iter().any(|known| known.eq_ignore_ascii_case(category)),
        None => redis_names().any(|known| known.eq_ignore_ascii_case(name)),
    }
}
/// Opens everything that is to be listened on.
fn open_doors(config: &Config) -> Result<Vec<Listening>, Fatal> {
    let mut doors = Vec::new();
    for transport in Transport::ALL {
        doors.extend(Listening::tcp(transport, config).map_err(|error| {
            let port = transport.port(config);
            Fatal(format!(
                "Could not create server TCP listening socket {error}\nFailed listening on port {port} ({transport}), \
                 aborting."
            ))
        })?);
    }
    let unix = Listening::unix(config);
    doors.extend(unix.map_err(|error| Fatal(format!("Failed opening Unix socket: {error}")))?);
    if doors.is_empty() {
        return Err(Fatal("Configured to not listen anywhere, exiting.".into()));
    }
    Ok(doors)
}
fn write_pid_file(config: &Config) {
    if let Some(path) = &config.pidfile
        && let Err(error) = fs::write(path, format!("{}\n", std::process::id()))
    {
        tracing::warn!("Can't write the pid file {}: {error}", path.display());
    }
}

/// Starts the cast, and lets it know each other.
fn raise_curtain(board: Arc<Board>, doors: Vec<Listening>) {
    let io_threads = board.config.load().io_threads;
    let expiry = Expiry::new(board.clone()).start();
    let supervisor = Supervisor::new(board.clone(), log::set_level).start();
    let migration = Migration::new(board.clone()).start();
    let (data, files) = (Arbiter::new(), Arbiter::new());
    // Replicas are beside the data where clients are, too: what they are told, and say, wakes no other thread then. With
    // several I/O threads the data have theirs for themselves.
    let primary = {
        let (board, disk) = (board.clone(), files.handle());
        match io_threads {
            1 => Primary::start_in_arbiter(&data.handle(), move |_| Primary::new(board, disk, true)),
            _ => Primary::new(board, disk, false).start(),
        }
    };
    // Keyspace and Persistence know each other: the one is told the other's address when both have one.
    let (introduce, introduced) = std::sync::mpsc::sync_channel(1);
    let persistence = {
        let (board, supervisor) = (board.clone(), supervisor.clone());
        Persistence::start_in_arbiter(&files.handle(), move |_| {
            let keyspace =
                introduced.recv().unwrap_or_else(|_| unreachable!("the cast stands or falls together"));
            Persistence::new(board, keyspace, supervisor, Arc::new(disk::Real))
        })
    };
    let far_pubsub = (io_threads > 1).then(|| PubSub::new(board.clone()).start());
    let (introduce_pubsub, introduced_pubsub) = std::sync::mpsc::sync_channel(1);
    let keyspace = {
        let (board, expiry) = (board.clone(), expiry.clone());
        let (persistence, supervisor) = (persistence.clone(), supervisor.clone());
        let primary = primary.clone();
        Keyspace::start_in_arbiter(&data.handle(), move |ctx| {
            let (address, pubsub) = match far_pubsub {
                Some(address) => (address.clone(), Reach::Far(address)),
                None => PubSub::start_near(board.clone()),
            };
            let _ = introduce_pubsub.send(address);
            let peers = Peers { expiry, persistence, supervisor, migration, pubsub, primary };
            Keyspace::new(ctx.address(), board, fastrand::u64(..), peers)
        })
    };
    // Nobody is there yet who could have closed it.
    let _ = introduce.send(keyspace.clone());
    let pubsub =
        introduced_pubsub.recv().unwrap_or_else(|_| unreachable!("the cast stands or falls together"));
    let own: Vec<Arbiter> =
        if io_threads > 1 { (0..io_threads).map(|_| Arbiter::new()).collect() } else { vec![] };
    name_thread(&data, "data".into());
    name_thread(&files, "files".into());
    own.iter().enumerate().for_each(|(n, arbiter)| name_thread(arbiter, format!("io-{n}")));
    let places = if own.is_empty() { vec![data.handle()] } else { own.iter().map(Arbiter::handle).collect() };
    let hire = |number: usize, ctx: &mut Context<Courier>, peers: CourierPeers| {
        let (board, keyspace, supervisor, pubsub, primary) = peers;
        Courier::new(ctx.address(), number, board, keyspace, supervisor, pubsub, primary)
    };
    let peers = || (board.clone(), keyspace.clone(), supervisor.clone(), pubsub.clone(), primary.clone());
    let couriers = places.iter().enumerate().map(|(number, place)| {
        let peers = peers();
        Courier::start_in_arbiter(place, move |ctx| hire(number, ctx, peers))
    });
    let couriers = couriers.collect();
    let attendant = Courier::create(|ctx| hire(places.len(), ctx, peers()));
    let ushers = Ushers::new(couriers, attendant, board.clone());
    pubsub.do_send(Cast(ushers.all().cloned().collect()));
    expiry.do_send(Serve(keyspace.clone()));
    let superior =
        Some(Superior { leads: supervisor.clone().recipient(), waits: supervisor.clone().recipient() });
    primary.do_send(primary::Serve { keyspace: keyspace.clone(), superior });
    let near = own.is_empty().then(|| data.handle());
    supervisor.do_send(Open { keyspace, persistence: persistence.clone(), primary, ushers, near, doors });
    persistence.do_send(Start);
    watch_signals(supervisor);
}

/// Whom a Courier has to do with.
type CourierPeers = (Arc<Board>, Addr<Keyspace>, Addr<Supervisor>, Addr<PubSub>, Addr<Primary>);

fn watch_signals(supervisor: Addr<Supervisor>) {
    use actix_rt::signal::unix::{SignalKind, signal};
    // Who started the server may log out, SIGUSR2 does nothing in Redis, and a file that may not grow any more (SIGXFSZ,
    // `ulimit -f`) is an error of the disk like others: none may end the server, as they would unless they are caught.
    // Once caught they stay so, and nobody listens. (SIGPIPE is ignored before `main` begins; SIGUSR1 ends the process,
    // as it does in Redis.)
    for kind in [SignalKind::hangup(), SignalKind::user_defined2(), SignalKind::from_raw(libc::SIGXFSZ)] {
        if let Err(error) = signal(kind) {
            tracing::warn!("Cannot ignore {kind:?}: {error}");
        }
    }
    for (kind, name) in [(SignalKind::terminate(), "SIGTERM"), (SignalKind::interrupt(), "SIGINT")] {
        let supervisor = supervisor.clone();
        actix_rt::spawn(async move {
            match signal(kind) {
                Ok(mut signals) => {
                    while signals.recv().await.is_some() {
                        supervisor.do_send(Signalled(name));
                    }
                }
                Err(error) => tracing::warn!("Cannot watch for {name}: {error}"),
            }
        });
    }
}

/// A fault that ends the process at start, told where the operator looks.
pub fn complain(fatal: &Fatal) {
    fatal.0.lines().for_each(|line| tracing::error!("{line}"));
    if !log::is_on_screen() {
        eprintln!("{fatal}");
    }
}
