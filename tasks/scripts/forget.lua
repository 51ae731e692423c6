-- forget.lua: takes what the indexes say of ended jobs away, once their records have expired. Needs place.lua. A second run
-- finds nothing to do.
--
-- ARGV[1]  most index entries to take
--
-- Returns how many were taken.

-- Redis lets a record go within a millisecond of the time that stands in tl:forget. An entry that was taken while its record
-- is still there would never come again, so each waits a little longer.
local GRACE_MS = 100

local due = redis.call('ZRANGEBYSCORE', 'tl:forget', '-inf', int(now_ms() - GRACE_MS), 'LIMIT', 0, tonumber(ARGV[1]))
for _, entry in ipairs(due) do
  local id, tenant, reference = string.match(entry, '^(%S+) ([^\n]*)\n?(.*)$')
  local job = read(id)
  -- A job that got a new life, or another job that got the id since, stays where it stands.
  if not job then
    redis.call('ZREM', 'tl:jobs', id)
  end
  if not job or job.tenant ~= tenant then
    redis.call('ZREM', 'tl:jobs:' .. tenant, id)
    if redis.call('EXISTS', 'tl:jobs:' .. tenant) == 0 then
      redis.call('SREM', 'tl:job_tenants', tenant)
    end
  end
  for state in pairs(LISTED_ENDS) do
    if not job or job.state ~= state then
      redis.call('ZREM', 'tl:ended:' .. state, id)
    end
  end
  if reference ~= '' and not (job and reference_entry(id, job) == reference) then
    redis.call('ZREM', 'tl:references', reference)
  end
end
if #due > 0 then
  redis.call('ZREMRANGEBYRANK', 'tl:forget', 0, #due - 1)
end
return #due
