import type { Expectation, JsonValue, TestCase } from './test-case.ts'

/** One thing to verify. Throws what the product throws; the value returned is held against the case's `result`. */
export interface Step {
  readonly expect: Expectation
  verify(): JsonValue | Promise<JsonValue>
}

/** How the cases of one area are replayed through the product. Adding an area is one file and one line in `areas.ts`. */
export interface Area {
  readonly name: string
  /** Configuration keys that this area honours. */
  readonly configKeys: readonly string[]
  /** Keys of the format that play no part here: they may be present and change nothing. */
  readonly ignoredConfigKeys: readonly string[]
  /** Input members that this area reads. */
  readonly inputKeys: readonly string[]
  /** Members of `result` that this area returns. */
  readonly resultKeys: readonly string[]
  /** The steps of a case in order, over one verifier: its memory of earlier steps is part of what is tested. */
  prepare(testCase: TestCase): readonly Step[]
}
