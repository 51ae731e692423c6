-- settle.lua: brings a held job to the end that an operator knows of, and records it in the audit. Needs place.lua and
-- audit.lua. Safe to run again with equal arguments.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  id                                  ARGV[2] token, new for every settlement
-- ARGV[3]  the end: sent or failed             ARGV[4] number of the attempt that was sent, or "" for the only unknown one
-- ARGV[5]  the provider's message id, or ""    ARGV[6] how long that id is bound to the attempt, ms
-- ARGV[7]  "1" to keep the content if sent     ARGV[8] who does it, as JSON text
-- ARGV[9]  about how many events the audit keeps where no tuning says
--
-- Returns {"settled", state}, or {"refused", why, detail} with nothing changed; why and detail:
--   no_such_job                   not_held, state             none_unknown (no attempt may have been sent)
--   several_unknown, "1, 3"       not_unknown, its number     bound, the id of the attempt that the message settled

local id, token, ending, number, provider_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = KEYS[1]
local job = read(id)
if not job then
  return { 'refused', 'no_such_job', '' }
end
if job.settled_by == token then
  return { 'settled', job.state }
end
if job.place ~= 'held' then
  return { 'refused', 'not_held', job.state }
end

local unknown = {}
for attempt = 1, tonumber(job.attempts) do
  local outcome = cjson.decode(job['result:' .. attempt] or '{}').outcome
  if outcome ~= 'refused' then
    unknown[#unknown + 1] = tostring(attempt)
    unknown[tostring(attempt)] = outcome or 'open'
  end
end

-- Returns why this attempt cannot be settled as sent, or nil.
local function refusal()
  if #unknown == 0 then
    return { 'refused', 'none_unknown', '' }
  end
  if number == '' and #unknown > 1 then
    return { 'refused', 'several_unknown', table.concat(unknown, ', ') }
  end
  number = number == '' and unknown[1] or number
  if not unknown[number] then
    return { 'refused', 'not_unknown', number }
  end
  return nil
end

local now = now_ms()
local function settle(attempt, fields)
  redis.call('HSET', key, 'result:' .. attempt,
    '{' .. fields .. ',"code":"settled","settled":true,"ended_ms":' .. int(now) .. '}')
end

local changes = { { 'state', 'held', ending } }
if ending == 'sent' then
  local refused = refusal()
  if refused then
    return refused
  end
  local attempt = cjson.decode(job['attempt:' .. number])
  local bound_key = 'tl:bound:' .. attempt.account .. ':' .. provider_id
  local bound = provider_id ~= '' and redis.call('GET', bound_key)
  if bound and bound ~= attempt.id then
    return { 'refused', 'bound', bound }
  end
  settle(number, '"outcome":"accepted"' .. (provider_id ~= '' and ',"provider_id":' .. cjson.encode(provider_id) or ''))
  redis.call('HSET', key, 'sender', attempt.sender, 'provider', attempt.provider, 'account', attempt.account)
  if provider_id ~= '' then
    redis.call('HSET', key, 'provider_id', provider_id)
    redis.call('SET', bound_key, attempt.id, 'PX', ARGV[6])
    changes[#changes + 1] = { 'provider_id', nil, provider_id }
  end
  redis.call('HDEL', key, 'fault', 'rule', 'maybe_sent')
  changes[#changes + 1] = { 'attempts[' .. number .. ']', unknown[number], 'accepted' }
else
  -- Nothing of it was sent, says the operator: no attempt is in doubt any more, and a replay may take it.
  for _, attempt in ipairs(unknown) do
    settle(attempt, '"outcome":"refused","fault":"unavailable"')
    changes[#changes + 1] = { 'attempts[' .. attempt .. ']', unknown[attempt], 'refused' }
  end
  redis.call('HSET', key, 'fault', 'unavailable')
  redis.call('HDEL', key, 'maybe_twice', 'maybe_sent')
  job.maybe_twice = nil
end
redis.call('HSET', key, 'settled_by', token)
conclude(id, job, ending, now)
if ending == 'sent' and ARGV[7] ~= '1' then
  erase_content(id, job)
end
record_event(ARGV[8], 'job.settled', job.tenant, id, changes, ARGV[9])
return { 'settled', ending }
