-- What wrk asks for, so that a capture's mixture is the same each time: every LARGE-th answer is 100 kB, the others are
-- small. It ends after as many answers as it was told: wrk itself knows only durations, and sits them out.
local answers, limit, large, close = 0, 0, 0, false
local small = { "/0.1k", "/1k", "/4k" }
local asked = 0

function init(args)
  limit, large, close = tonumber(args[1]), tonumber(args[2]), args[3] == "close"
end

function request()
  asked = asked + 1
  local path = small[asked % #small + 1]
  if large > 0 and asked % large == 0 then path = "/100k" end
  return wrk.format("GET", path, close and { Connection = "close" } or {})
end

function response(status)
  if status ~= 200 then os.exit(1) end
  answers = answers + 1
  if answers >= limit then os.exit(0) end
end
