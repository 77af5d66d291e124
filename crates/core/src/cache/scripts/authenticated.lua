-- The store has authenticated the caller, and has looked for pending invalidations. ARGV 4 as for enter.lua, 5 when the
-- request came in, 6 in which epoch, 7 whether the address was charged, 8 workspace, 9 microseconds that the token is
-- good for, 10 microseconds since its use was noted, 11 principal, 12 the workspaces with pending invalidations,
-- separated by blanks, 13 whether these are all, 14 whether a token was revoked among them, 15 microseconds from 5
-- until the store was asked, at least.
-- Reply: ok, facts, head, body, used. Facts are words: epoch, state, workspace, generation (- for none), then the rates
-- if they changed; used are the hashes of the tokens whose use this caller is to note, one behind the other.

local came, came_in, address_charged, workspace = tonumber(ARGV[5]), ARGV[6], ARGV[7] == '1', ARGV[8]
local asked = came + tonumber(ARGV[15])

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

-- A check is good until one second after the store was asked, hence for less than a second from the check itself; and
-- only in the epoch in which the request came in. While it is, nothing is served to the workspaces that it found.
local good_until = came_in == epoch and asked + 1000000 or 0
redis.call('HSET', installation, 'took', whole(now - came))
for pending in string.gmatch(ARGV[12], '%S+') do
  local key = workspace_key(pending)
  generation_of(pending, 'a')
  raise(key, 'a')
  redis.call('HSET', key, 'x', whole(math.max(good_until, tonumber(redis.call('HGET', key, 'x') or 0))))
end
if ARGV[14] == '1' then
  revoke()
end
local takes_uses = false
if good_until > now then
  if ARGV[13] == '1' and good_until > checked then
    checked = good_until
    redis.call('HSET', installation, 'checked', whole(checked))
    takes_uses = true
  end
  local remembered = {came = asked, expiry = asked + tonumber(ARGV[9]), noted = asked - tonumber(ARGV[10]),
    workspace = workspace, principal = ARGV[11]}
  if asked > access and remembered.expiry > now then
    if kind == 't' then
      note_use(id, remembered, asked)
    end
    remember(id, remembered)
  end
end

local state, generation, head, body = 'b', false, false, false
if passes and request ~= '' and came_in == epoch and checked > now then
  state, generation, head, body = look_up(workspace, dependency, request, gzip, copy)
end

return {ok, string.format('%s %s %s %s', epoch, state, workspace, generation or '-') .. report(buckets), head, body,
  takes_uses and table.concat(redis.call('SPOP', used, 1000))}
