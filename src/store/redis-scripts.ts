/**
 * The operations of the Redis store as Lua, one script each: Redis runs a script as one step. A session is a hash that expires
 * by itself (o owner, e epoch, v version, b by, d data); a tombstone is one with `x` alone. Numbers up to 2^53 pass exactly.
 */

/** A put that may go on returns nothing; else what it met. `same` 1: the change that is kept may move on. */
const refuse = `
local function refuse(key, e, v, b, same)
  local k = redis.call('HMGET', key, 'x', 'e', 'v', 'b', 'o')
  if k[1] then return {'ended'} end
  if not k[2] then return nil end
  local ke, kv = tonumber(k[2]), tonumber(k[3])
  if e > ke then return nil end
  if e < ke then return {'fenced', k[2], k[5]} end
  if v > kv then return nil end
  if b ~= k[4] then return {'fenced', k[2], k[5]} end
  if same and v == kv then return nil end
  return {'superseded'}
end
local function keep(key, o, e, v, b, d, ttl)
  redis.call('HSET', key, 'o', o, 'e', e, 'v', v, 'b', b, 'd', d)
  redis.call('PEXPIRE', key, ttl)
end
local function finish(key, ttl)
  redis.call('DEL', key)
  redis.call('HSET', key, 'x', '1')
  redis.call('PEXPIRE', key, ttl)
end
`;

export const scripts = {
  read: `
    local k = redis.call('HMGET', KEYS[1], 'x', 'o', 'e', 'v', 'b', 'd')
    if k[1] then return {'ended'} end
    if not k[3] then return {'none'} end
    return {'live', k[2], k[3], k[4], k[5], k[6], tostring(redis.call('PTTL', KEYS[1]))}`,
  /** o e v b d ttl */
  put: `${refuse}
    local r = refuse(KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], false)
    if r then return r end
    keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
    return {'stored'}`,
  /** epoch owner ttl next */
  claim: `${refuse}
    local k = redis.call('HMGET', KEYS[1], 'x', 'e', 'o', 'v', 'b', 'd')
    if k[1] then return {'ended'} end
    if not k[2] then
      keep(KEYS[1], ARGV[2], ARGV[4], '0', '', '', ARGV[3])
      return {'claimed', ARGV[2], ARGV[4], '0', '', '', ARGV[3]}
    end
    if tonumber(k[2]) > tonumber(ARGV[1]) then return {'lost', k[2], k[3]} end
    redis.call('HSET', KEYS[1], 'o', ARGV[2], 'e', ARGV[4])
    return {'claimed', ARGV[2], ARGV[4], k[4], k[5], k[6], tostring(redis.call('PTTL', KEYS[1]))}`,
  /** epoch tombstone */
  destroy: `${refuse}
    local k = redis.call('HMGET', KEYS[1], 'e', 'o')
    if k[1] and tonumber(ARGV[1]) < tonumber(k[1]) then return {'fenced', k[1], k[2]} end
    finish(KEYS[1], ARGV[2])
    return {'ended'}`,
  /** o e v b d ttl tombstone */
  rotate: `${refuse}
    if redis.call('EXISTS', KEYS[2]) == 1 then return {'taken'} end
    local r = refuse(KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], true)
    if r then return r end
    keep(KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
    finish(KEYS[1], ARGV[7])
    return {'stored'}`,
  /** epoch ttl */
  touch: `
    local e = redis.call('HGET', KEYS[1], 'e')
    if not e or tonumber(e) > tonumber(ARGV[1]) then return {'no'} end
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return {'yes'}`,
} as const;
