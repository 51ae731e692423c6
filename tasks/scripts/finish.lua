-- finish.lua: records how an attempt ended and moves the job to its next place. Needs place.lua and gate_wake.lua. Safe to run again with equal
-- arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id              ARGV[2] owner                     ARGV[3] fence
-- ARGV[4]  attempt number, "0" if no call was made           ARGV[5] the attempt's result, JSON, or ""
-- ARGV[6]  accepted, refused, unknown, or ""                 ARGV[7] move: stay, sent, failed, rejected, expired, requeue,
--                                                                    delay, held
-- ARGV[8]  details, JSON object:
--            fields     record fields to set; false removes one
--            uncalled   attempts without a call, as [attempt JSON, result JSON] pairs, appended in order
--            content    the sealed content, to replace a clear one
--            state      for delay: queued or reconciling
--            queue      for requeue
--            fell_back  for requeue to another sender: what an event tells of it, an object of sender, fault and next
--            due_in_ms  for delay
--            lease_ms   for stay
--            bound_key  for an accepted attempt: the key that binds the provider's message
--            attempt_id the value of that key, kept for bound_keep_ms
--            throttled  true if the provider had too many requests of the account at once
--            keep_content  true keeps the content of a sent job
--
-- Returns {"done", state}, {"evidence", state} (the job had moved on; the result was still taken), or {"lost", state}.

-- One call that ends makes room for one; more only where a gate has grown.
local WOKEN = 5

local NARROW_MS = 600000   -- how long after the last "later" a gate is as wide as configured again
local NARROW_EVERY_MS = 1000

local id, owner, fence, number = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local result, outcome, move = ARGV[5], ARGV[6], ARGV[7]
local details = cjson.decode(ARGV[8])
local key = KEYS[1]
local job = read(id)
if not job then
  return { 'lost', '' }
end
local now = now_ms()

local function token(attempts)
  return owner .. ' ' .. fence .. ' ' .. number .. ' ' .. move .. ' ' .. attempts
end

