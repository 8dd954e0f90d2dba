export type Expectation = 'accept' | 'reject'

export type JsonValue = { readonly [name: string]: unknown }

/** One case of the format `countersign-conformance/v1`. `config` and `input` are read by its area. */
export interface TestCase {
  readonly id: string
  readonly area: string
  readonly level: string
  readonly config: JsonValue
  readonly input: JsonValue
  /** The verifier's clock, seconds since the epoch; `null` when time plays no part. */
  readonly now: number | null
  readonly expect: Expectation
  /** Why it must fail, or `ok`. */
  readonly reason: string
  /** Values the verifier must return. */
  readonly result: JsonValue
}
