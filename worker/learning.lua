-- What is believed of an account's limit. jobs/learning.py is the specification and tells why.
-- `s` is the limiter's state (limiter.lua); times are microseconds, limits calls in a window.

local learning = {}

local STEPS = 8
local FIRST_WAIT, WAIT, LOW_WAIT = 5, 4, 2
local ASKED_WITHIN = 2 * 1000000
local MOST_MISSES = 16

local function begin_ramp(s, rate, target, now)
  s.rate, s.target, s.step_at, s.step_calls = math.max(1, rate), target, now, 0
  s.trial, s.extra = 0, 0
end

-- From the account row: what it remembers, or nothing (belief 0).
function learning.start(s, belief, good, revision, limit, ceiling, now)
  s.belief, s.good, s.revision = math.min(belief, ceiling), math.min(good, ceiling), revision
  s.rate, s.target, s.step_at, s.step_calls = 0, 0, 0, 0
  s.inc, s.extra, s.trial, s.wait, s.clean, s.since = 1, 0, 0, 1, 0, now
  s.episode, s.was, s.was_good, s.expected, s.misses = 0, 0, 0, 0, 0
  if belief == 0 then
    s.belief = limit
    s.good = limit >= ceiling and ceiling or 0
  end
  if s.good == 0 then
    begin_ramp(s, s.belief, ceiling, now)
  end
end

local function missed(s, same)
  if s.was_good == 0 then
    s.wait = FIRST_WAIT
  elseif s.belief * 2 <= s.good then
    s.wait = LOW_WAIT
  else
    s.wait = WAIT
  end
  s.inc = 1
  if not same then
    s.misses = s.misses + 1
  end
  if s.misses >= MOST_MISSES then
    s.good, s.misses = s.belief, 0
  end
end

function learning.refused(s, accepted, same, until_, now)
  if not same then
    local tries = s.trial > 0 or s.wait == 0
    s.episode, s.was, s.was_good = now, s.belief, s.good
    s.expected = (tries or (0 < s.belief and s.belief <= s.rate)) and 1 or 0
  end
  accepted = math.max(1, accepted)
  s.belief = math.min(s.was, accepted, same and s.belief or s.was)
  s.good = s.was_good
  s.rate, s.trial, s.extra, s.clean = 0, 0, 0, 0
  s.since = math.max(now, until_)
  if s.expected == 1 then
    if accepted * 2 >= s.was_good then
      s.good = s.belief
    end
    missed(s, same)
  else
    s.wait = 1
    if accepted * 2 < s.was then
      begin_ramp(s, math.floor(s.belief / STEPS), s.was_good, s.since)
    end
  end
  s.revision = s.revision + 1
end

local function climb(s, ceiling, window, now)
  local step = math.floor(window / STEPS)
  if now - s.step_at < step then
    return
  end
  local used = s.step_calls * 4 >= math.floor(s.rate / STEPS) * 3
  local in_time = now - s.step_at < math.max(2 * step, step + ASKED_WITHIN)
  s.step_at, s.step_calls = now, 0
  if not (used and in_time) then
    return
  end
  s.rate = math.min(2 * s.rate, ceiling)
  if s.rate > s.belief then
    s.belief = math.min(s.rate, s.target)
    s.revision = s.revision + 1
  end
  if s.rate >= s.target then
    s.rate, s.since = 0, now
  end
end

local function add_one(s, now)
  s.belief, s.extra, s.since = s.belief + 1, s.extra - 1, now
  s.revision = s.revision + 1
end

local function window_was_clean(s, ceiling, now)
  s.since = now
  if s.trial == 1 then
    s.trial, s.inc, s.wait, s.misses = 0, 2 * s.inc, 0, 0
  end
  s.good = math.max(s.good, s.belief)
  s.clean = s.clean + 1
  if s.belief >= ceiling or s.clean <= s.wait then
    return
  end
  s.clean = 0
  if s.belief < s.good then
    begin_ramp(s, s.belief, s.good, now)
  else
    s.trial, s.extra = 1, math.min(s.inc, ceiling - s.belief)
    add_one(s, now)
  end
end

-- Calls had to wait for the pace or the window. Whether more may leave now.
function learning.grow(s, ceiling, window, now, full)
  local rate, belief = s.rate, s.belief
  if s.rate > 0 then
    climb(s, ceiling, window, now)
  elseif s.extra > 0 then
    if now - s.since >= math.floor(math.floor(window / 2) / s.inc) then
      add_one(s, now)
    end
  elseif full and now - s.since >= window then
    window_was_clean(s, ceiling, now)
  end
  return s.rate ~= rate or s.belief ~= belief
end
