//! Sessions at the prompt: a line, its reply. A reply is shown as it goes over the wire, line ends as spaces.
use crate::{
    board::{Board, ClientRecord, PauseScope},
    commands::{
        Caller, FailoverPlan, Followed, Office, Outcome, Shutdown, Task,
        args::Context,
        error::CommandError,
        registry::{self, Registry},
        session::Session,
        stage::Stage,
    },
    config::{Config, Master},
    data::quoting::split_args,
    resp::{Protocol, Reply, Request},
    store::Wants,
};
use std::sync::{Arc, Mutex, atomic::Ordering::Relaxed};

/// When all clients connect, in ms since 1970.
const START_MS: i64 = 1_700_000_000_900;

/// A client's connection without a socket: it runs lines as the connection does, in order.
struct Prompt {
    session: Session,
    now_ms: i64,
    pauses: Vec<(PauseScope, i64)>,
}
impl Prompt {
    fn with(config: Config) -> Prompt {
        Prompt::on(&Board::new(config, None, 1, START_MS))
    }
    fn on(board: &Arc<Board>) -> Prompt {
        let id = board.roster.next_id();
        let address = format!("10.0.0.1:{}", 5000 + id);
        let record = ClientRecord::new(id, address, "10.0.0.9:6379".into(), 7, false, START_MS);
        let record = Arc::new(record);
        board.roster.enter(record.clone());
        Prompt { session: Session::new(board.clone(), record), now_ms: START_MS, pauses: Vec::new() }
    }
    fn say(&mut self, line: &str) -> String {
        let words = split_args(line.as_bytes()).expect("quotes are closed");
        let mut reply = Reply::new(self.session.protocol);
        if let Err(error) = self.execute(&Request::from_args(&words), &mut reply) {
            reply.truncate(0);
            reply.error(&error);
        }
        if self.session.mutes_reply() {
            return String::new();
        }
        String::from_utf8_lossy(reply.as_bytes()).replace("\r\n", " ").trim_end_matches(' ').to_string()
    }
    fn execute(&mut self, request: &Request, reply: &mut Reply) -> Outcome {
        let node = Registry::get().resolve(request)?;
        let context = Context {
            databases: 16,
            db: self.session.db,
            string_bytes_max: 1 << 29,
            now_ms: self.now_ms,
            obeyed: false,
        };
        let mut task = registry::parse(node, request, context)?;
        match &mut task {
            Task::Session(task) => task.run_session(&mut self.session, reply),
            Task::Control(task) => task.run_control(self, reply),
            _ => {
                let caller = Caller { protocol: self.session.protocol, ..Caller::default() };
                Stage::new(self.session.board.clone(), 1, Wants::default())
                    .perform(node, &mut task, request, caller, reply);
                Ok(())
            }
        }
    }
    #[track_caller]
    fn check(&mut self, transcript: &[(&str, &str)]) {
        for (line, expected) in transcript {
            assert_eq!(self.say(line), *expected, "{line}");
        }
    }
}
impl Office for Prompt {
    fn client(&self) -> u64 {
        self.session.record.id
    }
    fn configure(&mut self, _: &[(String, Vec<u8>)]) -> Result<(), String> {
        unreachable!("no command here changes the configuration")
    }
    fn rewrite_configuration(&mut self) -> Result<(), String> {
        unreachable!("no command here changes the configuration")
    }
    fn shut_down(&mut self, _: Shutdown) -> Outcome {
        unreachable!("no command here ends the server")
    }
    fn abort_shut_down(&mut self) -> Outcome {
        unreachable!("no command here ends the server")
    }
    fn follow(&mut self, _: Option<Master>) -> Result<Followed, CommandError> {
        unreachable!("no command here is about replication")
    }
    fn fail_over(&mut self, _: &FailoverPlan) -> Outcome {
        unreachable!("no command here is about replication")
    }
    fn abort_failover(&mut self) -> Outcome {
        unreachable!("no command here is about replication")
    }
    fn pause(&mut self, scope: PauseScope, milliseconds: i64) {
        self.pauses.push((scope, milliseconds))
    }
    fn unpause(&mut self) {
        self.pauses.clear()
    }
}

