//! HELP of a container: its subcommands with one line or two about each.
use crate::resp::Reply;

/// Writes the lines of a HELP, between the head and the tail that all of them have.
pub fn reply_help(reply: &mut Reply, container: &str, lines: &[&str]) {
    reply.array(lines.len() + 3);
    reply.status(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    lines.iter().for_each(|line| reply.status(line));
    reply.status("HELP");
    reply.status("    Print this help.");
}

/// Declares the HELP of a container.
macro_rules! help {
    ($type:ident of $container:literal, $spec:expr, $($line:literal),* $(,)?) => {
        pub struct $type;
        impl $crate::commands::Command for $type {
            const SPEC: $crate::commands::spec::Spec = $spec.summary("Lists the subcommands, with what they do.");
            fn parse(_: &mut $crate::commands::args::Args) -> Result<$type, $crate::commands::error::CommandError> {
                Ok($type)
            }
        }
        impl $crate::commands::SessionCommand for $type {
            fn run(
                &mut self,
                _: &mut $crate::commands::session::Session,
                reply: &mut $crate::resp::Reply,
            ) -> $crate::commands::Outcome {
                $crate::commands::server::help::reply_help(reply, $container, &[$($line),*]);
                Ok(())
            }
        }
    };
}
pub(super) use help;

/// What a HELP is, but for its group's category.
pub const fn help_spec(since: &'static str) -> crate::commands::spec::Spec {
    use crate::commands::spec::{Arity, LOADING, STALE};
    super::spec("HELP", Arity::Exactly(2)).flags(LOADING | STALE).since(since)
}
