import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Finding } from '@countersign/api'
import { silentLogger, systemClock } from '@countersign/plugin-kit'
import { STORE_NAME } from '../backup/make-backup.ts'
import { withStoreFile } from '../backup/read-store-file.ts'
import type { ServerConfig } from '../config/server-config.ts'
import { keyOfAuthority } from '../issuance/authority-factory.ts'
import { isOwnKeyName } from '../issuance/own-key-name.ts'
import { HIGH_WATER_FILE, readHighWater } from '../recovery/high-water-mark.ts'
import { describeRestored } from '../recovery/issuance-gate.ts'
import { type Authority, authorityOfRow } from '../store/authority-store.ts'
import type { HoldCause } from '../store/recovery-store.ts'
import type { AuthorityRow } from '../store/schema.ts'
import { damageOf, pragma } from '../store/store-damage.ts'
import { examineState, ok } from './examine-state.ts'
import { examineUsedTokens, readUsedTokenFiles } from './examine-used-tokens.ts'
import type { ServerState } from './server-state.ts'

/**
 * What the files of a server say that is stopped. Changes none of them.
 *
 * @throws StoreError `ERR_STORE_LOCKED` when it is not stopped, `ERR_STORE_CORRUPT` for a file that is no store at all
 * @throws KeyManagerError
 */
export async function examineStopped({ dataDir, plugins }: ServerConfig, now: number): Promise<Finding[]> {
  const path = join(dataDir, STORE_NAME)
  if (!existsSync(path)) return [ok('store', 'none yet: the server makes it when it first starts')]
  const stored = withStoreFile(path, readState)
  const keyManager = plugins.keyManager({ clock: systemClock, log: silentLogger, dataDir })
  const names = new Set(stored.authorities.map(({ keyName }) => keyName))
  const { usedTokenFiles, ...state } = stored
  const findings = await examineState(
    {
      ...state,
      highWater: readHighWater(join(dataDir, HIGH_WATER_FILE)),
      hasKey: async (authority) => (await keyOfAuthority(keyManager, authority)) !== undefined,
      orphanKeys: (await keyManager.listKeys()).filter((name) => isOwnKeyName(name) && !names.has(name)),
    },
    now,
  )
  return [...findings, ...examineUsedTokens(dataDir, usedTokenFiles)]
}

interface StoredState extends Pick<ServerState, 'damage' | 'schemaVersion' | 'revision' | 'authorities' | 'holds'> {
  readonly usedTokenFiles: string | undefined
}

function readState(database: DatabaseSync): StoredState {
  const damage = damageOf(database)
  const schemaVersion = Number(pragma(database, 'user_version'))
  if (damage !== undefined)
    return { damage, schemaVersion, revision: 0, authorities: [], holds: [], usedTokenFiles: undefined }
  const { value } = database.prepare('SELECT value FROM revision').get() as { value: number }
  const rows = database.prepare('SELECT * FROM authorities ORDER BY not_before, id').all() as unknown as AuthorityRow[]
  const authorities: Authority[] = rows.map((row) => authorityOfRow(row))
  const usedTokenFiles = readUsedTokenFiles(database)
  return { damage, schemaVersion, revision: value, authorities, holds: readHolds(database), usedTokenFiles }
}

function readHolds(database: DatabaseSync): ServerState['holds'] {
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'recovery'").get() !== undefined
  const row = isThere ? database.prepare('SELECT held_since, cause FROM recovery').get() : undefined
  const { held_since: since, cause } = row ?? {}
  if (typeof since !== 'number' || typeof cause !== 'string') return []
  return [describeRestored({ cause: cause as HoldCause, since })]
}
