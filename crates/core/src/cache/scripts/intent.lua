-- A write is about to be sent. ARGV 4 workspace, 5 id of the write. Reply: ok.

local workspace, id = ARGV[4], ARGV[5]
local key = prefix .. 'w:' .. workspace
next_generation(workspace)
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  if fields[i] ~= 'g' and tonumber(fields[i + 1]) <= now then
    redis.call('HDEL', key, fields[i])
  end
end
redis.call('HSET', key, id, whole(now + mark_ttl))
return {'ok'}