/// Checks what is the same in both protocols.
#[track_caller]
fn check(transcript: &[(&str, &str)]) {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut prompt = Prompt::with(Config::default());
        prompt.session.speak(protocol);
        prompt.check(transcript);
    }
}
fn guarded() -> Config {
    Config { requirepass: Some("sesame".into()), ..Config::default() }
}

const WRONGPASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.";
const NOAUTH: &str = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
                      <proto> AUTH <user> <pass> option can be used to authenticate the client and select the \
                      RESP protocol version at the same time";

#[test]
fn small_talk() {
    check(&[
        ("PING", "+PONG"),
        ("ping hello", "$5 hello"),
        ("PING \"\"", "$0"),
        ("PING a b", "-ERR wrong number of arguments for 'ping' command"),
        ("ECHO \"a b\"", "$3 a b"),
        ("ECHO", "-ERR wrong number of arguments for 'echo' command"),
    ]);
}

#[test]
fn large_messages_stand_in_the_reply_itself() {
    let text = "x".repeat(1 << 16);
    for command in ["PING", "ECHO"] {
        let reply = Prompt::with(Config::default()).say(&format!("{command} {text}"));
        assert!(reply == format!("$65536 {text}"), "{command}");
    }
}

#[test]
fn select_goes_to_existing_databases_only() {
    let mut prompt = Prompt::with(Config::default());
    prompt.check(&[
        ("SELECT 15", "+OK"),
        ("SELECT 16", "-ERR DB index is out of range"),
        ("SELECT -1", "-ERR DB index is out of range"),
        ("SELECT x", "-ERR value is not an integer or out of range"),
        ("SELECT 2147483648", "-ERR value is out of range, value must between -2147483648 and 2147483647"),
    ]);
    assert_eq!((prompt.session.db, prompt.session.record.db.load(Relaxed)), (15, 15));
}

#[test]
fn hello_greets_in_the_protocol_it_agrees_on() {
    let fields = |proto| {
        format!(
            "$6 server $5 redis $7 version $5 7.4.1 $5 proto :{proto} $2 id :1 $4 mode $10 standalone \
             $4 role $6 master $7 modules *0"
        )
    };
    let (resp2, resp3) = (format!("*14 {}", fields(2)), format!("%7 {}", fields(3)));
    let mut prompt = Prompt::with(Config::default());
    prompt.check(&[("HELLO", &resp2), ("HELLO 3", &resp3), ("HELLO", &resp3), ("HELLO 2", &resp2)]);
    assert_eq!(prompt.session.record.protocol.load(Relaxed), 2);
}

#[test]
fn hello_refuses_what_it_does_not_understand() {
    let not_an_integer = "-ERR Protocol version is not an integer or out of range";
    check(&[
        ("HELLO 1", "-NOPROTO unsupported protocol version"),
        ("HELLO 4", "-NOPROTO unsupported protocol version"),
        ("HELLO x", not_an_integer),
        ("HELLO 99999999999999999999", not_an_integer),
        ("HELLO AUTH default x", not_an_integer),
        ("HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'"),
        ("HELLO 3 setname", "-ERR Syntax error in HELLO option 'setname'"),
        ("HELLO 3 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'"),
        (
            "HELLO 3 SETNAME \"a b\"",
            "-ERR Client names cannot contain spaces, newlines or special characters.",
        ),
    ]);
}

