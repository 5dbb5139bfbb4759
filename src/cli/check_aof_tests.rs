//! What check-aof says, and what it does to files. `tests/it/check_aof.rs` holds it against redis-check-aof.
use super::*;
use std::fs;

/// Two commands of 27 bytes each.
const WHOLE: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n";

/// What it says in a directory with these files, without the directory's name, and whether it succeeds.
fn check(files: &[(&str, &[u8])], options: &[&str], answer: &str) -> (String, bool, Vec<Vec<u8>>) {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).expect("writable");
    }
    let (file, options) = options.split_last().expect("a file");
    let mut arguments: Vec<OsString> = options.iter().map(OsString::from).collect();
    arguments.push(directory.path().join(file).into());
    let mut out = Vec::new();
    let code = run_with("check-aof", &arguments, &mut out, &mut answer.as_bytes());
    let after =
        files.iter().map(|(name, _)| fs::read(directory.path().join(name)).expect("it is still there"));
    let prefix = format!("{}/", directory.path().display());
    let success = format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS);
    (String::from_utf8_lossy(&out).replace(&prefix, ""), success, after.collect())
}

#[test]
fn whole_files_are_valid() {
    let (said, ok, _) = check(&[("a", WHOLE)], &["a"], "");
    let analyzed = "AOF analyzed: filename=a, size=54, ok_up_to=54, ok_up_to_line=15, diff=0";
    assert_eq!(said, format!("Start checking Old-Style AOF\n{analyzed}\nAOF a is valid\n"));
    assert!(ok);
    assert_eq!(check(&[("a", b"")], &["a"], "").0, "Start checking Old-Style AOF\nAOF a is empty\n");
    let (said, ok, _) = check(&[], &["a"], "");
    assert_eq!((said.as_str(), ok), ("Cannot open file a: No such file or directory\n", false));
}

#[test]
fn what_is_cut_off_is_mended_if_the_user_agrees() {
    let half = &WHOLE[..50];
    let (said, ok, after) = check(&[("a", half)], &["a"], "y\n");
    assert!(!ok && after[0] == half);
    assert_eq!(
        said,
        "Start checking Old-Style AOF\n0x              2f: Expected \\r\\n, got: 0d00\n\
         AOF analyzed: filename=a, size=50, ok_up_to=27, ok_up_to_line=13, diff=23\n\
         AOF a is not valid. Use the --fix option to try fixing it.\n"
    );
    let (said, ok, after) = check(&[("a", half)], &["--fix", "a"], "n\n");
    assert!(!ok && after[0] == half && said.ends_with("Continue? [y/N]: Aborting...\n"), "{said}");
    let (said, ok, after) = check(&[("a", half)], &["--fix", "a"], "y\n");
    assert!(ok && after[0] == WHOLE[..27]);
    assert!(
        said.contains("This will shrink the AOF a from 50 bytes, with 23 bytes, to 27 bytes\n"),
        "{said}"
    );
    assert!(said.ends_with("Continue? [y/N]: Successfully truncated AOF a\n"), "{said}");
}

#[test]
fn of_parts_only_the_last_may_be_cut() {
    let manifest =
        b"file base seq 1 type b\nfile old seq 9 type h\nfile one seq 1 type i\nfile two seq 2 type i\n";
    let files = |one, two| [("m", &manifest[..]), ("base", WHOLE), ("one", one), ("two", two)];
    let (said, ok, _) = check(&files(WHOLE, b""), &["m"], "");
    assert!(ok, "{said}");
    let told: Vec<_> = said.lines().filter(|line| !line.starts_with("AOF analyzed")).collect();
    assert_eq!(
        told,
        [
            "Start checking Multi Part AOF",
            "Start to check BASE AOF (RESP format).",
            "BASE AOF base is valid",
            "Start to check INCR files.",
            "INCR AOF one is valid",
            "INCR AOF two is empty",
            "All AOF files and manifest are valid"
        ]
    );
    let (said, ok, after) = check(&files(&WHOLE[..40], WHOLE), &["--fix", "m"], "y\n");
    assert!(!ok && after[2] == WHOLE[..40]);
    assert!(said.ends_with("Failed to truncate AOF one because it is not the last file\n"), "{said}");
    let (said, ok, after) = check(&files(WHOLE, &WHOLE[..40]), &["--fix", "m"], "yes\n");
    assert!(ok && after[3] == WHOLE[..27], "{said}");
    let (said, ok, _) = check(&[("m", b"file base seq 1\n")], &["m"], "");
    assert!(
        !ok && said.ends_with("at line 1\n>>> 'file base seq 1'\nInvalid AOF manifest file format\n\n"),
        "{said}"
    );
    let (said, ok, _) = check(&[("m", b"file base seq 1 type b\n")], &["m"], "");
    assert!(!ok && said.ends_with("Cannot open file base: No such file or directory\n"), "{said}");
}

#[test]
fn a_log_is_cut_back_to_a_moment() {
    let log = [b"#TS:100\r\n", WHOLE, b"#TS:200\r\n", WHOLE].concat();
    let cut = |second: &str, log: &[u8]| check(&[("a", log)], &["--truncate-to-timestamp", second, "a"], "");
    let (said, ok, after) = cut("150", &log);
    assert_eq!(said, "Start checking Old-Style AOF\nSuccessfully truncated AOF a to timestamp 150\n");
    assert!(ok && after[0] == log[..9 + WHOLE.len()]);
    let (said, ok, after) = cut("200", &log);
    assert!(
        ok && after[0] == log && said.contains("Truncate nothing in AOF a to timestamp 200\nAOF a is valid"),
        "{said}"
    );
    let (said, ok, _) = cut("99", &log);
    assert!(!ok && said.ends_with("AOF a has nothing before timestamp 99, aborting...\n"), "{said}");
    assert!(cut("x", &log).0.starts_with("Invalid timestamp, aborting..."));
    assert!(cut("150", b"*1\r\n$4\r\nPING\r\n#TS:x\r\n").0.ends_with("Invalid timestamp annotation\n"));
    // A transaction is not torn apart.
    let torn = b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n#TS:200\r\n*1\r\n$4\r\nEXEC\r\n";
    let (_, ok, after) = cut("150", torn);
    assert!(ok && after[0] == b"*1\r\n$4\r\nPING\r\n");
}
