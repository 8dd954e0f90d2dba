import { describe, expect, it } from 'vitest'
import { retryDelayMs, watch } from './watch.ts'
import { WorkloadApiError, type WorkloadApiErrorCode } from './workload-api-error.ts'

const fail = (code: WorkloadApiErrorCode) => new WorkloadApiError(code, 'because')

/** Streams that each yield some messages and then fail. */
function streams(...each: (readonly [messages: readonly number[], error?: Error])[]) {
  let opened = 0
  const open = async function* () {
    const [messages, error] = each[opened++] ?? [[], fail('ERR_WORKLOAD_API_INVALID_ARGUMENT')]
    yield* messages
    if (error !== undefined) throw error
  }
  return { open, opened: () => opened }
}

async function run(open: () => AsyncIterable<number>, random = 1) {
  const delays: number[] = []
  const errors: unknown[] = []
  const messages: number[] = []
  let ending: unknown
  try {
    const options = {
      random: () => random,
      schedule: (delayMs: number, again: () => void) => {
        delays.push(delayMs)
        queueMicrotask(again)
        return () => {}
      },
      onRetry: (error: unknown) => errors.push((error as { code?: string }).code),
    }
    for await (const message of watch(open, options)) messages.push(message)
  } catch (error) {
    ending = (error as { code?: string }).code
  }
  return { delays, errors, messages, ending }
}

const unavailable = fail('ERR_WORKLOAD_API_UNAVAILABLE')

describe('watch', () => {
  it('opens the stream again after a loss, ever more slowly, and at once more quickly after a message', async () => {
    const losses = Array.from({ length: 8 }, () => [[], unavailable] as const)
    const { open } = streams(...losses, [[7], unavailable], [[], unavailable])
    const { delays, messages } = await run(open)
    expect(messages).toEqual([7])
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 500, 1000])
  })

  it.each(['ERR_WORKLOAD_API_INVALID_ARGUMENT', 'ERR_WORKLOAD_API_UNIMPLEMENTED'] as const)(
    'never repeats after %s',
    async (code) => {
      const { open, opened } = streams([[1], fail(code)])
      expect(await run(open)).toMatchObject({ messages: [1], delays: [], ending: code })
      expect(opened()).toBe(1)
    },
  )

  it.each([
    'ERR_WORKLOAD_API_DENIED',
    'ERR_WORKLOAD_API_UNAVAILABLE',
    'ERR_WORKLOAD_API_DISCONNECTED',
    'ERR_WORKLOAD_API_FAILED',
  ] as const)('tells of %s and tries again', async (code) => {
    const { open } = streams([[1], fail(code)], [[2], fail('ERR_WORKLOAD_API_INVALID_ARGUMENT')])
    expect(await run(open)).toMatchObject({ messages: [1, 2], errors: [code] })
  })

  it('counts a stream that ends by itself as a loss', async () => {
    const { open } = streams([[1]], [[2]])
    expect(await run(open)).toMatchObject({
      messages: [1, 2],
      errors: ['ERR_WORKLOAD_API_DISCONNECTED', 'ERR_WORKLOAD_API_DISCONNECTED'],
    })
  })

  it('does not hide a fault of the program', async () => {
    const { open } = streams([[], new TypeError('bug')])
    await expect(watch(open).next()).rejects.toThrow(TypeError)
  })

  it('ends without an error when the signal aborts, also while it waits', async () => {
    const stop = new AbortController()
    const { open, opened } = streams([[], unavailable])
    let cancelled = 0
    const schedule = () => {
      queueMicrotask(() => stop.abort())
      return () => {
        cancelled += 1
      }
    }
    expect(await watch(open, { signal: stop.signal, schedule }).next()).toEqual({ done: true, value: undefined })
    expect(opened()).toBe(1)
    expect(cancelled).toBe(1)
    expect(await watch(open, { signal: stop.signal }).next()).toEqual({ done: true, value: undefined })
    expect(opened()).toBe(1)
  })
})

describe('retryDelayMs', () => {
  it('takes up to half off, at random', () => {
    const backoff = { firstMs: 1000, maxMs: 30_000 }
    expect(retryDelayMs(0, backoff, () => 0)).toBe(500)
    expect(retryDelayMs(0, backoff, () => 1)).toBe(1000)
    expect(retryDelayMs(3, backoff, () => 0.5)).toBe(6000)
    expect(retryDelayMs(1_000_000, backoff, () => 1)).toBe(30_000)
  })
})
