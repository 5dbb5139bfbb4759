//! Whether a replica that comes back can go on where it was.
//!
//! It names a history and the first byte that it lacks. The bytes before must be ours: of our history, or of the one
//! before, up to where ours began. And the backlog must still have all from there on.
use super::backlog::Backlog;
use crate::board::History;
use std::fmt;

/// Why it is sent all data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It wants them: it has no history.
    Asked,
    OtherHistory {
        asked: String,
        history: History,
    },
    /// The histories parted before.
    Parted {
        asked: i64,
        second_end: u64,
    },
    NotKept {
        asked: i64,
    },
}
impl fmt::Display for Refusal {
    /// As the log tells it, in the words that operators know from Redis.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        const NOT_ACCEPTED: &str = "Partial resynchronization not accepted";
        match self {
            Refusal::Asked => f.write_str("Full resync requested by replica"),
            Refusal::OtherHistory { asked, history } => write!(
                f,
                "{NOT_ACCEPTED}: Replication ID mismatch (Replica asked for '{asked}', my replication IDs are '{}' \
                 and '{}')",
                history.id,
                history.second_id.clone().unwrap_or_else(|| "0".repeat(40))
            ),
            Refusal::Parted { asked, second_end } => write!(
                f,
                "{NOT_ACCEPTED}: Requested offset for second ID was {asked}, but I can reply up to {second_end}"
            ),
            Refusal::NotKept { asked } => {
                write!(f, "Unable to partial resync for lack of backlog (Replica request was: {asked})")
            }
        }
    }
}

/// From which offset on it can be sent the stream. `first`: the number of the first byte that it lacks, counted from 1.
///
/// # Errors
/// Why it must be sent all data instead.
pub fn resume_at(id: &str, first: i64, history: &History, backlog: Option<&Backlog>) -> Result<u64, Refusal> {
    if !id.eq_ignore_ascii_case(&history.id) {
        let is_second = history.second_id.as_deref().is_some_and(|second| second.eq_ignore_ascii_case(id));
        if id.starts_with('?') {
            return Err(Refusal::Asked);
        }
        if !is_second {
            return Err(Refusal::OtherHistory { asked: id.into(), history: history.clone() });
        }
        if u64::try_from(first).is_ok_and(|first| first > history.second_end) {
            return Err(Refusal::Parted { asked: first, second_end: history.second_end });
        }
    }
    let offset = first.checked_sub(1).and_then(|offset| u64::try_from(offset).ok());
    let kept = offset.filter(|&offset| backlog.is_some_and(|backlog| backlog.has(offset)));
    kept.ok_or(Refusal::NotKept { asked: first })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Gauge;

    #[test]
    fn who_is_sent_what() {
        let mut backlog = Backlog::at(100, &Gauge::default());
        backlog.push(vec![0; 50].into());
        let history = History { id: "aa".into(), second_id: Some("bb".into()), second_end: 121 };
        let not_kept = |asked| Err(Refusal::NotKept { asked });
        let parted = |asked| Err(Refusal::Parted { asked, second_end: 121 });
        let other =
            |asked: &str| Err(Refusal::OtherHistory { asked: asked.into(), history: history.clone() });
        for (id, first, expected) in [
            ("aa", 101, Ok(100)),
            ("AA", 120, Ok(119)),
            ("aa", 151, Ok(150)),
            ("aa", 100, not_kept(100)),
            ("aa", 152, not_kept(152)),
            ("aa", 0, not_kept(0)),
            ("aa", -1, not_kept(-1)),
            ("aa", i64::MIN, not_kept(i64::MIN)),
            ("aa", i64::MAX, not_kept(i64::MAX)),
            ("bb", 101, Ok(100)),
            ("bb", 121, Ok(120)),
            ("bb", 122, parted(122)),
            ("bb", i64::MAX, parted(i64::MAX)),
            ("bb", 100, not_kept(100)),
            ("bb", -1, not_kept(-1)),
            ("cc", 101, other("cc")),
            ("", 101, other("")),
            ("?", -1, Err(Refusal::Asked)),
            ("?", 101, Err(Refusal::Asked)),
        ] {
            assert_eq!(resume_at(id, first, &history, Some(&backlog)), expected, "{id} {first}");
        }
        assert_eq!(resume_at("aa", 101, &history, None), not_kept(101));
    }

    #[test]
    fn without_a_second_history_there_is_only_ours() {
        let history = History { id: "aa".into(), second_id: None, second_end: 0 };
        let refusal = resume_at("0000", 1, &history, Some(&Backlog::at(0, &Gauge::default())));
        assert_eq!(refusal, Err(Refusal::OtherHistory { asked: "0000".into(), history }));
    }
}
