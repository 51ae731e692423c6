-- used.lua: notes that the recipient used the code of a job: in the day's quotas it moves from unused to used, and its
-- cooldown's sequence ends. Needs place.lua. Safe to run again: the first time counts.
--
-- KEYS[1]  the job's record, tl:job:{id}; used_ms is set to milliseconds of Redis TIME since 1970
-- ARGV[1]  id
--
-- Returns 1, or 0 if there is no such job.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSETNX', KEYS[1], 'used_ms', int(now_ms()))
settle_counted(ARGV[1], 'used')
return 1
