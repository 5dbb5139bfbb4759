//! Lua values from JSON. Numbers are read as C's `strtod` reads them, so that by default hexadecimal ones, infinities
//! and NaN pass. A NUL ends the text wherever it stands.
use super::{InvalidNumbers, Settings, exactly_one};
use crate::data::number::parse_prefix;
use crate::script::libraries::arguments::{Arguments, STACK_SLOTS_MAX};
use crate::script::libraries::tables::{Item, pushed, with_memory};
use mlua::{Error, Lua, Result, Table, Value};
use std::borrow::Cow;

enum Token<'a> {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Cow<'a, [u8]>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token<'_> {
    /// How errors call it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(what) => what,
        }
    }
}

/// An array or object that is being read.
enum Open<'a> {
    Array { table: Table, index: i64 },
    Object { table: Table, key: Cow<'a, [u8]> },
}

impl Open<'_> {
    /// The stack slots that the C library takes while it is inside.
    fn slots(&self) -> usize {
        match self {
            Open::Array { .. } => 1,
            Open::Object { .. } => 2,
        }
    }
}

/// What a token began: a value that is whole, or a container, whose first value begins with the token after.
enum Begun<'a> {
    Whole(Item<'a>),
    Inside(Open<'a>, Token<'a>),
}

struct Decoder<'a> {
    arguments: &'a Arguments<'a>,
    text: &'a [u8],
    at: usize,
    /// Where the last token began, or what is wrong with it was found.
    token_at: usize,
    settings: Settings,
    open: Vec<Open<'a>>,
    slots: usize,
}