local function set_fields(fields)
  local set, removed = {}, {}
  for name, value in pairs(fields) do
    if value == false then
      removed[#removed + 1] = name
    else
      set[#set + 1] = name
      set[#set + 1] = value
    end
  end
  if #set > 0 then
    redis.call('HSET', key, unpack(set))
  end
  if #removed > 0 then
    redis.call('HDEL', key, unpack(removed))
  end
end

local function bind()
  if details.bound_key then
    redis.call('SET', details.bound_key, details.attempt_id, 'PX', details.bound_keep_ms)
  end
end

local function sent()
  set_fields(details.fields)
  redis.call('HDEL', key, 'fault', 'rule', 'maybe_sent')
  bind()
  conclude(id, job, 'sent', now)
  if not details.keep_content then
    erase_content(id, job)
  end
end

-- Whether a lookup has given this very message to another job, with the same recipient and text.
local function is_taken()
  local bound = details.bound_key and redis.call('GET', details.bound_key)
  return bound and string.match(bound, '^(.*)%.a%d+$') ~= id
end

-- Whether what the provider says now is news: the attempt has no definite result yet, or only an operator's word. An
-- operator who said `sent` is not contradicted by a refusal: another message may have been meant. A message settles one
-- job only: where it was taken, this one goes on as if nobody had found any.
local function is_news(known)
  if is_taken() then
    return false
  end
  if known.settled then
    return outcome == 'accepted'
  end
  return not known.outcome or known.outcome == 'unknown'
end

-- The job is no longer this worker's. What the provider said is still true: it settles an attempt once.
local function take_evidence()
  if number == '0' or not job['attempt:' .. number] or outcome == 'unknown' then
    return { 'lost', job.state }
  end
  local known = cjson.decode(job['result:' .. number] or '{}')
  if not is_news(known) then
    return { 'lost', job.state }
  end
  redis.call('HSET', key, 'result:' .. number, result)
  if outcome == 'accepted' and known.outcome == 'accepted' then
    set_fields(details.fields)
    bind()
    return { 'evidence', job.state }
  end
  if outcome == 'accepted' and job.state ~= 'sent' then
    if tonumber(job.attempts) > tonumber(number) then
      redis.call('HSET', key, 'maybe_twice', '1')
    end
    sent()
    return { 'evidence', 'sent' }
  end
  if outcome == 'accepted' then
    redis.call('HSET', key, 'maybe_twice', '1')
    bind()
    tell('marked', id, job, what_became(id, job.state))
  elseif job.reconciling == number and (job.place == 'delayed' or job.place == 'held') then
    leave(id, job, now)
    redis.call('HSET', key, 'state', 'reconciling')
    enter_delayed(id, now)
    return { 'evidence', 'reconciling' }
  elseif job.finished_ms and not may_have_been_sent(id) then
    -- At its end this was unknown, so the job has not given back what it counts.
    settle_counted(id, 'given_back')
  end
  return { 'evidence', job.state }
end

-- Notes at a gate how a call ended that has given its place back: "later" halves what ran at once, no more often than once a
-- second; each acceptance widens a narrow gate by one in its width.
local function adapt(how)
  local key = gate_key(job.gated, 'width')
  local width = tonumber(redis.call('GET', key) or false)
  if how == 'accepted' then
    if width and job.narrowed then
      -- INCRBYFLOAT would add a word to its own command, by which a later one of the script ends a Redis 6.2 (seen with 6.2.14)
      redis.call('SET', key, string.format('%.9g', width + 1 / math.max(1, width)), 'KEEPTTL')
    end
  elseif not width or redis.call('PTTL', key) <= NARROW_MS - NARROW_EVERY_MS then
    -- those that are called have a share too, and run no call yet
    local ran = redis.call('ZCARD', gate_key(job.gated, 'open')) - redis.call('ZCARD', gate_key(job.gated, 'called')) + 1
    redis.call('SET', key, int(math.max(1, math.floor(math.min(width or ran, ran) / 2))), 'PX', NARROW_MS)
  end
end

-- What a refused call did not use of its provider's queues is given back: nothing of it waits there.
local function give_back()
  for gate, cost in string.gmatch(job.metered, '(%S+) (%S+)') do
    lengthen(gate, -tonumber(cost), now)
    redis.call('ZADD', 'tl:gates_due', 'XX', 0, gate)
  end
end

if details.content and string.sub(job.content or '', 1, 6) == 'plain:' then
  redis.call('HSET', key, 'content', details.content)
end
if job.last_finish == token(job.attempts) then
  return { 'done', job.state }
end
local is_its_attempt = number == job.open or number == job.reconciling
if number == '0' then
  -- Without a call of its own no attempt is open, and what stays in hand then comes from a lookup. Else this has arrived
  -- a second time.
  is_its_attempt = not job.open and (move ~= 'stay' or job.reconciling)
end
if job.place ~= 'attempt' or job.owner ~= owner or job.fence ~= fence or not is_its_attempt then
  return take_evidence()
end

local attempts = tonumber(job.attempts)
for _, pair in ipairs(details.uncalled) do
  attempts = attempts + 1
  redis.call('HSET', key, 'attempt:' .. attempts, pair[1], 'result:' .. attempts, pair[2])
end
redis.call('HSET', key, 'attempts', attempts, 'last_finish', token(attempts))
if job.gate then
  end_wait(id, job, now)   -- it was called, and has begun nothing
end
if number ~= '0' then
  redis.call('HSET', key, 'result:' .. number, result)
  local awaited = end_call(id, job)
  if job.gated and (details.throttled or (job.narrowed and outcome == 'accepted')) then
    adapt(outcome)
  end
  if job.metered and outcome == 'refused' then
    give_back()
  end
  if awaited then
    wake(awaited, now, WOKEN)
  end
end
if outcome == 'unknown' then
  redis.call('SADD', 'tl:unsettled:' .. job.tenant, id)
end
if move == 'sent' then
  sent()
  return { 'done', 'sent' }
end
set_fields(details.fields)
if move == 'stay' then
  redis.call('HSET', key, 'lease_ms', int(now + details.lease_ms))
  redis.call('ZADD', 'tl:leases', int(now + details.lease_ms), id)
  return { 'done', redis.call('HGET', key, 'state') }
end
if move == 'failed' or move == 'rejected' or move == 'expired' then
  conclude(id, job, move, now)
  if move == 'rejected' then
    erase_content(id, job)   -- the others can be replayed
  end
  return { 'done', move }
end

leave(id, job, now)
redis.call('HDEL', key, 'owner', 'lease_ms')
if move == 'requeue' then
  job.queue = details.queue
  redis.call('HSET', key, 'queue', job.queue, 'state', 'queued')
  enter_lane(id, job, now)
  if details.fell_back then
    details.fell_back.state = 'queued'
    tell('fell_back', id, job, details.fell_back)
  end
  return { 'done', 'queued' }
end
if move == 'delay' then
  redis.call('HSET', key, 'state', details.state)
  enter_delayed(id, now + details.due_in_ms)
  return { 'done', details.state }
end
redis.call('HSET', key, 'place', 'held', 'state', 'held')
redis.call('ZADD', 'tl:held', int(now), id)
tell('held', id, job, what_became(id, 'held'))
return { 'done', 'held' }
