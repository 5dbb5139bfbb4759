//! What is said to a master before its stream begins, as a machine: its lines in, our requests out.
//!
//! PING, to see that somebody is there; who we are (AUTH, REPLCONF), all at once; then PSYNC, with the place in the history
//! that we have come to. Masters that do not know a REPLCONF of ours say so, and that is all: only AUTH must succeed.
use crate::{board::OFFSET_MAX, config::Config, resp::encode_command};

/// How we introduce ourselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// User, if one is configured, and password.
    pub credentials: Option<(Option<String>, String)>,
    pub port: u16,
    pub ip: Option<String>,
}
impl Introduction {
    pub fn of(config: &Config) -> Introduction {
        let own = match config.tls_replication && config.tls_port != 0 {
            true => config.tls_port,
            false => config.port,
        };
        let announced = config.replica_announce_port;
        Introduction {
            credentials: config.masterauth.clone().map(|password| (config.masteruser.clone(), password)),
            port: if announced == 0 { own } else { announced },
            ip: config.replica_announce_ip.clone(),
        }
    }
}

/// A place in a history: its id, and how many bytes of the stream have been applied.
pub type Place = (String, u64);

/// Length of the ids of histories.
const ID_BYTES: usize = 40;

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Say this.
    Say(Vec<u8>),
    /// More lines are to come.
    Wait,
    /// The stream goes on from our place, maybe under another id.
    Resume(Option<String>),
    /// All data will come. Where they stand, if the master told.
    Full(Option<Place>),
    /// Not now: try again. The reason is for the log.
    Later(String),
    /// As it is it cannot be.
    Fail(String),
    /// It does not want to be the master in our place.
    Refused(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Ping,
    Auth,
    /// REPLCONF with this option.
    Option(&'static str),
    Psync,
}

/// The machine.
#[derive(Debug)]
pub struct Handshake {
    introduction: Introduction,
    place: Option<Place>,
    /// The other side, our replica until now, is to become the master.
    gives_way: bool,
    /// What was said and is not answered yet, the last first.
    unanswered: Vec<Said>,
}

impl Handshake {
    /// Begins; `place` is where we are, if we have anything.
    pub fn begin(introduction: Introduction, place: Option<Place>, gives_way: bool) -> (Handshake, Vec<u8>) {
        let handshake = Handshake { introduction, place, gives_way, unanswered: vec![Said::Ping] };
        (handshake, request(&["PING"]))
    }
    /// Takes a line of the master's, without its end. A blank one only shows that the master lives.
    pub fn hear(&mut self, line: &str) -> Next {
        let Some(said) = self.unanswered.last().copied() else { return Next::Wait };
        if line.is_empty() {
            return Next::Wait;
        }
        self.unanswered.pop();
        match said {
            Said::Ping => self.hear_pong(line),
            Said::Auth if line.starts_with('-') => Next::Fail(format!("Unable to AUTH to MASTER: {line}")),
            Said::Auth => self.go_on(),
            Said::Option(option) => {
                if line.starts_with('-') {
                    tracing::info!("(Non critical) Master does not understand REPLCONF {option}: {line}");
                }
                self.go_on()
            }
            Said::Psync => self.hear_verdict(line),
        }
    }
    fn hear_pong(&mut self, line: &str) -> Next {
        // Whoever wants to know first who we are is there as well. The last is how Redis said so before 2.6.
        let is_there = ["+", "-NOAUTH", "-NOPERM", "-ERR operation not permitted"];
        if !is_there.iter().any(|beginning| line.starts_with(beginning)) {
            return Next::Fail(format!("Error reply to PING from master: '{line}'"));
        }
        tracing::info!("Master replied to PING, replication can continue...");
        Next::Say(self.introduce())
    }
    fn introduce(&mut self) -> Vec<u8> {
        let Introduction { credentials, port, ip } = self.introduction.clone();
        let (mut said, mut bytes) = (Vec::new(), Vec::new());
        let mut say = |what: Said, words: &[&str]| {
            said.push(what);
            bytes.extend(request(words));
        };
        match &credentials {
            Some((Some(user), password)) => say(Said::Auth, &["AUTH", user, password]),
            Some((None, password)) => say(Said::Auth, &["AUTH", password]),
            None => {}
        }
        say(Said::Option("listening-port"), &["REPLCONF", "listening-port", &port.to_string()]);
        if let Some(ip) = &ip {
            say(Said::Option("ip-address"), &["REPLCONF", "ip-address", ip]);
        }
        say(Said::Option("capa"), &["REPLCONF", "capa", "eof", "capa", "psync2", "capa", "unasked-acks"]);
        said.reverse();
        self.unanswered = said;
        bytes
    }
    /// Asks for the stream, when all that was said before is answered.
    fn go_on(&mut self) -> Next {
        if !self.unanswered.is_empty() {
            return Next::Wait;
        }
        self.unanswered.push(Said::Psync);
        Next::Say(match &self.place {
            Some((id, offset)) => {
                let next = offset + 1;
                tracing::info!("Trying a partial resynchronization (request {id}:{next}).");
                match self.gives_way {
                    true => request(&["PSYNC", id, &next.to_string(), "FAILOVER"]),
                    false => request(&["PSYNC", id, &next.to_string()]),
                }
            }
            None => {
                tracing::info!("Partial resynchronization not possible (no cached master)");
                request(&["PSYNC", "?", "-1"])
            }
        })
    }
    fn hear_verdict(&mut self, line: &str) -> Next {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        match name {
            "+CONTINUE" => {
                let id = words.next().filter(|id| is_id(id)).map(str::to_string);
                match &self.place {
                    Some(_) => Next::Resume(id),
                    None => Next::Fail("Master goes on with a history that we do not have".into()),
                }
            }
            "+FULLRESYNC" => match (words.next().filter(|id| is_id(id)), words.next().map(str::parse)) {
                (Some(id), Some(Ok(offset))) if offset <= OFFSET_MAX => {
                    Next::Full(Some((id.to_string(), offset)))
                }
                _ => Next::Fail(format!("Master replied with wrong +FULLRESYNC syntax: {line}")),
            },
            _ if self.gives_way => Next::Refused(line.to_string()),
            "-NOMASTERLINK" | "-LOADING" => {
                let reason = "Master is currently unable to PSYNC but should be in the future";
                Next::Later(format!("{reason}: {line}"))
            }
            _ => {
                if line.starts_with("-ERR") {
                    tracing::info!("Master does not support PSYNC or is in error state (reply: {line})");
                } else {
                    tracing::warn!("Unexpected reply to PSYNC from master: {line}");
                }
                tracing::info!("Retrying with SYNC...");
                Next::Full(None)
            }
        }
    }
}

fn is_id(word: &str) -> bool {
    word.len() == ID_BYTES && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A request as it is sent.
pub fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, words.iter().map(|word| word.as_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn plain() -> Introduction {
        Introduction { port: 6380, ..Introduction::default() }
    }
    /// What is said to a master that answers so, in short; and how it ends.
    fn talk(introduction: Introduction, place: Option<Place>, lines: &[&str]) -> (String, Next) {
        let (mut handshake, first) = Handshake::begin(introduction, place, false);
        let (mut said, mut last) = (first, Next::Wait);
        for line in lines {
            last = handshake.hear(line);
            if let Next::Say(bytes) = &last {
                said.extend(bytes);
            }
        }
        let text = String::from_utf8(said).expect("text");
        let words: Vec<&str> = text.split("\r\n").filter(|word| !word.starts_with('$')).collect();
        let text = words.join(" ");
        let requests: Vec<&str> = text.split('*').filter(|words| !words.is_empty()).collect();
        let requests: Vec<&str> =
            requests.iter().map(|words| words.split_once(' ').expect("a count").1.trim()).collect();
        (requests.join("|"), last)
    }
    const GREETING: &str =
        "PING|REPLCONF listening-port 6380|REPLCONF capa eof capa psync2 capa unasked-acks";

    #[test]
    fn masters_differ() {
        let place = || Some((ID.to_string(), 41));
        let asked = format!("{GREETING}|PSYNC {ID} 42");
        let anew = format!("{GREETING}|PSYNC ? -1");
        let other = "f".repeat(ID.len());
        let resumed = format!("+CONTINUE {other}");
        let all = format!("+FULLRESYNC {ID} 7");
        for (place, lines, said, next) in [
            (place(), vec!["+PONG"], GREETING, None),
            (place(), vec!["", "+PONG", "", "+OK"], GREETING, Some(Next::Wait)),
            (place(), vec!["+PONG", "+OK", "+OK", ""], &asked, Some(Next::Wait)),
            (place(), vec!["+PONG", "+OK", "+OK", "+CONTINUE"], &asked, Some(Next::Resume(None))),
            (
                place(),
                vec!["+PONG", "-ERR no", "-ERR no", "", &resumed],
                &asked,
                Some(Next::Resume(Some(other.clone()))),
            ),
            (
                place(),
                vec!["-NOAUTH Authentication required.", "+OK", "+OK", &all],
                &asked,
                Some(Next::Full(Some((ID.into(), 7)))),
            ),
            (None, vec!["+PONG", "+OK", "+OK", &all], &anew, Some(Next::Full(Some((ID.into(), 7))))),
            (None, vec!["+PONG", "+OK", "+OK", "-ERR unknown command"], &anew, Some(Next::Full(None))),
            (None, vec!["+PONG", "+OK", "+OK", "+WHAT"], &anew, Some(Next::Full(None))),
        ] {
            let (heard, last) = talk(plain(), place, &lines);
            assert_eq!(heard, *said, "{lines:?}");
            if let Some(next) = next {
                assert_eq!(last, next, "{lines:?}");
            }
        }
    }

    #[test]
    fn a_replica_may_be_asked_to_take_over() {
        let ask = |answer: &str| {
            let place = Some((ID.to_string(), 41));
            let (mut handshake, _) = Handshake::begin(plain(), place, true);
            let lines = ["+PONG", "+OK", "+OK"];
            let said = lines.map(|line| handshake.hear(line)).into_iter().last();
            let asked = request(&["PSYNC", ID, "42", "FAILOVER"]);
            assert_eq!(said, Some(Next::Say(asked)));
            handshake.hear(answer)
        };
        let other = "f".repeat(ID.len());
        assert_eq!(ask(&format!("+CONTINUE {other}")), Next::Resume(Some(other)));
        assert_eq!(ask(&format!("+FULLRESYNC {ID} 7")), Next::Full(Some((ID.into(), 7))));
        for no in ["-ERR PSYNC FAILOVER can't be sent to a master.", "-NOMASTERLINK no", "-NOPERM no"] {
            assert_eq!(ask(no), Next::Refused(no.into()));
        }
    }

    #[test]
    fn some_cannot_be_followed_now_or_at_all() {
        for (lines, is_later) in [
            (vec!["-LOADING Redis is loading the dataset in memory"], false),
            (vec!["-ERR what"], false),
            (vec!["+PONG", "+OK", "+OK", "-NOMASTERLINK Can't SYNC"], true),
            (vec!["+PONG", "+OK", "+OK", "-LOADING soon"], true),
            (vec!["+PONG", "+OK", "+OK", "+CONTINUE"], false),
            (vec!["+PONG", "+OK", "+OK", "+FULLRESYNC 12 0"], false),
            // There would be no room behind it to count on.
            (vec!["+PONG", "+OK", "+OK", &format!("+FULLRESYNC {ID} {}", i64::MAX - 7)], false),
            (vec!["+PONG", "+OK", "+OK", &format!("+FULLRESYNC {ID} -1")], false),
            (vec!["+PONG", "+OK", "+OK", "+FULLRESYNC"], false),
        ] {
            match talk(plain(), None, &lines).1 {
                Next::Later(_) => assert!(is_later, "{lines:?}"),
                Next::Fail(_) => assert!(!is_later, "{lines:?}"),
                other => panic!("{lines:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_password_is_said_first_and_must_be_right() {
        let named = |user: Option<&str>| Introduction {
            credentials: Some((user.map(str::to_string), "secret".into())),
            ip: Some("10.0.0.1".into()),
            port: 7,
        };
        let rest = "REPLCONF listening-port 7|REPLCONF ip-address 10.0.0.1|REPLCONF capa eof capa psync2 capa unasked-acks";
        let (said, _) = talk(named(None), None, &["-NOAUTH"]);
        assert_eq!(said, format!("PING|AUTH secret|{rest}"));
        let (said, _) = talk(named(Some("joe")), None, &["+PONG"]);
        assert_eq!(said, format!("PING|AUTH joe secret|{rest}"));
        let (said, _) = talk(named(None), None, &["+PONG", "+OK", "+OK", "-ERR", "+OK"]);
        assert_eq!(said, format!("PING|AUTH secret|{rest}|PSYNC ? -1"));
        let (_, last) = talk(named(None), None, &["+PONG", "-WRONGPASS"]);
        assert!(
            matches!(last, Next::Fail(reason) if reason.starts_with("Unable to AUTH to MASTER: -WRONGPASS"))
        );
    }
}
