-- The first command of every connection: which life of this server is it talking to? ARGV 1 prefix, 2 life of a mark in
-- microseconds. Reply: the epoch.
--
-- All connections break when Redis restarts, so whoever comes back begins a new epoch before anything is trusted: keys of the
-- old one are never read again, whatever state the data came back in. Writes announced to the old life may still be running;
-- nothing is stored until they have ended (`quiet`).

local prefix, mark_ttl = ARGV[1], tonumber(ARGV[2])
local key = prefix .. 'epoch'
local server = redis.call('INFO', 'server')
local run = string.match(server, 'run_id:(%x+)')
local known = redis.call('HMGET', key, 'run', 'epoch')
if known[1] == run and known[2] then
  return {'ok', known[2]}
end

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local quiet = now + mark_ttl
if not known[1] then
  -- Never greeted since it started empty, or forgotten? In the first case announcements can only have been made to a life
  -- before this one, hence before this one's start.
  local stats, commands = redis.pcall('INFO', 'stats'), redis.pcall('INFO', 'commandstats')
  local uptime = tonumber(string.match(server, 'uptime_in_seconds:(%d+)'))
  if uptime and type(stats) == 'string' and type(commands) == 'string'
      and string.match(stats, 'evicted_keys:(%d+)') == '0' and not string.find(commands, 'cmdstat_flush', 1, true) then
    quiet = now - uptime * 1000000 + 1000000 + mark_ttl
  end
end
local epoch = string.format('%.0f', now) .. string.sub(run, 1, 8)
redis.call('HSET', key, 'run', run, 'epoch', epoch, 'quiet', string.format('%.0f', quiet))
return {'ok', epoch}
