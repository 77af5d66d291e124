-- wrk: reads one path with many tokens in turn. TOKENS: bearer tokens, separated by commas.
local requests = {}
local turn = 0

function init()
  for token in string.gmatch(os.getenv("TOKENS"), "[^,]+") do
    requests[#requests + 1] = wrk.format("GET", wrk.path, {["authorization"] = "Bearer " .. token})
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
