//! The manifest: lines, errors, and what rewrites make of it. The cases are those of Redis' own tests and more.
use super::*;
use proptest::prelude::*;

const NAMES: Names = Names("appendonly.aof");

fn manifest(text: &str) -> Manifest {
    Manifest::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

#[test]
fn lines_are_read_and_written_again() {
    let text = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                file appendonly.aof.1.incr.aof seq 1 type h\n\
                file appendonly.aof.3.incr.aof seq 3 type i\n\
                file appendonly.aof.7.incr.aof seq 7 type i\n";
    let read = manifest(text);
    assert_eq!(read.to_text(), text);
    let names: Vec<_> = read.parts().map(|part| part.name.to_string_lossy().into_owned()).collect();
    assert_eq!(
        names,
        ["appendonly.aof.2.base.rdb", "appendonly.aof.3.incr.aof", "appendonly.aof.7.incr.aof"]
    );
    let loose = "# by hand\n TYPE b\tfile a NewKey new seq 4x \r\n#\nfile \"b c\" seq 1 type i\n";
    assert_eq!(manifest(loose).to_text(), "file a seq 4 type b\nfile \"b c\" seq 1 type i\n");
}

#[test]
fn what_cannot_be_read_says_why_and_where() {
    let long = "file a seq 1 type b ".repeat(60) + "\n";
    let base = "file a seq 1 type b\n";
    for (text, line, reason) in [
        ("", None, "Found an empty AOF manifest"),
        ("file a seq 1 type b", None, "The AOF manifest file contains too long line"),
        (&long, None, "The AOF manifest file contains too long line"),
        ("file a\0 seq 1 type b\n", None, "The AOF manifest file contains too long line"),
        (&format!("{base}\n"), Some(2), INVALID),
        ("filx a seq 1 type b\n", Some(1), INVALID),
        (&format!("#\n{base}file b type i\n"), Some(3), INVALID),
        ("file a seq 1 type b newkey\n", Some(1), INVALID),
        ("file a seq 0 type b\n", Some(1), INVALID),
        ("file a seq x type b\n", Some(1), INVALID),
        ("file \"\" seq 1 type b\n", Some(1), INVALID),
        ("file a seq 1 type \"\"\n", Some(1), INVALID),
        ("file \"a seq 1 type b\n", Some(1), INVALID),
        ("file a seq 1 type x\n", Some(1), "Unknown AOF file type"),
        ("file ../a seq 1 type b\n", Some(1), "File can't be a path, just a filename"),
        ("file a\\b seq 1 type b\n", Some(1), "File can't be a path, just a filename"),
        (&format!("{base}{base}"), Some(2), "Found duplicate base file information"),
        ("file b seq 2 type i\nfile a seq 1 type i\n", Some(2), "Found a non-monotonic sequence number"),
        ("file b seq 2 type i\nfile b seq 2 type i\n", Some(2), "Found a non-monotonic sequence number"),
        ("file b seq -2 type i\n", Some(1), "Found a non-monotonic sequence number"),
    ] {
        let error = Manifest::parse(text.as_bytes()).expect_err(text);
        assert_eq!((error.line.as_ref().map(|line| line.0), error.reason), (line, reason), "{text:?}");
    }
    let error = Manifest::parse(b"  file a type b \n").expect_err("it is short").to_string();
    assert_eq!(
        error,
        "*** FATAL AOF MANIFEST FILE ERROR ***\nReading the manifest file, at line 1\n>>> 'file a type b'\n\
         Invalid AOF manifest file format"
    );
}

#[test]
fn rewrites_make_history() {
    let mut now = manifest("file x.4.base.rdb seq 4 type b\nfile x.1.incr.aof seq 1 type i\n");
    let names = Names("x");
    // A rewrite that fails leaves an increment behind.
    now.add_increment(names);
    now.add_increment(names);
    now = now.rewritten(names, BaseFormat::Rdb, Logging::On).manifest;
    now.add_increment(names);
    now = now.rewritten(names, BaseFormat::Commands, Logging::On).manifest;
    assert_eq!(
        now.to_text(),
        "file x.6.base.aof seq 6 type b\nfile x.3.incr.aof seq 3 type h\nfile x.5.base.rdb seq 5 type h\n\
         file x.1.incr.aof seq 1 type h\nfile x.2.incr.aof seq 2 type h\nfile x.4.base.rdb seq 4 type h\n\
         file x.4.incr.aof seq 4 type i\n"
    );
    assert_eq!(now.history().len(), 5);
    now.retain_history(|_| false);
    assert_eq!(now.to_text(), "file x.6.base.aof seq 6 type b\nfile x.4.incr.aof seq 4 type i\n");
}

#[test]
fn a_rewrite_while_nothing_is_logged_leaves_the_base_alone() {
    let mut off = manifest("file appendonly.aof.3.base.rdb seq 3 type b\nfile b seq 6 type i\n")
        .rewritten(NAMES, BaseFormat::Rdb, Logging::Off)
        .manifest;
    off.retain_history(|_| false);
    assert_eq!(off.to_text(), "file appendonly.aof.4.base.rdb seq 4 type b\n");
    // Numbers of increments go on as long as the server runs, and begin anew when the file is read.
    for (before, number) in [(&off, 7), (&manifest(&off.to_text()), 1)] {
        let Rewritten { manifest, base, increment } =
            before.rewritten(NAMES, BaseFormat::Rdb, Logging::Beginning);
        let name = format!("appendonly.aof.{number}.incr.aof");
        assert_eq!(
            (base.to_str(), increment),
            (Some("appendonly.aof.5.base.rdb"), Some(name.clone().into()))
        );
        assert_eq!(manifest.increments(), [Part { name: name.into(), seq: number }]);
        assert_eq!(manifest.history(), before.base().cloned().as_slice());
    }
}

#[test]
fn a_new_file_never_has_the_name_of_one_to_be_deleted() {
    let mut read = manifest(
        "file x.2.base.rdb seq 2 type h\nfile x.1.base.rdb seq 1 type h\nfile x.1.incr.aof seq 1 type h\n",
    );
    let names = Names("x");
    assert_eq!(read.replace_base(names, BaseFormat::Rdb).name, "x.3.base.rdb");
    assert_eq!(read.add_increment(names).name, "x.2.incr.aof");
}

#[test]
fn names_follow_from_one() {
    assert_eq!(NAMES.manifest(), "appendonly.aof.manifest");
    assert_eq!(NAMES.temporary_manifest(), "temp-appendonly.aof.manifest");
    assert_eq!(NAMES.temporary_increment(), "temp-appendonly.aof.incr");
    let strange = Names(" file seq \n\n.aof ");
    let text = Manifest::default().rewritten(strange, BaseFormat::Rdb, Logging::Beginning).manifest.to_text();
    assert_eq!(
        text,
        "file \" file seq \\n\\n.aof .1.base.rdb\" seq 1 type b\nfile \" file seq \\n\\n.aof .1.incr.aof\" seq 1 type i\n"
    );
}

proptest! {
    #[test]
    fn any_manifest_comes_back(
        base in prop::option::of((any::<Vec<u8>>(), 1..1000_i64)),
        others in prop::collection::vec((any::<Vec<u8>>(), any::<bool>()), 0..10),
    ) {
        let usable = |name: Vec<u8>| {
            let name = name.into_iter().filter(|byte| !b"/\\\0".contains(byte)).take(100);
            OsString::from_vec([b'n'].into_iter().chain(name).collect())
        };
        let mut made = Manifest::default();
        if let Some((name, seq)) = base {
            made.base = Some(Part { name: usable(name), seq });
            made.base_seq = seq;
        }
        for (index, (name, is_history)) in others.into_iter().enumerate() {
            let part = Part { name: usable(name), seq: index as i64 + 1 };
            if is_history {
                made.history.push(part);
            } else {
                made.increment_seq = part.seq;
                made.increments.push(part);
            }
        }
        prop_assume!(!made.to_text().is_empty());
        prop_assert_eq!(Manifest::parse(made.to_text().as_bytes()), Ok(made));
    }

    #[test]
    fn no_manifest_panics(text in prop::collection::vec(prop::sample::select(b"file seq type bhi12-\"'\\ \n#\0".as_slice()), 0..100)) {
        let _ = Manifest::parse(&text);
    }
}
