//! Making an interpreter: which of Lua's libraries there are, the host's own, and the prelude that locks them.
use super::{
    api, base,
    engine::{Kind, Shared},
    errors::{self, PRELUDE},
    libraries,
    run::{Wish, suspend},
};
use mlua::state::{GcIncParams, GcMode};
use mlua::{Function, HookTriggers, Lua, LuaOptions, StdLib, Table, Value, VmState};
use std::rc::Rc;

/// After so many instructions a script pauses, so that its driver may look at the time. As many as Redis lets pass.
const SLICE_INSTRUCTIONS: u32 = 100_000;
/// The collector begins again when the interpreter has grown to this share of what was live: less than Lua's own, as an
/// operator reads what is held as what is in use.
const GC_PAUSE_PERCENT: i32 = 150;

/// The prelude's functions for the host.
pub struct Entries {
    pub run_script: Function,
    pub run_function: Function,
    pub load: Function,
    pub loaded: Function,
    pub forget: Function,
}

pub fn build(kind: Kind, shared: &Rc<Shared>) -> mlua::Result<(Lua, Entries)> {
    let standard = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
    let lua = Lua::new_with(standard, LuaOptions::new().catch_rust_panics(false))?;
    libraries::install(&lua)?;
    let host = api::host(&lua, kind, shared)?;
    add_helpers(&lua, &host, shared)?;
    let shown = lua.create_table()?;
    host.raw_set("globals", &shown)?;
    let prelude = lua.load(include_str!("prelude.lua")).set_name(PRELUDE).set_environment(shown.clone());
    let entry: Table = prelude.call((host, lua.globals()))?;
    lua.set_globals(shown)?;
    let entries = Entries {
        run_script: entry.get("run_script")?,
        run_function: entry.get("run_function")?,
        load: entry.get("load")?,
        loaded: entry.get("loaded")?,
        forget: entry.get("forget")?,
    };
    let shared = shared.clone();
    let every_slice = HookTriggers::new().every_nth_instruction(SLICE_INSTRUCTIONS);
    lua.set_global_hook(every_slice, move |lua, _| pause(lua, &shared))?;
    let mut collector = GcIncParams::default();
    collector.pause = Some(GC_PAUSE_PERCENT);
    lua.gc_set_mode(GcMode::Incremental(collector));
    lua.gc_collect()?;
    Ok((lua, entries))
}

fn pause(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<VmState> {
    if !shared.killed.get() {
        suspend(Wish::Pause);
    }
    if !shared.killed.get() {
        return Ok(VmState::Continue);
    }
    // Of several stops the first is the place where it was.
    let mut killed_at = shared.killed_at.borrow_mut();
    if killed_at.is_none() {
        *killed_at = errors::place(lua, 0);
    }
    drop(killed_at);
    // A script that catches this error is stopped again at its next instruction.
    let shared = shared.clone();
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), move |lua, _| pause(lua, &shared))?;
    Err(mlua::Error::runtime(errors::KILLED))
}

/// After a script was killed, the next has slices of the usual length.
pub fn rest(lua: &Lua, shared: &Rc<Shared>) {
    let shared = shared.clone();
    let every_slice = HookTriggers::new().every_nth_instruction(SLICE_INSTRUCTIONS);
    let _ = lua.set_global_hook(every_slice, move |lua, _| pause(lua, &shared));
}

/// What the prelude needs of the host beside the functions of `redis`.
fn add_helpers(lua: &Lua, host: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    base::install(lua, host, shared)?;
    let text_of = |lua: &Lua, value: Value| lua.create_string(errors::text_of(&value));
    host.raw_set("text_of", lua.create_function(text_of)?)?;
    let error_text =
        |lua: &Lua, value: Value| lua.create_string([b"ERR ", &*errors::text_of(&value)].concat());
    host.raw_set("error_text", lua.create_function(error_text)?)?;
    host.raw_set("plain", lua.create_function(errors::plain)?)?;
    let killed = shared.clone();
    host.raw_set("is_killed", lua.create_function(move |_, ()| Ok(killed.killed.get()))?)?;
    let place_at = |lua: &Lua, level: usize| {
        let place = lua.inspect_stack(level, |frame| {
            let source = frame.source().short_src.unwrap_or_default().into_owned();
            frame.current_line().map(|line| format!("{source}:{line}: "))
        });
        Ok(place.flatten().unwrap_or_default())
    };
    host.raw_set("place_at", lua.create_function(place_at)?)?;
    host.raw_set("place_of", lua.create_function(|lua, ()| Ok(errors::place(lua, 1).unzip()))?)
}
