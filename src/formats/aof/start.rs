//! What a start finds on disk, and what is to be done: nothing to load, an old append-only file to take over, or parts.
//!
//! An old server kept one file, `appendfilename` in `dir`. It is taken over by writing a manifest that names it as the
//! base, and then moving it into the directory. A start that is interrupted between the two finds the manifest without
//! the file, and goes on from there.
use super::manifest::{BaseFormat, Manifest, Names};
use std::ffi::OsString;

/// What lies in `dir` and in `appenddirname` in it.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// None: there is no directory, or no manifest in it.
    pub manifest: Option<Manifest>,
    /// Where there is no manifest: increments that are not empty. No first start that was killed has left those.
    pub unlisted: Vec<OsString>,
    /// There is a file `appendfilename` in `dir`.
    pub old_file: bool,
    /// There is a file `appendfilename` in `appenddirname`.
    pub moved_file: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// No append-only file: begin with no data.
    Empty(Manifest),
    /// Make the directory if there is none, write this manifest, and move the old file into the directory; then load.
    Upgrade(Manifest),
    /// Load these parts. One that is missing ends the start.
    Load(Manifest),
    /// There are increments, and no manifest says of what: the data may be in them, and would be written over.
    Unlisted(Vec<OsString>),
    /// An old file would have to be moved over another one, of which no manifest tells.
    Ambiguous,
}

impl Start {
    pub fn of(found: Found, names: Names) -> Start {
        let Found { manifest, unlisted, old_file, moved_file } = found;
        if manifest.is_none() && !unlisted.is_empty() {
            return Start::Unlisted(unlisted);
        }
        let manifest = manifest.unwrap_or_default();
        // A manifest that has nothing but the old name may be of an upgrade that was interrupted.
        let names_old_file =
            manifest.increments().is_empty() && manifest.base().is_some_and(|base| *base.name == *names.0);
        match old_file {
            true if manifest.is_empty() && moved_file => Start::Ambiguous,
            true if manifest.is_empty() || names_old_file && !moved_file => {
                Start::Upgrade(Manifest::of_old_file(names.0).with_history_of(manifest))
            }
            _ if manifest.is_empty() => Start::Empty(manifest),
            _ => Start::Load(manifest),
        }
    }
}

/// How the append-only file is opened for writing, once what there was is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// To be written if it differs from the one on disk.
    pub manifest: Manifest,
    /// A base to be made of the data as it is (none of it, unless an RDB file was loaded) before all else.
    pub new_base: Option<OsString>,
    /// Where commands are appended; it is made if need be.
    pub increment: OsString,
    pub increment_is_new: bool,
}

impl Opening {
    pub fn of(mut manifest: Manifest, names: Names, format: BaseFormat) -> Opening {
        let new_base = manifest.is_empty().then(|| manifest.replace_base(names, format).name.clone());
        let last = manifest.increments().last().map(|part| part.name.clone());
        let increment_is_new = last.is_none();
        let increment = last.unwrap_or_else(|| manifest.add_increment(names).name.clone());
        Opening { manifest, new_base, increment, increment_is_new }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names("a.aof");

    fn manifest(text: &str) -> Manifest {
        Manifest::parse(text.as_bytes()).expect(text)
    }

    #[test]
    fn every_state_of_the_directory_has_its_start() {
        let upgraded = manifest("file a.aof seq 1 type b\n");
        let further = manifest("file a.aof seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n");
        let other = manifest("file a.aof.1.base.rdb seq 1 type b\n");
        let history = manifest("file a.aof.1.base.rdb seq 1 type h\n");
        let upgrade_of_history = manifest("file a.aof seq 1 type b\nfile a.aof.1.base.rdb seq 1 type h\n");
        let none = Manifest::default();
        for (found, old_file, moved_file, start) in [
            (None, false, false, Start::Empty(none.clone())),
            (None, true, false, Start::Upgrade(upgraded.clone())),
            // It is in the directory, but nothing tells whether it is all there was.
            (None, false, true, Start::Empty(none)),
            (None, true, true, Start::Ambiguous),
            (Some(&history), false, false, Start::Empty(history.clone())),
            (Some(&history), true, false, Start::Upgrade(upgrade_of_history)),
            // An upgrade was interrupted before the file was moved, or afterwards.
            (Some(&upgraded), true, false, Start::Upgrade(upgraded.clone())),
            (Some(&upgraded), false, true, Start::Load(upgraded.clone())),
            (Some(&upgraded), true, true, Start::Load(upgraded.clone())),
            (Some(&upgraded), false, false, Start::Load(upgraded.clone())),
            (Some(&further), true, false, Start::Load(further.clone())),
            (Some(&other), true, false, Start::Load(other.clone())),
            (Some(&other), false, false, Start::Load(other.clone())),
        ] {
            let state = format!("{found:?} {old_file} {moved_file}");
            let found = Found { manifest: found.cloned(), unlisted: Vec::new(), old_file, moved_file };
            assert_eq!(Start::of(found, NAMES), start, "{state}");
        }
    }

    #[test]
    fn increments_without_a_manifest_are_not_written_over() {
        for old_file in [false, true] {
            let unlisted = vec![OsString::from("a.aof.1.incr.aof")];
            let found = Found { unlisted: unlisted.clone(), old_file, ..Found::default() };
            assert_eq!(Start::of(found, NAMES), Start::Unlisted(unlisted));
        }
        for (name, is_one) in [
            ("a.aof.1.incr.aof", true),
            ("a.aof.12.incr.aof", true),
            ("b.aof.1.incr.aof", false),
            ("a.aof.x.incr.aof", false),
            ("a.aof.1.incr.aof.old", false),
            ("a.aof.1.base.rdb", false),
            ("temp-a.aof.incr", false),
        ] {
            assert_eq!(NAMES.is_increment(name.as_ref()), is_one, "{name}");
        }
    }

    #[test]
    fn commands_go_into_the_last_increment_or_into_a_new_one() {
        for (before, format, after, new_base) in [
            (
                "",
                BaseFormat::Rdb,
                "file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n",
                Some("a.aof.1.base.rdb"),
            ),
            (
                "",
                BaseFormat::Commands,
                "file a.aof.1.base.aof seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n",
                Some("a.aof.1.base.aof"),
            ),
            (
                "file a.aof seq 1 type b\n",
                BaseFormat::Rdb,
                "file a.aof seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n",
                None,
            ),
            ("file x seq 3 type i\n", BaseFormat::Rdb, "file x seq 3 type i\n", None),
        ] {
            let before = if before.is_empty() { Manifest::default() } else { manifest(before) };
            let had_increment = !before.increments().is_empty();
            let opening = Opening::of(before, NAMES, format);
            assert_eq!(opening.manifest.to_text(), after);
            assert_eq!(opening.new_base.as_deref(), new_base.map(AsRef::as_ref));
            assert_eq!(opening.increment_is_new, !had_increment);
            assert_eq!(Some(&opening.increment), opening.manifest.increments().last().map(|part| &part.name));
        }
    }
}
