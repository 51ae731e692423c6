-- backlog_waiting.lua: reads a page of the sets of jobs that wait for room. Changes nothing.
--
-- KEYS[1]  set: the keys of all waiting sets that are not empty
-- ARGV[1]  cursor, "0" at first       ARGV[2] about how many waiting sets to look at
-- ARGV[3]  what the keys of records begin with
--
-- Returns {next cursor or "0", ms now}, and for each waiting set its key, how many wait in it, and the ms at which the one that
-- came first became due, or -1. Redis may give a set twice, on different pages.

local time = redis.call('TIME')
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found = { page[1], tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
for _, waiting in ipairs(page[2]) do
  local first = redis.call('ZRANGE', waiting, 0, 0)[1]
  if first then
    found[#found + 1] = waiting
    found[#found + 1] = redis.call('ZCARD', waiting)
    found[#found + 1] = tonumber(redis.call('HGET', ARGV[3] .. first, 'due_ms') or false) or -1
  end
end
return found
