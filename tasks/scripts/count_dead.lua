-- count_dead.lua: counts a bounded number of failed jobs by their faults. Needs base.lua. It changes nothing.
--
-- KEYS[1]  the ids of failed jobs, tl:ended:failed
-- ARGV[1]  the rank to begin with, from 0      ARGV[2] the tenant to count for, or "" for all
-- ARGV[3]  most ids to read
--
-- Returns how many ids were read, then faults and counts in turn. A record that is gone or has no fault is not counted.

local first, tenant, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local counts, faults = {}, {}

local ids = redis.call('ZRANGE', KEYS[1], first, first + most - 1)
for _, id in ipairs(ids) do
  local fault, of = unpack(redis.pcall('HMGET', job_key(id), 'fault', 'tenant'))
  if fault and (tenant == '' or of == tenant) then
    if not counts[fault] then
      counts[fault] = 0
      faults[#faults + 1] = fault
    end
    counts[fault] = counts[fault] + 1
  end
end

local answer = { #ids }
for _, fault in ipairs(faults) do
  answer[#answer + 1] = fault
  answer[#answer + 1] = counts[fault]
end
return answer
