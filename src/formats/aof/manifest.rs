//! The manifest: a line for each file, `file NAME seq NUMBER type b|h|i`, in the format of Redis 7.
//!
//! There is one base at the most, then come history files (what a rewrite made superfluous, until they are deleted), then
//! increments in the order in which they are replayed. A manifest is changed as a value: whoever changes it works on a
//! copy, writes that to disk, and only then goes on with it; so a failure leaves both as they were.
//!
//! Sequence numbers go on from the last one that this manifest gave out, or that its file told when it was read.
use crate::data::quoting::{quote, split_args};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The longest line, its end included, in bytes.
const LINE_BYTES_MAX: usize = 1024;

/// A file of the append-only file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Without a path: it lies in `appenddirname`.
    pub name: OsString,
    pub seq: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    base: Option<Part>,
    history: Vec<Part>,
    increments: Vec<Part>,
    /// The last numbers that were given out.
    base_seq: i64,
    increment_seq: i64,
}

/// How a base is written (`aof-use-rdb-preamble`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFormat {
    Rdb,
    Commands,
}

/// Whether commands are being logged while a rewrite ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    /// Into the last increment.
    On,
    Off,
    /// It was switched on, and waits for this first rewrite: commands are gathered in the temporary increment.
    Beginning,
}

/// What a rewrite that has succeeded leaves to be renamed, in this order, before its manifest is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    pub manifest: Manifest,
    /// What the new base is to be called.
    pub base: OsString,
    /// What the temporary increment is to be called, if there is one.
    pub increment: Option<OsString>,
}

/// The names of all files, which follow from `appendfilename`.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(pub &'a str);

impl Names<'_> {
    pub fn manifest(self) -> String {
        format!("{}.manifest", self.0)
    }
    /// The manifest while it is being written.
    pub fn temporary_manifest(self) -> String {
        format!("temp-{}.manifest", self.0)
    }
    /// Where commands are gathered until the first rewrite has succeeded; see [`Logging::Beginning`].
    pub fn temporary_increment(self) -> String {
        format!("temp-{}.incr", self.0)
    }
    /// Whether this is an increment's name.
    pub fn is_increment(self, name: &OsStr) -> bool {
        let rest = name.to_str().and_then(|name| name.strip_prefix(self.0)?.strip_prefix('.'));
        rest.and_then(|rest| rest.strip_suffix(".incr.aof")).is_some_and(|seq| seq.parse::<i64>().is_ok())
    }
    fn base(self, seq: i64, format: BaseFormat) -> OsString {
        let suffix = match format {
            BaseFormat::Rdb => "rdb",
            BaseFormat::Commands => "aof",
        };
        format!("{}.{seq}.base.{suffix}", self.0).into()
    }
    fn increment(self, seq: i64) -> OsString {
        format!("{}.{seq}.incr.aof", self.0).into()
    }
}

/// What is in it.
impl Manifest {
    /// The manifest of an old append-only file, which becomes the base under its own name.
    pub fn of_old_file(filename: &str) -> Manifest {
        let base = Part { name: filename.into(), seq: 1 };
        Manifest { base: Some(base), base_seq: 1, ..Manifest::default() }
    }
    /// The same with the history of another one, which it takes the place of.
    pub fn with_history_of(self, other: Manifest) -> Manifest {
        Manifest { history: other.history, increment_seq: other.increment_seq, ..self }
    }
    pub fn base(&self) -> Option<&Part> {
        self.base.as_ref()
    }
    pub fn increments(&self) -> &[Part] {
        &self.increments
    }
    /// Files that are no longer needed once this manifest is on disk.
    pub fn history(&self) -> &[Part] {
        &self.history
    }
    /// The files to load, in order.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }
    /// There is nothing to load.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty()
    }
}

/// How it changes.
impl Manifest {
    /// Adds an increment, into which commands go from now on.
    pub fn add_increment(&mut self, names: Names) -> &Part {
        let (name, seq) = self.free_name(self.increment_seq, |seq| names.increment(seq));
        self.increment_seq = seq;
        self.increments.push(Part { name, seq });
        &self.increments[self.increments.len() - 1]
    }
    /// Puts a new base in the place of the old one, which becomes history.
    pub fn replace_base(&mut self, names: Names, format: BaseFormat) -> &Part {
        let (name, seq) = self.free_name(self.base_seq, |seq| names.base(seq, format));
        self.base_seq = seq;
        let old = self.base.take();
        self.history.splice(0..0, old);
        self.base.insert(Part { name, seq })
    }
    /// The next name that no history file has: a manifest that was read may have forgotten how far it had counted, and
    /// deleting history must not delete what is in use.
    fn free_name(&self, mut seq: i64, name: impl Fn(i64) -> OsString) -> (OsString, i64) {
        loop {
            seq = seq.saturating_add(1);
            let name = name(seq);
            if seq == i64::MAX || self.history.iter().all(|part| part.name != name) {
                return (name, seq);
            }
        }
    }
    /// Makes history of the increments that the base has in it: all, or all but the last, into which commands still go.
    fn retire_increments(&mut self, keep_last: bool) {
        let count = self.increments.len() - usize::from(keep_last && !self.increments.is_empty());
        self.history.splice(0..0, self.increments.drain(..count));
    }
    /// The manifest behind a rewrite that has succeeded, and what is to be renamed for it.
    pub fn rewritten(&self, names: Names, format: BaseFormat, logging: Logging) -> Rewritten {
        let mut manifest = self.clone();
        let base = manifest.replace_base(names, format).name.clone();
        let increment = (logging == Logging::Beginning).then(|| manifest.add_increment(names).name.clone());
        manifest.retire_increments(logging != Logging::Off);
        Rewritten { manifest, base, increment }
    }
    /// Keeps the history files of which this says so; the others are deleted.
    pub fn retain_history(&mut self, keep: impl FnMut(&Part) -> bool) {
        self.history.retain(keep)
    }
}

