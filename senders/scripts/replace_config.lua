-- Replaces the configurations of several tenants at once, or of none, and records the events of the change in the same step.
-- Without tenants it records events only.
--
-- KEYS[1]      set of tenant names
-- KEYS[2]      string: the answer given to this token before
-- KEYS[3]      stream: the audit, one field `event` (JSON) per entry
-- KEYS[4]      sorted set of deleted senders whose secret is kept, by the time of their deletion in ms
-- KEYS[5]      hash with the tuning `audit_events`: about how many events are kept
-- KEYS[6..]    one configuration hash per tenant, with fields `version` (integer, from 1) and `document` (JSON)
-- ARGV[1]      how long the answer is kept, in seconds
-- ARGV[2]      how many events are kept where there is no tuning
-- then per tenant, in the order of KEYS: name, expected version (integer, 0 for none), document (JSON), and two JSON lists of
--   members of KEYS[4]: the senders it deletes, and the deleted ones whose secret it no longer keeps
-- then one event (JSON) each
--
-- Returns {"replaced", new version per tenant...}, or {"conflict", tenant, its version} with nothing changed.
-- The same token again (a client re-sends a script whose answer was lost) changes nothing and returns the first answer.

local FIXED_KEYS, FIRST, PER_TENANT = 5, 3, 5

local given = redis.call("GET", KEYS[2])
if given then
  return cjson.decode(given)
end

local count = #KEYS - FIXED_KEYS
local function argument(index, place)
  return ARGV[FIRST + (index - 1) * PER_TENANT + place]
end

for index = 1, count do
  local version = redis.call("HGET", KEYS[FIXED_KEYS + index], "version") or "0"
  if tonumber(version) ~= tonumber(argument(index, 1)) then
    return { "conflict", argument(index, 0), version }
  end
end

local time = redis.call("TIME")
local now_ms = string.format("%.0f", tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local answer = { "replaced" }
for index = 1, count do
  local version = string.format("%d", tonumber(argument(index, 1)) + 1)
  redis.call("HSET", KEYS[FIXED_KEYS + index], "version", version, "document", argument(index, 2))
  redis.call("SADD", KEYS[1], argument(index, 0))
  for _, sender in ipairs(cjson.decode(argument(index, 3))) do
    redis.call("ZADD", KEYS[4], now_ms, sender)
  end
  for _, sender in ipairs(cjson.decode(argument(index, 4))) do
    redis.call("ZREM", KEYS[4], sender)
  end
  answer[#answer + 1] = version
end

local kept = redis.call("HGET", KEYS[5], "audit_events") or ARGV[2]
for index = FIRST + count * PER_TENANT, #ARGV do
  redis.call("XADD", KEYS[3], "MAXLEN", "~", kept, "*", "event", ARGV[index])
end
redis.call("SET", KEYS[2], cjson.encode(answer), "EX", ARGV[1])
return answer
