//! What `user` lines and `aclfile` say of the user `default`, as far as passwords can express it.
//!
//! Access lists are yet to come, but a file that protects a server must protect it here too. So the rules are evaluated
//! in Redis' order, and a default user in whose place others would be let in, or be let do more, ends the start. Other
//! users need nothing like that: nobody can log in as one of them.
//!
//! Of these passwords only the SHA-256 is kept, as in Redis, whose rewritten files say them so.

use sha2::{Digest, Sha256};
use std::fs;
use subtle::ConstantTimeEq;

use super::error::ConfigError;
use super::load::Place;
use super::special::reason_of;
use super::table::Config;

/// A `user` line of the configuration or of the `aclfile`.
#[derive(Clone, Debug)]
pub struct UserLine {
    /// The user's name.
    pub name: String,
    /// The words after it.
    pub rules: Vec<String>,
    pub(super) place: Place,
}

type Hash = [u8; 32];
fn hash_of(password: &[u8]) -> Hash {
    Sha256::digest(password).into()
}
fn digits_of(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who may log in as `default`: who knows one of these passwords; everyone, if there are none.
#[derive(Clone, PartialEq)]
pub struct DefaultUser {
    passwords: Vec<Hash>,
}

impl Config {
    /// Whether clients must log in.
    pub fn asks_for_password(&self) -> bool {
        match &self.default_user {
            Some(user) => !user.passwords.is_empty(),
            None => self.requirepass.is_some(),
        }
    }

    /// Whether `default` may log in with this password. Telling takes the same time wherever it differs from another.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let user = self.default_user_in_effect();
        let (given, mut found) = (hash_of(password), subtle::Choice::from(0));
        for known in &user.passwords {
            found |= known.ct_eq(&given);
        }
        user.passwords.is_empty() || found.into()
    }

    fn default_user_in_effect(&self) -> DefaultUser {
        let required = || self.requirepass.iter().map(|password| hash_of(password.as_bytes())).collect();
        self.default_user.clone().unwrap_or_else(|| DefaultUser { passwords: required() })
    }

    /// Lets the default user of these lines, or of the `aclfile`, have its passwords: it overrules `requirepass`, however
    /// they are ordered. `knows` tells names of commands, and of categories with `@` in front.
    ///
    /// # Errors
    /// If Redis would not start with these lines, or if they say of the default user what cannot be kept yet.
    pub fn adopt_users(
        &mut self,
        lines: &[UserLine],
        knows: &dyn Fn(&str) -> bool,
    ) -> Result<(), ConfigError> {
        if self.aclfile.is_empty() {
            return self.adopt(lines, knows);
        }
        if !lines.is_empty() {
            let reason = "users are either in the configuration or in an aclfile, not in both";
            return Err(ConfigError::Contradiction(reason.into()));
        }
        let lines = self.read_users()?;
        self.adopt(&lines, knows)
    }

    fn adopt(&mut self, lines: &[UserLine], knows: &dyn Fn(&str) -> bool) -> Result<(), ConfigError> {
        for (index, line) in lines.iter().enumerate() {
            let wrong = |reason: String| line.place.wrong(reason);
            if line.name.contains(|letter: char| letter.is_ascii_whitespace() || letter == '\0') {
                return Err(wrong("a user's name holds no spaces".into()));
            }
            if lines[..index].iter().any(|earlier| earlier.name == line.name) {
                return Err(wrong("Duplicate user found. A user can be defined only once".into()));
            }
            let user = User::read(&line.rules, knows).map_err(wrong)?;
            if line.name == "default" {
                self.default_user = Some(user.judged().map_err(wrong)?);
            }
        }
        Ok(())
    }

    /// The lines of the `aclfile`, which knows neither comments nor quotes.
    fn read_users(&self) -> Result<Vec<UserLine>, ConfigError> {
        let path = self.dir.join(&self.aclfile);
        let text = fs::read_to_string(&path)
            .map_err(|error| ConfigError::Unreadable { path: path.clone(), reason: reason_of(&error) })?;
        let mut lines = Vec::new();
        for (index, line) in text.split('\n').enumerate() {
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() {
                continue;
            }
            let (source, number) = (path.display().to_string(), index + 1);
            let place = Place { source, number, line: line.to_string() };
            let mut words = line.split(' ').map(|word| word.trim_matches(['\t', '\r']).to_string());
            match (words.next().as_deref(), words.next()) {
                (Some("user"), Some(name)) => lines.push(UserLine { name, rules: words.collect(), place }),
                _ => return Err(place.wrong("a line begins with 'user' and a name".into())),
            }
        }
        Ok(lines)
    }

    /// The `user default` line for a rewritten file, if the one it has says something else than the configuration now.
    pub(super) fn other_default_user(&self, rules: &[String]) -> Option<String> {
        let said = User::read(rules, &|_| true).and_then(|user| user.judged());
        let is = self.default_user_in_effect();
        if said.as_ref() == Ok(&is) {
            return None;
        }
        let passwords: Vec<String> =
            is.passwords.iter().map(|hash| format!("#{}", digits_of(hash))).collect();
        let passwords = if passwords.is_empty() { "nopass".into() } else { passwords.join(" ") };
        Some(format!("user default on {passwords} ~* &* +@all"))
    }
}

