-- in_question.lua: tells which senders' attempts of some jobs may still have to be asked about. Needs place.lua. Changes
-- nothing.
--
-- ARGV[1..]  job ids
--
-- Returns "{tenant} {sender key} {account}" of every attempt that is open, or whose outcome its unfinished job has to find out;
-- one may be there more than once.

local found = {}
for _, id in ipairs(ARGV) do
  local job = redis.call('HMGET', job_key(id), 'tenant', 'finished_ms', 'open', 'reconciling', 'first_attempt')
  local tenant, is_over = job[1], job[2]
  local numbers = { job[3] or '', job[4] or '' }
  for number = tonumber(job[4] or 0) + 1, job[4] and tonumber(job[5] or 0) - 1 or 0 do
    numbers[#numbers + 1] = number   -- a replay asks about every attempt of the lives before it
  end
  for _, number in ipairs(numbers) do
    local begun = tenant and not is_over and redis.call('HGET', job_key(id), 'attempt:' .. number)
    if begun then
      local readable, attempt = pcall(cjson.decode, begun)
      if readable then
        found[#found + 1] = tenant .. ' ' .. attempt.sender .. ' ' .. attempt.account
      end
    end
  end
end
return found
