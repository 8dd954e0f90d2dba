import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TelemetryError } from '../telemetry-error.ts'
import { Readiness } from './readiness.ts'

function open() {
  const clock = new FakeClock()
  return { clock, readiness: new Readiness({ clock }) }
}

describe('Readiness', () => {
  it('is ready when every check is content', async () => {
    const { readiness } = open()
    readiness.add({ name: 'store', check: async () => undefined })
    expect(await readiness.report()).toEqual({ ready: true, checks: [{ name: 'store', status: 'ok' }] })
  })

  it('is not ready without a check', async () => {
    expect((await open().readiness.report()).ready).toBe(false)
  })

  it('is not ready when one check has a reason, throws, or does not answer', async () => {
    const { readiness, clock } = open()
    readiness.add({ name: 'fine', check: () => undefined })
    readiness.add({ name: 'full', check: async () => 'disk is full' })
    readiness.add({
      name: 'thrown',
      check() {
        throw new TelemetryError('ERR_TELEMETRY_ADDRESS', 'secret', { detail: 'secret' })
      },
    })
    readiness.add({ name: 'unknown', check: () => Promise.reject(new Error('secret')) })
    readiness.add({ name: 'hangs', check: () => new Promise(() => {}) })
    const report = readiness.report()
    await clock.advance(5)
    expect(await report).toEqual({
      ready: false,
      checks: [
        { name: 'fine', status: 'ok' },
        { name: 'full', status: 'failed', reason: 'disk is full' },
        { name: 'thrown', status: 'failed', reason: 'ERR_TELEMETRY_ADDRESS' },
        { name: 'unknown', status: 'failed', reason: 'check failed unexpectedly' },
        { name: 'hangs', status: 'failed', reason: 'no answer within 5 seconds' },
      ],
    })
    expect(clock.pendingTimers).toBe(0)
  })

  it('tells what is amiss without being less ready for it', async () => {
    const { readiness } = open()
    readiness.add({ name: 'store', check: () => undefined })
    readiness.add({ name: 'server', isRequired: false, check: () => 'not connected' })
    expect(await readiness.report()).toEqual({
      ready: true,
      checks: [
        { name: 'store', status: 'ok' },
        { name: 'server', status: 'warning', reason: 'not connected' },
      ],
    })
  })

  it('asks once a second, however often it is asked', async () => {
    const { readiness, clock } = open()
    let asked = 0
    readiness.add({
      name: 'store',
      check: () => {
        asked += 1
        return undefined
      },
    })
    await Promise.all(Array.from({ length: 100 }, () => readiness.report()))
    expect(asked).toBe(1)
    clock.jump(1)
    await readiness.report()
    expect(asked).toBe(2)
    clock.jump(-3600)
    await readiness.report()
    expect(asked).toBe(3)
  })

  it('refuses a second check of one name', () => {
    const { readiness } = open()
    readiness.add({ name: 'store', check: () => undefined })
    expect(() => readiness.add({ name: 'store', check: () => undefined })).toThrow(TypeError)
  })
})
