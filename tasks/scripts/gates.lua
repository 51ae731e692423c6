-- gates.lua: what the scripts share that take the capacity of a gate (gate_entry.lua) or hand it on (gate_wake.lua). It defines
-- local functions only and runs nothing. Needs place.lua. All times are milliseconds of Redis TIME since 1970.
--
-- A gate is a capacity that jobs share. Its name says what it limits, and whose:
--   requests:{account}            calls to a provider that run at once: as many as the gate is wide
--   calls:{account}               voice calls in a time
--   segments:{account}:{number}   segments of SMS in a time
-- The last two are the provider's queues as seen from here: each message makes the queue longer by the time it takes to leave,
-- and a job may join while the queue is no longer than its lane allows. What exceeds that is better kept here, where a
-- more urgent job can pass it.
--
--   tl:gate:{name}:waiting  sorted set   ids that wait, by lane, then arrival
--   tl:gate:{name}:lives    sorted set   the same ids by the end of their life
--   tl:gate:{name}:called   sorted set   ids that capacity is kept for until then: woken, and not begun yet
--   tl:gate:{name}:open     sorted set   ids of attempts that run, and "called {id}", by when they took their place
--   tl:gate:{name}:width    number       how many may run at once, while fewer than configured
--   tl:gate:{name}:most     integer      how many may run at once at most, while jobs wait
--   tl:gate:{name}:empty    number       when the provider's queue will be empty; absent if it is
--   tl:gates_due            sorted set   names of the gates with somebody waiting or called, by when to look at them again


local LOOK_MS = 5000       -- how long at most nobody looks at a gate where jobs wait
local ATTEMPT_MS = 120000  -- longer than any attempt lasts (at most 60 s), so that nothing is left of one that nobody ended

local function number_or_never(text)
  return text and tonumber(text) or math.huge
end

local function gate_key(gate, what)
  return 'tl:gate:' .. gate .. ':' .. what
end

local function is_width(gate)
  return string.sub(gate, 1, 9) == 'requests:'
end

local function queue_left(empty, now)
  return math.max(0, (tonumber(empty) or 0) - now)
end

local function set_queue(gate, left, now)
  if left > 0 then
    redis.call('SET', gate_key(gate, 'empty'), string.format('%.3f', now + left), 'PX', int(math.ceil(left)))
  else
    redis.call('DEL', gate_key(gate, 'empty'))
  end
end

-- Makes the provider's queue longer by `cost` ms, or shorter.
local function lengthen(gate, cost, now)
  set_queue(gate, queue_left(redis.call('GET', gate_key(gate, 'empty')), now) + cost, now)
end

local function has_width(gate, most, now)
  local open = gate_key(gate, 'open')
  return redis.call('ZCARD', open) < most
    or (redis.call('ZREMRANGEBYSCORE', open, '-inf', int(now - ATTEMPT_MS)) > 0 and redis.call('ZCARD', open) < most)
end

-- Gives back what was kept for a woken job.
local function end_wait(id, job, now)
  local gate = job.gate
  if not gate then
    return
  end
  if redis.call('ZREM', gate_key(gate, 'called'), id) == 1 then
    if is_width(gate) then
      redis.call('ZREM', gate_key(gate, 'open'), 'called ' .. id)
    else
      lengthen(gate, -tonumber(job.gate_cost), now)
    end
    redis.call('ZADD', 'tl:gates_due', 'XX', 0, gate)
  end
end

-- Sets when to look at the gate again: `soonest`, or what comes before. A gate that nobody needs is forgotten.
local function look_again(gate, soonest)
  local called = redis.call('ZRANGE', gate_key(gate, 'called'), 0, 0, 'WITHSCORES')
  local lives = redis.call('ZRANGE', gate_key(gate, 'lives'), 0, 0, 'WITHSCORES')
  if #called == 0 and #lives == 0 then
    redis.call('ZREM', 'tl:gates_due', gate)
    redis.call('DEL', gate_key(gate, 'most'))
    return
  end
  local due = math.min(soonest, number_or_never(called[2]), number_or_never(lives[2]))
  redis.call('ZADD', 'tl:gates_due', int(math.ceil(due)), gate)
end

-- When the head of a gate may be let in by time alone, at the latest when the gate is looked at anyway.
local function when_open(gate, job, now)
  local over = is_width(gate) and 0
    or queue_left(redis.call('GET', gate_key(gate, 'empty')), now) - tonumber(job.gate_ahead)
  return now + (over > 0 and math.min(LOOK_MS, over) or LOOK_MS)
end
