-- Finding an entry: for the scripts that read. The layout of an entry is that of entry.rs.

-- The part before the body and the body in the wanted form, or false. Small entries take one command; of large ones only the
-- wanted form is read.
local function read_entry(key, gzip)
  local first = redis.call('GETRANGE', key, 0, 2047)
  if #first < 14 then
    return false
  end
  local version, etag, _, fields, zipped, plain = struct.unpack('>BBHHI4I4', first)
  if version ~= 1 then
    return false
  end
  local head = 14 + etag + fields
  local from, size = head + zipped, plain
  if gzip and zipped > 0 then
    from, size = head, zipped
  end
  if from + size <= #first then
    return string.sub(first, 1, head), string.sub(first, from + 1, from + size)
  end
  if head > #first then
    first = redis.call('GETRANGE', key, 0, head - 1)
  end
  local body = redis.call('GETRANGE', key, from, from + size - 1)
  if #body ~= size then
    return false
  end
  return string.sub(first, 1, head), body
end

-- What is remembered of a token (or, where authentication is off, of everybody): since when, until when, when its use was last
-- noted, its workspace and its principal.
local function remember(id, remembered)
  local words = {whole(remembered.came), whole(remembered.expiry), whole(remembered.noted), remembered.workspace, remembered.principal}
  redis.call('SET', prefix .. 'a:' .. epoch .. ':' .. id, table.concat(words, ':'),
    'PX', math.ceil((remembered.expiry - now) / 1000))
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

-- Whether this caller is the one that fetches. The key of a fetch lasts about as long as one may take; it only saves work.
local function leads(name)
  return redis.call('SET', prefix .. 'f:' .. name, '1', 'NX', 'PX', 1000)
end

-- Whether the entry of a generation is there; and its head and body, both false where the caller has a copy of it.
local function entry_of(workspace, generation, request, gzip, copy)
  if copy == epoch .. ':' .. generation then
    return true, false, false
  end
  local head, body = read_entry(prefix .. 'e:' .. entry_name(workspace, generation, request), gzip)
  return head and true, head, body
end

-- State (b: stay out, h: hit, l: lead, w: wait; o: hit that is stale, and lead), generation (with o two: of the hit and of the
-- lead), head and body of a hit as those of entry_of.
local function look_up(workspace, dependency, request, gzip, copy)
  local generation, untrusted, former = generation_of(workspace, dependency)
  if untrusted then
    return 'b', generation, false, false
  end
  local found, head, body = entry_of(workspace, generation, request, gzip, copy)
  if found then
    return 'h', generation, head, body
  end
  local lead = leads(entry_name(workspace, generation, request))
  if former then
    found, head, body = entry_of(workspace, former, request, gzip, copy)
    if found and lead then
      return 'o', former .. ',' .. generation, head, body
    elseif found then
      return 'h', former, head, body
    end
  end
  return lead and 'l' or 'w', generation, false, false
end
