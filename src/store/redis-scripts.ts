/**
 * The operations of the Redis store as Lua, one script each: Redis runs a script as one step. A session is a hash that expires
 * by itself (o owner, e epoch, v version, b by, d data, u user); a tombstone has `x` (1 it is over, r it has another id) and `t`, since when.
 * Numbers up to 2^53 pass exactly.
 *
 * The sessions of a user are a sorted set of their ids by the time at which they expire, `limpet-user:{pool}:user`: in the slot of
 * its pool, whose scripts alone touch it. Whoever puts a session first takes out what has expired, so it does not grow.
 *
 * While a cluster moves the slot of a pool, a part of its keys is on either side. What a script may create is among its KEYS, so that it is
 * done where all of that is, or not at all. An entry of the index that cannot be removed then does no harm: `ofUser` looks at the session.
 *
 * In a fleet, what makes another server the owner of a session, or ends it, is appended to a stream of its pool in the same step
 * (`limpet-moves:{pool}`, redis-moves.ts): nothing of that happens without the other balancers being told.
 */

/** A claim away from an owner that another balancer has chosen so long ago (ms) is refused once. */
const heldMs = 3000;

/** The channel on which a script says of which pool there is something new to read. */
export const movesChannel = 'limpet-moves';

/** `index`: the session is `user`'s from now on, for `ttl` ms, and not `was`'s any more; '' or false: nobody's. `key`: of the session. */
const index = `
local function nameOf(key, user)
  return 'limpet-user:' .. string.sub(key, 8, -33) .. user
end
local function clock()
  local t = redis.call('TIME')
  return string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
end
local function index(key, was, user, ttl)
  local id = string.sub(key, -32)
  if was and was ~= user then redis.pcall('ZREM', nameOf(key, was), id) end
  if not user or user == '' then return end
  local name, now = nameOf(key, user), clock()
  redis.call('ZREMRANGEBYSCORE', name, '-inf', now)
  redis.call('ZADD', name, now + ttl, id)
  if redis.call('PTTL', name) < tonumber(ttl) then redis.call('PEXPIRE', name, ttl) end
end
`;

/** Of a put that may go on: nothing, whose session it was, and its epoch before; else what it met. `same`: the change that is kept may move on. */
const refuse = `${index}
local function refuse(key, e, v, b, same)
  local k = redis.call('HMGET', key, 'x', 'e', 'v', 'b', 'o', 'u')
  if k[1] then return {'ended'} end
  if not k[2] then return nil, false, nil end
  local ke, kv = tonumber(k[2]), tonumber(k[3])
  if e > ke then return nil, k[6], ke end
  if e < ke then return {'fenced', k[2], k[5]} end
  if v > kv then return nil, k[6], ke end
  if b ~= k[4] then return {'fenced', k[2], k[5]} end
  if same and v == kv then return nil, k[6], ke end
  return {'superseded'}
end
local function keep(key, was, o, e, v, b, d, ttl, u)
  redis.call('HSET', key, 'o', o, 'e', e, 'v', v, 'b', b, 'd', d)
  redis.call('PEXPIRE', key, ttl)
  if u ~= '' then redis.call('HSET', key, 'u', u) elseif was then redis.call('HDEL', key, 'u') end
  if was or u ~= '' then index(key, was, u, ttl) end
end
local function finish(key, was, ttl, how)
  index(key, was, '', 0)
  redis.call('DEL', key)
  redis.call('HSET', key, 'x', how, 't', clock())
  redis.call('PEXPIRE', key, ttl)
end
`;

/**
 * `publish`: the server `o` owns the session from now on; '': it has ended, `how` as in a tombstone. `settle`: its owner has taken a request, and is
 * its home. Where `history` is 0 there is nobody to tell.
 */
function publishing(history: number): string {
  if (history === 0) return 'local function publish() end local function settle() end';
  return `
local function settle(key)
  redis.call('HDEL', key, 'f')
end
local function publish(key, e, o, how)
  local tag, id = string.sub(key, 8, -34), string.sub(key, -32)
  local what = o == '' and 'x' or 'o'
  redis.call('XADD', 'limpet-moves:' .. tag, 'MAXLEN', '~', ${history}, '*', 'i', id, 'e', e, what, how or o)
  redis.call('PUBLISH', '${movesChannel}', tag)
end
`;
}

/** intent. A session that is live is to be moved, if nobody asks for it meanwhile. */
export const intendScript = `
  local k = redis.call('HMGET', KEYS[1], 'x', 'e')
  if k[1] or not k[2] then return {'no'} end
  redis.call('HSET', KEYS[1], 'm', ARGV[1])
  return {'yes'}`;

