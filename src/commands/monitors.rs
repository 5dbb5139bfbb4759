//! Clients that see every command as it is executed (MONITOR).
use super::{
    pushes::Mail,
    registry::Node,
    spec::{ADMIN, SKIP_MONITOR},
};
use crate::{board::ClientRecord, data::quoting::quote, resp::Request};
use std::{fmt::Write, time::SystemTime};

#[derive(Default)]
pub struct Monitors {
    /// In the order in which they came.
    clients: Vec<u64>,
}

/// Who asked for a command.
pub enum Origin<'a> {
    Client(&'a ClientRecord),
    Script,
}

impl Monitors {
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
    pub fn count(&self) -> usize {
        self.clients.len()
    }
    /// False if it is one already.
    pub fn add(&mut self, client: u64) -> bool {
        let is_new = !self.clients.contains(&client);
        if is_new {
            self.clients.push(client);
        }
        is_new
    }
    pub fn remove(&mut self, client: u64) {
        self.clients.retain(|other| *other != client);
    }
    /// Shows a command to all.
    pub fn show(
        &self,
        at: SystemTime,
        db: usize,
        origin: Origin,
        node: &Node,
        request: &Request,
        mail: &mut Mail,
    ) {
        let mut line = heading(at, db, origin);
        let hides = node.spec().hides;
        for (index, word) in request.iter().enumerate() {
            line.push(' ');
            match hides {
                Some(hides) if hides(request, index) => line.push_str("\"(redacted)\""),
                _ => line.push_str(&quote(word)),
            }
        }
        line.push_str("\r\n");
        self.clients.iter().for_each(|&client| mail.pushes.add(client, line.as_bytes()));
    }
}

/// Whether monitors are shown this command, by itself. (Commands of administrators are too dangerous, and a script is
/// shown when it begins.)
pub fn is_shown(node: &Node) -> bool {
    node.spec().flags & (ADMIN | SKIP_MONITOR) == 0
}

fn heading(at: SystemTime, db: usize, origin: Origin) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut line = format!("+{}.{:06} [{db} ", since.as_secs(), since.subsec_micros());
    // Writing to a string cannot fail.
    let _ = match origin {
        Origin::Script => line.write_str("lua]"),
        Origin::Client(record) => match record.address.strip_suffix(":0").filter(|_| record.unix_socket) {
            Some(path) => write!(line, "unix:{path}]"),
            None => write!(line, "{}]", record.address),
        },
    };
    line
}
