//! How the Supervisor does what commands ask of it.
use super::{Supervisor, doors::Failed, duties};
use crate::{
    actors::{
        keyspace::{Begin, Configured, PauseOver},
        listener::files,
        now_ms,
        persistence::messages::Reconsider,
    },
    allocator,
    board::{Activity, PauseScope},
    commands::{
        FailoverPlan, Followed, Office, Outcome, Save, Shutdown, error::CommandError, memory::uncounted_bytes,
    },
    config::{Apply, Circumstances, Config, Master, Rewriting, SetError},
};
use futures::channel::oneshot;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A script that is told to end for the sake of a shutdown has so long to heed it.
const DEAF_AFTER: Duration = Duration::from_secs(1);
/// So long CONFIG SET waits for the files to follow it: whoever looks at them behind an OK finds them as they are to be, unless
/// the disk takes too long.
pub const SETTLES_MAX: Duration = Duration::from_secs(1);

/// The Supervisor while it serves one client.
pub struct AtDesk<'a> {
    pub supervisor: &'a mut Supervisor,
    pub client: u64,
    /// The reply comes when the files follow the new configuration.
    pub settles: Option<oneshot::Receiver<()>>,
    /// The reply comes later.
    pub waits: bool,
}

impl Office for AtDesk<'_> {
    fn client(&self) -> u64 {
        self.client
    }
    fn configure(&mut self, pairs: &[(String, Vec<u8>)]) -> Result<(), String> {
        let record = self.supervisor.board.roster.get(self.client);
        let client_is_local = record.is_some_and(|record| record.is_local());
        let pairs: Vec<(&str, &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let old = self.supervisor.board.config.load_full();
        let archive = &self.supervisor.board.archive;
        let loading = archive.is_loading() || archive.is_loading_beside();
        let now = Circumstances { client_is_local, loading };
        let (new, changed) = old.set(&pairs, now).map_err(|error| error.to_string())?;
        self.settles = self.supervisor.apply(&duties(&changed), new).map_err(|(names, reason)| {
            let is_given = |name: &&&str| pairs.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
            let argument = names.iter().find(is_given).or(names.first()).copied();
            SetError::failed(argument.unwrap_or_default(), reason).to_string()
        })?;
        changed
            .iter()
            .filter_map(|parameter| parameter.notice())
            .for_each(|notice| tracing::warn!("{notice}"));
        if changed.iter().any(|parameter| parameter.name == "maxmemory") {
            self.supervisor.warn_of_memory();
        }
        if let Some(keyspace) = &self.supervisor.keyspace {
            keyspace.do_send(Configured);
        }
        Ok(())
    }
    fn rewrite_configuration(&mut self) -> Result<(), String> {
        let board = &self.supervisor.board;
        let Some(path) = &board.config_file else {
            return Err("The server is running without a config file".into());
        };
        board.config.load().rewrite_file(path, Rewriting::default()).map_err(|error| {
            tracing::warn!("CONFIG REWRITE failed: {error}");
            format!("Rewriting config file: {error}")
        })?;
        tracing::info!("CONFIG REWRITE executed with success.");
        Ok(())
    }
    fn shut_down(&mut self, how: Shutdown) -> Outcome {
        if let Some(with) = self.supervisor.board.busy.with() {
            if how.save != Save::No {
                return Err(with.refusal());
            }
            // What it has changed by halves is not kept. It may be deaf, too (in a call that does not come back).
            self.supervisor.board.busy.abandon();
            self.supervisor.give_up_at = Some(Instant::now() + DEAF_AFTER);
        }
        tracing::warn!("User requested shutdown...");
        self.supervisor.leave(how);
        self.waits = self.supervisor.keyspace.is_some();
        Ok(())
    }
    fn abort_shut_down(&mut self) -> Outcome {
        self.supervisor.call_off()
    }
    fn fail_over(&mut self, plan: &FailoverPlan) -> Outcome {
        self.supervisor.fail_over(plan)
    }
    fn abort_failover(&mut self) -> Outcome {
        self.supervisor.abort_failover()
    }
    fn follow(&mut self, master: Option<Master>) -> Result<Followed, CommandError> {
        self.supervisor.obey(master, self.client)
    }
    fn pause(&mut self, scope: PauseScope, milliseconds: i64) {
        let now_ms = now_ms();
        self.supervisor.board.pause.set(scope, now_ms.saturating_add(milliseconds), now_ms);
    }
    fn unpause(&mut self) {
        self.supervisor.board.pause.clear();
        if let Some(keyspace) = &self.supervisor.keyspace {
            keyspace.do_send(PauseOver);
        }
    }
}

impl Supervisor {
    /// Does what a new configuration asks, and posts it. On an error everything stays as it was. What is returned says when
    /// the files have followed, if they must.
    fn apply(&mut self, duties: &[Apply], new: Config) -> Result<Option<oneshot::Receiver<()>>, Failed> {
        if duties.contains(&Apply::MaxClients) {
            files::make_room(new.maxclients).map_err(|short| (vec!["maxclients"], short.to_string()))?;
        }
        if duties.contains(&Apply::Directory) {
            std::env::set_current_dir(&*new.dir).map_err(|error| (vec!["dir"], error.to_string()))?;
        }
        let is_new_port = new.tls_port != self.board.config.load().tls_port;
        let tls = match duties.contains(&Apply::Tls) || is_new_port {
            true => Some(self.read_certificates(&new)?),
            false => None,
        };
        if duties.contains(&Apply::Listen) {
            self.relisten(&new).inspect_err(|_| {
                // All or nothing: the directory is taken back, too.
                let _ = std::env::set_current_dir(&*self.board.config.load().dir);
            })?;
        }
        if duties.contains(&Apply::Log) {
            (self.set_log_level)(new.loglevel);
        }
        let logging_begins = new.appendonly && !self.board.config.load().appendonly;
        if let Some(tls) = tls {
            self.board.tls.store(tls.map(Arc::new));
        }
        self.board.config.store(Arc::new(new));
        self.post_wanted_replicas();
        let mut settles = None;
        if duties.contains(&Apply::Persistence)
            && let Some(persistence) = &self.persistence
        {
            let (done, seen) = oneshot::channel();
            persistence.do_send(Reconsider { done });
            settles = Some(seen).filter(|_| !self.board.archive.is_loading());
        }
        if logging_begins {
            self.begin_rewrite();
        }
        Ok(settles)
    }
    /// A limit that is below what is used has consequences at once.
    fn warn_of_memory(&self) {
        let limit = self.board.config.load().maxmemory;
        let used = (allocator::used_bytes() as u64).saturating_sub(uncounted_bytes(&self.board));
        if limit > 0 && limit < used {
            tracing::warn!(
                "maxmemory is now {limit} bytes, and {used} bytes are used: keys will be evicted, or writes refused, as \
                 maxmemory-policy has it"
            );
        }
    }
    /// Begins the first base of the append-only file, or schedules it: whoever has switched that on sees it at once.
    fn begin_rewrite(&self) {
        let archive = &self.board.archive;
        match &self.keyspace {
            Some(keyspace) if archive.claim(Activity::Rewrite, now_ms() / 1000) => {
                keyspace.do_send(Begin(Activity::Rewrite))
            }
            _ => archive.rewrite_scheduled.store(true, Relaxed),
        }
    }
}
