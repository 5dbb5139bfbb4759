//! Reading the configuration at start: the file, then standard input, then the command line.
//!
//! Lines take effect in the order in which they are read, so the last word wins and a later relative path is relative
//! to a `dir` set earlier. The first line that is wrong ends it: a server that guesses is worse than none.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::arguments::Arguments;
use super::error::ConfigError;
use super::parameter::{Directive, Parameter, Standing};
use super::special::reason_of;
use super::table::{Config, DIRECTIVES};
use super::users::UserLine;
use crate::data::quoting::split_args;

/// What a start-up found.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The parameters.
    pub config: Config,
    /// The file that was named, by its absolute path: the one `CONFIG REWRITE` writes.
    pub file: Option<PathBuf>,
    /// Whether anything was asked for: a file, standard input, an option.
    pub is_configured: bool,
    /// The parameters that were set, by their names in the order in which they were first set.
    pub set_by_user: Vec<&'static str>,
    /// What `user` lines say, in order, for [`Config::adopt_users`].
    pub users: Vec<UserLine>,
    /// What `rename-command` lines say, in order.
    pub renamed_commands: Vec<Renaming>,
    /// For the log: what was set and is not in effect (yet), one line each.
    pub notices: Vec<String>,
}

/// A `rename-command` line. Which commands there are is not known here; whoever does may refuse it.
#[derive(Clone, Debug)]
pub struct Renaming {
    /// The command's name.
    pub name: String,
    /// The name that it gets in its place; the empty one takes the command away.
    pub new_name: String,
    place: Place,
}

impl Renaming {
    /// The error that this line is wrong for some reason.
    pub fn refused(&self, reason: &str) -> ConfigError {
        self.place.wrong(reason.to_string())
    }
}

/// Where a line stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) source: String,
    pub(super) number: usize,
    pub(super) line: String,
}

impl Place {
    pub(super) fn wrong(&self, reason: String) -> ConfigError {
        let Place { source, number, line } = self.clone();
        ConfigError::Line { source, number, line, reason }
    }
}

const UNBALANCED: &str = "Unbalanced quotes in configuration line";

/// Files may include files, but not themselves.
const DEPTH_MAX: usize = 32;

