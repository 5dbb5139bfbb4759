//! `redis.register_function`, which a library's code calls while it is loaded.
use super::{super::engine::Shared, super::errors::raised, Flags, Function};
use crate::error::text_of_bytes;
use mlua::{Lua, MultiValue, Table, Value};
use std::rc::Rc;

pub const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// What the code that is being loaded has registered so far.
#[derive(Default)]
pub struct Registering {
    pub functions: Vec<Rc<Function>>,
}

/// Whether a library or function may be called so.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

type Result<T> = std::result::Result<T, &'static str>;

pub fn register(lua: &Lua, shared: &Shared, arguments: MultiValue) -> mlua::Result<Value> {
    let mut registering = shared.registering.borrow_mut();
    let registered = match registering.as_mut() {
        Some(registering) => read(lua, &arguments).and_then(|function| add(registering, function)),
        None => Err("redis.register_function can only be called on FUNCTION LOAD command"),
    };
    match registered {
        Ok(()) => Ok(Value::Nil),
        Err(text) => raised(text),
    }
}

fn add(registering: &mut Registering, function: Function) -> Result<()> {
    if !is_name(function.name.as_bytes()) {
        return Err(BAD_NAME);
    }
    if registering.functions.iter().any(|known| known.name == function.name) {
        return Err("Function already exists in the library");
    }
    registering.functions.push(Rc::new(function));
    Ok(())
}

fn read(lua: &Lua, arguments: &MultiValue) -> Result<Function> {
    match arguments.len() {
        1 => match &arguments[0] {
            Value::Table(named) => by_name(lua, named),
            _ => {
                Err("calling redis.register_function with a single argument is only applicable to Lua table \
                      (representing named arguments).")
            }
        },
        2 => {
            let name =
                text(&arguments[0]).ok_or("first argument to redis.register_function must be a string")?;
            let Value::Function(callback) = &arguments[1] else {
                return Err("second argument to redis.register_function must be a function");
            };
            function(lua, name, callback.clone())
        }
        _ => Err("wrong number of arguments to redis.register_function"),
    }
}

fn function(lua: &Lua, name: Vec<u8>, callback: mlua::Function) -> Result<Function> {
    let callback = lua.create_registry_value(callback).map_err(|_| "not enough memory")?;
    let name = text_of_bytes(&name).into_owned().into();
    Ok(Function { name, description: None, flags: Flags::default(), callback })
}

/// A string, or a number as one.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(_) | Value::Number(_) => value.to_string().ok().map(String::into_bytes),
        _ => None,
    }
}

fn by_name(lua: &Lua, named: &Table) -> Result<Function> {
    let (mut name, mut description, mut callback, mut flags) = (None, None, None, Flags::default());
    for pair in named.pairs::<Value, Value>() {
        let Ok((key, value)) = pair else { continue };
        let key = text(&key).ok_or("named argument key given to redis.register_function is not a string")?;
        match key.to_ascii_lowercase().as_slice() {
            b"function_name" => {
                let text = text(&value);
                name = Some(
                    text.ok_or("function_name argument given to redis.register_function must be a string")?,
                );
            }
            b"description" => {
                let text = text(&value);
                description = Some(
                    text.ok_or("description argument given to redis.register_function must be a string")?,
                );
            }
            b"callback" => match value {
                Value::Function(function) => callback = Some(function),
                _ => return Err("callback argument given to redis.register_function must be a function"),
            },
            b"flags" => match value {
                Value::Table(list) => flags = flags_of(&list)?,
                _ => {
                    return Err("flags argument to redis.register_function must be a table representing \
                                function flags");
                }
            },
            _ => return Err("unknown argument given to redis.register_function"),
        }
    }
    let name = name.ok_or("redis.register_function must get a function name argument")?;
    let callback = callback.ok_or("redis.register_function must get a callback argument")?;
    Ok(Function { description, flags, ..function(lua, name, callback)? })
}

fn flags_of(list: &Table) -> Result<Flags> {
    let unknown = "unknown flag given";
    let mut flags = Flags::default();
    for index in 1.. {
        match list.raw_get::<Value>(index) {
            Ok(Value::Nil) => break,
            Ok(value) => {
                let name = text(&value).ok_or(unknown)?;
                flags = flags.with(Flags::of_any_case(&name).ok_or(unknown)?);
            }
            Err(_) => return Err(unknown),
        }
    }
    Ok(flags)
}
