import { WorkloadIdentityError } from '@countersign/protocol'
import type { Step } from './area.ts'
import { findArea } from './areas.ts'
import { ConformanceError } from './conformance-error.ts'
import type { Expectation, JsonValue, TestCase } from './test-case.ts'

/** What the product did with a case. `error` is an exception that it does not throw on purpose, or a hang. */
export interface Execution {
  readonly got: Expectation | 'error'
  /** The product's error code when it rejected. */
  readonly code: string | null
  readonly ok: boolean
  /** For a person: which step, which value, which exception. */
  readonly remark?: string
}

/** Replays one case in this thread. The case's area must be known. */
export async function executeCase(testCase: TestCase): Promise<Execution> {
  const area = findArea(testCase.area)
  if (area === undefined) throw new TypeError(`area ${testCase.area} is not implemented`)
  try {
    return await executeSteps(testCase, area.prepare(testCase))
  } catch (error) {
    return { got: 'error', code: null, ok: false, remark: describe(error) }
  }
}

/** The last step's result speaks for a case whose steps all went as expected, the first wrong one for any other. */
async function executeSteps(testCase: TestCase, steps: readonly Step[]): Promise<Execution> {
  let last: Execution = { got: 'error', code: null, ok: false, remark: 'case has no steps' }
  for (const [index, step] of steps.entries()) {
    last = await executeStep(step, testCase.result)
    if (!last.ok) {
      const remark = [steps.length > 1 ? `step ${index + 1}, expected ${step.expect}` : undefined, last.remark]
      const parts = remark.filter((part) => part !== undefined)
      return parts.length === 0 ? last : { ...last, remark: parts.join(': ') }
    }
  }
  return last
}

async function executeStep(step: Step, result: JsonValue): Promise<Execution> {
  let values: JsonValue
  try {
    values = await step.verify()
  } catch (error) {
    // Only what the product throws on purpose is a rejection. A fault is wrong whatever was expected.
    if (!(error instanceof WorkloadIdentityError)) {
      return { got: 'error', code: null, ok: false, remark: describe(error) }
    }
    return { got: 'reject', code: error.code, ok: step.expect === 'reject' }
  }
  const wrong = Object.keys(result).find((name) => values[name] !== result[name])
  if (step.expect === 'accept' && wrong !== undefined) {
    return { got: 'accept', code: null, ok: false, remark: `returned another ${wrong}` }
  }
  return { got: 'accept', code: null, ok: step.expect === 'accept' }
}

function describe(error: unknown): string {
  if (error instanceof ConformanceError) return error.message
  return error instanceof Error ? `${error.name}: ${error.message}` : 'something that is not an error was thrown'
}
