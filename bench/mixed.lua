-- wrk: what a team does in a workspace. Of 19 reads 8 are of a page of 50, 4 of a filtered page, 2 of the statistics, 5 of the tags or
-- of single todos; WRITES per cent of the requests create a todo instead. TODOS: their public ids, separated by commas. TOKENS: bearer
-- tokens that take turns.
local writes = tonumber(os.getenv("WRITES"))
local body = '{"title":"Measure before you change","description":"One of many.","priority":"high"}'

local function list(name)
  local items = {}
  for item in string.gmatch(os.getenv(name), "[^,]+") do
    items[#items + 1] = item
  end
  return items
end

local todos, tokens, turn = list("TODOS"), list("TOKENS"), 0

function request()
  turn = turn % #tokens + 1
  local headers = {["authorization"] = "Bearer " .. tokens[turn], ["content-type"] = "application/json"}
  if math.random(100) <= writes then
    return wrk.format("POST", "/api/v2/todos", headers, body)
  end
  local kind, path = math.random(19), nil
  if kind <= 8 then
    path = "?limit=50"
  elseif kind <= 12 then
    path = "?limit=50&status=pending&priority=" .. (kind % 2 == 0 and "high" or "low")
  elseif kind <= 14 then
    path = "/stats"
  elseif kind <= 16 then
    return wrk.format("GET", "/api/v2/tags", headers)
  else
    path = "/" .. todos[math.random(#todos)]
  end
  return wrk.format("GET", "/api/v2/todos" .. path, headers)
end
