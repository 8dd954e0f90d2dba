import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { NAMES } from '../test-support/exchange-fixtures.ts'
import { requireOwnAudience } from './assertion-audience.ts'

describe('requireOwnAudience', () => {
  it.each([[NAMES.issuer], [NAMES.tokenEndpoint], [[NAMES.issuer]], [[NAMES.issuer, NAMES.tokenEndpoint]]])(
    'accepts %j',
    (aud) => {
      expect(() => requireOwnAudience(aud, NAMES)).not.toThrow()
    },
  )

  it.each([
    [undefined],
    [[]],
    [1],
    [[1]],
    ['https://other.example'],
    [[NAMES.issuer, 'https://other.example']],
    [[NAMES.issuer, 1]],
  ])('refuses %j', async (aud) => {
    await expectCode(() => requireOwnAudience(aud, NAMES), 'ERR_CREDENTIAL_AUDIENCE')
  })
})
