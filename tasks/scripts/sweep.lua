-- sweep.lua: the sweeper. Puts back jobs whose place no longer holds them. Needs place.lua. A second run finds nothing to do.
--
-- ARGV[1]  most jobs to look at per index      ARGV[2] age at which a nudge may be missed, ms
--
-- Returns {claims given back, attempts of dead workers, nudges written again, windows filled,
--          1 if an index gave as many as were asked for and there may be more to mend, else 0}.

-- Reading 32 messages takes 0.6 ms. The first block holds an ordinary nudge unless a lane begins with more retries than that.
local BLOCK, MOST_BLOCKS = 32, 32

local limit, age = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local given_back, orphaned, renudged, filled = 0, 0, 0, 0
local has_more = false

-- 1. Leases that ran out: the worker died or was paused.
local ended = redis.call('ZRANGEBYSCORE', 'tl:leases', '-inf', int(now), 'LIMIT', 0, limit)
has_more = #ended == limit
for _, id in ipairs(ended) do
  redis.call('ZREM', 'tl:leases', id)
  guarded('tl:leases', id, function()
    local job = read(id)
    if not job or job.place ~= 'attempt' then
      return
    end
    redis.call('HDEL', job_key(id), 'owner', 'lease_ms')
    if job.open then
      -- The attempt was recorded and may have been sent: nobody knows until the provider is asked.
      redis.call('HSET', job_key(id),
        'result:' .. job.open, '{"outcome":"unknown","code":"worker_lost","ended_ms":' .. int(now) .. '}',
        'state', 'reconciling', 'reconciling', job.open, 'lookups', 0, 'good_lookups', 0, 'unknown_ms', int(now),
        'worker_lost', '1')
      end_call(id, job)
      redis.call('SADD', 'tl:unsettled:' .. job.tenant, id)
      if job.due_ms then
        redis.call('HSETNX', job_key(id), 'first_due_ms', job.due_ms)
      end
      enter_delayed(id, now)
      orphaned = orphaned + 1
    elseif job.reconciling then
      enter_delayed(id, now)
      given_back = given_back + 1
    else
      redis.call('HSET', job_key(id), 'state', 'queued')
      nudge_now(id, job, now, true)
      given_back = given_back + 1
    end
  end)
end

-- Returns the nudges in a message, each as `{job}.{hop}`, and its headers; none of what is not ours.
local function nudges_in(message)
  local readable, decoded = pcall(cjson.decode, message)
  local headers = readable and type(decoded) == 'table' and decoded.headers
  if type(headers) ~= 'table' or type(headers.placed_ms) ~= 'number' or type(headers.id) ~= 'string' then
    return {}
  end
  if not headers.hops then
    return { headers.id }, headers
  end
  local nudges = {}
  pcall(function()
    local ids = cjson.decode(decoded.body)[1][1]
    for place, hop in ipairs(headers.hops) do
      nudges[place] = ids[place] .. '.' .. hop
    end
  end)
  return nudges, headers
end

-- 2. Nudges the broker lost. Ordinary nudges stand in a list by age, those written to its serving end before all of them.
-- So one look at that end tells the age of the oldest ordinary nudge and every front one.
local function serving_end(list)
  local seen = { oldest = math.huge, ids = {}, all_fronts = true }
  for block = 1, MOST_BLOCKS do
    local messages = redis.call('LRANGE', list, -BLOCK * block, -BLOCK * (block - 1) - 1)
    for _, message in ipairs(messages) do
      local nudges, headers = nudges_in(message)
      for _, nudge_id in ipairs(nudges) do
        seen.ids[nudge_id] = true
      end
      if #nudges > 0 and not headers.front then
        seen.oldest = math.min(seen.oldest, headers.placed_ms)
      end
    end
    if #messages < BLOCK or seen.oldest < math.huge then
      return seen
    end
  end
  return { oldest = -math.huge, ids = seen.ids, all_fronts = false }
end

local function heal(index, queue, lane, is_lost)
  local taken_out = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', int(now - age), 'LIMIT', 0, limit)) do
    local go_on = true
    guarded(index, id, function()
      local job = read(id)
      if not job or job.place ~= 'lane' or job.queue ~= queue or job.lane ~= lane then
        redis.call('ZREM', index, id)
        taken_out = taken_out + 1
      elseif is_lost(id, job) then
        redis.call('ZREM', index, id)
        nudge_now(id, job, now, true)
        renudged, taken_out = renudged + 1, taken_out + 1
      else
        go_on = index == 'tl:front:' .. queue .. ':' .. lane   -- all later ordinary nudges are younger still
      end
    end)
    if not go_on then
      return
    end
  end
  has_more = has_more or taken_out == limit
end

-- Every lane of every queue; made here, as it took each of the other scripts 4 us.
local LANES = {}
for lane in pairs(PRIORITY) do
  LANES[#LANES + 1] = { 'dispatch.' .. lane, lane }
  for _, provider in ipairs({ 'syniverse', 'twilio', 'gateway' }) do
    LANES[#LANES + 1] = { 'fallback.' .. provider, lane }
  end
end

for _, place in ipairs(LANES) do
  local queue, lane = place[1], place[2]
  local oldest = int(now - age)
  local ordinary, fronts = 'tl:placed:' .. queue .. ':' .. lane, 'tl:front:' .. queue .. ':' .. lane
  if redis.call('ZCOUNT', ordinary, '-inf', oldest) + redis.call('ZCOUNT', fronts, '-inf', oldest) > 0 then
    local seen = serving_end(broker_list(queue, lane))
    heal(ordinary, queue, lane, function(id, job)
      return tonumber(job.placed_ms) < seen.oldest and not seen.ids[id .. '.' .. job.hop]
    end)
    if seen.all_fronts then
      heal(fronts, queue, lane, function(id, job)
        return not seen.ids[id .. '.' .. job.hop]
      end)
    end
  end
end

-- 3. Waiting jobs whose window has room but nobody left in it to bring them in.
local waiters = redis.call('SRANDMEMBER', 'tl:waiters', limit)
for _, waiting in ipairs(waiters) do
  if filled >= limit then
    break   -- a window may take 64 jobs at once, and Redis serves nobody meanwhile
  end
  local first = redis.call('ZRANGE', waiting, 0, 0)[1]
  if first then
    guarded(waiting, first, function()
      local job = read(first)
      if not job then
        redis.call('ZREM', waiting, first)
        return
      end
      local before = redis.call('ZCARD', waiting)
      fill(job, now)
      filled = filled + before - redis.call('ZCARD', waiting)
    end)
  else
    redis.call('SREM', 'tl:waiters', waiting)
  end
end
-- Most waiting sets wait for good reason: only a sample with something to mend asks for another.
has_more = has_more or filled >= limit or (#waiters == limit and filled > 0)
return { given_back, orphaned, renudged, filled, has_more and 1 or 0 }
