//! The command line: `callboard [FILE | -] [--name value …] [-]`.
//!
//! Options are turned into lines of a configuration file, which are read after the file and after standard input, so
//! that there is one parser and the last word wins. How words group into options follows Redis 7: an option may be one
//! argument (`--save "60 1"`), and the word right after a bare `--name` is its value even if it begins with `--`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::text::quoted;
use crate::data::quoting::split_args;

/// What the command line asks for as a whole. Help and version are the caller's to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Start the server.
    Serve,
    /// `-v`, `--version`.
    Version,
    /// `-h`, `--help`.
    Help,
    /// `check-rdb FILE`.
    CheckRdb,
}

impl Invocation {
    /// Judges by the first argument alone (the program's name not counted).
    ///
    /// ```
    /// use callboard::config::Invocation;
    /// assert_eq!(Invocation::of(Some("-v".as_ref())), Invocation::Version);
    /// assert_eq!(Invocation::of(None), Invocation::Serve);
    /// ```
    pub fn of(first: Option<&std::ffi::OsStr>) -> Invocation {
        match first.and_then(|first| first.to_str()) {
            Some("-v" | "--version") => Invocation::Version,
            Some("-h" | "--help") => Invocation::Help,
            Some("check-rdb") => Invocation::CheckRdb,
            _ => Invocation::Serve,
        }
    }
}

/// The command line, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The first argument, if it is no option.
    pub(super) file: Option<PathBuf>,
    /// Whether a first or last `-` asks for standard input.
    pub(super) reads_stdin: bool,
    /// The options, each as a line of a configuration file.
    pub(super) options: Vec<String>,
}

impl Arguments {
    pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Arguments {
        let mut arguments: Vec<OsString> = arguments.collect();
        let is_file = |first: &OsString| !first.as_encoded_bytes().starts_with(b"-");
        let file = arguments.first().is_some_and(is_file).then(|| PathBuf::from(arguments.remove(0)));
        let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let mut parsed = Arguments { reads_stdin: false, options: Vec::new(), file };
        parsed.group(&words);
        parsed
    }

    /// Groups words into lines. `open` is the option that still waits for its first value.
    fn group(&mut self, words: &[String]) {
        let last = words.len().saturating_sub(1);
        let mut open = false;
        for (index, word) in words.iter().enumerate() {
            let is_outermost = index == last || (index == 0 && self.file.is_none());
            if word == "-" && is_outermost {
                self.reads_stdin = true;
            } else if let Some(option) = word.strip_prefix("--").filter(|_| !open) {
                self.options.push(option.to_string());
                open = split_args(word.as_bytes()).is_some_and(|words| words.len() == 1);
                if open && word.eq_ignore_ascii_case("--save") && next_is_no_value(words.get(index + 1)) {
                    self.add_value("");
                    open = false;
                }
            } else {
                self.add_value(word);
                open = false;
            }
        }
    }

    fn add_value(&mut self, value: &str) {
        match self.options.last_mut() {
            Some(line) => line.push_str(&format!(" {}", quoted(value))),
            // Words before any option: the first is taken for a name.
            None => self.options.push(quoted(value)),
        }
    }
}

/// `--save` alone has always meant no save points, even before another option.
fn next_is_no_value(next: Option<&String>) -> bool {
    next.is_none_or(|next| next.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Arguments {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn words_group_into_lines() {
        let cases: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["--port", "6380"], &[r#"port "6380""#]),
            (&["--port 6380"], &["port 6380"]),
            (&["--port"], &["port"]),
            (&["--port", "1", "2"], &[r#"port "1" "2""#]),
            (&["--bind", "127.0.0.1", "::1", "--port", "0"], &[r#"bind "127.0.0.1" "::1""#, r#"port "0""#]),
            (&["--save", "60 1"], &[r#"save "60 1""#]),
            (&["--save", "", "--port", "1"], &[r#"save """#, r#"port "1""#]),
            (&["--save", "--port", "1"], &[r#"save """#, r#"port "1""#]),
            (&["--port", "1", "--save"], &[r#"port "1""#, r#"save """#]),
            (&["--port", "--loglevel", "verbose"], &[r#"port "--loglevel" "verbose""#]),
            (&["--port", "--bla", "--loglevel", "verbose"], &[r#"port "--bla""#, r#"loglevel "verbose""#]),
            (
                &["--proc-title-template", "--save", "--save", ""],
                &[r#"proc-title-template "--save""#, r#"save """#],
            ),
            (&["x.conf", "loglevel", "verbose", "--port '1'"], &[r#""loglevel" "verbose""#, "port '1'"]),
        ];
        for (words, lines) in cases {
            assert_eq!(parse(words).options, *lines, "{words:?}");
        }
    }

    #[test]
    fn a_dash_first_or_last_is_standard_input() {
        assert_eq!(parse(&["-"]), Arguments { reads_stdin: true, ..Arguments::default() });
        assert!(parse(&["-", "--port", "1"]).reads_stdin);
        assert!(parse(&["x.conf", "--port", "1", "-"]).reads_stdin);
        let inside = parse(&["--logfile", "-", "--port", "1"]);
        assert_eq!((inside.reads_stdin, inside.options[0].as_str()), (false, r#"logfile "-""#));
    }

    #[test]
    fn a_first_word_without_dashes_is_the_file() {
        assert_eq!(parse(&["x.conf", "--port", "1"]).file, Some(PathBuf::from("x.conf")));
        assert_eq!(parse(&["--port", "1"]).file, None);
    }
}