pub fn decode(arguments: &Arguments, settings: Settings) -> Result<Value> {
    exactly_one(arguments)?;
    let text = arguments.string(1)?;
    let text: &[u8] = &text.as_bytes();
    if text.len() >= 2 && text[..2].contains(&0) {
        return Err(arguments.error("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut decoder = Decoder { arguments, text, at: 0, token_at: 0, settings, open: Vec::new(), slots: 1 };
    with_memory(arguments.lua, text.len(), || {
        let value = decoder.document()?;
        match decoder.token() {
            Token::End => value.into_value(arguments.lua),
            found => Err(decoder.unexpected("the end", &found)),
        }
    })
}

impl<'a> Decoder<'a> {
    fn lua(&self) -> &Lua {
        self.arguments.lua
    }

    fn unexpected(&self, expected: &str, found: &Token<'_>) -> Error {
        let place = self.token_at + 1;
        self.arguments.error(format!("Expected {expected} but found {} at character {place}", found.name()))
    }

    /// One value with all that is in it.
    fn document(&mut self) -> Result<Item<'a>> {
        let mut token = self.token();
        loop {
            let mut value = match self.begin(token)? {
                Begun::Whole(value) => value,
                Begun::Inside(open, first) => {
                    self.slots += open.slots();
                    self.open.push(open);
                    token = first;
                    continue;
                }
            };
            // The value ends as many containers as it is the last of.
            loop {
                let Some(mut open) = self.open.pop() else { return Ok(value) };
                let ended = self.put(&mut open, value)?;
                if !ended {
                    self.open.push(open);
                    break;
                }
                self.slots -= open.slots();
                value = match open {
                    Open::Array { table, .. } | Open::Object { table, .. } => {
                        Item::Value(Value::Table(table))
                    }
                };
            }
            token = self.token();
        }
    }

    fn begin(&mut self, token: Token<'a>) -> Result<Begun<'a>> {
        Ok(Begun::Whole(Item::Value(match token {
            Token::String(text) => return Ok(Begun::Whole(Item::Text(text))),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(boolean) => Value::Boolean(boolean),
            Token::Null => Value::NULL,
            Token::ArrayBegin => {
                let table = self.descend(2)?;
                match self.token() {
                    Token::ArrayEnd => Value::Table(table),
                    first => return Ok(Begun::Inside(Open::Array { table, index: 0 }, first)),
                }
            }
            Token::ObjectBegin => {
                let table = self.descend(3)?;
                match self.token() {
                    Token::ObjectEnd => Value::Table(table),
                    token => {
                        let key = self.key(token)?;
                        return Ok(Begun::Inside(Open::Object { table, key }, self.token()));
                    }
                }
            }
            other => return Err(self.unexpected("value", &other)),
        })))
    }

    /// A table for what is inside, if that is not too deep.
    fn descend(&self, slots: usize) -> Result<Table> {
        let depth = self.open.len() + 1;
        let too_deep = || {
            let text = format!("Found too many nested data structures ({depth}) at character {}", self.at);
            self.arguments.error(text)
        };
        if depth > self.settings.decode_depth_max as usize || self.slots + slots > STACK_SLOTS_MAX {
            return Err(too_deep());
        }
        self.lua().create_table().map_err(|error| match error {
            Error::StackError => too_deep(),
            other => other,
        })
    }

    fn key(&mut self, token: Token<'a>) -> Result<Cow<'a, [u8]>> {
        let Token::String(key) = token else { return Err(self.unexpected("object key string", &token)) };
        match self.token() {
            Token::Colon => Ok(key),
            other => Err(self.unexpected("colon", &other)),
        }
    }

    /// Puts a value where it belongs, and reads on to the next value. True when there is none.
    fn put(&mut self, open: &mut Open<'a>, value: Item<'a>) -> Result<bool> {
        match open {
            Open::Array { table, index } => {
                *index += 1;
                value.put(table, *index)?;
                match self.token() {
                    Token::ArrayEnd => Ok(true),
                    Token::Comma => Ok(false),
                    other => Err(self.unexpected("comma or array end", &other)),
                }
            }
            Open::Object { table, key } => {
                value.put(table, pushed(key))?;
                match self.token() {
                    Token::ObjectEnd => Ok(true),
                    Token::Comma => {
                        let token = self.token();
                        *key = self.key(token)?;
                        Ok(false)
                    }
                    other => Err(self.unexpected("comma or object end", &other)),
                }
            }
        }
    }

    /// The byte so far ahead; 0 behind the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn wrong(&mut self, what: &'static str) -> Token<'a> {
        self.token_at = self.at;
        Token::Wrong(what)
    }

    fn token(&mut self) -> Token<'a> {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.token_at = self.at;
        let simple = match self.peek(0) {
            0 => return Token::End,
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                let refuses = self.settings.decode_invalid == InvalidNumbers::Refused;
                return if refuses && self.is_invalid_number() {
                    self.wrong("invalid number")
                } else {
                    self.number()
                };
            }
            _ => return self.word(),
        };
        self.at += 1;
        simple
    }

    fn word(&mut self) -> Token<'a> {
        let words = [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)];
        for (word, token) in words {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        let may_be_number = matches!(self.peek(0), b'+' | b'i' | b'I' | b'n' | b'N');
        let accepts = self.settings.decode_invalid == InvalidNumbers::Accepted;
        if may_be_number && accepts && self.is_invalid_number() {
            return self.number();
        }
        self.wrong("invalid token")
    }

    fn number(&mut self) -> Token<'a> {
        if let Some((number, length)) = short_integer(&self.text[self.at..]) {
            self.at += length;
            return Token::Number(number);
        }
        match parse_prefix(&self.text[self.at..]) {
            (_, 0) => self.wrong("invalid number"),
            (number, length) => {
                self.at += length;
                Token::Number(number)
            }
        }
    }

    /// Whether what begins here is a number that only C knows: with a plus or a leading zero, hexadecimal, no number.
    fn is_invalid_number(&self) -> bool {
        let sign = usize::from(self.peek(0) == b'-');
        let body = &self.text[self.at + sign..];
        let starts = |word: &[u8]| body.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(word));
        match self.peek(sign) {
            b'+' => sign == 0,
            b'0' => matches!(self.peek(sign + 1), b'x' | b'X' | b'0'..=b'9'),
            _ => starts(b"inf") || starts(b"nan"),
        }
    }

    fn string(&mut self) -> Token<'a> {
        self.at += 1;
        let start = self.at;
        let text = self.text;
        let plain = |from: usize| {
            text[from..]
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0))
                .map_or(text.len(), |run| from + run)
        };
        self.at = plain(start);
        if self.peek(0) == b'"' {
            self.at += 1;
            return Token::String(Cow::Borrowed(&text[start..self.at - 1]));
        }
        let mut unescaped = text[start..self.at].to_vec();
        loop {
            match self.peek(0) {
                b'"' => break,
                b'\\' => {
                    if let Err(what) = self.escape(&mut unescaped) {
                        return self.wrong(what);
                    }
                }
                0 => return self.wrong("unexpected end of string"),
                _ => {
                    let end = plain(self.at);
                    unescaped.extend_from_slice(&text[self.at..end]);
                    self.at = end;
                }
            }
        }
        self.at += 1;
        Token::String(Cow::Owned(unescaped))
    }

    /// What is written with a backslash.
    fn escape(&mut self, output: &mut Vec<u8>) -> std::result::Result<(), &'static str> {
        let plain = match self.peek(1) {
            escaped @ (b'"' | b'\\' | b'/') => escaped,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'u' => {
                let letter = self.unicode_escape().ok_or("invalid unicode escape code")?;
                output.extend_from_slice(&letter);
                return Ok(());
            }
            _ => return Err("invalid escape code"),
        };
        output.push(plain);
        self.at += 2;
        Ok(())
    }

    /// The UTF-8 of `\uXXXX`, or of the two that make a surrogate pair.
    fn unicode_escape(&mut self) -> Option<Vec<u8>> {
        let first = self.hexadecimal(2)?;
        let mut length = 6;
        let point = if (0xd800..0xe000).contains(&first) {
            let second = self.hexadecimal(8).filter(|_| self.peek(6) == b'\\' && self.peek(7) == b'u')?;
            if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
                return None;
            }
            length = 12;
            ((first & 0x3ff) << 10 | (second & 0x3ff)) + 0x10000
        } else {
            first
        };
        self.at += length;
        char::from_u32(point).map(|letter| letter.to_string().into_bytes())
    }

    fn hexadecimal(&self, ahead: usize) -> Option<u32> {
        (0..4).try_fold(0, |value, digit| Some(value << 4 | (self.peek(ahead + digit) as char).to_digit(16)?))
    }
}

/// An integer that a double holds exactly, with its length in bytes: what most numbers are.
fn short_integer(text: &[u8]) -> Option<(f64, usize)> {
    const DIGITS_MAX: usize = 15;
    let sign = usize::from(text.first() == Some(&b'-'));
    let digits = text[sign..].iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let length = sign + digits;
    let goes_on = matches!(text.get(length), Some(b'.' | b'e' | b'E' | b'x' | b'X'));
    if digits == 0 || digits > DIGITS_MAX || goes_on {
        return None;
    }
    let value =
        text[sign..length].iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0')) as f64;
    Some((if sign == 1 { -value } else { value }, length))
}
