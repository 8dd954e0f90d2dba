import { readFileSync } from 'node:fs'
import { expectCode, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { parsePublicJwk } from '../keys/public-jwk.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey, importSigningKey } from '../keys-node/signing-key.ts'
import { InProcessReplayMemory } from './replay-memory.ts'
import { RequestVerifier } from './request-verifier.ts'
import { WitVerifier } from './wit-verifier.ts'
import { WptVerifier } from './wpt-verifier.ts'

/** The working group's own sample tokens. */
const folder = new URL('../../../../conformance/vectors/ietf/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8').trim()

const wit = read('wit.txt')
const wpt = read('wpt.txt')
const accessToken = read('access-token.txt')
const { d: _, ...issuerJwk } = JSON.parse(read('wit-issuer-jwk.json'))
const workloadKey = importSigningKey({ jwk: JSON.parse(read('wit-wpt-workload-jwk.json')) }, 'EdDSA')

/** The request as published, with its body cut off. */
const [requestLine = '', ...fieldLines] = (read('wpt-request.txt').split('\n\n')[0] as string).split('\n')
const rawHeaders = fieldLines.flatMap((line) => [
  line.slice(0, line.indexOf(':')),
  line.slice(line.indexOf(':') + 1).trim(),
])
const target = requestLine.split(' ')[1] as string

const WIT_EXPIRES = 1745512510
const WPT_EXPIRES = 1745510016
const NOW = WPT_EXPIRES - 60
const SKEW = 30

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('published tokens on a %s backend', (__, crypto) => {
  const trust = new TrustStore(crypto)
  trust.set('wimse://example.com', { witKeys: [parsePublicJwk(issuerJwk)] })
  const witVerifier = new WitVerifier({ trust, crypto })
  const wptVerifier = () =>
    new WptVerifier({
      crypto,
      audience: new AudiencePolicy({ baseUrls: ['https://workload.example.com'] }),
      replayMemory: new InProcessReplayMemory(),
    })
  const verifyProof = async (proof: string, now: number, token: string | undefined = accessToken) =>
    wptVerifier().verify(proof, {
      wit: await witVerifier.verify(wit, now),
      target: '/path',
      now,
      accessToken: token,
    })

  it('verify', async () => {
    const verified = await witVerifier.verify(wit, NOW)
    expect(verified.subject.toString()).toBe('wimse://example.com/specific-workload')
    expect(verified.expiresAt).toBe(WIT_EXPIRES)
    expect(verified.confirmationJwk.x).toBe(workloadKey.publicJwk.x)
    expect(await verifyProof(wpt, NOW)).toEqual({
      id: '__bwc4ESC3acc2LTC1-_x',
      expiresAt: WPT_EXPIRES,
      audience: 'https://workload.example.com/path',
    })
  })

  it('verify as the request they are published in', async () => {
    const verifier = new RequestVerifier({ wit: witVerifier, wpt: wptVerifier() })
    const request = await verifier.verify({ target, rawHeaders }, NOW)
    expect(request.subject.toString()).toBe('wimse://example.com/specific-workload')
    expect(request.accessToken).toBe(accessToken)
  })

  it('expire when they say, and not a second earlier', async () => {
    expect((await witVerifier.verify(wit, WIT_EXPIRES + SKEW - 1)).expiresAt).toBe(WIT_EXPIRES)
    await expectCode(() => witVerifier.verify(wit, WIT_EXPIRES + SKEW), 'ERR_CREDENTIAL_EXPIRED')
    expect((await verifyProof(wpt, WPT_EXPIRES + SKEW - 1)).expiresAt).toBe(WPT_EXPIRES)
    await expectCode(() => verifyProof(wpt, WPT_EXPIRES + SKEW), 'ERR_PROOF_EXPIRED')
  })

  it('do not verify with another key of the same name', async () => {
    const other = new TrustStore(crypto)
    other.set('wimse://example.com', { witKeys: [generateSigningKey('ES256', { kid: issuerJwk.kid }).publicJwk] })
    const verifier = new WitVerifier({ trust: other, crypto })
    await expectCode(() => verifier.verify(wit, NOW), 'ERR_CREDENTIAL_SIGNATURE')
    const forged = mutateToken(wpt, { key: generateSigningKey('EdDSA') })
    await expectCode(() => verifyProof(forged, NOW), 'ERR_PROOF_SIGNATURE')
  })

  it('do not cover another access token, or none', async () => {
    await expectCode(() => verifyProof(wpt, NOW, `${accessToken}1`), 'ERR_PROOF_ACCESS_TOKEN')
    const changed = mutateToken(wpt, { claims: { ath: nodeCrypto.sha256Base64url('other') }, key: workloadKey })
    await expectCode(() => verifyProof(changed, NOW), 'ERR_PROOF_ACCESS_TOKEN')
    const uncovered = mutateToken(wpt, { claims: { ath: undefined }, key: workloadKey })
    await expectCode(() => verifyProof(uncovered, NOW), 'ERR_PROOF_ACCESS_TOKEN')
  })

  it('come out the same when we sign them again with the published key', () => {
    // EdDSA is deterministic, so the same bytes must give the same signature.
    expect(mutateToken(wpt, { key: workloadKey })).toBe(wpt)
  })
})
