import { AttestationError } from '@countersign/plugin-kit'
import { IdentifierError } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { NodeError } from '../attestation/node-error.ts'
import { EntitlementError } from '../issuance/entitlement-error.ts'
import { EntryError } from '../registration/entry-error.ts'
import { StoreError } from '../store/store-error.ts'
import { toProblem } from './problem.ts'

describe('toProblem', () => {
  it.each([
    [new EntryError('ERR_ENTRY_EXISTS', 'x'), 409],
    [new EntryError('ERR_ENTRY_NOT_FOUND', 'x'), 404],
    [new EntryError('ERR_ENTRY_TTL', 'x'), 400],
    [new NodeError('ERR_NODE_BANNED', 'x'), 403],
    [new NodeError('ERR_NODE_NOT_FOUND', 'x'), 404],
    [new AttestationError('ERR_ATTESTATION_TOKEN_UNKNOWN', 'x'), 403],
    [new EntitlementError('ERR_ENTITLEMENT_ENTRY', 'x'), 403],
    [new IdentifierError('ERR_IDENTIFIER_PATH', 'x'), 400],
    [new StoreError('ERR_STORE_UNWRITABLE', 'x'), 503],
  ])('answers %s with its status, code and message', (error, status) => {
    expect(toProblem(error)).toEqual({
      type: `urn:countersign:error:${error.code}`,
      title: 'x',
      status,
      code: error.code,
    })
  })

  it('never tells detail or cause', () => {
    const error = new NodeError('ERR_NODE_CERTIFICATE', 'x', { detail: 'private', cause: new Error('private') })
    expect(JSON.stringify(toProblem(error))).not.toContain('private')
  })

  it('tells nothing of a foreign error, or of one that is our own fault', () => {
    const internal = { type: 'about:blank', title: 'internal error', status: 500, code: 'ERR_HTTP_INTERNAL' }
    expect(toProblem(new TypeError('x is undefined in /srv/secret'))).toEqual(internal)
    expect(toProblem(new StoreError('ERR_STORE_LOCKED', 'store is damaged'))).toEqual(internal)
    expect(toProblem('text')).toEqual(internal)
    expect(toProblem(undefined)).toEqual(internal)
  })

  it('names where a request is wrong, not what it said', () => {
    const failure = (keyword: string, instancePath: string, params: object) =>
      toProblem(Object.assign(new Error('quotes the input'), { validation: [{ keyword, instancePath, params }] })).title
    expect(failure('required', '', { missingProperty: 'spiffeId' })).toBe('request: member "spiffeId" is missing')
    expect(failure('type', '/selectors/0/value', { type: 'string' })).toBe('selectors.0.value: expected string')
    expect(failure('pattern', '/hint', { pattern: 'x' })).toBe('hint: value is not allowed (pattern)')
    expect(failure('additionalProperties', '', { additionalProperty: 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIi' })).toBe(
      'request: member is not known',
    )
    expect(failure('type', '/publicKey/eyJhbGciOiJFUzI1NiJ9.eyJzdWIi', { type: 'string' })).toBe(
      'request: expected string',
    )
  })
})
