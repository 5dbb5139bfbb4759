//! Sessions at the prompt, on a stage of their own: a command and its reply per line.
//!
//! `+500` lets 500 ms pass, `@1` goes on in database 1. `events:` and `effects:` show what the commands since the last
//! such line told; there, `·` ends a command.
use crate::{
    board::Board,
    commands::{Caller, Task, args::Context, registry, registry::Registry, stage::Stage},
    config::Config,
    data::quoting::split_args,
    resp::{Reply, Request},
    store::{Announcement, Event, EventsWanted, Wants},
};

const NOW_MS: i64 = 1_700_000_000_000;

struct Prompt {
    stage: Stage,
    now_ms: i64,
    caller: Caller,
}
impl Prompt {
    fn new() -> Prompt {
        Prompt::with(Config::default())
    }
    fn with(config: Config) -> Prompt {
        let board = Board::new(config, None, 7, NOW_MS);
        let wants = Wants { effects: true, events: EventsWanted::ALL, touched: true };
        let caller = Caller { touches: true, ..Caller::default() };
        Prompt { stage: Stage::new(board, 7, wants), now_ms: NOW_MS, caller }
    }
    fn run(&mut self, line: &str) -> String {
        let request = Request::from_args(&split_args(line.as_bytes()).unwrap());
        let context = Context {
            databases: self.stage.store.databases().len(),
            db: self.caller.db,
            string_bytes_max: 1 << 29,
            now_ms: self.now_ms,
            obeyed: false,
        };
        let mut reply = Reply::default();
        self.stage.begin(self.now_ms);
        let task = Registry::get()
            .resolve(&request)
            .and_then(|node| registry::parse(node, &request, context).map(|task| (node, task)));
        match task {
            Ok((node, mut task)) => {
                self.stage.perform(node, &mut task, &request, self.caller, &mut reply);
            }
            Err(error) => reply.error(&error),
        }
        show(&mut reply.as_bytes())
    }
    fn events(&mut self) -> String {
        let told = std::mem::take(&mut self.stage.record.announcements);
        let shown = told.iter().filter_map(|announcement| match announcement {
            Announcement::Event { class, name, db, key, .. } if *class != Event::Missed => {
                Some(format!("{name} {}@{db}", String::from_utf8_lossy(key)))
            }
            _ => None,
        });
        shown.collect::<Vec<_>>().join(" · ")
    }
    fn effects(&mut self) -> String {
        let effects = self.stage.record.take_effects();
        let mut rest = &effects[..];
        let mut shown = Vec::new();
        while !rest.is_empty() {
            shown.push(show(&mut rest).trim_matches(['[', ']']).replace(',', ""));
        }
        shown.join(" · ")
    }
    /// Runs a session; see the head of the file.
    fn check(&mut self, session: &str) {
        for line in session.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(ms) = line.strip_prefix('+') {
                self.now_ms += ms.parse::<i64>().unwrap();
            } else if let Some(db) = line.strip_prefix('@') {
                self.caller.db = db.parse().unwrap();
            } else if let Some(expected) = line.strip_prefix("events:") {
                assert_eq!(self.events(), expected.trim(), "{line}");
            } else if let Some(expected) = line.strip_prefix("effects:") {
                assert_eq!(self.effects(), expected.trim(), "{line}");
            } else {
                let (command, expected) = line.split_once(" → ").expect("a command and its reply");
                assert_eq!(self.run(command), expected, "{line}");
            }
        }
    }
}

