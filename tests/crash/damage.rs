//! Files that were cut off, and files in which something else stands than was written.
//!
//! A log that was cut off anywhere gives what was done up to there, each command whole or not at all. Whatever else is
//! wrong with a file ends the start, with the file's name and the exit code 1, and leaves all files as they are.
use crate::{
    history::{History, State, Step},
    number,
    site::Site,
    support::{Client, Value},
};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    ops::Range,
    path::Path,
};

const LOGGED: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];
const INCREMENT: &str = "appendonlydir/appendonly.aof.2.incr.aof";
const BASE: &str = "appendonlydir/appendonly.aof.2.base.rdb";
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";
const WRITER: &str = "w";
/// Places that are tried of each kind of damage; `CRASH_PLACES` may ask for more.
const PLACES: u64 = 12;

fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(number("CRASH_SEED", 1))
}

/// A site whose server has ended: some steps are in its base, and some behind it.
fn written(rng: &mut fastrand::Rng) -> (Site, History) {
    let site = Site::new();
    let server = site.start(&LOGGED);
    let mut client = server.connect();
    let mut history = History::default();
    for number in 0..140 {
        if number == 40 {
            assert!(!client.call(&["BGREWRITEAOF"]).is_error());
            while client.call(&["INFO", "persistence"]).text().contains("aof_rewrite_in_progress:1") {}
            history = History { before: State::read(&mut client, WRITER), ..History::default() };
        }
        let step = match Step::random(rng, number) {
            Step::SetText(number, _) => Step::SetText(number, 30),
            step => step,
        };
        history.replies.push(client.call(&step.arguments(WRITER)));
        history.steps.push(step);
    }
    drop(client);
    server.stop();
    (site, history)
}

/// How many steps there are in what a server has loaded; and it goes on from there.
fn steps_loaded(site: &Site, options: &[&str], history: &History) -> usize {
    let server = site.start(options);
    let mut client = server.connect();
    let found = State::read(&mut client, WRITER);
    let Some(steps) = history.steps_in(&found, 0..=history.steps.len()) else {
        panic!("no number of steps leads to {found:?}");
    };
    assert_eq!(client.call(&["SET", "afterwards", "1"]), Value::ok());
    drop(client);
    server.stop();
    let server = site.start(options);
    let mut client = server.connect();
    assert_eq!(client.call(&["GET", "afterwards"]), Value::bulk("1"));
    assert_eq!(State::read(&mut client, WRITER), found);
    steps
}

fn cut(path: &Path, bytes: u64) {
    OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(bytes)).expect("a file to cut");
}

fn files(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let names = site.names().into_iter().filter(|name| name != "printed");
    names.map(|name| (name.clone(), fs::read(site.path(&name)).expect("a file"))).collect()
}

/// A server does not start here, says why, and touches nothing. Returns what it says.
fn refused(site: &Site, options: &[&str], file: &str) -> String {
    let before = files(site);
    let status = site.try_start(options).err().unwrap_or_else(|| panic!("it started\n{}", site.output()));
    let output = site.output();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains(file.rsplit('/').next().unwrap_or(file)), "{output}");
    assert!(files(site) == before, "a refused start has changed files\n{output}");
    output
}

/// Some places in a range: its ends, and random ones between.
fn places(range: Range<u64>, rng: &mut fastrand::Rng) -> Vec<u64> {
    let count = number("CRASH_PLACES", PLACES);
    if count >= range.end - range.start {
        return range.collect();
    }
    let mut places: Vec<u64> = (2..count).map(|_| rng.u64(range.clone())).collect();
    places.extend([range.start, range.end - 1]);
    places.sort_unstable();
    places
}

#[test]
fn a_log_that_was_cut_off_gives_what_was_done_up_to_there() {
    let rng = &mut rng();
    let (site, history) = written(rng);
    let bytes = fs::metadata(site.path(INCREMENT)).expect("the increment").len();
    assert_eq!(steps_loaded(&site.copy(), &LOGGED, &history), history.steps.len());
    let mut least = 0;
    for place in places(0..bytes, rng) {
        let copy = site.copy();
        cut(&copy.path(INCREMENT), place);
        let steps = steps_loaded(&copy, &LOGGED, &history);
        assert!(least <= steps, "{place} bytes: {steps} steps, fewer than in a shorter file");
        least = steps;
    }
}

