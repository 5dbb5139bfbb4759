//! From effects to the bytes of an append-only file.
//!
//! Effects are commands in RESP already; what is added here is what makes a log of them. SELECT precedes a command of
//! another database than the last one's; `#TS:` tells the second (`aof-timestamp-enabled`), so that the log can be cut
//! back to a moment; MULTI and EXEC stand around the effects of one transaction, so that a crash leaves all or none of
//! them. A single effect needs neither.
use crate::resp::encode_command;
use std::io::Write;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// The database that the last command written selected.
    db: Option<usize>,
    /// The second that was told last, since 1970.
    told_s: Option<i64>,
    transaction: Option<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    /// Where its first command begins in `out`.
    start: usize,
    commands: usize,
}

impl Writer {
    /// Tells the time of the commands that follow (seconds since 1970), unless it is no later than the last one told.
    /// Within a transaction it is not told: the log must not be cut there.
    pub fn stamp(&mut self, now_s: i64) {
        if self.transaction.is_none() && self.told_s.is_none_or(|told| told < now_s) {
            self.told_s = Some(now_s);
            // Writing to memory does not fail.
            let _ = write!(self.out, "#TS:{now_s}\r\n");
        }
    }
    /// What follows, up to [`Writer::end`], is one transaction.
    pub fn begin(&mut self) {
        debug_assert!(self.transaction.is_none(), "transactions do not nest");
        self.transaction = Some(Transaction { start: self.out.len(), commands: 0 });
    }
    pub fn end(&mut self) {
        let Some(Transaction { start, commands }) = self.transaction.take() else { return };
        if commands > 1 {
            self.out.splice(start..start, MULTI.iter().copied());
            self.out.extend_from_slice(EXEC);
        }
    }
    pub fn command<'a>(&mut self, db: usize, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.count(1);
        if self.db != Some(db) {
            self.db = Some(db);
            let mut digits = itoa::Buffer::new();
            encode_command(&mut self.out, [&b"SELECT"[..], digits.format(db).as_bytes()].into_iter());
        }
        encode_command(&mut self.out, args);
    }
    /// Adds commands that are written already, the first of which selects its database. `count` is how many there are,
    /// SELECT not counted.
    pub fn written(&mut self, commands: &[u8], count: usize) {
        self.count(count);
        self.db = None;
        self.out.extend_from_slice(commands);
    }
    fn count(&mut self, commands: usize) {
        if let Some(transaction) = &mut self.transaction {
            transaction.commands += commands;
        }
    }
    /// Writes behind what stands in `out`.
    pub fn write_to<R>(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer) -> R) -> R {
        std::mem::swap(&mut self.out, out);
        let result = write(self);
        std::mem::swap(&mut self.out, out);
        result
    }
    /// The next command goes to another file, which knows of no database yet.
    pub fn forget_database(&mut self) {
        self.db = None
    }
    /// Bytes that wait to be taken.
    pub fn len(&self) -> usize {
        self.out.len()
    }
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }
    /// What was written since the last call; never in the midst of a transaction.
    pub fn take(&mut self) -> Vec<u8> {
        debug_assert!(self.transaction.is_none(), "a transaction is taken as a whole");
        std::mem::take(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::aof::scan::{Item, Scanner};
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<&[u8]> {
        line.split(' ').map(str::as_bytes).collect()
    }
    /// What a log says, a line for each command or annotation; those in transactions are indented.
    fn told(log: &[u8]) -> Vec<String> {
        let mut scanner = Scanner::default();
        scanner.feed(log);
        let mut lines = Vec::new();
        while let Some(item) = scanner.next_item().expect("it is undamaged") {
            lines.push(match item {
                Item::Annotation { text, .. } => text.escape_ascii().to_string(),
                Item::Command(command) => {
                    let words: Vec<_> =
                        command.request.iter().map(|word| word.escape_ascii().to_string()).collect();
                    let indent = if command.in_transaction { "  " } else { "" };
                    format!("{indent}{}", words.join(" "))
                }
            });
        }
        assert_eq!(scanner.finish(), Ok(()));
        lines
    }

    #[test]
    fn databases_moments_and_transactions_are_told_when_they_change() {
        let mut writer = Writer::default();
        writer.stamp(5);
        writer.command(0, words("SET a 1").into_iter());
        writer.stamp(5);
        writer.command(0, words("SET a 2").into_iter());
        writer.begin();
        writer.stamp(6);
        writer.command(0, words("INCR a").into_iter());
        writer.end();
        writer.stamp(4);
        writer.begin();
        writer.command(1, words("INCR a").into_iter());
        writer.command(0, words("INCR a").into_iter());
        writer.end();
        writer.begin();
        writer.end();
        let before = told(&writer.take());
        assert_eq!(
            before,
            [
                "#TS:5",
                "SELECT 0",
                "SET a 1",
                "SET a 2",
                "INCR a",
                "  MULTI",
                "  SELECT 1",
                "  INCR a",
                "  SELECT 0",
                "  INCR a",
                "  EXEC"
            ]
        );
        writer.command(0, words("INCR b").into_iter());
        writer.begin();
        writer.written(b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$8\r\nFLUSHALL\r\n", 1);
        writer.end();
        writer.command(0, words("INCR c").into_iter());
        writer.forget_database();
        writer.command(0, words("INCR d").into_iter());
        let after = told(&writer.take());
        assert_eq!(after, ["INCR b", "SELECT 3", "FLUSHALL", "SELECT 0", "INCR c", "SELECT 0", "INCR d"]);
        assert!(writer.is_empty());
    }

    proptest! {
        #[test]
        fn any_arguments_come_back(commands in prop::collection::vec(
            (0..3_usize, prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5)), 0..20)
        ) {
            let mut writer = Writer::default();
            for (db, args) in &commands {
                writer.command(*db, args.iter().map(Vec::as_slice));
            }
            let log = writer.take();
            let mut scanner = Scanner::default();
            scanner.feed(&log);
            let (mut db, mut read) = (None, Vec::new());
            while let Ok(Some(Item::Command(command))) = scanner.next_item() {
                let args: Vec<_> = command.request.iter().map(<[u8]>::to_vec).collect();
                match (&args[0][..], args.len()) {
                    (b"SELECT", 2) => db = String::from_utf8_lossy(&args[1]).parse().ok(),
                    _ => read.push((db.expect("a database is selected first"), args)),
                }
            }
            let is_control = |(_, args): &(usize, Vec<Vec<u8>>)| [&b"MULTI"[..], b"EXEC"].contains(&&args[0][..]);
            prop_assume!(!commands.iter().any(is_control));
            prop_assert_eq!(read, commands);
        }
    }

    #[test]
    fn a_large_argument_is_written_whole() {
        let large = vec![b'x'; 40 << 20];
        let mut writer = Writer::default();
        writer.command(0, [&b"SET"[..], b"k", &large].into_iter());
        let log = writer.take();
        assert!(
            log.starts_with(
                b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$41943040\r\nxxx"
            )
        );
        assert_eq!(log.len(), 23 + 34 - 3 + large.len() + 2);
    }
}