#[test]
fn a_failing_hello_leaves_everything_as_it_was() {
    let mut prompt = Prompt::with(guarded());
    prompt.check(&[
        ("HELLO 3", NOAUTH),
        ("HELLO 3 SETNAME a", NOAUTH),
        ("HELLO 3 AUTH default wrong SETNAME a", WRONGPASS),
        ("CLIENT GETNAME", "$-1"),
    ]);
    assert_eq!((prompt.session.protocol, prompt.session.authenticated), (Protocol::Resp2, false));
    // Of each option the last one counts.
    let greeting = prompt.say("HELLO 3 AUTH default wrong SETNAME a AUTH default sesame SETNAME b");
    assert!(greeting.starts_with("%7 "), "{greeting}");
    prompt.check(&[("CLIENT GETNAME", "$1 b")]);
}

#[test]
fn auth_without_a_password_configured() {
    check(&[
        (
            "AUTH x",
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure \
             your configuration is correct?",
        ),
        ("AUTH default anything", "+OK"),
        ("AUTH nobody anything", WRONGPASS),
        ("AUTH a b c", "-ERR syntax error"),
        ("AUTH", "-ERR wrong number of arguments for 'auth' command"),
    ]);
}

#[test]
fn auth_with_a_password_configured() {
    let mut prompt = Prompt::with(guarded());
    assert!(prompt.session.must_authenticate());
    prompt.check(&[
        ("AUTH sesam", WRONGPASS),
        ("AUTH Sesame", WRONGPASS),
        ("AUTH \"\"", WRONGPASS),
        ("AUTH DEFAULT sesame", WRONGPASS),
    ]);
    assert!(prompt.session.must_authenticate());
    prompt.check(&[("AUTH sesame", "+OK"), ("AUTH default wrong", WRONGPASS)]);
    assert!(!prompt.session.must_authenticate(), "a failure leaves one logged in");
}

#[test]
fn nobody_is_asked_for_a_password_that_is_gone() {
    let prompt = Prompt::with(guarded());
    prompt.session.board.config.store(Arc::new(Config::default()));
    assert!(!prompt.session.must_authenticate());
}

