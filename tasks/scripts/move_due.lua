-- move_due.lua: the mover. Brings jobs whose time has come into their lane. Needs place.lua. A second run finds nothing to do.
--
-- ARGV[1]  most jobs to move
--
-- Returns {moved, ms until the next one is due or -1}.

local now = now_ms()
local due = redis.call('ZRANGEBYSCORE', 'tl:delayed', '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(due) do
  redis.call('ZREM', 'tl:delayed', id)
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
  return { #due, -1 }
end
return { #due, math.max(0, tonumber(next_due[2]) - now) }
