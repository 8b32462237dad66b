-- Load for `wrk`: the requests of a file in turn, or one submit over and over; says what came of it.
-- wrk ... -s load.lua URL -- submit BODY_FILE KEY [each]  |  wrk ... -- read REQUESTS_FILE KEY
-- A line of REQUESTS_FILE is a path, or a path, a tab and an ETag for If-None-Match.
-- "each" gives every submit an Idempotency-Key of its own.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    answers = ""
    counted = {}
    headers = { ["Authorization"] = "Bearer " .. args[3] }
    local file = assert(io.open(args[2], "r"))
    if args[1] == "submit" then
        headers["Content-Type"] = "application/json"
        made = 0
        local whole = wrk.format("POST", "/api/v1/jobs", headers, file:read("*a"))
        if args[4] == "each" then
            -- The head up to the key is the same each time; only the key is new.
            local run = args[5]
            request = function()
                made = made + 1
                return (whole:gsub("\r\n", "\r\nIdempotency-Key: bench-" .. run .. "-" .. made .. "\r\n", 1))
            end
        else
            request = function() return whole end
        end
    else
        local requests, n = {}, 0
        for line in file:lines() do
            local path, etag = line:match("^([^\t]+)\t?(.*)$")
            headers["If-None-Match"] = etag ~= "" and etag or nil
            table.insert(requests, wrk.format("GET", path, headers))
        end
        request = function()
            n = n % #requests + 1
            return requests[n]
        end
    end
    file:close()
end

function response(status)
    counted[status] = (counted[status] or 0) + 1
    -- Read by `done`, which can fetch plain values only.
    answers = ""
    for code, count in pairs(counted) do answers = answers .. code .. "=" .. count .. " " end
end

function done(summary, latency)
    local all = ""
    for _, thread in ipairs(threads) do all = all .. thread:get("answers") end
    local errors = summary.errors
    io.write(string.format(
        "found: requests=%d microseconds=%d p50=%d p99=%d max=%d broken=%d answers: %s\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
        errors.connect + errors.read + errors.write + errors.timeout, all))
end
