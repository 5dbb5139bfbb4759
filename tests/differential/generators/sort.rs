//! SORT. What no order is said of comes in the order of its type's table, so of sets only what has one is asked for.

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
    arguments
}