#[test]
fn a_log_that_was_cut_off_is_refused_if_that_is_asked_for() {
    let rng = &mut rng();
    let (site, history) = written(rng);
    let bytes = fs::metadata(site.path(INCREMENT)).expect("the increment").len();
    let options = [&LOGGED[..], &["--aof-load-truncated", "no"]].concat();
    for place in places(1..bytes, rng) {
        let copy = site.copy();
        cut(&copy.path(INCREMENT), place);
        match ends_whole(&copy) {
            Some(whole) if whole < place => {
                let output = refused(&copy, &options, INCREMENT);
                assert!(output.contains(&format!("offset {whole}")), "{place}: {output}");
            }
            _ => drop(steps_loaded(&copy, &options, &history)),
        }
    }
}

/// Up to where a server that may cut the increment leaves it; `None`: it does not touch it.
fn ends_whole(site: &Site) -> Option<u64> {
    let copy = site.copy();
    copy.start(&LOGGED).kill();
    let output = copy.output();
    let (_, rest) = output.split_once("incr.aof at offset ")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok())
}

#[test]
fn a_log_is_refused_if_something_else_stands_in_it() {
    let rng = &mut rng();
    let (site, _) = written(rng);
    let whole = fs::read(site.path(INCREMENT)).expect("the increment");
    // In the second half a length that lies could look like a file that was cut off.
    let framing = framing(&whole[..whole.len() / 2]);
    for index in places(0..framing.len() as u64, rng) {
        let (copy, place) = (site.copy(), framing[index as usize]);
        let mut bytes = whole.clone();
        bytes[place] ^= rng.u8(1..);
        fs::write(copy.path(INCREMENT), &bytes).expect("a file to spoil");
        let output = refused(&copy, &LOGGED, INCREMENT);
        let (_, offset) = output.split_once("offset ").unwrap_or_else(|| panic!("no offset: {output}"));
        let offset: usize =
            offset.split(')').next().and_then(|digits| digits.parse().ok()).expect("a number");
        assert!(place.abs_diff(offset) < 200, "{place} was spoiled: {output}");
    }
}

/// Places of the bytes that are no arguments: counts, lengths, line ends.
fn framing(log: &[u8]) -> Vec<usize> {
    let (mut places, mut at) = (Vec::new(), 0);
    while let Some(length) = log[at..].iter().position(|byte| *byte == b'\n') {
        let line = &log[at..at + length + 1];
        places.extend(at..at + line.len());
        at += line.len();
        if line[0] == b'$' {
            let digits = std::str::from_utf8(&line[1..line.len() - 2]).expect("digits");
            at += digits.parse::<usize>().expect("a length");
            places.extend(at..at + 2);
            at += 2;
        }
        if at >= log.len() {
            break;
        }
    }
    places.retain(|place| *place < log.len());
    places
}

#[test]
fn a_snapshot_is_refused_if_anything_is_wrong_with_it() {
    let rng = &mut rng();
    let (site, _) = written(rng);
    let server = site.start(&LOGGED);
    assert_eq!(server.connect().call(&["SAVE"]), Value::ok());
    server.kill();
    for (file, options) in [(BASE, &LOGGED[..]), ("dump.rdb", &["--appendonly", "no"])] {
        let whole = fs::read(site.path(file)).expect("a snapshot");
        for place in places(0..whole.len() as u64, rng) {
            let copy = site.copy();
            let mut bytes = whole.clone();
            bytes[place as usize] ^= rng.u8(1..);
            fs::write(copy.path(file), &bytes).expect("a file to spoil");
            refused(&copy, options, file);
            // A base of which nothing is left is not one that was cut off: it was whole when it got its name.
            fs::write(copy.path(file), &whole[..place as usize]).expect("a file to cut");
            refused(&copy, options, file);
        }
    }
}

#[test]
fn a_manifest_is_refused_if_it_cannot_be_trusted() {
    let (site, _) = written(&mut rng());
    let whole = fs::read_to_string(site.path(MANIFEST)).expect("a manifest");
    let damages = [
        String::new(),
        whole.trim_end().to_string(),
        whole.replace("type b", "type x"),
        whole.replace(" seq 2", ""),
        whole.replace("file app", "file ../app"),
        whole.replace("seq 2 type i", "seq 0 type i"),
        whole.replace("type i", "type b"),
        whole.replace(".2.incr", ".3.incr"),
        whole.replace(".2.base", ".1.base"),
        format!("{whole}file appendonly.aof.1.incr.aof seq 1 type i\n"),
        format!("{whole}\n"),
        format!("{whole}# {}\n{}", "x".repeat(2000), "y".repeat(2000)),
    ];
    for damage in damages {
        let copy = site.copy();
        fs::write(copy.path(MANIFEST), &damage).expect("a file to spoil");
        refused(&copy, &LOGGED, "aof");
    }
    let copy = site.copy();
    fs::remove_file(copy.path(INCREMENT)).expect("an increment");
    refused(&copy, &LOGGED, INCREMENT);
}

