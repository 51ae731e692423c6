-- count_ended.lua: counts how jobs ended, by a bounded number of events. Needs base.lua. It changes nothing.
--
-- KEYS[1]  the events of jobs, tl:events
-- ARGV[1]  where to begin, as XRANGE takes it      ARGV[2] the tenant to count for, or "" for all
-- ARGV[3]  most events to read
--
-- Returns the place to go on from ("" if these were the last), then names and counts in turn: state:{state}, fault:{fault} and
-- rule:{rule} of those that ended so, provider:{provider} of those that were sent, and fell_back, how many of those were
-- not sent by the first sender of their chain.

local ENDS = { sent = true, failed = true, rejected = true, expired = true, cancelled = true }

local tenant, most = ARGV[2], tonumber(ARGV[3])
local counts, names, last = {}, {}, ''

local function count(name)
  if not counts[name] then
    counts[name] = 0
    names[#names + 1] = name
  end
  counts[name] = counts[name] + 1
end

local found = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', most)
for _, entry in ipairs(found) do
  local event = {}
  for position = 1, #entry[2], 2 do
    event[entry[2][position]] = entry[2][position + 1]
  end
  if ENDS[event.kind] and (tenant == '' or event.tenant == tenant) then
    count('state:' .. event.kind)
    if event.kind == 'sent' then
      count('provider:' .. (event.provider or ''))
      local step = event.id and redis.pcall('HGET', job_key(event.id), 'step')
      if type(step) == 'string' and step ~= '0' then
        count('fell_back')
      end
    elseif event.kind == 'failed' then
      count('fault:' .. (event.fault or ''))
    elseif event.kind == 'rejected' then
      count('rule:' .. (event.rule or ''))
    end
  end
  last = entry[1]
end

local answer = { #found == most and last or '' }
for _, name in ipairs(names) do
  answer[#answer + 1] = name
  answer[#answer + 1] = counts[name]
end
return answer
