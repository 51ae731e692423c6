-- replay.lua: gives an ended or held job another life, and records it in the audit. Needs place.lua and audit.lua. Safe to run
-- again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- KEYS[2]  the list of the jobs that this run requeued, tl:replayed:{run}; only with a run
-- ARGV[1]  id
-- ARGV[2]  the run that replays it: the same run replays a job once; "" to look only
-- ARGV[3]  terms, JSON object:
--            unknown   true takes what may have been sent, too
--            ttl_ms    time to live from now; absent leaves its life as it is
--            lane      its lane from now on; absent leaves it where it was
--            via       the only sender of the new life; absent for the chain of its tenant's rules
-- ARGV[4]  how often a job may be replayed
-- ARGV[5]  who does it, as JSON text, or "" for no event in the audit
-- ARGV[6]  about how many events the audit keeps where no tuning says
--
-- Returns {"requeued", state} (when looking: what it would be), or {"refused", why, detail} with nothing changed; why:
--   no_such_job   not_failed, state   replayed, by which run and what became of it   held (only with `unknown`)
--   unsubscribed   content_gone   too_often, how often   may_have_been_sent (only with `unknown`)   life_over (only with `ttl_ms`)
--   damaged
--
-- A held job whose last outcome is unknown, and is of its present life, is asked about once more, from the start of the
-- patience: it keeps its chain and its step. Any other begins anew at the tenant's own account: its chain is resolved afresh, and `first_attempt` tells
-- earlier attempts from those of this life, so that limits are not counted again. Before it does, the workers ask about
-- each earlier attempt that may have been sent, from the first one on.

local id, run, terms = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local key = KEYS[1]
local job = read(id)
local now = now_ms()

local function has_ended()
  return job.state == 'failed' or job.state == 'expired'
end

-- Whether all is there that the writes below need: they cannot be taken back.
local function is_whole()
  for _, name in ipairs({ 'created_ms', 'expires_ms', 'attempts' }) do
    if not tonumber(job[name]) then
      return false
    end
  end
  return job.state and job.tenant and job.channel and job.lane and job.queue
end

local function refusal()
  if not job then
    return 'no_such_job', ''
  end
  if not is_whole() then
    return 'damaged', ''
  end
  if job.place == 'held' and not terms.unknown then
    return 'held', ''
  end
  if job.place ~= 'held' and not has_ended() then
    local last = string.match(job.replayed_by or '', '%S+$')
    if last and job.state ~= 'cancelled' then
      return 'replayed', last .. ' already (' .. job.state .. ')'
    end
    return 'not_failed', job.state
  end
  for attempt = 1, tonumber(job.attempts) do
    if cjson.decode(job['result:' .. attempt] or '{}').fault == 'unsubscribed' then
      return 'unsubscribed', ''
    end
  end
  if not job.content then
    return 'content_gone', ''
  end
  if tonumber(job.replays or 0) >= tonumber(ARGV[4]) then
    return 'too_often', job.replays
  end
  if not terms.unknown and (job.maybe_twice or job.maybe_sent or may_have_been_sent(id)) then
    return 'may_have_been_sent', ''
  end
  if not terms.ttl_ms and (job.state == 'expired' or tonumber(job.expires_ms) <= now) then
    return 'life_over', ''
  end
  return nil
end

-- Returns the number of the first attempt that may have been sent, or nil.
local function first_unknown()
  for attempt = 1, tonumber(job.attempts) do
    if cjson.decode(job['result:' .. attempt] or '{}').outcome ~= 'refused' then
      return attempt
    end
  end
  return nil
end

if run ~= '' and job and string.find(' ' .. (job.replayed_by or '') .. ' ', ' ' .. run .. ' ', 1, true) then
  return { 'requeued', job.state }
end
local why, detail = refusal()
if why then
  return { 'refused', why, detail }
end
local is_of_this_life = job.reconciling and tonumber(job.reconciling) >= tonumber(job.first_attempt or 1)
local goes_on = job.place == 'held' and is_of_this_life and not terms.via
local unknown = goes_on and job.reconciling or first_unknown()
local state = unknown and 'reconciling' or 'queued'
if run == '' then
  return { 'requeued', state }
end

leave(id, job, now)
redis.call('HSET', key, 'state', state, 'replays', int(tonumber(job.replays or 0) + 1),
  'replayed_by', (job.replayed_by and job.replayed_by .. ' ' or '') .. run)
if terms.ttl_ms then
  redis.call('HSET', key, 'expires_ms', int(now + terms.ttl_ms))
end
if terms.lane then
  job.lane = terms.lane
  if string.sub(job.queue, 1, 9) == 'dispatch.' then
    job.queue = 'dispatch.' .. job.lane   -- the sweeper looks for no other lane there
  end
  redis.call('HSET', key, 'lane', job.lane, 'queue', job.queue)
  redis.call('HDEL', key, 'gate_rank')   -- that of the lane before
end
if not goes_on then
  redis.call('HDEL', key, 'chain', 'via', 'throttled_ms', 'retries', 'reconciling', 'lookups', 'good_lookups', 'unknown_ms',
    'worker_lost')
  job.queue = 'dispatch.' .. job.lane
  redis.call('HSET', key, 'first_attempt', int(tonumber(job.attempts) + 1), 'step', 0, 'queue', job.queue,
    'due_ms', int(now))
  if terms.via then
    redis.call('HSET', key, 'via', terms.via)
  end
end
if unknown then
  redis.call('HSET', key, 'reconciling', unknown, 'lookups', 0, 'good_lookups', 0, 'unknown_ms', int(now))
  redis.call('SADD', 'tl:unsettled:' .. job.tenant, id)
  enter_delayed(id, now)
else
  if job.maybe_sent then
    redis.call('HSET', key, 'maybe_twice', '1')   -- no attempt says why, so there is nobody to ask
  end
  enter_lane(id, job, now)
end
redis.call('HDEL', key, 'finished_ms', 'fault', 'rule', 'maybe_sent')
redis.call('PERSIST', key)
list_again(id, job)
tell('replayed', id, job, what_became(id, state))
redis.call('RPUSH', KEYS[2], id)
redis.call('PEXPIRE', KEYS[2], 7 * 86400000)
if ARGV[5] ~= '' then
  record_event(ARGV[5], 'job.replayed', job.tenant, id, { { 'state', job.state, state }, { 'run', nil, run } }, ARGV[6])
end
return { 'requeued', state }
