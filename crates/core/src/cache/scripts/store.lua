-- Keeps a response. ARGV 4 workspace, 5 generation, 6 request digest, 7 milliseconds to live, 8 the entry, or "" to
-- give up or where it is there already, 9 what the response depends on, 10 the entity tag of the entry that is there,
-- or "". Reply: ok, 1 if it was stored for those who ask now, 2 if it is not there: send it whole.

local workspace, generation, request, ttl, entry, kept = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[10]
local key, mine = entry_key(workspace, request), digits(generation)
local current = generation_of(workspace, ARGV[9]) == generation
local held = redis.call('GETRANGE', key, 0, 29 + #kept)
-- Of an earlier generation it is for those who asked when that was current, and wait; what is newer is as good for
-- them.
local is_newer = #held >= 30 and string.sub(held, 15, 30) > mine
if kept ~= '' then
  if string.byte(held) ~= 2 or string.byte(held, 2) ~= #kept or string.sub(held, 31) ~= kept then
    return {ok, 2}
  end
  if not is_newer then
    redis.call('SETRANGE', key, 14, mine)
    redis.call('PEXPIRE', key, ttl)
  end
elseif entry ~= '' and not is_newer then
  redis.call('SET', key, entry, 'PX', ttl)
end
redis.call('DEL', prefix .. 'f:' .. fetch_name(workspace, generation, request))
return {ok, current and entry .. kept ~= '' and 1 or 0}
