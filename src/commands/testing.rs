//! Tests read like a session at the prompt: a command, its reply.
//!
//! A [`Prompt`] drives a [`Stage`] with the lines of one client, in a world where time stands still unless told.
use super::{
    Caller, Progress, Task,
    args::Context,
    registry::{self, Registry},
    stage::Stage,
    waiting::Waiter,
};
use crate::{
    board::{Board, ClientRecord},
    config::Config,
    data::quoting::{quote, split_args},
    resp::{Protocol, Reply, Request},
    store::{Announcement, Event, EventsWanted, Wants},
};
use std::sync::Arc;

pub struct Prompt {
    pub stage: Stage,
    pub now_ms: i64,
    pub string_bytes_max: usize,
}
impl Prompt {
    pub fn new() -> Prompt {
        Prompt::with(Config::default())
    }
    pub fn with(config: Config) -> Prompt {
        let now_ms = 1_700_000_000_000;
        let wants = Wants { effects: true, events: EventsWanted::ALL, touched: true };
        let stage = Stage::new(Board::new(config, None, 1, now_ms), 1, wants);
        Prompt { stage, now_ms, string_bytes_max: 512 << 20 }
    }
    /// The reply to one line, in short: `1`, `"text"`, `nil`, `[1, "a"]`; errors and statuses bare.
    pub fn ask(&mut self, line: &str) -> String {
        let words = split_args(line.as_bytes()).expect("quotes match");
        shorten(&self.answer(&words))
    }
    /// The reply to a line of another client, numbered from 1; `waits` if it is blocked.
    pub fn ask_as(&mut self, client: u64, line: &str) -> String {
        let words = split_args(line.as_bytes()).expect("quotes match");
        if self.stage.board.roster.get(client).is_none() {
            let record = ClientRecord::new(client, String::new(), String::new(), 0, false, self.now_ms);
            self.stage.board.roster.enter(Arc::new(record));
        }
        match &self.answer_as(client, &words)[..] {
            b"" => "waits".to_string(),
            reply => shorten(reply),
        }
    }
    /// The replies to clients that were blocked, since the last call, as `client: reply`.
    pub fn served(&mut self) -> Vec<String> {
        let served = self.stage.take_served().into_iter();
        served
            .map(|(waiter, reply)| format!("{}: {}", waiter.caller.client, shorten(&whole(reply))))
            .collect()
    }
    /// The reply to one request, in RESP2.
    pub fn answer<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Vec<u8> {
        self.answer_as(0, words)
    }
    fn answer_as<A: AsRef<[u8]>>(&mut self, client: u64, words: &[A]) -> Vec<u8> {
        let request = Request::from_args(words);
        let context = Context {
            databases: 16,
            db: 0,
            string_bytes_max: self.string_bytes_max,
            now_ms: self.now_ms,
            obeyed: false,
        };
        let mut reply = Reply::new(Protocol::Resp2);
        self.stage.begin(self.now_ms);
        let task = Registry::get()
            .resolve(&request)
            .and_then(|node| Ok((node, registry::parse(node, &request, context)?)));
        match task {
            Ok((node, mut task)) => {
                let caller = Caller { client, touches: true, ..Caller::default() };
                if let Task::Script(invocation) = &task {
                    self.stage.play_alone(node, invocation, &request, caller, &mut reply);
                    return whole(reply);
                }
                match self.stage.perform(node, &mut task, &request, caller, &mut reply) {
                    Progress::Waits => self
                        .stage
                        .wait(Waiter::new(node, task, request, caller).expect("it says that it waits")),
                    Progress::Done => self.stage.serve_waiting(),
                }
            }
            Err(error) => reply.error(&error),
        }
        whole(reply)
    }
    /// Asks each line and compares what it answers.
    #[track_caller]
    pub fn check(&mut self, session: &[(&str, &str)]) {
        for (line, expected) in session {
            assert_eq!(self.ask(line), *expected, "{line}");
        }
    }
    /// The keyspace events since the last call, as `name key`. Left out is that a key is new: the store tells that
    /// for all commands.
    pub fn events(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.stage.record.announcements);
        let shown = told.iter().filter_map(|announcement| match announcement {
            Announcement::Event { class: Event::New | Event::Missed, .. } => None,
            Announcement::Event { name, key, .. } => Some(format!("{name} {}", key.escape_ascii())),
            _ => None,
        });
        shown.collect()
    }
    /// The effects since the last call, in one line, without their SELECT.
    pub fn effects(&mut self) -> String {
        let effects = self.stage.record.take_effects();
        let words = String::from_utf8_lossy(&effects);
        let words: Vec<&str> = words.split("\r\n").filter(|word| !word.starts_with(['*', '$'])).collect();
        words.join(" ").trim().replacen("SELECT 0 ", "", 1)
    }
}

/// A reply with its large strings in their places.
fn whole(reply: Reply) -> Vec<u8> {
    let (mut bytes, grafts) = reply.into_parts();
    for graft in grafts.iter().rev() {
        bytes.splice(graft.at..graft.at, graft.bytes.iter().copied());
    }
    bytes
}

fn shorten(reply: &[u8]) -> String {
    let mut rest = reply;
    let text = shorten_next(&mut rest);
    assert!(rest.is_empty(), "one reply, not more: {}", reply.escape_ascii());
    text
}
fn shorten_next(rest: &mut &[u8]) -> String {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a whole line");
    let (kind, line) = (rest[0], String::from_utf8_lossy(&rest[1..end]).into_owned());
    *rest = &rest[end + 2..];
    let count = || line.parse::<usize>().expect("a count");
    match kind {
        b'$' | b'*' if line == "-1" => "nil".to_string(),
        b'$' => {
            let (text, behind) = rest.split_at(count());
            *rest = &behind[2..];
            quote(text)
        }
        b'*' => {
            let items: Vec<String> = (0..count()).map(|_| shorten_next(rest)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => line,
    }
}
