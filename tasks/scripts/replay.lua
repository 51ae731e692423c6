-- replay.lua: gives an ended or held job another life, and records it in the audit. Needs place.lua and audit.lua. Safe to run
-- again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id                                         ARGV[2] token, new for every replay
-- ARGV[3]  "1" for what may have been sent, or ""     ARGV[4] time to live from now, ms, or "" to leave its life as it is
-- ARGV[5]  "1" to look only, or ""                    ARGV[6] how often a job may be replayed
-- ARGV[7]  who does it, as JSON text                  ARGV[8] about how many events the audit keeps where no tuning says
--
-- Returns {"requeued", state} (with "look only": what it would be), or {"refused", why, detail} with nothing changed; why:
--   no_such_job   not_failed, state   held (only with ARGV[3])   unsubscribed   content_gone   too_often, how often
--   may_have_been_sent (only with ARGV[3])   life_over (only with ARGV[4])
--
-- A held job whose last outcome is unknown is asked about once more, from the start of the patience: it keeps its chain and
-- its step. Any other begins anew at the tenant's own account: its chain is resolved afresh, and `first_attempt` tells
-- earlier attempts from those of this life, so that limits are not counted again.

local id, token, takes_unknown, ttl = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local key = KEYS[1]
local job = read(id)
local now = now_ms()

local function refusal()
  if not job then
    return 'no_such_job', ''
  end
  if job.place == 'held' and not takes_unknown then
    return 'held', ''
  end
  if job.place ~= 'held' and job.state ~= 'failed' and job.state ~= 'expired' then
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
  if tonumber(job.replays or 0) >= tonumber(ARGV[6]) then
    return 'too_often', job.replays
  end
  if not takes_unknown and (job.maybe_twice or job.maybe_sent or may_have_been_sent(id)) then
    return 'may_have_been_sent', ''
  end
  if not ttl and (job.state == 'expired' or tonumber(job.expires_ms) <= now) then
    return 'life_over', ''
  end
  return nil
end

if job and job.last_replay == token then
  return { 'requeued', job.state }
end
local why, detail = refusal()
if why then
  return { 'refused', why, detail }
end
local looks_up = job.place == 'held' and job.reconciling
local state = looks_up and 'reconciling' or 'queued'
if ARGV[5] == '1' then
  return { 'requeued', state }
end

leave(id, job, now)
redis.call('HSET', key, 'last_replay', token, 'state', state, 'replays', int(tonumber(job.replays or 0) + 1))
if ttl then
  redis.call('HSET', key, 'expires_ms', int(now + ttl))
end
if job.maybe_sent and not job.place then
  redis.call('HSET', key, 'maybe_twice', '1')
end
if looks_up then
  redis.call('HSET', key, 'lookups', 0, 'good_lookups', 0, 'unknown_ms', int(now))
  enter_delayed(id, now)
else
  redis.call('HDEL', key, 'chain', 'throttled_ms', 'retries', 'reconciling', 'lookups', 'good_lookups', 'unknown_ms',
    'worker_lost')
  job.queue = 'dispatch.' .. job.lane
  redis.call('HSET', key, 'first_attempt', int(tonumber(job.attempts) + 1), 'step', 0, 'queue', job.queue,
    'due_ms', int(now))
  enter_lane(id, job, now)
end
redis.call('HDEL', key, 'finished_ms', 'fault', 'rule', 'maybe_sent')
redis.call('PERSIST', key)
list_again(id, job)
tell('replayed', id, job, what_became(id, state))
record_event(ARGV[7], 'job.replayed', job.tenant, id, { { 'state', job.state, state } }, ARGV[8])
return { 'requeued', state }
