-- begin_attempt.lua: records an attempt before its call, if the lease and the life still hold, and counts the job with its
-- first one, unless a gate keeps it out. Needs place.lua, limits.lua and gate_entry.lua. Safe to run again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id            ARGV[2] owner             ARGV[3] fence             ARGV[4] attempt number, from 1
-- ARGV[5]  attempt, JSON ARGV[6] lease, ms         ARGV[7] least life, ms    ARGV[8] chain, JSON list, or "" to leave it
-- ARGV[9]  limits, JSON, as limits.lua takes them, or "" if there are none or they were passed before
-- ARGV[10] the set of open attempts that send the same to the same recipient, tl:calling:{digest}
-- ARGV[11] the recipient's country, or "" if it is unknown; stored with the chain
-- ARGV[12] how long a provider's queue may be for the job to join it, ms
-- ARGV[13..] for each gate it has to pass its name, as gates.lua has it, and the most that may run there at once, or the ms
--          that the message makes the provider's queue longer
--
-- Returns {"begun"}, {"waits", gate} (the job has no owner any more and waits there), {"expired"} (too little life is left),
-- {"refused", rule} (by a limit), or {"lost"} (somebody else has the job). The last three have changed nothing.

-- Longer than any attempt lasts, so that nothing is left of one that nobody ended.
local CALLING_KEEP_MS = 600000

local id, owner, fence, attempt = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lease, least_life = tonumber(ARGV[6]), tonumber(ARGV[7])
local job = read(id)
local now = now_ms()
if job and job.place == 'gate' and job.fence == fence then
  return { 'waits', job.gate }
end
if not job or job.place ~= 'attempt' or job.owner ~= owner or job.fence ~= fence or tonumber(job.lease_ms) <= now then
  return { 'lost' }
end
if job.open ~= attempt then
  if job.open or tonumber(job.attempts) ~= tonumber(attempt) - 1 then
    return { 'lost' }
  end
  if tonumber(job.expires_ms) - now < least_life then
    return { 'expired' }
  end
  -- Before anything is counted: a job that waits here comes again.
  local wanted = ARGV[13] and wanted_gates(ARGV, 12)
  local closed = wanted and closed_gate(wanted, id, job, now)
  if closed then
    wait_at(closed, wanted.ahead_ms, id, job, now)
    return { 'waits', closed.name }
  end
  local rule = check_and_count(id, job, ARGV[9], now)
  if rule then
    return { 'refused', rule }
  end
  redis.call('HSET', KEYS[1],
    'attempts', attempt, 'attempt:' .. attempt, ARGV[5], 'open', attempt, 'calling', ARGV[10],
    'lease_ms', int(now + lease), unpack(pass_gates(wanted, id, job, attempt, now)))
  redis.call('SADD', ARGV[10], id .. '.a' .. attempt)
  redis.call('PEXPIRE', ARGV[10], CALLING_KEEP_MS)
  redis.call('ZADD', 'tl:leases', int(now + lease), id)
  if ARGV[8] ~= '' then
    redis.call('HSET', KEYS[1], 'chain', ARGV[8])
    if ARGV[11] ~= '' then
      redis.call('HSET', KEYS[1], 'country', ARGV[11])
    end
  end
end
return { 'begun' }
