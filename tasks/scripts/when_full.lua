-- when_full.lua: the first prelude of the scripts that carry recorded jobs on. Lets them run when Redis is full.
--
-- Redis at its `maxmemory` refuses a script at its first command that may need memory, and never later: a script that has
-- written before runs to its end. So these write first, nothing, with a command that needs no memory. What is recorded then
-- still gets sent, and frees its content; new jobs are refused, by scripts without this prelude.
redis.call('DEL', 'tl:room')
