import { expectCode, FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RetryAfter } from './retry-after.ts'
import { ServerCallError } from './server-call-error.ts'

const busy = (retryAfterSeconds: number) => new ServerCallError('ERR_AGENT_SERVER_BUSY', 'busy', { retryAfterSeconds })

function start() {
  const clock = new FakeClock()
  const retryAfter = new RetryAfter(clock)
  const calls: number[] = []
  const answers: (Error | string)[] = []
  const call = async () => {
    calls.push(clock.now())
    const answer = answers.shift() ?? 'done'
    if (answer instanceof Error) throw answer
    return answer
  }
  return { clock, calls, answers, run: (timeoutMs = 30_000) => retryAfter.run(timeoutMs, call) }
}

describe('RetryAfter', () => {
  it('comes back when the server wants it, and holds the others back as long', async () => {
    const { clock, calls, answers, run } = start()
    const begin = clock.now()
    answers.push(busy(5))
    const first = run()
    await settle()
    const second = run()
    await clock.advance(4)
    expect(calls).toEqual([begin])
    await clock.advance(1)
    expect(await Promise.all([first, second])).toEqual(['done', 'done'])
    expect(calls).toEqual([begin, begin + 5, begin + 5])
  })

  it('asks nothing when the wait is longer than the patience', async () => {
    const { calls, answers, run } = start()
    answers.push(busy(40))
    await expectCode(run(), 'ERR_AGENT_SERVER_BUSY')
    await expectCode(run(), 'ERR_AGENT_SERVER_BUSY')
    expect(calls).toHaveLength(1)
  })

  it('gives up at last on a server that never takes it', async () => {
    const { clock, calls, answers, run } = start()
    answers.push(...Array.from({ length: 100 }, () => busy(10)))
    const result = expectCode(run(), 'ERR_AGENT_SERVER_BUSY')
    for (let seconds = 0; seconds < 60; seconds++) await clock.advance(1)
    await result
    expect(calls).toHaveLength(4)
  })

  it('does not wait for longer than a minute, nor for a clock that was set back', async () => {
    const { clock, calls, answers, run } = start()
    answers.push(busy(100_000))
    await expectCode(run(), 'ERR_AGENT_SERVER_BUSY')
    clock.jump(-1000)
    expect(await run()).toBe('done')
    expect(calls).toHaveLength(2)
  })

  it('passes on what fails for another reason', async () => {
    const { answers, run } = start()
    answers.push(new ServerCallError('ERR_AGENT_SERVER_FAILED', 'failed'))
    await expectCode(run(), 'ERR_AGENT_SERVER_FAILED')
    expect(await run()).toBe('done')
  })
})
