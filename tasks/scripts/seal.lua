-- seal.lua: replaces clear content of a job by its sealed form. Safe to run again.
--
-- KEYS[1]  the job's record, tl:job:{id}
-- ARGV[1]  the sealed content
--
-- Returns 1 if it was replaced, 0 if there was nothing clear to replace.

local content = redis.call('HGET', KEYS[1], 'content')
if content and string.sub(content, 1, 6) == 'plain:' then
  redis.call('HSET', KEYS[1], 'content', ARGV[1])
  return 1
end
return 0
