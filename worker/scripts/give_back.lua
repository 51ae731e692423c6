-- give_back.lua: writes messages in hand to their lists again, whether or not Redis is full.
--
-- KEYS[1] `unacked`, KEYS[2] `unacked_index`, as in take.lua; then pairs of a list and the bell of its queue.
-- ARGV[1] RPUSH, to the end that is served next, or LPUSH; then for each message the number of its pair, the tag it is
-- noted under or '', and the message.
--
-- A noted message that is not noted any more stays away: a second run finds none. A nudge may be written twice, which the
-- claim makes harmless.

redis.call('ZREM', KEYS[2], '') -- a full Redis lets a script go on that has removed something
for place = 2, #ARGV, 3 do
  local pair, tag, message = tonumber(ARGV[place]), ARGV[place + 1], ARGV[place + 2]
  redis.call('ZREM', KEYS[2], tag)
  if tag == '' or redis.call('HDEL', KEYS[1], tag) == 1 then
    local list, bell = KEYS[1 + 2 * pair], KEYS[2 + 2 * pair]
    redis.call(ARGV[1], list, message)
    if redis.call('LLEN', bell) == 0 then
      redis.call('LPUSH', bell, '')
    end
  end
end
