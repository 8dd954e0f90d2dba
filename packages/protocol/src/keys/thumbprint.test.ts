import { promisedCrypto } from '@countersign/testing'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import type { PublicJwk } from './public-jwk.ts'
import { jwkThumbprint } from './thumbprint.ts'

/** RFC 7638 section 3.1. */
const SAMPLE: PublicJwk = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
}

describe('jwkThumbprint', () => {
  it('is that of RFC 7638 section 3.1', async () => {
    expect(await jwkThumbprint(SAMPLE, nodeCrypto)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
    expect(await jwkThumbprint(SAMPLE, promisedCrypto(nodeCrypto))).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  })

  it.each(['ES256', 'ES512', 'EdDSA', 'PS256'] as const)('agrees with another implementation for %s', async (alg) => {
    const jwk = generateSigningKey(alg, { kid: 'ignored' }).publicJwk
    expect(await jwkThumbprint(jwk, nodeCrypto)).toBe(await calculateJwkThumbprint({ ...jwk }))
  })
})
