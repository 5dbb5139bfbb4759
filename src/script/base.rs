//! Functions of Lua's own libraries that the sandbox stands in for.
//!
//! They are the host's and not the prelude's, as an error says where it was raised by looking at who called: a function
//! written in Lua that is called last (`return pairs(1)`) takes its caller's place on the stack, the host's does not.
use super::{
    engine::Shared,
    errors,
    libraries::arguments::{Arguments, cast, register},
};
use mlua::{Error, Function, Lua, LuaString, MultiValue, Result, Table, Value};
use std::{cell::RefCell, ffi::c_void, rc::Rc};

/// The longest string that `string.rep` makes.
const REPEATED_BYTES_MAX: usize = 512 << 20;
const READ_ONLY: &str = "Attempt to modify a readonly table";

/// The tables that scripts share. What they see of one is empty; its content is behind it.
#[derive(Default)]
struct Facades(RefCell<Vec<(*const c_void, Table)>>);

impl Facades {
    fn add(&self, (facade, content): (Table, Table)) {
        self.0.borrow_mut().push((facade.to_pointer(), content))
    }
    fn behind(&self, table: &Table) -> Option<Table> {
        let address = table.to_pointer();
        let facades = self.0.borrow();
        facades.iter().find(|(facade, _)| *facade == address).map(|(_, content)| content.clone())
    }
    fn check_writable(&self, table: &Table) -> Result<()> {
        match self.behind(table) {
            // Lua's core raises it, which tells no place when a function of C is at work.
            Some(_) => Err(Error::RuntimeError(READ_ONLY.into())),
            None => Ok(()),
        }
    }
}

/// Puts the functions where the prelude finds them. They call what the globals hold now.
pub fn install(lua: &Lua, host: &Table, shared: &Rc<Shared>) -> Result<()> {
    let base = lua.create_table()?;
    host.raw_set("base", &base)?;
    let facades = Rc::new(Facades::default());
    let add = facades.clone();
    let add_facade = move |_: &Lua, pair: (Table, Table)| {
        add.add(pair);
        Ok(())
    };
    host.raw_set("add_facade", lua.create_function(add_facade)?)?;
    add_reading(lua, &base, &facades)?;
    add_writing(lua, &base, &facades)?;
    add_code(lua, &base)?;
    add_random(lua, &base, shared)?;
    register(lua, &base, "rep", repeated)
}

fn own(lua: &Lua, name: &str) -> Result<Function> {
    lua.globals().get(name)
}

fn add_reading(lua: &Lua, base: &Table, facades: &Rc<Facades>) -> Result<()> {
    let own_next = own(lua, "next")?;
    let behind = facades.clone();
    let next = own_next.clone();
    register(lua, base, "next", move |arguments| {
        let table = arguments.table(1)?;
        let table = behind.behind(table).unwrap_or_else(|| table.clone());
        match arguments.value(2) {
            // Most who call it want to know whether a table is empty.
            Value::Nil => match table.pairs::<Value, Value>().next() {
                Some(pair) => pair.map(|(key, value)| [key, value].into_iter().collect::<MultiValue>()),
                None => Ok([Value::Nil].into_iter().collect()),
            },
            key => forward(arguments, &next, (table, key)),
        }
    })?;
    let behind = facades.clone();
    let looking_behind: Function = base.get("next")?;
    register(lua, base, "pairs", move |arguments| {
        let table = arguments.table(1)?;
        let next = if behind.behind(table).is_some() { &looking_behind } else { &own_next };
        Ok((next.clone(), table.clone(), Value::Nil))
    })?;
    let behind = facades.clone();
    register(lua, base, "rawget", move |arguments| {
        let table = arguments.table(1)?;
        arguments.any(2)?;
        match behind.behind(table) {
            Some(content) => content.raw_get::<Value>(arguments.value(2)),
            None => table.raw_get(arguments.value(2)),
        }
    })
}

