//! Wiring only: which arbiters there are, which actor runs on which, and who knows whose address.
//!
//! * control: Supervisor, Listeners, Expiry. They must answer while data is busy.
//! * data: the Keyspace. With `io-threads 1` the Connections and their Courier run beside it, so that a request costs
//!   no wake of another thread; with more, each I/O arbiter has its own.
use crate::{
    actors::{
        courier::Courier,
        expiry::{Expiry, Serve},
        keyspace::Keyspace,
        listener::{CannotListen, Listening, Ushers},
        now_ms,
        supervisor::{Open, Signalled, Supervisor},
    },
    board::Board,
    commands::registry::Registry,
    config::{Config, Loaded, Renaming},
    log,
};
use actix::prelude::*;
use std::{fs, io, process::ExitCode, sync::Arc};

/// File descriptors beside those of clients: listeners, files, the reactors.
const FILES_RESERVED: u64 = 32;

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
    let Loaded { mut config, file, notices, renamed_commands, .. } = loaded;
    rename_commands(&renamed_commands)?;
    std::env::set_current_dir(&*config.dir)
        .map_err(|error| Fatal(format!("Can't chdir to '{}': {error}", config.dir.display())))?;
    if config.daemonize {
        // Before any thread is there: a fork copies only the thread that calls it.
        nix::unistd::daemon(true, false).map_err(|error| Fatal(format!("Can't daemonize: {error}")))?;
    }
    log::start(config.loglevel, config.logfile.as_deref())
        .map_err(|error| Fatal(format!("Can't open the log file: {error}")))?;
    greet(&config, file.is_some());
    notices.iter().for_each(|notice| tracing::info!("{notice}"));
    if let Err(reason) = raise_file_limit(config.maxclients as u64) {
        let possible = file_limit().saturating_sub(FILES_RESERVED).max(1);
        tracing::warn!("{reason} maxclients has been reduced to {possible}.");
        config.maxclients = possible as _;
    }
    let tcp = Listening::tcp(&config).map_err(|error| cannot_listen(error, Some(config.port)))?;
    let unix = Listening::unix(&config).map_err(|error| cannot_listen(error, None))?;
    write_pid_file(&config);
    let board = Board::new(config, file, fastrand::u64(..), now_ms());
    let system = System::new();
    system.block_on(async { raise_curtain(board, tcp, unix) });
    let code = system.run_with_code().map_err(|error| Fatal(format!("The event loop failed: {error}")))?;
    Ok(ExitCode::from(code as u8))
}

fn rename_commands(renamings: &[Renaming]) -> Result<(), Fatal> {
    let names = renamings.iter().map(|renaming| (renaming.name.as_str(), renaming.new_name.as_str()));
    Registry::open(names).map_err(|(index, reason)| Fatal(renamings[index].refused(reason).to_string()))
}
fn greet(config: &Config, has_file: bool) {
    tracing::info!(
        "Callboard version={}, bits=64, pid={}, just started",
        env!("CARGO_PKG_VERSION"),
        std::process::id()
    );
    if has_file {
        tracing::info!("Configuration loaded");
    } else {
        tracing::warn!(
            "No config file specified, using the default config. To give one: callboard /path/to/redis.conf"
        );
    }
    tracing::info!("Running mode=standalone, port: {}, PID: {}", config.port, std::process::id());
}
fn cannot_listen(error: CannotListen, port: Option<u16>) -> Fatal {
    let CannotListen { address, error, .. } = error;
    match port {
        Some(port) => Fatal(format!(
            "Could not create server TCP listening socket {address}: bind: {error}\nFailed listening on port {port} (tcp), aborting."
        )),
        None => Fatal(format!("Failed opening Unix socket: {address}: bind: {error}")),
    }
}
fn write_pid_file(config: &Config) {
    let default = std::path::PathBuf::from("/var/run/callboard.pid");
    let path = config.pidfile.clone().or(config.daemonize.then_some(default));
    if let Some(path) = path
        && let Err(error) = fs::write(&path, format!("{}\n", std::process::id()))
    {
        tracing::warn!("Can't write the pid file {}: {error}", path.display());
    }
}

/// Starts the cast, and lets it know each other.
fn raise_curtain(board: Arc<Board>, tcp: Vec<Listening>, unix: Option<Listening>) {
    let io_threads = board.config.load().io_threads;
    let expiry = Expiry::new(board.clone()).start();
    let supervisor = Supervisor::new(board.clone(), log::set_level).start();
    let data = Arbiter::new();
    let keyspace = {
        let (board, expiry) = (board.clone(), expiry.clone());
        Keyspace::start_in_arbiter(&data.handle(), move |_| Keyspace::new(board, fastrand::u64(..), expiry))
    };
    let own: Vec<Arbiter> =
        if io_threads > 1 { (0..io_threads).map(|_| Arbiter::new()).collect() } else { vec![] };
    name_thread(&data, "data".into());
    own.iter().enumerate().for_each(|(n, arbiter)| name_thread(arbiter, format!("io-{n}")));
    let places = if own.is_empty() { vec![data.handle()] } else { own.iter().map(Arbiter::handle).collect() };
    let couriers = places.iter().map(|place| {
        let (board, keyspace, supervisor) = (board.clone(), keyspace.clone(), supervisor.clone());
        Courier::start_in_arbiter(place, move |ctx| Courier::new(ctx.address(), board, keyspace, supervisor))
    });
    let ushers = Ushers::new(couriers.collect());
    expiry.do_send(Serve(keyspace.clone()));
    supervisor.do_send(Open { keyspace, ushers, tcp, unix });
    watch_signals(supervisor);
}

/// Gives an arbiter's thread the name that `top -H` and profilers show.
fn name_thread(arbiter: &Arbiter, name: String) {
    arbiter.spawn_fn(move || {
        if let Ok(name) = std::ffi::CString::new(name) {
            // A thread without a name works as well.
            let _ = nix::sys::prctl::set_name(&name);
        }
    });
}

fn watch_signals(supervisor: Addr<Supervisor>) {
    use actix_rt::signal::unix::{SignalKind, signal};
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

fn file_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}
/// Makes room for the file descriptors of so many clients.
///
/// # Errors
/// What the system allows instead.
pub fn raise_file_limit(clients: u64) -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let wanted = clients.saturating_add(FILES_RESERVED);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    if soft >= wanted || setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).is_ok() {
        return Ok(());
    }
    // As far as it goes without permission for more.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard);
    if file_limit() >= wanted {
        return Ok(());
    }
    Err(format!(
        "The operating system is not able to handle the specified number of clients, try with {}.",
        file_limit().saturating_sub(FILES_RESERVED)
    ))
}

/// A fault that ends the process at start, told where the operator looks.
pub fn complain(fatal: &Fatal) {
    fatal.0.lines().for_each(|line| tracing::error!("{line}"));
    let _ = io::Write::write_all(&mut io::stderr(), format!("{fatal}\n").as_bytes());
}
