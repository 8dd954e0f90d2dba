import { describe, expect, it, onTestFinished } from 'vitest'
import { IsolatedExecutor } from './isolated-executor.ts'
import type { TestCase } from './test-case.ts'

const STUBBORN = new URL('../test-support/stubborn-worker.ts', import.meta.url)
const ACCEPTED = { got: 'accept', code: null, ok: true }

function testCase(id: string, change: Partial<TestCase> = {}): TestCase {
  const rest = { level: 'MUST', config: {}, now: null, reason: 'ok', result: {} }
  return { id, area: 'identifier', input: { identifier: 'spiffe://a.example/b' }, expect: 'accept', ...rest, ...change }
}

function executor(options?: ConstructorParameters<typeof IsolatedExecutor>[0]): IsolatedExecutor {
  const created = new IsolatedExecutor(options)
  onTestFinished(() => created.close())
  return created
}

describe('IsolatedExecutor', () => {
  it('runs cases through the product, one after the other', async () => {
    const isolated = executor()
    for (let count = 0; count < 5; count++) expect(await isolated.execute(testCase('a'))).toEqual(ACCEPTED)
    const refused = testCase('b', { input: { identifier: 'http://a' }, expect: 'reject' })
    expect(await isolated.execute(refused)).toEqual({ got: 'reject', code: 'ERR_IDENTIFIER_SCHEME', ok: true })
  })

  it('ends a case that hangs', async () => {
    const isolated = executor({ workerUrl: STUBBORN, timeLimitMs: 300 })
    expect(await isolated.execute(testCase('hang'))).toEqual({
      got: 'error',
      code: null,
      ok: false,
      remark: 'no result within 0.3 s',
    })
  })

  it.each([
    ['throw', 'TypeError: a fault'],
    ['exit', 'worker ended without a result'],
  ])('counts a worker that dies (%s) as an error, and goes on with the next case', async (id, remark) => {
    const isolated = executor({ workerUrl: STUBBORN })
    expect(await isolated.execute(testCase(id))).toEqual({ got: 'error', code: null, ok: false, remark })
    expect(await isolated.execute(testCase('a'))).toEqual(ACCEPTED)
  })
})
