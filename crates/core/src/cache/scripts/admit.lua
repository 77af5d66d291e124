-- The store has admitted the caller. ARGV 4-15 as for enter.lua, 16 when the request came in, 17 in which epoch, 18 whether
-- the address was charged, 19 workspace, 20 principal, 21 whether no invalidation was pending.
-- Reply: ok, epoch, state, workspace, generation, head, body, then the rates if they changed.

local came, came_in, address_charged = tonumber(ARGV[16]), ARGV[17], ARGV[18] == '1'
local workspace, principal, settled = ARGV[19], ARGV[20], ARGV[21] == '1'

local buckets, passes = {}, true
if kind == 't' then
  redis.call('SET', prefix .. 'k:' .. id, '1', 'EX', 3600)
  if address_charged then
    for _, one in ipairs(buckets_of('a', address, address_default, address_writes)) do
      fill(one, one.tat - one.interval)
    end
    buckets = buckets_of('t', id, token_default, token_writes)
    passes = charge(buckets)
  end
end

-- Remembered until one second after the request came in, hence after less than a second from the check; and only if that check
-- found nothing pending, in the same epoch.
local state, generation, head, body = 'b', false, false, false
local expiry = came and came + 1000000 or 0
if settled and came_in == epoch and expiry > now then
  redis.call('SET', prefix .. 'a:' .. epoch .. ':' .. id, whole(expiry) .. ':' .. workspace .. ':' .. principal,
    'PX', math.ceil((expiry - now) / 1000))
  if passes and request ~= '' then
    state, generation, head, body = look_up(workspace, object, request, gzip)
  end
end

local reply = {'ok', epoch, state, workspace, generation, head, body}
report(reply, buckets)
return reply
