-- move_due.lua: the mover. Brings jobs whose time has come into their lane. Needs place.lua. A second run finds nothing to do.
--
-- ARGV[1]  most jobs to move
--
-- Returns {moved, ms until the next one is due or -1}.

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
      -- A lookup, or the retry of a passcode: it had its turn, and it is late already.
      nudge_now(id, job, now, true)
    else
      redis.call('HSET', job_key(id), 'state', 'queued')
      enter_lane(id, job, now)
    end
  end)
end
local next_due = redis.call('ZRANGE', 'tl:delayed', 0, 0, 'WITHSCORES')
if #next_due == 0 then
  return { moved, -1 }
end
return { moved, math.max(0, tonumber(next_due[2]) - now) }
