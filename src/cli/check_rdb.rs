//! `callboard check-rdb FILE`: reads an RDB file to its end, every value of it, and tells what is in it or what is wrong
//! and where; in the lines of redis-check-rdb, so that whatever reads those reads these.
use crate::{
    formats::rdb::{Damage, Decoded, Item, Record, Scanner, Sum, ValueType, decode},
    store::{Content, EncodingLimits},
};
use bytes::Bytes;
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

const CHUNK_BYTES: usize = 1 << 20;

/// Runs the command with these arguments, its own name not included. It fails if the file cannot be read, or is damaged.
pub fn run(name: &str, arguments: &[OsString]) -> ExitCode {
    let [file] = arguments else {
        eprintln!("Usage: {name} <rdb-file-name>");
        return ExitCode::FAILURE;
    };
    let path = Path::new(file);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let checked = File::open(path).and_then(|mut file| {
        let mut report = Report::new(io::stdout().lock(), now_ms);
        report.run(&mut file, &path.to_string_lossy())
    });
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Cannot check {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

struct Report<W> {
    out: W,
    now_ms: i64,
    scanner: Scanner,
    /// The header was that of a snapshot.
    begun: bool,
    keys: u64,
    expires: u64,
    already_expired: u64,
    /// Hashes with deadlines of fields.
    subexpires: u64,
    /// What was being done when something is found wrong, and with which key.
    doing: &'static str,
    key: Option<(Bytes, ValueType)>,
}

impl<W: Write> Report<W> {
    fn new(out: W, now_ms: i64) -> Report<W> {
        Report {
            out,
            now_ms,
            scanner: Scanner::new(true),
            begun: false,
            keys: 0,
            expires: 0,
            already_expired: 0,
            subexpires: 0,
            doing: "start",
            key: None,
        }
    }
    /// Checks a file; true if nothing is wrong with it.
    fn run(&mut self, file: &mut impl Read, name: &str) -> io::Result<bool> {
        self.tell(&format!("Checking RDB file {name}"))?;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
            let is_last = chunk.is_empty();
            self.scanner.push(chunk.into());
            if let Err(damage) = self.take_items(is_last)? {
                self.tell_damage(&damage)?;
                return Ok(false);
            }
            if is_last || self.scanner.has_ended() {
                self.tell("\\o/ RDB looks OK! \\o/")?;
                self.summary()?;
                return Ok(true);
            }
        }
    }
    fn take_items(&mut self, is_last: bool) -> io::Result<Result<(), Damage>> {
        loop {
            match self.scanner.next_item() {
                Ok(Some(item)) => {
                    if let Err(damage) = self.take(item)? {
                        return Ok(Err(damage));
                    }
                }
                Ok(None) if is_last => {
                    self.note_stage();
                    return Ok(self.scanner.end_of_input());
                }
                Ok(None) => return Ok(Ok(())),
                Err(damage) => {
                    self.note_stage();
                    return Ok(Err(damage));
                }
            }
        }
    }
    /// What the file was found wrong in the middle of.
    fn note_stage(&mut self) {
        self.doing = match self.scanner.kind_at_hand() {
            Some(kind) => {
                self.key = Some((Bytes::new(), kind));
                "read-object-value"
            }
            None if !self.begun => "start",
            None if self.scanner.has_ended() => "check-sum",
            None => "read-type",
        };
    }
    fn take(&mut self, item: Item) -> io::Result<Result<(), Damage>> {
        match item {
            Item::Aux { name, value } => {
                let (name, value) = (name.escape_ascii(), value.escape_ascii());
                self.tell(&format!("AUX FIELD {name} = '{value}'"))?;
            }
            Item::SelectDb(id) => self.tell(&format!("Selecting DB ID {id}"))?,
            Item::ModuleAux { module } => self.tell(&format!("MODULE AUX for: {module}"))?,
            Item::End(Sum::Right) => self.tell("Checksum OK")?,
            Item::End(_) => {
                self.tell("RDB file was saved with checksum disabled: no check performed.")?;
            }
            Item::Record(record) => return Ok(self.take_record(record)),
            Item::Version(_) => self.begun = true,
            Item::ResizeDb { .. } | Item::SlotInfo { .. } | Item::Function(_) => {}
        }
        Ok(Ok(()))
    }
    fn take_record(&mut self, record: Record) -> Result<(), Damage> {
        self.keys += 1;
        self.expires += record.deadline.is_some() as u64;
        self.already_expired += record.deadline.is_some_and(|deadline| deadline < self.now_ms) as u64;
        // Values of modules are walked along, and that is all that can be done here.
        if record.kind == ValueType::Module {
            return Ok(());
        }
        match decode(record.kind, &record.payload, &EncodingLimits::default()) {
            Ok(Decoded::Value(Content::Object(object))) => {
                self.subexpires += object.get().next_deadline().is_some() as u64;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(damage) => {
                self.doing = "read-object-value";
                self.key = Some((record.key, record.kind));
                Err(damage.behind(record.payload_offset))
            }
        }
    }

    fn tell(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "[offset {}] {text}", self.scanner.offset())
    }
    fn tell_damage(&mut self, damage: &Damage) -> io::Result<()> {
        writeln!(self.out, "--- RDB ERROR DETECTED ---")?;
        writeln!(self.out, "[offset {}] {}", damage.offset, damage.reason)?;
        writeln!(self.out, "[additional info] While doing: {}", self.doing)?;
        if let Some((key, kind)) = &self.key {
            if !key.is_empty() {
                writeln!(self.out, "[additional info] Reading key '{}'", key.escape_ascii())?;
            }
            writeln!(self.out, "[additional info] Reading type {} ({})", *kind as u8, kind.name())?;
        }
        self.summary()
    }
    fn summary(&mut self) -> io::Result<()> {
        writeln!(self.out, "[info] {} keys read", self.keys)?;
        writeln!(self.out, "[info] {} expires", self.expires)?;
        writeln!(self.out, "[info] {} already expired", self.already_expired)?;
        writeln!(self.out, "[info] {} subexpires", self.subexpires)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &[u8], is_fine: bool, lines: &[&str]) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, 1_700_000_000_000);
        assert_eq!(report.run(&mut &file[..], "dump.rdb").unwrap(), is_fine);
        assert_eq!(String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_file_that_is_fine() {
        let body = b"REDIS0012\xfa\x03ver\x017\xfe\x02\xfc\x05\0\0\0\0\0\0\0\x00\x01a\x01b\
            \x16\x01h\x01\x05\x01f\x01v\xff\0\0\0\0\0\0\0\0";
        check(
            body,
            true,
            &[
                "[offset 0] Checking RDB file dump.rdb",
                "[offset 16] AUX FIELD ver = '7'",
                "[offset 18] Selecting DB ID 2",
                "[offset 50] RDB file was saved with checksum disabled: no check performed.",
                "[offset 50] \\o/ RDB looks OK! \\o/",
                "[info] 2 keys read",
                "[info] 1 expires",
                "[info] 1 already expired",
                "[info] 1 subexpires",
            ],
        );
    }

    #[test]
    fn files_that_are_damaged() {
        check(
            b"REDIS0010\x02\x03set\x02\x01a\x01a\xff\0\0\0\0\0\0\0\0",
            false,
            &[
                "[offset 0] Checking RDB file dump.rdb",
                "--- RDB ERROR DETECTED ---",
                "[offset 17] Duplicate set members detected",
                "[additional info] While doing: read-object-value",
                "[additional info] Reading key 'set'",
                "[additional info] Reading type 2 (set-hashtable)",
                "[info] 1 keys read",
                "[info] 0 expires",
                "[info] 0 already expired",
                "[info] 0 subexpires",
            ],
        );
        check(
            b"REDIS0010\x00\x03key\x09val",
            false,
            &[
                "[offset 0] Checking RDB file dump.rdb",
                "--- RDB ERROR DETECTED ---",
                "[offset 18] Unexpected EOF reading RDB file",
                "[additional info] While doing: read-object-value",
                "[additional info] Reading type 0 (string)",
                "[info] 0 keys read",
                "[info] 0 expires",
                "[info] 0 already expired",
                "[info] 0 subexpires",
            ],
        );
    }
}
