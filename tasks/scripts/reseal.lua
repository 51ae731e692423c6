-- reseal.lua: puts sealed texts in the place of others, where those still are. Safe to run again with equal arguments.
--
-- KEYS[1..]  the keys that hold them
-- ARGV[1]    the field of these hashes, or "" for strings
-- then for each key: the sealed text that was read, and the one that takes its place
--
-- Returns how many of them hold the new text now. What was erased or changed meanwhile is left as it is.

local name = ARGV[1]
local count = 0
for index, key in ipairs(KEYS) do
  local before, after = ARGV[index * 2], ARGV[index * 2 + 1]
  local now = name == '' and redis.call('GET', key) or name ~= '' and redis.call('HGET', key, name)
  if now == before and name == '' then
    redis.call('SET', key, after, 'KEEPTTL')
  elseif now == before then
    redis.call('HSET', key, name, after)
  end
  if now == before or now == after then
    count = count + 1
  end
end
return count
