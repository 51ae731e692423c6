-- take.lua: takes messages off their queues and, in the same step, notes those that are the only copy of a job.
--
-- KEYS[1] `unacked`, kombu's hash of messages in hand; KEYS[2] `unacked_index`, the sorted set of their tags by the time
-- they were taken, in seconds of Redis TIME since 1970; then, for each queue, its bell and its lists, the first priority
-- first.
-- ARGV: [1] how many lists a queue has; [2] one character per list, '1' where it holds bulk; [3] what a job of each list of a
-- queue adds to [9], separated by commas; [4] the turns of the queues, one character each: the 1st queue is 'A'; [5] room,
-- [6] room for bulk, in jobs; [7] how many messages at most; [8] how many turns each queue owes for messages of many jobs,
-- and [9] how far each list is ahead of the others of its queue (worker/step_turns.py), separated by commas.
--
-- Returns {1 if messages are left that there was no room or no turn for, 1 if bulk is left that there was no room for,
-- then for each message: the number of its list, the jobs it names, the tag it was noted under or '', the message}.
--
-- A message is taken while there is any room, so the last one may name more jobs than that. Sent once and never again
-- by itself: what a lost answer held is in `unacked`, or is a nudge.

local LISTS, BULK, TURNS = tonumber(ARGV[1]), ARGV[2], ARGV[4]
local room, bulk_room, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local FIRST_QUEUE = 3
local QUEUES = (#KEYS - 2) / (LISTS + 1)
local now

local function bell(queue)
  return KEYS[FIRST_QUEUE + (queue - 1) * (LISTS + 1)]
end

local function key_of(queue, step)
  return FIRST_QUEUE + (queue - 1) * (LISTS + 1) + step
end

local function list(queue, step)
  return KEYS[key_of(queue, step)]
end

local function number(queue, step)
  return (queue - 1) * LISTS + step
end

local function is_bulk(queue, step)
  return string.sub(BULK, number(queue, step), number(queue, step)) == '1'
end

-- The value of a key, anywhere in the message, as far as it fits `form`. Decoding would cost ten times as much; inside the
-- body, which is a string, the quotation marks around a key would be escaped.
local function value(message, key, form)
  local _, to = string.find(message, key, 1, true)
  while to do
    local found = string.match(message, '^%s*:%s*' .. form, to + 1)
    if found then
      return found
    end
    _, to = string.find(message, key, to + 1, true)
  end
end

-- Nudges only name jobs that the journal has.
local NUDGES = { ['trunkline.dispatch'] = true, ['trunkline.dispatch_many'] = true }

-- More than any message of ours names; a made-up number of billions would keep Redis counting turns.
local MOST_JOBS = 256

local function jobs_in(message, task)
  local jobs = task == 'trunkline.dispatch_many' and tonumber(value(message, '"jobs"', '(%d+)') or 1) or 1
  return math.min(MOST_JOBS, math.max(1, jobs))
end

-- Notes a message in kombu's form, and returns its tag; one without a tag is no task message, and is thrown away.
local function note(message, queue)
  local decoded, content = pcall(cjson.decode, message)
  local properties = decoded and type(content) == 'table' and content.properties
  local tag = type(properties) == 'table' and properties.delivery_tag
  if type(tag) ~= 'string' then
    return ''
  end
  if not now then
    local time = redis.call('TIME')
    now = time[1] .. '.' .. string.format('%06d', time[2])
  end
  redis.call('ZADD', KEYS[2], now, tag)
  redis.call('HSET', KEYS[1], tag, '[' .. message .. ',"",' .. cjson.encode(list(queue, 1)) .. ']')
  return tag
end

local function numbers(text)
  local found = {}
  for one in string.gmatch(text, '%d+') do
    found[#found + 1] = tonumber(one)
  end
  return found
end

local taken = { 0, 0 }
local served, count, owed = {}, 0, numbers(ARGV[8])
local COSTS, ahead = numbers(ARGV[3]), numbers(ARGV[9])

local NONE, has_others = {}, {}

-- Returns the step to look into next: the one that is behind after its next job, but for those in `tried`.
local function next_step(queue, tried)
  local first, best, least = (queue - 1) * LISTS, nil, math.huge
  for step = 1, LISTS do
    local finish = ahead[first + step] + COSTS[step]
    if finish < least and not tried[step] then
      best, least = step, finish
    end
  end
  return best
end

-- Takes the queue's next message and returns true, or false if it has none that there is room for. A removal comes before
-- anything is written, so a full Redis lets it run.
local function take(queue)
  if has_others[queue] == nil then
    -- dispatch queues have none: their turns taken without the sum cost 1.9 us less for each message
    has_others[queue] = LISTS > 1 and redis.call('EXISTS', unpack(KEYS, key_of(queue, 2), key_of(queue, LISTS))) > 0
  end
  local tried = NONE
  for _ = 1, has_others[queue] and LISTS or 1 do
    local step = has_others[queue] and next_step(queue, tried) or 1
    local place, bulk = number(queue, step), is_bulk(queue, step)
    local message = (not bulk or bulk_room > 0) and redis.call('RPOP', list(queue, step))
    if message then
      local task = value(message, '"task"', '"([^"]*)"')
      local jobs = jobs_in(message, task)
      local tag = NUDGES[task or ''] and '' or note(message, queue)
      for _, value in ipairs({ place, jobs, tag, message }) do
        taken[#taken + 1] = value
      end
      if bulk then
        room, bulk_room = room - math.min(jobs, bulk_room), bulk_room - jobs
      else
        room = room - jobs
      end
      for other in pairs(tried) do
        ahead[number(queue, other)] = math.max(ahead[number(queue, other)], ahead[place])
      end
      ahead[place] = ahead[place] + jobs * COSTS[step]
      served[queue], count, owed[queue] = true, count + 1, jobs - 1
      return true
    end
    tried = tried == NONE and {} or tried
    tried[step] = true
  end
  return false
end

-- Ends after a whole round in which no queue had anything or owed a turn: turns that are owed pass quickly where no other
-- queue has anything.
local empty, turn, lapsed = {}, 0, 0
while room > 0 and count < most and lapsed < #TURNS do
  local queue = string.byte(TURNS, turn % #TURNS + 1) - 64
  turn = turn + 1
  if owed[queue] > 0 then
    owed[queue], lapsed = owed[queue] - 1, 0
  elseif not empty[queue] and take(queue) then
    lapsed = 0
  else
    empty[queue], lapsed = true, lapsed + 1
  end
end

-- What is left is for the next idle process, so its bell rings on.
for queue = 1, QUEUES do
  for step = 1, LISTS do
    local held = is_bulk(queue, step) and bulk_room <= 0
    if (held or not empty[queue]) and redis.call('LLEN', list(queue, step)) > 0 then
      taken[held and 2 or 1] = 1
      if served[queue] and redis.call('LLEN', bell(queue)) == 0 then
        redis.call('LPUSH', bell(queue), '')
      end
    end
  end
end
return taken
