-- gate_wake.lua: brings in those who wait at a gate as its capacity comes back. It defines local functions only and runs nothing.
-- Needs gates.lua.

local CALL_MS = 5000  -- a nudge at the front of a lane is claimed within this, or the capacity goes to the next

-- Of the head starts of a lane the first half is for those who were let in, and the second left to quiet tenants.
local function take_spare_head_start(job)
  local all = tuning('head_starts')
  local left = tonumber(redis.call('GET', 'tl:head:' .. job.queue .. ':' .. job.lane) or false) or all
  return left > all / 2 and take_head_start(job)
end

-- Into its lane: at the front where nobody else's jobs are, or with a head start, else behind the others, and before those
-- of its tenant that wait for room. Each call that ends lets one in: with the front for all of them, tenants whose providers
-- are faster than the workers left the others nothing until no job was left at their gates.
local function bring_in(id, job, now)
  leave(id, job, now)
  if job.throttled_ms and job.gate_ms then
    -- the time here is none of the time for which the provider has said "later"
    redis.call('HSET', job_key(id), 'throttled_ms', int(job.throttled_ms + now - job.gate_ms))
  end
  local unclaimed = redis.call('SCARD', 'tl:window:' .. suffix(job))
  if in_lane(job) <= unclaimed or take_spare_head_start(job) then
    nudge_now(id, job, now, true)
  elseif unclaimed < tuning('lane_window') then
    nudge_now(id, job, now, false)
  else
    wait(id, job)
    redis.call('ZADD', 'tl:waiting:' .. suffix(job), int(tonumber(job.gate_rank) - 4e15), id)
  end
end

-- Whether a called job stands behind others: it comes when its turn is there, however long that takes.
local function is_in_line(job)
  return job.place == 'waiting' or (job.place == 'lane' and job.front ~= '1')
end

-- Takes the capacity that the head of a gate needs, for it to find when it comes. Returns whether there was enough.
local function keep_for(gate, id, job, now)
  if is_width(gate) then
    local most = number_or_never(redis.call('GET', gate_key(gate, 'most')))
    local narrow = number_or_never(redis.call('GET', gate_key(gate, 'width')))
    if not has_width(gate, math.min(most, math.max(1, math.floor(narrow))), now) then
      return false
    end
    redis.call('ZADD', gate_key(gate, 'open'), int(now), 'called ' .. id)
  else
    -- Those that stand in line come all at once if their lane was slow: no more of them than may join the queue then.
    local called = redis.call('ZCARD', gate_key(gate, 'called')) * tonumber(job.gate_cost)
    if math.max(called, queue_left(redis.call('GET', gate_key(gate, 'empty')), now)) > tonumber(job.gate_ahead) then
      return false
    end
    lengthen(gate, tonumber(job.gate_cost), now)
  end
  redis.call('ZADD', gate_key(gate, 'called'), int(now + CALL_MS), id)
  return true
end

-- Runs `work` with up to `most` ids of a sorted set of a gate whose time has come. Returns how many there were.
local function each_over(gate, what, now, most, work)
  local key = gate_key(gate, what)
  local over = redis.call('ZRANGEBYSCORE', key, '-inf', int(now), 'LIMIT', 0, most)
  for _, id in ipairs(over) do
    guarded(key, id, function()
      work(id, read(id))
    end)
  end
  return #over
end

-- Looks at a gate: takes back what was kept for jobs that did not come, brings in those whose life is over, to be ended, and
-- then as many of the others as there is capacity for, best first, `most` in all. Returns how many it brought in.
local function wake(gate, now, most)
  local waiting = gate_key(gate, 'waiting')
  each_over(gate, 'called', now, most, function(id, job)
    local is_ours = job and job.gate == gate
    if is_ours and is_in_line(job) then
      redis.call('ZADD', gate_key(gate, 'called'), int(now + CALL_MS), id)
      redis.call('ZADD', gate_key(gate, 'open'), 'XX', int(now), 'called ' .. id)   -- or it is taken for forgotten
    else
      end_wait(id, { gate = gate, gate_cost = is_ours and job.gate_cost or 0 }, now)
    end
  end)
  local count = each_over(gate, 'lives', now, most, function(id, job)
    redis.call('ZREM', waiting, id)
    redis.call('ZREM', gate_key(gate, 'lives'), id)
    if job and job.place == 'gate' and job.gate == gate then
      bring_in(id, job, now)
    end
  end)
  local soonest = now
  while count < most do
    local id = redis.call('ZRANGE', waiting, 0, 0)[1]
    if not id then
      soonest = now + LOOK_MS
      break
    end
    local is_closed = false
    guarded(waiting, id, function()
      local job = read(id)
      if not job or job.place ~= 'gate' or job.gate ~= gate then
        redis.call('ZREM', waiting, id)
        redis.call('ZREM', gate_key(gate, 'lives'), id)
      elseif keep_for(gate, id, job, now) then
        bring_in(id, job, now)
        count = count + 1
      else
        is_closed, soonest = true, when_open(gate, job, now)
      end
    end)
    if is_closed then
      break
    end
  end
  look_again(gate, soonest)
  return count
end
