-- A credential was wrong. ARGV 4 address, 5 quota. Never fills the bucket beyond the quota. Reply: ok.

local owner, quota, span = ARGV[4], tonumber(ARGV[5]), 60000000
local key = prefix .. 'r:f:a:' .. owner
local interval = math.floor(span / quota)
local tat = math.max(tonumber(redis.call('GET', key) or 0), now)
tat = math.min(tat + interval, now + interval * quota)
redis.call('SET', key, whole(tat), 'PX', math.ceil((tat - now) / 1000))
return {ok}
