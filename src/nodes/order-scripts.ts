/** The orders in the store, each script one step: what was changed of servers, the ring of keys, and the revision of both. */

/** Servers that operators may have changed at one time. */
const mostOrders = 5000;

export const orderScripts = {
  /** KEYS: servers, revision, keys. Returns the revision, the ring ('' none), then server and change in turn. */
  read: `
    local reply = { redis.call('GET', KEYS[2]) or '0', redis.call('GETRANGE', KEYS[3], 0, 65535) }
    if redis.call('HLEN', KEYS[1]) > ${mostOrders} then return redis.error_reply('more than ${mostOrders} changes of servers') end
    local all = redis.call('HGETALL', KEYS[1])
    for i = 1, #all do reply[#reply + 1] = all[i] end
    return reply`,

  /** KEYS: servers, revision. ARGV: a revision that the new one is above, channel, then server and change in turn; '' takes it out. */
  send: `
    local known = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1]))
    for i = 3, #ARGV, 2 do
      if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
      else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
    end
    redis.call('SET', KEYS[2], string.format('%.0f', known + 1))
    redis.call('PUBLISH', ARGV[2], 'orders')
    return { string.format('%.0f', known + 1) }`,

  /**
   * KEYS: servers, revision, keys. ARGV: revision, ring ('' none), channel, then server and change in turn: all that there is. Nothing
   * happens when the store has that revision, or a later one.
   */
  restore: `
    if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[1]) then return { '0' } end
    redis.call('DEL', KEYS[1])
    for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
    if ARGV[2] ~= '' then redis.call('SET', KEYS[3], ARGV[2]) end
    redis.call('SET', KEYS[2], ARGV[1])
    redis.call('PUBLISH', ARGV[3], 'orders')
    return { '1' }`,

  /** KEYS: keys, revision. ARGV: the ring before, the new one, a revision that the new one is above, channel. */
  ring: `
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { '0' } end
    local known = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[3]))
    redis.call('SET', KEYS[1], ARGV[2])
    redis.call('SET', KEYS[2], string.format('%.0f', known + 1))
    redis.call('PUBLISH', ARGV[4], 'orders')
    return { '1' }`,
} as const;
