//! Scripts against a small driver that knows a handful of commands.
mod memory;
mod places;
mod replies;
mod strings;

use super::*;
use crate::resp::{Protocol, Request};
use std::rc::Rc;

/// An interpreter, and a driver that answers PING, ECHO, LIST, NONE, MAP, SET, DOUBLE, BIG, TEXT, TRUE, ATTRIBUTE, and that
/// fails at FAIL.
pub struct Prompt {
    pub scripts: Scripts,
    pub client: Protocol,
    /// The words of all calls, in order.
    pub calls: Vec<String>,
    pub replicates: Vec<Replicate>,
    pub pauses: usize,
    /// After so many pauses the script is killed.
    pub patience: usize,
    /// So much of what a reply may have is taken already.
    pub replied_bytes: usize,
}

impl Default for Prompt {
    fn default() -> Prompt {
        Prompt {
            scripts: Scripts::default(),
            client: Protocol::Resp2,
            calls: Vec::new(),
            replicates: Vec::new(),
            pauses: 0,
            patience: usize::MAX,
            replied_bytes: 0,
        }
    }
}

fn answer(request: &Request, protocol: Protocol) -> Vec<u8> {
    let words: Vec<&[u8]> = request.iter().collect();
    let in_three = protocol == Protocol::Resp3;
    let text: &[u8] = match words[0] {
        b"ping" => b"+PONG\r\n",
        b"echo" => {
            return [format!("${}\r\n", words[1].len()).as_bytes(), words[1], b"\r\n"].concat();
        }
        b"list" => b"*3\r\n:-7\r\n$2\r\nhi\r\n*0\r\n",
        b"none" if in_three => b"_\r\n",
        b"none" => b"$-1\r\n",
        b"map" if in_three => b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n",
        b"map" => b"*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
        b"set" => b"~1\r\n$1\r\nm\r\n",
        b"double" => b",1.5\r\n",
        b"big" => b"(12345678901234567890\r\n",
        b"text" => b"=7\r\ntxt:abc\r\n",
        b"true" => b"#t\r\n",
        b"attribute" => b"|1\r\n+a\r\n+b\r\n:5\r\n",
        b"fail" => b"-CODE it failed\r\n",
        _ => b"-ERR Unknown Redis command called from script\r\n",
    };
    text.to_vec()
}

impl Prompt {
    fn drive(&mut self, run: &mut Run) -> Outcome {
        let mut reply = Answer::Go;
        loop {
            reply = match run.resume(reply) {
                Step::Done(outcome) => return outcome,
                Step::Wish(Wish::FinishCall) => unreachable!("there is no host that begins a command"),
                Step::Wish(Wish::Pause) => {
                    self.pauses += 1;
                    if self.pauses > self.patience {
                        run.kill();
                    }
                    Answer::Go
                }
                Step::Wish(Wish::MayRun(request)) => Answer::May(match request.get(0) {
                    Some(b"ping") => Some(true),
                    Some(b"fail") => Some(false),
                    _ => None,
                }),
                Step::Wish(Wish::Call(call)) => {
                    let words: Vec<_> = call.request.iter().map(String::from_utf8_lossy).collect();
                    self.calls.push(words.join(" "));
                    self.replicates.push(call.replicate);
                    let mut buffer = run.take_buffer();
                    buffer.extend(answer(&call.request, call.protocol));
                    Answer::Reply(buffer)
                }
            };
        }
    }
    pub fn outcome(&mut self, body: &str, keys: &[&str], arguments: &[&str]) -> Outcome {
        let script = match self.scripts.load(body.as_bytes(), Keep::WhileUsed) {
            Ok((_, script)) => script,
            Err(error) => {
                let mut reply = crate::resp::Reply::new(self.client);
                reply.error(&error);
                return Outcome { reply, failure: None, raised: false };
            }
        };
        let name: Rc<str> = "SHA".into();
        let keys = keys.iter().map(|key| key.as_bytes());
        let arguments = arguments.iter().map(|argument| argument.as_bytes());
        let started = self.scripts.engine.start(&script.function, &name, keys, arguments, self.client);
        let mut run = started.unwrap();
        run.shorten_reply(self.replied_bytes);
        let outcome = self.drive(&mut run);
        self.scripts.engine.end(run);
        outcome
    }
    /// The reply, with spaces for its line breaks.
    pub fn eval(&mut self, body: &str) -> String {
        let outcome = self.outcome(body, &[], &[]);
        String::from_utf8_lossy(outcome.reply.as_bytes()).replace("\r\n", " ").trim_end().to_string()
    }
}

