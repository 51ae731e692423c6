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
-- one job or several of one tenant, lane and queue, and carries nothing private. `headers` is JSON text, from a comma on.
local function message(task, task_id, names, shown, job, headers)
  local body = '[[' .. names .. ',' .. cjson.encode(job.tenant) .. ',' .. cjson.encode(job.lane) .. '],{},{}]'
  local arguments = '(' .. shown .. ", '" .. job.tenant .. "', '" .. job.lane .. "')"
  local in_fallback = string.sub(job.queue, 1, 9) == 'fallback.'
  task_id = cjson.encode(task_id)
  return '{"body":' .. cjson.encode(body)
    .. ',"content-type":"application/json","headers":{"task":"' .. task .. '","id":' .. task_id
    .. ',"argsrepr":' .. cjson.encode(arguments) .. headers
    .. '},"properties":{"delivery_info":{"exchange":"","routing_key":' .. cjson.encode(job.queue) .. '}'
    .. (in_fallback and ',"priority":' .. PRIORITY[job.lane] or '')
    .. ',"body_encoding":"utf-8","delivery_tag":' .. task_id .. '}}'
end

local function nudge(id, hop, job, placed, front)
  local headers = ',"placed_ms":' .. int(placed) .. (front and ',"front":true' or '')
  return message('trunkline.dispatch', id .. '.' .. hop, cjson.encode(id), "'" .. id .. "'", job, headers)
end

