-- sweep.lua: the sweeper. Puts back jobs whose place no longer holds them. Needs place.lua. A second run finds nothing to do.
--
-- ARGV[1]  most jobs to look at per kind      ARGV[2] age at which a nudge may be missed, ms
--
-- Returns {claims given back, attempts of dead workers, nudges written again, windows filled}.

local TAIL = 128   -- more than the head starts that can lie at the serving end of a list

local limit, age = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local given_back, orphaned, renudged, filled = 0, 0, 0, 0

-- 1. Leases that ran out: the worker died or was paused.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'tl:leases', '-inf', int(now), 'LIMIT', 0, limit)) do
  local job = read(id)
  redis.call('ZREM', 'tl:leases', id)
  if job and job.place == 'attempt' then
    redis.call('HDEL', job_key(id), 'owner', 'lease_ms')
    if job.open then
      -- The attempt was recorded and may have been sent: nobody knows until the provider is asked.
      redis.call('HSET', job_key(id),
        'result:' .. job.open, '{"outcome":"unknown","code":"worker_lost","ended_ms":' .. int(now) .. '}',
        'state', 'reconciling', 'reconciling', job.open, 'lookups', 0, 'good_lookups', 0, 'unknown_ms', int(now),
        'worker_lost', '1')
      redis.call('HDEL', job_key(id), 'open')
      enter_delayed(id, now)
      orphaned = orphaned + 1
    elseif job.reconciling then
      enter_delayed(id, now)
      given_back = given_back + 1
    else
      redis.call('HSET', job_key(id), 'state', 'queued')
      nudge_now(id, job, now, true, true)
      given_back = given_back + 1
    end
  end
end

-- 2. Nudges the broker lost: older than every message still at the serving end of their list, and not among those.
local tails = {}
local function tail_of(list)
  if not tails[list] then
    local tail = { oldest = math.huge, ids = {} }
    for _, message in ipairs(redis.call('LRANGE', list, -TAIL, -1)) do
      local readable, decoded = pcall(cjson.decode, message)
      local headers = readable and type(decoded) == 'table' and decoded.headers
      if type(headers) == 'table' and type(headers.placed_ms) == 'number' and type(headers.id) == 'string' then
        tail.oldest = math.min(tail.oldest, headers.placed_ms)
        tail.ids[headers.id] = true
      end
    end
    tails[list] = tail
  end
  return tails[list]
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'tl:placed', '-inf', int(now - age), 'LIMIT', 0, limit)) do
  local job = read(id)
  if not job or job.place ~= 'lane' then
    redis.call('ZREM', 'tl:placed', id)
  else
    local tail = tail_of(broker_list(job.queue, job.lane))
    if tonumber(job.placed_ms) < tail.oldest and not tail.ids[id .. '.' .. job.hop] then
      nudge_now(id, job, now, true, job.head == '1')
      renudged = renudged + 1
    end
  end
end

-- 3. Waiting jobs whose window has room but nobody left in it to bring them in.
for _, waiting in ipairs(redis.call('SRANDMEMBER', 'tl:waiters', limit)) do
  local first = redis.call('ZRANGE', waiting, 0, 0)[1]
  local job = first and read(first)
  if job then
    local before = redis.call('ZCARD', waiting)
    fill(job, now)
    filled = filled + before - redis.call('ZCARD', waiting)
  elseif first then
    redis.call('ZREM', waiting, first)
  else
    redis.call('SREM', 'tl:waiters', waiting)
  end
end
return { given_back, orphaned, renudged, filled }
