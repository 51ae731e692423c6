-- claim.lua: a worker takes a job in hand under a lease. Needs place.lua. Safe to run again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id      ARGV[2] the nudge's hop, or "" to take any      ARGV[3] owner: worker and claim token
-- ARGV[4]  lease, ms
--
-- Returns
--   {"claimed", now in ms, version of the tenant's configuration or "0", the record, flat; of two equal names the last counts}
--   {"left", why, state}   why: unknown, finished, elsewhere, stale

local id, hop, owner, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local job, record = read(id)
if not job then
  return { 'left', 'unknown', '' }
end
local now = now_ms()
local again = job.place == 'attempt' and job.owner == owner
if not again then
  if job.finished_ms then
    return { 'left', 'finished', job.state }
  end
  if job.place ~= 'lane' then
    return { 'left', 'elsewhere', job.state }
  end
  if hop ~= '' and hop ~= job.hop then
    return { 'left', 'stale', job.state }
  end
  leave(id, job, now)
  local taken = {
    'place', 'attempt', 'state', job.reconciling and 'reconciling' or 'dispatching', 'owner', owner,
    'fence', int(tonumber(job.fence) + 1), 'lease_ms', int(now + lease), 'claimed_ms', job.claimed_ms or int(now),
  }
  redis.call('HSET', KEYS[1], unpack(taken))
  -- To read the record once more took 6 us.
  for _, value in ipairs(taken) do
    record[#record + 1] = value
  end
  redis.call('ZADD', 'tl:leases', int(now + lease), id)
end
local version = redis.call('HGET', 'tl:config:' .. job.tenant, 'version') or '0'
return { 'claimed', int(now), version, record }
