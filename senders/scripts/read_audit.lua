-- Reads a page of the audit backwards and leaves out the entries that lack certain texts: of a million entries most would
-- otherwise be read by the client for nothing. Changes nothing.
--
-- KEYS[1]    stream: the audit, one field `event` (JSON) per entry
-- ARGV[1]    id of the newest entry to look at      ARGV[2] id of the oldest      ARGV[3] most entries to look at
-- ARGV[4..]  texts that an event must hold, all of them
--
-- Returns the id of the last entry it looked at, "" when none is left after it, and then id and event of each entry found.

local most = tonumber(ARGV[3])
local entries = redis.call("XREVRANGE", KEYS[1], ARGV[1], ARGV[2], "COUNT", most)
local found = { #entries == most and entries[most][1] or "" }
for _, entry in ipairs(entries) do
  local event = entry[2][2]
  local holds_all = true
  for index = 4, #ARGV do
    holds_all = holds_all and string.find(event, ARGV[index], 1, true)
  end
  if holds_all then
    found[#found + 1] = entry[1]
    found[#found + 1] = event
  end
end
return found
