-- A write is about to be sent. ARGV 4 workspace, 5 id of the write, 6 its scopes, or "access". Reply: ok.

local workspace, write, scopes = ARGV[4], ARGV[5], ARGV[6]
if scopes == 'access' then
  fence(installation, write, scopes)
else
  local key = workspace_key(workspace)
  generation_of(workspace, 'a')
  fence(key, write, scopes)
  redis.call('EXPIRE', key, 86400)
end
return {ok}
