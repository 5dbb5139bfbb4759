//! Parameters with a form of their own: save points, buffer limits, addresses, percentiles, event classes and so on.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::parameter::Kind;
use super::setting::{Setting, Written, only, read_integer, read_memory, with_unit, within};
use super::text::{quoted, quoted_if_needed};
use crate::data::number::parse_double;

/// Save a snapshot when this many changes were made and this many seconds passed since the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// At least one.
    pub seconds: u64,
    /// May be 0: then time alone decides.
    pub changes: u64,
}

/// All save points; none means that no snapshot is ever made by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavePoints(pub Vec<SavePoint>);

impl SavePoints {
    fn read(pair: &[&str]) -> Option<SavePoint> {
        let [seconds, changes] = pair else { return None };
        let (seconds, changes) = (seconds.parse().ok()?, changes.parse().ok()?);
        (seconds >= 1).then_some(SavePoint { seconds, changes })
    }
}

impl Setting for SavePoints {
    /// Adds to those already there (see `Parameter::accumulates`), unless one empty word clears them.
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        if words == [""] {
            self.0.clear();
            return Ok(());
        }
        let points: Option<Vec<SavePoint>> = words.chunks(2).map(SavePoints::read).collect();
        self.0.extend(points.ok_or("Invalid save parameters")?);
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let points: Vec<String> = self.0.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect();
        points.join(" ")
    }

    /// Always written, so that a later release's other defaults do not change what was decided here.
    fn lines(&self, _: &Kind) -> Written {
        if self.0.is_empty() {
            return Written::Always(vec!["\"\"".into()]);
        }
        Written::Always(self.0.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect())
    }
}

/// How much output may wait for one client before it is disconnected. 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimit {
    /// At this many bytes, at once.
    pub hard_bytes: u64,
    /// Above this many bytes, after `soft_seconds` without a break.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

/// The limits of each class of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimits {
    /// Clients that send commands.
    pub normal: OutputBufferLimit,
    /// Replicas.
    pub replica: OutputBufferLimit,
    /// Subscribers.
    pub pubsub: OutputBufferLimit,
}

impl OutputBufferLimits {
    fn class(&mut self, name: &str) -> Option<&mut OutputBufferLimit> {
        match name.to_ascii_lowercase().as_str() {
            "normal" => Some(&mut self.normal),
            "slave" | "replica" => Some(&mut self.replica),
            "pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }

    fn read(words: &[&str]) -> Option<OutputBufferLimit> {
        let [hard, soft, seconds] = words else { return None };
        Some(OutputBufferLimit {
            hard_bytes: read_memory(hard)?.try_into().ok()?,
            soft_bytes: read_memory(soft)?.try_into().ok()?,
            soft_seconds: seconds.parse().ok()?,
        })
    }
}

impl Setting for OutputBufferLimits {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = *self;
        for group in words.chunks_exact(4) {
            let class = limits.class(group[0]);
            let class = class.ok_or("Invalid client class specified in buffer limit configuration.")?;
            *class = OutputBufferLimits::read(&group[1..])
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        *self = limits;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let show = |l: OutputBufferLimit| format!("{} {} {}", l.hard_bytes, l.soft_bytes, l.soft_seconds);
        format!("normal {} slave {} pubsub {}", show(self.normal), show(self.replica), show(self.pubsub))
    }

    fn lines(&self, _: &Kind) -> Written {
        let line = |class: &str, limit: OutputBufferLimit| {
            let (hard, soft) = (with_unit(limit.hard_bytes.into()), with_unit(limit.soft_bytes.into()));
            format!("{class} {hard} {soft} {}", limit.soft_seconds)
        };
        let (normal, replica) = (line("normal", self.normal), line("replica", self.replica));
        Written::UnlessDefault(vec![normal, replica, line("pubsub", self.pubsub)])
    }
}

/// Most addresses that `bind` takes.
const ADDRESSES_MAX: usize = 16;

/// The addresses of `bind`; one with a `-` before it may be missing on this host.
impl Setting for Vec<String> {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        if words.len() > ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".into());
        }
        let words = if words == [""] { &[] } else { words };
        *self = words.iter().map(|word| word.to_string()).collect();
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.join(" ")
    }

    fn lines(&self, _: &Kind) -> Written {
        let words: Vec<String> = self.iter().map(|word| quoted_if_needed(word)).collect();
        match words.join(" ").as_str() {
            "* -::*" => Written::Never,
            "" => Written::UnlessDefault(vec!["\"\"".into()]),
            words => Written::UnlessDefault(vec![words.into()]),
        }
    }
}

/// The percentiles that `INFO latencystats` shows.
impl Setting for Vec<f64> {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let words = if words == [""] { &[] } else { words };
        let read = |word: &&str| parse_double(word.as_bytes());
        let percentiles: Option<Vec<f64>> = words.iter().map(read).collect();
        let percentiles = percentiles.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !percentiles.iter().all(|percentile| (0.0..=100.0).contains(percentile)) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        *self = percentiles;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let show = |percentile: &f64| {
            let digits = format!("{percentile:.6}");
            digits.trim_end_matches('0').trim_end_matches('.').to_string()
        };
        self.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    fn lines(&self, kind: &Kind) -> Written {
        let shown = self.show(kind);
        Written::Always(vec![if shown.is_empty() { "\"\"".into() } else { shown }])
    }
}

/// The working directory, always absolute: a relative one would mean another place after the next change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

