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
redis.call('PEXPIRE', KEYS[1], int(tuning('finished_keep_ms')))
if ARGV[2] ~= '' then
  redis.call('ZADD', 'tl:jobs:' .. ARGV[2], int(now), ARGV[1])
  redis.call('SADD', 'tl:job_tenants', ARGV[2])
  redis.call('ZADD', 'tl:forget', int(now + tuning('finished_keep_ms')), ARGV[1] .. ' ' .. ARGV[2])
end
return 1
