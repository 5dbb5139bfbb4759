//! What one row of the configuration table says about its parameter.
//!
//! A row is plain data plus four functions that reach the parameter's typed field in [`Config`], so that loading,
//! `CONFIG GET`, `CONFIG SET` and `CONFIG REWRITE` are loops over the table and know no parameter by name. The rows
//! and the fields come from one macro, `parameters!`: a field without a row, or a row without a field, cannot exist.

use super::Config;
use super::setting::Written;

/// What the words of a parameter's value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number between the two, inclusive.
    Integer(i128, i128),
    /// A number of bytes between the two, inclusive, with an optional unit (`1mb`, `2GB`).
    Memory(i128, i128),
    /// As `Memory`, or a percentage up to the first, which is given as a negative number.
    MemoryOrPercent(i128, i128),
    /// Permission bits in base eight, between the two.
    Octal(i128, i128),
    /// One of a few names.
    Choice,
    /// Several of a few names.
    Flags,
    /// Any one word, which may be empty.
    Text,
    /// Any one word; the empty one means *not set*, and then the parameter is not written to a file at all.
    OptionalText,
    /// Several words, with rules of their own.
    Words,
}

impl Kind {
    /// Whether a value may consist of several words (and none).
    pub fn takes_many_words(self) -> bool {
        matches!(self, Kind::Flags | Kind::Words)
    }
}

/// When a parameter may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// At any time, by `CONFIG SET`.
    Mutable,
    /// Only by `CONFIG SET` from a client that `enable-protected-configs` admits.
    Protected,
    /// At start only.
    Immutable,
}

/// Whether Callboard acts upon a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does what it says.
    InEffect,
    /// Accepted and kept for a feature that is yet to come (which one).
    Later(&'static str),
    /// Accepted so that existing files load, but there is nothing it could do here (why).
    NoEffect(&'static str),
}

/// Who must act when a parameter has changed at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// Nobody: readers see the new snapshot.
    Nothing,
    /// Bind the listening sockets anew.
    Listen,
    /// Read certificates and keys anew.
    Tls,
    /// Set the log's level.
    Log,
    /// Raise the limit of open files, and admit clients by the new number.
    MaxClients,
    /// Change the working directory.
    Directory,
    /// Log commands, or no longer; release replies by another rule.
    Persistence,
}

type Take = fn(&mut Config, &[&str], &Kind) -> Result<(), String>;
/// Looks at the whole configuration after the parameter was read: rejects it, or brings it into its range.
type Settle = fn(&mut Config) -> Result<(), String>;

/// The functions that reach a parameter's field.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) take: Take,
    pub(super) clear: fn(&mut Config),
    pub(super) show: fn(&Config, &Kind) -> String,
    pub(super) lines: fn(&Config, &Kind) -> Written,
}

impl Field {
    const UNBOUND: Field = Field {
        take: |_, _, _| Ok(()),
        clear: |_| (),
        show: |_, _| String::new(),
        lines: |_, _| Written::Never,
    };
}

/// One row of the table.
pub struct Parameter {
    /// The name, in lower case.
    pub name: &'static str,
    /// The other name under which it is known, mostly from before Redis 7.
    pub alias: Option<&'static str>,
    /// The value it has unless somebody says otherwise, as text.
    pub default: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// When it may change.
    pub mutability: Mutability,
    /// Whether `CONFIG GET` shows it only when asked by its full name.
    pub hidden: bool,
    /// Whether its value must not show in logs, MONITOR and SLOWLOG.
    pub sensitive: bool,
    /// Whether it cannot change while the data set is being loaded.
    pub denied_while_loading: bool,
    /// Whether setting it to the value it has counts as a change (a file that is to be read again).
    pub volatile: bool,
    /// Whether several lines of a file add up, the first of them replacing the default.
    pub accumulates: bool,
    /// Whether it does anything here.
    pub standing: Standing,
    /// Who must act when it changes.
    pub apply: Apply,
    settle: Option<Settle>,
    field: Field,
}

/// Starts a row; [`parameters!`] names it and binds it to its field.
pub(super) const fn row(kind: Kind) -> Parameter {
    Parameter {
        name: "",
        alias: None,
        default: "",
        kind,
        mutability: Mutability::Mutable,
        hidden: false,
        sensitive: false,
        denied_while_loading: false,
        volatile: false,
        accumulates: false,
        standing: Standing::InEffect,
        apply: Apply::Nothing,
        settle: None,
        field: Field::UNBOUND,
    }
}

pub(super) const fn integer(min: i128, max: i128) -> Parameter {
    row(Kind::Integer(min, max))
}

pub(super) const fn memory(min: i128, max: i128) -> Parameter {
    row(Kind::Memory(min, max))
}

