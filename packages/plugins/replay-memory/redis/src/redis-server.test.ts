import { randomUUID } from 'node:crypto'
import { describeReplayMemory } from '@countersign/testing/contract'
import { describe } from 'vitest'
import { RedisReplayMemory } from './redis-replay-memory.ts'

/** A Redis to run the contract against; `interop/redis` starts one. */
const url = process.env['COUNTERSIGN_REDIS_URL']

describe.skipIf(url === undefined)('with a real Redis', () => {
  for (const whenAway of ['refuse', 'accept-in-process'] as const) {
    describeReplayMemory(`RedisReplayMemory, ${whenAway}`, async () => {
      const options = { url: url as string, prefix: `${randomUUID()}:`, senderCapacity: 20, whenAway, timeoutMs: 5000 }
      const [memory, replica] = [await RedisReplayMemory.connect(options), await RedisReplayMemory.connect(options)]
      return {
        memory,
        replica,
        senderCapacity: 20,
        dispose() {
          memory.close()
          replica.close()
        },
      }
    })
  }
})
