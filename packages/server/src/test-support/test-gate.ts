import { join } from 'node:path'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { onTestFinished } from 'vitest'
import { createAudit } from '../audit/audit.ts'
import { HighWaterMark } from '../recovery/high-water-mark.ts'
import { IssuanceGate } from '../recovery/issuance-gate.ts'
import { RecoveryStore } from '../store/recovery-store.ts'
import type { Store } from '../store/store.ts'
import { RecordingLogger } from './recording-logger.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** The gate of a server on this store, with a high-water mark of its own. */
export async function openTestGate(
  store: Store,
  clock: Clock,
  { log = new RecordingLogger() as Logger, folder }: { readonly log?: Logger; readonly folder?: string } = {},
): Promise<IssuanceGate> {
  const mark = HighWaterMark.open(join(folder ?? (await temporaryFolder()), 'high-water'))
  onTestFinished(() => mark.close())
  const options = { mark, store: new RecoveryStore(store, 'example.org'), audit: createAudit(log), clock, log }
  return IssuanceGate.open(options, await store.revision())
}
