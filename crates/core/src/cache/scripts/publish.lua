-- A write has ended. ARGV 4 workspace, 5 id of the write, 6 the scopes that it changed, "access", or "" if it changed
-- nothing, 7 whether it worked in the background. Reply: ok.

local workspace, write, scopes, in_background = ARGV[4], 'm' .. ARGV[5], ARGV[6], ARGV[7] == '1'
if scopes == 'access' then
  revoke()
  redis.call('HDEL', installation, write)
  return {ok}
end
local key = workspace_key(workspace)
if scopes ~= '' then
  generation_of(workspace, 'a')
  if in_background then
    raise_in_background(key, scopes)
  else
    raise(key, scopes)
  end
end
redis.call('HDEL', key, write)
return {ok}
