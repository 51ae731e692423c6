-- backlog_lane.lua: reads how much stands in one lane of one queue, and since when. Changes nothing.
--
-- KEYS[1]  sorted set: ids in the lane, by the time of their nudge       KEYS[2] the same for nudges at the serving end
-- ARGV[1]  what the keys of records begin with       ARGV[2] most ids of each set to look up
--
-- Returns {ms now, ids in both sets, ms at which the oldest looked-up job became due or -1}.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local count, oldest = 0, math.huge
for _, set in ipairs(KEYS) do
  count = count + redis.call('ZCARD', set)
  for _, id in ipairs(redis.call('ZRANGE', set, 0, tonumber(ARGV[2]) - 1)) do
    oldest = math.min(oldest, tonumber(redis.call('HGET', ARGV[1] .. id, 'due_ms') or false) or math.huge)
  end
end
return { now, count, oldest < math.huge and oldest or -1 }
