-- Has the other caller's response arrived? ARGV 4 id of the admission, 5 workspace, 6 generation, 7 request digest, 8 gzip, 9 object.
-- Reply: ok, state (h: here it is, w: wait on, g: go and fetch), head, body.

local workspace, generation, request = ARGV[5], ARGV[6], ARGV[7]
local current, busy = generation_of(workspace, ARGV[9])
if busy or current ~= generation or not admission_of(ARGV[4]) then
  return {'ok', 'g', false, false}
end
local name = entry_name(workspace, generation, request)
local head, body = read_entry(prefix .. 'e:' .. name, ARGV[8] == '1')
if head then
  return {'ok', 'h', head, body}
end
if redis.call('EXISTS', prefix .. 'f:' .. name) == 1 then
  return {'ok', 'w', false, false}
end
return {'ok', 'g', false, false}
