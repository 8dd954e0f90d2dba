import type { HighWater } from '../recovery/high-water-mark.ts'
import type { Hold } from '../recovery/issuance-gate.ts'
import type { Authority } from '../store/authority-store.ts'

/** What is examined, wherever it was read from. */
export interface ServerState {
  /** What SQLite's checks found in the store; nothing else was read then. */
  readonly damage: string | undefined
  readonly schemaVersion: number
  readonly revision: number
  readonly highWater: HighWater | undefined
  readonly authorities: readonly Authority[]
  /** Whether the key manager has the key of an authority. */
  readonly hasKey: (authority: Authority) => Promise<boolean>
  /** Of keys that no authority refers to. */
  readonly orphanKeys: readonly string[]
  readonly holds: readonly Hold[]
}
