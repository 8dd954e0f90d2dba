import { describe, expect, it } from 'vitest'
import { keepTokenFile } from './keep-token-file.ts'

/** A clock that moves only when somebody waits, tokens as prepared, and a record of what happened when. */
function world(fetches: readonly (number | Error)[], settings: { clockStep?: (second: number) => number } = {}) {
  const stop = new AbortController()
  const record: string[] = []
  let waited = 0
  let left = [...fetches]
  const clockStep = settings.clockStep ?? ((seconds: number) => seconds)
  const run = keepTokenFile({
    fetch: async () => {
      const [next, ...rest] = left
      left = rest
      if (next === undefined) {
        stop.abort()
        throw new Error('end')
      }
      if (next instanceof Error) throw next
      return { token: `token until ${next}`, expiresAt: next }
    },
    write: async (token) => {
      record.push(`${waited}: ${token}`)
    },
    now: () => clockStep(waited),
    wait: async (seconds) => {
      waited += seconds
    },
    signal: stop.signal,
    onWritten: () => {},
    onFailed: (error) => record.push(`${waited}: ${(error as Error).message}`),
  })
  return { run, record, stop }
}

describe('keepTokenFile', () => {
  it('renews when half of what is left is over', async () => {
    const { run, record } = world([300, 450, 750])
    await run
    expect(record).toEqual(['0: token until 300', '150: token until 450', '300: token until 750', '525: end'])
  })

  it('does not touch the file for a token that is there already', async () => {
    const { run, record } = world([300, 300, 600])
    await run
    expect(record).toEqual(['0: token until 300', '225: token until 600', '412: end'])
  })

  it('tries again after a failure, less and less often, and goes on when it is over', async () => {
    const { run, record } = world([100, ...Array(6).fill(new Error('away')), 1_000])
    await run
    expect(record).toEqual([
      '0: token until 100',
      ...['50: away', '55: away', '65: away', '85: away', '125: away', '185: away'],
      ...['245: token until 1000', '622: end'],
    ])
  })

  it('ends with the first failure when there was no token yet', async () => {
    await expect(world([new Error('denied')]).run).rejects.toThrow('denied')
  })

  it('is never busy, whatever the end of the token', async () => {
    const { run, record } = world([0, 1])
    await run
    expect(record).toEqual(['0: token until 0', '5: token until 1', '10: end'])
  })

  it('puts no renewal off when the clock is set back', async () => {
    const { run, record } = world([300, 600], { clockStep: (waited) => (waited > 20 ? waited - 10_000 : waited) })
    await run
    expect(record.slice(0, 2)).toEqual(['0: token until 300', '150: token until 600'])
  })

  it('renews soon after a sleep of the machine', async () => {
    const { run, record } = world([3_600, 9_000], { clockStep: (waited) => (waited >= 15 ? waited + 5_000 : waited) })
    await run
    expect(record.slice(0, 2)).toEqual(['0: token until 3600', '15: token until 9000'])
  })

  it('asks for nothing once it is told to end', async () => {
    const { run, record, stop } = world([300, 600])
    stop.abort()
    await run
    expect(record.length).toBeLessThanOrEqual(1)
  })
})
