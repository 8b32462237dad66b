-- One account's limiter: the verbs. jobs/limiting.py is the specification; both are run over the
-- same cases. One script with memory, learning, concurrency, breaker and permits before it.

local verbs = {}

-- ask PROCESS HOLDS DEADLINE PERMIT... -> {0, wait, opens...}; {-1, wait}: rebuild after wait
function verbs.ask()
  redis.call('HSET', holding, ARGV[2], string.format('%s:%.0f', ARGV[3], now + HOLDING_LIFE))
  redis.call('PEXPIRE', holding, FORGET_MS)
  local last = redis.call('ZRANGE', calls, -1, -1, 'WITHSCORES')[2]
  local furthest = math.max(s.due or 0, tonumber(last or '0'))
  if is_open() and furthest > math.max(now, s.paused_until) + s.window + SLACK + ABSURD then
    forget_all()
  end
  if not is_open() then
    -- Flushed, or new. A permit in somebody's hand may be claimed with for its life, and its call
    -- sent for as long as the guard allows; only after that does SQL know of every call.
    local wait = PERMIT_LIFE + SEND_GUARD
    local rebuild_after = s.rebuild_after or 0
    if rebuild_after == 0 or rebuild_after > now + wait then
      s.rebuild_after = now + wait
    end
    return { -1, math.max(0, s.rebuild_after - now) }
  end
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', flights, '-inf', now)
  begin()
  local answer = { 0, 0 }
  for index = 5, #ARGV do
    local opens, wait, waits = next_opens()
    if not opens and grows(waits) then
      begin()
      opens, wait, waits = next_opens()
    end
    if not opens then
      answer[2] = wait
      if waits ~= 'slot' then
        redis.call('SET', waiting, waits, 'PX', math.ceil(wait / 1000) + 1000)
      end
      break
    end
    grant(ARGV[index], opens, tonumber(ARGV[4]))
    answer[#answer + 1] = opens - now
  end
  redis.call('PEXPIRE', calls, FORGET_MS)
  redis.call('PEXPIRE', flights, FORGET_MS)
  return answer
end

-- answered DEADLINE (PERMIT ARRIVED ENDED)...: each reached the provider so long after its permit
-- opened
function verbs.answered()
  local deadline = tonumber(ARGV[2])
  for index = 3, #ARGV, 3 do
    local permit, ended = ARGV[index], ARGV[index + 2]
    local end_ = tonumber(redis.call('ZSCORE', flights, permit) or nil)
    redis.call('ZREM', flights, permit)
    if end_ and is_open() then
      local until_ = tonumber(redis.call('ZSCORE', calls, permit) or nil)
      if until_ then
        local early = math.max(0, SLACK - tonumber(ARGV[index + 1]))
        redis.call('ZADD', calls, string.format('%.0f', until_ - early), permit)
      end
      local failed = ended == 'failed'
      if ended ~= 'other' then
        concurrency.answered(s, failed, end_ - SLACK - deadline, now)
      end
      if breaker.answered(s, permit, concurrency.failures(s), failed, now) then
        s.recent = ''
      end
    end
  end
  return 0
end

-- refused PERMIT PAUSE STATED -> {pause, belief, good, revision}; nothing where it is not open
function verbs.refused()
  local permit, pause, stated = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
  local until_ = redis.call('ZSCORE', calls, permit)
  redis.call('ZREM', calls, permit)
  redis.call('ZREM', flights, permit)
  if not is_open() then
    return {}
  end
  breaker.given_back(s, permit)
  local opened = tonumber(until_ or '0') - s.window - SLACK
  local of_window = stated and pause <= s.window
  local accepted = arrived_since((of_window and now + pause or now) - s.window - MARGIN)
  if not of_window then
    accepted = math.min(accepted, s.belief - 1)
  end
  local same = 0 < s.episode and s.episode >= opened - LEAD
  local flying = redis.call('ZCARD', flights)
  if concurrency.tries_more(s, flying, now) then
    concurrency.capped(s, flying, s.window, now)
  else
    learning.refused(s, accepted, same, now + pause, now)
    if s.expected == 1 then
      concurrency.uncapped(s)
      pause = (stated or same) and pause or math.min(pause, BRIEF)
    elseif accepted * 2 < s.was then
      concurrency.capped(s, flying, s.window, now)
    end
  end
  pause_until(math.max(s.paused_until, now + pause))
  no_burst(s.paused_until)
  if pause >= PROBE then
    s.first, s.first_permit = 1, ''
  end
  return { pause, s.belief, s.good, s.revision }
end

-- give_back PERMIT...: their calls never left
function verbs.give_back()
  for index = 2, #ARGV do
    local permit = ARGV[index]
    redis.call('ZREM', flights, permit)
    if is_open() then
      breaker.given_back(s, permit)
    end
    if redis.call('ZREM', calls, permit) == 1 and is_open() then
      s.due = s.due - interval()
      s.step_calls = math.max(0, s.step_calls - 1)
      if s.first_permit == permit then
        s.first, s.first_permit = 1, ''
      end
    end
  end
  return 0
end

-- pause FOR: no permit for so long; a pause is only ever made longer here
function verbs.pause()
  pause_until(math.max(s.paused_until or 0, now + tonumber(ARGV[2])))
  return 0
end

-- resume FOR: the pause ends, but for a rate limit that has so long to go
function verbs.resume()
  pause_until(now + tonumber(ARGV[2]))
  return 0
end

-- configure LIMIT WINDOW AUTO AT_ONCE BREAKER -> {belief, good, revision}; nothing where it is not open
function verbs.configure()
  local limit, window, auto = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  local most_at_once = tonumber(ARGV[5])
  if is_open() and window ~= s.window then
    forget_all()
  end
  if not is_open() then
    return {}
  end
  local changed = limit ~= s.limit or auto ~= s.auto
  if most_at_once ~= s.most_at_once then
    s.at_once = s.at_once == s.most_at_once and most_at_once or math.min(s.at_once, most_at_once)
  end
  s.limit, s.auto, s.most_at_once, s.breaker_opens = limit, auto, most_at_once, tonumber(ARGV[6])
  if changed then
    learning.start(s, 0, 0, s.revision + 1, limit, ceiling(), now)
    concurrency.uncapped(s)
  end
  return { s.belief, s.good, s.revision }
end

-- rebuild LIMIT WINDOW AUTO AT_ONCE BREAKER BELIEF GOOD REVISION PAUSED_FOR FIRST (PERMIT AGE)...: what SQL
-- knows; BELIEF 0: nothing was learned; FIRST 1: no permit was ever given. Returns 1 when taken.
function verbs.rebuild()
  local early = now < (s.rebuild_after or 0) and ARGV[11] ~= '1'
  if is_open() or early then
    return 0
  end
  s.limit, s.window, s.auto = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  s.most_at_once, s.breaker_opens = tonumber(ARGV[5]), tonumber(ARGV[6])
  local belief, good, revision = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  learning.start(s, belief, good, revision, s.limit, ceiling(), now)
  s.at_once, s.clean_answers, s.cut_at, s.recent = s.most_at_once, 0, 0, ''
  s.cap, s.cap_until = 0, 0
  s.open_for, s.open_until, s.tester = 0, 0, ''
  local paused_for = tonumber(ARGV[10])
  pause_until(now + paused_for)
  s.due = now
  s.first, s.first_permit, s.alone_until = paused_for >= PROBE and 1 or 0, '', 0
  for index = 12, #ARGV, 2 do
    local until_ = now - tonumber(ARGV[index + 1]) + s.window + SLACK
    redis.call('ZADD', calls, string.format('%.0f', until_), ARGV[index])
  end
  -- No burst right after: nobody remembers how the last calls were spread.
  if redis.call('ZCARD', calls) > 0 then
    no_burst(now)
  end
  s.epoch = now
  s.layout, s.rebuild_after = LAYOUT, 0
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

local answer = verbs[ARGV[1]]()
save()
return answer
