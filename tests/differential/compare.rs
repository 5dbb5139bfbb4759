//! When two replies are the same, and the listed cases where Redis 7.0 and 7.4 part.

use crate::random::Argument;
use crate::support::{Client, Value};

#[derive(Clone, Copy, PartialEq)]
pub enum Compare {
    /// The same bytes.
    Exact,
    /// The same elements, whose order Redis does not promise.
    Unordered,
    /// The same bytes, after a visit to every key: some that have expired may still be there to be counted.
    Visited,
    /// XPENDING's list: for how long an entry has been pending may differ by two seconds.
    Pending,
    /// Integers that a clock moves may differ by so much.
    Within(i64),
    /// A whole iteration returns the same keys; cursors and steps are each server's own.
    Iteration,
    /// Only the type of reply: the content is each server's own (ids, addresses, random choices).
    Type,
}

impl Compare {
    /// Asks, and brings the reply into a form that can be compared.
    pub fn ask(self, client: &mut Client, arguments: &[Argument]) -> Value {
        if self == Compare::Visited {
            client.call(&["SCAN", "0", "COUNT", "1000000"]);
        }
        let reply = client.call(arguments);
        match (self, reply) {
            (Compare::Unordered, Value::Array(mut items)) => {
                items.sort();
                Value::Array(items)
            }
            (Compare::Unordered, Value::Map(mut pairs)) => {
                pairs.sort();
                Value::Map(pairs)
            }
            (Compare::Unordered, Value::Set(mut items)) => {
                items.sort();
                Value::Set(items)
            }
            (Compare::Iteration, Value::Array(first)) => iterate(client, arguments, first),
            (_, reply) => reply,
        }
    }
}

/// Follows a SCAN, or one of its kin, to its end; duplicates are allowed, so they are dropped.
fn iterate(client: &mut Client, arguments: &[Argument], mut page: Vec<Value>) -> Value {
    let cursor_at = if arguments[0].eq_ignore_ascii_case(b"SCAN") { 1 } else { 2 };
    let mut seen = page[1].items();
    while page[0] != Value::bulk("0") {
        let mut next = arguments.to_vec();
        next[cursor_at] = page[0].bytes().to_vec();
        page = client.call(&next).items();
        seen.extend(page[1].items());
    }
    seen.sort();
    seen.dedup();
    Value::Array(seen)
}

pub fn same(compare: Compare, ours: &Value, theirs: &Value) -> bool {
    match (compare, ours, theirs) {
        (_, Value::Error(ours), Value::Error(theirs)) => ours == theirs,
        (Compare::Within(most), Value::Integer(ours), Value::Integer(theirs)) => {
            ours.abs_diff(*theirs) <= most as u64 && (*ours < 0) == (*theirs < 0)
        }
        (Compare::Pending, Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).all(|(ours, theirs)| same_pending(ours, theirs))
        }
        (Compare::Type, _, _) => std::mem::discriminant(ours) == std::mem::discriminant(theirs),
        _ => equal(ours, theirs),
    }
}

/// Equal, but for scores: since 7.2 these have no more digits than they need, 7.0 prints all 17.
pub fn equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| equal(ours, theirs))
        }
        (Value::Double(ours), Value::Double(theirs)) => {
            ours == theirs || is_same_number(ours.as_bytes(), theirs.as_bytes())
        }
        (Value::Bulk(ours), Value::Bulk(theirs)) => ours == theirs || is_same_number(ours, theirs),
        _ => ours == theirs,
    }
}
fn is_same_number(ours: &[u8], theirs: &[u8]) -> bool {
    const LONG: usize = "1.234567890123456".len();
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    theirs.len() >= LONG && ours.contains(&b'.') && number(ours).is_some() && number(ours) == number(theirs)
}

/// One line of XPENDING's list: ID, consumer, idle time in ms, deliveries.
fn same_pending(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == 4 && theirs.len() == 4 => {
            let all = [Compare::Exact, Compare::Exact, Compare::Within(2000), Compare::Exact];
            (0..4).all(|index| same(all[index], &ours[index], &theirs[index]))
        }
        _ => ours == theirs,
    }
}

/// A difference between Redis 7.0.15 and 7.4, of which ours follows the latter.
struct Known {
    command: &'static str,
    #[allow(dead_code, reason = "read by people")]
    reason: &'static str,
    applies: fn(&Value, &Value) -> bool,
    then: Then,
}

