-- bind.lua: lets one provider message settle at most one attempt. Safe to run again with equal arguments.
--
-- KEYS     the binding keys of the candidates, best first
-- ARGV[1]  the attempt's id      ARGV[2] how long a binding is kept, ms
--
-- Returns the index (from 1) of the first candidate that is free or already bound to this attempt, or 0.

for index, key in ipairs(KEYS) do
  local bound = redis.call('GET', key)
  if not bound then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
    return index
  end
  if bound == ARGV[1] then
    return index
  end
end
return 0
