-- Clears all quota counters of one subject. The same token again changes nothing and returns the first answer.
--
-- KEYS[1]  the subject's counters, tl:quota:{tenant}:{subject}; they keep their expiry
-- ARGV[1]  token, new for every reset. It stays in the field `reset`: what was counted under another one is not given back
--
-- Returns 1, or 0 if there is nothing to clear.

if redis.call("EXISTS", KEYS[1]) == 0 then
  return 0
end
if redis.call("HGET", KEYS[1], "reset") ~= ARGV[1] then
  redis.call("HSET", KEYS[1], "reset", ARGV[1])
  for _, field in ipairs(redis.call("HKEYS", KEYS[1])) do
    if field ~= "reset" then
      redis.call("HDEL", KEYS[1], field)
    end
  end
end
return 1
