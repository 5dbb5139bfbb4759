//! Lua values from JSON. Numbers are read as C's `strtod` reads them, so that by default hexadecimal ones, infinities
//! and NaN pass. A NUL ends the text wherever it stands.
use super::{InvalidNumbers, Settings, exactly_one};
use crate::data::number::parse_prefix;
use crate::script::libraries::arguments::{Arguments, STACK_SLOTS_MAX};
use mlua::{Error, Lua, LuaString, Result, Table, Value};

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
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
enum Open {
    Array { table: Table, index: i64 },
    Object { table: Table, key: LuaString },
}

impl Open {
    /// The stack slots that the C library takes while it is inside.
    fn slots(&self) -> usize {
        match self {
            Open::Array { .. } => 1,
            Open::Object { .. } => 2,
        }
    }
}

/// What a token began: a value that is whole, or a container, whose first value begins with the token after.
enum Begun {
    Whole(Value),
    Inside(Open, Token),
}

struct Decoder<'a> {
    arguments: &'a Arguments<'a>,
    text: &'a [u8],
    at: usize,
    /// Where the last token began, or what is wrong with it was found.
    token_at: usize,
    settings: Settings,
    open: Vec<Open>,
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
    let value = decoder.document()?;
    match decoder.token() {
        Token::End => Ok(value),
        found => Err(decoder.unexpected("the end", &found)),
    }
}

impl Decoder<'_> {
    fn lua(&self) -> &Lua {
        self.arguments.lua
    }

    fn unexpected(&self, expected: &str, found: &Token) -> Error {
        let place = self.token_at + 1;
        self.arguments.error(format!("Expected {expected} but found {} at character {place}", found.name()))
    }

    /// One value with all that is in it.
    fn document(&mut self) -> Result<Value> {
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
                    Open::Array { table, .. } | Open::Object { table, .. } => Value::Table(table),
                };
            }
            token = self.token();
        }
    }

    fn begin(&mut self, token: Token) -> Result<Begun> {
        Ok(Begun::Whole(match token {
            Token::String(text) => Value::String(self.lua().create_string(text)?),
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
        }))
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

    fn key(&mut self, token: Token) -> Result<LuaString> {
        let Token::String(key) = token else { return Err(self.unexpected("object key string", &token)) };
        match self.token() {
            Token::Colon => self.lua().create_string(key),
            other => Err(self.unexpected("colon", &other)),
        }
    }

    /// Puts a value where it belongs, and reads on to the next value. True when there is none.
    fn put(&mut self, open: &mut Open, value: Value) -> Result<bool> {
        match open {
            Open::Array { table, index } => {
                *index += 1;
                table.raw_set(*index, value)?;
                match self.token() {
                    Token::ArrayEnd => Ok(true),
                    Token::Comma => Ok(false),
                    other => Err(self.unexpected("comma or array end", &other)),
                }
            }
            Open::Object { table, key } => {
                table.raw_set(&*key, value)?;
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

    fn wrong(&mut self, what: &'static str) -> Token {
        self.token_at = self.at;
        Token::Wrong(what)
    }

    fn token(&mut self) -> Token {
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

    fn word(&mut self) -> Token {
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

    fn number(&mut self) -> Token {
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

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.peek(0) {
                b'"' => break,
                0 => return self.wrong("unexpected end of string"),
                b'\\' => {
                    let plain = match self.peek(1) {
                        escaped @ (b'"' | b'\\' | b'/') => escaped,
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'u' => match self.unicode_escape() {
                            Some(letter) => {
                                text.extend_from_slice(&letter);
                                continue;
                            }
                            None => return self.wrong("invalid unicode escape code"),
                        },
                        _ => return self.wrong("invalid escape code"),
                    };
                    text.push(plain);
                    self.at += 2;
                }
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Token::String(text)
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
