//! `callboard check-aof [--fix | --truncate-to-timestamp SECONDS] FILE`: is an append-only file whole, and can it be
//! mended? It speaks and exits as redis-check-aof does, so that scripts around that go on working.
//!
//! FILE is a manifest, or one file of commands, which may begin with a snapshot. Only the last file of a manifest may be cut
//! off: one before it that lacks its end has lost something that later ones build on.
//!
//! It judges by the scanner that the server loads with, so what is valid here is loaded there. Where that is stricter than
//! redis-check-aof (a command without arguments, an annotation without its end, a cut to a moment within a transaction), so
//! is this; and lines are counted from 1 in every file. Of a snapshot it tells whether it is whole and its checksum right, not
//! what is in it.
use crate::formats::{
    aof::{
        Item, Manifest, Part, Scanner,
        scan::{CHUNK_BYTES, Damage, Reason, begins_with_rdb, timestamp},
    },
    rdb,
};
use bytes::Bytes;
use nix::errno::Errno;
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    process::ExitCode,
};

/// The first bytes of a file by which snapshots are known, with their version.
const RDB_HEAD_BYTES: usize = 9;
/// How much of a line is read to tell a manifest.
const MANIFEST_LINE_BYTES_MAX: u64 = 1024;

/// The tool's name, for its usage, and its arguments.
pub fn run(name: &str, arguments: &[OsString]) -> ExitCode {
    let (mut out, mut input) = (io::stdout().lock(), io::stdin().lock());
    run_with(name, arguments, &mut out, &mut input)
}

fn run_with(name: &str, arguments: &[OsString], out: &mut dyn Write, input: &mut dyn BufRead) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let (task, file) = match words[..] {
        ["-v" | "--version"] => {
            say(out, format_args!("{name} {}", env!("CARGO_PKG_VERSION")));
            return ExitCode::SUCCESS;
        }
        [_] => (Task::Check, &arguments[0]),
        ["--fix", _] => (Task::Fix, &arguments[1]),
        ["--truncate-to-timestamp", seconds, _] => match seconds.parse() {
            Ok(seconds) => (Task::CutTo(seconds), &arguments[2]),
            Err(_) => {
                say(out, format_args!("Invalid timestamp, aborting..."));
                return ExitCode::FAILURE;
            }
        },
        _ => {
            let options = "[--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>";
            say(out, format_args!("Usage: {name} {options}"));
            return ExitCode::FAILURE;
        }
    };
    match (Check { task, out, input }).file(Path::new(file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop(text)) => {
            say(out, format_args!("{text}"));
            ExitCode::FAILURE
        }
    }
}

fn say(out: &mut dyn Write, line: std::fmt::Arguments) {
    // Nobody is left to tell that nobody listens.
    let _ = writeln!(out, "{line}");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    Check,
    /// Cut off what is not whole, once the user has agreed.
    Fix,
    /// Cut off what was written behind this second since 1970.
    CutTo(i64),
}

/// Why it ends without having found all valid.
struct Stop(String);

macro_rules! stop {
    ($($text:tt)*) => { Err(Stop(format!($($text)*))) };
}

enum Verdict {
    Valid,
    Empty,
    Mended,
    CutTo(i64),
}

/// One file to be judged.
struct Target<'a> {
    /// As the user or the manifest calls it.
    name: &'a str,
    path: &'a Path,
    is_last: bool,
}

/// What is wrong with a file, and where.
struct Flaw {
    /// Up to here the file is whole.
    whole: u64,
    text: Option<String>,
}

struct Check<'a> {
    task: Task,
    out: &'a mut dyn Write,
    input: &'a mut dyn BufRead,
}

