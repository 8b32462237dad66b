-- One account's limiter, on Redis's clock. jobs/pace.py is its specification; the two are run over
-- the same cases. Times are integers in microseconds: a double holds them exactly until 2255.
--
-- KEYS  1 state (hash: due, paused_until, epoch, rebuild_after, server)
--       2 calls (sorted set: permit -> when it stops counting)
--       3 holding (hash: process -> "tickets it holds:valid until")
--       4 waiting (string: what the pool waits for, as the API shows it)
-- ARGV  1 verb, then the verb's own

local state, calls, holding, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local SECOND = 1000000
local PERMIT_LIFE = 1 * SECOND
local SEND_GUARD = 5 * SECOND
local JITTER = SECOND / 4
local SLACK = PERMIT_LIFE + SEND_GUARD + JITTER
local HOLDING_LIFE = 3 * SECOND
-- A stored time further ahead than any that is ever written: the clock has been set back.
local ABSURD = 60 * SECOND
local FORGET_MS = 3600 * 1000

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]

local function field(name)
  return tonumber(redis.call('HGET', state, name) or '0')
end

local function set(name, value)
  redis.call('HSET', state, name, string.format('%d', value))
end

-- A server that was started anew may have come back older than it was, and one that took over may
-- have missed the last calls: what it remembers counts as lost.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', state, 'server') ~= server then
  redis.call('DEL', state, calls)
  redis.call('HSET', state, 'server', server)
end

local verbs = {}

-- ask LIMIT WINDOW BURST PROCESS HOLDS PERMIT... -> {granted, wait}; granted -1: rebuild after wait
function verbs.ask()
  local limit, window, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  redis.call('HSET', holding, ARGV[5], string.format('%s:%d', ARGV[6], now + HOLDING_LIFE))
  redis.call('PEXPIRE', holding, FORGET_MS)
  local last = redis.call('ZRANGE', calls, -1, -1, 'WITHSCORES')[2]
  local furthest = math.max(field('due'), field('paused_until'), tonumber(last or '0'))
  if furthest > now + window + SLACK + ABSURD then
    redis.call('DEL', state, calls)
    redis.call('HSET', state, 'server', server)
  end
  if redis.call('HEXISTS', state, 'epoch') == 0 then
    -- Flushed, or new. A permit in somebody's hand may be claimed with for its life, and its call
    -- sent for as long as the guard allows; only after that does SQL know of every call.
    local wait = PERMIT_LIFE + SEND_GUARD
    local rebuild_after = field('rebuild_after')
    if rebuild_after == 0 or rebuild_after > now + wait then
      rebuild_after = now + wait
      set('rebuild_after', rebuild_after)
    end
    return { -1, math.max(0, rebuild_after - now) }
  end
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
  local interval = math.ceil(window / limit)
  local early = (burst - 1) * interval
  local due = math.max(field('due'), now)
  local paused_until = field('paused_until')
  local counted = redis.call('ZCARD', calls)
  local granted, wait = 0, 0
  for index = 7, #ARGV do
    local window_frees = 0
    if counted >= limit then
      local rank = counted - limit
      window_frees = tonumber(redis.call('ZRANGE', calls, rank, rank, 'WITHSCORES')[2])
    end
    wait = math.max(paused_until - now, due - early - now, window_frees - now, 0)
    if wait > 0 then
      redis.call('SET', waiting, 'rate_limit', 'PX', math.ceil(wait / 1000) + 1000)
      break
    end
    redis.call('ZADD', calls, string.format('%d', now + window + SLACK), ARGV[index])
    counted = counted + 1
    due = due + interval
    granted = granted + 1
  end
  if granted > 0 then
    set('due', due)
    redis.call('PEXPIRE', calls, FORGET_MS)
  end
  return { granted, wait }
end

-- sent (PERMIT AFTER)...: each call left so long after its grant
function verbs.sent()
  for index = 2, #ARGV, 2 do
    local until_ = redis.call('ZSCORE', calls, ARGV[index])
    if until_ then
      local early = math.max(0, SLACK - JITTER - tonumber(ARGV[index + 1]))
      redis.call('ZADD', calls, string.format('%d', tonumber(until_) - early), ARGV[index])
    end
  end
  return 0
end

-- give_back LIMIT WINDOW PERMIT...: their calls never left
function verbs.give_back()
  local interval = math.ceil(tonumber(ARGV[3]) / tonumber(ARGV[2]))
  for index = 4, #ARGV do
    set('due', field('due') - interval * redis.call('ZREM', calls, ARGV[index]))
  end
  return 0
end

-- pause FOR: no permit for so long; a pause is only ever made longer here
function verbs.pause()
  set('paused_until', math.max(field('paused_until'), now + tonumber(ARGV[2])))
  return 0
end

-- resume FOR: the pause ends, but for a rate limit that has so long to go
function verbs.resume()
  set('paused_until', now + tonumber(ARGV[2]))
  return 0
end

-- rebuild LIMIT WINDOW BURST PAUSED_FOR FIRST (PERMIT AGE)...: what SQL knows; FIRST 1: no permit
-- was ever given. Returns 1 when it was taken.
function verbs.rebuild()
  local early = now < field('rebuild_after') and ARGV[6] ~= '1'
  if redis.call('HEXISTS', state, 'epoch') == 1 or early then
    return 0
  end
  local limit, window, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  for index = 7, #ARGV, 2 do
    local until_ = now - tonumber(ARGV[index + 1]) + window + SLACK
    redis.call('ZADD', calls, string.format('%d', until_), ARGV[index])
  end
  -- No burst right after: nobody remembers how the last calls were spread.
  if redis.call('ZCARD', calls) > 0 then
    set('due', now + (burst - 1) * math.ceil(window / limit))
  end
  set('paused_until', now + tonumber(ARGV[5]))
  set('epoch', now)
  return 1
end

-- holds -> how many tickets slots hold that wait for a permit
function verbs.holds()
  local total, all = 0, redis.call('HGETALL', holding)
  for index = 1, #all, 2 do
    local count, valid_until = string.match(all[index + 1], '^(%d+):(%d+)$')
    if tonumber(valid_until) > now then
      total = total + tonumber(count)
    else
      redis.call('HDEL', holding, all[index])
    end
  end
  return total
end

return verbs[ARGV[1]]()
