//! Which words of a request are keys, and what happens to them: by the key specifications of its command.
//!
//! COMMAND GETKEYS, prefetching, access control and cluster slots all ask here, so they cannot disagree. Where the
//! specifications are not exact (a key behind an option, flags that depend on options), the command brings a
//! [`Locate`] of its own.
use super::{
    error::CommandError,
    registry::Node,
    spec::{Begin, Find, INCOMPLETE, KeyFlags, KeySpec, NOT_KEY, Spec, VARIABLE_FLAGS},
};
use crate::{data::number::parse_integer, resp::Request};
use smallvec::SmallVec;

/// One key of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyPosition {
    /// Which word of the request it is, the command's name being word 0.
    pub index: usize,
    pub flags: KeyFlags,
}
pub type KeyPositions = SmallVec<[KeyPosition; 4]>;

/// Finds the keys of one command's requests where its specifications cannot. Finding none means that the request is
/// malformed, or has none.
pub type Locate = fn(&Request, &mut KeyPositions);

/// The request does not have the form that the key specifications of its command describe.
#[derive(Debug, PartialEq)]
pub struct Malformed;

/// The keys of a request to the command of this `spec`.
///
/// # Errors
/// If the words of the request do not fit the specifications: parsing it will fail too.
pub fn key_positions(spec: &Spec, request: &Request) -> Result<KeyPositions, Malformed> {
    let mut found = KeyPositions::new();
    let exact = spec.locate.is_none() || !spec.keys.iter().any(|key| key.flags & VARIABLE_FLAGS != 0);
    if exact && specified(spec, request, &mut found).is_ok() {
        return Ok(found);
    }
    found.clear();
    let locate = spec.locate.ok_or(Malformed)?;
    locate(request, &mut found);
    Ok(found)
}

fn specified(spec: &Spec, request: &Request, found: &mut KeyPositions) -> Result<(), Malformed> {
    for key in spec.keys.iter().filter(|key| key.flags & NOT_KEY == 0) {
        let Some(begin) = beginning(key.begin, request)? else { continue };
        let (first, last, step) = stretch(key.find, begin, request)?;
        if last >= request.len() || last < first {
            return Err(Malformed);
        }
        found.extend((first..=last).step_by(step).map(|index| KeyPosition { index, flags: key.flags }));
        if key.flags & INCOMPLETE != 0 {
            return Err(Malformed);
        }
    }
    Ok(())
}

/// Where the search for keys begins; `None` if the word that announces them is not there.
fn beginning(begin: Begin, request: &Request) -> Result<Option<usize>, Malformed> {
    match begin {
        Begin::Index(index) => Ok(Some(index as usize)),
        Begin::Keyword(word, from) => {
            let is_it =
                |&index: &usize| request.get(index).is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()));
            let found = if from > 0 {
                (from as usize..request.len().saturating_sub(1)).find(is_it)
            } else {
                let start = (request.len() + 1).saturating_sub(from.unsigned_abs() as usize);
                (2..start).rev().find(is_it)
            };
            Ok(found.map(|index| index + 1))
        }
        Begin::Unknown => Err(Malformed),
    }
}

/// First and last key from `begin` on, and the distance between two.
fn stretch(find: Find, begin: usize, request: &Request) -> Result<(usize, usize, usize), Malformed> {
    let words = request.len();
    match find {
        Find::Range { last, step, limit } => {
            let back = last.unsigned_abs() as usize;
            let last = match (last >= 0, limit) {
                (true, _) => Some(begin + back),
                (false, 0 | 1) => words.checked_sub(back),
                // A limit of n: only the first n-th of the words that are left are keys.
                (false, limit) => words
                    .checked_sub(begin)
                    .and_then(|rest| (begin + rest / limit as usize).checked_sub(back)),
            };
            Ok((begin, last.ok_or(Malformed)?, step.max(1) as usize))
        }
        Find::Count { at, first, step } => {
            let count = request.get(begin + at as usize).and_then(parse_integer).ok_or(Malformed)?;
            let count = usize::try_from(count).ok().filter(|&n| (1..=words).contains(&n)).ok_or(Malformed)?;
            let first = begin + first as usize;
            Ok((first, first + (count - 1) * step.max(1) as usize, step.max(1) as usize))
        }
        Find::Unknown => Err(Malformed),
    }
}

/// The keys of a request that somebody only asks about, with the errors of COMMAND GETKEYS.
///
/// # Errors
/// If the command has no keys, or the request could not be one of it.
pub fn keys_asked_for(node: &Node, request: &Request) -> Result<KeyPositions, CommandError> {
    let spec = node.spec();
    if spec.locate.is_none() && spec.keys.iter().all(|key| key.flags & NOT_KEY != 0) {
        return Err(CommandError::fixed("ERR The command has no key arguments"));
    }
    if !spec.arity.admits(request.len()) {
        return Err(CommandError::fixed("ERR Invalid number of arguments specified for command"));
    }
    match key_positions(spec, request) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ if spec.flags & super::spec::NO_MANDATORY_KEYS != 0 => Ok(KeyPositions::new()),
        _ => Err(CommandError::fixed("ERR Invalid arguments specified for command")),
    }
}

