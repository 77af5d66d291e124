-- Has the other caller's response arrived? ARGV 4 workspace, 5 generation, 6 request digest, 7 gzip. Reply: ok, state
-- (h: here it is, w: wait on, g: go and fetch), head, body. Who waits has asked in this generation, so a response of it
-- or of a later one is good for them, whatever was written since.

local workspace, generation, request = ARGV[4], ARGV[5], ARGV[6]
local key = entry_key(workspace, request)
local held, head, first = read_head(key)
if held and held >= digits(generation) then
  local body = read_body(key, head, first, ARGV[7] == '1')
  if body then
    return {ok, 'h', head, body}
  end
end
-- If the other one has given up, one of those who wait takes its place.
return {ok, leads(fetch_name(workspace, generation, request)) and 'g' or 'w', false, false}
