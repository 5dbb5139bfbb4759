//! SORT. Of members that compare as equal Redis says no order: by text and by the values of other keys, which are often
//! missing, nothing is asked for (the transcripts do).

use super::{Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[exact("SORT", sort), exact("SORT_RO", sort)];

fn sort(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    arguments.extend(random.options(&[
        &["ALPHA"],
        &["ALPHA"],
        &["DESC"],
        &["ASC"],
        &["BY", "k*"],
        &["BY", "k*->f"],
        &["GET", "#"],
        &["GET", "k*"],
        &["GET", "k*->f"],
        &["GET", "fixed"],
        &["LIMIT", "1", "3"],
        &["LIMIT", "-1", "-1"],
        &["LIMIT", "x", "1"],
        &["STORE", "k1"],
        &["FOO"],
    ]));
    let has = |word: &[u8]| arguments.iter().any(|argument| argument.eq_ignore_ascii_case(word));
    if has(b"ALPHA") && has(b"BY") {
        arguments.truncate(1);
    }
    arguments
}
