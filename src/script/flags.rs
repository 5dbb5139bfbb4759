//! What a script says about itself: `#!lua flags=no-writes,allow-oom` in its first line, or the flags that a function was
//! registered with.
use crate::{data::quoting::split_args, error::CommandError, error::shown};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    pub const NO_WRITES: Flags = Flags(1);
    pub const ALLOW_OOM: Flags = Flags(2);
    pub const ALLOW_STALE: Flags = Flags(4);
    pub const NO_CLUSTER: Flags = Flags(8);
    pub const ALLOW_CROSS_SLOT_KEYS: Flags = Flags(16);
    /// A script without a first line of that kind says nothing: it is treated as scripts were before there were flags.
    pub const UNSAID: Flags = Flags(32);

    pub fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }
    pub fn with(self, flag: Flags) -> Flags {
        Flags(self.0 | flag.0)
    }
    fn of_name(name: &[u8]) -> Option<Flags> {
        NAMES.iter().find(|(_, known)| known.as_bytes() == name).map(|(flag, _)| *flag)
    }
    /// A flag by its name in any case, as `redis.register_function` takes it.
    pub fn of_any_case(name: &[u8]) -> Option<Flags> {
        NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(flag, _)| *flag)
    }
    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

const NAMES: [(Flags, &str); 5] = [
    (Flags::NO_WRITES, "no-writes"),
    (Flags::ALLOW_OOM, "allow-oom"),
    (Flags::ALLOW_STALE, "allow-stale"),
    (Flags::NO_CLUSTER, "no-cluster"),
    (Flags::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
];

/// The first line of a script, if it is a shebang: its length, and its words.
///
/// # Errors
/// If it does not end, or its quotes do not.
fn shebang(body: &[u8]) -> Result<Option<Line>, Broken> {
    if !body.starts_with(b"#!") {
        return Ok(None);
    }
    let end = memchr::memchr(b'\n', body).ok_or(Broken::Endless)?;
    let words = split_args(&body[..end]).filter(|words| !words.is_empty()).ok_or(Broken::Unquoted)?;
    Ok(Some((end, words)))
}
/// Its length, and its words.
type Line = (usize, Vec<Vec<u8>>);
enum Broken {
    Endless,
    Unquoted,
}

/// What the first line of a script says, and the rest: the line's end still belongs to it, so that lines are counted as
/// the author counts them.
///
/// # Errors
/// What Redis says of such a line.
pub fn of_script(body: &[u8]) -> Result<(Flags, &[u8]), CommandError> {
    let found = shebang(body).map_err(|broken| match broken {
        Broken::Endless => CommandError::fixed("ERR Invalid script shebang"),
        Broken::Unquoted => CommandError::fixed("ERR Invalid engine in script shebang"),
    })?;
    let Some((end, words)) = found else { return Ok((Flags::UNSAID, body)) };
    let wrong = |what: &str, word: &[u8]| CommandError::text_of(format!("ERR {what}: {}", shown(word)));
    if words[0] != b"#!lua" {
        return Err(wrong("Unexpected engine in script shebang", &words[0]));
    }
    let mut flags = Flags::default();
    for word in &words[1..] {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err(wrong("Unknown lua shebang option", word));
        };
        // No flags at all is a list without items, not one of an empty name.
        for name in list.split(|&byte| byte == b',').filter(|_| !list.is_empty()) {
            let flag =
                Flags::of_name(name).ok_or_else(|| wrong("Unexpected flag in script shebang", name))?;
            flags = flags.with(flag);
        }
    }
    Ok((flags, &body[end..]))
}

/// What the first line of a library says.
#[derive(Debug, PartialEq)]
pub struct Heading<'a> {
    pub engine: Vec<u8>,
    pub name: Vec<u8>,
    /// The rest, which begins by the end of that line.
    pub code: &'a [u8],
}

/// The first line of a library, which must be there.
///
/// # Errors
/// What Redis says of such a line.
pub fn of_library(source: &[u8]) -> Result<Heading<'_>, CommandError> {
    let invalid = |_| CommandError::fixed("ERR Invalid library metadata");
    let Some((end, words)) = shebang(source).map_err(invalid)? else {
        return Err(CommandError::fixed("ERR Missing library metadata"));
    };
    let mut name = None;
    for word in &words[1..] {
        let is_name = word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"name="));
        if !is_name {
            let text = format!("ERR Invalid metadata value given: {}", shown(word));
            return Err(CommandError::text_of(text));
        }
        if name.replace(word[5..].to_vec()).is_some() {
            let text = "ERR Invalid metadata value, name argument was given multiple times";
            return Err(CommandError::fixed(text));
        }
    }
    let name = name.ok_or(CommandError::fixed("ERR Library name was not given"))?;
    Ok(Heading { engine: words[0].get(2..).unwrap_or_default().to_vec(), name, code: &source[end..] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_what_it_needs() {
        let flags = |names: &[Flags]| names.iter().fold(Flags::default(), |all, flag| all.with(*flag));
        for (body, said) in [
            ("return 1", Ok(Flags::UNSAID)),
            ("#!lua\nreturn 1", Ok(flags(&[]))),
            ("#!lua flags=\nreturn 1", Ok(flags(&[]))),
            ("#!lua flags=no-writes,allow-oom\n", Ok(flags(&[Flags::NO_WRITES, Flags::ALLOW_OOM]))),
            ("#!lua flags=no-writes flags=allow-stale\n", Ok(flags(&[Flags::NO_WRITES, Flags::ALLOW_STALE]))),
            ("#!lua", Err("ERR Invalid script shebang")),
            ("#!lua \"\n", Err("ERR Invalid engine in script shebang")),
            ("#!py\n", Err("ERR Unexpected engine in script shebang: #!py")),
            ("#!lua name=x\n", Err("ERR Unknown lua shebang option: name=x")),
            ("#!lua flags=no-writes,\n", Err("ERR Unexpected flag in script shebang: ")),
            ("#!lua flags=NO-WRITES\n", Err("ERR Unexpected flag in script shebang: NO-WRITES")),
        ] {
            let found = of_script(body.as_bytes()).map(|(flags, _)| flags);
            assert_eq!(found, said.map_err(CommandError::fixed), "{body}");
        }
        assert_eq!(of_script(b"#!lua\nreturn 1").unwrap().1, b"\nreturn 1");
    }

    #[test]
    fn a_library_says_its_name() {
        let heading = |source: &str| of_library(source.as_bytes()).map(|heading| heading.name);
        assert_eq!(heading("#!lua NAME=lib\ncode").unwrap(), b"lib");
        for (source, error) in [
            ("code", "ERR Missing library metadata"),
            ("#!lua name=x", "ERR Invalid library metadata"),
            ("#!lua\n", "ERR Library name was not given"),
            ("#!lua name=x name=y\n", "ERR Invalid metadata value, name argument was given multiple times"),
            ("#!lua foo=x\n", "ERR Invalid metadata value given: foo=x"),
        ] {
            assert_eq!(heading(source).unwrap_err().text(), error, "{source}");
        }
    }
}
