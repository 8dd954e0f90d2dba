import { decodeToken, encodeToken, expectCode, mutateToken, promisedCrypto } from '@countersign/testing'
import { importJWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { parsePublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { NAMES, NOW } from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory, type ReplayMemory } from '../verification/replay-memory.ts'
import { ClientAttestationPopBuilder } from './client-attestation-pop-builder.ts'
import {
  type ClientAttestationPopContext,
  ClientAttestationPopVerifier,
  type ClientAttestationPopVerifierOptions,
} from './client-attestation-pop-verifier.ts'

const key = generateSigningKey('ES256')
const builder = new ClientAttestationPopBuilder(key, nodeCrypto)
const TARGET = { audience: NAMES.issuer, now: NOW }
const pop = (challenge?: string) =>
  builder.build({ ...TARGET, ...(challenge === undefined ? {} : { challenge }) }) as string
const changePop = (what: { header?: object; claims?: object }, signer = key) =>
  mutateToken(pop('ours'), { ...(what as object), key: signer })
const thumbprint = jwkThumbprint(key.publicJwk, nodeCrypto) as string
const { alg: _, ...plainJwk } = key.publicJwk

function verifyPop(
  proof: string,
  context: Partial<ClientAttestationPopContext> = {},
  options: Partial<ClientAttestationPopVerifierOptions> = {},
) {
  const replayMemory = new InProcessReplayMemory()
  const verifier = new ClientAttestationPopVerifier({ crypto: nodeCrypto, replayMemory, ...options })
  return verifier.verify(proof, { ...TARGET, confirmationJwk: plainJwk, thumbprint, ...context })
}

describe('ClientAttestationPopBuilder', () => {
  it('makes what the draft asks for', () => {
    const { header, claims } = decodeToken(pop())
    expect(header).toEqual({ typ: 'oauth-client-attestation-pop+jwt', alg: 'ES256' })
    expect(claims).toEqual({ aud: NAMES.issuer, jti: expect.stringMatching(/^[\w-]{22}$/), iat: NOW })
    expect(decodeToken(pop('c')).claims['challenge']).toBe('c')
  })

  it('is read by another implementation', async () => {
    const options = { typ: 'oauth-client-attestation-pop+jwt', currentDate: new Date(NOW * 1000) }
    const { payload } = await jwtVerify(pop(), await importJWK({ ...key.publicJwk }), options)
    expect(payload.aud).toBe(NAMES.issuer)
  })
})

describe('ClientAttestationPopVerifier', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'PS256', 'ES384'] as const)('accepts a proof by %s', async (alg) => {
    const other = generateSigningKey(alg)
    const proof = new ClientAttestationPopBuilder(other, nodeCrypto).build(TARGET) as string
    expect(await verifyPop(proof, { confirmationJwk: other.publicJwk })).toMatchObject({ algorithm: alg })
  })

  it('takes an audience that is a list of this one, and a challenge where none is asked for', async () => {
    const proof = changePop({ claims: { aud: [NAMES.issuer], iss: 'whoever' } })
    expect(await verifyPop(proof)).toMatchObject({ id: expect.any(String) })
    expect(await verifyPop(pop(), {}, { crypto: promisedCrypto(nodeCrypto) })).toMatchObject({ algorithm: 'ES256' })
  })

  it.each<[string, object, string]>([
    ['of another type', { header: { typ: 'JWT' } }, 'ERR_PROOF_TYPE'],
    ['that is a DPoP proof', { header: { typ: 'dpop+jwt' } }, 'ERR_PROOF_TYPE'],
    ['that is the attestation', { header: { typ: 'oauth-client-attestation+jwt' } }, 'ERR_PROOF_TYPE'],
    ['without signature', { header: { alg: 'none' } }, 'ERR_PROOF_ALGORITHM'],
    ['with a MAC', { header: { alg: 'HS256' } }, 'ERR_PROOF_ALGORITHM'],
    ['by an algorithm that does not fit the key', { header: { alg: 'ES384' } }, 'ERR_PROOF_ALGORITHM'],
    ['for the token endpoint', { claims: { aud: NAMES.tokenEndpoint } }, 'ERR_PROOF_AUDIENCE'],
    ['for another server', { claims: { aud: 'https://evil.example' } }, 'ERR_PROOF_AUDIENCE'],
    ['for another server too', { claims: { aud: [NAMES.issuer, 'https://evil.example'] } }, 'ERR_PROOF_AUDIENCE'],
    ['for nobody', { claims: { aud: undefined } }, 'ERR_PROOF_AUDIENCE'],
    ['without a time', { claims: { iat: undefined } }, 'ERR_PROOF_MALFORMED'],
    ['from the future', { claims: { iat: NOW + 31 } }, 'ERR_PROOF_ISSUED_IN_FUTURE'],
    ['that is too old', { claims: { iat: NOW - 90 } }, 'ERR_PROOF_EXPIRED'],
    ['without an id', { claims: { jti: undefined } }, 'ERR_PROOF_ID'],
    ['with an empty id', { claims: { jti: '' } }, 'ERR_PROOF_ID'],
    ['with an endless id', { claims: { jti: 'x'.repeat(1025) } }, 'ERR_PROOF_ID'],
  ])('refuses one %s', async (_what, what, code) => {
    await expectCode(() => verifyPop(changePop(what)), code)
  })

  it('refuses one by another key than the attestation confirms, or by an algorithm that this is not for', async () => {
    await expectCode(() => verifyPop(changePop({}, generateSigningKey('ES256'))), 'ERR_PROOF_SIGNATURE')
    const confirmationJwk = { ...plainJwk, alg: 'ES384' }
    await expectCode(() => verifyPop(pop(), { confirmationJwk }), 'ERR_PROOF_ALGORITHM')
    const off = parsePublicJwk({ ...plainJwk, y: plainJwk.x })
    await expectCode(() => verifyPop(pop(), { confirmationJwk: off }), 'ERR_PROOF_KEY')
  })

  it('accepts only the algorithms that are allowed', async () => {
    await expectCode(() => verifyPop(pop(), {}, { algorithms: ['RS256'] }), 'ERR_PROOF_ALGORITHM')
  })

  it('asks for a challenge of its own', async () => {
    const acceptsChallenge = (challenge: string) => challenge === 'ours'
    expect(await verifyPop(pop('ours'), { acceptsChallenge })).toMatchObject({ algorithm: 'ES256' })
    await expectCode(() => verifyPop(pop(), { acceptsChallenge }), 'ERR_PROOF_CHALLENGE')
    await expectCode(() => verifyPop(pop('theirs'), { acceptsChallenge }), 'ERR_PROOF_CHALLENGE')
    const wrong = changePop({ claims: { challenge: ['ours'] } })
    await expectCode(() => verifyPop(wrong, { acceptsChallenge }), 'ERR_PROOF_CHALLENGE')
  })

  it('accepts a proof once, and the same id of another key', async () => {
    const replayMemory = new InProcessReplayMemory()
    const proof = pop()
    await verifyPop(proof, {}, { replayMemory })
    await expectCode(() => verifyPop(proof, {}, { replayMemory }), 'ERR_PROOF_REPLAYED')
    await expectCode(() => verifyPop(proof, { now: NOW + 89 }, { replayMemory }), 'ERR_PROOF_REPLAYED')
    await expectCode(() => verifyPop(proof, { now: NOW + 90 }, { replayMemory }), 'ERR_PROOF_EXPIRED')
    const other = generateSigningKey('ES256')
    const { header, claims } = decodeToken(proof)
    const theirs = {
      confirmationJwk: other.publicJwk,
      thumbprint: jwkThumbprint(other.publicJwk, nodeCrypto) as string,
    }
    expect(await verifyPop(encodeToken(header, claims, other), theirs, { replayMemory })).toMatchObject({
      id: claims['jti'],
    })
  })

  it('does not use up a proof that it refuses', async () => {
    const replayMemory = new InProcessReplayMemory()
    const proof = pop()
    await expectCode(
      () => verifyPop(proof, { audience: 'https://other.example' }, { replayMemory }),
      'ERR_PROOF_AUDIENCE',
    )
    expect(replayMemory.size).toBe(0)
  })

  it.each([
    ['full', 'ERR_PROOF_REPLAY_MEMORY_FULL'],
    ['away', 'ERR_PROOF_REPLAY_MEMORY_AWAY'],
  ] as const)('refuses when the memory is %s', async (answer, code) => {
    const replayMemory: ReplayMemory = { remember: () => answer }
    await expectCode(() => verifyPop(pop(), {}, { replayMemory }), code)
  })

  it('refuses what is no token, or too long', async () => {
    await expectCode(() => verifyPop('a.b'), 'ERR_PROOF_MALFORMED')
    await expectCode(() => verifyPop('a'.repeat(16_385)), 'ERR_PROOF_TOO_LARGE')
  })
})
