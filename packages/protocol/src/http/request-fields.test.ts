import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { collectFields, MAX_HEADER_BYTES } from './request-fields.ts'

const wanted = new Set(['a', 'b'])

describe('collectFields', () => {
  it('collects wanted fields without regard to case, in order, repetitions kept', () => {
    const fields = collectFields(['A', '1', 'c', '2', 'b', '3', 'a', '4'], wanted)
    expect([...fields]).toEqual([
      ['a', ['1', '4']],
      ['b', ['3']],
    ])
  })

  it('does not join values, and takes off the white space around them, which is not part of them', () => {
    expect(collectFields(['a', ' \t1, 2\t '], wanted).get('a')).toEqual(['1, 2'])
  })

  it('ignores a name without a value at the end', () => {
    expect(collectFields(['a', '1', 'b'], wanted).has('b')).toBe(false)
  })

  it('refuses a header block above the limit, whichever field makes it large', async () => {
    const value = 'x'.repeat(MAX_HEADER_BYTES - 2)
    expect(collectFields(['c', value, 'a', ''], wanted).get('a')).toEqual([''])
    await expectCode(() => collectFields(['c', value, 'a', '1'], wanted), 'ERR_REQUEST_HEADERS_TOO_LARGE')
    await expectCode(() => collectFields(['a', `${value}xx`], wanted), 'ERR_REQUEST_HEADERS_TOO_LARGE')
    await expectCode(() => collectFields([`${value}xx`, '1'], wanted), 'ERR_REQUEST_HEADERS_TOO_LARGE')
    const many = Array.from({ length: MAX_HEADER_BYTES }, () => ['c', '1']).flat()
    await expectCode(() => collectFields(many, wanted), 'ERR_REQUEST_HEADERS_TOO_LARGE')
  })
})
