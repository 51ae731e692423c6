-- index.lua: what listings find jobs by, and the stream that tells other services what became of them. Needs base.lua. It
-- defines local functions only and runs nothing.

-- The ends that somebody looks for. Jobs that were sent are most of all, and found by their tenant and time.
local LISTED_ENDS = { failed = true, rejected = true, expired = true, cancelled = true }

-- Returns the producer's reference, or nil; read once for each script.
local function reference_of(job)
  if job.reference == nil then
    job.reference = false
    if string.find(job.options or '', '"reference"', 1, true) then
      local readable, options = pcall(cjson.decode, job.options)
      local found = readable and options.reference
      job.reference = type(found) == 'string' and found or false
    end
  end
  return job.reference or nil
end

-- References sort by themselves, and jobs of one reference by creation: a reference holds no line feed. Only a damaged record
-- does not tell its creation; its job must end all the same.
local function reference_entry(id, job)
  local reference = reference_of(job)
  return reference and reference .. '\n' .. string.format('%013.0f', job.created_ms or 0) .. '\n' .. id or nil
end

-- How an ended job stands in tl:forget: with all that its record will not be there to tell.
local function forget_entry(id, job)
  local reference = reference_entry(id, job)
  return id .. ' ' .. job.tenant .. (reference and '\n' .. reference or '')
end

local function list_new(id, job)
  local created = int(job.created_ms)
  redis.call('ZADD', 'tl:jobs', created, id)
  if job.tenant ~= '' then
    redis.call('ZADD', 'tl:jobs:' .. job.tenant, created, id)
    redis.call('SADD', 'tl:job_tenants', job.tenant)
  end
  redis.call('ZADD', 'tl:unfinished', created, id)
  local reference = reference_entry(id, job)
  if reference then
    redis.call('ZADD', 'tl:references', 0, reference)
  end
end

-- Takes a job from the unfinished ones to those of its end; an end that was known before gives way to a truer one.
-- `gone_ms` is when its record will be gone.
local function list_ended(id, job, state, gone_ms)
  redis.call('ZREM', 'tl:unfinished', id)
  if LISTED_ENDS[job.state] then
    redis.call('ZREM', 'tl:ended:' .. job.state, id)
  end
  if LISTED_ENDS[state] then
    redis.call('ZADD', 'tl:ended:' .. state, job.created_ms or 0, id)
  end
  redis.call('ZADD', 'tl:forget', int(gone_ms), forget_entry(id, job))
end

-- Takes a job that gets another life back among the unfinished ones.
local function list_again(id, job)
  if LISTED_ENDS[job.state] then
    redis.call('ZREM', 'tl:ended:' .. job.state, id)
  end
  redis.call('ZREM', 'tl:forget', forget_entry(id, job))
  redis.call('ZADD', 'tl:unfinished', job.created_ms or 0, id)
end

-- Writes an event. `facts` holds the fields that the job itself does not tell.
local function tell(kind, id, job, facts)
  local most = tuning('events')
  if most <= 0 then
    return
  end
  -- In this order; an entry has those that say something. Sixteen fields with empty texts took 30 us to write, a third of
  -- an enqueue. Made here, as most scripts tell nothing.
  local fields = {
    'kind', 'id', 'tenant', 'channel', 'lane', 'reference', 'state', 'rule', 'fault', 'sender', 'next', 'provider',
    'account', 'provider_id', 'maybe_twice', 'maybe_sent',
  }
  facts.kind, facts.id, facts.reference = kind, id, reference_of(job)
  facts.tenant, facts.channel, facts.lane = job.tenant, job.channel, job.lane
  local entry, last = {}, 0
  for _, field in ipairs(fields) do
    if facts[field] then
      entry[last + 1], entry[last + 2] = field, facts[field]
      last = last + 2
    end
  end
  redis.call('XADD', 'tl:events', 'MAXLEN', '~', int(most), '*', unpack(entry))
end

-- Returns what the record tells of a job in `state`, as facts of an event.
local function what_became(id, state)
  local facts = { state = state }
  local told = { 'rule', 'fault', 'sender', 'provider', 'account', 'provider_id', 'maybe_twice', 'maybe_sent' }
  for position, value in ipairs(redis.call('HMGET', job_key(id), unpack(told))) do
    facts[told[position]] = value or nil
  end
  return facts
end
