-- list_jobs.lua: looks at a bounded number of jobs, newest first by creation, and returns those that are wanted. Needs base.lua
-- and index.lua. It changes nothing.
--
-- ARGV[1]  what is wanted, JSON object, every field optional: tenant, fault, rule, sender, provider, country, channel, lane,
--          reference; and states, an object whose names are those admitted
-- ARGV[2]  how the jobs are found: indexes, reference, or ids
-- ARGV[3]  created since, ms since 1970               ARGV[4] created until, ms since 1970
-- ARGV[5]  the job to go on after: its creation, ms, and ARGV[6] its id; both "" to begin with the newest
-- ARGV[7]  most jobs to return                        ARGV[8] most jobs to look at
-- ARGV[9]... the indexes, which are merged; or the reference; or the ids (then ARGV[5] and ARGV[6] mean nothing)
--
-- Returns {"more" or "end", creation and id of the last job looked at ("" if there was none), then a list for each job:
-- id, the fields of `SHOWN` below but the options, the reference, and the senders of its attempts, between
-- spaces; what a record does not have is null.

local SHOWN = {
  'created_ms', 'state', 'tenant', 'channel', 'lane', 'fault', 'rule', 'country', 'sender', 'provider', 'attempts',
  'finished_ms', 'replays', 'maybe_twice', 'maybe_sent', 'options',
}
-- To read the rest of a wanted job takes about as long as to look at two others; each of its attempts is one more.
local LOOKS_OF_A_ROW = 2
-- A bulk job may be retried all day.
local MOST_ATTEMPTS = 100
local TESTABLE = { 'tenant', 'fault', 'rule', 'country', 'channel', 'lane' }

local wanted = cjson.decode(ARGV[1])
local how, since, until_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local after_ms, after_id = tonumber(ARGV[5]), ARGV[6]
local most_rows, most_looks = tonumber(ARGV[7]), tonumber(ARGV[8])
local looks = 0

-- Most jobs are looked at and not wanted, so only what is asked about is read first.
local tested = { 'created_ms', 'state', 'sender', 'provider' }
for _, field in ipairs(TESTABLE) do
  if wanted[field] then
    tested[#tested + 1] = field
  end
end

-- Whether text `a` sorts before `b` in Redis: byte by byte. Lua's own comparison goes by the locale of the server.
local function is_before(a, b)
  for position = 1, math.min(#a, #b) do
    local left, right = string.byte(a, position), string.byte(b, position)
    if left ~= right then
      return left < right
    end
  end
  return #a < #b
end

-- Returns how many members of an index are newer than the place to go on from. The job there may have left the index, so
-- its place among those of the same millisecond is searched by halves.
local function first_rank(index)
  if not after_ms or after_ms > until_ms then
    return redis.call('ZCOUNT', index, '(' .. int(until_ms), '+inf')
  end
  local low = redis.call('ZCOUNT', index, '(' .. int(after_ms), '+inf')
  local high = redis.call('ZCOUNT', index, int(after_ms), '+inf')
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_before(redis.call('ZREVRANGE', index, middle, middle)[1], after_id) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Returns the next `most` entries of an index, each {creation, id}, newest first, and whether there may be more.
local function of_index(index, most)
  local rank = first_rank(index)
  local flat = redis.call('ZREVRANGE', index, rank, rank + most - 1, 'WITHSCORES')
  local entries = {}
  for position = 1, #flat, 2 do
    local created = tonumber(flat[position + 1])
    if created < since then
      return entries, false
    end
    entries[#entries + 1] = { created, flat[position] }
  end
  return entries, #entries == most
end

-- Returns the same of the jobs of a reference.
local function of_reference(reference, most)
  local function bound(created, id)
    return reference .. '\n' .. string.format('%013.0f', created) .. '\n' .. id
  end
  local last = '[' .. bound(until_ms, '~')   -- after every id
  if after_ms and after_ms <= until_ms then
    last = '(' .. bound(after_ms, after_id)
  end
  local found = redis.call('ZREVRANGEBYLEX', 'tl:references', last, '[' .. bound(since, ''), 'LIMIT', 0, most)
  local entries = {}
  for position, member in ipairs(found) do
    local created, id = string.match(member, '\n(%d+)\n(%S+)$')
    entries[position] = { tonumber(created), id }
  end
  return entries, #found == most
end

-- Returns the newest entries of several lists in one, as far as it is known that none is missing between them.
local function merged(lists)
  local all, next_of = {}, {}
  for which in ipairs(lists) do
    next_of[which] = 1
  end
  while true do
    local newest
    for which, list in ipairs(lists) do
      local entry = list.entries[next_of[which]]
      if not entry and list.has_more then
        return all, true
      end
      local best = newest and lists[newest].entries[next_of[newest]]
      if entry and (not best or entry[1] > best[1] or (entry[1] == best[1] and is_before(best[2], entry[2]))) then
        newest = which
      end
    end
    if not newest then
      return all, false
    end
    local entry = lists[newest].entries[next_of[newest]]
    next_of[newest] = next_of[newest] + 1
    if #all == 0 or all[#all][2] ~= entry[2] then
      all[#all + 1] = entry
    end
  end
end

local function entries()
  if how == 'ids' then
    local all = {}
    for position = 9, #ARGV do
      all[#all + 1] = { false, ARGV[position] }
    end
    return all, false
  end
  if how == 'reference' then
    return of_reference(ARGV[9], most_looks)
  end
  local lists = {}
  for position = 9, #ARGV do
    local found, has_more = of_index(ARGV[position], math.ceil(most_looks / (#ARGV - 8)))
    lists[#lists + 1] = { entries = found, has_more = has_more }
  end
  return merged(lists)
end

-- Returns who and over whom was tried, from first to last, by the first `MOST_ATTEMPTS`.
local function tried(id, attempts)
  local senders, providers = {}, {}
  for number = 1, math.min(tonumber(attempts) or 0, MOST_ATTEMPTS) do
    looks = looks + 1
    local is_readable, attempt = pcall(cjson.decode, redis.call('HGET', job_key(id), 'attempt:' .. number) or '{}')
    if is_readable and type(attempt) == 'table' and type(attempt.sender) == 'string' then
      senders[#senders + 1], providers[#providers + 1] = attempt.sender, attempt.provider
    end
  end
  return senders, providers
end

local function holds(list, word)
  for _, each in ipairs(list) do
    if each == word then
      return true
    end
  end
  return false
end

-- Whether the job went over the wanted sender and provider: by its accepted attempt if there is one, else by any.
local function went_over(job, senders, providers)
  for _, each in ipairs({ { wanted.sender, job.sender, senders }, { wanted.provider, job.provider, providers } }) do
    local asked, accepted, attempted = each[1], each[2], each[3]
    if asked and not (accepted == asked or (not accepted and holds(attempted, asked))) then
      return false
    end
  end
  return true
end

-- Whether a field of the accepted attempt, absent or not, leaves it open that the job is wanted.
local function may_be(value, asked)
  return not value or not asked or value == asked
end

-- Whether the fields of a record by themselves make it a wanted one. It may be gone, or that of another job with this id.
local function is_candidate(id, listed_ms)
  local values = redis.pcall('HMGET', job_key(id), unpack(tested))   -- a key that is no hash must not end the listing
  local created = tonumber(values[1] or '')
  if not created or (listed_ms and created ~= listed_ms) or created < since or created > until_ms then
    return false
  end
  if not values[2] or not wanted.states[values[2]] then
    return false
  end
  if not may_be(values[3], wanted.sender) or not may_be(values[4], wanted.provider) then
    return false
  end
  for position = 5, #tested do
    if values[position] ~= wanted[tested[position]] then
      return false
    end
  end
  return true
end

-- Returns the job's row, nil if it is not wanted.
local function row(id, listed_ms)
  if not is_candidate(id, listed_ms) then
    return nil
  end
  local job, values = {}, redis.call('HMGET', job_key(id), unpack(SHOWN))
  for position, value in ipairs(values) do
    job[SHOWN[position]] = value or nil
  end
  local reference = reference_of(job)
  if wanted.reference and reference ~= wanted.reference then
    return nil
  end
  looks = looks + LOOKS_OF_A_ROW
  local senders, providers = tried(id, job.attempts)
  if not went_over(job, senders, providers) then
    return nil
  end
  values[#SHOWN] = reference or false
  values[#values + 1] = table.concat(senders, ' ')
  return { id, unpack(values) }
end

local found, has_more = entries()
local answer = { 'end', '', '' }
for position, entry in ipairs(found) do
  looks = looks + 1
  answer[2], answer[3] = entry[1] and int(entry[1]) or '', entry[2]
  answer[#answer + 1] = row(entry[2], entry[1])
  if how ~= 'ids' and (#answer - 3 >= most_rows or looks >= most_looks) then
    has_more = has_more or position < #found
    break
  end
end
if has_more then
  answer[1] = 'more'
end
return answer
