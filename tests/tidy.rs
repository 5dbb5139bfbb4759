//! The shape of the sources as a test: layers import one way, files and functions stay readable, nothing is
//! left unfinished. What fails here is a rule; what it prints is for the reader's eye.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 120;

/// Each layer, and the layers that it may not import. Whatever is not named may import anything.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/data",
        &["store", "commands", "resp", "formats", "acl", "script", "config", "board", "actors", "server"],
    ),
    ("src/store", &["commands", "formats", "disk", "cli", "script", "actors", "server"]),
    ("src/commands", &["cli", "actors", "server"]),
    ("src/disk", &["cli", "actors", "server"]),
    (
        "src/tls",
        &[
            "data", "store", "commands", "resp", "formats", "disk", "cli", "script", "board", "actors",
            "server",
        ],
    ),
    ("src/resp", &["commands", "formats", "cli", "actors", "server"]),
    ("src/formats", &["commands", "board", "cli", "actors", "server"]),
    ("src/cli", &["commands", "actors", "server"]),
    ("src/acl", &["actors", "server"]),
    ("src/script", &["actors", "server"]),
    ("src/config", &["store", "commands", "resp", "board", "actors", "server"]),
    // Leaves, which everything above may use.
    ("src/board", &["commands", "resp", "store", "actors", "server"]),
    ("src/error.rs", &["data", "store", "commands", "resp", "config", "board", "actors", "server"]),
    ("src/actors", &["server"]),
];

/// Only these know actix.
const ACTIX_ALLOWED: &[&str] = &["src/actors", "src/server.rs", "src/main.rs"];

/// Where `unsafe` may stand, and why.
const UNSAFE_ALLOWED: &[(&str, &str)] = &[
    ("src/data", "compact structures, each behind a safe face with a model test"),
    ("src/store", "entries are one allocation with a header"),
    ("src/allocator.rs", "the global allocator, which counts: `GlobalAlloc` is an unsafe trait"),
];

const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!", "#[ignore"];

struct Source {
    /// Relative to the crate, with forward slashes.
    path: String,
    text: String,
    /// The text without comments, strings and character literals, line by line.
    code: Vec<String>,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    let read = |file: &PathBuf| {
        let path = file.strip_prefix(root).expect("under the crate").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(file).expect("readable");
        let code = strip(&text).lines().map(str::to_string).collect();
        Source { path, text, code }
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    if !folder.exists() {
        return;
    }
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Blanks out comments and literals, so that words in them are not taken for code. Line breaks stay.
fn strip(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            code.extend(bytes[at..end].iter().filter(|byte| **byte == b'\n').map(|_| '\n'));
            at = end;
        } else {
            code.push(bytes[at] as char);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that begins here ends; `at` itself if none does.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let until = |from: usize, end: &[u8]| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        at + found.map_or(rest.len(), |position| from + position + end.len())
    };
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => until(2, b"*/"),
        [b'"', ..] => quoted_end(bytes, at + 1),
        [b'r', b'"' | b'#', ..] | [b'b', b'r', b'"' | b'#', ..] if !in_word || bytes[at - 1] == b'b' => {
            let hashes = rest.iter().skip_while(|byte| **byte != b'#' && **byte != b'"');
            let hashes = hashes.take_while(|byte| **byte == b'#').count();
            let open = rest.iter().position(|byte| *byte == b'"').unwrap_or(0);
            let is_raw = rest[..open].iter().all(|byte| b"br#".contains(byte)) && open > 0;
            if is_raw { until(open + 1, &[&b"\""[..], &vec![b'#'; hashes]].concat()) } else { at }
        }
        [b'\'', b'\\', _, ..] => until(3, b"'"),
        [b'\'', _, b'\'', ..] => at + 3,
        _ => at,
    }
}

fn quoted_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Whether a name stands in code as a whole word.
fn has_word(code: &str, word: &str) -> bool {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(part_of_word) && !code[at + word.len()..].starts_with(part_of_word)
    })
}

fn belongs(path: &str, layer: &str) -> bool {
    path == layer || path == format!("{layer}.rs") || path.starts_with(&format!("{layer}/"))
}

/// The crate's modules that a source names, in `use crate::{a, b::c}` and in paths alike.
fn imports(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(group_heads(group)),
            None => modules.push(word_of(rest)),
        }
    }
    modules
}

