import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SignatureError } from './signature-error.ts'
import { canonicalField, type StructuredFieldType, structuredFieldType } from './structured-field-types.ts'

describe('structuredFieldType', () => {
  it.each([
    ['accept', 'list'],
    ['vary', 'list'],
    ['cache-control', 'dictionary'],
    ['content-digest', 'dictionary'],
    ['signature-input', 'dictionary'],
    ['content-type', 'item'],
    ['client-cert', 'item'],
    // Neither a date nor a cookie is a structured field of RFC 8941.
    ['date', undefined],
    ['set-cookie', undefined],
    ['authorization', undefined],
    ['x-unknown', undefined],
    ['constructor', undefined],
  ])('%s is %s', (name, type) => {
    expect(structuredFieldType(name)).toBe(type)
  })
})

describe('canonicalField', () => {
  it.each<[StructuredFieldType, string, string]>([
    ['list', 'gzip;q=1.00,  br ,\tidentity; q=0.5', 'gzip;q=1.0, br, identity;q=0.5'],
    ['list', 'text/html, */*;q=0.8', 'text/html, */*;q=0.8'],
    ['list', '( a   b );x , "c"', '(a b);x, "c"'],
    ['list', '', ''],
    ['list', 'a', 'a'],
    ['list', '?1, :AAEC:', '?1, :AAEC:'],
    ['dictionary', 'max-age=060,   no-store', 'max-age=60, no-store'],
    ['dictionary', '', ''],
    ['item', ' application/json;  charset="utf-8" ', 'application/json;charset="utf-8"'],
    ['item', '0018', '18'],
    ['item', ':AAEC:;a=?1', ':AAEC:;a'],
  ])('%s %j', (type, text, canonical) => {
    expect(canonicalField(text, type, 'x')).toBe(canonical)
  })

  it.each<[StructuredFieldType, string]>([
    ['list', 'a,'],
    ['list', ',a'],
    ['list', 'a b'],
    ['list', 'a=1'],
    ['list', 'a, @1'],
    ['list', '((a))'],
    ['dictionary', 'a, a'],
    ['item', ''],
    ['item', 'a, b'],
    ['item', '(a)'],
    ['item', 'a\t'],
    ['item', '%"a"'],
  ])('refuses the %s %j', async (type, text) => {
    await expectCode(() => canonicalField(text, type, 'x'), 'ERR_SIGNATURE_MALFORMED')
  })

  it('has a limit on members', async () => {
    const list = (length: number) => Array.from({ length }, () => 'a').join(',')
    expect(canonicalField(list(64), 'list', 'x')).toHaveLength(64 * 3 - 2)
    await expectCode(() => canonicalField(list(65), 'list', 'x'), 'ERR_SIGNATURE_TOO_LARGE')
    await expectCode(() => canonicalField(`"${'x'.repeat(17_000)}"`, 'item', 'x'), 'ERR_SIGNATURE_TOO_LARGE')
  })

  it('reads or refuses any text, and its form is final', () => {
    const noise = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab1=;,()":?. \t\\*-A'), maxLength: 40 }))
    fc.assert(
      fc.property(noise, fc.constantFrom<StructuredFieldType>('list', 'dictionary', 'item'), (text, type) => {
        let canonical: string
        try {
          canonical = canonicalField(text, type, 'x')
        } catch (error) {
          expect(error).toBeInstanceOf(SignatureError)
          return
        }
        expect(canonicalField(canonical, type, 'x')).toBe(canonical)
      }),
      { numRuns: 2000 },
    )
  })
})