/// Takes one reply off the front and shows it: statuses, integers and strings bare, errors with their `-`.
fn show(rest: &mut &[u8]) -> String {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
    let head = String::from_utf8_lossy(&rest[1..end]).into_owned();
    let kind = rest[0];
    *rest = &rest[end + 2..];
    match kind {
        b'-' => format!("-{head}"),
        b'$' if head == "-1" => "nil".into(),
        b'$' => {
            let (text, behind) = rest.split_at(head.parse().unwrap());
            *rest = &behind[2..];
            String::from_utf8_lossy(text).into_owned()
        }
        b'*' => {
            let items: Vec<String> = (0..head.parse().unwrap()).map(|_| show(rest)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => head,
    }
}
fn check(session: &str) {
    Prompt::new().check(session)
}

#[test]
fn keys_come_and_go() {
    check(
        "
        MSET a 1 b 2 c 3 → OK
        EXISTS a b x a → 3
        TYPE a → string
        TYPE x → none
        events: new a@0 · set a@0 · new b@0 · set b@0 · new c@0 · set c@0
        effects: SELECT 0 · MSET a 1 b 2 c 3
        DEL a x → 1
        UNLINK b b → 1
        DEL x → 0
        events: del a@0 · del b@0
        effects: SELECT 0 · DEL a x · UNLINK b b
        TOUCH a c → 1
        DBSIZE → 1
        DEL → -ERR wrong number of arguments for 'del' command
        ",
    );
}

#[test]
fn an_expired_key_is_not_deleted_by_a_client() {
    check(
        "
        SET a 1 PX 100 → OK
        events: new a@0 · set a@0 · expire a@0
        effects: SELECT 0 · SET a 1 PXAT 1700000000100
        +100
        DEL a → 0
        events: expired a@0
        effects: SELECT 0 · DEL a
        ",
    );
}

#[test]
fn deadlines_are_told_as_moments() {
    check(
        "
        MSET a 1 b 2 c 3 d 4 → OK
        effects: SELECT 0 · MSET a 1 b 2 c 3 d 4
        EXPIRE a 10 → 1
        PEXPIRE b 10000 → 1
        EXPIREAT c 1700000010 → 1
        PEXPIREAT d 1700000010000 → 1
        EXPIRE x 10 → 0
        effects: SELECT 0 · PEXPIREAT a 1700000010000 · PEXPIREAT b 1700000010000 · PEXPIREAT c 1700000010000 · PEXPIREAT d 1700000010000
        +501
        TTL a → 9
        PTTL a → 9499
        EXPIRETIME a → 1700000010
        PEXPIRETIME a → 1700000010000
        +1
        TTL a → 9
        +-2
        TTL a → 10
        PERSIST a → 1
        PERSIST a → 0
        PERSIST x → 0
        TTL a → -1
        EXPIRETIME a → -1
        TTL x → -2
        PEXPIRETIME x → -2
        effects: SELECT 0 · PERSIST a
        +9500
        TTL b → -2
        EXISTS c d → 0
        effects: SELECT 0 · DEL b · DEL c · DEL d
        DBSIZE → 1
        ",
    );
}

#[test]
fn a_deadline_in_the_past_deletes() {
    for command in ["EXPIRE a 0", "EXPIRE a -1", "PEXPIRE a 0", "EXPIREAT a 1", "PEXPIREAT a 1700000000000"] {
        check(&format!(
            "
            SET a 1 → OK
            events: new a@0 · set a@0
            effects: SELECT 0 · SET a 1
            {command} → 1
            events: del a@0
            effects: SELECT 0 · DEL a
            EXISTS a → 0
            "
        ));
    }
}

#[test]
fn deadlines_are_set_under_conditions() {
    check(
        "
        MSET a 1 b 2 → OK
        EXPIRE a 10 XX → 0
        EXPIRE a 10 GT → 0
        EXPIRE a 10 XX LT → 0
        EXPIRE a 10 LT → 1
        EXPIRE b 10 NX → 1
        EXPIRE b 20 NX → 0
        EXPIRE b 10 gt → 0
        EXPIRE b 10 lt → 0
        EXPIRE b 11 XX GT → 1
        EXPIRE b 9 XX LT → 1
        EXPIRE b -5 GT → 0
        EXPIRE b -5 LT → 1
        EXISTS b → 0
        EXPIRE a 10 NX XX → -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE a 10 GT LT → -ERR GT and LT options at the same time are not compatible
        EXPIRE a 10 NX GT LT → -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE a x GT LT → -ERR GT and LT options at the same time are not compatible
        EXPIRE a 10 EX → -ERR Unsupported option EX
        EXPIRE a x → -ERR value is not an integer or out of range
        ",
    );
}

#[test]
fn a_deadline_must_fit() {
    check(
        "
        SET a 1 → OK
        EXPIRE a 9223372036854775807 → -ERR invalid expire time in 'expire' command
        EXPIRE a -9223372036854775807 → -ERR invalid expire time in 'expire' command
        EXPIREAT a 9223372036854776 → -ERR invalid expire time in 'expireat' command
        PEXPIRE a 9223372036854775807 → -ERR invalid expire time in 'pexpire' command
        EXPIRE x 9223372036854775807 → -ERR invalid expire time in 'expire' command
        PEXPIREAT a 9223372036854775807 → 1
        PEXPIRETIME a → 9223372036854775807
        PEXPIRE a -9223372036854775807 → 1
        EXISTS a → 0
        ",
    );
}

#[test]
fn keys_are_renamed() {
    check(
        "
        SET a 1 PX 5000 → OK
        SET b 2 → OK
        events: new a@0 · set a@0 · expire a@0 · new b@0 · set b@0
        effects: SELECT 0 · SET a 1 PXAT 1700000005000 · SET b 2
        RENAME x y → -ERR no such key
        RENAME a a → OK
        RENAMENX a a → 0
        RENAMENX a b → 0
        effects:
        RENAME a b → OK
        events: new b@0 · rename_from a@0 · rename_to b@0
        effects: SELECT 0 · RENAME a b
        GET b → 1
        PTTL b → 5000
        RENAMENX b c → 1
        KEYS * → [c]
        +5000
        RENAME c d → -ERR no such key
        DBSIZE → 0
        ",
    );
}

#[test]
fn keys_are_copied_with_their_deadlines() {
    check(
        "
        SET a 1 PX 5000 → OK
        effects: SELECT 0 · SET a 1 PXAT 1700000005000
        COPY a b → 1
        COPY a b → 0
        COPY x b → 0
        COPY a a → -ERR source and destination objects are the same
        COPY a a DB 0 → -ERR source and destination objects are the same
        COPY a a DB 16 → -ERR DB index is out of range
        COPY a a DB x → -ERR value is not an integer or out of range
        COPY a a DB 3000000000 → -ERR value is out of range, value must between -2147483648 and 2147483647
        COPY a a DB → -ERR syntax error
        COPY a a DB 1 → 1
        SET a 2 → OK
        COPY a a REPLACE DB 1 → 1
        events: new a@0 · set a@0 · expire a@0 · new b@0 · copy_to b@0 · new a@1 · copy_to a@1 · set a@0 · new a@1 · copy_to a@1
        effects: SELECT 0 · COPY a b · COPY a a DB 1 · SET a 2 · COPY a a REPLACE DB 1
        PTTL b → 5000
        @1
        GET a → 2
        TTL a → -1
        ",
    );
}

#[test]
fn keys_move_between_databases() {
    check(
        "
        SET a 1 PX 5000 → OK
        MOVE a 0 → -ERR source and destination objects are the same
        MOVE a 99 → -ERR DB index is out of range
        MOVE a -1 → -ERR DB index is out of range
        MOVE x 1 → 0
        effects: SELECT 0 · SET a 1 PXAT 1700000005000
        MOVE a 1 → 1
        events: new a@0 · set a@0 · expire a@0 · new a@1 · move_from a@0 · move_to a@1
        effects: SELECT 0 · MOVE a 1
        SET a 2 → OK
        MOVE a 1 → 0
        +5000
        MOVE a 1 → 1
        effects: SELECT 0 · SET a 2 · MULTI · SELECT 1 · DEL a · SELECT 0 · MOVE a 1 · EXEC
        @1
        GET a → 2
        ",
    );
}

#[test]
fn keys_are_told_by_pattern() {
    check(
        "
        MSET one 1 two 2 → OK
        SET gone 3 PX 10 → OK
        +10
        KEYS o* → [one]
        KEYS two → [two]
        KEYS gone → []
        KEYS g* → []
        KEYS x → []
        DBSIZE → 3
        RANDOMKEY x → -ERR wrong number of arguments for 'randomkey' command
        ",
    );
}

#[test]
fn scan_reads_its_options() {
    check(
        "
        SCAN 0 → [0, []]
        SCAN x → -ERR invalid cursor
        SCAN 0x → -ERR invalid cursor
        SCAN '' → -ERR invalid cursor
        SCAN ++0 → -ERR invalid cursor
        SCAN -1 → -ERR invalid cursor
        SCAN 18446744073709551616 → -ERR invalid cursor
        SCAN 18446744073709551615 → [0, []]
        SCAN ' 0' → [0, []]
        SCAN +0 → [0, []]
        SCAN -18446744073709551615 → [0, []]
        SCAN 0 COUNT 0 → -ERR syntax error
        SCAN 0 COUNT -5 → -ERR syntax error
        SCAN 0 COUNT x → -ERR value is not an integer or out of range
        SCAN 0 COUNT → -ERR syntax error
        SCAN 0 BY 5 → -ERR syntax error
        SCAN 0 NOVALUES → -ERR NOVALUES option can only be used in HSCAN
        SET a 1 → OK
        SET gone 1 PX 10 → OK
        +10
        effects: SELECT 0 · SET a 1 · SET gone 1 PXAT 1700000000010
        SCAN 0 COUNT 9223372036854775807 → [0, [a]]
        effects: SELECT 0 · DEL gone
        SCAN 0 TYPE STRING → [0, [a]]
        SCAN 0 TYPE hash → [0, []]
        SCAN 0 TYPE nonsense → [0, []]
        SCAN 0 MATCH * → [0, [a]]
        SCAN 0 MATCH b* → [0, []]
        SCAN 0 MATCH a MATCH b → [0, []]
        ",
    );
}

#[test]
fn scan_comes_by_every_key() {
    let mut prompt = Prompt::new();
    for n in 0..1000 {
        prompt.run(&format!("SET key:{n} {n}"));
    }
    for count in [1, 10, 333] {
        let (mut cursor, mut seen) = (String::from("0"), std::collections::BTreeSet::new());
        loop {
            let answer = prompt.run(&format!("SCAN {cursor} COUNT {count} MATCH key:?*"));
            let (next, keys) = answer[1..].split_once(", ").unwrap();
            seen.extend(keys.trim_matches(['[', ']']).split(", ").map(str::to_string));
            cursor = next.to_string();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 1000, "by steps of {count}");
    }
}

#[test]
fn a_random_key_lives() {
    let mut prompt = Prompt::new();
    assert_eq!(prompt.run("RANDOMKEY"), "nil");
    for n in 0..3000 {
        prompt.run(&format!("SET gone:{n} 1 PX 10"));
    }
    prompt.run("SET stays 1");
    prompt.check(
        "
        +10
        RANDOMKEY → stays
        DEL stays → 1
        RANDOMKEY → nil
        DBSIZE → 0
        ",
    );
}

#[test]
fn objects_tell_how_they_are_held_and_are_not_used_by_that() {
    check(
        "
        SET a 12345 → OK
        SET b text → OK
        OBJECT ENCODING a → int
        OBJECT ENCODING b → embstr
        OBJECT ENCODING x → nil
        OBJECT REFCOUNT b → 1
        +5000
        OBJECT IDLETIME a → 5
        TYPE a → string
        EXISTS a → 1
        TTL a → -1
        OBJECT IDLETIME a → 5
        TOUCH a → 1
        OBJECT IDLETIME a → 0
        OBJECT FREQ x → nil
        OBJECT FREQ a → -ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
        OBJECT → -ERR wrong number of arguments for 'object' command
        OBJECT ENCODING → -ERR wrong number of arguments for 'object|encoding' command
        ",
    );
}

#[test]
fn touch_touches_also_for_clients_that_do_not() {
    let mut prompt = Prompt::new();
    prompt.run("SET a 1");
    prompt.caller.touches = false;
    prompt.check(
        "
        +5000
        GET a → 1
        OBJECT IDLETIME a → 5
        TOUCH a → 1
        OBJECT IDLETIME a → 0
        ",
    );
}

#[test]
fn frequency_is_told_under_an_lfu_policy_only() {
    let mut prompt = Prompt::new();
    let mut config = Config::default();
    config.maxmemory_policy = crate::config::MaxmemoryPolicy::AllKeysLfu;
    prompt.stage.board.config.store(config.into());
    prompt.check(
        "
        SET a 1 → OK
        OBJECT FREQ a → 5
        OBJECT IDLETIME a → -ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
        ",
    );
}

#[test]
fn help_is_answered_by_the_connection() {
    let request = Request::from_args(&["OBJECT", "HELP"]);
    let node = Registry::get().resolve(&request).unwrap();
    let context = Context { databases: 16, db: 0, string_bytes_max: 0, now_ms: 0, obeyed: false };
    assert!(matches!(registry::parse(node, &request, context), Ok(Task::Session(_))));
}

#[test]
fn databases_are_flushed() {
    check(
        "
        SET a 1 PX 5000 → OK
        @1
        SET b 1 PX 5000 → OK
        effects: SELECT 0 · SET a 1 PXAT 1700000005000 · SELECT 1 · SET b 1 PXAT 1700000005000
        FLUSHDB → OK
        FLUSHDB SYNC → OK
        DBSIZE → 0
        effects: SELECT 1 · FLUSHDB · FLUSHDB SYNC
        @0
        DBSIZE → 1
        FLUSHALL ASYNC → OK
        FLUSHALL → OK
        effects: SELECT 0 · FLUSHALL ASYNC · FLUSHALL
        DBSIZE → 0
        FLUSHALL NOW → -ERR syntax error
        FLUSHDB SYNC ASYNC → -ERR syntax error
        ",
    );
}

#[test]
fn a_flush_waits_until_all_is_freed_unless_it_need_not() {
    for (line, waits, waits_if_lazy) in [
        ("FLUSHALL", true, false),
        ("FLUSHALL SYNC", true, true),
        ("FLUSHALL ASYNC", false, false),
        ("FLUSHDB", true, false),
        ("FLUSHDB sync", true, true),
        ("FLUSHDB async", false, false),
    ] {
        for (lazyfree_lazy_user_flush, expected) in [(false, waits), (true, waits_if_lazy)] {
            let mut prompt = Prompt::with(Config { lazyfree_lazy_user_flush, ..Config::default() });
            prompt.run("SET a 1");
            prompt.run(line);
            assert_eq!(prompt.stage.store.awaits_garbage, expected, "{line}");
        }
    }
}

#[test]
fn a_flush_counts_keys_and_leaves_no_deadline() {
    let mut prompt = Prompt::new();
    prompt.run("MSET a 1 b 2");
    prompt.run("SET c 3 PX 50");
    prompt.stage.record.touched.clear();
    prompt.stage.record.interests.add(0, &"a".into());
    prompt.run("FLUSHALL");
    let record = &prompt.stage.record;
    assert_eq!((record.dirty, record.touched.len(), record.upheaval), (3, 1, true));
    assert_eq!(prompt.stage.store.database(0).volatile(), 0);
    assert_eq!(prompt.stage.store.take_garbage().len(), 1);
}

#[test]
fn databases_are_swapped() {
    check(
        "
        SET a 1 → OK
        SWAPDB x 1 → -ERR invalid first DB index
        SWAPDB 0 3000000000 → -ERR invalid second DB index
        SWAPDB 0 16 → -ERR DB index is out of range
        SWAPDB -1 0 → -ERR DB index is out of range
        effects: SELECT 0 · SET a 1
        SWAPDB 0 1 → OK
        SWAPDB 0 0 → OK
        effects: SELECT 0 · SWAPDB 0 1 · SWAPDB 0 0
        GET a → nil
        @1
        GET a → 1
        ",
    );
}

#[test]
fn a_swap_is_a_change_of_every_key_for_clients_of_both() {
    let mut prompt = Prompt::new();
    prompt.run("SET a 1");
    prompt.stage.record.touched.clear();
    for db in [0, 1, 3] {
        prompt.stage.record.interests.add(db, &"a".into());
    }
    prompt.run("SWAPDB 0 3");
    let touched: Vec<usize> = prompt.stage.record.touched.iter().map(|(db, _)| *db).collect();
    assert_eq!(touched, [0, 3]);
    assert_eq!(prompt.stage.record.dirty, 1);
}

#[test]
fn a_large_value_is_shared_or_moved_and_not_copied() {
    let mut prompt = Prompt::new();
    let large = "x".repeat(100_000);
    prompt.run(&format!("SET a {large}"));
    let address = |prompt: &Prompt, key: &[u8]| {
        let entry = prompt.stage.store.database(0).find(key).unwrap();
        entry.text().to_bytes().as_ptr()
    };
    let before = address(&prompt, b"a");
    prompt.run("COPY a b");
    prompt.run("RENAME b c");
    prompt.run("EXPIRE c 100");
    assert_eq!((address(&prompt, b"a"), address(&prompt, b"c")), (before, before));
    prompt.run("APPEND c y");
    prompt.check("STRLEN a → 100000\nSTRLEN c → 100001");
}