/// A user while its rules are read, one after the other.
#[derive(Default)]
struct User {
    is_on: bool,
    needs_no_password: bool,
    passwords: Vec<Hash>,
    may: Selector,
}

/// What somebody may use. What is allowed beyond that in part is of no interest here.
#[derive(Default)]
struct Selector {
    all_keys: bool,
    all_channels: bool,
    all_commands: bool,
}

impl User {
    /// A user of the lines begins with nothing: off, without a password, allowed nothing.
    fn read(rules: &[String], knows: &dyn Fn(&str) -> bool) -> Result<User, String> {
        let mut user = User::default();
        for rule in joined(rules)? {
            let obeyed = user.obey(&rule, knows);
            obeyed.map_err(|reason| format!("Error in user declaration '{rule}': {reason}"))?;
        }
        Ok(user)
    }

    fn obey(&mut self, rule: &str, knows: &dyn Fn(&str) -> bool) -> Result<(), String> {
        match rule.to_ascii_lowercase().as_str() {
            "" | "sanitize-payload" | "skip-sanitize-payload" | "clearselectors" => {}
            "on" => self.is_on = true,
            "off" => self.is_on = false,
            "nopass" => {
                self.passwords.clear();
                self.needs_no_password = true;
            }
            "resetpass" => {
                self.passwords.clear();
                self.needs_no_password = false;
            }
            "reset" => *self = User::default(),
            _ => return self.obey_sign(rule, knows),
        }
        Ok(())
    }

    fn obey_sign(&mut self, rule: &str, knows: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let password = || hash_of(&rule.as_bytes()[1..]);
        match rule.as_bytes()[0] {
            b'>' => self.add(password()),
            b'#' => self.add(read_hash(&rule[1..])?),
            b'<' => return self.remove(&password()),
            b'!' => return self.remove(&read_hash(&rule[1..])?),
            b'(' if rule.ends_with(')') => {
                // It can only allow more; its words must be right all the same.
                let mut selector = Selector::default();
                let words = rule[1..rule.len() - 1].split_ascii_whitespace();
                return words.into_iter().try_for_each(|word| selector.obey(word, knows));
            }
            _ => return self.may.obey(rule, knows),
        }
        Ok(())
    }

    fn add(&mut self, password: Hash) {
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
        self.needs_no_password = false;
    }

    fn remove(&mut self, password: &Hash) -> Result<(), String> {
        let place = self.passwords.iter().position(|known| known == password);
        self.passwords.remove(place.ok_or("the password to be removed does not exist")?);
        Ok(())
    }

