-- What every script begins with: the handshake of a connection that has had none, which is thus no call of its own.
-- ARGV: 1 prefix; 2 the epoch of the handshake, or, on a connection without one, a line of words: "handshake",
-- followed by a key and a value that instances to come shall find, or by a key alone: there is the id of the
-- installation, and the prefix ends with it; 3 life of a fence in microseconds. The reply to a call with a handshake
-- begins with ok, the epoch and the id that was found or left, in one line, or is "unknown installation".
--
-- All connections break when Redis restarts, so whoever comes back begins a new epoch before anything is trusted: keys
-- of the old one are never read again, whatever state the data came back in. A token may be being revoked by a writer
-- that announced it to the old life, so the new one begins with a fence.

local prefix, epoch, fence_ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local ok = 'ok'

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

local function whole(number)
  return string.format('%.0f', number)
end

if string.sub(epoch, 1, 9) == 'handshake' then
  local memory, id = string.match(epoch, '^handshake (%S+) ?(%S*)$')
  if memory and id == '' then
    id = redis.call('GET', memory)
    if not id then
      return {'unknown installation'}
    end
    prefix = prefix .. id .. ':'
  elseif memory then
    redis.call('SET', memory, id, 'EX', 86400)
  end
  local key = prefix .. 'epoch'
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local known = redis.call('HMGET', key, 'run', 'epoch')
  if known[1] == run and known[2] then
    epoch = known[2]
  else
    epoch = whole(now) .. string.sub(run, 1, 8)
    local expiry = whole(now + fence_ttl)
    redis.call('DEL', key)
    redis.call('HSET', key, 'run', run, 'epoch', epoch, 'mlost', expiry .. ' access', 'next', expiry)
  end
  ok = 'ok ' .. epoch .. ' ' .. (id or '')
end
