-- GCRA, the sliding window that needs one number: `tat`, the time at which the bucket is empty again. A request adds
-- one interval; it passes if the bucket then holds no more than the quota. rate.rs says the same in Rust.

local window = 60000000

local function bucket(class, owner, quota)
  local key = prefix .. 'r:' .. class .. ':' .. owner
  local interval = math.floor(window / quota)
  local tat = math.max(tonumber(redis.call('GET', key) or 0), now)
  return {class = class, key = key, quota = quota, interval = interval, tat = tat,
    allowed = tat + interval - now <= interval * quota}
end

local function fill(one, tat)
  one.tat = tat
  if tat > now then
    redis.call('SET', one.key, whole(tat), 'PX', math.ceil((tat - now) / 1000))
  else
    redis.call('DEL', one.key)
  end
end

-- Charges all of them, or none if one refuses.
local function charge(buckets)
  for _, one in ipairs(buckets) do
    if not one.allowed then
      return false
    end
  end
  for _, one in ipairs(buckets) do
    if not one.only_checked then
      fill(one, one.tat + one.interval)
    end
  end
  return true
end

-- What is said of each bucket: class, limit, remaining, seconds until the whole quota is back, seconds until the next
-- one passes (0: this one does).
local function report(buckets)
  local words = {}
  for _, one in ipairs(buckets) do
    local held = one.tat - now
    local wait = 0
    if not one.allowed then
      wait = math.max(1, math.ceil((held + one.interval - one.interval * one.quota) / 1000000))
    end
    words[#words + 1] = string.format(' %s %d %d %d %d', one.class, one.quota,
      math.floor((one.interval * one.quota - held) / one.interval), math.ceil(held / 1000000), wait)
  end
  return table.concat(words)
end

-- The buckets of a request: d and w (classes default and writes) of a token (t) or an address (a).
local function buckets_of(kind, owner, default_quota, writes_quota)
  local buckets = {}
  if default_quota > 0 then
    buckets[1] = bucket('d', kind .. ':' .. owner, default_quota)
  end
  if writes_quota > 0 then
    buckets[#buckets + 1] = bucket('w', kind .. ':' .. owner, writes_quota)
  end
  return buckets
end

-- Argument 4, the same for enter.lua and authenticated.lua, is packed (`gate_args` in reads.rs): many arguments cost
-- more than long ones.
local kind, write, gzip, address_default, token_default, address_writes, token_writes, failures_quota,
  id, address, request,
  dependency, copy, announce = struct.unpack('>c1BBI4I4I4I4I4Bc0Bc0Bc0Bc0Bc0Bc0', ARGV[4])
write, gzip = write == 1, gzip == 1
if not write then
  address_writes, token_writes = 0, 0
end