fn is_wrong_type(value: &Value) -> bool {
    matches!(value, Value::Error(text) if text.starts_with("WRONGTYPE "))
}
fn is_out_of_range(value: &Value) -> bool {
    matches!(value, Value::Error(text) if text.starts_with("ERR value is out of range"))
}
/// Whether these are the encodings of a sorted set, ours small and theirs large.
pub fn is_made_large(ours: &Value, theirs: &Value) -> bool {
    *ours == Value::bulk("listpack") && *theirs == Value::bulk("skiplist")
}
/// Whether these are encodings, ours and that of 7.0, of which 7.2 made the former from the latter.
pub fn is_new_encoding(ours: &Value, theirs: &Value) -> bool {
    let new = [("listpack", "quicklist"), ("listpack", "hashtable")];
    new.iter().any(|(new, old)| *ours == Value::bulk(new) && *theirs == Value::bulk(old))
}

/// What a known difference means for the rest of its sequence.
#[derive(Clone, Copy, PartialEq)]
pub enum Then {
    /// Nothing: only the replies differ.
    GoOn,
    /// The data may have parted, so that nothing after it can be compared.
    Stop,
}

const KNOWN: &[Known] = &[
    Known {
        command: "BITCOUNT",
        reason: "since 7.2 the arguments are checked before the key",
        applies: |ours, theirs| ours.is_error() && (*theirs == Value::Integer(0) || is_wrong_type(theirs)),
        then: Then::GoOn,
    },
    Known {
        command: "BITPOS",
        reason: "since 7.2 the arguments are checked before the key",
        applies: |ours, theirs| {
            let nothing = [Value::Integer(0), Value::Integer(-1)].contains(theirs);
            ours.is_error() && (nothing || is_wrong_type(theirs))
        },
        then: Then::GoOn,
    },
    Known {
        command: "COMMAND",
        reason: "since 7.2 one word is enough for GETKEYS and GETKEYSANDFLAGS",
        applies: |ours, theirs| {
            let refused = "ERR wrong number of arguments for 'command|getkeys";
            ours.is_error() && matches!(theirs, Value::Error(text) if text.starts_with(refused))
        },
        then: Then::GoOn,
    },
    Known {
        command: "COMMAND",
        reason: "since 8.0 the keys of XREAD are said to be incomplete: an unbalanced list has none",
        applies: |ours, theirs| {
            *ours == Value::Error("ERR Invalid arguments specified for command".into()) && !theirs.is_error()
        },
        then: Then::GoOn,
    },
    Known {
        command: "COMMAND",
        reason: "since 7.2 ZRANK and ZREVRANK take one word more",
        applies: |ours, theirs| {
            !ours.is_error()
                && *theirs == Value::Error("ERR Invalid number of arguments specified for command".into())
        },
        then: Then::GoOn,
    },
    Known {
        command: "COMMAND",
        reason: "since 7.2 SINTERSTORE is said to overwrite its destination",
        applies: |ours, theirs| {
            let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
            let written = |flag: &str| format!("{:?}", Value::Simple(flag.into()));
            ours.replacen(&written("OW"), &written("RW"), 1) == theirs
        },
        then: Then::GoOn,
    },
    Known {
        command: "LREM",
        reason: "since 7.2 the lowest integer, which has no negation, is no count",
        applies: |ours, theirs| is_out_of_range(ours) && (!theirs.is_error() || is_wrong_type(theirs)),
        then: Then::Stop,
    },
    Known {
        command: "LPOS",
        reason: "since 7.2 the lowest integer, which has no negation, is no rank",
        applies: |ours, theirs| is_out_of_range(ours) && *ours != *theirs,
        then: Then::GoOn,
    },
    Known {
        command: "OBJECT",
        reason: "since 7.2 a small list, and a small set, is one listpack",
        applies: is_new_encoding,
        then: Then::GoOn,
    },
    Known {
        command: "OBJECT",
        reason: "for SORT Redis makes a large sorted set of a small one; at the end it is looked at whether one ran",
        applies: is_made_large,
        then: Then::GoOn,
    },
    Known {
        command: "SCAN",
        reason: "since 7.4 a cursor is checked strictly",
        applies: |ours, theirs| *ours == Value::Error("ERR invalid cursor".into()) && !theirs.is_error(),
        then: Then::GoOn,
    },
    Known {
        command: "SSCAN",
        reason: "since 7.4 a cursor is checked strictly, and NOVALUES is known",
        applies: |ours, _| {
            let refused = ["ERR invalid cursor", "ERR NOVALUES option can only be used in HSCAN"];
            refused.iter().any(|refused| *ours == Value::Error((*refused).into()))
        },
        then: Then::GoOn,
    },
    Known {
        command: "XREAD",
        reason: "since 7.4 the ID + stands for the last entry",
        applies: |ours, theirs| {
            let refused = "ERR Invalid stream ID specified as stream command argument";
            *ours != *theirs && *theirs == Value::Error(refused.into())
        },
        then: Then::GoOn,
    },
    Known {
        command: "XSETID",
        reason: "since 7.2 the last ID must stay above all that was deleted, and that is checked first",
        applies: |ours, _| {
            let refused = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
            *ours == Value::Error(refused.into())
        },
        then: Then::Stop,
    },
    Known {
        command: "XINFO",
        reason: "since 7.2 who claims nothing is a consumer, too; since 7.4 the lag is known more often",
        applies: |ours, theirs| !ours.is_error() && !theirs.is_error(),
        then: Then::GoOn,
    },
    Known {
        command: "XGROUP",
        reason: "since 7.2 who claims nothing is a consumer, too: it need not be created",
        applies: |ours, theirs| *ours == Value::Integer(0) && *theirs == Value::Integer(1),
        then: Then::GoOn,
    },
    unbalanced("XREAD"),
    unbalanced("XREADGROUP"),
    endless_timeout("BZPOPMIN"),
    endless_timeout("BZPOPMAX"),
    endless_timeout("BZMPOP"),
    rank_with_score("ZRANK"),
    rank_with_score("ZREVRANK"),
    Known {
        command: "HSCAN",
        reason: "since 7.4 a cursor is checked strictly",
        applies: |ours, _| *ours == Value::Error("ERR invalid cursor".into()),
        then: Then::GoOn,
    },
    behind_the_last_register("PFADD"),
    behind_the_last_register("PFCOUNT"),
    behind_the_last_register("PFDEBUG"),
    behind_the_last_register("PFMERGE"),
];

