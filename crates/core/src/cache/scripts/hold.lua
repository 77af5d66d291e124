-- Takes or renews a lease of an export. ARGV 4 owner, 5 export, 6 the most that may run, 7 length of the lease in
-- microseconds, 0 to give it back. Reply: ok, and 1, or 0 if as many run without this one.

local key, export, most, length = prefix .. 'x:' .. ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now))
if length == 0 then
  redis.call('ZREM', key, export)
  return {ok, 1}
end
if not redis.call('ZSCORE', key, export) and redis.call('ZCARD', key) >= most then
  return {ok, 0}
end
redis.call('ZADD', key, whole(now + length), export)
redis.call('PEXPIRE', key, math.ceil(length / 1000))
return {ok, 1}
