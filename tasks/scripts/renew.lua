-- renew.lua: prolongs, or ends, the leases a worker still holds. Needs place.lua. Safe to run again.
--
-- ARGV[1]  lease, ms; 0 ends it now, and the next sweep puts the job back
-- ARGV[2..]  triples: id, owner, fence
--
-- Returns "{id} {fence}" of each claim whose lease this worker no longer holds.

local now = now_ms()
local until_ms = int(now + tonumber(ARGV[1]))
local lost = {}
for i = 2, #ARGV, 3 do
  local id = ARGV[i]
  local held = redis.call('HMGET', job_key(id), 'place', 'owner', 'fence', 'lease_ms')
  if held[1] == 'attempt' and held[2] == ARGV[i + 1] and held[3] == ARGV[i + 2] and tonumber(held[4]) > now then
    redis.call('HSET', job_key(id), 'lease_ms', until_ms)
    redis.call('ZADD', 'tl:leases', 'XX', until_ms, id)
  else
    lost[#lost + 1] = id .. ' ' .. ARGV[i + 2]
  end
end
return lost
