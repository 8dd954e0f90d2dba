import type { KeyManager } from '@countersign/plugin-kit'
import { NO_TRACING } from '@countersign/telemetry'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { ObservedKeyManager } from './observed-key-manager.ts'
import { NO_RECORDER } from './server-recorder.ts'

/** A key manager without keys, with what else one may have. */
function observe(further: Partial<KeyManager> = {}): ObservedKeyManager {
  const none = {
    createKey: () => Promise.reject(new Error('has no place for keys')),
    getKey: async () => undefined,
    listKeys: async () => [],
    deleteKey: async () => {},
  }
  const observers = { recorder: NO_RECORDER, tracing: NO_TRACING, clock: new FakeClock() }
  return new ObservedKeyManager({ ...none, ...further }, observers)
}

describe('a key manager that is observed', () => {
  it('is shared when it is, or keys of others would be deleted as remains', () => {
    expect([true, false].map((isShared) => observe({ isShared }).isShared)).toEqual([true, false])
    expect(observe().isShared).toBe(false)
  })

  it('names its files for backups, which would be without keys', async () => {
    expect(await observe({ backupFiles: async () => ['keys/a.json'] }).backupFiles()).toEqual(['keys/a.json'])
    expect(await observe({ backupFiles: async () => undefined }).backupFiles()).toBeUndefined()
    expect(await observe().backupFiles()).toBeUndefined()
  })

  it('gives back what it holds, and says so when it cannot', async () => {
    let closed = 0
    const close = async () => {
      closed += 1
    }
    await observe({ close }).close()
    expect(closed).toBe(1)
    await observe().close()
    const failing = observe({ close: () => Promise.reject(new Error('the token is gone')) })
    await expect(failing.close()).rejects.toThrow('the token is gone')
  })

  it('passes on what it is asked of keys, and what comes of it', async () => {
    const asked: string[] = []
    const observed = observe({
      createKey: async (name) => Promise.reject(new Error(`no room for ${name}`)),
      listKeys: async () => ['a'],
      deleteKey: async (name) => void asked.push(name),
    })
    await expect(observed.createKey('a', 'ES256')).rejects.toThrow('no room for a')
    expect(await observed.getKey('a')).toBeUndefined()
    expect(await observed.listKeys()).toEqual(['a'])
    await observed.deleteKey('a')
    expect(asked).toEqual(['a'])
  })
})
