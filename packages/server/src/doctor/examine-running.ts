import type { Finding } from '@countersign/api'
import { isOwnKeyName } from '../issuance/own-key-name.ts'
import type { ServerParts } from '../server-parts.ts'
import { MIGRATIONS } from '../store/migrations.ts'
import { examineState } from './examine-state.ts'

/** What a running server says about its own data. */
export async function examineRunning(parts: ServerParts, now: number): Promise<Finding[]> {
  const { store, keyManager, factory, gate } = parts
  return parts.authorities.run(async () => {
    const damage = await store.damage()
    const authorities = damage === undefined ? await parts.authorityStore.list() : []
    const names = new Set(authorities.map(({ keyName }) => keyName))
    return examineState(
      {
        damage,
        schemaVersion: MIGRATIONS.length,
        revision: damage === undefined ? await store.revision() : 0,
        highWater: gate.highWater(),
        authorities,
        hasKey: async (authority) => (await factory.loadKey(authority)) !== undefined,
        orphanKeys: (await keyManager.listKeys()).filter((name) => isOwnKeyName(name) && !names.has(name)),
        holds: gate.holds(),
      },
      now,
    )
  })
}
