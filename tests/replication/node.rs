//! Servers that replicate: of either make, on ports that they keep, with files that outlive them.
use crate::support::{
    Certificates, Client, Value, ours, redis_server,
    server::{command, free_port, output, spawn, wait},
};
use std::{
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything may take before a test gives up: it says "stuck", never "slow".
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How much each server's log tells where a test fails.
const LAST_LINES: usize = 40;

/// Waits until something holds, but not forever.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Ours,
    Redis,
}

/// Where a node is followed by TLS, as it follows others.
struct Tls {
    port: u16,
    certificates: Arc<Certificates>,
}

pub struct Node {
    pub make: Make,
    dir: TempDir,
    port: u16,
    options: Vec<String>,
    tls: Option<Tls>,
    child: Option<Child>,
}
impl Node {
    /// Starts a server with these options (`--name value …`) and waits until it answers, with all that is on disk loaded.
    pub fn start(make: Make, options: &[&str]) -> Node {
        Node::start_with(make, options, None)
    }
    /// The same, for links with TLS if there are certificates.
    pub fn start_with(make: Make, options: &[&str], certificates: Option<&Arc<Certificates>>) -> Node {
        let dir = TempDir::new().expect("a temporary directory");
        let options = options.iter().map(|word| word.to_string()).collect();
        let tls = certificates.map(|certificates| Tls { port: 0, certificates: certificates.clone() });
        let mut node = Node { make, dir, port: 0, options, tls, child: None };
        let mut attempts_left = 5;
        loop {
            node.port = free_port();
            node.tls.iter_mut().for_each(|tls| tls.port = free_port());
            match node.try_again() {
                Ok(()) => return node,
                // Another process can take the port between our choice and the server's bind.
                Err(_) if attempts_left > 0 && node.output().contains("in use") => attempts_left -= 1,
                Err(status) => panic!("{make:?} {:?}: no start, {status}\n{}", node.options, node.output()),
            }
        }
    }
    pub fn ours(options: &[&str]) -> Node {
        Node::start(Make::Ours, options)
    }
    /// Starts it once more, on its port, with its files.
    pub fn again(&mut self) {
        self.try_again().unwrap_or_else(|status| panic!("no second start, {status}\n{}", self.output()));
    }
    /// The same with other options.
    pub fn again_with(&mut self, options: &[&str]) {
        self.options = options.iter().map(|word| word.to_string()).collect();
        self.again();
    }
    fn try_again(&mut self) -> Result<(), ExitStatus> {
        let binary: PathBuf = match self.make {
            Make::Ours => ours(),
            Make::Redis => redis_server(),
        };
        let mut command = command(&binary, self.dir.path());
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]);
        if let Some(Tls { port, certificates }) = &self.tls {
            command.args(["--tls-port", &port.to_string(), "--tls-replication", "yes"]);
            command.args(certificates.options());
        }
        command.arg("--dir").arg(self.dir.path()).args(&self.options);
        self.child = Some(spawn(command).expect("the server's binary"));
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) =
                self.child.as_mut().expect("just started").try_wait().expect("our own child")
            {
                return Err(status);
            }
            if self.answers() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(3));
        }
        panic!("no answer in {PATIENCE:?}\n{}", self.output());
    }
    /// Whether it says something else than that it is loading. That a replica has no data yet is an answer.
    fn answers(&self) -> bool {
        let Ok(mut client) = Client::tcp("127.0.0.1", self.port) else { return false };
        client.send_raw(b"PING\r\n").is_ok()
            && client
                .try_receive()
                .is_ok_and(|reply| !reply.is_error() || reply.text().starts_with("MASTERDOWN"))
    }
    pub fn port(&self) -> u16 {
        self.port
    }
    /// Where replicas come.
    pub fn link_port(&self) -> u16 {
        self.tls.as_ref().map_or(self.port, |tls| tls.port)
    }
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
    /// What the last process printed.
    pub fn output(&self) -> String {
        output(self.dir.path())
    }
    pub fn connect(&self) -> Client {
        Client::tcp("127.0.0.1", self.port).expect("the server accepts")
    }
    /// One command on a connection of its own.
    pub fn call(&self, arguments: &[&str]) -> Value {
        self.connect().call(arguments)
    }
    /// A command that must succeed, as soon as nothing is being loaded: whoever follows another may be at that at any time.
    pub fn done(&self, arguments: &[&str]) {
        until("it has loaded", || match self.call(arguments) {
            Value::Error(text) if text.starts_with("LOADING") => false,
            reply if reply.is_error() => panic!("{arguments:?}: {reply:?}"),
            _ => true,
        });
    }
    pub fn config(&self, name: &str, value: &str) {
        self.done(&["CONFIG", "SET", name, value]);
    }
    /// A field of INFO; empty where there is none.
    pub fn info(&self, field: &str) -> String {
        info(&mut self.connect(), field)
    }
    pub fn count(&self, field: &str) -> u64 {
        let text = self.info(field);
        text.parse().unwrap_or_else(|_| panic!("{field}:{text}"))
    }
    /// Follows whoever listens there, and waits until it has all that there was.
    pub fn follow(&self, port: u16) {
        self.done(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
        self.await_link();
    }
    pub fn await_link(&self) {
        until("the link to the master is up", || self.info("master_link_status") == "up");
    }
    pub fn await_printed(&self, what: &str) {
        until(&format!("it prints {what:?}"), || self.output().contains(what));
    }
    /// It gets no time for last words.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }
    /// It ends by itself.
    pub fn await_end(&mut self) {
        wait(self.child.as_mut().expect("it runs"));
        self.child = None;
    }
    /// It ends with a snapshot.
    pub fn shut_down(&mut self) {
        let mut client = self.connect();
        client.send(&["SHUTDOWN", "SAVE"]);
        let last_words = client.read_to_end().expect("an end");
        assert!(last_words.is_empty(), "{}", String::from_utf8_lossy(&last_words));
        let status = wait(self.child.as_mut().expect("it runs"));
        assert!(status.success(), "{status}\n{}", self.output());
        self.child = None;
    }
}
impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            if thread::panicking() {
                // Before it is ended from here.
                println!("process {}: {:?}", child.id(), child.try_wait());
            }
            // Failing here means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            println!("{:?} on port {} said last:\n{}", self.make, self.port, last.join("\n"));
        }
    }
}

pub fn info(client: &mut Client, field: &str) -> String {
    let text = client.call(&["INFO", "everything"]).text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim_end().to_string()
}
