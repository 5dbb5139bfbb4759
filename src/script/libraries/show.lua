local function show(...) local tables = 0
local function one(value) local kind = type(value)
if kind == 'number' then if value ~= value then return 'NaN' elseif value == 0 and 1 / value < 0 then return '-0' end return string.format('%.17g', value)
elseif kind == 'string' then return '"' .. string.gsub(value, '[^%w%p ]', function(byte) return string.format('\\%02x', string.byte(byte)) end) .. '"'
elseif kind == 'table' then tables = tables + 1 if tables > 40 then return '...' end local parts = {} for key, inner in pairs(value) do parts[#parts + 1] = one(key) .. '=' .. one(inner) end table.sort(parts) return '{' .. table.concat(parts, ',') .. '}'
elseif value == cjson.null then return 'null' elseif kind == 'function' then return kind end return tostring(value) end
local parts = {} for index = 1, select('#', ...) do parts[index] = one((select(index, ...))) end return table.concat(parts, ' ') end
local function try(...) return show(pcall(...)) end
