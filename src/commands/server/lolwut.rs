//! LOLWUT: a callboard. Notes are pinned to a board at random; each run of the command pins them anew.
use super::{REDIS_VERSION, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::View,
};

const WIDTH: usize = 56;
const HEIGHT: usize = 15;
/// What the cast finds on its board.
const NOTES: &[&str] = &[
    "ACT I 7pm",
    "FULL CALL",
    "who has my hat?",
    "GET k",
    "SET k v",
    "break a leg",
    "no whistling",
    "EXIT left",
];

pub struct Lolwut;
impl Command for Lolwut {
    const SPEC: Spec = spec("LOLWUT", AtLeast(1))
        .flags(FAST)
        .since("5.0.0")
        .complexity("")
        .syntax("[VERSION version]")
        .summary("Draws something, and tells the version.");
    /// Like its model it takes whatever else it is told and ignores it: each version has arguments of its own.
    fn parse(args: &mut Args) -> Result<Lolwut, CommandError> {
        if args.remaining() >= 2 && args.option("VERSION") {
            args.integer()?;
        }
        args.rest();
        Ok(Lolwut)
    }
}
impl ReadCommand for Lolwut {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let mut text = draw(&mut |bound| (view.store.random() % bound as u64) as usize);
        text += &format!("\nRedis ver. {REDIS_VERSION} (Callboard {})\n", env!("CARGO_PKG_VERSION"));
        reply.verbatim("txt", text.as_bytes());
        Ok(())
    }
}

/// A board with notes on it; `random(n)` is uniform in 0..n.
fn draw(random: &mut dyn FnMut(usize) -> usize) -> String {
    let mut board = vec![vec![b' '; WIDTH]; HEIGHT];
    for note in NOTES {
        let (width, height) = (note.len() + 4, 3);
        let (left, top) = (1 + random(WIDTH - width - 1), 1 + random(HEIGHT - height - 1));
        pin(&mut board, note.as_bytes(), left, top);
    }
    let rule = format!("+{}+\n", "=".repeat(WIDTH));
    let rows: String = board.iter().map(|row| format!("|{}|\n", String::from_utf8_lossy(row))).collect();
    format!("{rule}{rows}{rule}")
}
/// One note, over whatever hangs there already.
fn pin(board: &mut [Vec<u8>], note: &[u8], left: usize, top: usize) {
    let width = note.len() + 4;
    let edge = [&[b'.'][..], &vec![b'-'; width - 2], &[b'.']].concat();
    let middle = [b"| ", note, b" |"].concat();
    for (row, line) in [&edge, &middle, &edge].into_iter().enumerate() {
        board[top + row][left..left + width].copy_from_slice(line);
    }
    board[top][left + width / 2] = b'o';
}

#[cfg(test)]
mod tests {
    use crate::commands::server::testing::client;

    #[test]
    fn a_board_and_the_version_below_it() {
        let mut client = client();
        for line in ["LOLWUT", "LOLWUT VERSION 5", "LOLWUT version 6 10 20"] {
            let drawn = client.say(line);
            assert!(drawn.ends_with("Redis ver. 7.4.1 (Callboard 0.1.0)\n "), "{drawn}");
            assert!(drawn.contains("EXIT left"), "the last note hangs above all others: {drawn}");
        }
        client.check(&[("LOLWUT VERSION five", "-ERR value is not an integer or out of range ")]);
        assert!(client.resp3().say("LOLWUT").starts_with("=1"));
    }
}
