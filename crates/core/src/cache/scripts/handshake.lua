-- The handshake of every connection, which gives it the epoch: one run of the server. ARGV 1 prefix, 2 life of a fence
-- in microseconds, 3 and 4 a key and its value that instances to come shall find, or "". Reply: the epoch.
--
-- All connections break when Redis restarts, so whoever comes back begins a new epoch before anything is trusted: keys
-- of the old one are never read again, whatever state the data came back in. A token may be being revoked by a writer
-- that announced it to the old life, so the new one begins with a fence.

local prefix, fence_ttl = ARGV[1], tonumber(ARGV[2])
if ARGV[3] ~= '' then
  redis.call('SET', ARGV[3], ARGV[4], 'EX', 86400)
end
local key = prefix .. 'epoch'
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local known = redis.call('HMGET', key, 'run', 'epoch')
if known[1] == run and known[2] then
  return {'ok', known[2]}
end

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local epoch, expiry = string.format('%.0f', now) .. string.sub(run, 1, 8), string.format('%.0f', now + fence_ttl)
redis.call('DEL', key)
redis.call('HSET', key, 'run', run, 'epoch', epoch, 'mlost', expiry .. ' access', 'next', expiry)
return {'ok', epoch}
