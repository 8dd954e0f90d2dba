import { FakeClock } from '@countersign/testing'
import { WorkloadApiError } from '@countersign/workload-api'
import { beforeEach, describe, expect, it } from 'vitest'
import { type FollowOptions, followStream } from './follow-stream.ts'

let clock: FakeClock
let abort: AbortController
let log: unknown[]

beforeEach(() => {
  clock = new FakeClock()
  abort = new AbortController()
  log = []
})

function follow(options: Pick<FollowOptions<string>, 'open'> & Partial<FollowOptions<string>>): Promise<void> {
  return followStream({
    signal: abort.signal,
    schedule: clock.schedule.bind(clock),
    accept: (message) => log.push(message),
    withdraw: () => log.push('withdrawn'),
    onFailure: (failure, retryMs) =>
      log.push([
        failure instanceof WorkloadApiError ? failure.code : `${failure}`,
        retryMs === undefined ? 'final' : 'retry',
      ]),
    ...options,
  })
}

/** A stream that tells these messages and then ends in this way. */
const streamOf = (messages: readonly string[], end: unknown) =>
  async function* () {
    yield* messages
    throw end
  }

const apiError = (code: WorkloadApiError['code']) => new WorkloadApiError(code, 'for the test')

describe('followStream', () => {
  it('takes no message after its end', async () => {
    await follow({
      open: streamOf(['first', 'second'], apiError('ERR_WORKLOAD_API_UNAVAILABLE')),
      accept: (message) => {
        log.push(message)
        abort.abort()
      },
    })
    expect(log).toEqual(['first'])
  })

  it.each([
    ['ERR_WORKLOAD_API_UNAVAILABLE', []],
    ['ERR_WORKLOAD_API_DISCONNECTED', []],
    ['ERR_WORKLOAD_API_DENIED', ['withdrawn']],
  ] as const)('after %s opens the stream again', async (code, effects) => {
    let opened = 0
    const following = follow({
      open: () => {
        opened += 1
        return streamOf([`state ${opened}`], apiError(code))()
      },
    })
    await clock.advance(0.5)
    abort.abort()
    await following
    expect(log.slice(0, 3 + effects.length)).toEqual(['state 1', ...effects, [code, 'retry'], 'state 2'])
  })

  it('asks again when the agent is lost, as when it shuts down', async () => {
    const following = follow({ open: streamOf([], apiError('ERR_WORKLOAD_API_DISCONNECTED')) })
    await clock.advance(0)
    abort.abort()
    await following
    expect(log).toEqual([['ERR_WORKLOAD_API_DISCONNECTED', 'retry']])
  })

  it('reports nothing that it ended itself', async () => {
    const open = async function* (signal: AbortSignal): AsyncGenerator<string> {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      throw apiError('ERR_WORKLOAD_API_CANCELLED')
    }
    const following = follow({ open })
    abort.abort()
    await following
    expect(log).toEqual([])
  })

  it.each(['ERR_WORKLOAD_API_UNIMPLEMENTED', 'ERR_WORKLOAD_API_INVALID_ARGUMENT'] as const)(
    'ends with %s, and says so',
    async (code) => {
      await follow({ open: streamOf(['state'], apiError(code)) })
      expect(log).toEqual(['state', [code, 'final']])
      expect(clock.pendingTimers).toBe(0)
    },
  )

  it('drops a message that is not accepted, and takes the next', async () => {
    await follow({
      open: streamOf(['bad', 'good'], apiError('ERR_WORKLOAD_API_UNIMPLEMENTED')),
      accept: (message) => {
        if (message === 'bad') throw new TypeError('unusable')
        log.push(message)
      },
    })
    expect(log).toEqual([['TypeError: unusable', 'final'], 'good', ['ERR_WORKLOAD_API_UNIMPLEMENTED', 'final']])
  })
})
