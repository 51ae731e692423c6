-- count.lua: checks and counts a job that leaves its first pass without an attempt, since policy comes before the route. Needs
-- place.lua and limits.lua. Safe to run again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id            ARGV[2] owner             ARGV[3] fence             ARGV[4] limits, JSON, as limits.lua takes them
--
-- Returns {"counted"}, {"refused", rule} (nothing was changed), or {"lost"} (somebody else has the job).

local id, owner, fence = ARGV[1], ARGV[2], ARGV[3]
local job = read(id)
local now = now_ms()
if not job or job.place ~= 'attempt' or job.owner ~= owner or job.fence ~= fence or tonumber(job.lease_ms) <= now then
  return { 'lost' }
end
local rule = check_and_count(id, job, ARGV[4], now)
if rule then
  return { 'refused', rule }
end
return { 'counted' }
