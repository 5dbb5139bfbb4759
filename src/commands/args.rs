//! A cursor over one request's arguments: each is taken once, with the type that the command means.
use crate::{
    commands::error::CommandError,
    data::{
        long_double::LongDouble,
        number::{parse_double, parse_integer},
    },
    resp::Request,
    store::INLINE_BYTES_MAX,
};
use bytes::Bytes;

pub struct Args<'a> {
    request: &'a Request,
    next: usize,
    context: Context,
}

/// What of the client and the configuration decides how arguments are read.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Number of databases.
    pub databases: usize,
    /// The client's database.
    pub db: usize,
    /// `proto-max-bulk-len`: how long a string may become, bytes.
    pub string_bytes_max: usize,
    /// Time of parsing, ms since 1970.
    pub now_ms: i64,
    /// It comes from our master, or from a log: it was judged there, and what it says has happened.
    pub obeyed: bool,
}

impl<'a> Args<'a> {
    /// The cursor stands at argument `next`, behind the command's name.
    pub fn new(request: &'a Request, next: usize, context: Context) -> Args<'a> {
        Args { request, next, context }
    }
    pub fn context(&self) -> Context {
        self.context
    }
    /// The whole request, name included.
    pub fn request(&self) -> &'a Request {
        self.request
    }
    /// Takes the next `count` arguments, to be read by themselves.
    pub fn split_off(&mut self, count: usize) -> Args<'a> {
        let words = Args { next: self.next, ..*self };
        self.next += count;
        words
    }
    /// How many arguments are left.
    pub fn remaining(&self) -> usize {
        self.request.len() - self.next
    }
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.request.get(self.next)
    }
    /// The next argument, to look at while parsing.
    pub fn word(&mut self) -> Result<&'a [u8], CommandError> {
        let word = self.request.get(self.next).ok_or(CommandError::Syntax)?;
        self.next += 1;
        Ok(word)
    }
    /// The next argument, to be looked at while the command runs.
    #[inline]
    pub fn bytes(&mut self) -> Result<Bytes, CommandError> {
        let bytes = self.request.share(self.next).ok_or(CommandError::Syntax)?;
        self.next += 1;
        Ok(bytes)
    }
    /// The next argument, to be stored: it may outlive the request without pinning the read buffer.
    #[inline]
    pub fn value(&mut self) -> Result<Bytes, CommandError> {
        let bytes = self.request.keep(self.next, INLINE_BYTES_MAX).ok_or(CommandError::Syntax)?;
        self.next += 1;
        Ok(bytes)
    }
    pub fn integer(&mut self) -> Result<i64, CommandError> {
        parse_integer(self.word()?).ok_or(CommandError::NotAnInteger)
    }
    pub fn double(&mut self) -> Result<f64, CommandError> {
        parse_double(self.word()?).ok_or(CommandError::NotAFloat)
    }
    /// An integer that is not less than `min`.
    ///
    /// # Errors
    /// This text, if it is less, or no integer at all.
    pub fn at_least(&mut self, min: i64, otherwise: &'static str) -> Result<usize, CommandError> {
        let number = parse_integer(self.word()?).filter(|&number| number >= min);
        number.and_then(|number| usize::try_from(number).ok()).ok_or(CommandError::fixed(otherwise))
    }
    /// An integer from `min` to `max`.
    pub fn integer_between(&mut self, min: i64, max: i64) -> Result<i64, CommandError> {
        let number = self.integer()?;
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        Err(CommandError::text_of(format!("ERR value is out of range, value must between {min} and {max}")))
    }
    /// A count of keys, at least one, and so many keys.
    ///
    /// # Errors
    /// This text, if the count is none; a syntax error, if there are fewer keys.
    pub fn counted_keys(&mut self, otherwise: &'static str) -> Result<Vec<Bytes>, CommandError> {
        let count = self.at_least(1, otherwise)?;
        if count > self.remaining() {
            return Err(CommandError::Syntax);
        }
        (0..count).map(|_| self.bytes()).collect()
    }
    /// A timeout in seconds, with a fraction: how long it is, in ms; `None` for 0: for ever. (It begins when the command waits:
    /// what stands before it in the same packet may take its time.)
    ///
    /// # Errors
    /// If it is none, negative, or later than time goes.
    pub fn timeout_seconds(&mut self) -> Result<Option<i64>, CommandError> {
        let seconds = LongDouble::parse(self.word()?);
        let seconds = seconds.ok_or(CommandError::fixed("ERR timeout is not a float or out of range"))?;
        let ms = seconds.milli_rounded_up();
        if ms > i64::MAX.into() {
            return Err(CommandError::fixed("ERR timeout is out of range"));
        }
        self.timeout_of(ms.max(-1) as i64)
    }
    /// A timeout in whole milliseconds; see [`Args::timeout_seconds`].
    ///
    /// # Errors
    /// If it is none, negative, or later than time goes.
    pub fn timeout_ms(&mut self) -> Result<Option<i64>, CommandError> {
        const NONE: CommandError = CommandError::fixed("ERR timeout is not an integer or out of range");
        let ms = self.integer().map_err(|_| NONE)?;
        self.timeout_of(ms)
    }
    fn timeout_of(&self, ms: i64) -> Result<Option<i64>, CommandError> {
        match ms {
            ..0 => Err(CommandError::fixed("ERR timeout is negative")),
            0 => Ok(None),
            _ => match self.context.now_ms.checked_add(ms) {
                Some(_) => Ok(Some(ms)),
                None => Err(CommandError::fixed("ERR timeout is out of range")),
            },
        }
    }
    /// An index of an existing database.
    pub fn database(&mut self) -> Result<usize, CommandError> {
        let index = self.integer_between(i32::MIN.into(), i32::MAX.into())?;
        usize::try_from(index)
            .ok()
            .filter(|&db| db < self.context.databases)
            .ok_or(CommandError::DbIndexOutOfRange)
    }
    /// Takes the next argument if it is the given option word, whatever its case.
    pub fn option(&mut self, word: &str) -> bool {
        let hit = self.peek().is_some_and(|item| item.eq_ignore_ascii_case(word.as_bytes()));
        self.next += hit as usize;
        hit
    }
    /// Takes the next argument if it is one of these words, and tells which.
    pub fn one_of<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        words.iter().find(|(word, _)| self.option(word)).map(|&(_, value)| value)
    }
    /// All that are left, to be looked at while the command runs.
    pub fn rest(&mut self) -> Vec<Bytes> {
        let rest = (self.next..self.request.len()).filter_map(|index| self.request.share(index)).collect();
        self.next = self.request.len();
        rest
    }
    /// Takes all that are left, unseen: the command reads them from the request itself.
    pub fn skip_rest(&mut self) {
        self.next = self.request.len();
    }
    /// Nothing may be left over.
    pub fn end(&self) -> Result<(), CommandError> {
        if self.is_empty() { Ok(()) } else { Err(CommandError::Syntax) }
    }
}
