import { join } from 'node:path'
import { FakeClock } from '@countersign/testing'
import { onTestFinished } from 'vitest'
import { Store } from '../store/store.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** An empty store on disk that is closed and removed when the running test ends. */
export async function temporaryStore(): Promise<{ store: Store; clock: FakeClock; path: string }> {
  const path = join(await temporaryFolder(), 'server.db')
  const clock = new FakeClock()
  const store = Store.open(path, clock)
  onTestFinished(() => store.close())
  return { store, clock, path }
}
