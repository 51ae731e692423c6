-- place.lua: the shared prelude of every script that moves a job. It defines local functions only and runs nothing. Needs
-- base.lua and index.lua.
--
-- An unfinished job is in exactly one place; `enter_*` and `leave` keep the job's record and the place's index together,
-- and every script calls them in one atomic step.

local PRIORITY = { urgent = 0, normal = 3, bulk = 6 }

local function suffix(job)
  return job.queue .. ':' .. job.lane .. ':' .. job.tenant
end

-- The Redis list kombu keeps for one lane of one queue: fallback queues carry the lane as a priority step.
local function broker_list(queue, lane)
  if string.sub(queue, 1, 9) == 'fallback.' and PRIORITY[lane] > 0 then
    return queue .. '\6\22' .. PRIORITY[lane]
  end
  return queue
end

-- A Celery message, protocol version 2, with a plain JSON body, without what Celery takes to be there if it is not. It names
-- the job and carries nothing private.
local function nudge(id, hop, job, placed, front)
  local task_id = cjson.encode(id .. '.' .. hop)
  local body = '[[' .. cjson.encode(id) .. ',' .. cjson.encode(job.tenant) .. ',' .. cjson.encode(job.lane) .. '],{},{}]'
  local shown = "('" .. id .. "', '" .. job.tenant .. "', '" .. job.lane .. "')"
  local in_fallback = string.sub(job.queue, 1, 9) == 'fallback.'
  return '{"body":' .. cjson.encode(body)
    .. ',"content-type":"application/json","headers":{"task":"trunkline.dispatch","id":' .. task_id
    .. ',"argsrepr":' .. cjson.encode(shown) .. ',"placed_ms":' .. int(placed) .. (front and ',"front":true' or '')
    .. '},"properties":{"delivery_info":{"exchange":"","routing_key":' .. cjson.encode(job.queue) .. '}'
    .. (in_fallback and ',"priority":' .. PRIORITY[job.lane] or '')
    .. ',"body_encoding":"utf-8","delivery_tag":' .. task_id .. '}}'
end

-- Takes one head start of this lane if any is left. A claim without a head start earns one back, so head starts take
-- at most half of a busy lane, however many tenants trickle.
local function take_head_start(job)
  local key = 'tl:head:' .. job.queue .. ':' .. job.lane
  local left = tonumber(redis.call('GET', key) or false) or tuning('head_starts')
  if left <= 0 then
    return false
  end
  redis.call('SET', key, int(left - 1))
  return true
end

local function earn_head_start(job)
  local key = 'tl:head:' .. job.queue .. ':' .. job.lane
  local left = tonumber(redis.call('GET', key) or false)
  if not left then
    return
  end
  if left + 1 >= tuning('head_starts') then
    redis.call('DEL', key)
  else
    redis.call('SET', key, int(left + 1))
  end
end

local function placed_key(job)
  return (job.front == '1' and 'tl:front:' or 'tl:placed:') .. job.queue .. ':' .. job.lane
end

-- Writes the nudge. `front` puts it where it is served next.
local function nudge_now(id, job, now, front)
  local hop = redis.call('HINCRBY', job_key(id), 'hop', 1)
  job.front = front and '1' or '0'
  redis.call('HSET', job_key(id), 'place', 'lane', 'placed_ms', int(now), 'front', job.front)
  redis.call('SADD', 'tl:window:' .. suffix(job), id)
  redis.call('ZADD', placed_key(job), int(now), id)
  redis.call(front and 'RPUSH' or 'LPUSH', broker_list(job.queue, job.lane), nudge(id, hop, job, now, front))
end

-- Runs `work` for one job of a batch. A damaged record must not stop the others: its id is set aside in tl:damaged, out
-- of the index that led to it.
local function guarded(index, id, work)
  local done = pcall(work)
  if not done then
    redis.call('ZREM', index, id)
    redis.call('ZADD', 'tl:damaged', int(now_ms()), id)
  end
end

-- Brings a tenant's next waiting jobs into the lane while its window has room.
local function fill(job, now)
  local waiting = 'tl:waiting:' .. suffix(job)
  local room = tuning('lane_window') - redis.call('SCARD', 'tl:window:' .. suffix(job))
  while room > 0 do
    local next_id = redis.call('ZPOPMIN', waiting)[1]
    if not next_id then
      redis.call('SREM', 'tl:waiters', waiting)
      return
    end
    guarded(waiting, next_id, function()
      local waiter = read(next_id)
      if waiter and waiter.place == 'waiting' then
        nudge_now(next_id, waiter, now, false)
        room = room - 1
      end
    end)
  end
end

-- A job arrives at its queue: into the lane if its tenant's window has room, else it waits. A tenant with nothing
-- unclaimed goes to the front of a busy lane while head starts are left.
local function enter_lane(id, job, now)
  local waiting = 'tl:waiting:' .. suffix(job)
  local has_waiting = redis.call('EXISTS', waiting) == 1
  local unclaimed = redis.call('SCARD', 'tl:window:' .. suffix(job))
  if has_waiting or unclaimed >= tuning('lane_window') then
    redis.call('HSET', job_key(id), 'place', 'waiting')
    redis.call('ZADD', waiting, redis.call('INCR', 'tl:arrivals'), id)
    redis.call('SADD', 'tl:waiters', waiting)
    if has_waiting and unclaimed < tuning('lane_window') then
      fill(job, now)
    end
    return
  end
  local busy = redis.call('LLEN', broker_list(job.queue, job.lane)) > 0
  nudge_now(id, job, now, unclaimed == 0 and busy and take_head_start(job))
