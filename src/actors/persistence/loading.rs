//! What is on disk when the server starts: it is read here and taken in by the Keyspace, which answers `-LOADING` to
//! clients in between. While one batch is taken in the next is read.
use super::{Persistence, TICK, log::Log, messages::Start, snapshots::delay_of};
use crate::{
    actors::{
        keyspace::{BeginLoading, EndLoading, Load, TellAll},
        now_ms,
        supervisor::Loaded,
    },
    board::Activity,
    commands::loading::{Fault, Loader, Piece, UNKNOWN_COMMAND},
    config::Config,
    disk::{self, LogFiles, Output, Trouble},
    formats::{
        aof::{self, BaseFormat, Found, Manifest, Part},
        rdb::Checksum,
    },
};
use actix::prelude::*;
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{
        atomic::Ordering::{Relaxed, Release},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Instant,
};

impl Handler<Start> for Persistence {
    type Result = ();
    fn handle(&mut self, _: Start, _: &mut Self::Context) {
        match self.load_all() {
            Ok(()) => {
                self.ready = true;
                // The Keyspace hears that it is to log before the first client's command can reach it.
                self.announce_log();
                self.board.archive.loading.active.store(false, Release);
                self.supervisor.do_send(Loaded(true));
            }
            // Nobody is shown a part of the data: until the process has ended, it is loading.
            Err(reason) => {
                tracing::error!("{reason}");
                self.supervisor.do_send(Loaded(false));
            }
        }
    }
}

/// How many batches may be on their way to the Keyspace.
const BATCHES_AHEAD: usize = 2;