/// Reading and writing.
impl Manifest {
    /// Reads a manifest as strictly as Redis does: what is not understood must not be guessed.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        if text.is_empty() {
            return Err(ManifestError { line: None, reason: "Found an empty AOF manifest" });
        }
        let mut manifest = Manifest::default();
        for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            // A line without an end may be half of one: the file was not written to its end.
            if line.len() > LINE_BYTES_MAX || !line.ends_with(b"\n") || line.contains(&0) {
                return Err(ManifestError {
                    line: None,
                    reason: "The AOF manifest file contains too long line",
                });
            }
            let line = line.trim_ascii();
            manifest.add_line(line).map_err(|reason| ManifestError {
                line: Some((index + 1, String::from_utf8_lossy(line).into_owned())),
                reason,
            })?;
        }
        Ok(manifest)
    }
    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let (part, kind) = parse_line(line)?;
        match kind {
            b'b' if self.base.is_some() => Err("Found duplicate base file information"),
            b'b' => {
                self.base_seq = part.seq;
                self.base = Some(part);
                Ok(())
            }
            b'h' => {
                self.history.push(part);
                Ok(())
            }
            b'i' if part.seq <= self.increment_seq => Err("Found a non-monotonic sequence number"),
            b'i' => {
                self.increment_seq = part.seq;
                self.increments.push(part);
                Ok(())
            }
            _ => Err("Unknown AOF file type"),
        }
    }
    /// The text that [`Manifest::parse`] reads.
    pub fn to_text(&self) -> String {
        let base = self.base.iter().map(|part| (part, 'b'));
        let history = self.history.iter().map(|part| (part, 'h'));
        let increments = self.increments.iter().map(|part| (part, 'i'));
        let lines = base.chain(history).chain(increments);
        lines
            .map(|(Part { name, seq }, kind)| format!("file {} seq {seq} type {kind}\n", written(name)))
            .collect()
    }
}

const INVALID: &str = "Invalid AOF manifest file format";

/// A file and the letter of its type. Keys that are not known are passed over: later versions may add some.
fn parse_line(line: &[u8]) -> Result<(Part, u8), &'static str> {
    let words = split_args(line).filter(|words| words.len() >= 6 && words.len().is_multiple_of(2));
    let (mut name, mut seq, mut kind) = (None, 0, None);
    for pair in words.ok_or(INVALID)?.chunks_exact(2) {
        match &pair[0].to_ascii_lowercase()[..] {
            b"file" => {
                if pair[1].iter().any(|byte| b"/\\".contains(byte)) {
                    return Err("File can't be a path, just a filename");
                }
                name = Some(pair[1].clone()).filter(|name| !name.is_empty());
            }
            b"seq" => seq = leading_integer(&pair[1]),
            b"type" => kind = pair[1].first().copied(),
            _ => {}
        }
    }
    match (name, seq, kind) {
        (Some(name), _, Some(kind)) if seq != 0 => Ok((Part { name: OsString::from_vec(name), seq }, kind)),
        _ => Err(INVALID),
    }
}

/// The integer at the beginning of a word, as C's `atoll` reads it; 0 if there is none.
fn leading_integer(word: &[u8]) -> i64 {
    let sign = usize::from(word.starts_with(b"-") || word.starts_with(b"+"));
    let digits = word[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = std::str::from_utf8(&word[..sign + digits]).unwrap_or_default();
    match text.parse() {
        Ok(integer) => integer,
        Err(_) if digits == 0 => 0,
        Err(_) if text.starts_with('-') => i64::MIN,
        Err(_) => i64::MAX,
    }
}

/// A name as a line holds it: in quotes if it would not come back as one word.
fn written(name: &OsStr) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    match name.to_str() {
        Some(text) if text.bytes().all(plain) => text.to_string(),
        _ => quote(name.as_bytes()),
    }
}

/// A manifest that cannot be read: the start ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Number (from 1) and text of the line, where one line is to blame.
    pub line: Option<(usize, String)>,
    pub reason: &'static str,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "*** FATAL AOF MANIFEST FILE ERROR ***")?;
        if let Some((number, text)) = &self.line {
            writeln!(f, "Reading the manifest file, at line {number}\n>>> '{text}'")?;
        }
        f.write_str(self.reason)
    }
}
impl std::error::Error for ManifestError {}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
