-- limits.lua: the shared prelude of the scripts that check and count a job against its policy's cooldown and quotas. It
-- defines local functions only and runs nothing. Needs place.lua. All times are milliseconds since 1970.
--
-- What is checked comes as JSON, `limits` below:
--   quotas    list of {key, policy, total} or {key, policy, used, unused}: a counter's hash, and the most a day may hold
--   cooldown  {key, periods_ms: [3 waits], resend_limit}, or absent
--
-- Fields of tl:quota:{tenant}:{subject}, days counted from 1970 in UTC:
--   {day}:{policy}:unused, {day}:{policy}:used    messages of that day, by whether the code was used
--   reset                                         the token of the last reset, absent before the first

local DAY_MS = 86400000
local SEQUENCE_MS = 30 * 60000   -- messages this far apart belong to different sequences
local KEPT_MS = 86400000         -- how long a counter outlives its day or sequence, for jobs that are counted late

local function day_of(due)
  return math.floor(due / DAY_MS)
end

local function keep_until(key, time, now)
  -- a key without an end has a PTTL of -1: what is over already ends at once
  if redis.call('PTTL', key) < math.max(time - now, 0) then
    redis.call('PEXPIREAT', key, int(time))
  end
end

-- Walks from `due` along entries (ids and times, nearest first) while gaps are short. Returns how many there are, and how
-- far the nearest is.
local function walk(entries, due)
  local count, nearest, edge = 0, math.huge, due
  for i = 2, #entries, 2 do
    local time = tonumber(entries[i])
    if math.abs(time - edge) >= SEQUENCE_MS then
      break
    end
    count, nearest, edge = count + 1, math.min(nearest, math.abs(time - due)), time
  end
  return count, nearest
end

-- Whether the sequence around `due` admits one more message. Entries before and after it count alike, so of two jobs close
-- to each other one is admitted, whichever is claimed first.
local function has_cooled_down(cooldown, due)
  local enough = cooldown.resend_limit + 1
  local before, gap_before = walk(redis.call('ZREVRANGEBYSCORE', cooldown.key, int(due), '-inf',
    'WITHSCORES', 'LIMIT', 0, enough), due)
  local after, gap_after = walk(redis.call('ZRANGEBYSCORE', cooldown.key, '(' .. int(due), '+inf',
    'WITHSCORES', 'LIMIT', 0, enough), due)
  local count = before + after
  if count == 0 then
    return true
  end
  return count <= cooldown.resend_limit and math.min(gap_before, gap_after) >= cooldown.periods_ms[math.min(count, 3)]
end

local function quota_field(quota, due)
  return int(day_of(due)) .. ':' .. quota.policy
end

local function has_room(quota, due)
  local field = quota_field(quota, due)
  local unused, used = unpack(redis.call('HMGET', quota.key, field .. ':unused', field .. ':used'))
  unused, used = tonumber(unused or 0), tonumber(used or 0)
  if quota.total then
    return unused + used < quota.total
  end
  return unused < quota.unused and used < quota.used
end

local function refusal(limits, due)
  if limits.cooldown and not has_cooled_down(limits.cooldown, due) then
    return 'cooldown'
  end
  for _, quota in ipairs(limits.quotas) do
    if not has_room(quota, due) then
      return 'quota'
    end
  end
  return nil
end

-- Drops the fields of days that ended longer ago than counters are kept.
local function drop_old_days(key, time)
  local first_kept = day_of(time - KEPT_MS)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local day = tonumber(string.match(field, '^(%d+):') or math.huge)
    if day < first_kept then
      redis.call('HDEL', key, field)
    end
  end
end

local function count_in_quota(quota, due, expires, now)
  local field = quota_field(quota, due)
  if redis.call('HINCRBY', quota.key, field .. ':unused', 1) == 1 then
    drop_old_days(quota.key, math.min(now, due))
  end
  keep_until(quota.key, math.max((day_of(due) + 1) * DAY_MS + KEPT_MS, expires), now)
  return { key = quota.key, field = field, reset = redis.call('HGET', quota.key, 'reset') or '' }
end

local function count_in_cooldown(key, id, due, expires, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(math.min(now, due) - SEQUENCE_MS - KEPT_MS))
  redis.call('ZADD', key, int(due), id)
  keep_until(key, math.max(due + SEQUENCE_MS + KEPT_MS, expires), now)
end

-- Counts a job by the time it was to be sent, but no earlier than its enqueue: a producer that dates jobs back would pass
-- every limit. Not if it was counted before or `limits_json` is ''. Returns the rule that refuses it, with nothing changed,
-- or nil.
local function check_and_count(id, job, limits_json, now)
  if limits_json == '' or job.counted then
    return nil
  end
  local limits, expires = cjson.decode(limits_json), tonumber(job.expires_ms)
  local due = math.max(tonumber(job.due_ms), tonumber(job.created_ms))
  local rule = refusal(limits, due)
  if rule then
    return rule
  end
  local counted = { due_ms = int(due), quotas = {} }
  for index, quota in ipairs(limits.quotas) do
    counted.quotas[index] = count_in_quota(quota, due, expires, now)
  end
  if limits.cooldown then
    count_in_cooldown(limits.cooldown.key, id, due, expires, now)
    counted.cooldown = limits.cooldown.key
  end
  redis.call('HSET', job_key(id), 'counted', cjson.encode(counted))
  return nil
end
