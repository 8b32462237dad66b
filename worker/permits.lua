-- When permits open: window and pace, and what else calls wait for. jobs/limiting.py is the
-- specification.

local function ceiling()
  return s.auto == 1 and MOST or s.limit
end

local function interval()
  return math.ceil(s.window * 39 / (40 * (s.rate > 0 and s.rate or s.belief)))
end

local function burst()
  local most = s.rate > 0 and s.rate * CATCH_UP / s.window or s.belief / 10
  return math.max(1, math.floor(most))
end

local function lead()
  return s.rate > 0 and math.min(LEAD, 2 * interval()) or LEAD
end

local function rested()
  return (burst() - 1) * interval()
end

local function step(at)
  local oldest = redis.call('ZRANGE', calls, 0, 0, 'WITHSCORES')
  if s.rate > 0 or #oldest == 0 then
    return interval()
  end
  local frees = tonumber(oldest[2]) - (redis.call('ZSCORE', flights, oldest[1]) and SLACK or 0)
  local left = math.max(0, s.belief - redis.call('ZCARD', calls))
  return math.max(interval(), math.floor((frees - at) * 39 / (40 * (left + 1))))
end

local function no_burst(at)
  s.due = math.max(s.due, at + rested())
end

local function begin()
  if s.first == 2 and now >= s.alone_until then
    s.first, s.first_permit = 0, ''
  end
  if s.tester ~= '' and not redis.call('ZSCORE', flights, s.tester) then
    s.tester = ''
  end
  local begins = math.max(now, s.paused_until)
  s.due = math.min(math.max(s.due, now), begins + lead() + rested() + step(begins))
end

-- When the next permit opens; or how long to wait until it may be asked for, and for what.
local function next_opens()
  if s.open_for > 0 and now < s.open_until then
    return nil, s.open_until - now, 'circuit_breaker'
  end
  if s.open_for > 0 and s.tester ~= '' then
    return nil, FULL_FLIGHTS_WAIT, 'circuit_breaker'
  end
  if redis.call('ZCARD', flights) >= s.at_once then
    return nil, FULL_FLIGHTS_WAIT, 'slot'
  end
  if now < s.paused_until then
    return nil, s.paused_until - now, 'rate_limit'
  end
  local frees, excess = 0, redis.call('ZCARD', calls) - s.belief
  if excess >= 0 then
    frees = tonumber(redis.call('ZRANGE', calls, excess, excess, 'WITHSCORES')[2])
  end
  if frees > now then
    -- A saved burst would be spent at once, and end in the same silence in each window.
    no_burst(frees)
  end
  local alone_until = s.first == 2 and s.alone_until or 0
  local opens = math.max(now, alone_until, s.due - rested(), frees)
  if opens > now + lead() then
    return nil, opens - now - lead(), 'rate_limit'
  end
  return opens
end

local function grows(waits)
  if waits ~= 'rate_limit' or now < s.paused_until or s.first ~= 0 then
    return false
  end
  local full = redis.call('ZCARD', calls) >= s.belief
  local ramp = s.rate
  local grown = learning.grow(s, ceiling(), s.window, now, full)
  if s.rate ~= ramp then
    no_burst(now)
  end
  return grown
end

local function grant(permit, opens, deadline)
  redis.call('ZADD', calls, string.format('%.0f', opens + s.window + SLACK), permit)
  redis.call('ZADD', flights, string.format('%.0f', opens + SLACK + deadline), permit)
  s.due = math.max(s.due, opens)
  local is_burst = s.due + interval() <= opens + rested()
  s.due = s.due + (is_burst and interval() or step(opens))
  s.step_calls = s.step_calls + 1
  if s.first == 1 then
    s.first, s.first_permit, s.alone_until = 2, permit, opens + PROBE
  end
  if s.open_for > 0 then
    s.tester = permit
  end
end

-- Calls that reached the provider's counter from then on; of one in flight, when it opened.
local function arrived_since(since)
  local count = 0
  local found = redis.call('ZRANGEBYSCORE', calls, since + s.window, '+inf', 'WITHSCORES')
  for index = 1, #found, 2 do
    local arrived = tonumber(found[index + 1]) - s.window
    if redis.call('ZSCORE', flights, found[index]) then
      arrived = arrived - SLACK
    end
    if since <= arrived and arrived <= now then
      count = count + 1
    end
  end
  return count
end
