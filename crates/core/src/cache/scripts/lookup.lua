-- Finding an entry: for the scripts that read. The layout of an entry is that of entry.rs.

-- What is stored of a request: the digits of its generation, what stands before the body, and how much else was read
-- with that; or false. Small entries take one command.
local function read_head(key)
  local first = redis.call('GETRANGE', key, 0, 2047)
  if #first < 30 then
    return false
  end
  local version, etag, _, fields = struct.unpack('>BBHH', first)
  if version ~= 2 then
    return false
  end
  local head = 30 + etag + fields
  if head > #first then
    first = redis.call('GETRANGE', key, 0, head - 1)
  end
  return string.sub(first, 15, 30), string.sub(first, 1, head), first
end

-- The body in the wanted form, or false. Of large entries only that is read.
local function read_body(key, head, first, gzip)
  local zipped, plain = struct.unpack('>I4I4', head, 7)
  local from, size = #head + zipped, plain
  if gzip and zipped > 0 then
    from, size = #head, zipped
  end
  if from + size <= #first then
    return string.sub(first, from + 1, from + size)
  end
  local body = redis.call('GETRANGE', key, from, from + size - 1)
  return #body == size and body
end

-- What is remembered of a token (or, where authentication is off, of everybody): since when, until when, when its use
-- was last noted, its workspace and its principal.
local function remember(id, remembered)
  local words = {whole(remembered.came), whole(remembered.expiry), whole(remembered.noted),
    remembered.workspace, remembered.principal}
  redis.call('SET', prefix .. 'a:' .. epoch .. ':' .. id, table.concat(words, ':'),
    'PX', math.ceil((remembered.expiry - now) / 1000))
end

-- Tokens whose use is to be noted, until the next check takes them along. A token is put there if its use was noted a
-- minute before `at`; says whether it was, and then what is remembered of it is to be written.
local used = prefix .. 'u'
local function note_use(id, remembered, at)
  if at - remembered.noted < 60000000 then
    return false
  end
  redis.call('SADD', used, id)
  redis.call('EXPIRE', used, 3600)
  remembered.noted = at
  return true
end

-- The same as it was remembered, or nil. Its end is read from the value, since a key may outlive its millisecond.
local function remembered_token(id)
  local value = redis.call('GET', prefix .. 'a:' .. epoch .. ':' .. id)
  local came, expiry, noted, workspace, at = string.match(value or '', '^(%d+):(%d+):(%d+):(%-?%d+):()')
  if not came or tonumber(came) <= access or tonumber(expiry) <= now then
    return nil
  end
  return {came = tonumber(came), expiry = tonumber(expiry), noted = tonumber(noted), workspace = workspace,
    principal = string.sub(value, at)}
end

-- Whether this caller is the one that fetches. The key of a fetch lasts about as long as one may take; it only saves
-- work.
local function leads(name)
  return redis.call('SET', prefix .. 'f:' .. name, '1', 'NX', 'PX', 1000)
end

-- State (p: stay out, since invalidations were pending; h: hit; l: lead; w: wait; o: hit that is stale, and lead),
-- generation (with o two: of the hit and of the lead), head and body of a hit, both false where the caller has a copy
-- of it. Who leads is told the head of what is there of an earlier generation.
local function look_up(workspace, dependency, request, gzip, copy)
  local generation, untrusted, former = generation_of(workspace, dependency)
  if untrusted then
    return 'p', generation, false, false
  end
  if copy == epoch .. ':' .. generation then
    return 'h', generation, false, false
  end
  local key = entry_key(workspace, request)
  local held, head, first = read_head(key)
  if held == digits(generation) then
    local body = read_body(key, head, first, gzip)
    if body then
      return 'h', generation, head, body
    end
  end
  local lead = leads(fetch_name(workspace, generation, request))
  local body = false
  local copied = former and copy == epoch .. ':' .. former
  if former and not copied and held == digits(former) then
    body = read_body(key, head, first, gzip)
  end
  if copied or body then
    return lead and 'o' or 'h', lead and former .. ',' .. generation or former, not copied and head, body
  end
  return lead and 'l' or 'w', generation, lead and head or false, false
end
