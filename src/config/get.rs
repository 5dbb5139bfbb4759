//! Looking parameters up, and `CONFIG GET`.

use std::fmt;

use super::parameter::{Parameter, fill_with_defaults};
use super::table::{Config, TABLE};
use crate::data::glob::matches;

impl Parameter {
    /// The parameter with this name or alias, in any case.
    ///
    /// ```
    /// use callboard::config::Parameter;
    /// assert_eq!(Parameter::named("SlaveOf").map(|parameter| parameter.name), Some("replicaof"));
    /// ```
    pub fn named(name: &str) -> Option<&'static Parameter> {
        TABLE.iter().find(|parameter| parameter.is_called(name))
    }
}

impl Default for Config {
    fn default() -> Config {
        fill_with_defaults(Config::blank(), TABLE)
    }
}

/// Shows what differs from the defaults, and no secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Config::default();
        let mut shown = f.debug_struct("Config");
        for parameter in TABLE.iter().filter(|parameter| parameter.show(self) != parameter.show(&default)) {
            let value = if parameter.sensitive { "…".into() } else { parameter.show(self) };
            shown.field(parameter.name, &value);
        }
        shown.finish_non_exhaustive()
    }
}

impl Config {
    /// Names and values of all parameters that some pattern matches, each name once: `CONFIG GET`.
    ///
    /// A pattern without `*`, `?` or `[` is a name, and is answered as it was written. Aliases are names of their own;
    /// hidden parameters are found by name only.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for pattern in patterns {
            for (name, parameter) in names_matching(pattern) {
                if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    found.push((name, parameter.show(self)));
                }
            }
        }
        found
    }
}

fn names_matching(pattern: &[u8]) -> Vec<(String, &'static Parameter)> {
    if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
        let name = String::from_utf8_lossy(pattern).into_owned();
        return Parameter::named(&name).map(|parameter| (name, parameter)).into_iter().collect();
    }
    let shown = TABLE.iter().filter(|parameter| !parameter.hidden);
    let names = shown.flat_map(|parameter| {
        [Some(parameter.name), parameter.alias].into_iter().flatten().map(move |name| (name, parameter))
    });
    names
        .filter(|(name, _)| matches(pattern, name.as_bytes(), true))
        .map(|(name, parameter)| (name.to_string(), parameter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(config: &Config, patterns: &[&str]) -> Vec<(String, String)> {
        config.get(&patterns.iter().map(|pattern| pattern.as_bytes()).collect::<Vec<_>>())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn defaults_are_shown_in_canonical_form() {
        let config = Config::default();
        for (name, value) in [
            ("save", "3600 1 300 100 60 10000"),
            (
                "client-output-buffer-limit",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ),
            ("latency-tracking-info-percentiles", "50 99 99.9"),
            ("bind", "* -::*"),
            ("unixsocketperm", "0"),
            ("repl-backlog-size", "1048576"),
            ("oom-score-adj-values", "0 200 800"),
            ("notify-keyspace-events", ""),
            ("replicaof", ""),
            ("maxmemory-clients", "0"),
            ("shutdown-on-sigint", "default"),
        ] {
            assert_eq!(get(&config, &[name]), pairs(&[(name, value)]));
        }
        assert!(config.dir.is_absolute());
    }

    #[test]
    fn every_default_is_shown_as_the_table_has_it() {
        let config = Config::default();
        for parameter in TABLE.iter().filter(|parameter| parameter.name != "dir") {
            assert_eq!(parameter.show(&config), parameter.default, "{}", parameter.name);
        }
    }

    #[test]
    fn names_and_aliases_are_unique_and_lower_case() {
        let names = TABLE.iter().flat_map(|parameter| [Some(parameter.name), parameter.alias]).flatten();
        let mut names: Vec<&str> = names.collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
    }

    #[test]
    fn a_name_is_answered_as_it_was_asked_and_once() {
        let config = Config::default();
        assert_eq!(get(&config, &["PORT", "port", "p?rt"]), pairs(&[("PORT", "6379")]));
        assert_eq!(get(&config, &["no-such"]), []);
    }

    #[test]
    fn aliases_answer_under_their_own_name() {
        let found = get(&Config::default(), &["*of", "min-slaves-*"]);
        let expected =
            [("replicaof", ""), ("slaveof", ""), ("min-slaves-to-write", "0"), ("min-slaves-max-lag", "10")];
        assert_eq!(found, pairs(&expected));
    }

    #[test]
    fn hidden_parameters_are_found_by_name_only() {
        let config = Config::default();
        assert!(get(&config, &["*"]).iter().all(|(name, _)| name != "key-load-delay"));
        assert_eq!(get(&config, &["key-load-delay"]), pairs(&[("key-load-delay", "0")]));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let config = Config { requirepass: Some("sesame".into()), port: 1, ..Config::default() };
        let shown = format!("{config:?}");
        assert!(
            shown.contains("port: \"1\"") && shown.contains("requirepass") && !shown.contains("sesame"),
            "{shown}"
        );
    }
}
