//! What the server tells of commands: which of their words are keys.

use super::{FAMILIES, Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] =
    &[exact("COMMAND GETKEYS", any_command), exact("COMMAND GETKEYSANDFLAGS", any_command)];

/// A command of any family, as another generator makes it.
fn any_command(random: &mut Random) -> Vec<Argument> {
    let others: Vec<&Generator> = FAMILIES.iter().flat_map(|family| family.iter()).collect();
    let generator = loop {
        let generator = random.pick(&others);
        // One that asks about one that asks, and so on, tells nothing new.
        if !generator.command.starts_with("COMMAND") {
            break generator;
        }
    };
    let mut arguments: Vec<Argument> =
        generator.command.split(' ').map(|word| random.any_case(word)).collect();
    arguments.extend((generator.make)(random));
    arguments
}
