-- How many calls may be in flight. jobs/concurrency.py is the specification and tells why.

local concurrency = {}

local LOOK_BACK = 20
local FAILING = 3
local HOLDS_WINDOWS = 10

function concurrency.failures(s)
  return select(2, string.gsub(s.recent, '1', '1'))
end

function concurrency.answered(s, failed, opened, now)
  s.recent = string.sub(s.recent .. (failed and '1' or '0'), -LOOK_BACK)
  if not failed then
    s.clean_answers = s.clean_answers + 1
    if s.clean_answers >= s.at_once then
      s.clean_answers = 0
      local allowed = now < s.cap_until and math.min(s.most_at_once, s.cap) or s.most_at_once
      s.at_once = math.max(s.at_once, math.min(allowed, s.at_once + 1))
    end
  elseif opened >= s.cut_at and concurrency.failures(s) >= FAILING then
    s.at_once = math.max(1, math.floor(s.at_once / 2))
    s.clean_answers, s.cut_at = 0, now
  end
end

-- Whether more are in flight than a cap that was met, since that is long ago.
function concurrency.tries_more(s, flying, now)
  return s.cap > 0 and s.cap <= flying and now >= s.cap_until
end

-- It is no limit on calls in flight.
function concurrency.uncapped(s)
  if s.cap > 0 then
    s.at_once, s.cap, s.cap_until = s.most_at_once, 0, 0
  end
end

-- A 429 that the window does not explain: as many as are in flight now were accepted.
function concurrency.capped(s, flying, window, now)
  if flying == 0 then
    concurrency.uncapped(s)
    return
  end
  s.cap = flying
  s.cap_until = now + HOLDS_WINDOWS * window
  s.at_once = math.min(s.at_once, s.cap)
  s.clean_answers = 0
end
