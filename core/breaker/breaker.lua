-- The rules of core/breaker/machine.py on the state that processes share. KEYS are the breakers, one for each
-- operation; ARGV[1] is a JSON list of operations, ARGV[2] the time in ms (empty: the server's). ARGV[3] names the index of
-- all breakers by their last change, ARGV[4] the list of transitions to be told, ARGV[5] the set of those that are
-- forced open, ARGV[6] the list of the latest transitions.
local BUCKETS, KEPT_MS, TRANSITIONS_KEPT, NAMES_KEPT = 10, 86400000, 1000, 5000

local now
if ARGV[2] == '' then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
else
  now = tonumber(ARGV[2])
end

local FIELDS = {'state', 'generation', 'since', 'until', 'window', 'buckets', 'leases', 'trial', 'reason'}

local function load(key)
  local v = redis.call('HMGET', key, unpack(FIELDS))
  local r = {key = key, state = v[1] or 'closed', generation = tonumber(v[2] or 0), since = tonumber(v[3] or 0),
    until_ms = tonumber(v[4] or 0), window = v[5] or '', buckets = {}, leases = {}, trial = v[8] or '', reason = v[9] or ''}
  for start, calls, failed, slow in string.gmatch(v[6] or '', '(%d+):(%d+):(%d+):(%d+);') do
    r.buckets[#r.buckets + 1] = {tonumber(start), tonumber(calls), tonumber(failed), tonumber(slow)}
  end
  for holder, expiry in string.gmatch(v[7] or '', '([^=;]+)=(%d+);') do
    r.leases[#r.leases + 1] = {holder, tonumber(expiry)}
  end
  return r
end

local function integer(n) return string.format('%.0f', n) end

local function save(r, name)
  local buckets, leases = {}, {}
  for i, b in ipairs(r.buckets) do
    buckets[i] = integer(b[1]) .. ':' .. integer(b[2]) .. ':' .. integer(b[3]) .. ':' .. integer(b[4]) .. ';'
  end
  for i, l in ipairs(r.leases) do leases[i] = l[1] .. '=' .. integer(l[2]) .. ';' end
  redis.call('HSET', r.key, 'state', r.state, 'generation', integer(r.generation), 'since', integer(r.since),
    'until', integer(r.until_ms), 'window', r.window, 'buckets', table.concat(buckets), 'leases', table.concat(leases),
    'trial', r.trial, 'reason', r.reason)
  local last = math.max(now, r.until_ms)
  redis.call('PEXPIRE', r.key, integer(last - now + KEPT_MS))
  redis.call('ZADD', ARGV[3], integer(last), name)
end

local function turn(r, name, state, until_ms, reason)
  local turned = cjson.encode({name = name, before = r.state, after = state, at_ms = now,
    generation = r.generation + 1, reason = reason, until_ms = until_ms})
  redis.call('RPUSH', ARGV[4], turned)
  redis.call('LTRIM', ARGV[4], -TRANSITIONS_KEPT, -1)
  redis.call('LPUSH', ARGV[6], turned)
  redis.call('LTRIM', ARGV[6], 0, TRANSITIONS_KEPT - 1)
  redis.call('ZREMRANGEBYSCORE', ARGV[3], '-inf', integer(now - KEPT_MS))
  redis.call('ZREMRANGEBYRANK', ARGV[3], 0, -NAMES_KEPT - 1)
  redis.call(state == 'forced_open' and 'SADD' or 'SREM', ARGV[5], name)
  r.state, r.generation, r.since, r.until_ms, r.reason = state, r.generation + 1, now, until_ms, reason
  r.window, r.buckets, r.leases, r.trial, r.changed = '', {}, {}, '', true
end

local function settle(r, name)
  if r.until_ms == 0 or now < r.until_ms then return end
  if r.state == 'open' then turn(r, name, 'half_open', 0, r.reason)
  elseif r.state == 'forced_open' or r.state == 'disabled' then turn(r, name, 'closed', 0, '') end
end

local function count(letters)
  local _, failed = string.gsub(letters, '[fx]', '')
  local _, slow = string.gsub(letters, '[lx]', '')
  return #letters, failed, slow
end

local function is_bad(p, calls, failed, slow)
  return calls > 0 and (failed * 100 >= p.failure_percent * calls
    or (p.slow_call_ms > 0 and slow * 100 >= p.slow_percent * calls))
end

local function open(r, name, p, calls, failed, slow)
  local reason = integer(failed) .. ' of ' .. integer(calls) .. ' calls failed'
  if slow > 0 then reason = reason .. ', ' .. integer(slow) .. ' were slow' end
  turn(r, name, 'open', now + p.open_ms, reason)
end

local function live_buckets(r, p)
  local live = {}
  for _, b in ipairs(r.buckets) do
    if b[1] > now - p.window_ms and b[1] <= now then live[#live + 1] = b end
  end
  return live
end

local function observe_closed(r, name, p, letters)
  local calls, failed, slow
  if p.window_ms > 0 then
    local width = math.floor(p.window_ms / BUCKETS)
    local start = now - now % width
    local live = live_buckets(r, p)
    calls, failed, slow = count(letters)
    local last = live[#live]
    if last and last[1] == start then
      last[2], last[3], last[4] = last[2] + calls, last[3] + failed, last[4] + slow
    else
      live[#live + 1] = {start, calls, failed, slow}
    end
    r.buckets = live
    calls, failed, slow = 0, 0, 0
    for _, b in ipairs(live_buckets(r, p)) do calls, failed, slow = calls + b[2], failed + b[3], slow + b[4] end
  else
    r.window = string.sub(r.window .. letters, -p.window_calls)
    calls, failed, slow = count(r.window)
  end
  r.changed = true
  if calls >= p.minimum_calls and is_bad(p, calls, failed, slow) then open(r, name, p, calls, failed, slow) end
end

local function observe_trial(r, name, p, letter, permit)
  local leases, held = {}, false
  for _, l in ipairs(r.leases) do
    if l[1] == permit then held = true else leases[#leases + 1] = l end
  end
  if not held then return end
  r.leases, r.trial, r.changed = leases, r.trial .. letter, true
  if #r.trial < p.permits then return end
  local calls, failed, slow = count(r.trial)
  if is_bad(p, calls, failed, slow) then open(r, name, p, calls, failed, slow) else turn(r, name, 'closed', 0, '') end
end

local function admit(r, p, permit)
  if r.state == 'closed' or r.state == 'disabled' then return 1, 0 end
  if r.state ~= 'half_open' then return 0, r.until_ms end
  local leases, earliest = {}, 0
  for _, l in ipairs(r.leases) do
    if l[2] > now then
      leases[#leases + 1] = l
      if earliest == 0 or l[2] < earliest then earliest = l[2] end
    end
  end
  r.leases, r.changed = leases, true
  if #leases + #r.trial >= p.permits then return 0, earliest end
  leases[#leases + 1] = {permit, now + p.lease_ms}
  return 1, 0
end

local answers = {}
for i, op in ipairs(cjson.decode(ARGV[1])) do
  local r = load(KEYS[i])
  local admitted, retry_at = 0, 0
  settle(r, op.name)
  if op.does == 'admit' then
    admitted, retry_at = admit(r, op.policy, op.permit)
  elseif op.does == 'observe' then
    if op.generation == r.generation and op.calls ~= '' then
      if r.state == 'closed' then observe_closed(r, op.name, op.policy, op.calls)
      elseif r.state == 'half_open' then observe_trial(r, op.name, op.policy, string.sub(op.calls, 1, 1), op.permit) end
    end
  elseif op.does == 'command' then
    turn(r, op.name, op.state, op.state == 'closed' and 0 or op.until_ms, op.reason)
  end
  if r.changed then save(r, op.name) end
  local calls, failed, slow = count(r.window)
  if op.policy and op.policy.window_ms > 0 then
    calls, failed, slow = 0, 0, 0
    for _, b in ipairs(live_buckets(r, op.policy)) do calls, failed, slow = calls + b[2], failed + b[3], slow + b[4] end
  end
  answers[i] = {r.state, r.generation, r.since, r.until_ms, r.reason, admitted, retry_at, calls, failed, slow,
    #r.leases, r.trial, now}
end
return answers
