-- A write has ended, or pending invalidations are being settled. ARGV 4 workspace, 5 id of the write or "". Reply: ok.

local workspace, id = ARGV[4], ARGV[5]
next_generation(workspace)
if id ~= '' then
  redis.call('HDEL', prefix .. 'w:' .. workspace, id)
end
return {'ok'}