/// A command that reads streams, called with an odd number of keys and IDs.
const fn unbalanced(command: &'static str) -> Known {
    Known {
        command,
        reason: "since 7.2 this error names the command that was called",
        applies: |ours, theirs| match (ours, theirs) {
            (Value::Error(ours), Value::Error(theirs)) => {
                ours.starts_with("ERR Unbalanced 'xread") && theirs.starts_with("ERR Unbalanced XREAD ")
            }
            _ => false,
        },
        then: Then::GoOn,
    }
}

const fn endless_timeout(command: &'static str) -> Known {
    Known {
        command,
        reason: "since 7.2 a timeout beyond all time is not called negative",
        applies: |ours, theirs| {
            *ours == Value::Error("ERR timeout is out of range".into())
                && *theirs == Value::Error("ERR timeout is negative".into())
        },
        then: Then::GoOn,
    }
}
const fn rank_with_score(command: &'static str) -> Known {
    Known {
        command,
        reason: "since 7.2 another word may follow",
        applies: |_, theirs| matches!(theirs, Value::Error(text) if text.starts_with("ERR wrong number of arguments")),
        then: Then::GoOn,
    }
}

/// A command that merges sparse HyperLogLogs or makes them dense.
const fn behind_the_last_register(command: &'static str) -> Known {
    Known {
        command,
        reason: "since 7.2 values after the last register of a sparse value are not looked at",
        applies: only_theirs_is_corrupted,
        then: Then::Stop,
    }
}

/// Ours may go on to a key that is no HyperLogLog at all.
fn only_theirs_is_corrupted(ours: &Value, theirs: &Value) -> bool {
    let not_one = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    (!ours.is_error() || *ours == Value::Error(not_one.into()))
        && *theirs == Value::Error("INVALIDOBJ Corrupted HLL object detected".into())
}

/// Whether replies to this command may differ in a way that is known.
pub fn is_known(arguments: &[Argument]) -> bool {
    let command = String::from_utf8_lossy(&arguments[0]).to_uppercase();
    KNOWN.iter().any(|known| known.command == command)
}

/// Whether this difference is a listed one, and what follows from it.
pub fn known(arguments: &[Argument], ours: &Value, theirs: &Value) -> Option<Then> {
    let command = String::from_utf8_lossy(&arguments[0]).to_uppercase();
    let found = KNOWN.iter().find(|known| known.command == command && (known.applies)(ours, theirs));
    found.map(|known| known.then)
}
