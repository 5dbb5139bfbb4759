//! What `… HELP` answers: a heading, one line per line of help, and how to get it again.
use crate::resp::Reply;

/// Writes the help of a container (`CLIENT`); a line per subcommand, its description indented below it.
pub fn reply_help(reply: &mut Reply, container: &str, lines: &[&str]) {
    reply.array(lines.len() + 3);
    reply.status(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    lines.iter().for_each(|line| reply.status(line));
    reply.status("HELP");
    reply.status("    Show this text.");
}
