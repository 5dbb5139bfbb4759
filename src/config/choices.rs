//! Parameters whose value is one of a few names, or several of them.
//!
//! The order of the names is the order in which an error lists them, and where two names mean the same, the first is
//! the one that is shown.

use super::parameter::Kind;
use super::setting::{Setting, Written, only};

/// Declares a type and the names of its values; the first variant is what `Default` gives.
macro_rules! choice {
    ($(#[$doc:meta])* $type:ident { $($variant:ident),* } named { $($name:literal => $meaning:ident),* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum $type { #[default] $($variant),* }

        impl $type {
            const NAMES: &'static [(&'static str, $type)] = &[$(($name, $type::$meaning)),*];

            /// The name under which a file or `CONFIG SET` gives it.
            pub fn name(self) -> &'static str {
                Self::NAMES.iter().find(|(_, value)| *value == self).map_or("unknown", |(name, _)| name)
            }
        }

        impl Setting for $type {
            fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
                let word = only(words).map_err(|_| one_of(Self::NAMES))?;
                let found = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
                *self = found.ok_or_else(|| one_of(Self::NAMES))?.1;
                Ok(())
            }

            fn show(&self, _: &Kind) -> String {
                self.name().into()
            }
        }
    };
}

fn one_of<T>(names: &[(&str, T)]) -> String {
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    format!("argument(s) must be one of the following: {}", names.join(", "))
}

choice! {
    /// How much the log tells.
    LogLevel { Notice, Debug, Verbose, Warning, Nothing }
    named { "debug" => Debug, "verbose" => Verbose, "notice" => Notice, "warning" => Warning, "nothing" => Nothing }
}

choice! {
    /// Which key goes first when memory is full.
    MaxmemoryPolicy {
        NoEviction, VolatileLru, VolatileLfu, VolatileRandom, VolatileTtl, AllKeysLru, AllKeysLfu, AllKeysRandom
    }
    named {
        "volatile-lru" => VolatileLru, "volatile-lfu" => VolatileLfu, "volatile-random" => VolatileRandom,
        "volatile-ttl" => VolatileTtl, "allkeys-lru" => AllKeysLru, "allkeys-lfu" => AllKeysLfu,
        "allkeys-random" => AllKeysRandom, "noeviction" => NoEviction
    }
}

impl MaxmemoryPolicy {
    /// Whether keys carry a counter of accesses that decays, instead of the time of the last one.
    pub fn is_lfu(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllKeysLfu)
    }

    /// Whether only keys with a deadline may go.
    pub fn spares_lasting_keys(self) -> bool {
        use MaxmemoryPolicy::*;
        matches!(self, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
    }

    /// Whether any key is as good as the other.
    pub fn is_random(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileRandom | MaxmemoryPolicy::AllKeysRandom)
    }

    /// Whether the key that was not used for longest goes first.
    pub fn is_lru(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllKeysLru)
    }
}

choice! {
    /// Who may use something that could harm the host.
    Permission { No, Yes, Local }
    named { "no" => No, "yes" => Yes, "local" => Local }
}

impl Permission {
    /// Whether a client may, that is or is not on this host.
    pub fn admits(self, client_is_local: bool) -> bool {
        self == Permission::Yes || self == Permission::Local && client_is_local
    }
}

choice! {
    /// Which syslog facility lines would go to.
    SyslogFacility { Local0, User, Local1, Local2, Local3, Local4, Local5, Local6, Local7 }
    named {
        "user" => User, "local0" => Local0, "local1" => Local1, "local2" => Local2, "local3" => Local3,
        "local4" => Local4, "local5" => Local5, "local6" => Local6, "local7" => Local7
    }
}

choice! {
    /// Which service manager to report to.
    Supervised { No, Upstart, Systemd, Auto }
    named { "upstart" => Upstart, "systemd" => Systemd, "auto" => Auto, "no" => No }
}

choice! {
    /// When the append-only file is synced.
    AppendFsync { EverySecond, Always, No }
    named { "everysec" => EverySecond, "always" => Always, "no" => No }
}

choice! {
    /// Whether a replica loads its master's snapshot without writing it to disk first.
    DisklessLoad { Disabled, OnEmptyDb, SwapDb }
    named { "disabled" => Disabled, "on-empty-db" => OnEmptyDb, "swapdb" => SwapDb }
}

