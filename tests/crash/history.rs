//! What one writer asks for, step by step, and what its keys hold after each step.
//!
//! Each step is one command, whose effect is whole or not there. The data after a crash must be those after some number
//! of steps: how many at least is for the callers to say.
use crate::support::{Client, Value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::RangeInclusive,
};

/// Deadlines lie at the end of the century: nothing expires while a test runs. ms since 1970.
const FAR_MS: u64 = 4_000_000_000_000;

/// One command of a writer. The numbers are those of its steps, so that no value comes twice.
#[derive(Clone, Debug)]
pub enum Step {
    Count,
    Push(u64),
    Move,
    Trim,
    SetField(u64),
    /// Deletes fields by giving them a deadline that is over: one command, an effect for each field.
    ExpireFields,
    SetText(u64, usize),
    SetTextUntil(u64),
    PersistText,
    Append(u64),
    DeleteText,
    Add(u64),
    Pop,
}

impl Step {
    pub fn random(rng: &mut fastrand::Rng, number: u64) -> Step {
        match rng.u32(..32) {
            0..4 => Step::Count,
            4..10 => Step::Push(number),
            10..13 => Step::Move,
            13 => Step::Trim,
            14..18 => Step::SetField(number),
            18..20 => Step::ExpireFields,
            20 => Step::SetText(number, rng.usize(..60_000)),
            21..23 => Step::SetText(number, rng.usize(..60)),
            23 => Step::SetTextUntil(number),
            24 => Step::PersistText,
            25..27 => Step::Append(number),
            27 => Step::DeleteText,
            28..30 => Step::Add(number),
            _ => Step::Pop,
        }
    }
    /// As it is sent. All keys begin with the writer's name.
    pub fn arguments(&self, writer: &str) -> Vec<String> {
        let line = match self {
            Step::Count => "INCR W:count".into(),
            Step::Push(number) => format!("RPUSH W:list {number}"),
            Step::Move => "LMOVE W:list W:moved LEFT RIGHT".into(),
            Step::Trim => "LTRIM W:moved -20 -1".into(),
            Step::SetField(number) => {
                format!("HSET W:hash {} {number} {} {number}", field(*number), field(number + 1))
            }
            Step::ExpireFields => "HGETEX W:hash PXAT 1 FIELDS 3 f0 f1 f2".into(),
            Step::SetText(number, bytes) => format!("SET W:text {}", text(*number, *bytes)),
            Step::SetTextUntil(number) => format!("SET W:text {number}. PXAT {}", FAR_MS + number),
            Step::PersistText => "GETEX W:text PERSIST".into(),
            Step::Append(number) => format!("APPEND W:text {number},"),
            Step::DeleteText => "GETDEL W:text".into(),
            Step::Add(number) => {
                let members: Vec<String> = members(*number).collect();
                format!("SADD W:set {}", members.join(" "))
            }
            Step::Pop => "SPOP W:set 3".into(),
        };
        line.split(' ').map(|word| word.replace("W:", &format!("{writer}:"))).collect()
    }
}

fn field(number: u64) -> String {
    format!("f{}", number % 7)
}
fn text(number: u64, bytes: usize) -> String {
    format!("{number}:{}", "x".repeat(bytes))
}
fn members(number: u64) -> impl Iterator<Item = String> {
    (0..5).map(move |index| format!("{number}-{index}"))
}

/// What the keys of a writer hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    count: i64,
    list: VecDeque<String>,
    moved: VecDeque<String>,
    hash: BTreeMap<String, String>,
    text: Option<String>,
    text_until_ms: Option<u64>,
    /// Members that may be there, for some were popped and nobody was told which.
    set: BTreeSet<String>,
    popped_unseen: usize,
}

