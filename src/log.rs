//! The log: `tracing` events as one readable line each, in the form that Redis' operators and tools know.
//!
//! `4711:M 20 Nov 2026 14:05:01.123 * Ready to accept connections tcp (port 6379)`
use crate::config::LogLevel;
use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

static LEVEL: AtomicU8 = AtomicU8::new(2);

/// How grave an event must be, as a number. Redis' levels are those of `tracing` from `trace` (its debug) to `warn`.
fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Debug => 0,
        LogLevel::Verbose => 1,
        LogLevel::Notice => 2,
        LogLevel::Warning => 3,
        LogLevel::Nothing => 4,
    }
}
/// The log goes to standard output.
static ON_SCREEN: AtomicBool = AtomicBool::new(false);
/// Whether a grave event is seen by whoever started the process.
pub fn is_on_screen() -> bool {
    ON_SCREEN.load(Relaxed) && LEVEL.load(Relaxed) <= rank(LogLevel::Warning)
}

/// CONFIG SET loglevel.
pub fn set_level(level: LogLevel) {
    LEVEL.store(rank(level), Relaxed)
}

struct Lines {
    out: Mutex<Box<dyn Write + Send>>,
}

/// Sends events to the file, or to standard output.
///
/// # Errors
/// If the file cannot be opened for appending.
pub fn start(level: LogLevel, file: Option<&Path>) -> io::Result<()> {
    set_level(level);
    let out: Box<dyn Write + Send> = match file {
        Some(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
        None => Box::new(io::stdout()),
    };
    ON_SCREEN.store(file.is_none(), Relaxed);
    let subscriber = tracing_subscriber::registry().with(Lines { out: Mutex::new(out) });
    // A second start in one process (tests) keeps the first log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event, _: Context<S>) {
        let (mark, grave) = match *event.metadata().level() {
            Level::ERROR | Level::WARN => ('#', 3),
            Level::INFO => ('*', 2),
            Level::DEBUG => ('-', 1),
            Level::TRACE => ('.', 0),
        };
        // Other crates' details are not for the operator.
        if grave < LEVEL.load(Relaxed) || !event.metadata().target().starts_with("callboard") {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let time = chrono::Local::now().format("%d %b %Y %H:%M:%S%.3f");
        let line = format!("{}:M {time} {mark} {}\n", std::process::id(), text.0);
        let mut out = self.out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // A log that cannot be written must not stop the server.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

#[derive(Default)]
struct Text(String);
impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
