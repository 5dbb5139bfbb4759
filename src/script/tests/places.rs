//! What functions say of wrong arguments, and where: word for word what a redis-server 7.4.1 answered.
use super::check;

/// In the words of Lua, behind the place; the reply ends with the place again.
fn raised(line: u32, text: &str) -> String {
    format!("-ERR user_script:{line}: {text} script: SHA, on @user_script:{line}.")
}

#[test]
fn wrong_arguments_are_told_with_their_place() {
    let cases = [
        ("pairs(1)", "bad argument #1 to 'pairs' (table expected, got number)"),
        ("pairs()", "bad argument #1 to 'pairs' (table expected, got no value)"),
        ("next(1)", "bad argument #1 to 'next' (table expected, got number)"),
        ("rawget(1)", "bad argument #1 to 'rawget' (table expected, got number)"),
        ("rawget({})", "bad argument #2 to 'rawget' (value expected)"),
        ("rawset({}, 1)", "bad argument #3 to 'rawset' (value expected)"),
        ("setmetatable(nil, {})", "bad argument #1 to 'setmetatable' (table expected, got nil)"),
        ("setmetatable({})", "bad argument #2 to 'setmetatable' (nil or table expected)"),
        ("setmetatable(setmetatable({}, {__metatable=1}), {})", "cannot change a protected metatable"),
        ("setfenv(1)", "bad argument #2 to 'setfenv' (table expected, got no value)"),
        ("load(1)", "bad argument #1 to 'load' (function expected, got number)"),
        ("load(1, {})", "bad argument #2 to 'load' (string expected, got table)"),
        ("loadstring({})", "bad argument #1 to 'loadstring' (string expected, got table)"),
        ("collectgarbage('bogus')", "bad argument #1 to 'collectgarbage' (invalid option 'bogus')"),
        ("coroutine.resume(1)", "bad argument #1 to 'resume' (coroutine expected)"),
        ("xpcall()", "bad argument #2 to 'xpcall' (value expected)"),
        ("string.rep('a')", "bad argument #2 to 'rep' (number expected, got no value)"),
        ("('a'):rep({})", "bad argument #1 to 'rep' (number expected, got table)"),
        ("table.insert(1, 2)", "bad argument #1 to 'insert' (table expected, got number)"),
        ("table.insert({}, 'x', 1)", "bad argument #2 to 'insert' (number expected, got string)"),
        ("table.insert({}, 1, 2, 3)", "wrong number of arguments to 'insert'"),
        ("math.random('a')", "bad argument #1 to 'random' (number expected, got string)"),
        ("math.random(nil)", "bad argument #1 to 'random' (number expected, got nil)"),
        ("math.random(0)", "bad argument #1 to 'random' (interval is empty)"),
        ("math.random(5, 1)", "bad argument #2 to 'random' (interval is empty)"),
        ("math.random(1, 2, 3)", "wrong number of arguments"),
        ("math.randomseed('a')", "bad argument #1 to 'randomseed' (number expected, got string)"),
        ("cjson.encode()", "bad argument #1 to 'encode' (expected 1 argument)"),
    ];
    for (call, text) in cases {
        // Called last, where Lua keeps nothing of who called; on a later line; in a function.
        check(&[
            (&format!("return {call}"), &raised(1, text)),
            (&format!("\nlocal x = {call}\nreturn x"), &raised(2, text)),
            (&format!("local function f()\n\n return {{{call}}} end\nreturn f()[1]"), &raised(3, text)),
        ]);
    }
}

#[test]
fn functions_are_told_by_the_names_they_are_called_by() {
    check(&[
        (
            "local each = pairs return each(1)",
            &raised(1, "bad argument #1 to 'each' (table expected, got number)"),
        ),
        ("return {pcall(pairs, 1)}", "*2 $-1 $51 bad argument #1 to '?' (table expected, got number)"),
        ("return {pcall(math.random, 0)}", "*2 $-1 $42 bad argument #1 to '?' (interval is empty)"),
        ("return {pcall(table.insert, {})}", "*2 $-1 $37 wrong number of arguments to 'insert'"),
    ]);
}

#[test]
fn what_protects_calls_raises_nothing_of_its_own() {
    check(&[
        ("local ok, e = pcall(error, 'a', 2) return e", "$16 user_script:1: a"),
        ("\n\nlocal ok, e = pcall(error, 7, 2) return e", "$16 user_script:3: 7"),
        ("local ok, e = pcall() return e", "$31 attempt to call a boolean value"),
        ("local ok, e = pcall(nil) return e", "$27 attempt to call a nil value"),
        ("local _, f, e = pcall(load, function() error('in') end) return e", "$17 user_script:1: in"),
        ("return setfenv(2, {})", &raised(1, "bad argument #1 to 'setfenv' (invalid level)")),
        ("return getfenv(2)", &raised(1, "bad argument #1 to 'getfenv' (invalid level)")),
        (
            "local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) error({err = 'X ' .. b}) end)
             local _, one = coroutine.resume(co, 1)
             local ok, e = coroutine.resume(co, 'y') return {one, tostring(ok), e.err}",
            "*3 :2 $5 false $3 X y",
        ),
    ]);
}

#[test]
fn what_stands_in_for_luas_functions_works_like_them() {
    check(&[
        ("local t = {} table.insert(t, 'a') table.insert(t, 1, 'b') return t", "*2 $1 b $1 a"),
        ("local t = {} table.insert(t, 3, 'c') return {t[1] == nil, t[3]}", "*2 :1 $1 c"),
        ("return {select('#', next({})), next({'a'}), select(2, next({'a'}, nil))}", "*3 :1 :1 $1 a"),
        ("local s = 0 for i, v in next, {1, 2, x = 3} do s = s + v end return s", ":6"),
        ("local t = setmetatable({}, {__index = function(_, k) return k end}) return t.abc", "$3 abc"),
        ("return rawset({}, 1, 'x')", "*1 $1 x"),
        ("return rawget(setmetatable({}, {__index = {a = 1}}), 'a')", "$-1"),
        ("x = nil", &raised(1, "Attempt to modify a readonly table")),
        ("rawset(_G, 'x', 1)", "-ERR Attempt to modify a readonly table script: SHA, on @user_script:1."),
        ("local function f() return a end setfenv(f, {a = 5}) return f()", ":5"),
        ("local function f() setfenv(1, {a = 5}) return a end return f()", ":5"),
        ("local function f() return getfenv(1) == _G end return tostring(f())", "$4 true"),
        ("return {collectgarbage('setpause', 1), collectgarbage('stop')}", "*2 :200 :0"),
        ("return string.rep('ab', 3) .. string.rep('x', -1)", "$6 ababab"),
    ]);
}
