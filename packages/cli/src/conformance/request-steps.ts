import type { Step } from './area.ts'
import { optional, requireArray, requireNumber, requireObject, requireOneOf } from './shape.ts'
import type { JsonValue, TestCase } from './test-case.ts'

/** The steps of a case with `{ request }` or `{ steps }`. `verify` is called once for each, in order. */
export function requestSteps<T>(
  { id, input, now, expect }: TestCase,
  parse: (value: unknown, place: string) => T,
  verify: (request: T, now: number) => JsonValue | Promise<JsonValue>,
): readonly Step[] {
  const step = (value: unknown, place: string, stepNow: number, stepExpect: Step['expect']): Step => {
    const request = parse(value, place)
    return { expect: stepExpect, verify: () => verify(request, stepNow) }
  }
  if (input['steps'] === undefined) return [step(input['request'], `${id}: input.request`, now ?? 0, expect)]
  return requireArray(input['steps'], `${id}: input.steps`).map((value, index) => {
    const at = (member: string) => `${id}: input.steps[${index}].${member}`
    const fields = requireObject(value, `${id}: input.steps[${index}]`)
    return step(
      fields['request'],
      at('request'),
      optional(fields['now'], at('now'), requireNumber) ?? now ?? 0,
      requireOneOf(fields['expect'], ['accept', 'reject'], at('expect')),
    )
  })
}
