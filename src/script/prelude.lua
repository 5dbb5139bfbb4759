-- What every interpreter runs first: it puts the sandbox around the tables that the host has filled.
--
-- Lua 5.1 has no read-only tables. A table that scripts share is shown to them as a *facade*: an empty table whose
-- reads go to the real one behind it, and whose writes are refused. Functions that would see the emptiness (pairs,
-- next, rawget) look behind the facade, those that would fill it (rawset, table.insert) refuse to.
--
-- The host's functions raise userdata. Whoever catches an error gets the table or text that it stands for.
local host, real = ...

local error, getmetatable, load, loadstring = real.error, real.getmetatable, real.load, real.loadstring
local next, pcall, rawget, rawset, select = real.next, real.pcall, real.rawget, real.rawset, real.select
local setfenv, setmetatable, tonumber, type = real.setfenv, real.setmetatable, real.tonumber, real.type
local xpcall, collectgarbage = real.xpcall, real.collectgarbage
local resume = real.coroutine.resume
local is_killed, plain, text_of = host.is_killed, host.plain, host.text_of
local byte, ceil, floor, insert = real.string.byte, real.math.ceil, real.math.floor, real.table.insert

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
    local metatable = { __index = content, __newindex = refuse, __metatable = meta or false }
    return setmetatable(facade, metatable), metatable
end

local function bad_argument(position, name, expected, value)
    error("bad argument #" .. position .. " to '" .. name .. "' (" .. expected .. " expected, got "
        .. (value == nil and "nil" or type(value)) .. ")", 3)
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
    return caught(pcall(...))
end

local function plain_of(problem)
    if type(problem) == "userdata" then
        return plain(problem)
    end
    return problem
end

function real.xpcall(call, handle)
    return xpcall(call, function(problem)
        -- While an error of the host's hook is handled there are no hooks: who was killed must not go on there.
        if is_killed() then
            return problem
        end
        return handle(plain_of(problem))
    end)
end

local function resumed(ok, ...)
    if ok then
        return true, ...
    end
    return false, plain_of((...))
end

function real.coroutine.resume(...)
    return resumed(resume(...))
end

function real.next(content, key)
    return next(behind[content] or content, key)
end

function real.pairs(content)
    if type(content) ~= "table" then
        bad_argument(1, "pairs", "table", content)
    end
    local hidden = behind[content]
    if not hidden then
        return next, content, nil
    end
    return function(_, key)
        return next(hidden, key)
    end, content, nil
end

function real.rawget(content, key)
    if type(content) ~= "table" then
        bad_argument(1, "rawget", "table", content)
    end
    return rawget(behind[content] or content, key)
end

function real.rawset(content, key, value)
    if type(content) ~= "table" then
        bad_argument(1, "rawset", "table", content)
    end
    if behind[content] then
        error(READ_ONLY, 0)
    end
    return rawset(content, key, value)
end

function real.setmetatable(content, metatable)
    if type(content) ~= "table" then
        bad_argument(1, "setmetatable", "table", content)
    end
    if behind[content] then
        error(READ_ONLY, 0)
    end
    return setmetatable(content, metatable)
end

function real.table.insert(content, ...)
    if type(content) ~= "table" then
        bad_argument(1, "insert", "table", content)
    end
    if behind[content] then
        error(READ_ONLY, 0)
    end
    return insert(content, ...)
end

-- Level 0 is what all later scripts start from.
function real.setfenv(what, environment)
    local level = type(what) ~= "function" and tonumber(what)
    if level == 0 then
        error(READ_ONLY, 0)
    end
    local changed = setfenv(level and level + 1 or what, environment)
    return changed
end

-- Compiled code is not checked by Lua, so it is not taken: with a space in front it is text.
local function as_text(code)
    return byte(code) == 27 and " " .. code or code
end

function real.loadstring(code, name)
    if type(code) == "string" then
        return loadstring(as_text(code), name or code)
    end
    return loadstring(code, name)
end

function real.load(read, name)
    if type(read) ~= "function" then
        bad_argument(1, "load", "function", read)
    end
    local begun = false
    return load(function()
        local piece = read()
        if not begun and type(piece) == "string" and piece ~= "" then
            begun = true
            return as_text(piece)
        end
        return piece
    end, name or "=(load)")
end

-- Scripts may collect; how the collector goes about its work is not theirs to say.
local KEPT = { stop = 0, restart = 0, setpause = 200, setstepmul = 200 }
function real.collectgarbage(option, argument)
    local kept = KEPT[option or "collect"]
    if kept then
        return kept
    end
    return collectgarbage(option, argument)
end

real.string.rep = host.repeated

-- The same numbers on every machine.
local function whole(value, position, name)
    local number = tonumber(value)
    if not number then
        bad_argument(position, name, "number", value)
    end
    return number < 0 and ceil(number) or floor(number)
end

function real.math.random(...)
    local count = select("#", ...)
    local share = host.random()
    if count == 0 then
        return share
    elseif count > 2 then
        error("wrong number of arguments", 2)
    end
    local low, high = ...
    low = whole(low, 1, "random")
    if count == 1 then
        low, high = 1, low
    else
        high = whole(high, 2, "random")
    end
    if low > high then
        error("bad argument #" .. count .. " to 'random' (interval is empty)", 2)
    end
    return floor(share * (high - low + 1)) + low
end

function real.math.randomseed(seed)
    host.seed(whole(seed, 1, "randomseed"))
end

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

function entry.load(library)
    metatable.__index = declaring
    return xpcall(library, handler)
end

function entry.loaded()
    metatable.__index = real
end

return entry
