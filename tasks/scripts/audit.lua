-- audit.lua: the shared prelude of the scripts that carry out what an operator does to a job by hand. It defines local
-- functions only and runs nothing. Needs place.lua.
--
-- tl:audit is a stream with one field `event` (JSON) per entry; its form is that of senders/audit.py.

-- Records what was done to job `id` of `tenant`. `actor` is the name as JSON, `changes` a list of {field, before, after} as
-- texts, or nil for none; `kept` is about how many events the audit keeps where no tuning says.
local function record_event(actor, action, tenant, id, changes, kept)
  local told = {}
  for index, change in ipairs(changes) do
    local before = change[2] and cjson.encode(change[2]) or 'null'
    local after = change[3] and cjson.encode(change[3]) or 'null'
    told[index] = '[' .. cjson.encode(change[1]) .. ',' .. before .. ',' .. after .. ']'
  end
  local event = '{"actor":' .. actor .. ',"action":' .. cjson.encode(action) .. ',"tenant":' .. cjson.encode(tenant)
    .. ',"subject":' .. cjson.encode(id) .. ',"changes":[' .. table.concat(told, ',') .. ']}'
  local most = redis.call('HGET', 'tl:tuning', 'audit_events') or kept
  redis.call('XADD', 'tl:audit', 'MAXLEN', '~', most, '*', 'event', event)
end