end

local function enter_delayed(id, due)
  redis.call('HSET', job_key(id), 'place', 'delayed', 'due_ms', int(due))
  redis.call('ZADD', 'tl:delayed', int(due), id)
end

-- Takes a job out of the place its record names. `job.place` and `job.queue` are those before the move.
local function leave(id, job, now)
  if job.place == 'lane' then
    redis.call('SREM', 'tl:window:' .. suffix(job), id)
    redis.call('ZREM', placed_key(job), id)
    if job.front ~= '1' then
      earn_head_start(job)
    end
    fill(job, now)
  elseif job.place == 'waiting' then
    redis.call('ZREM', 'tl:waiting:' .. suffix(job), id)
  elseif job.place == 'delayed' then
    redis.call('ZREM', 'tl:delayed', id)
  elseif job.place == 'attempt' then
    redis.call('ZREM', 'tl:leases', id)
  elseif job.place == 'gate' then
    redis.call('ZREM', 'tl:gate:' .. job.gate .. ':waiting', id)
    redis.call('ZREM', 'tl:gate:' .. job.gate .. ':lives', id)
  elseif job.place == 'held' then
    redis.call('ZREM', 'tl:held', id)
  end
end

-- What a job counts in quotas and cooldown is in its record, so no policy is needed to take it back. It is settled once, as
-- `used` or `given_back`. A counter that was reset, or has ended, since the job was counted stays as it is.
local function settle_counted(id, how)
  local raw = redis.call('HGET', job_key(id), 'counted')
  local counted = raw and cjson.decode(raw)
  if not counted or counted.settled then
    return
  end
  for _, quota in ipairs(counted.quotas) do
    local unused, reset = unpack(redis.call('HMGET', quota.key, quota.field .. ':unused', 'reset'))
    if tonumber(unused or 0) > 0 and (reset or '') == quota.reset then
      redis.call('HINCRBY', quota.key, quota.field .. ':unused', -1)
      if how == 'used' then
        redis.call('HINCRBY', quota.key, quota.field .. ':used', 1)
      end
    end
  end
  if counted.cooldown and how == 'used' then
    redis.call('ZREMRANGEBYSCORE', counted.cooldown, '-inf', counted.due_ms)
  elseif counted.cooldown then
    redis.call('ZREM', counted.cooldown, id)
  end
  counted.settled = how
  redis.call('HSET', job_key(id), 'counted', cjson.encode(counted))
end

-- Whether any attempt was accepted or may have been: one that is open, or whose outcome was never known.
local function may_have_been_sent(id)
  for number = 1, tonumber(redis.call('HGET', job_key(id), 'attempts') or 0) do
    local result = redis.call('HGET', job_key(id), 'result:' .. number)
    if not result or cjson.decode(result).outcome ~= 'refused' then
      return true
    end
  end
  return false
end

-- Notes that the call of the open attempt is over, or that nobody will hear how it ended: a lookup for a message like it
-- may now take what it finds, and another may run in its place. Returns the gate where somebody waits for that, or false; the
-- mover looks at it next.
local function end_call(id, job)
  local awaited = false
  if job.calling and job.open then
    redis.call('SREM', job.calling, id .. '.a' .. job.open)
  end
  if job.gated and job.open then
    redis.call('ZREM', 'tl:gate:' .. job.gated .. ':open', id .. '.a' .. job.open)
    -- due long ago, and nil where nobody waits; users of Redis that only enqueue and cancel may call no ZSCORE
    awaited = redis.call('ZADD', 'tl:gates_due', 'XX', 'INCR', '-1e15', job.gated) and job.gated
  end
  if job.calling or job.open then
    redis.call('HDEL', job_key(id), 'open', 'calling', 'gated', 'narrowed', 'metered')
    job.open, job.calling = nil, nil
  end
  return awaited
end

-- Ends a job: out of its place, with its last state, kept for the time of its kind. A job that may have reached its
-- recipient earlier says so, unless it is `sent`.
local function conclude(id, job, state, now)
  leave(id, job, now)
  local key = job_key(id)
  end_call(id, job)
  redis.call('HDEL', key, 'place', 'owner', 'lease_ms', 'reconciling', 'front', 'gate', 'gate_rank', 'gate_cost', 'gate_ahead')
  redis.call('HSET', key, 'state', state, 'finished_ms', int(now))
  local keep = tuning(state == 'failed' and 'failed_keep_ms' or 'finished_keep_ms')
  if state ~= 'sent' and job.maybe_twice == '1' then
    redis.call('HSET', key, 'maybe_sent', '1')
  end
  if job.counted and not may_have_been_sent(id) then
    settle_counted(id, 'given_back')
  end
  redis.call('PEXPIRE', key, int(keep))
  redis.call('SREM', 'tl:unsettled:' .. job.tenant, id)
  list_ended(id, job, state, now + keep)
  tell(state, id, job, what_became(id, state))
end

-- Erases what is private. The digest keeps 4 hex digits: they notice 65,535 of 65,536 accidents with an id, and tell
-- nothing about a number or a code to somebody who tries them all.
local function erase_content(id, job)
  redis.call('HDEL', job_key(id), 'content')
  redis.call('HSET', job_key(id), 'digest', string.sub(job.digest or '', 1, 4))
end
