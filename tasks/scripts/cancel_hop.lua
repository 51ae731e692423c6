-- cancel_hop.lua: ends the job whose nudge was revoked, if that nudge is its latest and still counts. Needs place.lua,
-- audit.lua, and the client's cancel.lua as the function `cancel`, which decides whether it is too late. Safe to run again.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id      ARGV[2] hop of the revoked nudge      ARGV[3] who does it, as JSON text
-- ARGV[4]  about how many events the audit keeps where no tuning says
--
-- Returns {status, state, tenant}: cancelled (by this call), before (cancelled already), too_late (being sent, perhaps sent,
-- or ended), stale (not its latest nudge, or one that was served), or unknown (no such job).

local id, hop = ARGV[1], ARGV[2]
local job = read(id)
if not job then
  return { 'unknown', '', '' }
end
if job.state == 'cancelled' then
  return { 'before', job.state, job.tenant }
end
-- A job that waits, is due later or is held has had its latest nudge served.
local is_nudged = job.place == 'lane' or job.place == 'attempt'
if job.hop ~= hop or not (is_nudged or job.finished_ms) then
  return { 'stale', job.state, job.tenant }
end
local answer = cancel({ id })
if answer[1] == 'cancelled' then
  record_event(ARGV[3], 'job.revoked', job.tenant, id, { { 'state', job.state, 'cancelled' } }, ARGV[4])
end
return { answer[1], answer[2], job.tenant }
