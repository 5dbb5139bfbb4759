//! The libraries against what a real Redis 7.4.1 answered: `cases.txt` has scripts, each with its answer below it as
//! `show.lua` writes values. Round trips of random values, and input that means harm.
use super::install;
use mlua::{Error, Function, IntoLuaMulti, Lua, LuaString, MultiValue, Result, Value};
use proptest::prelude::*;

const CASES: &str = include_str!("cases.txt");
const SHOW: &str = include_str!("show.lua");

/// A Lua with the libraries, and a `pcall` that gives errors as the strings they are in Redis.
fn interpreter() -> Lua {
    let lua = Lua::new();
    install(&lua).expect("installed");
    let pcall = |lua: &Lua, (function, arguments): (Function, MultiValue)| match function
        .call::<MultiValue>(arguments)
    {
        Ok(results) => (true, results).into_lua_multi(lua),
        Err(error) => (false, message(&error)).into_lua_multi(lua),
    };
    lua.globals().set("pcall", lua.create_function(pcall).expect("a function")).expect("set");
    lua
}

fn message(error: &Error) -> String {
    match error {
        Error::CallbackError { cause, .. } => message(cause),
        Error::RuntimeError(text) | Error::MemoryError(text) => text.clone(),
        other => format!("of another kind: {other}"),
    }
}

fn run(lua: &Lua, script: &str) -> Result<String> {
    let text = SHOW.replace('\n', " ") + script;
    let answer: Value = lua.load(text).set_name("@user_script").eval()?;
    Ok(match answer {
        Value::String(text) => text.to_string_lossy(),
        other => format!("{other:?}"),
    })
}

#[test]
fn answers_are_those_of_redis() {
    let lines: Vec<&str> = CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() > 500 && lines.len().is_multiple_of(2));
    let mut wrong = Vec::new();
    for case in lines.chunks(2) {
        let (script, expected) = (case[0], &case[1][4..]);
        let answer = run(&interpreter(), script).unwrap_or_else(|error| error.to_string());
        if answer != expected {
            wrong.push(format!("{script}\n  redis {expected}\n  ours  {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Redis has these limits near 8000 slots of Lua's stack, here they are a little lower.
#[test]
fn nesting_and_results_end_at_the_stack() {
    let lua = interpreter();
    let json = "local json = cjson.new() json.encode_max_depth(2^31 - 1) json.decode_max_depth(2^31 - 1) local t = {} ";
    for (script, expected) in [
        (
            "for i = 1, 20000 do t = {t} end return try(json.encode, t)",
            "Cannot serialise, excessive nesting (6998)",
        ),
        (
            "for i = 1, 20000 do t = {a = t} end return try(json.encode, t)",
            "Cannot serialise, excessive nesting (3500)",
        ),
        (
            "return try(json.decode, string.rep('[', 100000))",
            "Found too many nested data structures (6999) at character 6999",
        ),
        (
            "return try(json.decode, string.rep('{\"a\":', 100000))",
            "Found too many nested data structures (3500) at character 17496",
        ),
        (
            "return try(struct.unpack, string.rep('s', 8000), string.rep('a\\0', 8000))",
            "stack overflow (too many results)",
        ),
    ] {
        assert_eq!(
            run(&lua, &format!("{json}{script}")).expect("an answer"),
            format!("false \"{expected}\"")
        );
    }
    let many = "return select('#', cmsgpack.unpack(string.rep('\\161x', 6990)))";
    assert_eq!(run(&lua, many).expect("an answer"), "Integer(6990)");
}

/// What would cost a real server its memory is an error here.
#[test]
fn no_output_without_bound() {
    let lua = interpreter();
    let doubled = "local t = {'x'} for i = 1, 60 do t = {t, t} end ";
    for script in [
        "local json = cjson.new() json.encode_sparse_array(false, 0) return try(json.encode, {[2147483647] = 1})",
        &format!("{doubled} return try(cjson.encode, t)"),
        "local t = {} for i = 1, 14 do local u = {} for j = 1, 99 do u[j] = t end t = u end return try(cmsgpack.pack, t)",
    ] {
        assert_eq!(run(&lua, script).expect("an answer"), "false \"not enough memory\"", "{script}");
    }
}

#[test]
fn cut_and_random_input_is_an_error_or_a_value() {
    let lua = interpreter();
    let script = "
        local whole = cmsgpack.pack({1, 'two', {three = 3.5, four = {-5, 70000, 2^40}}, true, false, string.rep('x', 300)})
        for length = 1, #whole - 1 do
            local ok, text = pcall(cmsgpack.unpack, string.sub(whole, 1, length))
            if ok or text ~= 'Missing bytes in input.' then return length .. ': ' .. tostring(text) end
        end
        local json = cjson.encode({1, 'two', {three = 3.5, four = {{}, 'five'}}, true})
        for length = 0, #json - 1 do
            if pcall(cjson.decode, string.sub(json, 1, length)) then return 'json of ' .. length end
        end
        return 'done'";
    assert_eq!(run(&lua, script).expect("an answer"), "done");
}

/// A value that JSON and MessagePack can hold, as a Lua expression and as `show` writes it.
fn expression() -> impl Strategy<Value = String> {
    let text = "[a-z0-9 ./\\-]{0,40}";
    let leaf = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        (-1_000_000..1_000_000i32).prop_map(|number| (f64::from(number) / 64.0).to_string()),
        any::<bool>().prop_map(|boolean| boolean.to_string()),
        text.prop_map(|text| format!("'{text}'")),
    ];
    leaf.prop_recursive(6, 64, 20, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..20)
                .prop_map(|values| format!("{{{}}}", values.join(", "))),
            prop::collection::btree_map(text, inner, 1..20).prop_map(|pairs| {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("['{key}']={value}")).collect();
                format!("{{{}}}", pairs.join(", "))
            }),
        ]
    })
}

