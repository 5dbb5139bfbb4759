//! Arguments drawn from a seed, with a leaning to where servers err: the ends of ranges, emptiness, nonsense.

use crate::support::value::quote;

pub type Argument = Vec<u8>;

pub struct Random(fastrand::Rng);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.0.usize(..choices.len())]
    }

    /// One of few keys, so that commands meet; sometimes the empty one.
    pub fn key(&mut self) -> Argument {
        match self.below(40) {
            0 => Vec::new(),
            1 => b"bin\x00\xff\r\n".to_vec(),
            _ => format!("k{}", self.below(6)).into_bytes(),
        }
    }

    pub fn keys(&mut self, most: usize) -> Vec<Argument> {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.key()).collect()
    }

    pub fn value(&mut self) -> Argument {
        match self.below(12) {
            0..=3 => self.integer(),
            4 => self.float(),
            5 => Vec::new(),
            6 => b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff".to_vec(),
            7 => {
                let length = *self.pick(&[19, 20, 21, 43, 44, 45, 63, 64, 65, 100]);
                vec![b'a' + self.below(26) as u8; length]
            }
            8 => (0..self.below(12)).map(|_| self.0.u8(..)).collect(),
            _ => (0..1 + self.below(8)).map(|_| b'a' + self.below(4) as u8).collect(),
        }
    }

    /// Mostly small; at times an end of i64, or no integer at all.
    pub fn integer(&mut self) -> Argument {
        const EDGES: &[&str] = &[
            "9223372036854775807",
            "9223372036854775806",
            "-9223372036854775808",
            "-9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "4294967295",
            "4294967296",
            "2147483648",
            "-2147483649",
        ];
        const NONSENSE: &[&str] = &["", "abc", "1.5", " 1", "1 ", "01", "+1", "-0", "0x1", "1e2"];
        match self.below(20) {
            0..=1 => self.pick(EDGES).as_bytes().to_vec(),
            2 => self.pick(NONSENSE).as_bytes().to_vec(),
            _ => self.0.i64(-20..130).to_string().into_bytes(),
        }
    }

    pub fn float(&mut self) -> Argument {
        const EDGES: &[&str] =
            &["0", "-0.0", "3.0", "1e3", "5e-3", "1.", ".5", "inf", "nan", "", "abc", "1e400", " 1", "1 "];
        if self.chance(25) {
            return self.pick(EDGES).as_bytes().to_vec();
        }
        format!("{}.{:0>2}", self.0.i32(-50..50), self.below(100)).into_bytes()
    }

    /// A position in a string: what is allowed stays small, so that replies do.
    pub fn offset(&mut self) -> Argument {
        const EDGES: &[&str] = &[
            "-1",
            "536870912",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "a",
            "",
        ];
        if self.chance(8) {
            return self.pick(EDGES).as_bytes().to_vec();
        }
        self.below(150).to_string().into_bytes()
    }

    /// The same for bits, whose limit is another.
    pub fn bit_offset(&mut self) -> Argument {
        const EDGES: &[&str] = &["-1", "4294967296", "9223372036854775807", "-9223372036854775808", "a", ""];
        if self.chance(8) {
            return self.pick(EDGES).as_bytes().to_vec();
        }
        self.below(1000).to_string().into_bytes()
    }

    pub fn database(&mut self) -> Argument {
        const WRONG: &[&str] = &["-1", "16", "99999999999", "a", ""];
        if self.chance(10) {
            return self.pick(WRONG).as_bytes().to_vec();
        }
        self.below(4).to_string().into_bytes()
    }

    /// A span that ends in the past or after all tests: nothing may expire on one side before the other.
    pub fn span(&mut self, unit_ms: i64) -> Argument {
        const EDGES: &[&str] = &[
            "0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "abc",
            "1.5",
            "",
        ];
        if self.chance(15) {
            return self.pick(EDGES).as_bytes().to_vec();
        }
        (self.0.i64(2_000_000..900_000_000) / unit_ms * unit_ms.max(1) / unit_ms + 100_000)
            .to_string()
            .into_bytes()
    }

    /// The same as a point in time.
    pub fn instant(&mut self, unit_ms: i64) -> Argument {
        const EDGES: &[&str] = &["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "abc", ""];
        if self.chance(20) {
            return self.pick(EDGES).as_bytes().to_vec();
        }
        (self.0.i64(33_000_000_000_000..34_000_000_000_000) / unit_ms).to_string().into_bytes()
    }

    pub fn pattern(&mut self) -> Argument {
        const PATTERNS: &[&str] =
            &["*", "k*", "k?", "k[0-3]", "k[^0]", "[", "k[0", "\\k1", "", "*1*", "K*", "k[3-0]", "**k**"];
        self.pick(PATTERNS).as_bytes().to_vec()
    }

    pub fn words<const N: usize>(&mut self, words: [&str; N]) -> Vec<Argument> {
        words.iter().map(|word| self.any_case(word)).collect()
    }

    /// Some of these options, in any order and case, at times twice.
    pub fn options(&mut self, choices: &[&[&str]]) -> Vec<Argument> {
        let count = *self.pick(&[0, 0, 1, 1, 1, 2, 2, 3]);
        (0..count)
            .flat_map(|_| self.pick(choices).iter())
            .map(|word| word.to_string())
            .collect::<Vec<_>>()
            .iter()
            .map(|word| self.any_case(word))
            .collect()
    }

    pub fn any_case(&mut self, word: &str) -> Argument {
        match self.below(4) {
            0 => word.to_lowercase().into_bytes(),
            1 => word
                .bytes()
                .map(|byte| if self.0.bool() { byte.to_ascii_lowercase() } else { byte })
                .collect(),
            _ => word.to_string().into_bytes(),
        }
    }
}

/// A command as a line for redis-cli.
pub fn line(arguments: &[Argument]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'\\#".contains(byte);
    let shown = arguments.iter().map(|argument| match argument.iter().all(plain) && !argument.is_empty() {
        true => String::from_utf8_lossy(argument).into_owned(),
        false => quote(argument),
    });
    shown.collect::<Vec<_>>().join(" ")
}
