//! A snapshot written as commands: the base of an append-only file without RDB preamble.
use super::{Rewrite, Writer};
use crate::store::{DatabaseSize, EntryRef, Facts, Scribe};

#[derive(Default)]
pub struct CommandScribe {
    writer: Writer,
    /// The entry that is half written, and its database.
    half: Option<(usize, Rewrite)>,
}

impl CommandScribe {
    fn give(&mut self, out: &mut Vec<u8>) {
        let mut written = self.writer.take();
        if out.is_empty() {
            *out = written;
        } else {
            out.append(&mut written);
        }
    }
}

impl Scribe for CommandScribe {
    fn begin(&mut self, _: &Facts, _: &mut Vec<u8>) {}
    fn database(&mut self, _: &DatabaseSize, _: &mut Vec<u8>) {}
    fn entry(&mut self, db: usize, entry: EntryRef, out: &mut Vec<u8>) {
        // It may be put aside, behind an entry that is half written: which database that left selected is not known here.
        self.writer.forget_database();
        Rewrite::default().write(db, entry, &mut self.writer, usize::MAX);
        self.writer.forget_database();
        self.give(out);
    }
    fn begin_entry(&mut self, db: usize, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        self.half = Some((db, Rewrite::default()));
        self.go_on(entry, bytes_max, out)
    }
    fn go_on(&mut self, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some((db, rewrite)) = &mut self.half else { return true };
        let whole = rewrite.write(*db, entry, &mut self.writer, bytes_max);
        if whole {
            self.half = None;
        }
        self.give(out);
        whole
    }
    fn end(&mut self, _: &mut Vec<u8>) {}
}