impl Check<'_> {
    fn say(&mut self, line: impl AsRef<str>) {
        say(self.out, format_args!("{}", line.as_ref()))
    }

    fn file(&mut self, path: &Path) -> Result<(), Stop> {
        let cannot =
            |what: &str, error| Stop(format!("Cannot {what} file {}: {}", path.display(), told(&error)));
        let file = File::open(path).map_err(|error| cannot("open", error))?;
        if is_manifest(&mut BufReader::new(file)).map_err(|error| cannot("read", error))? {
            return self.parts(path);
        }
        self.say("Start checking Old-Style AOF");
        let name = path.display().to_string();
        let verdict = self.single(Target { name: &name, path, is_last: true })?;
        self.tell("AOF", &name, verdict);
        Ok(())
    }

    fn parts(&mut self, path: &Path) -> Result<(), Stop> {
        self.say("Start checking Multi Part AOF");
        let text =
            std::fs::read(path).map_err(|error| Stop(format!("Cannot read file: {}", told(&error))))?;
        let manifest = Manifest::parse(&text).map_err(|error| Stop(format!("\n{error}\n")))?;
        let mut left = manifest.parts().count();
        let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let mut check = |this: &mut Self, kind: &str, part: &Part| -> Result<(), Stop> {
            left -= 1;
            let name = part.name.to_string_lossy();
            let path = directory.join(&part.name);
            let verdict = this.single(Target { name: &name, path: &path, is_last: left == 0 })?;
            this.tell(kind, &name, verdict);
            Ok(())
        };
        if let Some(base) = manifest.base() {
            let format = if is_rdb(&directory.join(&base.name))? { "RDB" } else { "RESP" };
            self.say(format!("Start to check BASE AOF ({format} format)."));
            check(self, "BASE AOF", base)?;
        }
        if !manifest.increments().is_empty() {
            self.say("Start to check INCR files.");
        }
        for part in manifest.increments() {
            check(self, "INCR AOF", part)?;
        }
        self.say("All AOF files and manifest are valid");
        Ok(())
    }

    fn tell(&mut self, kind: &str, name: &str, verdict: Verdict) {
        self.say(match verdict {
            Verdict::Valid => format!("{kind} {name} is valid"),
            Verdict::Empty => format!("{kind} {name} is empty"),
            Verdict::Mended => format!("Successfully truncated AOF {name}"),
            Verdict::CutTo(second) => format!("Successfully truncated AOF {name} to timestamp {second}"),
        })
    }

    fn single(&mut self, target: Target) -> Result<Verdict, Stop> {
        let Target { name, path, .. } = target;
        let cannot =
            |error| Stop(format!("Cannot open file {}: {}, aborting...", path.display(), told(&error)));
        let changes = self.task != Task::Check;
        let mut file = OpenOptions::new().read(true).write(changes).open(path).map_err(cannot)?;
        let size = file.metadata().map_err(cannot)?.len();
        if size == 0 {
            return Ok(Verdict::Empty);
        }
        let mut scanner = Scanner::default();
        if is_rdb(path)? {
            scanner = self.preamble(&target, &mut file)?;
        }
        let flaw = loop {
            match scanner.next_item() {
                Ok(Some(Item::Command(_))) => {}
                Ok(Some(Item::Annotation { text, offset })) => {
                    let at = if scanner.is_in_transaction() { scanner.whole() } else { offset };
                    if let Some(second) = self.is_beyond(&text)? {
                        self.cut_to(second, at, &target, &file)?;
                        return Ok(Verdict::CutTo(second));
                    }
                }
                Ok(None) => match scanner.read(&mut file) {
                    Ok(0) => break at_end(&scanner),
                    Ok(_) => {}
                    Err(_) => return stop!("Failed to read from AOF {name}, aborting..."),
                },
                Err(damage) => break Some(self.damaged(damage, &target)),
            }
        };
        self.judge(flaw, size, scanner.line(), &target, &file)
    }

    /// Checks the snapshot at the beginning of a file. Returns the scanner of what follows it.
    fn preamble(&mut self, target: &Target, file: &mut File) -> Result<Scanner, Stop> {
        self.say(format!("[offset 0] Checking RDB file {}", target.path.display()));
        let (end, rest) = snapshot(file).map_err(|text| {
            self.say(format!("--- RDB ERROR DETECTED ---\n{text}"));
            Stop("RDB preamble of AOF file is not sane, aborting.".to_string())
        })?;
        self.say(format!("[offset {end}] \\o/ RDB looks OK! \\o/"));
        self.say("RDB preamble is OK, proceeding with AOF tail...");
        let mut scanner = Scanner::starting_at(end);
        scanner.feed(&rest);
        Ok(scanner)
    }

    /// The second up to which is to be kept, if this annotation tells a later one.
    fn is_beyond(&self, annotation: &[u8]) -> Result<Option<i64>, Stop> {
        match (self.task, timestamp(annotation)) {
            (Task::CutTo(_), Some(Err(()))) => stop!("Invalid timestamp annotation"),
            (Task::CutTo(second), Some(Ok(told))) if told > second => Ok(Some(second)),
            _ => Ok(None),
        }
    }
    fn cut_to(&mut self, second: i64, offset: u64, target: &Target, file: &File) -> Result<(), Stop> {
        let path = target.path.display();
        if offset == 0 {
            return stop!("AOF {path} has nothing before timestamp {second}, aborting...");
        }
        if !target.is_last {
            return stop!(
                "Failed to truncate AOF {path} to timestamp {second} to offset {offset} because it is not the \
                 last file.\nIf you insist, please delete all files after this file according to the manifest file \
                 and delete the corresponding records in manifest file manually. Then re-run redis-check-aof."
            );
        }
        shorten(file, offset)
            .map_err(|_| Stop(format!("Failed to truncate AOF {path} to timestamp {second}")))
    }

    fn damaged(&mut self, Damage { offset, whole, reason }: Damage, target: &Target) -> Flaw {
        let text = match reason {
            Reason::Format => {
                self.say(format!("AOF {} format error", target.name));
                None
            }
            Reason::NestedMulti | Reason::LoneExec => {
                Some(format!("{reason} in AOF {}", target.path.display()))
            }
            reason => Some(reason.to_string()),
        };
        Flaw { whole, text: text.map(|text| located(offset, text)) }
    }

    /// Tells what was found in a file, and mends it if that is asked for.
    fn judge(
        &mut self,
        flaw: Option<Flaw>,
        size: u64,
        line: u64,
        target: &Target,
        file: &File,
    ) -> Result<Verdict, Stop> {
        let name = target.name;
        let Flaw { whole, text } = flaw.unwrap_or(Flaw { whole: size, text: None });
        if let Some(text) = text {
            self.say(text);
        }
        let diff = size.saturating_sub(whole);
        if let (0, Task::CutTo(second)) = (diff, self.task) {
            self.say(format!("Truncate nothing in AOF {name} to timestamp {second}"));
            return Ok(Verdict::Valid);
        }
        self.say(format!(
            "AOF analyzed: filename={name}, size={size}, ok_up_to={whole}, ok_up_to_line={line}, diff={diff}"
        ));
        match self.task {
            _ if diff == 0 => Ok(Verdict::Valid),
            Task::Fix if !target.is_last => {
                stop!("Failed to truncate AOF {name} because it is not the last file")
            }
            Task::Fix => {
                self.say(format!(
                    "This will shrink the AOF {name} from {size} bytes, with {diff} bytes, to {whole} bytes"
                ));
                self.ask()?;
                shorten(file, whole).map_err(|_| Stop(format!("Failed to truncate AOF {name}")))?;
                Ok(Verdict::Mended)
            }
            _ => stop!("AOF {name} is not valid. Use the --fix option to try fixing it."),
        }
    }
    fn ask(&mut self) -> Result<(), Stop> {
        let _ = write!(self.out, "Continue? [y/N]: ").and_then(|()| self.out.flush());
        let mut answer = String::new();
        match self.input.read_line(&mut answer) {
            Ok(_) if answer.starts_with(['y', 'Y']) => Ok(()),
            _ => stop!("Aborting..."),
        }
    }
}

