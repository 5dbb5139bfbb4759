//! The functions of `redis`.
use super::{
    REDIS_VERSION,
    engine::{Kind, Shared},
    errors::{self, raised},
    from_reply,
    functions::register,
    libraries::arguments::cast,
    run::{self, Answer, Call, Replicate, Wish, suspend},
};
use crate::{
    data::number::format_double,
    error::text_of_bytes,
    resp::{Protocol, Request, RequestBuilder},
};
use mlua::{Function, Lua, MultiValue, Table, Value};
use sha1::{Digest, Sha1};
use std::rc::Rc;

type Returned = mlua::Result<Value>;

const NO_ARGUMENTS: &str = "Please specify at least one argument for this redis lib call";
const WRONG_ARGUMENTS: &str = "Lua redis lib command arguments must be strings or integers";

/// What propagates where, as bits.
const TO_LOG: u8 = 1;
const TO_REPLICAS: u8 = 2;

/// What the prelude is handed.
pub fn host(lua: &Lua, kind: Kind, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    host.raw_set("redis", functions(lua, kind, shared)?)?;
    let values = values(lua)?;
    for (name, flags) in [
        ("REPL_NONE", 0),
        ("REPL_AOF", TO_LOG),
        ("REPL_SLAVE", TO_REPLICAS),
        ("REPL_REPLICA", TO_REPLICAS),
        ("REPL_ALL", TO_LOG | TO_REPLICAS),
    ] {
        values.raw_set(name, flags)?;
    }
    host.raw_set("redis_values", values)?;
    let declaring = lua.create_table()?;
    declaring.raw_set("log", lua.create_function(log)?)?;
    declaring.raw_set("register_function", with_shared(lua, shared, register::register)?)?;
    host.raw_set("declaring", declaring)?;
    host.raw_set("declaring_values", self::values(lua)?)?;
    Ok(host)
}

fn with_shared(
    lua: &Lua,
    shared: &Rc<Shared>,
    function: fn(&Lua, &Shared, MultiValue) -> Returned,
) -> mlua::Result<Function> {
    let shared = shared.clone();
    lua.create_function(move |lua, arguments| function(lua, &shared, arguments))
}

fn functions(lua: &Lua, kind: Kind, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    type Api = fn(&Lua, &Shared, MultiValue) -> Returned;
    let all: [(&str, Api); 7] = [
        ("call", |lua, shared, arguments| call(lua, shared, arguments, true)),
        ("pcall", |lua, shared, arguments| call(lua, shared, arguments, false)),
        ("setresp", set_protocol),
        ("set_repl", set_replicate),
        ("sha1hex", sha1hex),
        ("error_reply", error_reply),
        ("status_reply", status_reply),
    ];
    for (name, function) in all {
        table.raw_set(name, with_shared(lua, shared, function)?)?;
    }
    table.raw_set("acl_check_cmd", with_shared(lua, shared, may_run)?)?;
    table.raw_set("log", lua.create_function(log)?)?;
    if kind == Kind::Scripts {
        // There is no debugger to stop in or to write to.
        table.raw_set("breakpoint", lua.create_function(|_, _: MultiValue| Ok(false))?)?;
        table.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
        // What a script changes is always told command by command.
        table.raw_set("replicate_commands", lua.create_function(|_, _: MultiValue| Ok(true))?)?;
    }
    Ok(table)
}

fn values(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (level, name) in ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"].into_iter().enumerate() {
        table.raw_set(name, level)?;
    }
    let number = REDIS_VERSION.split('.').fold(0, |sum, part| sum << 8 | part.parse::<u32>().unwrap_or(0));
    table.raw_set("REDIS_VERSION_NUM", number)?;
    table.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    Ok(table)
}

/// An error that is not raised, but returned like a reply.
fn returned(lua: &Lua, text: &str) -> Returned {
    errors::table(lua, text.as_bytes()).map(Value::Table)
}

/// `redis.call` and `redis.pcall`.
fn call(lua: &Lua, shared: &Shared, arguments: MultiValue, raises: bool) -> Returned {
    shared.unlimit(lua);
    let result = perform(lua, shared, arguments, raises);
    shared.limit(lua);
    result
}
fn perform(lua: &Lua, shared: &Shared, arguments: MultiValue, raises: bool) -> Returned {
    let request = match request(shared, &arguments) {
        Ok(request) => request,
        Err(text) if raises => return raised(text),
        Err(text) => return returned(lua, text),
    };
    let call = Call { request, protocol: shared.protocol.get(), replicate: shared.replicate.get() };
    let Some(reply) = run::call(call, &shared.buffer) else {
        return raised("Commands can be called only while a script runs");
    };
    let value = match reply.first() {
        Some(b'-') if raises => Err(errors::of_reply(&reply)),
        _ => from_reply::value(lua, &reply),
    };
    shared.keep_buffer(reply);
    value
}