fn add_writing(lua: &Lua, base: &Table, facades: &Rc<Facades>) -> Result<()> {
    let shared = facades.clone();
    register(lua, base, "rawset", move |arguments| {
        let table = arguments.table(1)?;
        arguments.any(2)?;
        arguments.any(3)?;
        shared.check_writable(table)?;
        table.raw_set(arguments.value(2), arguments.value(3))?;
        Ok(table.clone())
    })?;
    let (shared, setmetatable) = (facades.clone(), own(lua, "setmetatable")?);
    register(lua, base, "setmetatable", move |arguments| {
        let table = arguments.table(1)?;
        if arguments.count() > 1 && matches!(arguments.value(2), Value::Nil | Value::Table(_)) {
            shared.check_writable(table)?;
        }
        forward::<Value>(arguments, &setmetatable, arguments.all())
    })?;
    let shared = facades.clone();
    let insert: Function = lua.globals().get::<Table>("table")?.get("insert")?;
    register(lua, base, "insert", move |arguments| {
        let table = arguments.table(1)?;
        if arguments.count() == 2 {
            shared.check_writable(table)?;
            return table.raw_push(arguments.value(2));
        }
        if arguments.count() == 3 && arguments.number_if_any(2)?.is_some() {
            shared.check_writable(table)?;
        }
        forward(arguments, &insert, arguments.all())
    })
}

/// What works on code: environments, compiling, coroutines, and the collector. The prelude has the last step of some.
fn add_code(lua: &Lua, base: &Table) -> Result<()> {
    let setfenv = own(lua, "setfenv")?;
    register(lua, base, "setfenv", move |arguments| {
        arguments.table(2)?;
        match level(arguments)? {
            // What all later scripts start from.
            Some(0) => Err(Error::RuntimeError(READ_ONLY.into())),
            level => forward::<Value>(arguments, &setfenv, one_level_up(arguments, level)),
        }
    })?;
    let getfenv = own(lua, "getfenv")?;
    register(lua, base, "getfenv", move |arguments| {
        let level = if arguments.value(1).is_nil() { Some(1) } else { level(arguments)? };
        forward::<Value>(arguments, &getfenv, one_level_up(arguments, level))
    })?;
    let collect = own(lua, "collectgarbage")?;
    register(lua, base, "collectgarbage", move |arguments| {
        let option = if arguments.value(1).is_nil() { None } else { Some(arguments.string(1)?) };
        let kept = option.and_then(|option| match &*option.as_bytes() {
            b"stop" | b"restart" => Some(0),
            b"setpause" | b"setstepmul" => Some(200),
            _ => None,
        });
        match kept {
            // Scripts may collect; how the collector goes about its work is not theirs to say.
            Some(kept) => arguments.integer_or(2, 0).map(|_| Value::Integer(kept)),
            None => forward(arguments, &collect, arguments.all()),
        }
    })?;
    finished_by_prelude(lua, base, "load", |arguments| {
        arguments.string_if_any(2)?;
        arguments.function(1).map(|_| ())
    })?;
    finished_by_prelude(lua, base, "loadstring", |arguments| {
        arguments.string(1)?;
        arguments.string_if_any(2)
    })?;
    finished_by_prelude(lua, base, "xpcall", |arguments| match arguments.count() {
        0 | 1 => Err(arguments.bad(2, "value expected")),
        _ => Ok(()),
    })?;
    finished_by_prelude(lua, base, "resume", |arguments| match arguments.value(1) {
        Value::Thread(_) => Ok(()),
        _ => Err(arguments.bad(1, "coroutine expected")),
    })
}

/// The first argument as a level of the stack. Where the author's own end there are no more.
fn level(arguments: &Arguments) -> Result<Option<i32>> {
    if arguments.value(1).is_function() {
        return Ok(None);
    }
    let Some(level) = arguments.number_if_any(1)?.map(|level| cast(level) as i32) else { return Ok(None) };
    if level > 0 && errors::place(arguments.lua, level as usize).is_none() {
        return Err(arguments.bad(1, "invalid level"));
    }
    Ok(Some(level))
}

