import { KeyManagerError } from '@countersign/plugin-kit'
import { NO_TRACING } from '@countersign/telemetry'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { SigningAuthority } from '../issuance/authorities.ts'
import { AuthorityError } from '../issuance/authority-error.ts'
import { AUTHORITY_KINDS } from '../store/authority-store.ts'
import { StoreError } from '../store/store-error.ts'
import { callHttps } from '../test-support/http-call.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { startTestServer } from '../test-support/test-server.ts'
import { ObservedKeyManager } from './observed-key-manager.ts'
import { createServerReadiness } from './server-readiness.ts'
import { NO_RECORDER } from './server-recorder.ts'

async function open() {
  const { store, clock } = await temporaryStore()
  const world = { left: 3600, lifetime: 86_400, none: false, writes: 0, full: false, signs: true }
  const authorities = {
    kinds: AUTHORITY_KINDS,
    async active(kind: string) {
      if (world.none) throw new AuthorityError('ERR_AUTHORITY_NONE_ACTIVE', 'server has no key to sign with')
      const notAfter = clock.now() + world.left
      return { authority: { id: `${kind}-1`, notAfter, notBefore: notAfter - world.lifetime } } as SigningAuthority
    },
  }
  const write = store.writeNothing.bind(store)
  store.writeNothing = async () => {
    world.writes += 1
    if (world.full) throw new StoreError('ERR_STORE_UNWRITABLE', 'store cannot be written')
    await write()
  }
  const key = {
    alg: 'ES256' as const,
    publicJwk: { kty: 'EC' },
    sign() {
      if (!world.signs) throw new KeyManagerError('ERR_KEY_MANAGER_NAME', 'told to fail')
      return new Uint8Array(1)
    },
  }
  const observed = new ObservedKeyManager(
    {
      createKey: async () => key as never,
      getKey: async () => key as never,
      listKeys: async () => [],
      deleteKey: async () => {},
    },
    { recorder: NO_RECORDER, tracing: NO_TRACING, clock },
  )
  const readiness = createServerReadiness({ store, authorities, clock, keyManager: observed.readiness })
  const troubles = async () => {
    clock.jump(1)
    const { ready, checks } = await readiness.report()
    const found = checks.flatMap(({ name, reason }) => (reason === undefined ? [] : [[name, reason]]))
    expect(ready).toBe(found.length === 0)
    return Object.fromEntries(found)
  }
  return { store, clock, world, observed, troubles }
}

describe('readiness of a server', () => {
  it('is, when all is well', async () => {
    expect(await (await open()).troubles()).toEqual({})
  })

  it('is not when the store cannot be written, as soon as it looks again', async () => {
    const { world, troubles, clock } = await open()
    await troubles()
    world.full = true
    clock.jump(5)
    expect(await troubles()).toEqual({ store: 'ERR_STORE_UNWRITABLE' })
    world.full = false
    expect(await troubles()).toEqual({})
  })

  it('writes no more often than every five seconds', async () => {
    const { world, troubles } = await open()
    for (let second = 0; second < 20; second++) await troubles()
    expect(world.writes).toBe(4)
  })

  it('is not without an authority that lasts', async () => {
    const { world, troubles } = await open()
    world.left = 59
    expect(await troubles()).toMatchObject({
      'authority-x509': 'authority x509-1 ends in 59 seconds and has no successor',
    })
    world.lifetime = 600
    expect(await troubles()).toEqual({})
    world.left = 29
    expect(Object.keys(await troubles())).toEqual(['authority-x509', 'authority-jwt', 'authority-wit'])
    world.none = true
    expect(await troubles()).toMatchObject({ 'authority-wit': 'ERR_AUTHORITY_NONE_ACTIVE' })
  })

  it('is not for a minute after the key manager failed, or until it signs', async () => {
    const { world, troubles, observed, clock } = await open()
    const key = await observed.getKey('x')
    world.signs = false
    expect(() => key?.sign(new Uint8Array())).toThrow('told to fail')
    expect(await troubles()).toEqual({ 'key-manager': 'key manager failed to sign 1 seconds ago' })
    world.signs = true
    key?.sign(new Uint8Array())
    expect(await troubles()).toEqual({})
    world.signs = false
    expect(() => key?.sign(new Uint8Array())).toThrow('told to fail')
    clock.jump(58)
    expect(Object.keys(await troubles())).toEqual(['key-manager'])
    expect(await troubles()).toEqual({})
  })

  it('is not when the clock is behind what it was', async () => {
    const { troubles, store, clock } = await open()
    await store.change(async ({ record }) => void (await record('entry.created', 'e')))
    clock.jump(-60)
    expect(await troubles()).toEqual({})
    clock.jump(-3)
    expect(await troubles()).toEqual({ clock: 'clock is 61 seconds behind the newest change in the store' })
    clock.jump(-clock.now())
    expect(await troubles()).toMatchObject({ clock: 'clock of this machine is years behind' })
  })
})

describe('health of a running server', () => {
  it('is told with reasons to the operator, and without to strangers', async () => {
    const clock = new FakeClock()
    const test = await startTestServer({ clock, config: { telemetry: { host: '127.0.0.1', port: 0 } } })
    const { server, admin } = test
    expect((await admin('/v1/health')).body).toMatchObject({ ready: true, checks: expect.any(Array) })
    // A change of the future: the clock was wrong when it was made, or is now.
    await admin('/v1/join-tokens', { body: {} })
    clock.jump(-1000)
    expect((await admin('/v1/health')).body.checks).toContainEqual({
      name: 'clock',
      status: 'failed',
      reason: 'clock is 1000 seconds behind the newest change in the store',
    })
    const { status, text } = await callHttps(`${server.publicUrl}/ready`)
    expect([status, text]).toEqual([503, '{"status":"not ready"}'])
    const ready = await fetch(`${server.telemetryUrl}/ready`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toContain('clock is 1000 seconds behind')
    expect((await fetch(`${server.telemetryUrl}/live`)).status).toBe(200)
    const errors = test.log.lines.filter(({ level }) => level === 'error')
    expect(errors.map(({ message }) => message)).toEqual(['clock cannot be right, nothing is issued'])
  })
})
