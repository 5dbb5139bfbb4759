-- What every interpreter runs first: it puts the sandbox around the tables that the host has filled.
--
-- Lua 5.1 has no read-only tables. A table that scripts share is shown to them as a *facade*: an empty table whose
-- reads go to the real one behind it, and whose writes are refused. Functions that would see the emptiness (pairs,
-- next, rawget) look behind the facade, those that would fill it (rawset, table.insert) refuse to.
--
-- The host's functions raise userdata. Whoever catches an error gets the table or text that it stands for.
local host, real = ...

local error, getmetatable, load, loadstring = real.error, real.getmetatable, real.load, real.loadstring
local next, pcall, rawset, select, setmetatable = real.next, real.pcall, real.rawset, real.select, real.setmetatable
local type, xpcall, resume = real.type, real.xpcall, real.coroutine.resume
local is_killed, place_at, plain, text_of = host.is_killed, host.place_at, host.plain, host.text_of
local base, byte, find, sub = host.base, real.string.byte, real.string.find, real.string.sub

local READ_ONLY = "Attempt to modify a readonly table"

-- From each facade to the table behind it.
local behind = {}

local function refuse()
    error(READ_ONLY, 2)
end

local function absent(_, name)
    if type(name) ~= "string" and type(name) ~= "number" then
        error("The name of a global variable must be a string or number", 2)
    end
    error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
end

-- Shows `content` behind `facade`. `meta` is what scripts see as its metatable.
local function lock(content, facade, meta)
    facade = facade or {}
    behind[facade] = content
    host.add_facade(facade, content)
    local metatable = { __index = content, __newindex = refuse, __metatable = meta or false }
    return setmetatable(facade, metatable), metatable
end

-- Of an error that is a table, scripts that catch it get the text, as they did when errors were texts.
local function caught(ok, ...)
    if ok then
        return true, ...
    end
    local problem = ...
    if type(problem) == "table" then
        local text = problem.err
        if type(text) == "string" or type(text) == "number" then
            return false, text
        end
    elseif type(problem) == "userdata" then
        return false, text_of(problem)
    end
    return false, problem
end

function real.pcall(...)
    local call, problem, level = ...
    if call == nil and select("#", ...) == 0 then
        return false, "attempt to call a boolean value"
    elseif call == error and type(level) == "number" and level >= 2
        and (type(problem) == "string" or type(problem) == "number") then
        -- The place is asked for of who called, not of this.
        return false, place_at(level) .. problem
    end
    return caught(pcall(...))
end

local function plain_of(problem)
    if type(problem) == "userdata" then
        return plain(problem)
    end
    return problem
end

base.finish_xpcall(function(call, handle)
    return xpcall(call, function(problem)
        -- While an error of the host's hook is handled there are no hooks: who was killed must not go on there.
        if is_killed() then
            return problem
        end
        return handle(plain_of(problem))
    end)
end)

local function resumed(ok, ...)
    if ok then
        return true, ...
    end
    return false, plain_of((...))
end

base.finish_resume(function(...)
    return resumed(resume(...))
end)

-- Compiled code is not checked by Lua, so it is not taken: with a space in front it is text.
local function as_text(code)
    return byte(code) == 27 and " " .. code or code
end

base.finish_loadstring(function(code, name)
    code = code .. ""
    return loadstring(as_text(code), name or code)
end)

base.finish_load(function(read, name)
    local begun = false
    local code, problem = load(function()
        local piece = read()
        if not begun and type(piece) == "string" and piece ~= "" then
            begun = true
            return as_text(piece)
        end
        return piece
    end, name or "=(load)")
    problem = plain_of(problem)
    -- Behind an error that `read` raised stands where, which is for the host.
    local trace = type(problem) == "string" and find(problem, "\nstack traceback:", 1, true)
    return code, trace and sub(problem, 1, trace - 1) or problem
end)

-- What stands in for Lua's own functions.
for _, name in next, { "collectgarbage", "getfenv", "load", "loadstring", "next", "pairs", "rawget", "rawset", "setfenv",
    "setmetatable", "xpcall" } do
    real[name] = base[name]
end
real.coroutine.resume = base.resume
real.math.random, real.math.randomseed = base.random, base.randomseed
real.string.rep, real.table.insert = base.rep, base.insert

real.os = { clock = real.os.clock }
real.print, real.dofile, real.loadfile, real.newproxy = nil, nil, nil, nil
real.require, real.module, real.package = nil, nil, nil

-- The functions of `redis`: of scripts, and of code that declares functions.
local function api(functions, values)
    local content = {}
    for name, call in next, functions do
        content[name] = call
    end
    for name, value in next, values do
        content[name] = value
    end
    return content
end

local declaring_redis = setmetatable(api(host.declaring, host.declaring_values), { __index = absent })
real.redis = api(host.redis, host.redis_values)

for name, content in next, real do
    if type(content) == "table" and content ~= real then
        real[name] = lock(content)
    end
end

-- `_G` is a facade, too. While a library is loaded, little else than its own `redis` stands behind it.
local shown_metatable = lock({ __index = absent })
local shown, metatable = lock(real, host.globals, shown_metatable)
setmetatable(real, { __index = absent })
real._G = shown
local declaring = setmetatable({ redis = lock(declaring_redis) }, { __index = absent })

-- What methods of strings are found in is shared, too.
local of_strings = getmetatable("")
of_strings.__metatable = lock({ __index = real.string })

local place_of = host.place_of

-- Makes a table of whatever was raised, and notes where.
local function handler(problem)
    problem = plain_of(problem)
    if type(problem) ~= "table" then
        problem = { err = host.error_text(problem) }
    end
    local source, line = place_of()
    if source and not behind[problem] then
        rawset(problem, "source", source)
        rawset(problem, "line", line)
    end
    return problem
end

local entry = {}

function entry.run_script(script, keys, arguments)
    real.KEYS, real.ARGV = keys, arguments
    return xpcall(script, handler)
end

function entry.run_function(callback, keys, arguments)
    return xpcall(function()
        return callback(keys, arguments)
    end, handler)
end

-- Between two scripts: nothing of the last is held.
function entry.forget()
    real.KEYS, real.ARGV = nil, nil
end

function entry.load(library)
    metatable.__index = declaring
    return xpcall(library, handler)
end

function entry.loaded()
    metatable.__index = real
end

return entry
