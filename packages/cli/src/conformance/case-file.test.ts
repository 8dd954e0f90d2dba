import { describe, expect, it } from 'vitest'
import { parseCaseFile } from './case-file.ts'

const CASE = { id: 'a', area: 'wit', level: 'MUST', input: { wit: '' }, now: null, expect: 'accept', reason: 'ok' }
const file = (...cases: unknown[]) => ({ format: 'countersign-conformance/v1', area: 'wit', cases })

describe('parseCaseFile', () => {
  it('reads cases, with empty configuration and result where there is none', () => {
    expect(parseCaseFile(file({ ...CASE, source: 'crafted', ref: 'r', note: 'n' }), 'f')).toEqual([
      { ...CASE, config: {}, result: {} },
    ])
  })

  it.each([
    ['another version', { ...file(), format: 'countersign-conformance/v2' }, 'f: format must be'],
    ['no cases', { format: 'countersign-conformance/v1' }, 'f: cases must be an array'],
    ['no object', [], 'f must be an object'],
    ['a case that is no object', file(1), 'f: cases[0] must be an object'],
    ['no id', file({ ...CASE, id: undefined }), 'f: cases[0].id must be a string'],
    ['no area', file({ ...CASE, area: undefined }), 'f: a: area must be a string'],
    ['no clock', file({ ...CASE, now: undefined }), 'f: a: now must be a number'],
    ['no input', file({ ...CASE, input: 'x' }), 'f: a: input must be an object'],
    ['another expectation', file({ ...CASE, expect: 'pass' }), 'f: a: expect must be "accept" or "reject"'],
    ['a configuration that is no object', file({ ...CASE, config: [] }), 'f: a: config must be an object'],
    ['one id twice', file(CASE, CASE), 'f: id a is used twice'],
  ])('refuses %s, and says where', (_, document, message) => {
    expect(() => parseCaseFile(document, 'f')).toThrow(
      expect.objectContaining({ code: 'ERR_CONFORMANCE_FORMAT', message: expect.stringContaining(message) }),
    )
  })
})
