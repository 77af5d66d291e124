-- A write has ended, or pending invalidations are being settled. ARGV 4 workspace, 5 id of the write or "", 6 its scope.
-- Reply: ok.

local workspace, write, scope = ARGV[4], ARGV[5], ARGV[6]
generation_of(workspace, '')
raise(workspace, scope)
remark(workspace, write, '')
return {'ok'}
