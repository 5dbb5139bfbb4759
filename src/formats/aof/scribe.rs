//! A snapshot told as commands: the base of an append-only file without RDB preamble.
use super::{Rewrite, Writer};
use crate::resp::encode_command;
use crate::store::{DatabaseSize, EntryRef, Facts, Scribe};
use bytes::Bytes;

/// Tells a snapshot as commands.
#[derive(Debug, Default)]
pub struct CommandScribe {
    writer: Writer,
    /// Whether it begins with its time (`aof-timestamp-enabled`).
    stamps: bool,
    /// The entry that is half written, and its database.
    half: Option<(usize, Rewrite)>,
    /// The sources of the libraries of functions.
    functions: Vec<Bytes>,
}

impl CommandScribe {
    pub fn new(stamps: bool) -> CommandScribe {
        CommandScribe { stamps, ..CommandScribe::default() }
    }
    /// These libraries of functions are told first.
    pub fn with_functions(self, functions: Vec<Bytes>) -> CommandScribe {
        CommandScribe { functions, ..self }
    }
}

impl Scribe for CommandScribe {
    fn begin(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        if self.stamps {
            self.writer.write_to(out, |writer| writer.stamp(facts.now_ms.div_euclid(1000)));
        }
        for source in &self.functions {
            encode_command(out, [&b"FUNCTION"[..], b"LOAD", source].into_iter());
        }
    }
    fn database(&mut self, _: &DatabaseSize, _: &mut Vec<u8>) {}
    fn entry(&mut self, db: usize, entry: EntryRef, out: &mut Vec<u8>) {
        // While another one is half written, this one may be put aside: what precedes it in the file is not what was
        // written before it, so each side selects its database anew.
        if self.half.is_some() {
            self.writer.forget_database();
        }
        self.writer.write_to(out, |writer| Rewrite::default().write(db, entry, writer, usize::MAX));
        if self.half.is_some() {
            self.writer.forget_database();
        }
    }
    fn begin_entry(&mut self, db: usize, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let mut rewrite = Rewrite::default();
        let bytes_max = out.len().saturating_add(bytes_max);
        let done = self.writer.write_to(out, |writer| rewrite.write(db, entry, writer, bytes_max));
        if !done {
            self.half = Some((db, rewrite));
        }
        done
    }
    fn go_on(&mut self, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some((db, mut rewrite)) = self.half.take() else { return true };
        let bytes_max = out.len().saturating_add(bytes_max);
        self.writer.forget_database();
        let done = self.writer.write_to(out, |writer| rewrite.write(db, entry, writer, bytes_max));
        self.writer.forget_database();
        if !done {
            self.half = Some((db, rewrite));
        }
        done
    }
    fn end(&mut self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        formats::aof::{Item, Scanner},
        store::{End, Entry, List, Text, Value},
    };

    #[test]
    fn what_is_put_aside_does_not_move_others_to_its_database() {
        let mut list = List::default();
        (0..1000).for_each(|_| list.push(End::Tail, b"element"));
        let large = Entry::object(b"large", list.into_object(), None, 0);
        let small = Entry::string(b"small", Text::Inline(b"x"), None, 0);
        let (mut scribe, mut out, mut aside) = (CommandScribe::default(), Vec::new(), Vec::new());
        assert!(!scribe.begin_entry(0, large.get(), 100, &mut out));
        scribe.entry(1, small.get(), &mut aside);
        assert!(!scribe.go_on(large.get(), 100, &mut out));
        scribe.entry(0, small.get(), &mut aside);
        assert!(scribe.go_on(large.get(), usize::MAX, &mut out));
        out.append(&mut aside);
        assert!(scribe.begin_entry(2, small.get(), 100, &mut out));
        scribe.entry(2, small.get(), &mut out);
        assert_eq!(keys(&out), ["0 large", "1 small", "0 small", "2 small"]);
    }

    /// The keys of a log with their databases, each told once however many commands follow each other.
    fn keys(log: &[u8]) -> Vec<String> {
        let mut scanner = Scanner::default();
        scanner.feed(log);
        let (mut db, mut found) = (String::new(), Vec::new());
        while let Some(Item::Command(command)) = scanner.next_item().expect("it is undamaged") {
            let word =
                |index| String::from_utf8_lossy(command.request.get(index).expect("a word")).into_owned();
            match &word(0)[..] {
                "SELECT" => db = word(1),
                _ => found.push(format!("{db} {}", word(1))),
            }
        }
        found.dedup();
        found
    }

    #[test]
    fn the_moment_is_told_first_if_wanted() {
        let facts = Facts { now_ms: 1_700_000_000_999, parted: 0, databases: Vec::new() };
        for (stamps, text) in [(true, &b"#TS:1700000000\r\n"[..]), (false, b"")] {
            let mut out = Vec::new();
            CommandScribe::new(stamps).begin(&facts, &mut out);
            assert_eq!(out, text);
        }
    }
}