impl State {
    /// `reply` is what the server said to it, if it did.
    pub fn apply(&mut self, step: &Step, reply: Option<&Value>) {
        match step {
            Step::Count => self.count += 1,
            Step::Push(number) => self.list.push_back(number.to_string()),
            Step::Move => self.moved.extend(self.list.pop_front()),
            Step::Trim => {
                let surplus = self.moved.len().saturating_sub(20);
                self.moved.drain(..surplus);
            }
            Step::SetField(number) => {
                for name in [field(*number), field(number + 1)] {
                    self.hash.insert(name, number.to_string());
                }
            }
            Step::ExpireFields => self.hash.retain(|name, _| !["f0", "f1", "f2"].contains(&&**name)),
            Step::SetText(number, bytes) => {
                (self.text, self.text_until_ms) = (Some(text(*number, *bytes)), None);
            }
            Step::SetTextUntil(number) => {
                (self.text, self.text_until_ms) = (Some(format!("{number}.")), Some(FAR_MS + number));
            }
            Step::PersistText => self.text_until_ms = None,
            Step::Append(number) => self.text.get_or_insert_default().push_str(&format!("{number},")),
            Step::DeleteText => (self.text, self.text_until_ms) = (None, None),
            Step::Add(number) => self.set.extend(members(*number)),
            Step::Pop => self.pop(reply),
        }
    }
    fn pop(&mut self, reply: Option<&Value>) {
        match reply {
            Some(reply) => reply.items().iter().for_each(|member| {
                assert!(self.set.remove(&member.text()), "{member:?} was popped, and was not there");
            }),
            None => self.popped_unseen = (self.popped_unseen + 3).min(self.set.len()),
        }
    }
    /// Asks a server for it.
    pub fn read(client: &mut Client, writer: &str) -> State {
        let mut call = |line: &str| {
            let words: Vec<String> =
                line.split(' ').map(|word| word.replace("W:", &format!("{writer}:"))).collect();
            let reply = client.call(&words);
            assert!(!reply.is_error(), "{line}: {reply:?}");
            reply
        };
        let texts = |value: Value| value.items().iter().map(Value::text).collect::<Vec<_>>();
        let text = Some(call("GET W:text")).filter(|value| !value.is_null());
        State {
            count: Some(call("GET W:count"))
                .filter(|value| !value.is_null())
                .map_or(0, |value| value.text().parse().expect("a counter")),
            list: texts(call("LRANGE W:list 0 -1")).into(),
            moved: texts(call("LRANGE W:moved 0 -1")).into(),
            hash: texts(call("HGETALL W:hash"))
                .chunks(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .collect(),
            text: text.map(|value| value.text()),
            text_until_ms: u64::try_from(call("PEXPIRETIME W:text").integer()).ok(),
            set: texts(call("SMEMBERS W:set")).into_iter().collect(),
            popped_unseen: 0,
        }
    }
    /// Whether a server that has come so far may hold `found`.
    fn agrees(&self, found: &State) -> bool {
        let State { set, popped_unseen, .. } = self;
        found.count == self.count
            && found.text_until_ms == self.text_until_ms
            && found.list == self.list
            && found.moved == self.moved
            && found.hash == self.hash
            && found.text == self.text
            && found.set.len() + popped_unseen == set.len()
            && found.set.is_subset(set)
    }
    /// What readers may be shown, as they ask for it.
    fn shown(&self) -> [(Question, Option<String>); 4] {
        [
            (Question::Count, (self.count > 0).then(|| self.count.to_string())),
            (Question::Moved, self.moved.back().cloned()),
            (Question::Field, self.hash.get("f5").cloned()),
            (Question::Text, self.text.clone()),
        ]
    }
}

/// What readers ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    Count,
    Moved,
    Field,
    Text,
}
impl Question {
    pub const ALL: [Question; 4] = [Question::Count, Question::Moved, Question::Field, Question::Text];
    pub fn arguments(self, writer: &str) -> Vec<String> {
        let line = match self {
            Question::Count => "GET W:count",
            Question::Moved => "LINDEX W:moved -1",
            Question::Field => "HGET W:hash f5",
            Question::Text => "GET W:text",
        };
        line.split(' ').map(|word| word.replace("W:", &format!("{writer}:"))).collect()
    }
}

/// What a writer asked for since its server started.
#[derive(Default)]
pub struct History {
    pub before: State,
    pub steps: Vec<Step>,
    /// To the first of the steps.
    pub replies: Vec<Value>,
}
impl History {
    /// How many of the steps have been taken where the data are as they were found. None: no number of them leads there.
    /// Among several (a step may change nothing) it is the largest within `bounds`.
    pub fn steps_in(&self, found: &State, bounds: RangeInclusive<usize>) -> Option<usize> {
        let mut state = self.before.clone();
        let mut last = None;
        for number in 0..=self.steps.len() {
            if bounds.contains(&number) && state.agrees(found) {
                last = Some(number);
            }
            if let Some(step) = self.steps.get(number) {
                state.apply(step, self.replies.get(number));
            }
        }
        last
    }
    /// After how many steps each value could be seen first.
    pub fn first_seen(&self) -> HashMap<(Question, String), usize> {
        let mut state = self.before.clone();
        let mut seen = HashMap::new();
        for number in 0..=self.steps.len() {
            for (question, value) in state.shown() {
                seen.entry((question, value.unwrap_or_default())).or_insert(number);
            }
            if let Some(step) = self.steps.get(number) {
                state.apply(step, self.replies.get(number));
            }
        }
        seen
    }
}