/// The arguments for Lua's own function, for which this one is a level, too.
fn one_level_up(arguments: &Arguments, level: Option<i32>) -> MultiValue {
    let mut values = arguments.all().clone();
    if let Some(level) = level.filter(|level| *level > 0) {
        values.pop_front();
        values.push_front(Value::Integer(i64::from(level) + 1));
    }
    values
}

/// A function that looks at its arguments; what follows is the prelude's, which sets it as `finish_NAME` of `base`.
fn finished_by_prelude(
    lua: &Lua,
    base: &Table,
    name: &str,
    check: impl Fn(&Arguments) -> Result<()> + 'static,
) -> Result<()> {
    let finish: Rc<RefCell<Option<Function>>> = Rc::default();
    let set = finish.clone();
    let setter = move |_: &Lua, function: Function| {
        set.replace(Some(function));
        Ok(())
    };
    base.raw_set(format!("finish_{name}"), lua.create_function(setter)?)?;
    register(lua, base, name, move |arguments| {
        check(arguments)?;
        let finish = finish.borrow().clone();
        let finish = finish.ok_or_else(|| Error::runtime("the prelude sets what finishes a function"))?;
        finish.call::<MultiValue>(arguments.all())
    })
}

/// Calls Lua's own function. What it says of its arguments it says as if this one had been called.
fn forward<R: mlua::FromLuaMulti>(
    arguments: &Arguments,
    own: &Function,
    values: impl mlua::IntoLuaMulti,
) -> Result<R> {
    own.call(values).map_err(|error| match &error {
        Error::RuntimeError(_) => {
            let text = errors::text_of_failure(&error);
            let text = String::from_utf8_lossy(&text);
            let bad = text.strip_prefix("bad argument #").and_then(|rest| rest.split_once(" to '?' ("));
            match bad.and_then(|(position, rest)| Some((position.parse().ok()?, rest.strip_suffix(')')?))) {
                Some((position, what)) => arguments.bad(position, what),
                // Lua's core names no place where C is at work.
                None if text.starts_with("invalid key to") => Error::RuntimeError(text.into_owned()),
                None => arguments.error(text),
            }
        }
        _ => error,
    })
}

/// The same numbers on every machine.
fn add_random(lua: &Lua, base: &Table, shared: &Rc<Shared>) -> Result<()> {
    let numbers = shared.clone();
    register(lua, base, "random", move |arguments| {
        let share = numbers.random.share();
        // C's ints, which wrap.
        let int = |position| arguments.integer(position).map(|number| number as i32);
        let (low, high) = match arguments.count() {
            0 => return Ok(share),
            1 => (1, int(1)?),
            2 => (int(1)?, int(2)?),
            _ => return Err(arguments.error("wrong number of arguments")),
        };
        if low > high {
            return Err(arguments.bad(arguments.count(), "interval is empty"));
        }
        let count = high.wrapping_sub(low).wrapping_add(1);
        Ok((share * f64::from(count)).floor() + f64::from(low))
    })?;
    let numbers = shared.clone();
    register(lua, base, "randomseed", move |arguments| {
        numbers.random.seed(arguments.integer(1)? as i32);
        Ok(())
    })
}

/// `string.rep`: Lua's own appends one by one for as long as it takes, and cannot be stopped.
fn repeated(arguments: &Arguments) -> Result<LuaString> {
    let text = arguments.string(1)?;
    let times = (arguments.integer(2)? as i32).max(0) as usize;
    let text = text.as_bytes();
    if text.len().checked_mul(times).is_none_or(|bytes| bytes > REPEATED_BYTES_MAX) {
        return Err(arguments.error("not enough memory"));
    }
    arguments.lua.create_string(text.repeat(times))
}
