-- What every script but greet.lua begins with. ARGV: 1 prefix, 2 the epoch in which the connection was greeted, 3 life of a
-- mark in microseconds. Keys are built from the prefix, so the scripts need one Redis, not a cluster. Times are microseconds
-- of this server's clock; %.0f keeps Lua from writing them with an exponent.

local prefix, epoch, mark_ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

local function whole(number)
  return string.format('%.0f', number)
end

local current = redis.call('HMGET', prefix .. 'epoch', 'epoch', 'quiet')
if current[1] ~= epoch then
  return {'stranger'}
end
local quiet = tonumber(current[2])

-- True if this server may have forgotten a key by itself, or will not say.
local function evicts()
  local stats = redis.pcall('INFO', 'stats')
  return type(stats) ~= 'string' or string.match(stats, 'evicted_keys:(%d+)') ~= '0'
end

-- The generation of a workspace, and whether a write may be in flight. The hash holds the generation and the marks, so that
-- they can only be lost together. A lost generation begins again at the time, which no earlier one has reached; and if it may
-- have been evicted, marks may have gone with it: their longest life passes before anything is stored again.
local function generation_of(workspace)
  local key = prefix .. 'w:' .. workspace
  local fields = redis.call('HGETALL', key)
  local generation, busy = false, now < quiet
  for i = 1, #fields, 2 do
    if fields[i] == 'g' then
      generation = fields[i + 1]
    elseif tonumber(fields[i + 1]) > now then
      busy = true
    end
  end
  if not generation then
    generation = whole(now)
    redis.call('HSET', key, 'g', generation)
    redis.call('EXPIRE', key, 86400)
    if evicts() then
      redis.call('HSET', key, 'lost', whole(now + mark_ttl))
      busy = true
    end
  end
  return generation, busy
end

-- Every entry of the workspace becomes unreachable.
local function next_generation(workspace)
  generation_of(workspace)
  redis.call('HINCRBY', prefix .. 'w:' .. workspace, 'g', 1)
  redis.call('EXPIRE', prefix .. 'w:' .. workspace, 86400)
end

local function entry_name(workspace, generation, request)
  return workspace .. ':' .. epoch .. ':' .. generation .. ':' .. request
end
