-- cancel.lua: ends a job that nothing was sent of, wherever it is. Safe to run again.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id
--
-- Returns {status, state}: cancelled (now or before), too_late (being sent, perhaps sent, or ended otherwise), or unknown (no
-- such job).
--
-- A worker that has the job in hand and has not recorded an attempt loses it: begin_attempt.lua then answers "lost", and
-- nothing is sent. A job that goes on after an attempt nobody knows the outcome of can be cancelled too; its marks tell.

local id = ARGV[1]
local job = read(id)
if not job then
  return { 'unknown', '' }
end
if job.state == 'cancelled' then
  return { 'cancelled', job.state }
end
local is_asked_about = job.open or job.reconciling
if job.finished_ms or is_asked_about or (job.place == 'held' and may_have_been_sent(id)) then
  return { 'too_late', job.state }
end
conclude(id, job, 'cancelled', now_ms())
erase_content(id, job)
return { 'cancelled', 'cancelled' }
