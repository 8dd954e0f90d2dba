import { WorkloadId } from '@countersign/protocol'
import { EntryError } from '../registration/entry-error.ts'
import { kindOfParent, SERVER_PATH } from '../registration/entry-parent.ts'
import type { ChangeTransaction } from './store.ts'

/**
 * An entry below an alias that is not there would be no agent's, and nobody would notice the misspelling.
 *
 * @throws EntryError `ERR_ENTRY_PARENT`
 */
export async function requireParent(change: ChangeTransaction, parentId: string): Promise<void> {
  const { origin, path } = WorkloadId.parse(parentId)
  if (kindOfParent(path) !== 'alias') return
  const alias = await change.db
    .selectFrom('entries')
    .select('id')
    .where('spiffe_id', '=', parentId)
    .where('parent_id', '=', `${origin}${SERVER_PATH}`)
    .executeTakeFirst()
  if (alias !== undefined) return
  throw new EntryError(
    'ERR_ENTRY_PARENT',
    'parentId: neither an agent nor a node alias; create the alias first, with `entry create --node`',
  )
}
