//! `transcript!` runs a session against our server (once per I/O setting) and Debian's redis-server, in both
//! protocols. All must agree, and the snapshot holds what was said.
//!
//! A line is a command as at redis-cli's prompt. Around it may stand:
//!
//! * `a> GET k`: on the connection named `a`, opened when it is first named (else on `main`)
//! * `~ TTL k`: the digits of the reply are masked, as they differ from run to run
//! * `GET k ## since 7.4`: an exception: ours need not agree with redis-server 7.0 here, and this is why.
//!   One that agrees after all is an error, so that the list stays true.
//! * `!send GET k` sends without reading, `!read` reads one reply; `!raw "…"` sends bytes as they are;
//!   `!close` hangs up; `!sleep 20` waits so many milliseconds. A closed connection reads as `(closed)`.
//! * `!info rdb_saves …` shows these fields of INFO; `!until loading:0` asks INFO until it has this field
//! * `!listen` opens a listener, and from there on each line shows what keyspace events were told, of every class:
//!   `* set k`, and `* 3: set k` where it was not in database 0
//! * `# …`: a remark, kept in the snapshot
//!
//! `transcript!(options, text)` runs it on servers of its own, which have these options and no past.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::PATIENCE;
use crate::support::{Client, Listener, Protocol, Server, line, ours, redis_server};

macro_rules! transcript {
    ($text:expr) => {{
        fn here() {}
        $crate::transcript::run(std::any::type_name_of_val(&here), $text)
    }};
    ($options:expr, $text:expr) => {{
        fn here() {}
        $crate::transcript::run_apart(std::any::type_name_of_val(&here), &$options, $text)
    }};
}

/// The servers that all transcripts share, one transcript at a time.
struct Stage {
    ours: [Server; 2],
    judge: Server,
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| {
    let options = ["--enable-debug-command", "yes"];
    let ours_with = |threads| Server::start(&ours(), &[&options[..], &["--io-threads", threads]].concat());
    Mutex::new(Stage {
        ours: [ours_with("1"), ours_with("2")],
        judge: Server::start(&redis_server(), &options),
    })
});

/// What one server said, line by line.
type Said = Vec<String>;

/// Who plays: ours with so many I/O threads, or the judge.
#[derive(Clone, Copy)]
enum Player {
    Ours(usize),
    Judge,
}

pub fn run(test: &str, text: &str) {
    // A transcript that failed leaves nothing behind that the next does not clear.
    let stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    compare(test, text, |player, lines, protocol| {
        let server = match player {
            Player::Ours(threads) => &stage.ours[threads - 1],
            Player::Judge => &stage.judge,
        };
        play(server, lines, protocol)
    });
}

pub fn run_apart(test: &str, options: &[&str], text: &str) {
    let options = [&["--enable-debug-command", "yes"], options].concat();
    compare(test, text, |player, lines, protocol| {
        let server = match player {
            Player::Ours(threads) => {
                let threads = threads.to_string();
                Server::start(&ours(), &[&options[..], &["--io-threads", &threads]].concat())
            }
            Player::Judge => Server::start(&redis_server(), &options),
        };
        play(&server, lines, protocol)
    });
}

fn compare(test: &str, text: &str, play: impl Fn(Player, &[Line], Protocol) -> Said) {
    let lines: Vec<Line> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Line::new).collect();
    let [two, three] = Protocol::BOTH.map(|protocol| {
        let said = play(Player::Ours(1), &lines, protocol);
        agree("io-threads 2", &lines, protocol, &said, &play(Player::Ours(2), &lines, protocol), false);
        (play(Player::Judge, &lines, protocol), said)
    });
    for (protocol, (judge, said)) in Protocol::BOTH.into_iter().zip([&two, &three]) {
        agree("redis-server", &lines, protocol, said, judge, true);
    }
    for (index, line) in lines.iter().enumerate() {
        let differs = [&two, &three].iter().any(|(judge, said)| judge[index] != said[index]);
        assert!(line.exception.is_none() || differs, "no exception is needed for: {}", line.shown);
    }
    let name = test.trim_end_matches("::here").split_once("::").map_or(test, |(_, name)| name);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.replace("::", "__"), session(&lines, &two.1, &three.1)));
}

/// The snapshot: each line, and its replies; both where the protocols differ.
fn session(lines: &[Line], two: &Said, three: &Said) -> String {
    let mut text = String::new();
    for ((line, two), three) in lines.iter().zip(two).zip(three) {
        let _ = writeln!(text, "{}", line.shown);
        if two == three {
            let _ = write!(text, "{two}");
        } else {
            let _ = write!(text, "-- RESP2\n{two}-- RESP3\n{three}");
        }
    }
    text
}

fn agree(peer: &str, lines: &[Line], protocol: Protocol, ours: &Said, theirs: &Said, exceptions: bool) {
    let mut report = String::new();
    for (index, line) in lines.iter().enumerate() {
        if ours[index] != theirs[index] && !(exceptions && line.exception.is_some()) {
            let _ = write!(report, "{}\n-- ours\n{}-- {peer}\n{}", line.shown, ours[index], theirs[index]);
        }
    }
    assert!(report.is_empty(), "in {protocol:?}, ours and {peer} differ:\n{report}");
}