choice! {
    /// Whether TLS clients must show a certificate.
    TlsAuthClients { Yes, No, Optional }
    named { "no" => No, "yes" => Yes, "optional" => Optional }
}

choice! {
    /// How the kernel's out-of-memory score is set.
    OomScoreAdj { No, Relative, Absolute }
    named { "no" => No, "yes" => Relative, "relative" => Relative, "absolute" => Absolute }
}

choice! {
    /// Which channels a new user may use.
    AclPubsubDefault { ResetChannels, AllChannels }
    named { "allchannels" => AllChannels, "resetchannels" => ResetChannels }
}

choice! {
    /// Whose serialised values are checked through before they are used.
    SanitizeDumpPayload { No, Yes, Clients }
    named { "no" => No, "yes" => Yes, "clients" => Clients }
}

choice! {
    /// What a cluster node tells clients as its address.
    ClusterEndpointType { Ip, Hostname, UnknownEndpoint }
    named { "ip" => Ip, "hostname" => Hostname, "unknown-endpoint" => UnknownEndpoint }
}

choice! {
    /// What happens when a command from the master fails.
    PropagationErrorBehavior { Ignore, Panic, PanicOnReplicas }
    named { "ignore" => Ignore, "panic" => Panic, "panic-on-replicas" => PanicOnReplicas }
}

/// How a signal shuts the server down: SHUTDOWN's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// Save a snapshot even if no save points are set.
    pub save: bool,
    /// Save none even if some are.
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Ignore a failed save.
    pub force: bool,
}

impl ShutdownOptions {
    const NAMES: &'static [(&'static str, ())] =
        &[("default", ()), ("save", ()), ("nosave", ()), ("now", ()), ("force", ())];

    fn named(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "save" => Some(&mut self.save),
            "nosave" => Some(&mut self.nosave),
            "now" => Some(&mut self.now),
            "force" => Some(&mut self.force),
            _ => None,
        }
    }
}

impl Setting for ShutdownOptions {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let mut options = ShutdownOptions::default();
        if words.is_empty() {
            return Err(one_of(Self::NAMES));
        }
        for word in words.iter().map(|word| word.to_ascii_lowercase()) {
            match options.named(&word) {
                Some(option) => *option = true,
                None if word == "default" => (),
                None => return Err(one_of(Self::NAMES)),
            }
        }
        if options.save && options.nosave {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        *self = options;
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        let options =
            [(self.save, "save"), (self.nosave, "nosave"), (self.now, "now"), (self.force, "force")];
        let names: Vec<&str> = options.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        if names.is_empty() { "default".into() } else { names.join(" ") }
    }

    fn lines(&self, kind: &Kind) -> Written {
        Written::UnlessDefault(vec![self.show(kind)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_shown_in_one() {
        let mut level = LogLevel::default();
        assert_eq!(level.take(&["WARNING"], &Kind::Choice), Ok(()));
        assert_eq!(level.show(&Kind::Choice), "warning");
        let mut score = OomScoreAdj::default();
        assert_eq!(score.take(&["relative"], &Kind::Choice), Ok(()));
        assert_eq!(score.show(&Kind::Choice), "yes");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let expected = "argument(s) must be one of the following: debug, verbose, notice, warning, nothing";
        for words in [&["loud"] as &[&str], &[], &["debug", "verbose"]] {
            assert_eq!(LogLevel::default().take(words, &Kind::Choice), Err(expected.into()));
        }
    }

    #[test]
    fn shutdown_options_combine() {
        let mut options = ShutdownOptions::default();
        assert_eq!(options.take(&["force", "NOSAVE", "default"], &Kind::Flags), Ok(()));
        assert_eq!(options.show(&Kind::Flags), "nosave force");
        assert!(options.take(&["save", "nosave"], &Kind::Flags).is_err());
        assert!(options.take(&[], &Kind::Flags).is_err());
        assert_eq!(options.take(&["default"], &Kind::Flags), Ok(()));
        assert_eq!(options.show(&Kind::Flags), "default");
    }

    #[test]
    fn permission_depends_on_where_the_client_is() {
        assert!(Permission::Yes.admits(false) && Permission::Local.admits(true));
        assert!(!Permission::Local.admits(false) && !Permission::No.admits(true));
    }
}
