-- Has the other caller's response arrived? ARGV 4 workspace, 5 generation, 6 request digest, 7 gzip. Reply: ok, state (h: here it
-- is, w: wait on, g: go and fetch), head, body. Who waits has asked in this generation, so its response is good for them whatever
-- was written since.

local name = entry_name(ARGV[4], ARGV[5], ARGV[6])
local head, body = read_entry(prefix .. 'e:' .. name, ARGV[7] == '1')
if head then
  return {'ok', 'h', head, body}
end
-- If the other one has given up, one of those who wait takes its place.
return {'ok', leads(name) and 'g' or 'w', false, false}
