/** Contract suites: what every implementation of an interface must do. vitest must be installed. */
export { describeReplayMemory, type ReplayMemoryFixture } from './replay-memory.ts'