impl Parameter {
    pub(super) const fn bound(
        mut self,
        name: &'static str,
        default: &'static str,
        field: Field,
    ) -> Parameter {
        self.name = name;
        self.default = default;
        self.field = field;
        self
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Parameter {
        self.alias = Some(alias);
        self
    }

    pub(super) const fn immutable(mut self) -> Parameter {
        self.mutability = Mutability::Immutable;
        self
    }

    pub(super) const fn protected(mut self) -> Parameter {
        self.mutability = Mutability::Protected;
        self
    }

    pub(super) const fn hidden(mut self) -> Parameter {
        self.hidden = true;
        self
    }

    pub(super) const fn sensitive(mut self) -> Parameter {
        self.sensitive = true;
        self
    }

    pub(super) const fn denied_while_loading(mut self) -> Parameter {
        self.denied_while_loading = true;
        self
    }

    pub(super) const fn volatile(mut self) -> Parameter {
        self.volatile = true;
        self
    }

    pub(super) const fn accumulates(mut self) -> Parameter {
        self.accumulates = true;
        self
    }

    pub(super) const fn later(mut self, feature: &'static str) -> Parameter {
        self.standing = Standing::Later(feature);
        self
    }

    pub(super) const fn no_effect(mut self, why: &'static str) -> Parameter {
        self.standing = Standing::NoEffect(why);
        self
    }

    pub(super) const fn apply(mut self, apply: Apply) -> Parameter {
        self.apply = apply;
        self
    }

    pub(super) const fn settle(mut self, settle: Settle) -> Parameter {
        self.settle = Some(settle);
        self
    }

    /// The value in `config`, as `CONFIG GET` prints it.
    pub fn show(&self, config: &Config) -> String {
        (self.field.show)(config, &self.kind)
    }

    /// What a configuration file says for it: the text after the name, one per line.
    pub(super) fn lines(&self, config: &Config) -> Written {
        (self.field.lines)(config, &self.kind)
    }

    /// Reads its value from words into `config`, or says what is wrong with them.
    pub(super) fn take(&self, config: &mut Config, words: &[&str]) -> Result<(), String> {
        (self.field.take)(config, words, &self.kind)?;
        self.settle.map_or(Ok(()), |settle| settle(config))
    }

    /// Empties it, before lines that add up.
    pub(super) fn clear(&self, config: &mut Config) {
        (self.field.clear)(config);
    }

    /// Its name or its alias, whichever `name` is, in lower case.
    pub(super) fn called(&self, name: &str) -> &'static str {
        self.alias.filter(|alias| alias.eq_ignore_ascii_case(name)).unwrap_or(self.name)
    }

    /// Whether this is its name or its alias, in any case.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            || self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parameter({})", self.name)
    }
}

/// A directive that only a file (or the command line) may hold.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// Its name, in lower case.
    pub name: &'static str,
    /// The fewest and the most words after the name.
    pub words: (usize, usize),
    /// Whether it does anything here.
    pub standing: Standing,
}

/// Declares [`Config`]'s fields and the table's rows together.
macro_rules! parameters {
    ($( $name:literal => $field:ident: $type:ty = $default:literal, $row:expr; )*) => {
        /// The configuration at one moment: an immutable snapshot, a typed public field for every parameter.
        ///
        /// Take a changed one from [`Config::set`] rather than writing to a field, which knows no range.
        #[derive(Clone, PartialEq)]
        pub struct Config {
            $( #[doc = concat!("`", $name, "`, unless told otherwise `", $default, "`.")] pub $field: $type, )*
            /// The user `default` of the files, until `requirepass` is set anew.
            pub default_user: Option<super::users::DefaultUser>,
        }

        impl Config {
            pub(super) fn blank() -> Config {
                Config { $( $field: Default::default(), )* default_user: None }
            }
        }

        /// Every parameter of Redis 7.4, in the order in which `CONFIG GET` lists them.
        pub static TABLE: &[Parameter] = &[ $( $row.bound($name, $default, Field {
            take: |config, words, kind| Setting::take(&mut config.$field, words, kind),
            clear: |config| config.$field = Default::default(),
            show: |config, kind| Setting::show(&config.$field, kind),
            lines: |config, kind| Setting::lines(&config.$field, kind),
        }), )* ];
    };
}
pub(super) use parameters;

/// A configuration with every default read from the table.
pub(super) fn fill_with_defaults(mut config: Config, table: &[Parameter]) -> Config {
    for parameter in table.iter().filter(|parameter| !parameter.default.is_empty()) {
        let words: Vec<&str> = match parameter.kind.takes_many_words() {
            true => parameter.default.split(' ').collect(),
            false => vec![parameter.default],
        };
        let taken = parameter.take(&mut config, &words);
        assert_eq!(taken, Ok(()), "the default of {} must be a valid value", parameter.name);
    }
    config
}