fn check(cases: &[(&str, &str)]) {
    let mut prompt = Prompt::default();
    let mut wrong = Vec::new();
    for (body, expected) in cases {
        let found = prompt.eval(body);
        if found != *expected {
            wrong.push(format!("{body}\n   found {found}\nexpected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn values_become_replies() {
    check(&[
        ("return 3.99", ":3"),
        ("return -0.9", ":0"),
        ("return 0/0", ":-9223372036854775808"),
        ("return 1/0", ":-9223372036854775808"),
        ("return 1e18", ":1000000000000000000"),
        ("return 'text'", "$4 text"),
        ("return true", ":1"),
        ("return false", "$-1"),
        ("return nil", "$-1"),
        ("return function() end", "$-1"),
        ("return {1,{2,{3,'a'}},false,true,nil,9}", "*4 :1 *2 :2 *2 :3 $1 a $-1 :1"),
        ("return {1,2,nil,4}", "*2 :1 :2"),
        ("return {}", "*0"),
        ("return {err='CODE x', a=1}", "-CODE x"),
        ("return {err='a\\nb'}", "-a b"),
        ("return {ok='a\\r\\nb'}", "+a  b"),
        ("return {ok='fine', err='bad'}", "-bad"),
        ("return {ok=5}", "*0"),
        ("return {double=3.5}", "$3 3.5"),
        ("return {map={a=1}}", "*2 $1 a :1"),
        ("return {set={a=true}}", "*1 $1 a"),
        ("return {big_number='12\\r\\n3'}", "$5 12  3"),
        ("return {verbatim_string={format='txt',string='abc'}}", "$3 abc"),
    ]);
}

#[test]
fn values_become_replies_of_the_clients_protocol() {
    let mut prompt = Prompt { client: Protocol::Resp3, ..Prompt::default() };
    for (body, expected) in [
        ("return true", ":1"),
        ("return false", "_"),
        ("redis.setresp(3) return {true, false}", "*2 #t #f"),
        ("return {double=3.5}", ",3.5"),
        ("return {map={a=1}}", "%1 $1 a :1"),
        ("return {set={a=true}}", "~1 $1 a"),
        ("return {big_number='123'}", "(123"),
        ("return {verbatim_string={format='toolong',string='abc'}}", "=7 too:abc"),
        ("return {verbatim_string={format='x',string='abc'}}", "=7 x  :abc"),
    ] {
        assert_eq!(prompt.eval(body), expected, "{body}");
    }
}

#[test]
fn replies_become_values() {
    check(&[
        ("return redis.call('ping').ok", "$4 PONG"),
        ("return redis.call('echo', 'x')", "$1 x"),
        ("return redis.call('list')", "*3 :-7 $2 hi *0"),
        ("return {redis.call('none') == false, redis.call('map')[2]}", "*2 :1 $1 v"),
        ("redis.setresp(3) return {redis.call('none') == nil, redis.call('map').map.f}", "*2 :1 $1 v"),
        ("return redis.call('set').set.m", ":1"),
        ("return {redis.call('double').double == 1.5, redis.call('double')}", "*2 :1 $3 1.5"),
        ("return redis.call('big').big_number", "$20 12345678901234567890"),
        ("local t = redis.call('text').verbatim_string return {t.format, t.string}", "*2 $3 txt $3 abc"),
        ("return {redis.call('true') == true, redis.call('attribute')}", "*2 :1 :5"),
        (
            "local e = redis.pcall('fail') return {e.err, e.ignore_error_stats_update}",
            "*2 $14 CODE it failed :1",
        ),
        ("return redis.pcall('fail')", "-CODE it failed"),
        ("return redis.pcall('nope')", "-ERR Unknown Redis command called from script"),
    ]);
}

#[test]
fn arguments_of_calls_are_words() {
    let mut prompt = Prompt::default();
    prompt.eval("redis.pcall('a', 1, 1.5, 1e20, 0.1+0.2, -0, 2^53, 1e15, 'b')");
    assert_eq!(prompt.calls, ["a 1 1.5 1e+20 0.30000000000000004 0 9007199254740992 1000000000000000 b"]);
    for (body, error) in [
        ("return redis.pcall()", "-ERR Please specify at least one argument for this redis lib call"),
        ("return redis.pcall('a', {})", "-ERR Lua redis lib command arguments must be strings or integers"),
        ("return redis.pcall('a', nil)", "-ERR Lua redis lib command arguments must be strings or integers"),
        ("return redis.pcall(true)", "-ERR Lua redis lib command arguments must be strings or integers"),
    ] {
        assert_eq!(prompt.eval(body), error);
    }
    assert_eq!(prompt.calls.len(), 1);
}

#[test]
fn errors_say_where() {
    let at = |line: u32| format!(" script: SHA, on @user_script:{line}.");
    let cases = [
        ("error('x')", "-ERR user_script:1: x"),
        ("error({err='FOO x'})", "-FOO x"),
        ("error()", "-ERR nil"),
        ("error(true)", "-ERR true"),
        ("error({err=1})", "-1"),
        ("error('msg', 0)", "-ERR msg"),
        ("error('msg', 2)", "-ERR msg"),
        ("local function h() error('deep') end h()", "-ERR user_script:1: deep"),
        ("local t=nil; t.x=1", "-ERR user_script:1: attempt to index local 't' (a nil value)"),
        ("local function f() return f()+1 end return f()", "-ERR user_script:1: stack overflow"),
        ("return redis.call()", "-ERR Please specify at least one argument for this redis lib call"),
        ("return redis.call('fail')", "-CODE it failed"),
        ("return redis.call('nope')", "-ERR Unknown Redis command called from script"),
        ("return redis.sha1hex()", "-ERR wrong number of arguments"),
        ("return redis.log(1)", "-ERR redis.log() requires two arguments or more."),
        ("return redis.log('x', 'y')", "-ERR First argument must be a number (log level)."),
        ("return redis.log(9, 'y')", "-ERR Invalid log level."),
        ("return redis.setresp(4)", "-ERR RESP version must be 2 or 3."),
        ("return redis.setresp()", "-ERR redis.setresp() requires one argument."),
        ("return redis.set_repl()", "-ERR redis.set_repl() requires one argument."),
        (
            "return redis.set_repl(9)",
            "-ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ),
        ("return redis.acl_check_cmd('nope')", "-ERR Invalid command passed to redis.acl_check_cmd()"),
        ("return redis.acl_check_cmd()", "-ERR Please specify at least one argument for this redis lib call"),
        ("return string.find('a', string.rep('(', 40))", "-ERR user_script:1: too many captures"),
        (
            "return string.format('%d %s', 3.7, {})",
            "-ERR user_script:1: bad argument #3 to 'format' (string expected, got table)",
        ),
        ("table.insert(nil, 1)", "-ERR user_script:1: bad argument #1 to 'insert' (table expected, got nil)"),
        ("coroutine.wrap(function() error('in co') end)()", "-ERR user_script:1: user_script:1: in co"),
    ];
    let cases: Vec<_> = cases.iter().map(|(body, error)| (*body, error.to_string() + &at(1))).collect();
    check(&cases.iter().map(|(body, error)| (*body, error.as_str())).collect::<Vec<_>>());
    let third = format!("-ERR user_script:3: x{}", at(3));
    check(&[
        ("\n\nerror('x')", third.as_str()),
        ("#!lua\n\nerror('x')", third.as_str()),
        ("x x", "-ERR Error compiling script (new function): user_script:1: '=' expected near 'x'"),
        ("error({a=1})", &format!("-ERR unknown error{}", at(1))),
    ]);
}

#[test]
fn errors_that_are_caught_are_texts() {
    check(&[
        ("return {pcall(error)}", "*1 $-1"),
        ("return {pcall(error, {err='zz'})}", "*2 $-1 $2 zz"),
        ("return {pcall(redis.call, 'nope')}", "*2 $-1 $44 ERR Unknown Redis command called from script"),
        ("local ok, e = pcall(function() error({a=1}) end) return e.a", ":1"),
        ("return {pcall(function() return 1, nil, 3 end)}", "*2 :1 :1"),
        ("return select('#', pcall(function() return 1, nil, 3 end))", ":4"),
        (
            "return {xpcall(function() error('a') end, function(e) return e end)}",
            "*2 $-1 $16 user_script:1: a",
        ),
        (
            "local co = coroutine.create(function() redis.call('nope') end)
             local ok, e = coroutine.resume(co) return {ok, e}",
            "*2 $-1 -ERR Unknown Redis command called from script",
        ),
        (
            "local co = coroutine.wrap(function() coroutine.yield(redis.call('ping')) return 2 end)
             return {co(), co()}",
            "*2 +PONG :2",
        ),
    ]);
}

#[test]
fn the_functions_of_redis() {
    check(&[
        ("return redis.error_reply('hi')", "-ERR hi"),
        ("return redis.error_reply('-MY hi')", "-MY hi"),
        ("return redis.error_reply('My Err')", "-My Err"),
        ("return redis.error_reply()", "-ERR wrong number or type of arguments"),
        ("return redis.error_reply(1)", "-ERR wrong number or type of arguments"),
        ("return redis.status_reply('FINE')", "+FINE"),
        ("return redis.status_reply(1)", "-ERR wrong number or type of arguments"),
        ("return redis.sha1hex('')", "$40 da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("return redis.sha1hex(12)", "$40 7b52009b64fd0a2a49e6d8a939753077792b0554"),
        ("return {redis.REDIS_VERSION, redis.REDIS_VERSION_NUM}", "*2 $5 7.4.1 :459777"),
        ("return {redis.LOG_DEBUG, redis.LOG_WARNING}", "*2 :0 :3"),
        (
            "return {redis.REPL_ALL, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_NONE}",
            "*5 :3 :1 :2 :2 :0",
        ),
        ("return {redis.breakpoint(), redis.replicate_commands(), redis.debug('x')}", "*2 $-1 :1"),
        ("return redis.foo", "$-1"),
        ("return {redis.acl_check_cmd('ping'), redis.acl_check_cmd('fail')}", "*2 :1 $-1"),
        (
            "local t = {} for k in pairs(redis) do t[#t+1] = k end table.sort(t) return table.concat(t, ' ')",
            "$243 LOG_DEBUG LOG_NOTICE LOG_VERBOSE LOG_WARNING REDIS_VERSION REDIS_VERSION_NUM REPL_ALL REPL_AOF \
             REPL_NONE REPL_REPLICA REPL_SLAVE acl_check_cmd breakpoint call debug error_reply log pcall \
             replicate_commands set_repl setresp sha1hex status_reply",
        ),
    ]);
    let mut prompt = Prompt::default();
    prompt.eval("redis.call('ping') redis.set_repl(redis.REPL_AOF) redis.call('ping')");
    prompt.eval("redis.call('ping')");
    let log = Replicate { to_log: true, to_replicas: false };
    assert_eq!(prompt.replicates, [Replicate::ALL, log, Replicate::ALL]);
}

#[test]
fn what_scripts_share_is_read_only() {
    let refused = "Attempt to modify a readonly table";
    let mut prompt = Prompt::default();
    for body in [
        "x = 1",
        "_G.x = 1",
        "_G = {}",
        "KEYS = 1",
        "redis = 1",
        "redis.call = 1",
        "string.len = 1",
        "math.pi = 3",
        "os.clock = 1",
        "coroutine.wrap = 1",
        "rawset(_G, 'x', 1)",
        "rawset(string, 'x', 1)",
        "setmetatable(_G, {})",
        "setmetatable(redis, {})",
        "getmetatable(_G).__index = 1",
        "getmetatable('').__index = 1",
        "getmetatable('').__add = function() end",
        "getmetatable('').__index.len = 1",
        "table.insert(redis, 1)",
        "setfenv(0, {})",
        "setfenv('0', {})",
        "local _, s = pairs(redis) s.call = 1",
        "local real = getfenv(redis.call) real.redis = 1",
        "local real = getfenv(pairs) real.redis = 1",
        "for k, v in pairs(_G) do if k == '_G' then v.x = 1 end end",
    ] {
        let found = prompt.eval(body);
        assert!(found.contains(refused), "{body}: {found}");
    }
    let unchanged = "return {redis.call('ping'), ('x'):len(), rawget(_G, 'x'), #redis}";
    assert_eq!(prompt.eval(unchanged), "*2 +PONG :1");
}

#[test]
fn what_is_not_there_says_so() {
    let mut prompt = Prompt::default();
    for name in
        ["foo", "print", "dofile", "loadfile", "require", "module", "package", "io", "debug", "newproxy"]
    {
        let found = prompt.eval(&format!("return {name}"));
        let text = format!("user_script:1: Script attempted to access nonexistent global variable '{name}'");
        assert!(found.contains(&text), "{found}");
    }
    check(&[
        ("local s = '' for k in pairs(os) do s = s..k end return s", "$5 clock"),
        ("return rawget(_G, 'nosuch')", "$-1"),
        ("return {getfenv(0) == _G, getfenv() == _G, next(_G) ~= nil}", "*3 :1 :1 :1"),
        ("return type(os.clock())", "$6 number"),
        (
            "local t = {} for k in pairs(_G) do t[#t+1] = k end table.sort(t) return table.concat(t, ' ', 1, 9)",
            "$62 ARGV KEYS _G _VERSION assert bit cjson cmsgpack collectgarbage",
        ),
    ]);
}

#[test]
fn compiled_code_is_not_taken() {
    let mut prompt = Prompt::default();
    for load in ["loadstring(code)", "load(function() local c = code code = nil return c end)"] {
        let body = format!(
            "local code = string.dump(function() return 1 end) local f, e = {load} return {{f == nil, e}}"
        );
        let found = prompt.eval(&body);
        assert!(found.starts_with("*2 :1") && found.contains("unexpected symbol near 'char(27)'"), "{found}");
    }
    assert!(prompt.eval("\x1bLua").starts_with("-ERR Error compiling script"));
    check(&[
        ("return loadstring('return 1')()", ":1"),
        ("local n = 0 return load(function() n = n + 1 return n == 1 and 'return 5' or nil end)()", ":5"),
        ("return {loadstring('x x', 'name')}", "*0"),
        ("return {select(2, loadstring('x x', '@name'))}", "*1 $29 name:1: '=' expected near 'x'"),
    ]);
}

#[test]
fn keys_and_arguments_are_globals() {
    let mut prompt = Prompt::default();
    let outcome = prompt.outcome("return {KEYS[1], KEYS[2], ARGV[1], #KEYS, #ARGV}", &["a", "b"], &["c"]);
    assert_eq!(outcome.reply.as_bytes(), b"*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n:2\r\n:1\r\n");
    assert_eq!(prompt.eval("return {#KEYS, #ARGV}"), "*2 :0 :0");
    assert_eq!(prompt.eval("KEYS[1] = 'a' return KEYS[1]"), "$1 a");
}

#[test]
fn random_numbers_come_in_a_known_order() {
    check(&[
        ("return {math.random(1, 100000), math.random(1, 100000)}", "*2 :39647 :84049"),
        (
            "math.randomseed(5) return {math.random(1,100000), math.random(10), tostring(math.random())}",
            "*3 :52484 :3 $15 0.7885994686692",
        ),
        ("math.randomseed(5.7) return math.random(1,100000)", ":52484"),
    ]);
    let mut prompt = Prompt::default();
    assert!(prompt.eval("return math.random(0)").contains("bad argument #1 to 'random' (interval is empty)"));
    assert!(prompt.eval("return math.random({})").contains("bad argument #1 to 'random' (number expected"));
}

#[test]
fn a_runaway_script_ends_and_the_next_works() {
    let mut prompt = Prompt::default();
    for (body, part) in [
        ("return unpack({}, 1, 1e8)", "too many results to unpack"),
        ("return #string.rep('x', 2^31 - 1)", "not enough memory"),
        ("local t = {} while true do t[#t+1] = string.rep('x', 1e7) .. #t end", "not enough memory"),
        ("local s = 'x' while true do s = s .. s end", "not enough memory"),
        ("local f f = function(x) return string.gsub('x', 'x', f) end return f()", "stack overflow"),
        (
            "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
            "stack overflow",
        ),
        ("return loadstring('return ' .. string.rep('(', 1000) .. '1' .. string.rep(')', 1000))()", ""),
        ("return tostring(setmetatable({}, {__tostring = function() error('x') end}))", "user_script:1: x"),
        ("return select(-1)", "bad argument #1 to 'select'"),
        ("collectgarbage('stop') collectgarbage('setpause', 1e9)", ""),
    ] {
        let found = prompt.eval(body);
        assert!(found.contains(part), "{body}: {}", &found[..found.len().min(300)]);
        assert_eq!(prompt.eval("return redis.call('ping')"), "+PONG", "after {body}");
    }
}

#[test]
fn a_table_without_end_is_returned_as_far_as_it_goes() {
    let mut prompt = Prompt::default();
    for body in ["local a = {} local b = {a} a[1] = b return a", "local m = {} m.map = {x = m} return m"] {
        let reply = prompt.eval(body);
        assert!(reply.contains("-ERR reached lua stack limit"), "{}", &reply[..100]);
    }
    assert_eq!(prompt.eval("return 1"), ":1");
    assert_eq!(prompt.eval("local t = {} for i = 1, 1e6 do t[i] = i end return t").len(), 7_888_904);
}

#[test]
fn a_killed_script_cannot_catch_that() {
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local co = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) co()",
        "xpcall(function() while true do end end, function() while true do end end)",
        "local function f() while true do end end for i = 1, 1e9 do pcall(pcall, f) end",
        "table.sort({1,2,3,4}, function() while true do end end)",
    ] {
        let mut prompt = Prompt { patience: 3, ..Prompt::default() };
        let found = prompt.eval(body);
        assert!(
            found.contains("Script killed by user with SCRIPT KILL... script: SHA, on @user_script:1."),
            "{body}: {found}"
        );
        assert!(prompt.pauses < 20, "{body}: {}", prompt.pauses);
        let before = std::mem::replace(&mut prompt.pauses, 0);
        prompt.patience = usize::MAX;
        assert_eq!(prompt.eval("for i = 1, 1e6 do end return 1"), ":1", "after {body}");
        assert!(prompt.pauses < 100, "{body}: slices are as long as before ({before})");
    }
}

#[test]
fn a_script_that_is_given_up_leaves_the_engine_usable() {
    let mut prompt = Prompt::default();
    let (_, script) = prompt.scripts.load(b"while true do end", Keep::Always).unwrap();
    let nothing = || std::iter::empty::<&[u8]>();
    let name: Rc<str> = "x".into();
    let started = prompt.scripts.engine.start(&script.function, &name, nothing(), nothing(), Protocol::Resp2);
    let mut run = started.unwrap();
    assert!(matches!(run.resume(Answer::Go), Step::Wish(Wish::Pause)));
    drop(run);
}

#[test]
fn scripts_are_kept_by_their_sum() {
    let mut scripts = Scripts::default();
    let (sha, script) = scripts.load(b"return 1", Keep::Always).unwrap();
    assert_eq!(&*script.name, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    assert_eq!(Scripts::parse_sha(b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), Some(sha));
    assert_eq!(Scripts::parse_sha(b"e0e1"), None);
    assert_eq!(Scripts::parse_sha(&[b'g'; 40]), None);
    assert!(scripts.load(b"x x", Keep::Always).is_err());
    for number in 0..600 {
        scripts.load(format!("return {number} + 0").as_bytes(), Keep::WhileUsed).unwrap();
        // This one is used all the time.
        scripts.load(b"return 'often'", Keep::WhileUsed).unwrap();
    }
    assert_eq!((scripts.len(), scripts.take_evicted(), scripts.take_evicted()), (501, 101, 0));
    let kept = |body: &str| scripts.contains(&Scripts::sha_of(body.as_bytes()));
    assert!(kept("return 1") && kept("return 'often'") && kept("return 599 + 0") && !kept("return 100 + 0"));
}

const LIBRARY: &str = "#!lua name=lib
redis.register_function('one', function(keys, arguments) return {keys[1], arguments[1], #arguments} end)
redis.register_function{
    function_name = 'Two', description = 'calls', flags = {'no-writes', 'ALLOW-STALE'},
    callback = function() return redis.call('ping') end,
}
redis.register_function('who', function() return nosuch end)
redis.register_function('late', function() return redis.register_function('x', function() end) end)";

fn call(libraries: &mut Libraries, name: &str) -> String {
    let function = libraries.function(name.as_bytes()).unwrap();
    let [key, argument] = [&b"k"[..], b"a"].map(std::iter::once);
    let started = libraries.engine.start(&function.callback, &function.name, key, argument, Protocol::Resp2);
    let mut run = started.unwrap();
    let mut reply = Answer::Go;
    let outcome = loop {
        reply = match run.resume(reply) {
            Step::Done(outcome) => break outcome,
            Step::Wish(Wish::Call(call)) => Answer::Reply(answer(&call.request, call.protocol)),
            Step::Wish(_) => Answer::Go,
        };
    };
    libraries.engine.end(run);
    String::from_utf8_lossy(outcome.reply.as_bytes()).replace("\r\n", " ").trim_end().to_string()
}

#[test]
fn a_library_registers_functions() {
    let mut libraries = Libraries::default();
    let source = bytes::Bytes::from_static(LIBRARY.as_bytes());
    assert_eq!(libraries.load(&source, false, None).unwrap(), "lib");
    assert_eq!((libraries.len(), libraries.function_count()), (1, 4));
    assert_eq!(call(&mut libraries, "ONE"), "*3 $1 k $1 a :1");
    assert_eq!(call(&mut libraries, "two"), "+PONG");
    let absent = "attempted to access nonexistent global variable 'nosuch' script: who, on @user_function:7.";
    assert!(call(&mut libraries, "who").ends_with(absent));
    assert!(call(&mut libraries, "late").contains("attempt to call field 'register_function' (a nil value)"));
    let two = libraries.function(b"TWO").unwrap();
    assert_eq!(two.flags.names().collect::<Vec<_>>(), ["no-writes", "allow-stale"]);
    assert_eq!(two.description.as_deref(), Some(&b"calls"[..]));
    assert_eq!(libraries.load(&source, false, None).unwrap_err().text(), "ERR Library 'lib' already exists");
    assert!(libraries.load(&source, true, None).is_ok());
    let payload = bytes::Bytes::from(libraries.dump(true));
    let exists = libraries.restore(&payload, Policy::Append).unwrap_err();
    assert_eq!(exists.text(), "ERR Library lib already exists");
    assert!(libraries.restore(&payload, Policy::Replace).is_ok());
    assert!(libraries.delete("lib") && !libraries.delete("lib") && libraries.function(b"one").is_none());
    assert!(libraries.restore(&payload, Policy::Append).is_ok());
    assert!(libraries.restore(&payload, Policy::Flush).is_ok());
    assert_eq!(call(&mut libraries, "one"), "*3 $1 k $1 a :1");
}

#[test]
fn a_library_that_is_wrong_changes_nothing() {
    let mut libraries = Libraries::default();
    let first = "#!lua name=first\nredis.register_function('f', function() end)";
    libraries.load(&first.into(), false, None).unwrap();
    let registering = |what: &str| format!("ERR Error registering functions: ERR {what}");
    let absent = |name: &str| {
        registering(&format!(
            "user_function:2: Script attempted to access nonexistent global variable '{name}'"
        ))
    };
    for (code, error) in [
        ("x x", "ERR Error compiling function: user_function:2: '=' expected near 'x'".to_string()),
        ("x = 1", registering("user_function:2: Attempt to modify a readonly table")),
        ("local s = string.len", absent("string")),
        ("redis.call('ping')", absent("call")),
        ("redis.register_function()", registering("wrong number of arguments to redis.register_function")),
        (
            "redis.register_function('x', 1)",
            registering("second argument to redis.register_function must be a function"),
        ),
        (
            "redis.register_function('x')",
            registering(
                "calling redis.register_function with a single argument is only applicable to Lua table \
                 (representing named arguments).",
            ),
        ),
        (
            "redis.register_function{function_name='x', callback=function() end, flags={'zz'}}",
            registering("unknown flag given"),
        ),
        (
            "redis.register_function('f', function() end) redis.register_function('f', function() end)",
            registering("Function already exists in the library"),
        ),
        ("redis.register_function('F', function() end)", "ERR Function F already exists".to_string()),
        ("return 1", "ERR No functions registered".to_string()),
        ("while true do end", registering("FUNCTION LOAD timeout")),
    ] {
        let source = format!("#!lua name=second\n{code}");
        let time = Some(std::time::Duration::ZERO);
        assert_eq!(libraries.load(&source.into(), false, time).unwrap_err().text(), error, "{code}");
    }
    for (source, error) in [
        ("#!js name=x\n", "ERR Engine 'js' not found"),
        (
            "#!lua name=x-y\n",
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one \
             character long",
        ),
    ] {
        assert_eq!(libraries.load(&source.into(), false, None).unwrap_err().text(), error, "{source}");
    }
    assert_eq!((libraries.len(), libraries.function_count()), (1, 1));
}
