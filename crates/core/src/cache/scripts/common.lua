-- What every script goes on with. Keys are built from the prefix, so the scripts need one Redis, not a cluster. Times
-- are microseconds of this server's clock; %.0f keeps Lua from writing them with an exponent.

-- Fences of writes in flight are fields of the hash that they concern, so that both can only be lost together: m<write>
-- is "<expiry> <scopes>", and `next` is no later than the first expiry.
local function fence(key, write, scopes)
  local expiry = whole(now + fence_ttl)
  redis.call('HSET', key, 'm' .. write, expiry .. ' ' .. scopes)
  -- Fences of another component may live longer.
  local next = redis.call('HGET', key, 'next')
  if not next or tonumber(next) > tonumber(expiry) then
    redis.call('HSET', key, 'next', expiry)
  end
end

-- The scopes of the fences that have expired, which are removed; `next` as read from the hash. Whoever left one is
-- dead, and has perhaps committed.
local function expired(key, next)
  local scopes, first = {}, nil
  if not next or tonumber(next) > now then
    return scopes
  end
  local fields = redis.call('HGETALL', key)
  for index = 1, #fields, 2 do
    if string.sub(fields[index], 1, 1) == 'm' then
      local expiry, scope = string.match(fields[index + 1], '(%d+) (%S*)')
      expiry = tonumber(expiry)
      if expiry <= now then
        redis.call('HDEL', key, fields[index])
        scopes[#scopes + 1] = scope
      elseif not first or expiry < first then
        first = expiry
      end
    end
  end
  if first then
    redis.call('HSET', key, 'next', whole(first))
  else
    redis.call('HDEL', key, 'next')
  end
  return scopes
end

-- The installation: until when the last check for pending invalidations is good (`checked`), how long the last one took
-- (`took`), and when a token was last revoked (`access`): what was remembered of tokens before is not used.
local installation = prefix .. 'epoch'
local facts = redis.call('HMGET', installation, 'epoch', 'checked', 'access', 'next', 'took')
if facts[1] ~= epoch then
  return {'other epoch'}
end
local checked, access, took = tonumber(facts[2] or 0), tonumber(facts[3] or 0), tonumber(facts[5] or 0)

local function revoke()
  access = math.max(access, now)
  redis.call('HSET', installation, 'access', whole(access))
end

if #expired(installation, facts[4]) > 0 then
  revoke()
end

-- What is known of a workspace, in one hash. All generations come from one counter, so none of them ever returns:
--   g           the counter
--   a           the generation of the last write that changed anything
--   s, t, n, p  the same of statistics, tags, named lists, people
--   O, o<id>    the same of every todo, and of one
--   L, l, l<condition>  the same of every list of todos, of those without a condition, and of those with one
--               (condition.rs)
--   f           what the last background write has made stale: "<until when it may be served>
--               <its generation> <O, L, s, t, n before>"
--   x           until when nothing may be served, because a check found pending invalidations
-- A response lives in the latest generation of what it depends on.
local function workspace_key(workspace)
  return prefix .. 'w:' .. epoch .. ':' .. workspace
end

-- Makes everything unreachable that depends on one of the scopes, which are names of fields. Comes after generation_of,
-- so that there is a counter.
local function raise(key, scopes)
  local generation = whole(redis.call('HINCRBY', key, 'g', 1))
  for scope in string.gmatch(scopes, '[^,]+') do
    redis.call('HSET', key, scope, generation)
  end
  -- Generations of single todos and of lists with a condition are forgotten before they are many: then all have
  -- changed.
  if redis.call('HLEN', key) > 5000 then
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if string.find(name, '^[ol]') then
        redis.call('HDEL', key, name)
      end
    end
    redis.call('HSET', key, 'O', generation, 'L', generation)
  end
  return generation
end

-- The same for a background write, which changes todos: what it makes stale may be served for half a second more, until
-- somebody has fetched anew.
local function raise_in_background(key, scopes)
  local before = redis.call('HMGET', key, 'O', 'L', 's', 't', 'n')
  local words = {whole(now + 500000), raise(key, scopes)}
  for index = 1, 5 do
    words[#words + 1] = before[index] or '0'
  end
  redis.call('HSET', key, 'f', table.concat(words, ' '))
end

-- The latest generation of what a response depends on (the name of a field), whether nothing may be served, and the
-- generation that the last background write has made stale, or nil. A hash that is lost begins again at the time, which
-- no generation has reached, and with a fence, since fences may have gone with it.
local function generation_of(workspace, dependency)
  local key = workspace_key(workspace)
  local kind = string.sub(dependency, 1, 1)
  -- What raises all of its kind.
  local all = kind == 'o' and 'O' or kind == 'l' and 'L' or 'a'
  local fields = redis.call('HMGET', key, 'g', 'a', all, dependency, 'next', 'x', 'f')
  if not fields[1] then
    redis.call('HSET', key, 'g', whole(now), 'a', whole(now))
    fence(key, 'lost', 'a')
    redis.call('EXPIRE', key, 86400)
    return whole(now), false
  end
  local dead = expired(key, fields[5])
  if #dead > 0 then
    raise(key, table.concat(dead, ','))
    return generation_of(workspace, dependency)
  end
  local everything, own = tonumber(fields[2]), tonumber(fields[4] or 0)
  local generation, former = math.max(everything, tonumber(fields[3] or 0), own), nil
  if fields[7] then
    local words = {}
    for word in string.gmatch(fields[7], '%d+') do
      words[#words + 1] = tonumber(word)
    end
    local till, begun = words[1], words[2]
    local before = ({o = words[3], l = words[4], s = words[5], t = words[6], n = words[7]})[kind]
    -- Another write since then has begun another generation.
    if generation == begun and till > now then
      former = whole(math.max(everything, before or 0, all ~= 'a' and own or 0))
    end
  end
  return whole(generation), tonumber(fields[6] or 0) > now, former
end

-- A request has one entry, which names its generation in digits that compare as numbers do.
local function entry_key(workspace, request)
  return prefix .. 'e:' .. workspace .. ':' .. epoch .. ':' .. request
end

local function digits(generation)
  return string.format('%016.0f', tonumber(generation))
end

local function fetch_name(workspace, generation, request)
  return workspace .. ':' .. epoch .. ':' .. generation .. ':' .. request
end
