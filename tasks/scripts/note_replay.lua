-- note_replay.lua: keeps what a replay run has to do and has done, so that it can go on after an interrupt. Needs base.lua. Safe
-- to run again with equal arguments.
--
-- KEYS[1]  the run, tl:replay:{run}            KEYS[2] the list of the ids it was given, tl:replay:{run}:ids
-- ARGV[1]  run                                 ARGV[2] a token of the process that carries it out
-- ARGV[3]  what to do: ids, new, take or note  ARGV[4] how long all of it is kept from now on, ms
-- ARGV[5]  fields to set, a JSON object of texts
-- ARGV[6]  events for the audit, as JSON texts in a JSON list        ARGV[7] about how many events the audit keeps
-- ARGV[8]  with ids: where they stand in the list, from 0            ARGV[9..] with ids: job ids
--
-- `ids` adds to the list, before the run is there. `new` makes the run. `take` gives it to this process: the one that had it is
-- told with its next `note`. `note` records progress.
--
-- Returns {"done", now in ms}, {"unknown"} (there is no such run), or {"taken"} (another process has it now).

local run, token, what, keep = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local now = now_ms()

if what == 'ids' then
  if redis.call('LLEN', KEYS[2]) == tonumber(ARGV[8]) then
    redis.call('RPUSH', KEYS[2], unpack(ARGV, 9))
    redis.call('PEXPIRE', KEYS[2], int(keep))
  end
  return { 'done', int(now) }
end

local owner = redis.call('HGET', KEYS[1], 'token')
if what ~= 'new' and not owner then
  return { 'unknown' }
end
if what == 'note' and owner ~= token then
  return { 'taken' }
end
if what ~= 'note' and owner == token then
  return { 'done', redis.call('HGET', KEYS[1], 'taken_ms') }
end
if what == 'new' then
  redis.call('HSET', KEYS[1], 'began_ms', int(now))
end
if what ~= 'note' then
  redis.call('HSET', KEYS[1], 'token', token, 'taken_ms', int(now))
end
for name, value in pairs(cjson.decode(ARGV[5])) do
  redis.call('HSET', KEYS[1], name, value)
end
redis.call('HSET', KEYS[1], 'noted_ms', int(now))
redis.call('PEXPIRE', KEYS[1], int(keep))
redis.call('PEXPIRE', KEYS[2], int(keep))
redis.call('ZADD', 'tl:replays', int(now), run)
redis.call('ZREMRANGEBYSCORE', 'tl:replays', '-inf', int(now - keep))
for _, event in ipairs(cjson.decode(ARGV[6])) do
  redis.call('XADD', 'tl:audit', 'MAXLEN', '~', redis.call('HGET', 'tl:tuning', 'audit_events') or ARGV[7], '*', 'event', event)
end
return { 'done', int(now) }
