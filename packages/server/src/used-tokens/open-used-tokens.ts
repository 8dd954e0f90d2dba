import { join } from 'node:path'
import type { Clock, Logger } from '@countersign/plugin-kit'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import type { Store } from '../store/store.ts'
import { UsedTokenFilesStore } from '../store/used-token-files-store.ts'
import { readBootId } from './boot-id.ts'
import { type LossCause, USED_TOKENS_FOLDER } from './read-used-tokens.ts'
import { UsedTokens } from './used-tokens.ts'

export interface OpenUsedTokensOptions {
  readonly store: Store
  readonly dataDir: string
  readonly gate: Pick<IssuanceGate, 'highWater'>
  readonly clock: Clock
  readonly log: Logger
}

/** The memory of a server's used tokens, as its store knows it. @throws StoreError `ERR_STORE_UNWRITABLE` */
export async function openUsedTokens({ store, dataDir, gate, clock, log }: OpenUsedTokensOptions): Promise<UsedTokens> {
  const files = new UsedTokenFilesStore(store)
  const name = await files.name()
  const folder = join(dataDir, USED_TOKENS_FOLDER)
  const memory = UsedTokens.open({ folder, name, bootId: readBootId(), now: newestTime(gate, clock) })
  try {
    if (memory.name !== name) await files.setName(memory.name)
    memory.forgetOlder()
  } catch (error) {
    memory.close()
    throw error
  }
  if (memory.loss !== undefined) {
    const why = LOSSES[memory.loss]
    log.warn({ cause: memory.loss, fence: memory.fence }, `assertions and proofs from before are refused: ${why}`)
  }
  return memory
}

/** A clock that was set back a little says nothing of what was used meanwhile. Seconds since the epoch. */
export function newestTime(gate: Pick<IssuanceGate, 'highWater'>, clock: Clock): number {
  return Math.max(clock.now(), gate.highWater().time)
}

export const LOSSES: Readonly<Record<LossCause, string>> = {
  lost: 'the files that say which were used are missing or damaged',
  other: 'the store was put back to an earlier state, or is of another server',
  copied: 'the files that say which were used were copied, and may be old',
  'system-stopped': 'the operating system stopped before the server did, and may not have written which were used',
}
