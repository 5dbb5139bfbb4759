//! SCAN's promise, for any course of events: a key that is there from the first call to the last is returned, and one
//! that is not there is not.
use crate::{commands::testing::Prompt, data::glob};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What happens between two calls.
#[derive(Clone, Debug)]
enum Event {
    /// Keys come, so that the table grows.
    Come { first: u32, count: u32 },
    /// Keys go, so that it shrinks.
    Go { first: u32, count: u32 },
    /// Keys get a deadline, and it passes.
    Expire { first: u32, count: u32 },
    /// Keys that stay change: their entries move in memory.
    Rewrite { length: usize },
}
fn events() -> impl Strategy<Value = Vec<Event>> {
    let range = || (0_u32..6_000, 1_u32..1_500);
    let event = prop_oneof![
        3 => range().prop_map(|(first, count)| Event::Come { first, count }),
        3 => range().prop_map(|(first, count)| Event::Go { first, count }),
        1 => range().prop_map(|(first, count)| Event::Expire { first, count: count / 10 + 1 }),
        1 => (0_usize..300).prop_map(|length| Event::Rewrite { length }),
    ];
    prop::collection::vec(event, 0..24)
}

/// What a scan is asked for beside its cursor.
#[derive(Clone, Debug)]
struct Options {
    count: Option<usize>,
    pattern: Option<&'static str>,
    kind: Option<&'static str>,
}
fn options() -> impl Strategy<Value = Options> {
    const PATTERNS: &[&str] =
        &["*", "stays:*", "*7", "stays:1?", "stays:[^1]*", "stays:3", "comes:*", "nothing"];
    const KINDS: &[&str] = &["string", "STRING", "list", "nonsense"];
    let count = prop::option::of(prop_oneof![1_usize..60, 500_usize..100_000]);
    let pattern = prop::option::of(prop::sample::select(PATTERNS));
    let kind = prop::option::weighted(0.3, prop::sample::select(KINDS));
    (count, pattern, kind).prop_map(|(count, pattern, kind)| Options { count, pattern, kind })
}
impl Options {
    fn words(&self, cursor: u64) -> Vec<String> {
        let mut words = vec!["SCAN".to_string(), cursor.to_string()];
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [name.to_string(), value]));
        };
        option("MATCH", self.pattern.map(str::to_string));
        option("COUNT", self.count.map(|count| count.to_string()));
        option("TYPE", self.kind.map(str::to_string));
        words
    }
    fn admit(&self, key: &str) -> bool {
        self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case("string"))
            && self.pattern.is_none_or(|pattern| glob::matches(pattern.as_bytes(), key.as_bytes(), false))
    }
}

/// The stage beside a model: which keys it holds.
struct World {
    prompt: Prompt,
    keys: BTreeSet<String>,
    stays: Vec<String>,
}
impl World {
    fn new(stays: u32) -> World {
        let stays: Vec<String> = (0..stays).map(|n| format!("stays:{n}")).collect();
        let mut world = World { prompt: Prompt::new(), keys: BTreeSet::new(), stays: stays.clone() };
        stays.into_iter().for_each(|key| world.set(key));
        world
    }
    fn set(&mut self, key: String) {
        assert_eq!(self.prompt.answer(&["SET", &key, "1"]), b"+OK\r\n");
        self.keys.insert(key);
    }
    fn happen(&mut self, event: &Event) {
        let named = |first: u32, count: u32| (first..first + count).map(|n| format!("comes:{n}"));
        match *event {
            Event::Come { first, count } => named(first, count).for_each(|key| self.set(key)),
            Event::Go { first, count } => {
                for key in named(first, count) {
                    let gone = self.prompt.answer(&["UNLINK", &key]);
                    assert_eq!(gone, format!(":{}\r\n", self.keys.remove(&key) as u8).as_bytes());
                }
            }
            Event::Expire { first, count } => {
                for key in named(first, count) {
                    self.prompt.answer(&["PEXPIRE", &key, "10"]);
                    self.keys.remove(&key);
                }
                self.prompt.now_ms += 10;
            }
            Event::Rewrite { length } => {
                for key in self.stays.clone() {
                    self.prompt.answer(&["SET", &key, &"x".repeat(length)]);
                }
            }
        }
    }
    /// One call: the next cursor, and the keys.
    fn scan(&mut self, options: &Options, cursor: u64) -> (u64, Vec<String>) {
        let answer = String::from_utf8(self.prompt.answer(&options.words(cursor))).expect("keys are text");
        let mut texts = answer.lines().filter(|line| !line.starts_with(['*', '$']));
        let next = texts.next().and_then(|cursor| cursor.parse().ok()).expect("a cursor");
        (next, texts.map(str::to_string).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_scan_keeps_its_promise(stays in 0_u32..400, before in events(), during in events(), options in options()) {
        let mut world = World::new(stays);
        before.iter().for_each(|event| world.happen(event));
        let (mut seen, mut cursor, mut events) = (Vec::new(), 0, during.iter());
        loop {
            let (next, keys) = world.scan(&options, cursor);
            for key in keys {
                prop_assert!(world.keys.contains(&key), "{key} is not there");
                prop_assert!(options.admit(&key), "{key} was not asked for");
                seen.push(key);
            }
            // A cursor only goes forward, so a scan ends whatever happens meanwhile.
            prop_assert!(next == 0 || next > cursor, "from {cursor} to {next}");
            cursor = next;
            if cursor == 0 {
                break;
            }
            events.next().iter().for_each(|event| world.happen(event));
        }
        let stayed = world.stays.iter().filter(|key| options.admit(key)).count();
        let distinct: BTreeSet<&String> = seen.iter().collect();
        prop_assert_eq!(distinct.iter().filter(|key| key.starts_with("stays:")).count(), stayed);
        // Redis allows a key to come twice. Here each has its place, which a scan passes once.
        prop_assert_eq!(distinct.len(), seen.len());
    }
}