impl Default for Directory {
    fn default() -> Directory {
        Directory(std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")))
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Setting for Directory {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let word = only(words)?;
        if word.is_empty() {
            return Err("No such file or directory".into());
        }
        let path = self.0.join(word).canonicalize().map_err(|error| reason_of(&error))?;
        if !path.is_dir() {
            return Err("Not a directory".into());
        }
        self.0 = path;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.0.to_string_lossy().into_owned()
    }

    fn lines(&self, kind: &Kind) -> Written {
        Written::Always(vec![quoted(&self.show(kind))])
    }
}

/// What the system says of an error, without the number that Rust adds.
pub(super) fn reason_of(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// The classes of keyspace events that clients may hear of, by their letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceEvents(u16);

impl KeyspaceEvents {
    /// The classes that `A` stands for, then those it does not, in the order in which they are shown.
    const LETTERS: &'static [u8] = b"g$lshzxetdnKEm";
    const ALL: u16 = (1 << 10) - 1;

    /// Whether the class with this letter is on.
    pub fn has(self, letter: u8) -> bool {
        Self::bit(letter).is_some_and(|bit| self.0 & bit == bit)
    }

    fn bit(letter: u8) -> Option<u16> {
        if letter == b'A' {
            return Some(Self::ALL);
        }
        Self::LETTERS.iter().position(|known| *known == letter).map(|index| 1 << index)
    }

    fn letters(self) -> String {
        let all = self.0 & Self::ALL == Self::ALL;
        let shown = Self::LETTERS
            .iter()
            .enumerate()
            .filter(|(index, _)| self.0 & (1 << index) != 0 && !(all && Self::ALL & (1 << index) != 0));
        let letters = shown.map(|(_, letter)| char::from(*letter));
        all.then_some('A').into_iter().chain(letters).collect()
    }
}

impl Setting for KeyspaceEvents {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let mut classes = 0;
        for letter in only(words)?.bytes() {
            classes |= Self::bit(letter).ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        }
        self.0 = classes;
        Ok(())
    }

    /// As Redis shows it, which forgets `n` beside `A`.
    fn show(&self, _: &Kind) -> String {
        let letters = self.letters();
        if letters.starts_with('A') { letters.replace('n', "") } else { letters }
    }

    fn lines(&self, _: &Kind) -> Written {
        Written::UnlessDefault(vec![quoted(&self.letters())])
    }
}

/// The master to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Setting for Option<Master> {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let [host, port] = words else { return Err("wrong number of arguments".into()) };
        if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") {
            *self = None;
            return Ok(());
        }
        let port = port.parse().map_err(|_| "Invalid master port")?;
        *self = Some(Master { host: host.to_string(), port });
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.as_ref().map(|master| format!("{} {}", master.host, master.port)).unwrap_or_default()
    }

    fn lines(&self, _: &Kind) -> Written {
        match self {
            Some(master) => {
                Written::Always(vec![format!("{} {}", quoted_if_needed(&master.host), master.port)])
            }
            None => Written::Never,
        }
    }
}

/// Scores for the kernel's choice when memory runs out: as a master, as a replica, as a child.
impl Setting for [i32; 3] {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        const WRONG: &str = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
        let words: &[&str; 3] = words.try_into().map_err(|_| "wrong number of arguments")?;
        let mut scores = [0; 3];
        for (score, word) in scores.iter_mut().zip(words) {
            *score = word.parse().ok().filter(|score| (-2000..=2000).contains(score)).ok_or(WRONG)?;
        }
        *self = scores;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.map(|score| score.to_string()).join(" ")
    }
}

/// An amount of memory, absolute or as a part of `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryShare {
    /// So many bytes; 0 means no limit.
    Bytes(u64),
    /// So many percent of `maxmemory`.
    Percent(u8),
}

impl Default for MemoryShare {
    fn default() -> MemoryShare {
        MemoryShare::Bytes(0)
    }
}

impl Setting for MemoryShare {
    fn take(&mut self, words: &[&str], kind: &Kind) -> Result<(), String> {
        const WRONG: &str = "argument must be a memory or percent value";
        let Kind::MemoryOrPercent(min, max) = *kind else {
            unreachable!("a share of memory is declared as memory or percent");
        };
        let word = only(words)?;
        if let Some(bytes) = read_memory(word) {
            let bytes = within(bytes, min, max, |bound| bound.to_string())?;
            *self = MemoryShare::Bytes(bytes.try_into().map_err(|_| WRONG)?);
            return Ok(());
        }
        let percent =
            word.strip_suffix('%').and_then(read_integer).filter(|percent| *percent >= 0).ok_or(WRONG)?;
        let percent = u8::try_from(percent).ok().filter(|percent| i128::from(*percent) <= -min);
        let percent =
            percent.ok_or_else(|| format!("percentage argument must be less or equal to {}", -min))?;
        // Nothing percent is no limit, as no bytes are.
        *self = if percent == 0 { MemoryShare::Bytes(0) } else { MemoryShare::Percent(percent) };
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        match self {
            MemoryShare::Bytes(bytes) => bytes.to_string(),
            MemoryShare::Percent(percent) => format!("{percent}%"),
        }
    }

    fn lines(&self, kind: &Kind) -> Written {
        Written::UnlessDefault(vec![match self {
            MemoryShare::Bytes(bytes) => with_unit((*bytes).into()),
            MemoryShare::Percent(_) => self.show(kind),
        }])
    }
}