fn play(server: &Server, lines: &[Line], protocol: Protocol) -> Said {
    server.connect().call(&["FLUSHALL"]);
    let (mut connections, mut listener) = (BTreeMap::new(), None);
    let play = |line: &Line| {
        let mut said = line.play(server, &mut connections, protocol);
        if let Action::Listen = line.action {
            listener = Some(Listener::new(server));
        }
        for event in listener.as_mut().filter(|_| line.is_answered()).iter_mut().flat_map(|it| it.heard()) {
            let _ = writeln!(said, "* {event}");
        }
        said
    };
    let said = lines.iter().map(play).collect();
    if listener.is_some() {
        server.connect().call(&["CONFIG", "SET", "notify-keyspace-events", ""]);
    }
    said
}

struct Line {
    shown: String,
    connection: String,
    masked: bool,
    exception: Option<String>,
    action: Action,
}

enum Action {
    Call(Vec<Vec<u8>>),
    Send(Vec<Vec<u8>>),
    Raw(Vec<u8>),
    Read,
    Close,
    Sleep(Duration),
    /// Waits for a line of INFO.
    Until(String),
    /// Shows lines of INFO.
    Info(Vec<String>),
    /// Shows what is told from here on.
    Listen,
    Remark,
}

impl Line {
    fn new(text: &str) -> Line {
        if text.starts_with('#') {
            let (connection, action) = (String::new(), Action::Remark);
            return Line { shown: text.into(), connection, masked: false, exception: None, action };
        }
        let (said, exception) = match text.split_once(" ## ") {
            Some((said, reason)) => (said.trim(), Some(reason.trim().to_string())),
            None => (text, None),
        };
        let (connection, said) = match said.split_once("> ") {
            Some((name, said)) if name.len() == 1 => (name, said),
            _ => ("main", said),
        };
        let (masked, said) = match said.strip_prefix("~ ") {
            Some(said) => (true, said),
            None => (false, said),
        };
        let prompt = if connection == "main" { "" } else { connection };
        let note = exception.as_ref().map_or(String::new(), |reason| format!("   # {reason}"));
        let shown = format!("{prompt}> {said}{note}");
        Line { shown, connection: connection.into(), masked, exception, action: Action::new(said) }
    }

    /// Whether the server has done by now what the line says.
    fn is_answered(&self) -> bool {
        matches!(self.action, Action::Call(_) | Action::Read | Action::Until(_) | Action::Info(_))
    }

    /// Does what the line says and returns what was answered, lines ended.
    fn play(
        &self,
        server: &Server,
        connections: &mut BTreeMap<String, Client>,
        protocol: Protocol,
    ) -> String {
        if let Action::Remark = self.action {
            return String::new();
        }
        let client = connections.entry(self.connection.clone()).or_insert_with(|| {
            let mut client = server.connect();
            client.hello(protocol);
            client
        });
        // A server that closes while we send is seen when we read.
        match &self.action {
            Action::Call(arguments) | Action::Send(arguments) => {
                let _ = client.send_raw(&crate::support::client::encode(arguments));
            }
            Action::Raw(bytes) => drop(client.send_raw(bytes)),
            Action::Close => drop(connections.remove(&self.connection)),
            Action::Sleep(time) => thread::sleep(*time),
            Action::Until(line) => until(client, line),
            Action::Info(fields) => return self.shown_of(&info(client, fields)),
            Action::Read | Action::Listen | Action::Remark => {}
        }
        if !matches!(self.action, Action::Call(_) | Action::Read) {
            return String::new();
        }
        let reply = match connections.get_mut(&self.connection).expect("opened above").try_receive() {
            Ok(value) => value.render(protocol),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("no reply: {}", self.shown)
            }
            Err(_) => "(closed)".into(),
        };
        self.shown_of(&reply)
    }
    fn shown_of(&self, reply: &str) -> String {
        let reply = if self.masked { mask(reply) } else { reply.to_string() };
        reply + "\n"
    }
}

/// Asks INFO until it has this line. That it takes long is no failure; that it never comes is.
pub fn until(client: &mut Client, line: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !client.call(&["INFO"]).text().lines().any(|told| told == line) {
        assert!(Instant::now() < deadline, "INFO never told {line}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// These fields of INFO, each in a line.
pub fn info(client: &mut Client, fields: &[String]) -> String {
    let told = client.call(&["INFO"]).text();
    let line = |field: &String| {
        let line =
            told.lines().find(|line| line.strip_prefix(&**field).is_some_and(|rest| rest.starts_with(':')));
        line.map_or(format!("{field} is not there"), str::to_string)
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Action {
    fn new(said: &str) -> Action {
        let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
        match word {
            "!send" => Action::Send(line::split(rest)),
            "!raw" => Action::Raw(line::split(rest).concat()),
            "!read" => Action::Read,
            "!listen" => Action::Listen,
            "!close" => Action::Close,
            "!until" => Action::Until(rest.trim().into()),
            "!info" => Action::Info(rest.split_whitespace().map(str::to_string).collect()),
            "!sleep" => Action::Sleep(Duration::from_millis(rest.parse().expect("milliseconds"))),
            _ => Action::Call(line::split(said)),
        }
    }
}

/// Every run of digits becomes one `#`.
pub fn mask(text: &str) -> String {
    let mut masked = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            _ => masked.push(letter),
        }
    }
    masked
}