-- Names several jobs, so that they share what a message costs. Its task id is no `{job}.{hop}`: revoking it must not be taken
-- for the revocation of one of them.
local function chunk(ids, hops, job, placed)
  local headers = ',"placed_ms":' .. int(placed) .. ',"jobs":' .. #ids .. ',"hops":[' .. table.concat(hops, ',') .. ']'
  local shown = "['" .. table.concat(ids, "', '") .. "']"
  return message(
    'trunkline.dispatch_many', ids[1] .. '.' .. hops[1] .. '~' .. #ids, cjson.encode(ids), shown, job, headers)
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

-- Tells one idle worker of a queue that something waits there: a worker blocks on the bells of its queues, and Redis lets
-- the one that has waited longest hear it. An element that nobody took is heard by the next that waits, so one is enough.
-- A producer whose rights are older than the bells still writes the nudge: workers look by themselves too.
local function ring(queue)
  local bell = 'tl:bell:' .. queue
  if redis.pcall('LLEN', bell) == 0 then
    redis.pcall('LPUSH', bell, '')
  end
end

-- Every message to a lane goes through here. `front` puts it where it is served next.
local function push(text, job, front)
  redis.call(front and 'RPUSH' or 'LPUSH', broker_list(job.queue, job.lane), text)
  ring(job.queue)
end

-- Puts a job into its lane and returns the hop of its nudge, which is still to be pushed.
local function put_in_lane(id, job, now, front)
  local hop = redis.call('HINCRBY', job_key(id), 'hop', 1)
  job.front = front and '1' or '0'
  redis.call('HSET', job_key(id), 'place', 'lane', 'placed_ms', int(now), 'front', job.front)
  redis.call('SADD', 'tl:window:' .. suffix(job), id)
  redis.call('ZADD', placed_key(job), int(now), id)
  return hop
end

local function nudge_now(id, job, now, front)
  local hop = put_in_lane(id, job, now, front)
  push(nudge(id, hop, job, now, front), job, front)
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

-- Brings the tenant's next `count` waiting jobs into the lane with one message.
local function bring_in(job, waiting, count, now)
  local came, ids, hops = redis.call('ZPOPMIN', waiting, count), {}, {}
  for place = 1, #came, 2 do
    local id = came[place]
    guarded(waiting, id, function()
      local place, queue, lane, tenant = unpack(redis.call('HMGET', job_key(id), 'place', 'queue', 'lane', 'tenant'))
      local waiter = { queue = queue, lane = lane, tenant = tenant }
      if place == 'waiting' then
        assert(suffix(waiter) == suffix(job))
        hops[#ids + 1] = put_in_lane(id, waiter, now, false)
        ids[#ids + 1] = id
      end
    end)
  end
  if #ids == 1 then
    push(nudge(ids[1], hops[1], job, now, false), job, false)
  elseif #ids > 1 then
    push(chunk(ids, hops, job, now), job, false)
  end
  return #ids
end

-- Brings a tenant's waiting jobs into the lane, as many as a message may name at a time: if the window has room for fewer,
-- the claims of those in it will make more. Where nothing is in the window there always is enough, so none waits for ever.
local function fill(job, now)
  local waiting = 'tl:waiting:' .. suffix(job)
  local left = redis.call('ZCARD', waiting)
  if left == 0 then
    return
  end
  local window = tuning('lane_window')
  local most = math.max(1, math.min(tuning('chunk_jobs'), window))
  local room = window - redis.call('SCARD', 'tl:window:' .. suffix(job))
  while left > 0 and room >= math.min(most, left) do
    room = room - bring_in(job, waiting, math.min(most, left), now)
    left = redis.call('ZCARD', waiting)
  end
  if left == 0 then
    redis.call('SREM', 'tl:waiters', waiting)
  end
end

local function wait(id, job)
  local waiting = 'tl:waiting:' .. suffix(job)
  redis.call('HSET', job_key(id), 'place', 'waiting')
  redis.call('ZADD', waiting, redis.call('INCR', 'tl:arrivals'), id)
  redis.call('SADD', 'tl:waiters', waiting)
end

local function in_lane(job)
  local lane = job.queue .. ':' .. job.lane
  return redis.call('ZCARD', 'tl:placed:' .. lane) + redis.call('ZCARD', 'tl:front:' .. lane)
end

-- A job that had its turn comes back, and does not wait for room in the window: it is late already. It goes before others if
-- its tenant has few unclaimed, for a head start: 600 lookups of one tenant, each put in front, were all served before anybody else.
local function nudge_again(id, job, now)
  local unclaimed = redis.call('SCARD', 'tl:window:' .. suffix(job))
  nudge_now(id, job, now, unclaimed < tuning('quiet_jobs') and take_head_start(job))
end

-- A job arrives at its queue: into the lane if its tenant's window has room, else it waits. That of a tenant with few unclaimed
-- goes before the many of others while head starts are left. With "none" instead of "few", two passcodes within the time of
-- a claim put the second behind the flood, and with it there every later one. Where few others are, the order stays.
local function enter_lane(id, job, now)
  local has_waiting = redis.call('EXISTS', 'tl:waiting:' .. suffix(job)) == 1
  local unclaimed = redis.call('SCARD', 'tl:window:' .. suffix(job))
  if has_waiting or unclaimed >= tuning('lane_window') then
    wait(id, job)
    fill(job, now)
    return
  end
  local few = tuning('quiet_jobs')
  nudge_now(id, job, now, unclaimed < few and in_lane(job) - unclaimed >= few and take_head_start(job))
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
    local waiting = 'tl:waiting:' .. suffix(job)
    redis.call('ZREM', waiting, id)
    if redis.call('EXISTS', waiting) == 0 then
      redis.call('SREM', 'tl:waiters', waiting)
    end
    fill(job, now)   -- fewer wait, so there may be room for them
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
  redis.call('HDEL', key, 'place', 'owner', 'lease_ms', 'reconciling', 'front', 'gate_rank', 'gate_ahead', 'gate_ms')
  if job.gate then
    -- it may have been called: the mover gives back what was kept for it, by `gate` and `gate_cost`
    redis.call('ZADD', 'tl:gate:' .. job.gate .. ':called', 'XX', 0, id)
    redis.call('ZADD', 'tl:gates_due', 'XX', 'INCR', '-1e15', job.gate)
  end
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