fn word_of(text: &str) -> String {
    text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// The first words of the parts of a `{…}` group, not of groups inside.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = vec![word_of(group)];
    let mut depth = 1;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(word_of(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn fail_on(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn layers_import_one_way() {
    let mut problems = Vec::new();
    for source in sources("src") {
        let code = source.code.join("\n");
        for (layer, forbidden) in FORBIDDEN {
            if belongs(&source.path, layer) {
                let wrong = imports(&code).into_iter().filter(|module| forbidden.contains(&module.as_str()));
                problems.extend(wrong.map(|module| format!("{} imports {module}", source.path)));
            }
        }
        let may = ACTIX_ALLOWED.iter().any(|place| belongs(&source.path, place));
        if !may && ["actix", "actix_rt"].iter().any(|name| has_word(&code, name)) {
            problems.push(format!("{} knows actix", source.path));
        }
    }
    fail_on(problems);
}

#[test]
fn unsafe_has_its_places() {
    let mut problems = Vec::new();
    for source in sources("src") {
        let may = UNSAFE_ALLOWED.iter().any(|(place, _)| belongs(&source.path, place));
        let lines = source.code.iter().enumerate().filter(|(_, line)| !may && has_word(line, "unsafe"));
        problems.extend(lines.map(|(number, _)| format!("{}:{}: unsafe", source.path, number + 1)));
    }
    fail_on(problems);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut problems = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")).chain(&sources("benches")) {
        for (number, line) in source.code.iter().enumerate() {
            let found = UNFINISHED.iter().filter(|word| line.contains(**word));
            problems.extend(found.map(|word| format!("{}:{}: {word}", source.path, number + 1)));
        }
    }
    fail_on(problems);
}

#[test]
fn files_open_with_what_they_are_for() {
    let headless = |source: &&Source| !source.text.starts_with("//! ");
    let sources: Vec<Source> = ["src", "tests"].into_iter().flat_map(sources).collect();
    fail_on(sources.iter().filter(headless).map(|source| format!("{} has no head", source.path)).collect());
}

/// Length, file and line of every function. rustfmt's layout makes it simple: a function ends at the closing
/// brace with the indentation of its first line.
fn functions(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, line) in source.code.iter().enumerate() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        let is_function = words.split("fn ").next().is_some_and(|before| {
            words.contains("fn ")
                && before.split_whitespace().all(|word| {
                    word.starts_with("pub")
                        || ["const", "unsafe", "async", "extern", "crate)"].contains(&word)
                })
        });
        if !is_function {
            continue;
        }
        let closes = |line: &&String| {
            line.len() > indent && line[..indent].trim().is_empty() && line[indent..].starts_with('}')
        };
        if words.ends_with('}') || words.ends_with(';') {
            found.push((1, format!("{}:{}", source.path, start + 1)));
        } else if let Some(lines) = source.code[start..].iter().position(|line| closes(&line)) {
            found.push((lines + 1, format!("{}:{}", source.path, start + 1)));
        }
    }
    found
}

#[test]
fn sizes() {
    let sources = sources("src");
    let mut files: Vec<_> =
        sources.iter().map(|source| (source.text.lines().count(), source.path.clone())).collect();
    let mut functions: Vec<_> = sources.iter().flat_map(functions).collect();
    assert!(!functions.is_empty(), "a crate without functions: the finder is broken");
    let mut problems = Vec::new();
    for (kind, sizes, most) in
        [("file", &mut files, FILE_LINES_MAX), ("function", &mut functions, FUNCTION_LINES_MAX)]
    {
        sizes.sort_by(|one, other| other.cmp(one));
        // Past the harness' capture: meant to be read when all is well, too.
        let _ = writeln!(io::stderr(), "the longest {kind}s, in lines:");
        for (lines, place) in sizes.iter().take(10) {
            let _ = writeln!(io::stderr(), "{lines:>6} {place}");
        }
        let long = sizes.iter().filter(|(lines, _)| *lines > most);
        problems.extend(
            long.map(|(lines, place)| format!("{place}: a {kind} of {lines} lines, more than {most}")),
        );
    }
    fail_on(problems);
}

/// In a sequence a semicolon ends the line: what is behind it would be read as another message.
#[test]
fn diagrams_can_be_drawn() {
    let mut problems = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir("diagrams").expect("the diagrams") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a text");
        for block in text.split("```mermaid\nsequenceDiagram\n").skip(1) {
            count += 1;
            let drawn = block.split("```").next().unwrap_or_default();
            let broken = drawn.lines().filter(|line| line.contains(';'));
            problems.extend(broken.map(|line| format!("{}: a semicolon in {line}", path.display())));
        }
    }
    assert!(count > 5, "the diagrams are looked for in vain");
    fail_on(problems);
}

#[test]
fn words_in_comments_and_strings_are_not_code() {
    let text =
        "let a = \"unsafe \\\" unsafe\"; // unsafe\n/* unsafe */ let b = r#\"unsafe \" \"#; let c = '\"'; x";
    let code = strip(text);
    assert!(!code.contains("unsafe") && code.contains("let c =") && code.ends_with("; x"), "{code}");
    assert_eq!(imports("use crate::{a::{b, c}, d};\ncrate::e::f()"), ["a", "d", "e"]);
    assert!(has_word("use actix::prelude", "actix") && !has_word("my_actix2", "actix"));
}
