//! SHUTDOWN: asks the Supervisor to end the server, in order.
use super::{OPERATOR, spec};
use crate::{
    commands::{
        Command, ControlCommand, Office, Outcome, Save, Shutdown,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
};

pub enum ShutDown {
    Begin(Shutdown),
    Abort,
}
impl Command for ShutDown {
    const SPEC: Spec = spec("SHUTDOWN", AtLeast(1))
        .flags(OPERATOR | NO_MULTI | ALLOW_BUSY)
        .complexity("O(N)")
        .syntax("[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]")
        .summary("Ends the server, after saving if so configured or asked.")
        .history(&[("7.0.0", "Added the options `NOW`, `FORCE` and `ABORT`.")]);
    fn parse(args: &mut Args) -> Result<ShutDown, CommandError> {
        let (mut how, mut abort) = (Shutdown::default(), false);
        while !args.is_empty() {
            if let Some(save) = args.one_of(&[("SAVE", Save::Yes), ("NOSAVE", Save::No)]) {
                if how.save != Save::AsConfigured && how.save != save {
                    return Err(CommandError::Syntax);
                }
                how.save = save;
            } else if args.option("NOW") {
                how.now = true;
            } else if args.option("FORCE") {
                how.force = true;
            } else if args.option("ABORT") {
                abort = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        match abort {
            true if how != Shutdown::default() => Err(CommandError::Syntax),
            true => Ok(ShutDown::Abort),
            false => Ok(ShutDown::Begin(how)),
        }
    }
}
impl ControlCommand for ShutDown {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        match *self {
            // The end of the connection is the reply.
            ShutDown::Begin(how) => office.shut_down(how),
            ShutDown::Abort => {
                office.abort_shut_down()?;
                reply.ok();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    #[test]
    fn options_are_read_and_passed_on() {
        let mut client = client();
        client.check(&[
            ("SHUTDOWN", ""),
            ("SHUTDOWN nosave NOW force", ""),
            ("SHUTDOWN SAVE", ""),
            ("SHUTDOWN SAVE NOSAVE", "-ERR syntax error "),
            ("SHUTDOWN ABORT NOW", "-ERR syntax error "),
            ("SHUTDOWN please", "-ERR syntax error "),
            ("SHUTDOWN ABORT", "-ERR No shutdown in progress. "),
        ]);
        assert_eq!(
            client.office.asked,
            [
                "Shutdown { save: AsConfigured, now: false, force: false }",
                "Shutdown { save: No, now: true, force: true }",
                "Shutdown { save: Yes, now: false, force: false }",
            ]
        );
    }
}
