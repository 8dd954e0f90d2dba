import { ConformanceError } from './conformance-error.ts'
import { optional, requireArray, requireNumber, requireObject, requireOneOf, requireString } from './shape.ts'
import type { TestCase } from './test-case.ts'

export const CASE_FORMAT = 'countersign-conformance/v1'

/**
 * Reads one file of cases.
 *
 * @param document parsed JSON
 * @param name the file's name, for messages
 * @throws ConformanceError `ERR_CONFORMANCE_FORMAT` when the document does not follow the format
 */
export function parseCaseFile(document: unknown, name: string): readonly TestCase[] {
  const file = requireObject(document, name)
  requireOneOf(file['format'], [CASE_FORMAT], `${name}: format`)
  const cases = requireArray(file['cases'], `${name}: cases`).map((value, index) => parseCase(value, name, index))
  rejectDuplicateIds(cases, name)
  return cases
}

/** Whether a document says that it holds cases, of whatever version. */
export function isCaseFile(document: unknown): boolean {
  const format = (document as { readonly format?: unknown } | null)?.format
  return typeof format === 'string' && format.startsWith('countersign-conformance/')
}

function parseCase(value: unknown, name: string, index: number): TestCase {
  const fields = requireObject(value, `${name}: cases[${index}]`)
  const id = requireString(fields['id'], `${name}: cases[${index}].id`)
  const at = (field: string) => `${name}: ${id}: ${field}`
  return {
    id,
    area: requireString(fields['area'], at('area')),
    level: requireString(fields['level'], at('level')),
    config: optional(fields['config'], at('config'), requireObject) ?? {},
    input: requireObject(fields['input'], at('input')),
    now: fields['now'] === null ? null : requireNumber(fields['now'], at('now')),
    expect: requireOneOf(fields['expect'], ['accept', 'reject'], at('expect')),
    reason: requireString(fields['reason'], at('reason')),
    result: optional(fields['result'], at('result'), requireObject) ?? {},
  }
}

function rejectDuplicateIds(cases: readonly TestCase[], name: string): void {
  const seen = new Set<string>()
  for (const { id } of cases) {
    if (seen.has(id)) throw new ConformanceError('ERR_CONFORMANCE_FORMAT', `${name}: id ${id} is used twice`)
    seen.add(id)
  }
}
