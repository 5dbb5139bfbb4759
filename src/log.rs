//! The log: `tracing` events as one readable line each, in the form that Redis' operators and tools know.
//!
//! `4711:M 20 Nov 2026 14:05:01.123 * Ready to accept connections tcp (port 6379)`
use crate::config::LogLevel;
use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
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

/// The server is a replica.
static FOLLOWS: AtomicBool = AtomicBool::new(false);
/// By its letter each line tells what the server is: master (`M`) or replica (`S`).
pub fn set_role(follows: bool) {
    FOLLOWS.store(follows, Relaxed);
}
fn role() -> char {
    if FOLLOWS.load(Relaxed) { 'S' } else { 'M' }
}

struct Lines {
    out: Mutex<Out>,
}
enum Out {
    Screen,
    File(LogFile),
}
impl Out {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Out::Screen => {
                let mut screen = io::stdout();
                screen.write_all(line)?;
                screen.flush()
            }
            Out::File(file) => file.write(line),
        }
    }
}

/// A file that whoever rotates logs may rename at any time: what comes next goes to a new one of the old name.
struct LogFile {
    path: PathBuf,
    file: File,
}
impl LogFile {
    fn open(path: &Path) -> io::Result<LogFile> {
        // The working directory may change.
        let path = std::path::absolute(path)?;
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(LogFile { path, file })
    }
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let named = fs::metadata(&self.path).map(identity);
        if named.ok() != self.file.metadata().map(identity).ok() {
            // If that cannot be, the old one is better than none.
            if let Ok(anew) = LogFile::open(&self.path) {
                *self = anew;
            }
        }
        self.file.write_all(line)
    }
}

/// Sends events to the file, or to standard output.
///
/// # Errors
/// If the file cannot be opened for appending.
pub fn start(level: LogLevel, file: Option<&Path>) -> io::Result<()> {
    set_level(level);
    let out = match file {
        Some(path) => Out::File(LogFile::open(path)?),
        None => Out::Screen,
    };
    ON_SCREEN.store(file.is_none(), Relaxed);
    let subscriber = tracing_subscriber::registry().with(Lines { out: Mutex::new(out) });
    // A second start in one process (tests) keeps the first log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// A fault of ours ends the process. Standard error may lead nowhere (`daemonize`), so the log tells of it, too, with the way
/// that led there where nobody else shows it; and the pid file goes.
pub fn tell_of_panics(pid_file: Option<PathBuf>) {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload();
        let words =
            words.downcast_ref::<&str>().copied().or(words.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(|place| format!(" {}:{}", place.file(), place.line()));
        tracing::error!("Guru Meditation: {}{}", words.unwrap_or("a panic"), place.unwrap_or_default());
        if !ON_SCREEN.load(Relaxed) {
            let way = std::backtrace::Backtrace::force_capture().to_string();
            way.lines().for_each(|line| tracing::error!("{line}"));
        }
        if let Some(path) = &pid_file {
            let _ = fs::remove_file(path);
        }
        tell(panic);
    }));
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
        let line = format!("{}:{} {time} {mark} {}\n", std::process::id(), role(), text.0);
        let mut out = self.out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // A log that cannot be written must not stop the server.
        let _ = out.write(line.as_bytes());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_renamed_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let [path, old] = ["log", "log.1"].map(|name| folder.path().join(name));
        let mut log = LogFile::open(&path).unwrap();
        log.write(b"one\n").unwrap();
        fs::rename(&path, &old).unwrap();
        log.write(b"two\n").unwrap();
        log.write(b"three\n").unwrap();
        fs::remove_file(&path).unwrap();
        log.write(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }
}
