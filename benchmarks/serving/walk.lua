-- wrk walks through the bodies of a file, one per line, and says what it saw as one line of JSON.
-- Arguments: the file with the bodies.

local requests = {}
local place = 0

function init(args)
  for body in io.lines(args[1]) do
    requests[#requests + 1] =
      wrk.format("POST", nil, { ["Content-Type"] = "application/json", ["Host"] = wrk.host }, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency, _)
  local failed = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"p999_us":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