impl Persistence {
    /// Loads what there is, and opens the log. An error ends the start.
    fn load_all(&mut self) -> Result<(), String> {
        let config = self.config();
        remove_leftovers(&*self.disk);
        let rdb = PathBuf::from(&config.dbfilename);
        if config.appendonly {
            return self.load_log(&config);
        }
        if self.disk.exists(&rdb) {
            self.load_rdb(&config, &rdb)?;
        }
        Ok(())
    }
    fn load_rdb(&mut self, config: &Config, path: &Path) -> Result<(), String> {
        let (began, disk) = (Instant::now(), self.disk.clone());
        self.begin_loading(self.bytes_of(path));
        // What a replica has its master deletes.
        let loader = Loader { keeps_expired: config.replicaof.is_some(), ..Loader::default() };
        let result = self.feed(loader, 0, |sink| disk::read_snapshot(&*disk, path, config.rdbchecksum, sink));
        match result {
            Ok(loader) => {
                loader.tell(&self.board.archive.loading);
                tracing::info!("DB loaded from disk: {:.3} seconds", began.elapsed().as_secs_f64());
                Ok(())
            }
            Err(trouble) => {
                tracing::warn!("{}", rdb_fatal(path, &trouble));
                Err("Terminating server after rdb file reading failure.".into())
            }
        }
    }
    fn load_log(&mut self, config: &Config) -> Result<(), String> {
        let (folder, disk) = (self.folder(), self.disk.clone());
        let names = folder.names();
        let fatal = |what: &str, error: io::Error| format!("Fatal error: {what}: {error}");
        self.enter_folder().map_err(|error| fatal("can't open the append-only directory", error))?;
        let manifest = folder
            .read_manifest()
            .map_err(|error| format!("Reading the append only file manifest failed. {error}"))?;
        let unlisted = match manifest {
            Some(_) => Vec::new(),
            None => folder
                .unlisted()
                .map_err(|error| fatal("can't look into the append-only directory", error))?,
        };
        let moved = folder.path().join(names.0);
        let (old_file, moved_file) = (disk.is_file(Path::new(names.0)), disk.exists(&moved));
        let found = Found { manifest, unlisted, old_file, moved_file };
        let manifest = match aof::Start::of(found, names) {
            aof::Start::Empty(manifest) => manifest,
            aof::Start::Load(manifest) => manifest,
            aof::Start::Unlisted(increments) => {
                let increments: Vec<_> = increments.iter().map(|name| name.to_string_lossy()).collect();
                return Err(format!(
                    "Fatal error: there is a part of an append-only file in {} ({}), and no manifest {} that says which parts \
                     count, and in what order. Put it back ({} may be it, if that is there); or move the files away to begin \
                     without their data.",
                    folder.path().display(),
                    increments.join(", "),
                    names.manifest(),
                    names.temporary_manifest()
                ));
            }
            aof::Start::Ambiguous => {
                return Err(format!(
                    "Fatal error: there is an append-only file {0} in the working directory, and another one in {1}, and no \
                     manifest: which of them is it?",
                    names.0,
                    folder.path().display()
                ));
            }
            aof::Start::Upgrade(manifest) => {
                tracing::info!(
                    "Migrating the old append-only file {} to {}",
                    names.0,
                    folder.path().display()
                );
                folder
                    .write_manifest(&manifest)
                    .and_then(|()| disk.rename(Path::new(names.0), &moved))
                    .and_then(|()| disk.sync_folder(folder.path()))
                    .map_err(|error| fatal("can't take over the old append-only file", error))?;
                tracing::info!("Successfully migrated an old-style AOF");
                manifest
            }
        };
        if manifest.is_empty() {
            let rdb = PathBuf::from(&config.dbfilename);
            if disk.exists(&rdb) {
                // Redis begins with no data here. What was saved would be lost with the next save.
                tracing::warn!(
                    "There is no append-only file yet: it begins with the data of {}",
                    rdb.display()
                );
                self.load_rdb(config, &rdb)?;
            }
        } else {
            self.load_parts(config, &manifest)?;
        }
        self.open_log(config, manifest).map_err(|error| fatal("can't open the append-only file", error))
    }
    fn load_parts(&mut self, config: &Config, manifest: &Manifest) -> Result<(), String> {
        let folder = self.folder().path().to_path_buf();
        let parts: Vec<&Part> = manifest.parts().collect();
        for part in &parts {
            if !self.disk.exists(&folder.join(&part.name)) {
                let missing = Trouble::Disk(io::Error::from_raw_os_error(nix::errno::Errno::ENOENT as i32));
                return Err(log_fatal(&folder.join(&part.name), &missing, false));
            }
        }
        let (began, disk) = (Instant::now(), self.disk.clone());
        let bytes: Vec<u64> = parts.iter().map(|part| self.bytes_of(&folder.join(&part.name))).collect();
        self.begin_loading(bytes.iter().sum());
        let mut before = 0;
        for (index, part) in parts.iter().enumerate() {
            let path = folder.join(&part.name);
            // An increment may have been begun, and the disk have failed before it was used.
            let is_last = bytes[index + 1..].iter().all(|bytes| *bytes == 0);
            if bytes[index] == 0 && path.extension().is_some_and(|extension| extension == "rdb") {
                return Err(log_fatal(&path, &Trouble::Short(empty_snapshot()), is_last));
            }
            let loader = Loader { keeps_expired: true, is_log: true, ..Loader::default() };
            let result =
                self.feed(loader, before, |sink| disk::read_log(&*disk, &path, config.rdbchecksum, sink));
            before += bytes[index];
            match result {
                Ok(loader) if loader.loaded > 0 => loader.tell(&self.board.archive.loading),
                Ok(_) => {}
                Err(Trouble::Truncated(end)) if config.aof_load_truncated && is_last => {
                    self.cut_off(&path, end.whole)?;
                }
                Err(trouble) => return Err(log_fatal(&path, &trouble, is_last)),
            }
            tracing::info!("DB loaded from {} file {}", kind_of(part, manifest), part.name.display());
        }
        tracing::info!("DB loaded from append only file: {:.3} seconds", began.elapsed().as_secs_f64());
        Ok(())
    }
    /// A crash has left a part of a command, or of a transaction, at the end of the log.
    fn cut_off(&self, path: &Path, whole: u64) -> Result<(), String> {
        tracing::warn!("!!! Warning: short read while loading the AOF file {}!!!", path.display());
        tracing::warn!("Truncating the AOF {} at offset {whole}", path.display());
        let cut = || -> io::Result<()> {
            let (mut file, _) = self.disk.append(path)?;
            file.truncate(whole)?;
            file.sync()
        };
        cut().map_err(|error| format!("Error truncating the AOF file {}: {error}", path.display()))?;
        tracing::warn!("AOF {} loaded anyway because aof-load-truncated is enabled", path.display());
        Ok(())
    }
    /// Opens the log behind what was loaded. There is a base in any case: data that were loaded from elsewhere, or none.
    fn open_log(&mut self, config: &Config, manifest: Manifest) -> io::Result<()> {
        let format = if config.aof_use_rdb_preamble { BaseFormat::Rdb } else { BaseFormat::Commands };
        let increment_is_new = manifest.increments().is_empty();
        let files = LogFiles::open(self.folder(), manifest, format, |path| {
            self.write_first_base(config, path)?;
            tracing::info!("Creating AOF base file {} on server start", path.display());
            Ok(())
        })?;
        if increment_is_new && let Some(increment) = files.increment() {
            tracing::info!("Creating AOF incr file {} on server start", increment.name.display());
        }
        self.board.archive.log_base_bytes.store(files.base_bytes(), Relaxed);
        self.log = Some(Log::new(files, &self.board));
        self.delete_history();
        Ok(())
    }
    fn write_first_base(&self, config: &Config, path: &Path) -> io::Result<()> {
        let temporary = PathBuf::from(format!("temp-rewriteaof-bg-{}.aof", std::process::id()));
        let mut output = Output::create(self.disk.clone(), temporary, config.aof_rewrite_incremental_fsync)?;
        let mut checksum = config.aof_use_rdb_preamble.then(|| Checksum::new(config.rdbchecksum));
        let (pieces, told) = sync_channel(BATCHES_AHEAD);
        self.keyspace.do_send(TellAll { of: Activity::Rewrite, pieces });
        for piece in told {
            if let Some(checksum) = &mut checksum {
                checksum.update(&piece);
            }
            output.write(&piece)?;
        }
        if let Some(checksum) = checksum {
            output.write(&checksum.trailer())?;
        }
        output.finish(path)
    }
    /// `key-load-delay`, which may change meanwhile.
    fn delay_loading(&self, keys: u64) {
        let began = Instant::now();
        let left = || {
            let delay = delay_of(keys, self.board.config.load().key_load_delay_us);
            delay.checked_sub(began.elapsed()).filter(|left| !left.is_zero())
        };
        while let Some(left) = left() {
            thread::sleep(left.min(TICK));
        }
    }
    fn bytes_of(&self, path: &Path) -> u64 {
        self.disk.open(path).map_or(0, |(_, bytes)| bytes)
    }
    fn begin_loading(&self, bytes: u64) {
        let loading = &self.board.archive.loading;
        loading.began_s.store(now_ms() / 1000, Relaxed);
        loading.bytes_loaded.store(0, Relaxed);
        loading.writer_bytes.store(0, Relaxed);
        loading.bytes_total.store(bytes, Relaxed);
        loading.active.store(true, Relaxed);
    }
    /// Has the Keyspace take in what `read` gives; `before` bytes were read of other files already.
    fn feed(
        &self,
        loader: Loader,
        before: u64,
        read: impl FnOnce(disk::Sink) -> Result<(), Trouble>,
    ) -> Result<Loader, Trouble> {
        let gone = || Fault { offset: 0, reason: "nobody takes the data in".into() };
        self.keyspace.do_send(BeginLoading(loader));
        let mut underway: VecDeque<Receiver<Result<(), Fault>>> = VecDeque::new();
        let wait = |answer: Receiver<Result<(), Fault>>| answer.recv().unwrap_or_else(|_| Err(gone()));
        let result = read(&mut |pieces: Vec<Piece>, bytes_read| {
            self.board.archive.loading.bytes_loaded.store(before + bytes_read, Relaxed);
            if underway.len() >= BATCHES_AHEAD
                && let Some(first) = underway.pop_front()
            {
                wait(first)?;
            }
            let keys = pieces.iter().filter(|piece| piece.is_key()).count() as u64;
            self.delay_loading(keys);
            let (done, answer) = sync_channel(1);
            self.keyspace.do_send(Load { link: None, pieces, done });
            underway.push_back(answer);
            Ok(())
        });
        // What was taken in wrongly is told before what could not be read behind it.
        underway.into_iter().try_for_each(wait)?;
        let (done, answer) = sync_channel(1);
        self.keyspace.do_send(EndLoading { done });
        let loader = answer.recv().map_err(|_| gone())?;
        result.map(|()| loader)
    }
}

