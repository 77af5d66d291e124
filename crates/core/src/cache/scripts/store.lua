-- Keeps a response if nothing was announced since its generation was read. ARGV 4 workspace, 5 generation, 6 request digest,
-- 7 milliseconds to live, 8 the entry, or "" to give up, 9 object. Reply: ok, 1 if stored.

local workspace, generation, request, entry = ARGV[4], ARGV[5], ARGV[6], ARGV[8]
local name = entry_name(workspace, generation, request)
local current, busy = generation_of(workspace, ARGV[9])
local stored = 0
if entry ~= '' and current == generation and not busy then
  redis.call('SET', prefix .. 'e:' .. name, entry, 'PX', ARGV[7])
  stored = 1
end
redis.call('DEL', prefix .. 'f:' .. name)
return {'ok', stored}