/// Copied without it, for example: what they hold would be nowhere else.
#[test]
fn increments_without_a_manifest_are_kept() {
    let (site, history) = written(&mut rng());
    let manifest = fs::read(site.path(MANIFEST)).expect("a manifest");
    fs::remove_file(site.path(MANIFEST)).expect("a manifest");
    // It was killed before that had its name.
    let temporary = MANIFEST.replace("appendonly.aof", "temp-appendonly.aof");
    fs::write(site.path(&temporary), &manifest).expect("a manifest");
    refused(&site, &LOGGED, INCREMENT);
    fs::rename(site.path(&temporary), site.path(MANIFEST)).expect("it is still there");
    assert_eq!(steps_loaded(&site, &LOGGED, &history), history.steps.len());
    // Nothing but what a first start leaves that is killed before it writes its manifest.
    fs::remove_file(site.path(MANIFEST)).expect("a manifest");
    cut(&site.path(INCREMENT), 0);
    let server = site.start(&LOGGED);
    assert_eq!(server.connect().call(&["DBSIZE"]), Value::Integer(0));
}

#[test]
fn only_the_last_part_may_be_cut_off() {
    let (site, history) = written(&mut rng());
    let whole = fs::read(site.path(INCREMENT)).expect("the increment");
    let next = INCREMENT.replace(".2.", ".3.");
    let mut manifest = fs::read_to_string(site.path(MANIFEST)).expect("a manifest");
    manifest += "file appendonly.aof.3.incr.aof seq 3 type i\n";
    fs::write(site.path(MANIFEST), manifest).expect("a manifest");
    let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    fs::write(site.path(&next), select).expect("another increment");
    assert_eq!(steps_loaded(&site.copy(), &LOGGED, &history), history.steps.len());
    cut(&site.path(INCREMENT), whole.len() as u64 - 3);
    refused(&site, &LOGGED, INCREMENT);
    // Nothing was written to the next one yet: it was just made when the disk failed.
    cut(&site.path(&next), 0);
    let steps = steps_loaded(&site, &LOGGED, &history);
    assert!(steps < history.steps.len());
}

/// A command and those that it wakes are logged one by one, as Redis does it: the log may end between them.
#[test]
fn what_a_command_wakes_comes_behind_it() {
    let rng = &mut rng();
    let site = Site::new();
    let increment = INCREMENT.replace(".2.", ".1.");
    let server = site.start(&[&LOGGED[..], &["--appendfsync", "always"]].concat());
    let (mut client, mut mover, mut popper) = (server.connect(), server.connect(), server.connect());
    assert_eq!(client.call(&["SET", "before", "1"]), Value::ok());
    mover.send(&["BLMOVE", "queue", "next", "LEFT", "RIGHT", "0"]);
    popper.send(&["BRPOP", "next", "0"]);
    let waits = |client: &mut Client| client.call(&["INFO", "clients"]).text().contains("blocked_clients:2");
    while !waits(&mut client) {}
    let begins = fs::metadata(site.path(&increment)).expect("the increment").len();
    assert_eq!(client.call(&["RPUSH", "queue", "a", "b"]), Value::Integer(2));
    assert_eq!(mover.receive(), Value::bulk("a"));
    assert_eq!(popper.receive().items()[1], Value::bulk("a"));
    server.kill();
    let ends = fs::metadata(site.path(&increment)).expect("the increment").len();
    let stages = [(vec![], vec![]), (vec!["a", "b"], vec![]), (vec!["b"], vec!["a"]), (vec!["b"], vec![])];
    let mut stage = 0;
    for place in places(begins..ends + 1, rng) {
        let copy = site.copy();
        cut(&copy.path(&increment), place);
        let server = copy.start(&LOGGED);
        let mut client = server.connect();
        let mut list = |key: &str| -> Vec<String> {
            client.call(&["LRANGE", key, "0", "-1"]).items().iter().map(Value::text).collect()
        };
        let (queue, next) = (list("queue"), list("next"));
        while stages[stage]
            != (queue.iter().map(|word| &**word).collect(), next.iter().map(|word| &**word).collect())
        {
            stage += 1;
            assert!(stage < stages.len(), "{place} of {ends} bytes: {queue:?} {next:?}");
        }
        assert_eq!(client.call(&["GET", "before"]), Value::bulk("1"));
    }
    assert_eq!(stage, stages.len() - 1);
}
