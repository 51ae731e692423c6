-- in_question.lua: tells which senders' attempts of some jobs may still have to be asked about. Needs place.lua. Changes
-- nothing.
--
-- ARGV[1..]  job ids
--
-- Returns "{tenant} {sender key} {account}" of every attempt that is open, or whose outcome its unfinished job has to find out;
-- one may be there more than once.

local found = {}
for _, id in ipairs(ARGV) do
  local job = redis.call('HMGET', job_key(id), 'tenant', 'finished_ms', 'open', 'reconciling')
  local tenant, is_over = job[1], job[2]
  for _, number in ipairs({ job[3] or '', job[4] or '' }) do
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
