-- used.lua: notes that the recipient used the code of a job. Safe to run again: the first time counts.
--
-- KEYS[1]  the job's record, tl:job:{id}; used_ms is set to milliseconds of Redis TIME since 1970
--
-- Returns 1, or 0 if there is no such job.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'used_ms', string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)))
return 1
