//! Clients that work until their server is gone, and remember what they were told.
use crate::{
    history::{Question, Step},
    support::{Client, Value, client::encode},
};
use std::time::Instant;

/// What a writer has done.
pub struct Written {
    pub steps: Vec<Step>,
    /// To the first of them, and when they came.
    pub replies: Vec<(Value, Instant)>,
}

/// Sends random steps, up to `depth` of them at once, each time when all replies to those before have come.
pub fn write(mut client: Client, writer: &str, mut rng: fastrand::Rng, first: u64, depth: usize) -> Written {
    let mut written = Written { steps: Vec::new(), replies: Vec::new() };
    loop {
        let mut request = Vec::new();
        let count = rng.usize(1..=depth);
        for _ in 0..count {
            let step = Step::random(&mut rng, first + written.steps.len() as u64);
            request.extend(encode(&step.arguments(writer)));
            written.steps.push(step);
        }
        if client.send_raw(&request).is_err() {
            return written;
        }
        for _ in 0..count {
            let Ok(reply) = client.try_receive() else { return written };
            assert!(!reply.is_error(), "{:?}: {reply:?}", written.steps[written.replies.len()]);
            written.replies.push((reply, Instant::now()));
        }
    }
}

/// A value that somebody was shown.
#[derive(Clone, Debug)]
pub struct Seen {
    pub question: Question,
    pub value: String,
    pub at: Instant,
}

/// Asks for what the writer writes; only the last that was seen of each kind, and whatever was new, is kept.
pub fn read(mut client: Client, writer: &str, mut rng: fastrand::Rng) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    loop {
        let question = Question::ALL[rng.usize(..Question::ALL.len())];
        if client.send_raw(&encode(&question.arguments(writer))).is_err() {
            return seen;
        }
        let Ok(reply) = client.try_receive() else { return seen };
        assert!(!reply.is_error(), "{question:?}: {reply:?}");
        let value = if reply.is_null() { String::new() } else { reply.text() };
        let is_new = seen.iter().rev().take(8).all(|old| old.question != question || old.value != value);
        if is_new {
            seen.push(Seen { question, value, at: Instant::now() });
        }
    }
}

/// The time of each reply.
pub type Times = Vec<Instant>;

/// Puts numbers into a queue, one after the other.
pub fn hand_out(mut client: Client, first: usize) -> Times {
    let mut acknowledged = Vec::new();
    loop {
        let number = (first + acknowledged.len()).to_string();
        if client.send_raw(&encode(&["RPUSH", "queue", &number])).is_err() || client.try_receive().is_err() {
            return acknowledged;
        }
        acknowledged.push(Instant::now());
    }
}

/// Waits for numbers in the queue, and moves each to where they are done. Returns what it was shown, in order.
pub fn hand_on(mut client: Client) -> Vec<(usize, Instant)> {
    let mut shown = Vec::new();
    let request = encode(&["BLMOVE", "queue", "done", "LEFT", "RIGHT", "0"]);
    loop {
        if client.send_raw(&request).is_err() {
            return shown;
        }
        let Ok(reply) = client.try_receive() else { return shown };
        shown.push((reply.text().parse().expect("a number of the queue"), Instant::now()));
    }
}

/// Looks at what is done. Returns the largest numbers that it was shown.
pub fn look_on(mut client: Client) -> Vec<(usize, Instant)> {
    let mut shown: Vec<(usize, Instant)> = Vec::new();
    let request = encode(&["LINDEX", "done", "-1"]);
    loop {
        if client.send_raw(&request).is_err() {
            return shown;
        }
        let Ok(reply) = client.try_receive() else { return shown };
        if !reply.is_null() {
            let number = reply.text().parse().expect("a number of the queue");
            if shown.last().is_none_or(|(last, _)| *last != number) {
                shown.push((number, Instant::now()));
            }
        }
    }
}
