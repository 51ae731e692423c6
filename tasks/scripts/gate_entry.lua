-- gate_entry.lua: whether the gates of an attempt let it pass, and what happens either way. It defines local functions only and
-- runs nothing. Needs gates.lua.
--
-- `wanted` has `ahead_ms`, how long a provider's queue may be for the job to join it, and for each gate its name and what of it
-- the attempt needs: the most that may run at once, or the ms that the message makes the queue longer.

local LANE_RANK = { urgent = 0, normal = 1, bulk = 2 }
local RANKS = 1e15  -- arrivals of a lane, fewer than 2^53 for all three

-- Reads `wanted` from the arguments of a script, from `first` on.
local function wanted_gates(arguments, first)
  local wanted = { ahead_ms = tonumber(arguments[first]) }
  for index = first + 1, #arguments, 2 do
    wanted[#wanted + 1] = { name = arguments[index], need = tonumber(arguments[index + 1]) }
  end
  return wanted
end

local function rank_of(job)
  return tonumber(job.gate_rank) or (LANE_RANK[job.lane] + 1) * RANKS
end

-- Whether somebody waits there whose turn is before that of this job. One that was there before keeps its arrival.
local function is_behind(gate, job)
  local head = redis.call('ZRANGE', gate_key(gate, 'waiting'), 0, 0, 'WITHSCORES')
  return #head > 0 and tonumber(head[2]) < rank_of(job)
end

-- Returns the first gate of `wanted` that keeps the job out, or nil.
local function closed_gate(wanted, id, job, now)
  local states = {}
  for index, gate in ipairs(wanted) do
    states[index] = gate_key(gate.name, is_width(gate.name) and 'width' or 'empty')
  end
  states = redis.call('MGET', unpack(states))
  local is_any_waiting = redis.call('EXISTS', 'tl:gates_due') == 1
  for index, gate in ipairs(wanted) do
    local name = gate.name
    gate.state = states[index]
    if gate.state and is_width(name) then
      gate.narrow = math.max(1, math.floor(tonumber(gate.state)))
      if gate.narrow >= gate.need then
        redis.call('DEL', gate_key(name, 'width'))
        gate.narrow = nil
      end
    end
    local is_called = job.gate == name and redis.call('ZSCORE', gate_key(name, 'called'), id)
    if not is_called then
      if is_width(name) then
        gate.is_open = has_width(name, gate.narrow or gate.need, now)
      else
        gate.is_open = queue_left(gate.state, now) <= wanted.ahead_ms
      end
      if not gate.is_open or (is_any_waiting and is_behind(name, job)) then
        return gate
      end
    end
  end
  return nil
end

-- Takes the capacity of all gates of `wanted`, nil for none, and ends what waiting has left on the record, but for its arrival:
-- if the provider says "later", it comes again. Returns the fields and values that tell it there.
local function pass_gates(wanted, id, job, attempt, now)
  if job.gate then
    end_wait(id, job, now)
    redis.call('HDEL', job_key(id), 'gate', 'gate_cost', 'gate_ahead', 'gate_ms')
  end
  local told, metered = {}, {}
  for _, gate in ipairs(wanted or {}) do
    if is_width(gate.name) then
      if job.gate == gate.name then
        -- no newcomer may come to tell those that wait of another limit
        redis.call('SET', gate_key(gate.name, 'most'), int(gate.need), 'XX')
      end
      redis.call('ZADD', gate_key(gate.name, 'open'), int(now), id .. '.a' .. attempt)
      told[#told + 1], told[#told + 2] = 'gated', gate.name
      if gate.narrow then
        told[#told + 1], told[#told + 2] = 'narrowed', '1'
      end
    else
      if job.gate then
        gate.state = redis.call('GET', gate_key(gate.name, 'empty'))   -- what was kept for it is given back by now
      end
      set_queue(gate.name, queue_left(gate.state, now) + gate.need, now)
      metered[#metered + 1] = gate.name .. ' ' .. gate.need
    end
  end
  if #metered > 0 then
    told[#told + 1], told[#told + 2] = 'metered', table.concat(metered, ' ')
  end
  return told
end

-- The job in hand waits at this gate from now on; it has no lease and no owner any more.
local function wait_at(gate, ahead_ms, id, job, now)
  end_wait(id, job, now)
  leave(id, job, now)
  local rank = tonumber(job.gate_rank) or LANE_RANK[job.lane] * RANKS + redis.call('INCR', 'tl:arrivals')
  job.gate, job.gate_rank, job.gate_ahead = gate.name, int(rank), int(ahead_ms)
  redis.call('HDEL', job_key(id), 'owner', 'lease_ms')
  redis.call('HSET', job_key(id), 'place', 'gate', 'state', 'queued', 'gate', gate.name, 'gate_rank', job.gate_rank,
    'gate_cost', gate.need, 'gate_ahead', job.gate_ahead, 'gate_ms', int(now))
  redis.call('ZADD', gate_key(gate.name, 'waiting'), job.gate_rank, id)
  redis.call('ZADD', gate_key(gate.name, 'lives'), job.expires_ms, id)
  if is_width(gate.name) then
    redis.call('SET', gate_key(gate.name, 'most'), int(gate.need))
  end
  -- There may be room by now, and somebody before it for whom nobody has looked yet.
  local soonest = gate.is_open and now or when_open(gate.name, job, now)
  look_again(gate.name, math.min(soonest, number_or_never(redis.call('ZSCORE', 'tl:gates_due', gate.name))))
end
