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

-- What is known of a workspace, in one hash, so that all of it can only be lost together:
--   g      the latest generation; raised by every write
--   a      the generation of the last write that touched everything
--   o<id>  the generation of the last write that touched this object since then
--   m      the marks of writes in flight: "<scope> <write> <expiry>;" each. Scope: * everything, - no existing object, an id,
--          or ~ everything, in the background
--   p      what the last background write has outdated: "<until when it may be served> <the generation that it began>
--          <g before it> <a before it, or - where objects had generations of their own>"
-- What depends on one object lives in the generation o<id>, or a without one. Everything else lives in g. All come from one
-- counter, so none of them ever returns.
local function workspace_key(workspace)
  return prefix .. 'w:' .. workspace
end

-- Every entry that depends on what is touched becomes unreachable; after a background write those before it may be served for
-- half a second more, until somebody has fetched anew. Before it comes generation_of, so that there is a generation, and after it
-- remark.
local function raise(workspace, scope)
  local key = workspace_key(workspace)
  local before = redis.call('HMGET', key, 'g', 'a')
  local generation = whole(redis.call('HINCRBY', key, 'g', 1))
  if scope ~= '*' and scope ~= '~' and scope ~= '-' then
    redis.call('HSET', key, 'o' .. scope, generation)
  end
  -- The objects are forgotten before they are many: then everything was touched.
  if scope == '*' or scope == '~' or redis.call('HLEN', key) > 5000 then
    redis.call('HSET', key, 'a', generation)
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if string.sub(name, 1, 1) == 'o' then
        redis.call('HDEL', key, name)
        before[2] = '-'
      end
    end
  end
  if scope == '~' then
    redis.call('HSET', key, 'p', table.concat({whole(now + 500000), generation, before[1], before[2]}, ' '))
  end
end

-- Sets a mark ('' for none) and sweeps that of `write` and those that have expired.
local function remark(workspace, write, mark)
  local key, kept = workspace_key(workspace), {mark}
  local marks = redis.call('HGET', key, 'm') or ''
  for scope, id, expiry in string.gmatch(marks, '(%S+) (%S+) (%d+);') do
    if id ~= write and tonumber(expiry) > now then
      kept[#kept + 1] = scope .. ' ' .. id .. ' ' .. expiry .. ';'
    end
  end
  redis.call('HSET', key, 'm', table.concat(kept))
  redis.call('EXPIRE', key, 86400)
end

-- The generation of an object ('' for everything else); whether a write to it may be in flight, other than in the background;
-- and the generation that the last background write has outdated, or nil. A lost generation begins again at the time, which no
-- earlier one has reached; and if it may have been evicted, marks may have gone with it: their longest life passes before
-- anything is stored again.
local function generation_of(workspace, object)
  local key = workspace_key(workspace)
  local fields = redis.call('HMGET', key, 'g', 'a', 'm', 'p', 'o' .. object)
  local everything, last, marks, outdated, own = fields[1], fields[2], fields[3], fields[4], fields[5]
  local busy = now < quiet
  if not everything then
    local generation, lost = whole(now), ''
    if evicts() then
      lost, busy = '* lost ' .. whole(now + mark_ttl) .. ';', true
    end
    redis.call('HSET', key, 'g', generation, 'a', generation, 'm', lost)
    redis.call('EXPIRE', key, 86400)
    return generation, busy
  end
  for scope, expiry in string.gmatch(marks or '', '(%S+) %S+ (%d+);') do
    local stands = tonumber(expiry) > now
    if scope == '~' then
      if not stands then
        -- Whoever wrote it is dead, and has perhaps committed: this is its publish.
        raise(workspace, '*')
        remark(workspace, '', '')
        return generation_of(workspace, object)
      end
    elseif stands and (object == '' or scope == '*' or scope == object) then
      busy = true
    end
  end
  local generation, former = everything, nil
  if object ~= '' then
    generation = own or last
  end
  if outdated then
    local till, begun, all, objects = string.match(outdated, '(%S+) (%S+) (%S+) (%S+)')
    -- Another write since then has begun another generation.
    if generation == begun and tonumber(till) > now then
      former = object == '' and all or objects
    end
  end
  return generation, busy, former
end

local function entry_name(workspace, generation, request)
  return workspace .. ':' .. epoch .. ':' .. generation .. ':' .. request
end