/// Walks along a snapshot, its checksum included. Returns where it ends, and what was read behind it.
///
/// # Errors
/// The place and the reason, where there is none.
fn snapshot(file: &mut File) -> Result<(u64, Bytes), String> {
    let placed = |damage: rdb::Damage| format!("[offset {}] {}", damage.offset, damage.reason);
    let mut scanner = rdb::Scanner::new(true);
    loop {
        while scanner.next_item().map_err(placed)?.is_some() {}
        if scanner.has_ended() {
            return Ok((scanner.offset(), scanner.take_rest()));
        }
        let mut chunk = Vec::new();
        let read = file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
        read.map_err(|error| format!("[offset {}] {}", scanner.end_offset(), told(&error)))?;
        if chunk.is_empty() {
            return Err(scanner.end_of_input().map_err(placed).err().unwrap_or_default());
        }
        scanner.push(chunk.into());
    }
}

/// What is wrong with a file that ends here.
fn at_end(scanner: &Scanner) -> Option<Flaw> {
    let unfinished = scanner.finish().err()?;
    let (place, fed) = (scanner.place(), scanner.fed());
    let text = match (scanner.awaited_bytes(), scanner.unfinished_line()) {
        (Some(length), _) => Some(format!("Expected to read {length} bytes, got {} bytes", fed - place)),
        (None, Some(reason)) => Some(reason.to_string()),
        (None, None) if unfinished.in_transaction => {
            Some("Reached EOF before reading EXEC for MULTI".to_string())
        }
        (None, None) => None,
    };
    Some(Flaw { whole: unfinished.whole, text: text.map(|text| located(place, text)) })
}

fn located(offset: u64, text: String) -> String {
    format!("0x{offset:16x}: {text}")
}

/// Cuts a file off, for good.
fn shorten(file: &File, size: u64) -> io::Result<()> {
    file.set_len(size)?;
    file.sync_all()
}

/// An error in the system's words alone.
fn told(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_string(),
        None => error.to_string(),
    }
}

fn is_rdb(path: &Path) -> Result<bool, Stop> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(RDB_HEAD_BYTES as u64).read_to_end(&mut head));
    read.map_err(|error| Stop(format!("Cannot open file {}: {}", path.display(), told(&error))))?;
    Ok(begins_with_rdb(&head))
}

/// A manifest is known by its first line that is no comment.
fn is_manifest(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let mut line = Vec::new();
        file.by_ref().take(MANIFEST_LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if !line.starts_with(b"#") {
            return Ok(line.starts_with(b"file"));
        }
    }
}

#[cfg(test)]
#[path = "check_aof_tests.rs"]
mod tests;
