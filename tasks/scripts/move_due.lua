-- move_due.lua: the mover. Brings jobs into their lane whose time has come, or who wait at a gate that has room. Needs place.lua
-- and gate_wake.lua. A second run finds nothing to do.
--
-- ARGV[1]  most jobs to move
--
-- Returns {moved, ms until the next job or gate is due or -1}.

-- Ten gates with nobody to wake take 0.1 ms; a job that is woken takes about as long as one that is due. Ten gates with ten
-- each took 4 ms: those that are left are due still, and before the others in the next pass.
local GATES, WOKEN, MOST_WOKEN = 10, 10, 30

local now = now_ms()
local limit, moved = tonumber(ARGV[1]), 0
local due = redis.call('ZRANGEBYSCORE', 'tl:delayed', '-inf', int(now), 'LIMIT', 0, limit)
if #due == limit then
  -- A campaign of a million jobs is due at once, and the retry of a passcode a moment later: half a pass is for those
  -- that became due last.
  local half = math.floor(limit / 2)
  local last = redis.call('ZREVRANGEBYSCORE', 'tl:delayed', int(now), '-inf', 'LIMIT', 0, half)
  for place, id in ipairs(last) do
    due[limit - half + place] = id
  end
end
for _, id in ipairs(due) do
  moved = moved + redis.call('ZREM', 'tl:delayed', id)
  guarded('tl:delayed', id, function()
    local job = read(id)
    if not job or job.place ~= 'delayed' then
      return
    end
    if job.state == 'reconciling' or (job.lane == 'urgent' and job.state ~= 'scheduled') then
      -- A lookup, or the retry of a passcode.
      nudge_again(id, job, now)
    else
      redis.call('HSET', job_key(id), 'state', 'queued')
      enter_lane(id, job, now)
    end
  end)
end
local woken = 0
for _, gate in ipairs(redis.call('ZRANGEBYSCORE', 'tl:gates_due', '-inf', int(now), 'LIMIT', 0, GATES)) do
  if woken >= MOST_WOKEN then
    break
  end
  woken = woken + wake(gate, now, WOKEN)
end
moved = moved + woken
local next_due = math.huge
for _, index in ipairs({ 'tl:delayed', 'tl:gates_due' }) do
  next_due = math.min(next_due, number_or_never(redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2]))
end
return { moved, next_due < math.huge and math.max(0, next_due - now) or -1 }
