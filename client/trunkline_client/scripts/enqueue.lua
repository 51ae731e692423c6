-- enqueue.lua: checks the id, records the job and gives it a place. Safe to run again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id           ARGV[2] digest of the job's fields, hex        ARGV[3] tenant
-- ARGV[4]  channel      ARGV[5] lane                                   ARGV[6] content, with its scheme prefix
-- ARGV[7]  options, JSON object                                        ARGV[8] send at, ms since 1970, or ""
-- ARGV[9]  expires at, ms since 1970, or ""                            ARGV[10] time to live, ms, or ""
-- ARGV[11] the lane's default life, ms                                 ARGV[12] record version
-- ARGV[13] "more" if another job of this tenant and lane is right behind, which will bring this one into the lane; "last" if
--          this is that job; "" or absent for one that comes alone
--
-- Returns {status, state}: status is
--   created   the job is recorded and in its place
--   same      this job was enqueued before; nothing changed
--   conflict  another job has this id; nothing changed
--   expired   its life is over already; nothing was recorded
--   too_far   it is to be sent more than 90 days from now; nothing was recorded
--   too_long  it is to live longer than 7 days; nothing was recorded

-- Content waits in clear until a worker has the job, and a bulk job is retried all its life: neither may be for ever.
local MOST_AHEAD_MS = 90 * 86400000
local MOST_LIFE_MS = 7 * 86400000

local id, digest = ARGV[1], ARGV[2]
local now = now_ms()

-- Records the job unless something is against it; returns the answer.
local function enqueue()
  local known = redis.call('HMGET', KEYS[1], 'digest', 'state', 'place', 'finished_ms')
  -- A record without a place is what an earlier run left that failed half-way: it is recorded anew.
  if known[2] and (known[3] or known[4]) then
    local kept = known[1] or ''
    if kept ~= '' and string.sub(digest, 1, #kept) == kept then
      return { 'same', known[2] }
    end
    return { 'conflict', known[2] }
  end

  local due = tonumber(ARGV[8]) or now
  local expires = tonumber(ARGV[9]) or (due + (tonumber(ARGV[10]) or tonumber(ARGV[11])))
  if expires <= now or expires <= due then
    return { 'expired', '' }
  end
  if due - now > MOST_AHEAD_MS then
    return { 'too_far', '' }
  end
  if expires - due > MOST_LIFE_MS then
    return { 'too_long', '' }
  end

  local job = {
    tenant = ARGV[3], channel = ARGV[4], lane = ARGV[5], queue = 'dispatch.' .. ARGV[5], options = ARGV[7], created_ms = now,
  }
  local scheduled = due > now
  local state = scheduled and 'scheduled' or 'queued'
  redis.call('HSET', KEYS[1],
    'v', ARGV[12], 'tenant', job.tenant, 'channel', ARGV[4], 'lane', job.lane, 'queue', job.queue, 'state', state,
    'content', ARGV[6], 'options', ARGV[7], 'digest', digest, 'created_ms', int(now), 'due_ms', int(due),
    'expires_ms', int(expires), 'hop', 0, 'fence', 0, 'step', 0, 'attempts', 0)
  list_new(id, job)
  tell('accepted', id, job, { state = state })
  if scheduled then
    enter_delayed(id, due)
  elseif ARGV[13] == 'more' then
    wait(id, job)
  else
    enter_lane(id, job, now)
  end
  return { 'created', state }
end

local answer = enqueue()
-- Whatever became of this one, those before it rely on it.
if ARGV[13] == 'last' then
  fill({ tenant = ARGV[3], lane = ARGV[5], queue = 'dispatch.' .. ARGV[5] }, now)
end
return answer
