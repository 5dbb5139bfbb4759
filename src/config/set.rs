//! `CONFIG SET`: several parameters at once, all or none.

use super::error::SetError;
use super::parameter::{Mutability, Parameter};
use super::table::Config;

/// What decides whether a client may set a parameter now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// The client is on this host (by a loopback address or a Unix socket).
    pub client_is_local: bool,
    /// The data set is being loaded.
    pub loading: bool,
}

/// A parameter, the name it was called by, and its value.
struct Pair<'a> {
    parameter: &'static Parameter,
    name: &'static str,
    value: &'a [u8],
}

impl Config {
    /// The configuration with all of `pairs` set, and which parameters differ from before, for [`Parameter::apply`].
    ///
    /// Every name is looked at before any value, so that the error is the one Redis answers with.
    pub fn set(
        &self,
        pairs: &[(&str, &[u8])],
        now: Circumstances,
    ) -> Result<(Config, Vec<&'static Parameter>), SetError> {
        let pairs = self.admit(pairs, now)?;
        let mut config = self.clone();
        for pair in &pairs {
            set_one(&mut config, pair).map_err(|reason| SetError::failed(pair.name, reason))?;
            config.default_user.take_if(|_| pair.parameter.name == "requirepass");
        }
        let changed = pairs.iter().map(|pair| pair.parameter);
        let changed =
            changed.filter(|parameter| parameter.volatile || parameter.differs(self, &config)).collect();
        Ok((config, changed))
    }

    /// The parameters to be set, if all of them may be.
    fn admit<'a>(&self, pairs: &[(&str, &'a [u8])], now: Circumstances) -> Result<Vec<Pair<'a>>, SetError> {
        let mut admitted: Vec<Pair<'a>> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let parameter = Parameter::named(name).ok_or_else(|| SetError::Unknown(name.to_string()))?;
            self.refuse_if_fixed(parameter, name, now)?;
            if admitted.iter().any(|known| std::ptr::eq(known.parameter, parameter)) {
                return Err(SetError::failed(name, "duplicate parameter"));
            }
            admitted.push(Pair { parameter, name: parameter.called(name), value });
        }
        Ok(admitted)
    }

    fn refuse_if_fixed(&self, parameter: &Parameter, name: &str, now: Circumstances) -> Result<(), SetError> {
        match parameter.mutability {
            Mutability::Immutable => Err(SetError::failed(name, "can't set immutable config")),
            Mutability::Protected if !self.enable_protected_configs.admits(now.client_is_local) => {
                Err(SetError::failed(name, "can't set protected config"))
            }
            _ if now.loading && parameter.denied_while_loading => Err(SetError::Loading),
            _ => Ok(()),
        }
    }
}

impl Parameter {
    fn differs(&self, before: &Config, after: &Config) -> bool {
        self.lines(before) != self.lines(after)
    }
}

