import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Finding } from '@countersign/api'
import { readBootId } from '../used-tokens/boot-id.ts'
import { LOSSES } from '../used-tokens/open-used-tokens.ts'
import { readUsedTokens, USED_TOKENS_FOLDER } from '../used-tokens/read-used-tokens.ts'
import { ok, warning } from './examine-state.ts'

const CHECK = 'used tokens'

/** @returns `undefined` when the store never had any */
export function readUsedTokenFiles(database: DatabaseSync): string | undefined {
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'used_token_files'").get() !== undefined
  const row = isThere ? database.prepare('SELECT name FROM used_token_files').get() : undefined
  return typeof row?.['name'] === 'string' ? row['name'] : undefined
}

/** Whether the next start knows which assertions and proofs were used. */
export function examineUsedTokens(dataDir: string, name: string | undefined): Finding[] {
  if (name === undefined) return []
  const { loss } = readUsedTokens({ folder: join(dataDir, USED_TOKENS_FOLDER), name, bootId: readBootId() })
  if (loss === undefined) return [ok(CHECK, 'all are remembered')]
  const next = 'nothing: the server refuses assertions and proofs from before its start; clients make new ones'
  return [warning(CHECK, LOSSES[loss], next)]
}
