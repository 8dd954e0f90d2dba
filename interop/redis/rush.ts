/**
 * One replica of a service: asks for many proofs at once, and prints how often it heard what.
 *
 *     node rush.ts <redis url> <key prefix> <sender capacity> <start, ms since the epoch> <key>...
 *
 * A key `same*500` is used 500 times; `each*500` stands for 500 different keys.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { RedisReplayMemory } from '@countersign/replay-memory-redis'

const [url = '', prefix = '', capacity = '', start = '', ...names] = process.argv.slice(2)
const memory = await RedisReplayMemory.connect({ url, prefix, senderCapacity: Number(capacity), timeoutMs: 20_000 })
const now = Math.floor(Date.now() / 1000)
const keys = names.flatMap((name) => {
  const [kind = '', count = ''] = name.split('*')
  return Array.from({ length: Number(count) }, (_, index) => (kind === 'same' ? kind : `${process.pid} ${index}`))
})
await pause(Math.max(0, Number(start) - Date.now()))
const answers = await Promise.all(keys.map((key) => memory.remember(key, now + 60, now, 'spiffe://example.org/caller')))
memory.close()
const counts = Object.fromEntries(
  ['fresh', 'replayed', 'full', 'away'].map((each) => [each, answers.filter((answer) => answer === each).length]),
)
console.log(JSON.stringify(counts))
