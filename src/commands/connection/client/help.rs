//! CLIENT HELP.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::CommandError,
        help::reply_help,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};

const LINES: &[&str] = &[
    "CACHING (YES|NO)",
    "    Whether the keys that the next command reads are tracked.",
    "GETNAME",
    "    The name of this connection.",
    "GETREDIR",
    "    The number of the connection that is told of keys in place of this one.",
    "ID",
    "    The number of this connection.",
    "INFO",
    "    This connection, as LIST shows it.",
    "KILL <ip:port>",
    "    End the connection from that address.",
    "KILL <filter> <value> [<filter> <value> [...]]",
    "    End all connections that meet every one of these filters:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Connected from there.",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Connected to that address of the server.",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Of that type.",
    "    * USER <username>",
    "      Logged in as that user.",
    "    * SKIPME (YES|NO)",
    "      Whether to spare this connection (YES unless told otherwise).",
    "    * ID <client-id>",
    "      With that number.",
    "    * MAXAGE <seconds>",
    "      Connected for at least so long.",
    "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <client-id> [...]]",
    "    All connections, those of one type, or those with the given numbers.",
    "NO-EVICT (ON|OFF)",
    "    Whether to keep this connection when others are closed to free memory.",
    "NO-TOUCH (ON|OFF)",
    "    Whether keys that this connection looks at are left as used as they were.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Let the commands of all clients wait for that many milliseconds, or only those that write.",
    "REPLY (ON|OFF|SKIP)",
    "    Send replies, leave them out, or leave out the next one.",
    "SETINFO (LIB-NAME|LIB-VER) <value>",
    "    Tell the name or the version of the client library.",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKING (ON|OFF) [REDIRECT <client-id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Whether to tell this connection, or another, when keys change that it has read.",
    "TRACKINGINFO",
    "    How this connection tracks keys.",
    "UNBLOCK <client-id> [TIMEOUT|ERROR]",
    "    End the wait of a blocked client.",
    "UNPAUSE",
    "    End a pause.",
];

pub struct Help;
impl Command for Help {
    const SPEC: Spec =
        spec("HELP", Exactly(2)).since("5.0.0").flags(LOADING | STALE).summary("What CLIENT can be asked.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(reply, "CLIENT", LINES);
        Ok(())
    }
}