fn kind_of(part: &Part, manifest: &Manifest) -> &'static str {
    if manifest.base() == Some(part) { "base" } else { "incr" }
}

/// It was whole when it got its name.
fn empty_snapshot() -> Fault {
    Fault { offset: 0, reason: "There is nothing in it, not even the beginning of a snapshot".into() }
}

fn rdb_fatal(path: &Path, trouble: &Trouble) -> String {
    let path = path.display();
    match trouble {
        Trouble::Disk(error) => {
            format!("Fatal error: can't open the RDB file {path} for reading: {error}")
        }
        Trouble::Short(fault) => {
            format!("Short read or OOM loading DB. Unrecoverable error, aborting now. {path}: {fault}")
        }
        trouble => format!(
            "Fatal error loading the DB, check server logs. Exiting. Internal error in RDB {path}: {trouble}"
        ),
    }
}

fn log_fatal(path: &Path, trouble: &Trouble, is_last: bool) -> String {
    let path = path.display();
    match trouble {
        Trouble::Disk(error) => {
            format!("Fatal error: can't open the append log file {path} for reading: {error}")
        }
        Trouble::Truncated(end) if is_last => format!(
            "Unexpected end of file reading the append only file {path}, which is whole up to offset {}. You can: 1) Make \
             a backup of your AOF file, then use callboard check-aof --fix <filename.manifest>. 2) Alternatively you can \
             set the 'aof-load-truncated' configuration option to yes and restart the server.",
            end.whole
        ),
        Trouble::Truncated(end) => format!(
            "Fatal error: the truncated file is not the last file: {path} ends early, at offset {}",
            end.whole
        ),
        // Nothing is damaged: mending would take data away.
        Trouble::Fault(fault) if fault.reason.starts_with(UNKNOWN_COMMAND) => format!(
            "Fatal error reading the append only file {path}: {fault}. It was written by a server that can do more than \
             this one."
        ),
        trouble => format!(
            "Bad file format reading the append only file {path}: {trouble}. Make a backup of your AOF file, then use \
             callboard check-aof --fix <filename.manifest>"
        ),
    }
}

/// Deletes what servers left behind that were killed while they wrote.
fn remove_leftovers(disk: &dyn disk::Disk) {
    let Ok(names) = disk.names(Path::new(".")) else { return };
    for name in names.iter().filter_map(|name| name.to_str()) {
        let middle =
            |prefix, suffix| name.strip_prefix(prefix).and_then(|rest: &str| rest.strip_suffix(suffix));
        let pid = middle("temp-rewriteaof-bg-", ".aof").or(middle("temp-", ".rdb"));
        // That of a full sync tells its time in front.
        let pid = pid.and_then(|pid| pid.rsplit('.').next());
        let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else { continue };
        let is_ours = pid == std::process::id();
        if is_ours || !Path::new("/proc").join(pid.to_string()).exists() {
            tracing::info!("Removing {name}, which a server that is gone has left");
            // It would only take room.
            let _ = disk.remove(Path::new(name));
        }
    }
}
