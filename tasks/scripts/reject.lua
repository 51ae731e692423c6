-- reject.lua: records a submitted job that breaks the contract. Needs place.lua. Safe to run again.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id      ARGV[2] tenant, or "" if that is what was wrong      ARGV[3] the wrong fields, comma-separated
--
-- Returns 1 if it was recorded, 0 if a job has this id already.

if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'v', 1, 'tenant', ARGV[2], 'state', 'rejected', 'rule', 'contract', 'wrong', ARGV[3],
  'created_ms', int(now), 'finished_ms', int(now), 'attempts', 0)
local keep = tuning('finished_keep_ms')
redis.call('PEXPIRE', KEYS[1], int(keep))
local job = { tenant = ARGV[2], created_ms = now }
list_new(ARGV[1], job)
list_ended(ARGV[1], job, 'rejected', now + keep)
tell('rejected', ARGV[1], job, { state = 'rejected', rule = 'contract' })
return 1