/** `history`: entries of the stream that are kept for balancers that were away; 0: there is no other balancer. */
export function scriptsFor(history: number) {
  const publish = publishing(history);
  return {
    /** Who asks for the owner is about to send it a request: no move that was agreed to before may go on. */
    read: `${index}
    local k = redis.call('HMGET', KEYS[1], 'x', 'o', 'e', 'v', 'b', 'd', 'u', 'm', 't')
    if k[8] then redis.call('HDEL', KEYS[1], 'm') end
    if k[1] then return {'ended', k[1], k[9] and string.format('%.0f', clock() - k[9]) or '0'} end
    if not k[3] then return {'none'} end
    return {'live', k[2], k[3], k[4], k[5], k[6], tostring(redis.call('PTTL', KEYS[1])), k[7] or ''}`,
    /** o e v b d ttl u */
    put: `${refuse}${publish}
    local r, was, before = refuse(KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], false)
    if r then return r end
    if before and tonumber(ARGV[2]) > before then publish(KEYS[1], ARGV[2], ARGV[1]) end
    keep(KEYS[1], was, ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
    settle(KEYS[1])
    return {'stored'}`,
    /**
     * epoch owner ttl next node intent home step. Of a fleet: n the node that claimed last, t when, f the home of the session if that is another
     * server than its owner, h the node that was held back, m an intent. The home is the server that took a request last: another one may be
     * one of several that balancers try, one after the other, while no server takes requests.
     */
    claim: `${refuse}${publish}
    local k = redis.call('HMGET', KEYS[1], 'x', 'e', 'o', 'v', 'b', 'd', 'u', 'n', 't', 'h', 'm', 'f')
    local owner, node, intent, home, step = ARGV[2], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
    if step == 'accept' then
      if k[2] == ARGV[4] and k[3] == owner then settle(KEYS[1]) end
      return {'lost', k[2] or '0', k[3] or '0', ''}
    end
    local other = k[8] and k[8] ~= node
    if k[1] then return {'ended'} end
    if not k[2] then
      keep(KEYS[1], false, ARGV[2], ARGV[4], '0', '', '', ARGV[3], '')
      if node ~= '' then redis.call('HSET', KEYS[1], 'n', node) end
      if tonumber(ARGV[4]) > 1 then
        redis.call('HSET', KEYS[1], 't', clock(), 'f', home)
        publish(KEYS[1], ARGV[4], ARGV[2])
      end
      return {'claimed', ARGV[2], ARGV[4], '0', '', '', ARGV[3], '', home}
    end
    if tonumber(k[2]) > tonumber(ARGV[1]) then return {'lost', k[2], k[3], other and 'other' or ''} end
    if intent ~= '' then
      if k[11] ~= intent then return {'held'} end
      redis.call('HDEL', KEYS[1], 'm')
    elseif other and k[9] and k[10] ~= node and tonumber(k[4]) == 0 and clock() - k[9] < ${heldMs} then
      redis.call('HSET', KEYS[1], 'h', node)
      return {'held'}
    end
    -- A single balancer knows better than its store where a session was.
    home = ''
    if node ~= '' then
      local isAway = k[12] and k[12] ~= '0'
      home = isAway and k[12] or k[3]
      -- Without a home elsewhere its owner has taken a request of another balancer.
      if step == 'return' then owner = home end
      redis.call('HSET', KEYS[1], 'n', node, 't', clock(), 'f', home == owner and '0' or home)
      redis.call('HDEL', KEYS[1], 'h')
    end
    redis.call('HSET', KEYS[1], 'o', owner, 'e', ARGV[4])
    publish(KEYS[1], ARGV[4], owner)
    local left = tostring(redis.call('PTTL', KEYS[1]))
    return {'claimed', owner, ARGV[4], k[4], k[5], k[6], left, k[7] or '', home}`,
    /** epoch tombstone */
    destroy: `${refuse}${publish}
    local k = redis.call('HMGET', KEYS[1], 'e', 'o', 'u')
    if k[1] and tonumber(ARGV[1]) < tonumber(k[1]) then return {'fenced', k[1], k[2]} end
    finish(KEYS[1], k[3], ARGV[2], '1')
    publish(KEYS[1], k[1] or '0', '', '1')
    return {'ended'}`,
    /** o e v b d ttl u tombstone */
    rotate: `${refuse}${publish}
    if redis.call('EXISTS', KEYS[2]) == 1 then return {'taken'} end
    local r, was = refuse(KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], true)
    if r then return r end
    keep(KEYS[2], false, ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
    finish(KEYS[1], was, ARGV[8], 'r')
    publish(KEYS[1], ARGV[2], '', 'r')
    return {'stored'}`,
    /** epoch ttl */
    touch: `${index}
    local k = redis.call('HMGET', KEYS[1], 'e', 'u')
    if not k[1] or tonumber(k[1]) > tonumber(ARGV[1]) then return {'no'} end
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    if k[2] and redis.pcall('EXISTS', nameOf(KEYS[1], k[2])) == 1 then index(KEYS[1], k[2], k[2], ARGV[2]) end
    return {'yes'}`,
    /** user most. KEYS[1] is the index. Writes nothing, so that a replica answers it, too. */
    ofUser: `${index}
    local user, most = ARGV[1], tonumber(ARGV[2])
    local sessions, ids, from, after = 'limpet:' .. string.sub(KEYS[1], 13, -33), {}, 0, '(' .. clock()
    while true do
      local some = redis.call('ZRANGEBYSCORE', KEYS[1], after, '+inf', 'LIMIT', from, most)
      for _, id in ipairs(some) do
        if #ids == most then return ids end
        local k = redis.call('HMGET', sessions .. id, 'u', 'e', 'x')
        -- Of one that is not there nothing is known: while a slot is moved it may be on the other side.
        if k[1] == user or not (k[1] or k[2] or k[3]) then ids[#ids + 1] = id end
      end
      if #some < most then return ids end
      from = from + most
    end`,
  } as const;
}

export type Scripts = ReturnType<typeof scriptsFor>;
