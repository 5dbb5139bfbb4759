//! Servers as processes: ours, or Debian's redis-server beside it, each in a fresh directory on a free port.
//!
//! A server dies with its `Server`, and also with the test process, however that ends: shared servers live
//! in statics, which are never dropped. The kernel ties a child to the *thread* that started it, and test
//! threads come and go, so one thread that never ends starts them all.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::client::{Client, PATIENCE};
use super::value::Value;

/// The binary under test: `CALLBOARD_BIN`, or the one cargo built for this test.
pub fn ours() -> PathBuf {
    env::var_os("CALLBOARD_BIN").map_or_else(|| env!("CARGO_BIN_EXE_callboard").into(), PathBuf::from)
}

/// The judge: `REDIS_SERVER`, or the one on the path.
pub fn redis_server() -> PathBuf {
    env::var_os("REDIS_SERVER").map_or_else(|| "redis-server".into(), PathBuf::from)
}

#[derive(Debug)]
pub struct Server {
    child: Child,
    dir: TempDir,
    port: u16,
}

impl Server {
    /// Starts a server with these options (`--name value …`) and waits until it answers.
    pub fn start(binary: &Path, options: &[&str]) -> Server {
        Server::start_with(binary, None, options)
    }

    /// The same with a configuration file before the options.
    pub fn start_with(binary: &Path, file: Option<&Path>, options: &[&str]) -> Server {
        Server::start_until(binary, file, options, |server| server.says(|reply| !is_loading(reply)))
    }

    /// The same, and waits for any answer: it may still be loading.
    pub fn start_loading(binary: &Path, options: &[&str]) -> Server {
        Server::start_until(binary, None, options, |server| server.says(|_| true))
    }

    fn start_until(
        binary: &Path,
        file: Option<&Path>,
        options: &[&str],
        ready: fn(&Server) -> bool,
    ) -> Server {
        let mut attempts_left = 5;
        loop {
            match Server::try_start(binary, file, options, ready) {
                Ok(server) => return server,
                // Another process can take the port between our choice and the server's bind.
                Err(output) if output.contains("in use") && attempts_left > 0 => attempts_left -= 1,
                Err(output) => panic!("{} {options:?} did not start:\n{output}", binary.display()),
            }
        }
    }

    fn try_start(
        binary: &Path,
        file: Option<&Path>,
        options: &[&str],
        ready: fn(&Server) -> bool,
    ) -> Result<Server, String> {
        let dir = TempDir::new().expect("a temporary directory");
        let port = free_port();
        let mut command = command(binary, dir.path());
        command.args(file).args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(dir.path()).args(options);
        let child = spawn(command).unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let mut server = Server { child, dir, port };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if server.exit_status().is_some() {
                return Err(server.output());
            }
            if ready(&server) {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("no answer in {PATIENCE:?}\n{}", server.output()))
    }

    /// Whether it answers PING, and so. It is left as if nobody had asked: the server has closed the connection when this
    /// returns.
    fn says(&self, fits: fn(&Value) -> bool) -> bool {
        let Ok(mut client) = Client::tcp("127.0.0.1", self.port) else { return false };
        client.send_raw(b"PING\r\nQUIT\r\n").is_ok()
            && client.try_receive().is_ok_and(|reply| fits(&reply))
            && client.read_to_end().is_ok()
    }

    pub fn connect(&self) -> Client {
        Client::tcp("127.0.0.1", self.port).expect("the server accepts")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the process printed so far.
    pub fn output(&self) -> String {
        output(self.dir.path())
    }

    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child")
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    pub fn signal(&self, signal: libc::c_int) {
        send_signal(self.child.id(), signal);
    }
}

fn is_loading(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if text.starts_with("LOADING"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failing here means that it has ended already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs `binary` in `dir` and keeps what it prints in a file there.
pub fn command(binary: &Path, dir: &Path) -> Command {
    let printed = File::create(dir.join("printed")).expect("a writable directory");
    let mut command = Command::new(binary);
    command.current_dir(dir).stdin(Stdio::null());
    command.stdout(printed.try_clone().expect("a file handle")).stderr(printed);
    command
}

pub fn output(dir: &Path) -> String {
    String::from_utf8_lossy(&fs::read(dir.join("printed")).unwrap_or_default()).into_owned()
}

/// Waits for a process, but not forever.
pub fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("our own child") {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    panic!("the process did not end in {PATIENCE:?}");
}

pub fn send_signal(pid: u32, signal: libc::c_int) {
    // SAFETY: kill takes two integers and touches no memory of ours.
    let sent = unsafe { libc::kill(pid as libc::pid_t, signal) };
    assert_eq!(sent, 0, "signal {signal} to {pid}: {}", io::Error::last_os_error());
}

/// Below those that the kernel gives to whoever connects: a server that comes back to its port must find it free.
const PORTS: Range<u32> = 10_000..32_000;

/// A TCP port that was free a moment ago, and that this process has not been told before (until all have been).
pub fn free_port() -> u16 {
    // Processes of tests that run at once begin far from each other.
    static TOLD: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(process::id().wrapping_mul(977)));
    let ports =
        (0..PORTS.len()).map(|_| (PORTS.start + TOLD.fetch_add(1, Relaxed) % PORTS.len() as u32) as u16);
    let mut free = ports.filter(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    free.next().expect("a free loopback port")
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts a process that ends with us, even if we are killed.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, inbox) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // The one who asked waits; if it has gone, nobody wants the child.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    // SAFETY: between fork and exec only prctl runs, which is async-signal-safe and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    let (answer, child) = channel();
    SPAWNER.lock().expect("never poisoned").send((command, answer)).expect("the spawner lives");
    child.recv().expect("the spawner answers")
}
