-- A request at the door. ARGV 4: t (token) | w (workspace) | n (nobody), write, prefers gzip, quotas, token hash or "off" +
-- workspace, address, request digest or "", the object that the response depends on alone or "", the name of a copy that
-- the caller has or "".
-- Reply: ok, facts, principal, head, body. Facts are words: now, epoch, renew, address charged, state, workspace, generation
-- (- for none), then the rates.

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
  state, generation, head, body = look_up(admission[2], object, request, gzip, copy)
end

local facts = string.format('%.0f %s %d %d %s %s %s', now, epoch, renew, (kind == 't' and not known and passes) and 1 or 0,
  state, admission and admission[2] or '-', generation or '-')
return {'ok', facts .. report(buckets), admission and admission[3] or false, head, body}
