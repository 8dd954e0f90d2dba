import { AssertionError } from 'node:assert'
import { WorkloadIdentityError } from '@countersign/protocol'

/**
 * Asserts that `work` is refused by an error of this system with exactly this code, thrown or as a rejection.
 *
 * @param work a promise, or a function that throws or returns one
 * @returns the error, for a closer look at `message` and `detail`
 * @throws AssertionError for another error, another code, or none
 */
export async function expectCode(
  work: PromiseLike<unknown> | (() => unknown),
  code: string,
): Promise<WorkloadIdentityError> {
  const error = await refusalOf(work, code)
  if (!(error instanceof WorkloadIdentityError)) {
    throw new AssertionError({
      message: `expected ${code}, got a foreign error: ${error}`,
      actual: error,
      expected: code,
    })
  }
  if (error.code !== code) {
    throw new AssertionError({
      message: `expected ${code}, got ${error.code}: ${error.message}`,
      actual: error.code,
      expected: code,
    })
  }
  return error
}

async function refusalOf(work: PromiseLike<unknown> | (() => unknown), code: string): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    return error
  }
  throw new AssertionError({ message: `expected ${code}, but nothing was refused`, actual: undefined, expected: code })
}
