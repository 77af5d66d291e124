-- A write is about to be sent. ARGV 4 workspace, 5 id of the write, 6 its scope. Reply: ok.

local workspace, write, scope = ARGV[4], ARGV[5], ARGV[6]
generation_of(workspace, '')
if scope ~= '~' then
  raise(workspace, scope)
end
remark(workspace, write, scope .. ' ' .. write .. ' ' .. whole(now + mark_ttl) .. ';')
return {'ok'}