#[test]
fn reset_goes_back_to_the_beginning() {
    let mut prompt = Prompt::with(guarded());
    for line in ["AUTH sesame", "HELLO 3 SETNAME me", "SELECT 5", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON"]
    {
        prompt.say(line);
    }
    prompt.check(&[
        ("CLIENT SETINFO LIB-NAME lib", "+OK"),
        ("CLIENT REPLY OFF", ""),
        ("PING", ""),
        ("RESET now", ""),
        ("RESET", "+RESET"),
        ("CLIENT GETNAME", "$-1"),
        ("HELLO 3", NOAUTH),
    ]);
    let info = prompt.say("CLIENT INFO");
    assert!(info.contains(" flags=N db=0 ") && info.contains(" resp=2 lib-name=lib "), "{info}");
}

#[test]
fn whoever_quits_is_answered_and_heard_no_more() {
    let mut prompt = Prompt::with(Config::default());
    prompt.check(&[("QUIT for today", "+OK")]);
    assert!(prompt.session.quits && prompt.session.record.closing.load(Relaxed));
}

#[test]
fn names() {
    let bad = "-ERR Client names cannot contain spaces, newlines or special characters.";
    check(&[
        ("CLIENT ID", ":1"),
        ("CLIENT SETNAME me", "+OK"),
        ("CLIENT SETNAME \"a b\"", bad),
        ("CLIENT SETNAME \"a\\n\"", bad),
        ("CLIENT SETNAME \"\\xc3\\xa9\"", bad),
        ("client getname", "$2 me"),
        ("CLIENT SETINFO LIB-NAME lib", "+OK"),
        ("CLIENT SETINFO lib-ver 1.2", "+OK"),
        (
            "CLIENT SETINFO lib-name \"a b\"",
            "-ERR lib-name cannot contain spaces, newlines or special characters.",
        ),
        ("CLIENT SETINFO FOO bar", "-ERR Unrecognized option 'FOO'"),
        ("CLIENT SETINFO LIB-NAME", "-ERR wrong number of arguments for 'client|setinfo' command"),
        ("CLIENT", "-ERR wrong number of arguments for 'client' command"),
        ("CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP."),
    ]);
}

#[test]
fn an_empty_name_is_none() {
    let mut prompt = Prompt::with(Config::default());
    prompt.check(&[("CLIENT SETNAME a", "+OK"), ("CLIENT SETNAME \"\"", "+OK"), ("CLIENT GETNAME", "$-1")]);
    prompt.session.speak(Protocol::Resp3);
    prompt.check(&[("CLIENT GETNAME", "_")]);
}

#[test]
fn replies_are_left_out_as_asked() {
    check(&[
        ("CLIENT REPLY OFF", ""),
        ("PING", ""),
        ("NOSUCH", ""),
        ("CLIENT REPLY SKIP", ""),
        ("PING", ""),
        ("PING", ""),
        ("CLIENT REPLY ON", "+OK"),
        ("PING", "+PONG"),
        ("CLIENT REPLY SKIP", ""),
        ("PING", ""),
        ("PING", "+PONG"),
        ("CLIENT REPLY SKIP", ""),
        ("CLIENT REPLY SKIP", ""),
        ("NOSUCH", ""),
        ("PING", "+PONG"),
        ("CLIENT REPLY SKIP", ""),
        ("CLIENT REPLY ON", "+OK"),
        ("CLIENT REPLY SKIP", ""),
        ("RESET", ""),
        ("CLIENT REPLY MAYBE", "-ERR syntax error"),
    ]);
}

#[test]
fn modes_are_on_or_off() {
    check(&[
        ("CLIENT NO-EVICT ON", "+OK"),
        ("CLIENT NO-EVICT off", "+OK"),
        ("CLIENT NO-EVICT maybe", "-ERR syntax error"),
        ("CLIENT NO-TOUCH on", "+OK"),
        ("CLIENT NO-TOUCH OFF", "+OK"),
        ("CLIENT NO-TOUCH", "-ERR wrong number of arguments for 'client|no-touch' command"),
        ("CLIENT NO-TOUCH maybe", "-ERR syntax error"),
    ]);
}

#[test]
fn a_line_has_the_fields_of_redis_in_their_order() {
    let mut prompt = Prompt::with(Config::default());
    for line in ["CLIENT SETNAME me", "SELECT 3", "CLIENT SETINFO LIB-NAME lib", "CLIENT NO-TOUCH ON"] {
        prompt.say(line);
    }
    let record = prompt.session.record.clone();
    record.query_buffer_bytes.store(26, Relaxed);
    record.query_buffer_free_bytes.store(100, Relaxed);
    record.argument_bytes.store(10, Relaxed);
    record.output_buffer_bytes.store(5_000, Relaxed);
    record.output_memory_bytes.store(5, Relaxed);
    let index = Registry::get().find_full(b"client|info").map_or(0, |node| node.index);
    record.last_command.store(index + 1, Relaxed);
    prompt.now_ms += 2_000;
    let memory_bytes = size_of::<ClientRecord>() + 141;
    let line = format!(
        "id=1 addr=10.0.0.1:5001 laddr=10.0.0.9:6379 fd=7 name=me age=2 idle=2 flags=T db=3 sub=0 psub=0 ssub=0 \
         multi=-1 watch=0 qbuf=26 qbuf-free=100 argv-mem=10 multi-mem=0 rbs=0 rbp=0 obl=0 oll=1 omem=5 \
         tot-mem={memory_bytes} events=rw cmd=client|info user=default redir=-1 resp=2 lib-name=lib lib-ver=\n"
    );
    assert_eq!(prompt.say("CLIENT INFO"), format!("${} {line}", line.len()));
    assert_eq!(prompt.say("CLIENT LIST"), prompt.say("CLIENT INFO"));
    prompt.session.speak(Protocol::Resp3);
    let line = line.replace("resp=2", "resp=3");
    assert_eq!(prompt.say("CLIENT INFO"), format!("={} txt:{line}", line.len() + 4));
}

#[test]
fn flags_stand_in_the_order_of_redis() {
    let mut prompt = Prompt::with(Config::default());
    let record = prompt.session.record.clone();
    record.patterns.store(1, Relaxed);
    record.queued_commands.store(0, Relaxed);
    for flag in [&record.blocked, &record.closing, &record.no_evict, &record.no_touch] {
        flag.store(true, Relaxed);
    }
    let info = prompt.say("CLIENT INFO");
    assert!(info.contains(" flags=PxbceT ") && info.contains(" multi=0 "), "{info}");
}

/// The ids in a reply of CLIENT LIST.
fn ids(list: &str) -> Vec<u64> {
    let word = |word: &str| word.strip_prefix("id=")?.parse().ok();
    list.split([' ', '\n']).filter_map(word).collect()
}

#[test]
fn lists_are_of_all_of_a_type_or_of_ids() {
    let mut prompts = three();
    prompts[1].session.record.channels.store(1, Relaxed);
    let prompt = &mut prompts[0];
    for (line, expected) in [
        ("CLIENT LIST", &[1, 2, 3][..]),
        ("CLIENT LIST TYPE normal", &[1, 3]),
        ("CLIENT LIST TYPE PUBSUB", &[2]),
        ("CLIENT LIST TYPE replica", &[]),
        ("CLIENT LIST ID 3", &[3]),
        ("CLIENT LIST ID 3 1 99 -1 3", &[3, 1, 3]),
    ] {
        assert_eq!(ids(&prompt.say(line)), expected, "{line}");
    }
    prompt.check(&[
        ("CLIENT LIST TYPE wrong", "-ERR Unknown client type 'wrong'"),
        ("CLIENT LIST ID x", "-ERR Invalid client ID"),
        ("CLIENT LIST ID", "-ERR syntax error"),
        ("CLIENT LIST TYPE normal x", "-ERR syntax error"),
        ("CLIENT LIST FOO", "-ERR syntax error"),
    ]);
}

/// Three clients of one server, with the ids 1 to 3.
fn three() -> [Prompt; 3] {
    let board = Board::new(Config::default(), None, 1, START_MS);
    [(); 3].map(|()| Prompt::on(&board))
}
/// What the first of three clients is answered, whom it kills, and whether it ends itself.
#[track_caller]
fn check_kill(line: &str, reply: &str, killed: &[u64], itself: bool) {
    let mut prompts = three();
    let hung_up = Arc::new(Mutex::new(Vec::new()));
    for Prompt { session, .. } in &prompts {
        let (id, hung_up) = (session.record.id, hung_up.clone());
        session.record.on_kill(move || hung_up.lock().expect("no test panics here").push(id));
    }
    prompts[0].now_ms += 5_000;
    assert_eq!(prompts[0].say(line), reply, "{line}");
    assert_eq!(*hung_up.lock().expect("no test panics here"), killed, "{line}");
    assert_eq!(prompts[0].session.quits, itself, "{line}");
    let present = 3 - killed.len();
    assert_eq!(prompts[0].session.board.roster.len(), present, "{line}: the dead are counted no more");
}

#[test]
fn kill_by_address_as_of_old() {
    check_kill("CLIENT KILL 10.0.0.1:5002", "+OK", &[2], false);
    check_kill("CLIENT KILL 10.0.0.1:5001", "+OK", &[], true);
    check_kill("CLIENT KILL 10.0.0.1:", "-ERR No such client", &[], false);
}

#[test]
fn kill_by_filters() {
    check_kill("CLIENT KILL ID 2", ":1", &[2], false);
    check_kill("CLIENT KILL ID 9", ":0", &[], false);
    check_kill("CLIENT KILL ADDR 10.0.0.1:5003 TYPE normal", ":1", &[3], false);
    check_kill("CLIENT KILL LADDR 10.0.0.9:6379", ":2", &[2, 3], false);
    check_kill("CLIENT KILL USER default SKIPME yes", ":2", &[2, 3], false);
    check_kill("CLIENT KILL TYPE pubsub", ":0", &[], false);
    check_kill("CLIENT KILL MAXAGE 5", ":2", &[2, 3], false);
    check_kill("CLIENT KILL MAXAGE 6", ":0", &[], false);
}

#[test]
fn whoever_kills_itself_is_answered_first() {
    check_kill("CLIENT KILL ID 1", ":0", &[], false);
    check_kill("CLIENT KILL ID 1 SKIPME no", ":1", &[], true);
    check_kill("CLIENT KILL SKIPME NO", ":3", &[2, 3], true);
}

#[test]
fn kill_refuses_bad_filters() {
    check(&[
        ("CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command"),
        ("CLIENT KILL ID 10 wrong", "-ERR syntax error"),
        ("CLIENT KILL WRONG 10", "-ERR syntax error"),
        ("CLIENT KILL ID x", "-ERR client-id should be greater than 0"),
        ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0"),
        ("CLIENT KILL TYPE wrong", "-ERR Unknown client type 'wrong'"),
        ("CLIENT KILL USER wrong", "-ERR No such user 'wrong'"),
        ("CLIENT KILL SKIPME maybe", "-ERR syntax error"),
        ("CLIENT KILL MAXAGE x", "-ERR maxage is not an integer or out of range"),
        ("CLIENT KILL MAXAGE 9999999999999999999", "-ERR maxage is not an integer or out of range"),
        ("CLIENT KILL MAXAGE -1", "-ERR maxage should be greater than 0"),
    ]);
}

#[test]
fn pauses_go_to_the_office() {
    let mut prompt = Prompt::with(Config::default());
    prompt.check(&[
        ("CLIENT PAUSE 100", "+OK"),
        ("CLIENT PAUSE 200 write", "+OK"),
        ("CLIENT PAUSE 0 ALL", "+OK"),
    ]);
    assert_eq!(prompt.pauses, [(PauseScope::All, 100), (PauseScope::Writes, 200), (PauseScope::All, 0)]);
    prompt.check(&[("CLIENT UNPAUSE", "+OK")]);
    assert!(prompt.pauses.is_empty());
}

#[test]
fn pause_refuses_bad_times() {
    check(&[
        ("CLIENT PAUSE abc", "-ERR timeout is not an integer or out of range"),
        ("CLIENT PAUSE -1", "-ERR timeout is negative"),
        ("CLIENT PAUSE 9223372036854775807", "-ERR timeout is out of range"),
        ("CLIENT PAUSE abc maybe", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
        (
            "CLIENT pause 1 ALL x",
            "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.",
        ),
    ]);
}

#[test]
fn nobody_can_be_unblocked() {
    check(&[
        ("CLIENT UNBLOCK 1", ":0"),
        ("CLIENT UNBLOCK 99 ERROR", ":0"),
        ("CLIENT UNBLOCK -1 timeout", ":0"),
        ("CLIENT UNBLOCK x", "-ERR value is not an integer or out of range"),
        ("CLIENT UNBLOCK x why", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
    ]);
}

#[test]
fn help_names_every_subcommand() {
    let help = Prompt::with(Config::default()).say("CLIENT HELP");
    for node in &Registry::get().find(b"client").expect("registered").subcommands {
        assert!(help.contains(&format!("+{}", node.spec().name)), "{}", node.full_name);
    }
    let count: usize = help[1..].split(' ').next().and_then(|count| count.parse().ok()).expect("an array");
    assert_eq!(help.matches('+').count(), count);
}

#[test]
fn errors_have_prefixes_to_branch_on() {
    for (prefix, text) in [("NOPROTO", "HELLO 9"), ("WRONGPASS", "AUTH nobody x"), ("ERR", "SELECT x")] {
        let mut prompt = Prompt::with(Config::default());
        let words = split_args(text.as_bytes()).expect("quotes are closed");
        let outcome = prompt.execute(&Request::from_args(&words), &mut Reply::default());
        assert_eq!(outcome.map_err(|error: CommandError| error.prefix()), Err(prefix.to_string()));
    }
}
