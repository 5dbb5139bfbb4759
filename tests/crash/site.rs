//! A directory in which one server after the other runs: what one leaves the next finds.
use crate::support::{
    Client, ours,
    server::{command, free_port, output, send_signal, spawn, wait},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a start may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Site {
    dir: TempDir,
}
impl Site {
    pub fn new() -> Site {
        Site { dir: TempDir::new().expect("a temporary directory") }
    }
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    /// Another directory with the same files.
    pub fn copy(&self) -> Site {
        let copy = Site::new();
        copy_folder(self.dir(), copy.dir());
        copy
    }
    /// What the last server printed.
    pub fn output(&self) -> String {
        output(self.dir())
    }
    /// Starts a server that answers, with all that is on disk loaded.
    pub fn start(&self, options: &[&str]) -> Running {
        self.try_start(options).unwrap_or_else(|status| {
            panic!("{options:?}: no start, {status}\n{}", self.output());
        })
    }
    /// The same, or how the server has ended.
    pub fn try_start(&self, options: &[&str]) -> Result<Running, ExitStatus> {
        let mut attempts_left = 5;
        loop {
            match self.start_once(options) {
                // Another process can take the port between our choice and the server's bind.
                Err(_) if attempts_left > 0 && self.output().contains("in use") => attempts_left -= 1,
                result => return result,
            }
        }
    }
    fn start_once(&self, options: &[&str]) -> Result<Running, ExitStatus> {
        let port = free_port();
        let mut command = command(&ours(), self.dir());
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(self.dir()).args(options);
        let mut running = Running { child: spawn(command).expect("the server's binary"), port };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = running.child.try_wait().expect("our own child") {
                return Err(status);
            }
            if let Ok(mut client) = Client::tcp("127.0.0.1", port)
                && client.send_raw(b"PING\r\n").is_ok()
                && client.try_receive().is_ok_and(|reply| !reply.is_error())
            {
                return Ok(running);
            }
            thread::sleep(Duration::from_millis(3));
        }
        panic!("{options:?}: no answer in {PATIENCE:?}\n{}", self.output());
    }
    /// The names of all files, those of the append-only directory with its name before them.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.dir()).expect("the directory").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match fs::read_dir(entry.path()) {
                Err(_) => names.push(name),
                Ok(inner) => names.extend(
                    inner.flatten().map(|file| format!("{name}/{}", file.file_name().to_string_lossy())),
                ),
            }
        }
        names.sort();
        names
    }
    /// A server that runs may make some, but none of them stays.
    pub fn wait_for_no_temporary_names(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.temporary_names().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", self.temporary_names());
            thread::sleep(Duration::from_millis(3));
        }
    }
    pub fn temporary_names(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.contains("temp-")).collect()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a new directory");
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A server. It dies when this is dropped.
pub struct Running {
    child: Child,
    pub port: u16,
}
impl Running {
    pub fn connect(&self) -> Client {
        Client::tcp("127.0.0.1", self.port).expect("the server accepts")
    }
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// It gets no time for last words.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
    /// It ends as an operator wants it.
    pub fn stop(mut self) {
        send_signal(self.pid(), libc::SIGTERM);
        let status = wait(&mut self.child);
        assert!(status.success(), "{status}");
    }
}
impl Drop for Running {
    fn drop(&mut self) {
        // Failing here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
