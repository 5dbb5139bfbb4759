//! The arguments of a library's function, typed once, and the errors in the words of Lua's auxiliary library: with
//! the place in the script that called (`user_script:1: `) and the name it called by.
use mlua::{Error, Function, IntoLuaMulti, Lua, LuaString, MultiValue, Result, Table, Value};

/// How many values a library's function may have on its stack, in slots: what is nested deeper, or more results, is an
/// error. Lua 5.1 lets a C function have 8000; here the references that this program holds to Lua's values share a
/// stack of that size, so room is left for them.
pub const STACK_SLOTS_MAX: usize = 7000;

/// An error as `luaL_error` raises it: behind the place in the script, when a script called.
pub fn error(lua: &Lua, text: impl std::fmt::Display) -> Error {
    let place = lua.inspect_stack(1, |caller| {
        let source = caller.source().short_src.unwrap_or_default().into_owned();
        caller.current_line().filter(|line| *line > 0).map(|line| format!("{source}:{line}: "))
    });
    Error::RuntimeError(format!("{}{text}", place.flatten().unwrap_or_default()))
}

/// What Lua says when it has no memory.
pub fn out_of_memory() -> Error {
    Error::MemoryError("not enough memory".into())
}

/// A type's name in errors.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        Value::LightUserData(_) | Value::Error(_) => "userdata",
        other => other.type_name(),
    }
}

/// Adds a function to a library.
pub fn register<R: IntoLuaMulti>(
    lua: &Lua,
    library: &Table,
    name: &str,
    function: impl Fn(&Arguments) -> Result<R> + 'static,
) -> Result<()> {
    let entry = move |lua: &Lua, values: MultiValue| {
        function(&Arguments { lua, values }).map_err(|failure| match failure {
            Error::StackError => error(lua, "stack overflow"),
            other => other,
        })
    };
    library.raw_set(name, lua.create_function(entry)?)
}

/// Arguments are counted from 1, as Lua does in errors.
pub struct Arguments<'a> {
    pub lua: &'a Lua,
    values: MultiValue,
}

impl Arguments<'_> {
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Nil where there is none.
    pub fn value(&self, position: usize) -> &Value {
        self.values.get(position - 1).unwrap_or(&Value::Nil)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    pub fn all(&self) -> &MultiValue {
        &self.values
    }

    pub fn error(&self, text: impl std::fmt::Display) -> Error {
        error(self.lua, text)
    }

    /// An error about one argument, as `luaL_argerror` words it: a method's object is not counted.
    pub fn bad(&self, position: usize, text: impl std::fmt::Display) -> Error {
        let names = self.lua.inspect_stack(0, |running| {
            let names = running.names();
            (names.name.map(|name| name.into_owned()), names.name_what == Some("method"))
        });
        let (name, is_method) = names.unwrap_or_default();
        let name = name.unwrap_or_else(|| "?".into());
        match position as i64 - i64::from(is_method) {
            0 if is_method => self.error(format!("calling '{name}' on bad self ({text})")),
            position => self.error(format!("bad argument #{position} to '{name}' ({text})")),
        }
    }

    /// The error about an argument of another type.
    pub fn mistyped(&self, position: usize, expected: &str) -> Error {
        let found = if position > self.count() { "no value" } else { type_name(self.value(position)) };
        self.bad(position, format!("{expected} expected, got {found}"))
    }

    /// Anything, if only it is there.
    pub fn any(&self, position: usize) -> Result<()> {
        if position > self.count() { Err(self.bad(position, "value expected")) } else { Ok(()) }
    }

    pub fn table(&self, position: usize) -> Result<&Table> {
        self.value(position).as_table().ok_or_else(|| self.mistyped(position, "table"))
    }

    pub fn function(&self, position: usize) -> Result<&Function> {
        self.value(position).as_function().ok_or_else(|| self.mistyped(position, "function"))
    }

    pub fn number(&self, position: usize) -> Result<f64> {
        self.number_if_any(position)?.ok_or_else(|| self.mistyped(position, "number"))
    }

    /// A number, or a string that reads as one.
    pub fn number_if_any(&self, position: usize) -> Result<Option<f64>> {
        to_number(self.lua, self.value(position))
    }

    /// A number cut to an integer as C casts on the machines Redis runs on.
    pub fn integer(&self, position: usize) -> Result<i64> {
        Ok(cast(self.number(position)?))
    }

    pub fn integer_or(&self, position: usize, default: i64) -> Result<i64> {
        if self.value(position).is_nil() { Ok(default) } else { self.integer(position) }
    }

    /// A string, or a number as text.
    pub fn string(&self, position: usize) -> Result<LuaString> {
        match self.value(position) {
            Value::String(text) => Ok(text.clone()),
            number @ (Value::Integer(_) | Value::Number(_)) => {
                self.lua.coerce_string(number.clone())?.ok_or_else(|| self.mistyped(position, "string"))
            }
            _ => Err(self.mistyped(position, "string")),
        }
    }

    /// Nothing, or what reads as a string.
    pub fn string_if_any(&self, position: usize) -> Result<()> {
        if self.value(position).is_nil() { Ok(()) } else { self.string(position).map(|_| ()) }
    }
}

pub fn to_number(lua: &Lua, value: &Value) -> Result<Option<f64>> {
    match value {
        Value::Integer(integer) => Ok(Some(*integer as f64)),
        Value::Number(number) => Ok(Some(*number)),
        Value::String(_) => lua.coerce_number(value.clone()),
        _ => Ok(None),
    }
}

/// A double to an integer as x86-64 converts: what does not fit, NaN too, is the least integer.
pub fn cast(number: f64) -> i64 {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    if (-TOP..TOP).contains(&number) { number as i64 } else { i64::MIN }
}

/// The same for an unsigned integer, which takes what is beyond the signed in a second step.
pub fn cast_unsigned(number: f64) -> u64 {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    if number >= TOP { cast(number - TOP) as u64 ^ 1 << 63 } else { cast(number) as u64 }
}
