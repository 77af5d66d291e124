-- A request at the door. ARGV 4 t (token) | w (workspace) | n (nobody), 5 token hash or "off" + workspace, 6 address,
-- 7-11 quotas, 12 write, 13 request digest or "", 14 prefers gzip, 15 the object that the response
-- depends on alone, or "".
-- Reply: ok, now, epoch, principal, renew, address charged, state, workspace, generation, head, body, then the rates.

local admission = nil
if kind ~= 'n' then
  admission = admission_of(id)
end

-- A token gets a bucket of its own only once it has been valid: whoever invents tokens shares the bucket of his address.
local known = kind == 't' and (admission or redis.call('EXISTS', prefix .. 'k:' .. id) == 1)
local buckets
if known then
  buckets = buckets_of('t', id, token_default, token_writes)
else
  buckets = buckets_of('a', address, address_default, address_writes)
  if kind == 't' and failures_quota > 0 then
    local failures = bucket('f', 'a:' .. address, failures_quota)
    failures.only_checked = true
    buckets[#buckets + 1] = failures
  end
end
local passes = charge(buckets)

-- One caller is asked to check an admission again before it runs out, so that a busy token never finds it gone.
local renew = 0
if admission and passes and admission[1] - now < 300000
    and redis.call('SET', prefix .. 'n:' .. id, '1', 'NX', 'PX', 250) then
  renew = 1
end

local state, generation, head, body = 'b', false, false, false
if admission and passes and request ~= '' then
  state, generation, head, body = look_up(admission[2], object, request, gzip)
end

local reply = {'ok', whole(now), epoch, admission and admission[3] or false, renew, (kind == 't' and not known and passes) and 1 or 0,
  state, admission and admission[2] or false, generation, head, body}
report(reply, buckets)
return reply
