-- The store has admitted the caller. ARGV 4 as for enter.lua, 5 when the request came in, 6 in which epoch, 7 whether the address
-- was charged, 8 workspace, 9 principal, 10 whether no invalidation was pending.
-- Reply: ok, facts, head, body. Facts are words: epoch, state, workspace, generation (- for none), then the rates if they
-- changed.

local came, came_in, address_charged = tonumber(ARGV[5]), ARGV[6], ARGV[7] == '1'
local workspace, principal, settled = ARGV[8], ARGV[9], ARGV[10] == '1'

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
    state, generation, head, body = look_up(workspace, object, request, gzip, copy)
  end
end

return {'ok', string.format('%s %s %s %s', epoch, state, workspace, generation or '-') .. report(buckets), head, body}
