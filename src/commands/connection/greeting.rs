//! What a client says about itself as a whole: the handshake, small talk, and the farewell.
//!
//! Large messages are copied into the reply, not grafted: what a connection says itself travels as plain bytes among
//! the steps of its batch.
use super::{ALWAYS, authentication::authenticate, client::validate_name, spec};
use crate::{
    commands::{
        Command, Outcome, REDIS_VERSION, SessionCommand,
        args::Args,
        error::{CommandError, shown},
        session::{DEFAULT_USER, Session},
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    resp::{Protocol, Reply, Request},
};
use bytes::Bytes;

pub struct Ping {
    message: Option<Bytes>,
}
impl Command for Ping {
    const SPEC: Spec = spec("PING", AtLeast(1))
        .flags(FAST | WHILE_SUBSCRIBED)
        .syntax("[message]")
        .summary("Shows that the server is alive: answers PONG, or the message.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);
    fn parse(args: &mut Args) -> Result<Ping, CommandError> {
        if args.remaining() > 1 {
            return Err(CommandError::Arity("ping".into()));
        }
        Ok(Ping { message: args.bytes().ok() })
    }
}
impl SessionCommand for Ping {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        match &self.message {
            message if session.is_only_listening() => {
                // It expects nothing but messages.
                reply.push(2);
                reply.bulk(b"pong");
                reply.bulk(message.as_deref().unwrap_or_default());
            }
            Some(message) => reply.bulk(message),
            None => reply.status("PONG"),
        }
        Ok(())
    }
}

pub struct Echo {
    message: Bytes,
}
impl Command for Echo {
    const SPEC: Spec = spec("ECHO", Exactly(2))
        .flags(LOADING | STALE | FAST)
        .syntax("message")
        .summary("Answers its argument.");
    fn parse(args: &mut Args) -> Result<Echo, CommandError> {
        Ok(Echo { message: args.bytes()? })
    }
}
impl SessionCommand for Echo {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply.bulk(&self.message);
        Ok(())
    }
}

/// User and password as a client gives them.
struct Credentials {
    user: Bytes,
    password: Bytes,
}

