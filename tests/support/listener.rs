//! A subscriber that hears every keyspace event of a server.

use std::fmt;

use super::client::{Client, Protocol};
use super::server::Server;
use super::value::{Value, quote};

/// The setting under which everything is told.
pub const EVERYTHING: &str = "KEAmn";

/// Where a listener tells itself that it has heard all there was.
const END: &[u8] = b"__key: that is all so far";

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub db: String,
    pub name: String,
    pub key: Vec<u8>,
}

/// `set k`, and `3: set k` where it was not in database 0.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.db != "0" {
            write!(f, "{}: ", self.db)?;
        }
        match self.key.iter().all(u8::is_ascii_graphic) && !self.key.is_empty() {
            true => write!(f, "{} {}", self.name, String::from_utf8_lossy(&self.key)),
            false => write!(f, "{} {}", self.name, quote(&self.key)),
        }
    }
}

pub struct Listener {
    client: Client,
}
impl Listener {
    /// Switches all events on, and listens.
    pub fn new(server: &Server) -> Listener {
        let mut client = server.connect();
        client.hello(Protocol::Resp3);
        assert_eq!(client.call(&["CONFIG", "SET", "notify-keyspace-events", EVERYTHING]), Value::ok());
        client.call(&["PSUBSCRIBE", "__key*"]);
        Listener { client }
    }

    /// What has happened since the last call, by every command that was answered before.
    pub fn heard(&mut self) -> Vec<Event> {
        self.heard_after(&[])
    }

    /// The same, with what these commands of the listener's own do.
    pub fn heard_after(&mut self, commands: &[Vec<&str>]) -> Vec<Event> {
        commands.iter().for_each(|command| self.client.send(command));
        self.client.send(&[b"PUBLISH", END, b""]);
        let (mut unanswered, mut ended) = (commands.len() + 1, false);
        let mut events = Vec::new();
        while unanswered > 0 || !ended {
            match self.client.receive() {
                Value::Push(items) if items[2].bytes() == END => ended = true,
                Value::Push(items) => events.push(self.event(&items)),
                Value::Error(error) => panic!("the listener is told: {error}"),
                _ => unanswered -= 1,
            }
        }
        events
    }

    /// Waits for so many events.
    pub fn next(&mut self, count: usize) -> Vec<Event> {
        let push = |listener: &mut Listener| match listener.client.receive() {
            Value::Push(items) => listener.event(&items),
            other => panic!("no event: {other:?}"),
        };
        (0..count).map(|_| push(self)).collect()
    }

    /// An event is told twice: on the channel of its key, and then on the one of its name.
    fn event(&mut self, first: &[Value]) -> Event {
        let Value::Push(second) = self.client.receive() else { panic!("an event is told twice: {first:?}") };
        let [key_channel, event_channel] = [&first[2], &second[2]].map(|channel| channel.bytes().to_vec());
        let (name, key) = (first[3].text(), second[3].bytes().to_vec());
        let place = key_channel.strip_prefix(b"__keyspace@").expect("first the channel of the key");
        let digits = place.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let db = String::from_utf8_lossy(&place[..digits]).into_owned();
        assert_eq!(key_channel, [format!("__keyspace@{db}__:").as_bytes(), &key].concat());
        assert_eq!(event_channel, format!("__keyevent@{db}__:{name}").as_bytes());
        Event { db, name, key }
    }
}
