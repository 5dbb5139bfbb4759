//! LCS: the longest common subsequence of two strings, by the classic table of prefix lengths (Wagner-Fischer).
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{TextRef, View},
};
use bytes::Bytes;

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Text,
    Length,
    Ranges,
}
pub struct Lcs {
    a: Bytes,
    b: Bytes,
    /// What is wrong with them is told only where both keys hold strings.
    options: Result<Options, CommandError>,
    table_bytes_max: usize,
}
struct Options {
    answer: Answer,
    match_length_min: usize,
    with_match_length: bool,
}
impl Options {
    fn parse(args: &mut Args) -> Result<Options, CommandError> {
        let (mut length, mut ranges, mut match_length_min, mut with_match_length) = (false, false, 0, false);
        while !args.is_empty() {
            if args.option("LEN") {
                length = true;
            } else if args.option("IDX") {
                ranges = true;
            } else if args.option("WITHMATCHLEN") {
                with_match_length = true;
            } else if args.option("MINMATCHLEN") && !args.is_empty() {
                match_length_min = args.integer()?.max(0) as usize;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let answer = match (length, ranges) {
            (true, true) => {
                return Err(CommandError::fixed(
                    "ERR If you want both the length and indexes, please just use IDX.",
                ));
            }
            (true, false) => Answer::Length,
            (false, true) => Answer::Ranges,
            (false, false) => Answer::Text,
        };
        Ok(Options { answer, match_length_min, with_match_length })
    }
}
impl Command for Lcs {
    const SPEC: Spec = spec("LCS", AtLeast(3))
        .keys(&[key_range(1, 1, RO | ACCESS)])
        .since("7.0.0")
        .complexity("O(N*M)")
        .syntax("key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")
        .summary("The longest common subsequence of two strings: its text, its length, or where it lies.");
    fn parse(args: &mut Args) -> Result<Lcs, CommandError> {
        let table_bytes_max = args.context().string_bytes_max;
        let (a, b) = (args.bytes()?, args.bytes()?);
        let options = Options::parse(args);
        args.skip_rest();
        Ok(Lcs { a, b, options, table_bytes_max })
    }
}
impl ReadCommand for Lcs {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let text = |key| {
            view.string(key)
                .map(|text| text.map(TextRef::to_bytes).unwrap_or_default())
                .map_err(|_| CommandError::fixed("ERR The specified keys must contain string values"))
        };
        // Both are looked up before either is judged.
        let (a, b) = (text(&self.a), text(&self.b));
        let (a, b) = (a?, b?);
        let options = match &self.options {
            Ok(options) => options,
            Err(error) => return Err(error.clone()),
        };
        let cells = (a.len() as u128 + 1) * (b.len() as u128 + 1);
        if cells * size_of::<u32>() as u128 > self.table_bytes_max as u128 {
            return Err(CommandError::fixed(
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ));
        }
        let lengths = Lengths::of(&a, &b);
        match options.answer {
            Answer::Length => reply.integer(lengths.longest() as i64),
            Answer::Text => {
                let mut common = Vec::new();
                lengths.walk_back(&a, &b, |matching| {
                    common.extend(a[matching.a..matching.a + matching.length].iter().rev())
                });
                common.reverse();
                reply.bulk(&common);
            }
            Answer::Ranges => options.reply_ranges(&lengths, &a, &b, reply),
        }
        Ok(())
    }
}
impl Options {
    fn reply_ranges(&self, lengths: &Lengths, a: &[u8], b: &[u8], reply: &mut Reply) {
        reply.map(2);
        reply.bulk(b"matches");
        let (place, mut count) = (reply.defer(), 0);
        lengths.walk_back(a, b, |matching| {
            if matching.length < self.match_length_min {
                return;
            }
            count += 1;
            reply.array(2 + self.with_match_length as usize);
            for start in [matching.a, matching.b] {
                reply.array(2);
                reply.integer(start as i64);
                reply.integer((start + matching.length - 1) as i64);
            }
            if self.with_match_length {
                reply.integer(matching.length as i64);
            }
        });
        reply.settle_array(place, count);
        reply.bulk(b"len");
        reply.integer(lengths.longest() as i64);
    }
}

/// A run of bytes that stands in both strings, at these offsets.
#[derive(Debug, PartialEq)]
struct Matching {
    a: usize,
    b: usize,
    length: usize,
}
/// Length of the longest common subsequence of every pair of prefixes.
struct Lengths {
    cells: Vec<u32>,
    width: usize,
    size: (usize, usize),
}
impl Lengths {
    fn of(a: &[u8], b: &[u8]) -> Lengths {
        let width = b.len() + 1;
        let mut lengths = Lengths { cells: vec![0; (a.len() + 1) * width], width, size: (a.len(), b.len()) };
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                lengths.cells[i * width + j] = if a[i - 1] == b[j - 1] {
                    lengths.at(i - 1, j - 1) + 1
                } else {
                    lengths.at(i - 1, j).max(lengths.at(i, j - 1))
                };
            }
        }
        lengths
    }
    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.width + j]
    }
    fn longest(&self) -> u32 {
        self.at(self.size.0, self.size.1)
    }
    /// Visits the matching runs from the ends of the strings to their beginnings.
    fn walk_back(&self, a: &[u8], b: &[u8], mut visit: impl FnMut(Matching)) {
        let (mut i, mut j) = self.size;
        let mut run: Option<Matching> = None;
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                match &mut run {
                    Some(run) if (run.a, run.b) == (i + 1, j + 1) => {
                        *run = Matching { a: i, b: j, length: run.length + 1 }
                    }
                    _ => {
                        if let Some(ended) = run.replace(Matching { a: i, b: j, length: 1 }) {
                            visit(ended)
                        }
                    }
                }
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1
            } else {
                j -= 1
            }
        }
        if let Some(ended) = run {
            visit(ended)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_known_pair() {
        let (a, b) = (b"ohmytext", b"mynewtext");
        let lengths = Lengths::of(a, b);
        let mut runs = Vec::new();
        lengths.walk_back(a, b, |run| runs.push(run));
        assert_eq!(lengths.longest(), 6);
        assert_eq!(runs, [Matching { a: 4, b: 5, length: 4 }, Matching { a: 2, b: 0, length: 2 }]);
    }
}
