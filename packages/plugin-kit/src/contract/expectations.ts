import { WorkloadIdentityError } from '@countersign/protocol'
import { expect } from 'vitest'
import type { Selector } from '../plugin/selector.ts'

/** Waits for a refusal and returns its error. Anything else, also success, fails the test. */
export async function expectRefusal(attempt: Promise<unknown>, code: string | RegExp): Promise<WorkloadIdentityError> {
  const error = await attempt.then(
    () => expect.fail(`was accepted, expected ${code}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof WorkloadIdentityError)) expect.fail(`expected an error with a code, got ${String(error)}`)
  if (typeof code === 'string') expect(error.code).toBe(code)
  else expect(error.code).toMatch(code)
  return error
}

/** What every selector must be, whoever reports it: unambiguous as text, bounded, free of control characters. */
export function expectWellFormedSelectors(selectors: readonly Selector[]): void {
  for (const selector of selectors) {
    expect(Object.keys(selector).sort()).toEqual(['type', 'value'])
    expect(selector.type).toMatch(/^[a-z0-9][a-z0-9_-]{0,63}$/)
    expect(selector.value).toMatch(/^[^\p{Cc}]{1,4096}$/u)
  }
  const texts = selectors.map((selector) => `${selector.type}:${selector.value}`)
  expect(texts).toEqual([...new Set(texts)])
}

/** Nothing of a secret may be in what an error shows, to the caller or to the log. */
export function expectNotQuoted(error: WorkloadIdentityError, secret: string): void {
  expect(`${error.message}\n${error.detail}\n${String(error.cause)}`).not.toContain(secret)
}