/// The arguments of a call as a request.
fn request(shared: &Shared, arguments: &MultiValue) -> Result<Request, &'static str> {
    let mut builder = shared.builder.borrow_mut();
    let pushed = push_all(&mut builder, shared, arguments);
    if pushed.is_err() {
        builder.clear();
    }
    pushed.map(|()| builder.finish())
}
fn push_all(
    builder: &mut RequestBuilder,
    shared: &Shared,
    arguments: &MultiValue,
) -> Result<(), &'static str> {
    for argument in arguments {
        match argument {
            Value::String(name) if builder.is_empty() => shared.names.read(name, |name| builder.push(name)),
            Value::String(text) => builder.push(&text.as_bytes()),
            // Whole numbers up to here are written plain.
            Value::Integer(integer) if integer.unsigned_abs() < 1 << 52 => {
                builder.push(itoa::Buffer::new().format(*integer).as_bytes())
            }
            Value::Integer(integer) => builder.push(format_double(*integer as f64).as_bytes()),
            Value::Number(0.0) => builder.push(b"0"),
            Value::Number(number) => builder.push(format_double(*number).as_bytes()),
            _ => return Err(WRONG_ARGUMENTS),
        }
    }
    if builder.is_empty() {
        return Err(NO_ARGUMENTS);
    }
    Ok(())
}

/// `redis.acl_check_cmd`.
fn may_run(_: &Lua, shared: &Shared, arguments: MultiValue) -> Returned {
    let request = match request(shared, &arguments) {
        Ok(request) => request,
        Err(text) => return raised(text),
    };
    match suspend(Wish::MayRun(request)) {
        Some(Answer::May(Some(may))) => Ok(Value::Boolean(may)),
        _ => raised("Invalid command passed to redis.acl_check_cmd()"),
    }
}

/// A number, or a text that reads as one; zero for all else, as C's API has it.
fn number(lua: &Lua, value: Option<&Value>) -> f64 {
    value.and_then(|value| lua.coerce_number(value.clone()).ok().flatten()).unwrap_or(0.0)
}

fn set_protocol(lua: &Lua, shared: &Shared, arguments: MultiValue) -> Returned {
    if arguments.len() != 1 {
        return raised("redis.setresp() requires one argument.");
    }
    shared.protocol.set(match number(lua, arguments.front()) as i64 {
        2 => Protocol::Resp2,
        3 => Protocol::Resp3,
        _ => return raised("RESP version must be 2 or 3."),
    });
    Ok(Value::Nil)
}

fn set_replicate(lua: &Lua, shared: &Shared, arguments: MultiValue) -> Returned {
    if arguments.len() != 1 {
        return raised("redis.set_repl() requires one argument.");
    }
    let flags = cast(number(lua, arguments.front()));
    if flags & !i64::from(TO_LOG | TO_REPLICAS) != 0 {
        let text = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
        return raised(text);
    }
    let has = |flag: u8| flags & i64::from(flag) != 0;
    shared.replicate.set(Replicate { to_log: has(TO_LOG), to_replicas: has(TO_REPLICAS) });
    Ok(Value::Nil)
}

fn sha1hex(lua: &Lua, _: &Shared, arguments: MultiValue) -> Returned {
    if arguments.len() != 1 {
        return raised("wrong number of arguments");
    }
    let text = lua.coerce_string(arguments[0].clone())?;
    let text = text.map(|text| text.as_bytes().to_vec()).unwrap_or_default();
    let sum: String = Sha1::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    lua.create_string(sum).map(Value::String)
}

fn error_reply(lua: &Lua, _: &Shared, arguments: MultiValue) -> Returned {
    match only(&arguments) {
        Some(Value::String(text)) => {
            let text = text.as_bytes();
            let text = crate::error::until_nul(&text);
            let coded = [if text.starts_with(b"-") { &b""[..] } else { b"-" }, text].concat();
            errors::table(lua, &coded).map(Value::Table)
        }
        _ => returned(lua, "wrong number or type of arguments"),
    }
}

fn status_reply(lua: &Lua, _: &Shared, arguments: MultiValue) -> Returned {
    match only(&arguments) {
        Some(Value::String(text)) => {
            let table = lua.create_table_with_capacity(0, 1)?;
            table.raw_set("ok", text)?;
            Ok(Value::Table(table))
        }
        _ => returned(lua, "wrong number or type of arguments"),
    }
}

/// The one argument, if there is exactly one.
fn only(arguments: &MultiValue) -> Option<&Value> {
    if arguments.len() == 1 { arguments.front() } else { None }
}

/// `redis.log`.
fn log(lua: &Lua, arguments: MultiValue) -> Returned {
    if arguments.len() < 2 {
        return raised("redis.log() requires two arguments or more.");
    }
    let Some(level) = lua.coerce_number(arguments[0].clone())? else {
        return raised("First argument must be a number (log level).");
    };
    let mut words = Vec::new();
    for argument in arguments.iter().skip(1) {
        if let Some(text) = lua.coerce_string(argument.clone())? {
            words.push(text_of_bytes(&text.as_bytes()).into_owned());
        }
    }
    let text = words.join(" ");
    match level as i64 {
        0 => tracing::trace!("{text}"),
        1 => tracing::debug!("{text}"),
        2 => tracing::info!("{text}"),
        3 => tracing::warn!("{text}"),
        _ => return raised("Invalid log level."),
    }
    Ok(Value::Nil)
}
