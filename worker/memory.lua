-- What one account's limiter remembers, and Redis's clock. Times are integers in microseconds: a
-- double holds them exactly until 2255.
--
-- KEYS  1 state (hash: what learning, concurrency, breaker and permits keep, what is configured,
--         epoch, layout, paused_at, rebuild_after, server)
--       2 calls (sorted set: permit -> when it stops counting)
--       3 flights (sorted set: permit -> when its call is over at the latest)
--       4 holding (hash: process -> "tickets it holds:valid until")
--       5 waiting (string: what calls of it wait for, as the API shows it)
-- ARGV  1 verb, then the verb's own

local state, calls, flights, holding, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local SECOND = 1000000
local PERMIT_LIFE = 1 * SECOND
local SEND_GUARD = 5 * SECOND
local JITTER = SECOND / 4
local SLACK = PERMIT_LIFE + SEND_GUARD + JITTER
local LEAD = SECOND / 10
local CATCH_UP = SECOND / 4
local MARGIN = SECOND / 50
local PROBE = 1 * SECOND
local BRIEF = SECOND / 4
local FULL_FLIGHTS_WAIT = SECOND / 10
local MOST = 100000
local HOLDING_LIFE = 3 * SECOND
-- By how much a stored time may lie further ahead than any that is ever written: the clock has been
-- set back then.
local ABSURD = 60 * SECOND
local FORGET_MS = 3600 * 1000
-- One more with each field of the state that is new or means something else. Calls and flights
-- outlive it: two versions that are at work in turn, while one replaces the other, would forget each
-- other's permits. Where a score means something else, it needs another key.
local LAYOUT = 1

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]

local TEXTS = { recent = true, tester = true, first_permit = true, server = true }

local function load()
  local found, all = {}, redis.call('HGETALL', state)
  for index = 1, #all, 2 do
    found[all[index]] = TEXTS[all[index]] and all[index + 1] or tonumber(all[index + 1])
  end
  return found
end

local s = load()
local before = {}
for name, value in pairs(s) do
  before[name] = value
end

local function save()
  local changed = {}
  for name, value in pairs(s) do
    if before[name] ~= value then
      changed[#changed + 1] = name
      changed[#changed + 1] = TEXTS[name] and value or string.format('%.0f', value)
    end
  end
  if #changed > 0 then
    redis.call('HSET', state, unpack(changed))
  end
end

local function forget_all()
  redis.call('DEL', state, calls, flights)
  s, before = { server = s.server }, {}
end

-- A server that was started anew may have come back older than it was, and one that took over may
-- have missed the last calls: what it remembers counts as lost. Costs 20 of a call's 150 us.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if s.server ~= server then
  forget_all()
  s.server = server
end

-- How long a pause is, only who tells of it knows: it is absurd where it was told in the future.
if (s.paused_at or 0) > now + ABSURD then
  forget_all()
end

local function pause_until(until_)
  s.paused_until, s.paused_at = until_, now
end

-- Whether it knows what it needs; the state of another version does not.
local function is_open()
  return s.epoch ~= nil and s.layout == LAYOUT
end
