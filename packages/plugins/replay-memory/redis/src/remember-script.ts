import { createHash } from 'node:crypto'

/**
 * One sender's proofs are one sorted set: a member is a proof, its score the time from which on nobody accepts it, in
 * milliseconds of this Redis's own clock. So the count of a sender's live proofs is exact, and everything happens on one
 * key, which a Redis Cluster can do too.
 *
 * KEYS[1] the sender's set; ARGV[1] the proof, ARGV[2] milliseconds it must be known, ARGV[3] proofs a sender may have, 0
 * for any number. Answers 1 fresh, 0 replayed, -1 full.
 *
 * ZADD is the first write: a Redis without room refuses a script's first write, and no later one.
 */
export const REMEMBER_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and tonumber(known) > now then return 0 end
local most = tonumber(ARGV[3])
if most > 0 and redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf') >= most then return -1 end
local lives = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now + lives, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('PTTL', KEYS[1]) < lives then redis.call('PEXPIRE', KEYS[1], lives) end
return 1
`

/** The name under which Redis keeps the script. SHA-1 is Redis's choice, and nothing is secured by it. */
export const REMEMBER_SCRIPT_SHA1 = createHash('sha1').update(REMEMBER_SCRIPT).digest('hex')
