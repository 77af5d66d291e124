-- The gate call of a request: authentication, rate limit and response cache.
-- ARGV 4: t (token) | w (workspace) | n (nobody), write, prefers gzip, quotas, token hash or "off" +
-- workspace, address, request digest or "", what the response depends on, the name of a copy that the caller has or "",
-- the id under which a write is to be announced or "".
-- Reply: ok, facts, principal, head, body. Facts are words: now, epoch, a sum of what is to be said (1: check again
-- beside the response, 2: enter again, another caller is checking, 4: the write was announced), address charged, state,
-- workspace, generation (- for none), then the rates.

local remembered = nil
if kind ~= 'n' then
  remembered = remembered_token(id)
end

-- A token gets a bucket of its own only once it has been valid: whoever invents tokens shares the bucket of his
-- address.
local known = kind == 't' and (remembered or redis.call('EXISTS', prefix .. 'k:' .. id) == 1)
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

-- Without a recent check nothing that is remembered may be used. One caller is asked to check, and before time runs out
-- to check again, so that nobody has to wait for it: the sooner, the longer the last check took. Another one is asked
-- after a quarter of a second, as the first may have died, or be slow on a busy machine.
local ahead = 300000 + math.min(took, 500000)
local after, state, generation, head, body = 0, 'b', false, false, false
local function is_asked_to_check(key)
  return redis.call('SET', key, '1', 'NX', 'PX', 250)
end
if passes and (kind == 'w' or known) and (not remembered or checked <= now) then
  if not is_asked_to_check(prefix .. (remembered and 'n' or 'n:' .. id)) then
    after = 2
  end
  remembered = nil
end

if remembered and passes then
  if checked - now < ahead and is_asked_to_check(prefix .. 'n')
      or remembered.expiry - now < 5000000 and is_asked_to_check(prefix .. 'n:' .. id) then
    after = 1
  end
  if kind == 't' and note_use(id, remembered, now) then
    remember(id, remembered)
  end
  if announce ~= '' then
    -- What it will change is not known yet, so if its writer dies anything has changed.
    local key = workspace_key(remembered.workspace)
    generation_of(remembered.workspace, 'a')
    fence(key, announce, 'a')
    redis.call('EXPIRE', key, 86400)
    after = after + 4
  end
  if request ~= '' then
    state, generation, head, body = look_up(remembered.workspace, dependency, request, gzip, copy)
  end
end

local facts = string.format('%.0f %s %d %d %s %s %s', now, epoch, after,
  (kind == 't' and not known and passes) and 1 or 0,
  state, remembered and remembered.workspace or '-', generation or '-')
return {ok, facts .. report(buckets), remembered and remembered.principal or false, head, body}
