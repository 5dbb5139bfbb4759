//! Sessions of clients that keep what they read: who is told of what.
use crate::{commands::testing::Prompt, config::Config};
use std::sync::atomic::Ordering::Relaxed;

/// Some clients that speak RESP3.
fn clients(config: Config) -> Prompt {
    let mut prompt = Prompt::with(config);
    prompt.stage.record.wants.touched = false;
    for client in 1..=3 {
        prompt.ask_as(client, "DBSIZE");
        let record = prompt.stage.board.roster.get(client).expect("it is there");
        record.protocol.store(3, Relaxed);
    }
    prompt
}
/// What clients are sent, as `client: words`.
fn told(prompt: &mut Prompt) -> Vec<String> {
    prompt.stage.end_tracking();
    let mut told: Vec<String> =
        prompt.stage.pushes.take_all().map(|(client, bytes)| shown(client, &bytes)).collect();
    told.sort();
    told
}
fn shown(client: u64, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text.split("\r\n").filter(|word| !word.starts_with(['$', '>', '*'])).collect();
    format!("{client}: {}", words.join(" ").trim_end())
}

#[test]
fn who_read_a_key_is_told_once() {
    let mut prompt = clients(Config::default());
    prompt.ask_as(1, "CLIENT TRACKING ON");
    prompt.ask_as(2, "CLIENT TRACKING ON NOLOOP");
    for client in [1, 2, 3] {
        prompt.ask_as(client, "MGET a b");
    }
    assert_eq!(prompt.stage.tracking.remembered(), (2, 4));
    prompt.ask_as(2, "MSET a 1 c 1");
    assert_eq!(told(&mut prompt), ["1: invalidate a"]);
    prompt.ask_as(3, "MSET a 2 b 2");
    assert_eq!(told(&mut prompt), ["1: invalidate b", "2: invalidate b"]);
    assert_eq!(prompt.stage.tracking.remembered(), (0, 0));
}

#[test]
fn nothing_is_written_down_while_nobody_tracks() {
    let mut prompt = clients(Config::default());
    let wants = |prompt: &Prompt| prompt.stage.record.wants.touched;
    assert!(!wants(&prompt));
    prompt.ask_as(1, "CLIENT TRACKING ON");
    prompt.ask_as(2, "CLIENT TRACKING ON BCAST");
    prompt.ask_as(1, "GET a");
    prompt.ask_as(1, "CLIENT TRACKING OFF");
    assert!(wants(&prompt));
    prompt.stage.forget(2);
    assert!(!wants(&prompt));
    assert_eq!((prompt.stage.tracking.remembered(), prompt.stage.tracking.prefixes()), ((0, 0), 0));
    prompt.ask_as(3, "SET a 1");
    assert!(prompt.stage.record.touched.is_empty() && told(&mut prompt).is_empty());
}

#[test]
fn broadcasts_are_gathered_and_leave_out_what_the_client_did_last() {
    let mut prompt = clients(Config::default());
    prompt.ask_as(1, "CLIENT TRACKING ON BCAST NOLOOP");
    prompt.ask_as(2, "CLIENT TRACKING ON BCAST PREFIX a PREFIX x");
    prompt.ask_as(3, "MSET a 1 b 1");
    prompt.ask_as(1, "SET b 2");
    prompt.ask_as(1, "SET c 2");
    prompt.ask_as(3, "SET x 1");
    assert_eq!(told(&mut prompt), ["1: invalidate a x", "2: invalidate a invalidate x"]);
    assert!(told(&mut prompt).is_empty());
}

#[test]
fn whole_databases_are_told_of_in_one_word() {
    let mut prompt = clients(Config::default());
    prompt.ask_as(3, "FLUSHALL");
    prompt.ask_as(3, "MSET a 1 b 1");
    prompt.ask_as(1, "CLIENT TRACKING ON");
    prompt.ask_as(2, "CLIENT TRACKING ON BCAST");
    prompt.ask_as(1, "MGET a b");
    assert!(told(&mut prompt).is_empty(), "what was before is not told");
    for line in ["FLUSHDB", "FLUSHALL", "SWAPDB 0 1"] {
        prompt.ask_as(3, line);
        assert_eq!(told(&mut prompt), ["1: invalidate _", "2: invalidate _"], "{line}");
    }
    assert_eq!(prompt.stage.tracking.remembered(), (0, 0));
}

#[test]
fn what_is_due_is_told_of() {
    let mut prompt = clients(Config::default());
    prompt.ask_as(1, "CLIENT TRACKING ON NOLOOP");
    prompt.ask_as(3, "MSET b 1 c 1");
    prompt.ask_as(3, "SET a 1 PX 10");
    prompt.ask_as(1, "GET a");
    prompt.now_ms += 10;
    prompt.ask_as(3, "GET a");
    assert_eq!(told(&mut prompt), ["1: invalidate a"]);
}

#[test]
fn more_keys_are_forgotten_the_more_often_there_are_too_many() {
    let mut prompt = clients(Config { tracking_table_max_keys: 10, ..Config::default() });
    prompt.ask_as(1, "CLIENT TRACKING ON");
    let keys: Vec<String> = (0..250).map(|key| key.to_string()).collect();
    prompt.ask_as(1, &format!("MGET {}", keys.join(" ")));
    for (left, again) in [(150, true), (10, false), (10, false)] {
        assert_eq!(prompt.stage.end_tracking(), again);
        assert_eq!(prompt.stage.tracking.remembered().0, left);
    }
    assert_eq!(told(&mut prompt)[0].matches("invalidate").count(), 240);
}

#[test]
fn redirected_to_a_subscriber_of_resp2() {
    let mut prompt = clients(Config::default());
    prompt.ask_as(1, "CLIENT TRACKING ON REDIRECT 2");
    let other = prompt.stage.board.roster.get(2).expect("it is there");
    other.protocol.store(2, Relaxed);
    for (channels, expected) in [(0, &[][..]), (1, &["2: message __redis__:invalidate a"])] {
        other.channels.store(channels, Relaxed);
        prompt.ask_as(1, "GET a");
        prompt.ask_as(3, "SET a 1");
        assert_eq!(told(&mut prompt), expected);
    }
    prompt.ask_as(1, "GET a");
    prompt.stage.board.roster.leave(2);
    prompt.ask_as(3, "SET a 1");
    assert_eq!(told(&mut prompt), ["1: tracking-redir-broken :2"]);
    assert!(prompt.stage.board.roster.get(1).expect("it is there").tracking.load().is_broken);
}
