//! REPLICAOF: follows another server, or nobody any more. SLAVEOF is its old name.
use crate::{
    commands::{
        Command, ControlCommand, Followed, Office, Outcome,
        args::Args,
        error::{CommandError, text_of_bytes},
        spec::{Arity::*, *},
    },
    config::Master,
    data::number::parse_integer,
    resp::Reply,
};

const FLAGS: Flags = NO_ASYNC_LOADING | ADMIN | NO_SCRIPT | STALE;

const fn spec(name: &'static str) -> Spec {
    Spec::new(Group::Server, name, Exactly(3)).flags(FLAGS).complexity("O(1)").syntax("<host port | NO ONE>")
}

fn parse(args: &mut Args) -> Result<Option<Master>, CommandError> {
    let (host, port) = (args.word()?, args.word()?);
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(None);
    }
    let port = parse_integer(port).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(CommandError::fixed("ERR Invalid master port"))?;
    Ok(Some(Master { host: text_of_bytes(host).into_owned(), port }))
}
fn run(master: &Option<Master>, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
    match office.follow(master.clone())? {
        Followed::Anew => reply.ok(),
        Followed::AsBefore => reply.status("OK Already connected to specified master"),
    }
    Ok(())
}

pub struct ReplicaOf(Option<Master>);
impl Command for ReplicaOf {
    const SPEC: Spec = spec("REPLICAOF")
        .since("5.0.0")
        .summary("Makes the server a replica of another one, or a master (`NO ONE`).");
    fn parse(args: &mut Args) -> Result<ReplicaOf, CommandError> {
        parse(args).map(ReplicaOf)
    }
}
impl ControlCommand for ReplicaOf {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        run(&self.0, office, reply)
    }
}

pub struct SlaveOf(Option<Master>);
impl Command for SlaveOf {
    const SPEC: Spec = spec("SLAVEOF")
        .since("1.0.0")
        .deprecated("5.0.0", "`REPLICAOF`")
        .summary("The old name of REPLICAOF.");
    fn parse(args: &mut Args) -> Result<SlaveOf, CommandError> {
        parse(args).map(SlaveOf)
    }
}
impl ControlCommand for SlaveOf {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        run(&self.0, office, reply)
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    #[test]
    fn whom_to_follow() {
        let mut client = client();
        client.check(&[
            ("REPLICAOF NO ONE", "+OK "),
            ("REPLICAOF 127.0.0.1 6380", "+OK "),
            ("SLAVEOF 127.0.0.1 6380", "+OK Already connected to specified master "),
            ("replicaof no One", "+OK "),
            ("REPLICAOF no 1", "+OK "),
            ("REPLICAOF host abc", "-ERR Invalid master port "),
            ("REPLICAOF host 65536", "-ERR Invalid master port "),
            ("REPLICAOF host", "-ERR wrong number of arguments for 'replicaof' command "),
        ]);
    }
}
