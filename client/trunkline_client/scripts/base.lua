-- base.lua: the first shared prelude of the journal's scripts: names, times, and reading a record. It defines local
-- functions only and runs nothing. All times are milliseconds of Redis TIME since 1970.
--
-- Names of keys (the same as trunkline_client/keys.py):
--   tl:job:{id}                        hash          the journal record
--   tl:window:{queue}:{lane}:{tenant}  set           ids of unclaimed nudges
--   tl:waiting:{queue}:{lane}:{tenant} sorted set    ids that wait for room in the window, by arrival number
--   tl:waiters                         set           the keys of all non-empty waiting sets
--   tl:head:{queue}:{lane}             integer       head starts left; absent means all of them
--   tl:placed:{queue}:{lane}           sorted set    ids in a lane, by the time of their nudge
--   tl:front:{queue}:{lane}            sorted set    the same for nudges written to the serving end
--   tl:bell:{queue}                    list          one element if an idle worker is to look into the queue
--   tl:delayed                         sorted set    ids by due time
--   tl:leases                          sorted set    claimed ids by the end of their lease
--   tl:held                            sorted set    ids by the time they were held
--   tl:damaged                         sorted set    ids whose records could not be worked with, by time
--   tl:jobs, tl:jobs:{tenant}          sorted set    all ids, and all of a tenant, by creation
--   tl:unfinished                      sorted set    ids of jobs that have not ended, by creation
--   tl:ended:{state}                   sorted set    ids that ended failed, rejected, expired or cancelled, by creation
--   tl:references                      sorted set    "{reference} LF {created} LF {id}" of the jobs that have one
--   tl:events                          stream        what became of jobs
--   tl:unsettled:{tenant}              set           unfinished ids that have had an attempt of unknown outcome
--   tl:calling:{digest}                set           ids of open attempts with one account, recipient and text
--   tl:gate:{gate}:...                                what gates.lua keeps of one gate; `leave` and `end_call` know it too
--   tl:gates_due                       sorted set    gates with somebody waiting, by when to look at them again
--   tl:forget                          sorted set    ended jobs, by the end of their record
--   tl:quota:{tenant}:{subject}        hash          counters of quotas
--   tl:cooldown:{tenant}:{subject}     sorted set    ids of recent messages by the time they were asked for
--   tl:tuning                          hash          the numbers below, and audit_events

local DEFAULTS = {
  lane_window = 64,                    -- jobs
  head_starts = 32,                    -- jobs
  quiet_jobs = 8,                      -- with fewer of its own unclaimed, and no fewer of others, a tenant has head starts
  chunk_jobs = 16,                     -- most jobs that one message names
  finished_keep_ms = 7 * 86400000,
  failed_keep_ms = 30 * 86400000,
  events = 100000,                     -- about how many tl:events keeps; 0 for none
}

-- Whole numbers as text; tostring() would write a time in ms as 1.7e+12.
local function int(number)
  return string.format('%.0f', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function tuning(name)
  return tonumber(redis.call('HGET', 'tl:tuning', name) or false) or DEFAULTS[name]
end

local function job_key(id)
  return 'tl:job:' .. id
end

-- Returns the record as a table, and as Redis gives it, or nil.
local function read(id)
  local flat = redis.call('HGETALL', job_key(id))
  if #flat == 0 then
    return nil
  end
  local job = {}
  for i = 1, #flat, 2 do
    job[flat[i]] = flat[i + 1]
  end
  return job, flat
end
