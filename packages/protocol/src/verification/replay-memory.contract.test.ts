import { describeReplayMemory } from '@countersign/testing/contract'
import { InProcessReplayMemory } from './replay-memory.ts'

describeReplayMemory('InProcessReplayMemory', () => ({
  memory: new InProcessReplayMemory({ capacity: 40, senderShare: 0.5 }),
  senderCapacity: 20,
}))
