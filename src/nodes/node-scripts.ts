/** What is one step in the store: a node says that it is there, and reads all others; or that it leaves. */

/** Nodes that are read; more of them are no fleet but garbage. */
const mostNodes = 256;

export const nodeScripts = {
  /**
   * KEYS: nodes, revision, digest of the own config, secret, keys. ARGV: id, report, milliseconds after which an entry is dropped, milliseconds for
   * which a digest is kept, channel ('' nobody is to be woken), secret and
   * ring ('' none): put into a store that was emptied, before a new node puts others.
   * Returns the time, the revision, whether the digest is there, what this id told before, whether the secret is ours, and all entries,
   * id and value in turn.
   */
  beat: `
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2])
    local kept = redis.call('PEXPIRE', KEYS[3], ARGV[4])
    redis.call('SET', KEYS[4], ARGV[6], 'NX')
    if ARGV[7] ~= '' then redis.call('SET', KEYS[5], ARGV[7], 'NX') end
    local isOurs = redis.call('GET', KEYS[4]) == ARGV[6] and '1' or '0'
    local reply = { string.format('%.0f', now), redis.call('GET', KEYS[2]) or '0', tostring(kept), before, isOurs }
    local all = redis.call('HGETALL', KEYS[1])
    for i = 1, #all, 2 do
      local at = tonumber(string.match(all[i + 1], '^(%d+) '))
      if at == nil or now - at > tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], all[i])
      elseif #reply < ${5 + 2 * mostNodes} and #all[i + 1] <= 65536 then
        reply[#reply + 1] = all[i]
        reply[#reply + 1] = all[i + 1]
      end
    end
    if ARGV[5] ~= '' then redis.call('PUBLISH', ARGV[5], ARGV[1]) end
    return reply`,

  /** KEYS: nodes. ARGV: id, run, channel. Nothing happens when another process has the id by now. */
  leave: `
    local value = redis.call('HGET', KEYS[1], ARGV[1]) or ''
    if string.find(value, ARGV[2], 1, true) then
      redis.call('HDEL', KEYS[1], ARGV[1])
      redis.call('PUBLISH', ARGV[3], ARGV[1])
    end
    return {}`,
} as const;