/// A value of several words is split at every single space, without quotes.
fn set_one(config: &mut Config, pair: &Pair) -> Result<(), String> {
    let Pair { parameter, value, .. } = pair;
    let value = std::str::from_utf8(value).map_err(|_| "argument must be UTF-8 text")?;
    if parameter.accumulates {
        parameter.clear(config);
    }
    match parameter.kind.takes_many_words() {
        true if value.is_empty() => parameter.take(config, &[]),
        true => parameter.take(config, &value.split(' ').collect::<Vec<_>>()),
        false => parameter.take(config, &[value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Apply, OutputBufferLimit, Permission, TABLE};

    const REMOTE: Circumstances = Circumstances { client_is_local: false, loading: false };

    fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<(Config, Vec<&'static Parameter>), SetError> {
        let pairs: Vec<(&str, &[u8])> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        config.set(&pairs, REMOTE)
    }

    /// Sets one parameter and gives what `CONFIG GET` then shows, or the error.
    fn outcome(name: &str, value: &str) -> String {
        match set(&Config::default(), &[(name, value)]) {
            Ok((config, _)) => Parameter::named(name).expect("it was set").show(&config),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_mutable_default_can_be_set() {
        let config = Config { enable_protected_configs: Permission::Yes, ..Config::default() };
        for parameter in TABLE.iter().filter(|parameter| parameter.mutability != Mutability::Immutable) {
            let value = parameter.show(&config);
            let (after, changed) = set(&config, &[(parameter.name, &value)]).expect(parameter.name);
            assert!(after == config, "{}", parameter.name);
            assert_eq!(changed.len(), usize::from(parameter.volatile), "{}", parameter.name);
        }
    }

    #[test]
    fn values_are_brought_into_canonical_form() {
        for (name, value, shown) in [
            ("maxmemory", "100MB", "104857600"),
            ("maxmemory", "18446744073709551615", "18446744073709551615"),
            ("maxmemory-clients", "5%", "5%"),
            ("maxmemory-clients", "1g", "1000000000"),
            ("protected-mode", "NO", "no"),
            ("loglevel", "Warning", "warning"),
            ("save", "", ""),
            ("save", "60 1", "60 1"),
            (
                "client-output-buffer-limit",
                "replica 1mb 512kb 10",
                "normal 0 0 0 slave 1048576 524288 10 pubsub 33554432 8388608 60",
            ),
            ("latency-tracking-info-percentiles", "0 50.10 100", "0 50.1 100"),
            ("latency-tracking-info-percentiles", "", ""),
            ("notify-keyspace-events", "KEA", "AKE"),
            ("notify-keyspace-events", "KEg$lshzxetd", "AKE"),
            ("notify-keyspace-events", "mlKn", "lnKm"),
            ("bind", "127.0.0.1 ::1", "127.0.0.1 ::1"),
            ("bind", "", ""),
            ("hz", "1000", "500"),
            ("oom-score-adj", "relative", "yes"),
            ("slave-priority", "7", "7"),
        ] {
            assert_eq!(outcome(name, value), shown, "{name} {value}");
        }
    }

    #[test]
    fn errors_say_what_redis_says() {
        for (name, value, reason) in [
            ("port", "65536", "argument must be between 0 and 65535 inclusive"),
            ("port", "abc", "argument couldn't be parsed into an integer"),
            ("maxclients", "-1", "argument must be between 1 and 4294967295 inclusive"),
            ("protected-mode", "maybe", "argument must be 'yes' or 'no'"),
            ("maxmemory", "10tb", "argument must be a memory value"),
            ("proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
            ("maxmemory-clients", "200%", "percentage argument must be less or equal to 100"),
            ("maxmemory-clients", "x", "argument must be a memory or percent value"),
            ("appendfsync", "often", "argument(s) must be one of the following: everysec, always, no"),
            ("save", "60", "Invalid save parameters"),
            ("save", "0 1", "Invalid save parameters"),
            ("save", "60  1", "Invalid save parameters"),
            (
                "client-output-buffer-limit",
                "normal 1",
                "Wrong number of arguments in buffer limit configuration.",
            ),
            (
                "client-output-buffer-limit",
                "master 0 0 0",
                "Invalid client class specified in buffer limit configuration.",
            ),
            (
                "client-output-buffer-limit",
                "normal 0 x 0",
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ),
            ("notify-keyspace-events", "KEx?", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
            (
                "latency-tracking-info-percentiles",
                "101",
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
            ),
            (
                "latency-tracking-info-percentiles",
                "a",
                "Invalid latency-tracking-info-percentiles parameters",
            ),
            (
                "hll-sparse-max-bytes",
                "99999999999999999999",
                "argument must be between 0 and 9223372036854775807 inclusive",
            ),
            ("repl-backlog-size", "0", "argument must be between 1 and 9223372036854775807 inclusive"),
            ("hll-sparse-max-bytes", "-1", "argument must be a memory value"),
            ("locale-collate", "0", "Invalid locale name"),
            ("activedefrag", "yes", "Active defragmentation cannot be enabled: the allocator moves nothing"),
            (
                "latency-tracking-info-percentiles",
                "1e999",
                "Invalid latency-tracking-info-percentiles parameters",
            ),
            ("oom-score-adj-values", "1 2", "wrong number of arguments"),
            ("daemonize", "yes", "can't set immutable config"),
            ("dir", "/", "can't set protected config"),
            (
                "cluster-announce-hostname",
                "a_b",
                "Hostnames may only contain alphanumeric characters, hyphens or dots",
            ),
            ("proc-title-template", "{nothing}", "template format is invalid or contains unknown variables"),
            (
                "shutdown-on-sigint",
                "save nosave",
                "shutdown options SAVE and NOSAVE can't be used simultaneously",
            ),
            ("bind", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."),
        ] {
            let expected = format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}");
            assert_eq!(outcome(name, value), expected, "{name} {value}");
        }
        assert_eq!(outcome("nope", "1"), "Unknown option or number of arguments for CONFIG SET - 'nope'");
    }

    #[test]
    fn values_are_read_as_redis_reads_them() {
        for (name, value, shown) in [
            ("repl-backlog-size", "1", "16384"),
            ("repl-backlog-size", "16385", "16385"),
            ("hll-sparse-max-bytes", "", "0"),
            ("maxmemory", "kb", "0"),
            ("cluster-link-sendbuf-limit", "99999999999999999999", "18446744073709551615"),
            ("latency-tracking-info-percentiles", "0x10", "16"),
            ("latency-tracking-info-percentiles", "0x1.8p1 .5 5. +7 -0", "3 0.5 5 7 -0"),
            ("locale-collate", "C.UTF-8", "C.UTF-8"),
            ("locale-collate", "", ""),
        ] {
            let (config, _) = set(&Config::default(), &[(name, value)]).expect("valid");
            let parameter = Parameter::named(name).expect("a parameter");
            assert_eq!(parameter.show(&config), shown, "{name} {value:?}");
        }
    }

    #[test]
    fn all_are_set_or_none() {
        let config = Config::default();
        let error = set(&config, &[("port", "1"), ("timeout", "x")]).expect_err("x is no number");
        assert!(error.to_string().contains("'timeout'"));
        let (after, changed) =
            set(&config, &[("port", "1"), ("timeout", "0"), ("loglevel", "debug")]).expect("valid");
        assert_eq!((config.port, after.port), (6379, 1));
        assert_eq!(
            changed.iter().map(|p| (p.name, p.apply)).collect::<Vec<_>>(),
            [("port", Apply::Listen), ("loglevel", Apply::Log)]
        );
    }

    #[test]
    fn a_parameter_is_set_once_even_by_two_names() {
        let error = set(&Config::default(), &[("replica-priority", "1"), ("Slave-Priority", "2")]);
        let expected =
            "CONFIG SET failed (possibly related to argument 'Slave-Priority') - duplicate parameter";
        assert_eq!(error.expect_err("twice").to_string(), expected);
    }

    #[test]
    fn the_first_objection_is_told() {
        let unknown_first = set(&Config::default(), &[("nope", "1"), ("daemonize", "yes")]);
        assert_eq!(unknown_first.expect_err("unknown"), SetError::Unknown("nope".into()));
        let immutable_first = set(&Config::default(), &[("daemonize", "yes"), ("nope", "1")]);
        assert_eq!(
            immutable_first.expect_err("immutable"),
            SetError::failed("daemonize", "can't set immutable config")
        );
    }

    #[test]
    fn some_parameters_wait_for_the_data() {
        let loading = Circumstances { client_is_local: true, loading: true };
        let config = Config { enable_protected_configs: Permission::Local, ..Config::default() };
        assert_eq!(config.set(&[("dir", b"/")], loading).expect_err("loading"), SetError::Loading);
        assert!(config.set(&[("loglevel", b"debug")], loading).is_ok());
        let local = Circumstances { client_is_local: true, loading: false };
        let (after, changed) = config.set(&[("dir", b"/")], local).expect("local");
        assert_eq!((after.dir.to_str(), changed[0].apply), (Some("/"), Apply::Directory));
        let missing = config.set(&[("dir", b"/no/such/folder")], local).expect_err("missing");
        assert_eq!(missing, SetError::failed("dir", "No such file or directory"));
    }

    #[test]
    fn limits_of_other_classes_stay() {
        let (config, _) =
            set(&Config::default(), &[("client-output-buffer-limit", "normal 1k 2 3")]).expect("valid");
        let expected = OutputBufferLimit { hard_bytes: 1000, soft_bytes: 2, soft_seconds: 3 };
        assert_eq!(config.client_output_buffer_limit.normal, expected);
        assert_eq!(
            config.client_output_buffer_limit.replica,
            Config::default().client_output_buffer_limit.replica
        );
    }
}
