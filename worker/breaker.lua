-- The circuit breaker. jobs/breaker.py is the specification and tells why.

local breaker = {}

local HALF = 10
local LONGEST = 600 * 1000000

-- Whether a call's answer closed it.
function breaker.answered(s, permit, failures, failed, now)
  if s.open_for > 0 then
    if permit ~= s.tester then
      return false
    end
    s.tester = ''
    if not failed then
      s.open_for, s.open_until = 0, 0
      return true
    end
    s.open_for = math.min(2 * s.open_for, LONGEST)
    s.open_until = now + s.open_for
  elseif failed and failures >= HALF then
    s.open_for, s.open_until = s.breaker_opens, now + s.breaker_opens
  end
  return false
end

function breaker.given_back(s, permit)
  if s.tester == permit then
    s.tester = ''
  end
end
