-- wrk: changes one field of one todo, back and forth.
wrk.method = "PATCH"
wrk.headers["content-type"] = "application/merge-patch+json"
local bodies = {'{"priority":"low"}', '{"priority":"high"}'}
local turn = 0

function request()
  turn = 3 - math.max(turn, 1)
  return wrk.format(nil, nil, nil, bodies[turn])
end
