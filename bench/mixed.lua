-- wrk: what a team does in a workspace. Of 19 reads 8 are of a page of 50, 4 of a filtered page, 2 of the statistics, 5
-- of the tags or of single todos; WRITES per cent of the requests create a todo instead. TODOS: public ids, separated
-- by commas, of each workspace, separated by semicolons. TOKENS: bearer tokens, separated by commas. Those of one
-- workspace take turns; of several, each has one, and the first workspace is asked twice as often as the second, three
-- times as often as the third, and so on (Zipf). Without tokens: another application, which serves /todos and
-- /todos/{id} alone; in place of statistics and tags its single todos are read.
local writes = tonumber(os.getenv("WRITES"))
local body = '{"title":"Measure before you change","description":"One of many.","priority":"high"}'

local function list(text, separator)
  local items = {}
  for item in string.gmatch(text, "[^" .. separator .. "]+") do
    items[#items + 1] = item
  end
  return items
end

local todos, tokens, turn = {}, list(os.getenv("TOKENS"), ","), 0
local another = #tokens == 0
local base = another and "/todos" or "/api/v2/todos"
for _, group in ipairs(list(os.getenv("TODOS"), ";")) do
  todos[#todos + 1] = list(group, ",")
end

local sums, sum = {}, 0
for workspace = 1, #todos do
  sum = sum + 1 / workspace
  sums[workspace] = sum
end

local function next_workspace()
  if #todos == 1 then
    turn = turn % math.max(#tokens, 1) + 1
    return 1, tokens[turn]
  end
  local chosen, workspace = math.random() * sum, 1
  while sums[workspace] < chosen do
    workspace = workspace + 1
  end
  return workspace, tokens[workspace]
end

function request()
  local workspace, token = next_workspace()
  local headers = {["authorization"] = token and "Bearer " .. token, ["content-type"] = "application/json"}
  if math.random(100) <= writes then
    return wrk.format("POST", base, headers, body)
  end
  local kind, path = math.random(19), nil
  if kind <= 8 then
    path = "?limit=50"
  elseif kind <= 12 then
    path = "?limit=50&status=pending&priority=" .. (kind % 2 == 0 and "high" or "low")
  elseif kind <= 14 and not another then
    path = "/stats"
  elseif kind <= 16 and not another then
    return wrk.format("GET", "/api/v2/tags", headers)
  else
    path = "/" .. todos[workspace][math.random(#todos[workspace])]
  end
  return wrk.format("GET", base .. path, headers)
end