impl Config {
    /// Reads what the command line (without the program's name) asks for; `stdin` only if it does.
    pub fn load(
        arguments: impl Iterator<Item = OsString>,
        stdin: &mut dyn Read,
    ) -> Result<Loaded, ConfigError> {
        let arguments = Arguments::parse(arguments);
        let is_configured = arguments != Arguments::default();
        let mut loader = Loader::default();
        let file = arguments.file.as_deref().map(absolute).transpose()?;
        if let Some(file) = &file {
            loader.read_file(file, 0)?;
        }
        if arguments.reads_stdin {
            let mut text = Vec::new();
            let read = stdin.read_to_end(&mut text);
            read.map_err(|error| unreadable(Path::new("-"), &error))?;
            loader.read_text("standard input", &text, 0)?;
        }
        loader.read_text("the command line", arguments.options.join("\n").as_bytes(), 0)?;
        loader.finish(file, is_configured)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, ConfigError> {
    std::path::absolute(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::Unreadable { path: path.to_path_buf(), reason: reason_of(error) }
}

/// What went wrong in a line: the line itself, or a file it includes.
enum Wrong {
    Line(String),
    Inside(ConfigError),
}

impl From<&str> for Wrong {
    fn from(reason: &str) -> Wrong {
        Wrong::Line(reason.into())
    }
}

#[derive(Default)]
struct Loader {
    config: Config,
    set: Vec<&'static Parameter>,
    directives: Vec<&'static Directive>,
    users: Vec<UserLine>,
    renamed_commands: Vec<Renaming>,
}

impl Loader {
    fn read_file(&mut self, path: &Path, depth: usize) -> Result<(), ConfigError> {
        let text = fs::read(path).map_err(|error| unreadable(path, &error))?;
        self.read_text(&path.to_string_lossy(), &text, depth)
    }

    fn read_text(&mut self, source: &str, text: &[u8], depth: usize) -> Result<(), ConfigError> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let shown = String::from_utf8_lossy(line).into_owned();
            let place = Place { source: source.to_string(), number: index + 1, line: shown };
            self.read_line(line, &place, depth).map_err(|wrong| match wrong {
                Wrong::Inside(error) => error,
                Wrong::Line(reason) => place.wrong(reason),
            })?;
        }
        Ok(())
    }

    fn read_line(&mut self, line: &[u8], place: &Place, depth: usize) -> Result<(), Wrong> {
        let words = split_args(line).ok_or(UNBALANCED)?;
        let words: Result<Vec<String>, _> = words.into_iter().map(String::from_utf8).collect();
        let words = words.map_err(|_| "configuration line is not UTF-8 text")?;
        let Some((name, values)) = words.split_first() else { return Ok(()) };
        match Parameter::named(name) {
            Some(parameter) => self.take(parameter, values).map_err(Wrong::Line),
            None => self.follow(name, values, place, depth),
        }
    }

    fn take(&mut self, parameter: &'static Parameter, values: &[String]) -> Result<(), String> {
        let is_first = !self.set.iter().any(|known| std::ptr::eq(*known, parameter));
        if is_first && parameter.accumulates {
            parameter.clear(&mut self.config);
        }
        match values {
            // One argument may hold several words: `--save "60 1"`.
            [value] if parameter.kind.takes_many_words() && !value.is_empty() => {
                // With a quote that is not closed it holds none, as in Redis.
                let words = split_args(value.as_bytes()).unwrap_or_default();
                let words: Vec<String> =
                    words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
                self.take_words(parameter, &words)?;
            }
            [_] => self.take_words(parameter, values)?,
            _ if parameter.kind.takes_many_words() => self.take_words(parameter, values)?,
            _ => return Err("wrong number of arguments".into()),
        }
        if is_first {
            self.set.push(parameter);
        }
        Ok(())
    }

    fn take_words(&mut self, parameter: &Parameter, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        parameter.take(&mut self.config, &words)
    }

    fn follow(&mut self, name: &str, values: &[String], place: &Place, depth: usize) -> Result<(), Wrong> {
        if name.eq_ignore_ascii_case("sentinel") {
            return Err("sentinel directive while not in sentinel mode".into());
        }
        let fits = |directive: &&Directive| {
            let (fewest, most) = directive.words;
            directive.name.eq_ignore_ascii_case(name) && (fewest..=most).contains(&values.len())
        };
        let directive = DIRECTIVES.iter().find(fits).ok_or("Bad directive or wrong number of arguments")?;
        if !self.directives.iter().any(|known| known.name == directive.name) {
            self.directives.push(directive);
        }
        match (directive.name, values) {
            ("include", [pattern]) => self.include(pattern, depth),
            ("user", [name, rules @ ..]) => {
                let (name, rules) = (name.clone(), rules.to_vec());
                self.users.push(UserLine { name, rules, place: place.clone() });
                Ok(())
            }
            ("rename-command", [name, new_name]) => {
                let (name, new_name) = (name.clone(), new_name.clone());
                self.renamed_commands.push(Renaming { name, new_name, place: place.clone() });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A plain name must exist; a pattern may match nothing, so that a folder of files may be empty.
    fn include(&mut self, pattern: &str, depth: usize) -> Result<(), Wrong> {
        if depth == DEPTH_MAX {
            return Err("files include each other too deeply".into());
        }
        let path = self.config.dir.join(pattern);
        if !pattern.contains(['*', '?', '[']) {
            return self.read_file(&path, depth + 1).map_err(Wrong::Inside);
        }
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
        // The folder is a name, not a part of the pattern.
        let folder = glob::Pattern::escape(&self.config.dir.to_string_lossy());
        let full = if pattern.starts_with('/') { pattern.to_string() } else { format!("{folder}/{pattern}") };
        let paths = glob::glob_with(&full, options).map_err(|error| Wrong::Line(error.to_string()))?;
        for path in paths.flatten() {
            self.read_file(&path, depth + 1).map_err(Wrong::Inside)?;
        }
        Ok(())
    }

    fn finish(self, file: Option<PathBuf>, is_configured: bool) -> Result<Loaded, ConfigError> {
        if self.config.cluster_enabled && self.config.replicaof.is_some() {
            return Err(ConfigError::Contradiction("replicaof directive not allowed in cluster mode".into()));
        }
        Ok(Loaded {
            notices: self.notices(),
            file,
            is_configured,
            set_by_user: self.set.iter().map(|parameter| parameter.name).collect(),
            users: self.users,
            renamed_commands: self.renamed_commands,
            config: self.config,
        })
    }

    fn notices(&self) -> Vec<String> {
        let default = Config::default();
        let set =
            self.set.iter().filter(|parameter| parameter.show(&self.config) != parameter.show(&default));
        let directives = self.directives.iter();
        set.filter_map(|parameter| parameter.notice())
            .chain(directives.filter_map(|directive| notice(directive.name, directive.standing)))
            .collect()
    }
}

impl Parameter {
    /// For the log: that this parameter was set and is not in effect (yet).
    pub fn notice(&self) -> Option<String> {
        notice(self.name, self.standing)
    }
}

fn notice(name: &str, standing: Standing) -> Option<String> {
    match standing {
        Standing::InEffect => None,
        Standing::Later(feature) => {
            Some(format!("{name} is kept but not yet in effect: it waits for {feature}"))
        }
        Standing::NoEffect(why) => Some(format!("{name} is kept but has no effect: {why}")),
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
