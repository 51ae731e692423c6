-- bind.lua: lets one provider message settle at most one attempt. Safe to run again with equal arguments.
--
-- KEYS[1]  the set of open attempts that send the same to the same recipient, tl:calling:{digest}; "" if the provider names
--          the attempt in its answer, so that no message can be another's
-- KEYS[2..] the binding keys of the candidates, best first
-- ARGV[1]  the attempt's id      ARGV[2] how long a binding is kept, ms
--
-- Returns the index (from 1) of the first candidate that is free or already bound to this attempt; 0 if there is none; -1 if one
-- is free and may be what another attempt, whose call still runs, has just sent.

local attempt, keep = ARGV[1], ARGV[2]
local others = redis.call('SCARD', KEYS[1]) - redis.call('SISMEMBER', KEYS[1], attempt)
local is_contested = false
for index = 2, #KEYS do
  local bound = redis.call('GET', KEYS[index])
  if bound == attempt then
    return index - 1
  end
  if not bound and others > 0 then
    is_contested = true
  elseif not bound then
    redis.call('SET', KEYS[index], attempt, 'PX', keep)
    return index - 1
  end
end
return is_contested and -1 or 0
