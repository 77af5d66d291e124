-- Keeps a response. ARGV 4 workspace, 5 generation, 6 request digest, 7 milliseconds to live, 8 the entry, or "" to give up, 9 what
-- the response depends on. Reply: ok, 1 if it was stored for long.

local workspace, generation, request, ttl, entry = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]
local name = entry_name(workspace, generation, request)
local current = generation_of(workspace, ARGV[9]) == generation
if entry ~= '' then
  -- Of an earlier generation it is for those who asked when that was current, and wait.
  redis.call('SET', prefix .. 'e:' .. name, entry, 'PX', whole(current and ttl or math.min(ttl, 2000)))
end
redis.call('DEL', prefix .. 'f:' .. name)
return {'ok', (current and entry ~= '') and 1 or 0}
