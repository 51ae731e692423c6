-- Replaces the configurations of several tenants at once, or of none.
--
-- KEYS[1]      set of tenant names
-- KEYS[2]      string: the answer given to this token before
-- KEYS[3..]    one configuration hash per tenant, with fields `version` (integer, from 1) and `document` (JSON)
-- ARGV[1]      how long the answer is kept, in seconds
-- then per tenant, in the order of KEYS: name, expected version (integer, 0 for none), document (JSON)
--
-- Returns {"replaced", new version per tenant...}, or {"conflict", tenant, its version} with nothing changed.
-- The same token again (a client re-sends a script whose answer was lost) changes nothing and returns the first answer.

local given = redis.call("GET", KEYS[2])
if given then
  return cjson.decode(given)
end

local count = #KEYS - 2
for index = 1, count do
  local at = 2 + (index - 1) * 3
  local version = redis.call("HGET", KEYS[2 + index], "version") or "0"
  if tonumber(version) ~= tonumber(ARGV[at + 1]) then
    return { "conflict", ARGV[at], version }
  end
end

local answer = { "replaced" }
for index = 1, count do
  local at = 2 + (index - 1) * 3
  local version = string.format("%d", tonumber(ARGV[at + 1]) + 1)
  redis.call("HSET", KEYS[2 + index], "version", version, "document", ARGV[at + 2])
  redis.call("SADD", KEYS[1], ARGV[at])
  answer[#answer + 1] = version
end
redis.call("SET", KEYS[2], cjson.encode(answer), "EX", ARGV[1])
return answer
