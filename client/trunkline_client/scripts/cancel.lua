-- cancel.lua: ends a job that no worker has in hand. Safe to run again.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id
--
-- Returns {status, state}: cancelled (now or before), too_late (in hand, held or finished), or unknown (no such job).

local id = ARGV[1]
local job = read(id)
if not job then
  return { 'unknown', '' }
end
if job.state == 'cancelled' then
  return { 'cancelled', job.state }
end
if job.state ~= 'queued' and job.state ~= 'scheduled' then
  return { 'too_late', job.state }
end
conclude(id, job, 'cancelled', now_ms())
erase_content(id, job)
return { 'cancelled', 'cancelled' }
