//! What can go wrong: at start ([`ConfigError`], for the operator) and in `CONFIG SET` ([`SetError`], for a client).

use std::fmt;
use std::path::PathBuf;

/// Why the configuration could not be loaded. Its text goes to standard error, and the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A line says something that cannot be.
    Line {
        /// The file's path, `standard input` or `the command line`.
        source: String,
        /// From 1; on the command line, the number of the option.
        number: usize,
        /// The line, without the spaces around it.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that was asked for could not be read.
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The parameters are each possible, but not together.
    Contradiction(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Line { source, number, line, reason } => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Callboard {}) ***", env!("CARGO_PKG_VERSION"))?;
                writeln!(f, "Reading the configuration file, at line {number} of {source}")?;
                writeln!(f, ">>> '{line}'")?;
                write!(f, "{reason}")
            }
            ConfigError::Unreadable { path, reason } => {
                write!(f, "Fatal error, can't open config file '{}': {reason}", path.display())
            }
            ConfigError::Contradiction(reason) => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Callboard {}) ***", env!("CARGO_PKG_VERSION"))?;
                write!(f, "{reason}")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// Why `CONFIG SET` changed nothing. Its text follows `ERR `, but for [`SetError::Loading`], which is a whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no such parameter.
    Unknown(String),
    /// A parameter cannot be set, or not to this.
    Failed {
        /// The parameter, as it was named.
        argument: String,
        /// Why not.
        reason: String,
    },
    /// Not while the data set is being loaded; the reply begins with `LOADING`.
    Loading,
}

impl SetError {
    /// An error of whoever was to apply a parameter, such as a port that is taken.
    pub fn failed(argument: &str, reason: impl Into<String>) -> SetError {
        SetError::Failed { argument: argument.to_string(), reason: reason.into() }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Unknown(name) => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            SetError::Failed { argument, reason } => {
                write!(f, "CONFIG SET failed (possibly related to argument '{argument}') - {reason}")
            }
            SetError::Loading => write!(f, "LOADING Redis is loading the dataset in memory"),
        }
    }
}

impl std::error::Error for SetError {}