fn call<R: mlua::FromLuaMulti>(lua: &Lua, library: &str, name: &str, text: &[u8]) -> Result<R> {
    let library: mlua::Table = lua.globals().get(library)?;
    library.get::<Function>(name)?.call(lua.create_string(text)?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back(value in expression()) {
        let lua = interpreter();
        for (write, read) in [("cjson.encode", "cjson.decode"), ("cmsgpack.pack", "cmsgpack.unpack")] {
            let script = format!("local value = {value} return tostring(show({read}({write}(value))) == show(value))");
            prop_assert_eq!(run(&lua, &script).expect("an answer"), "true", "{} {}", write, value);
        }
    }

    #[test]
    fn structures_read_back(b in any::<i8>(), h in any::<u16>(), i in any::<i32>(), d in -1e9..1e9f64, text in "[a-z]{0,20}") {
        for options in ["<", ">", "!4 <", "!8 >", "!"] {
            let script = format!(
                "local b, h, i, d, s = struct.unpack('{options}bHids', struct.pack('{options}bHids', {b}, {h}, {i}, {d:?}, '{text}')) return show(b, h, i, s) .. tostring(d == {d:?})"
            );
            prop_assert_eq!(run(&interpreter(), &script).expect("an answer"), format!("{b} {h} {i} \"{text}\"true"));
        }
    }

    /// Nothing that decodes panics, whatever it is given.
    #[test]
    fn any_bytes_are_an_error_or_values(bytes in prop::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:0-9a-z\\\\.+\\- ]{0,60}") {
        let lua = interpreter();
        let _ = call::<MultiValue>(&lua, "cmsgpack", "unpack", &bytes);
        let _ = call::<MultiValue>(&lua, "cjson", "decode", &bytes);
        let _ = call::<MultiValue>(&lua, "struct", "size", &bytes);
        if let Ok(value) = call::<Value>(&lua, "cjson", "decode", json.as_bytes()) {
            let again = lua.globals().get::<mlua::Table>("cjson").and_then(|library| {
                library.get::<Function>("encode")?.call::<LuaString>(value)
            });
            // Infinities and NaN can be read, not written.
            prop_assert!(again.is_ok() || json.contains(['e', 'i', 'n', 'x']), "{json}");
        }
    }
}
