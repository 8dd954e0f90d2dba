/** Does the token service take more and more memory? A million tokens, half of them for assertions that are good once. */
import { type Row, toBoundRow } from '../row.ts'
import { TokenLoad } from '../token-load.ts'
import { startTokenWorld } from '../token-world.ts'
import { residentKib } from '../trust-domain.ts'

const TOKENS = 1_000_000
/** Until then the heap takes its size, and as many used assertions are remembered as ever are. */
const WARM_UP_TOKENS = 500_000
/** Short, so that what is remembered is what is used in a minute or so. */
const LIFETIME_SECONDS = 20
const SLICE_MS = 2_000
const MAX_GROWTH_MIB = 16

export async function tokenServiceMemory(): Promise<readonly Row[]> {
  const world = await startTokenWorld()
  const pid = world.domain.serverPid
  const loads = [
    new TokenLoad(`${world.issuer}/token`, pid, () => world.platformForm),
    new TokenLoad(`${world.issuer}/token`, pid, () => world.clientForm(undefined, LIFETIME_SECONDS)),
  ]
  const tokens = () => loads.reduce((sum, load) => sum + load.tokens, 0)
  const giveOut = async (count: number) => {
    // By the least of a few: what a collector has not come to yet is no growth.
    let least = Number.POSITIVE_INFINITY
    for (const end = tokens() + count; tokens() < end; ) {
      for (const load of loads) {
        await load.measure(SLICE_MS)
        load.latencies.length = 0
      }
      if (end - tokens() < count / 5) least = Math.min(least, residentKib(pid) / 1024)
    }
    return least
  }
  try {
    const before = await giveOut(WARM_UP_TOKENS)
    const warm = tokens()
    const after = await giveOut(TOKENS)
    const growth = Math.max(after - before, 0.1)
    return [toBoundRow(`token service grows over ${tokens() - warm} tokens`, growth, 'MiB', MAX_GROWTH_MIB)]
  } finally {
    world.stop()
  }
}