/// The key positions as clients from before key specifications know them: one range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LegacyRange {
    /// 0: no keys, or none that one range could give.
    pub first: i64,
    /// Negative: counted from the end of the request.
    pub last: i64,
    pub step: i64,
    /// The range does not tell all: a client must ask COMMAND GETKEYS.
    pub movable: bool,
}
impl LegacyRange {
    /// The range that stands for all these specifications: those that are plain ranges, one behind the other.
    pub fn of(keys: &[KeySpec]) -> LegacyRange {
        let incomplete = |key: &KeySpec| key.flags & INCOMPLETE != 0;
        if let [only] = keys
            && let (Begin::Index(begin), Find::Range { last, step, .. }) = (only.begin, only.find)
        {
            let (first, step) = (begin as i64, step as i64);
            return LegacyRange { first, last: absolute(first, last), step, movable: incomplete(only) };
        }
        let mut range = LegacyRange::default();
        for key in keys {
            match (key.begin, key.find) {
                (Begin::Index(begin), Find::Range { last, step: 1, .. })
                    if range.last == 0 || range.last == begin as i64 - 1 =>
                {
                    range.movable |= incomplete(key);
                    range.first = if range.first == 0 { begin as i64 } else { range.first };
                    range.last = absolute(begin as i64, last);
                    range.step = 1;
                }
                _ => range.movable = true,
            }
        }
        range
    }
}
fn absolute(first: i64, last: i8) -> i64 {
    if last < 0 { last as i64 } else { first + last as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::spec::*;

    const BASE: Spec = Spec::new(Group::Generic, "X", Arity::AtLeast(1));
    fn indices(keys: &[KeySpec], words: &str) -> Option<Vec<usize>> {
        let words: Vec<&str> = words.split(' ').collect();
        let found = key_positions(&BASE.keys(keys.to_vec().leak()), &Request::from_args(&words)).ok()?;
        Some(found.iter().map(|position| position.index).collect())
    }

    #[test]
    fn ranges_counts_and_keywords() {
        const STREAMS: KeySpec = KeySpec {
            begin: Begin::Keyword("STREAMS", 1),
            find: Find::Range { last: -1, step: 1, limit: 2 },
            flags: RO,
            notes: None,
        };
        const FROM_END: KeySpec = KeySpec {
            begin: Begin::Keyword("KEYS", -2),
            find: Find::Range { last: -1, step: 1, limit: 0 },
            flags: RW,
            notes: None,
        };
        const BLOCKING: KeySpec = key_range(1, -2, RW);
        type Case<'a> = (&'a [KeySpec], &'a str, Option<&'a [usize]>);
        let cases: &[Case] = &[
            (&[key(1, RO)], "X k", Some(&[1])),
            (&[key(1, RO)], "X", None),
            (&[keys(1, 2, RO)], "X k v k v", Some(&[1, 3])),
            (&[key(1, OW), keys(2, 1, RO)], "X d a b", Some(&[1, 2, 3])),
            (&[BLOCKING], "X a b 0", Some(&[1, 2])),
            (&[counted_keys(1, RO)], "X 2 a b WEIGHTS 1 2", Some(&[2, 3])),
            (&[counted_keys(1, RO)], "X 3 a b", None),
            (&[counted_keys(1, RO)], "X 0 a b", None),
            (&[counted_keys(1, RO)], "X -1 a b", None),
            (&[counted_keys(1, RO)], "X 9223372036854775807 a", None),
            (&[counted_keys(1, RO)], "X two a b", None),
            (&[STREAMS], "X COUNT 1 streams a b 0 0", Some(&[4, 5])),
            (&[STREAMS], "X COUNT 1", Some(&[])),
            (&[FROM_END], "X h p  0 1 KEYS a b", Some(&[7, 8])),
            (&[key(1, RO | NOT_KEY)], "X a", Some(&[])),
            (&[key(1, RO | INCOMPLETE)], "X a", None),
        ];
        for (keys, words, expected) in cases {
            assert_eq!(indices(keys, words).as_deref(), *expected, "{words}");
        }
    }

    #[test]
    fn one_range_for_clients_that_know_no_specifications() {
        let of = |keys: &[KeySpec]| {
            let range = LegacyRange::of(keys);
            (range.first, range.last, range.step, range.movable)
        };
        assert_eq!(of(&[]), (0, 0, 0, false));
        assert_eq!(of(&[keys(1, 2, OW)]), (1, -1, 2, false));
        assert_eq!(of(&[key(1, OW), key(2, RO)]), (1, 2, 1, false));
        assert_eq!(of(&[key(2, OW), keys(3, 1, RO)]), (2, -1, 1, false));
        assert_eq!(of(&[counted_keys(1, RO)]), (0, 0, 0, true));
        assert_eq!(of(&[key(1, OW), counted_keys(2, RO)]), (1, 1, 1, true));
    }
}