    /// What is kept of it, if passwords say it all.
    fn judged(self) -> Result<DefaultUser, String> {
        let refusal = |what: &str, consequence: &str| {
            Err(format!("{what}, which waits for access lists: {consequence}. Set requirepass instead."))
        };
        const OPEN: &str = "the server would be open";
        if !self.is_on {
            return refusal("'user default' is off (it has no 'on'), so that nobody can log in", OPEN);
        }
        if !self.may.all_keys || !self.may.all_commands {
            let what = "'user default' is not allowed all keys and commands ('~* +@all')";
            return refusal(what, "others could be used too");
        }
        if self.passwords.is_empty() && !self.needs_no_password {
            return refusal(
                "'user default' has no password and no 'nopass', so that nobody can log in",
                OPEN,
            );
        }
        Ok(DefaultUser { passwords: self.passwords })
    }
}

impl Selector {
    fn obey(&mut self, rule: &str, knows: &dyn Fn(&str) -> bool) -> Result<(), String> {
        const BEHIND_ALL: &str = "a pattern behind the one for all is not valid; reset them first";
        match rule.to_ascii_lowercase().as_str() {
            "allkeys" | "~*" => self.all_keys = true,
            "resetkeys" => self.all_keys = false,
            "allchannels" | "&*" => self.all_channels = true,
            "resetchannels" => self.all_channels = false,
            "allcommands" | "+@all" => self.all_commands = true,
            "nocommands" | "-@all" => self.all_commands = false,
            _ => match rule.as_bytes() {
                [b'~' | b'%', ..] if self.all_keys => return Err(BEHIND_ALL.into()),
                [b'&', ..] if self.all_channels => return Err(BEHIND_ALL.into()),
                [b'~' | b'&', pattern @ ..] => return is_pattern(pattern),
                [b'%', rest @ ..] => return is_pattern_with_permissions(rest),
                [sign @ (b'+' | b'-'), ..] => {
                    is_command(&rule[1..], knows)?;
                    self.all_commands &= *sign == b'+';
                }
                _ => return Err("Syntax error".into()),
            },
        }
        Ok(())
    }
}

fn is_pattern(pattern: &[u8]) -> Result<(), String> {
    match pattern.iter().any(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        true => Err("Syntax error".into()),
        false => Ok(()),
    }
}

/// `R~pattern`, `W~pattern`, `RW~pattern`.
fn is_pattern_with_permissions(rest: &[u8]) -> Result<(), String> {
    let end = rest.iter().position(|byte| *byte == b'~').ok_or("Syntax error")?;
    match rest[..end].to_ascii_uppercase().as_slice() {
        b"R" | b"W" | b"RW" | b"WR" => is_pattern(&rest[end + 1..]),
        _ => Err("Syntax error".into()),
    }
}

/// The name of a command or, with `@`, of a category; a subcommand, or a first argument, may follow.
fn is_command(name: &str, knows: &dyn Fn(&str) -> bool) -> Result<(), String> {
    match name.split_once('|') {
        Some((_, "")) => Err("Syntax error".into()),
        Some((command, _)) if knows(command) => Ok(()),
        None if knows(name) => Ok(()),
        _ => Err("Unknown command or category name in ACL".into()),
    }
}

fn read_hash(digits: &str) -> Result<Hash, String> {
    const WRONG: &str = "the hash of a password has 64 hexadecimal digits, in lower case";
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 64 || !digits.bytes().all(is_digit) {
        return Err(WRONG.into());
    }
    let mut hash = Hash::default();
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| WRONG)?;
    }
    Ok(hash)
}

/// The rules, with the words between parentheses joined to one.
fn joined(words: &[String]) -> Result<Vec<String>, String> {
    let mut rules: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in words {
        match rules.last_mut().filter(|_| is_open) {
            Some(rule) => *rule = format!("{rule} {word}"),
            None => rules.push(word.clone()),
        }
        is_open = (is_open || word.starts_with('(')) && !word.ends_with(')');
    }
    match is_open {
        true => Err("Unmatched parenthesis in a user declaration".into()),
        false => Ok(rules),
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
