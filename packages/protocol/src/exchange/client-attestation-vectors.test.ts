import { readFileSync } from 'node:fs'
import { decodeToken, encodeToken, expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parsePublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey, type NodeSigningKey } from '../keys-node/signing-key.ts'
import { issuerWith } from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory } from '../verification/replay-memory.ts'
import { type ClientAttestationPopContext, ClientAttestationPopVerifier } from './client-attestation-pop-verifier.ts'
import { ClientAttestationVerifier } from './client-attestation-verifier.ts'

/** The working group's own examples. */
const read = (name: string) =>
  readFileSync(new URL(`../../../../conformance/vectors/oauth/${name}.jwt`, import.meta.url), 'utf8').trim()
const published = read('client-attestation')
const proof = read('client-attestation-pop')
const AT = 1_772_487_595
const { cnf } = decodeToken(published).claims as unknown as { cnf: { jwk: object } }
const confirmationJwk = parsePublicJwk(cnf.jwk)
const context = {
  audience: 'https://as.example.com',
  now: AT,
  confirmationJwk,
  thumbprint: jwkThumbprint(confirmationJwk, nodeCrypto) as string,
}

function verify(token: string, key: NodeSigningKey) {
  return new ClientAttestationVerifier(nodeCrypto).verify(
    token,
    () => issuerWith(key),
    () => ({}),
    AT,
  )
}

function verifyPop(change: Partial<ClientAttestationPopContext>) {
  const verifier = new ClientAttestationPopVerifier({ crypto: nodeCrypto, replayMemory: new InProcessReplayMemory() })
  return verifier.verify(proof, { ...context, ...change })
}

describe('the published example', () => {
  it('of an attestation is read, and refused for its signature alone, since its key was not published', async () => {
    const stranger = generateSigningKey('ES256', { kid: '11' })
    await expectCode(() => verify(published, stranger), 'ERR_CREDENTIAL_SIGNATURE')
    const known = generateSigningKey('ES256', { kid: '11' })
    const { header, claims } = decodeToken(published)
    const again = encodeToken(header, claims, known)
    expect(await verify(again, known)).toMatchObject({ subject: 'https://client.example.com', confirmationJwk })
  })

  it('of a proof is good at its time, for its server, with its challenge, and for its key', async () => {
    const acceptsChallenge = (challenge: string) => challenge === '5c1a9e10-29ff-4c2b-ae73-57c0957c09c4'
    expect(await verifyPop({ acceptsChallenge })).toEqual({
      id: 'd25d00ab-552b-46fc-ae19-98f440f25064',
      algorithm: 'ES256',
    })
    await expectCode(() => verifyPop({ now: AT + 90 }), 'ERR_PROOF_EXPIRED')
    await expectCode(() => verifyPop({ audience: 'https://as.example.org' }), 'ERR_PROOF_AUDIENCE')
    await expectCode(() => verifyPop({ confirmationJwk: generateSigningKey('ES256').publicJwk }), 'ERR_PROOF_SIGNATURE')
  })
})