pub struct Hello {
    protocol: Option<Protocol>,
    credentials: Option<Credentials>,
    name: Option<String>,
}
impl Command for Hello {
    const SPEC: Spec = spec("HELLO", AtLeast(1))
        .since("6.0.0")
        .flags(ALWAYS)
        .syntax("[protover [AUTH username password] [SETNAME clientname]]")
        .summary(
            "Opens the conversation: agrees on a protocol, and may log in and name the client on the way.",
        )
        .history(&[("6.2.0", "Without arguments it tells how things stand and changes nothing.")])
        .hides(hides_credentials);
    fn parse(args: &mut Args) -> Result<Hello, CommandError> {
        let mut hello = Hello { protocol: None, credentials: None, name: None };
        if !args.is_empty() {
            hello.protocol = Some(protocol(args.word()?)?);
        }
        // Of an option that is given more than once the last one counts.
        while let Some(word) = args.peek() {
            if args.remaining() > 2 && args.option("AUTH") {
                hello.credentials = Some(Credentials { user: args.bytes()?, password: args.bytes()? });
            } else if args.remaining() > 1 && args.option("SETNAME") {
                hello.name = Some(validate_name(args.word()?)?);
            } else {
                let word = shown(word);
                return Err(CommandError::text_of(format!("ERR Syntax error in HELLO option '{word}'")));
            }
        }
        Ok(hello)
    }
}
/// User and password behind AUTH.
fn hides_credentials(request: &Request, index: usize) -> bool {
    let is_auth = |at: usize| request.get(at).is_some_and(|word| word.eq_ignore_ascii_case(b"auth"));
    index > 2 && is_auth(index - 1) || index > 3 && is_auth(index - 2)
}
fn protocol(word: &[u8]) -> Result<Protocol, CommandError> {
    match parse_integer(word) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(CommandError::fixed("NOPROTO unsupported protocol version")),
        None => Err(CommandError::fixed("ERR Protocol version is not an integer or out of range")),
    }
}
impl SessionCommand for Hello {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        if let Some(Credentials { user, password }) = &self.credentials {
            authenticate(session, user, password)?;
        }
        if session.must_authenticate() {
            return Err(CommandError::fixed(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> \
                 AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol \
                 version at the same time",
            ));
        }
        if let Some(name) = &self.name {
            session.rename(name);
        }
        if let Some(protocol) = self.protocol {
            session.speak(protocol);
            // The greeting itself is in the new protocol.
            reply.speak(protocol);
        }
        greet(session, reply);
        Ok(())
    }
}
fn greet(session: &Session, reply: &mut Reply) {
    reply.map(7);
    reply.bulk(b"server");
    // Clients look for this word.
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if session.protocol == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(session.record.id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(if session.board.replication.is_replica() { b"replica" } else { b"master" });
    reply.bulk(b"modules");
    reply.array(0);
}

pub struct Auth {
    user: Option<Bytes>,
    password: Bytes,
}
impl Command for Auth {
    const SPEC: Spec = spec("AUTH", AtLeast(2))
        .flags(ALWAYS)
        .complexity("O(N)")
        .syntax("[username] password")
        .summary("Logs the client in.")
        .history(&[("6.0.0", "Takes a user's name before the password.")])
        .hides(|_, index| index > 0);
    fn parse(args: &mut Args) -> Result<Auth, CommandError> {
        let user = if args.remaining() > 1 { Some(args.bytes()?) } else { None };
        Ok(Auth { user, password: args.bytes()? })
    }
}
impl SessionCommand for Auth {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        // A lone password where none is asked for is a mistake in somebody's configuration, which should show.
        if self.user.is_none() && !session.board.config.load().asks_for_password() {
            return Err(CommandError::fixed(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?",
            ));
        }
        let user = self.user.as_deref().unwrap_or(DEFAULT_USER.as_bytes());
        authenticate(session, user, &self.password)?;
        reply.ok();
        Ok(())
    }
}

pub struct Select {
    db: usize,
}
impl Command for Select {
    const SPEC: Spec = spec("SELECT", Exactly(2))
        .flags(LOADING | STALE | FAST)
        .syntax("index")
        .summary("Changes the database that the client's commands are about.");
    fn parse(args: &mut Args) -> Result<Select, CommandError> {
        let index = args.integer()?;
        if i32::try_from(index).is_err() {
            return Err(CommandError::text_of(format!(
                "ERR value is out of range, value must between {} and {}",
                i32::MIN,
                i32::MAX
            )));
        }
        let exists = |&db: &usize| db < args.context().databases;
        let db = usize::try_from(index).ok().filter(exists).ok_or(CommandError::DbIndexOutOfRange)?;
        Ok(Select { db })
    }
}
impl SessionCommand for Select {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        session.select(self.db);
        reply.ok();
        Ok(())
    }
}

pub struct Reset;
impl Command for Reset {
    const SPEC: Spec = spec("RESET", Exactly(1))
        .since("6.2.0")
        .acts_on_others()
        .flags(ALWAYS | WHILE_SUBSCRIBED)
        .summary("Takes the connection back to the state that it was opened in.");
    fn parse(_: &mut Args) -> Result<Reset, CommandError> {
        Ok(Reset)
    }
}
impl SessionCommand for Reset {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        session.reset();
        reply.speak(session.protocol);
        reply.status("RESET");
        Ok(())
    }
}

pub struct Quit;
impl Command for Quit {
    const SPEC: Spec = spec("QUIT", AtLeast(1))
        .flags(ALWAYS | WHILE_SUBSCRIBED)
        .summary("Closes the connection.")
        .deprecated("7.2.0", "closing the connection oneself");
    fn parse(args: &mut Args) -> Result<Quit, CommandError> {
        // Whatever a leaving client adds is of no consequence.
        args.rest();
        Ok(Quit)
    }
}
impl SessionCommand for Quit {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        session.quit();
        reply.ok();
        Ok(())
    }
}
