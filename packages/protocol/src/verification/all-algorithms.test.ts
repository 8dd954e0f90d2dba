import { expectCode, FakeIssuer, mutateToken, promisedCrypto, promisedSigningKey } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { WitIssuer } from '../issuance/issue-wit.ts'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm, SVID_ALGORITHMS } from '../keys/algorithm.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey, importSigningKey, type NodeSigningKey } from '../keys-node/signing-key.ts'
import { WptBuilder } from '../presentation/build-wpt.ts'
import { JwtSvidVerifier } from './jwt-svid-verifier.ts'
import { InProcessReplayMemory } from './replay-memory.ts'
import { RequestVerifier } from './request-verifier.ts'
import { WitVerifier } from './wit-verifier.ts'
import { WptVerifier } from './wpt-verifier.ts'

const NOW = 1_800_000_000
const AUDIENCE = 'https://api.example.org/orders'

/** RSA keys are slow to make, so all RSA algorithms share these. */
const rsaIssuer = generateSigningKey('RS256')
const rsaWorkload = generateSigningKey('RS256')

function keyFor(alg: SignatureAlgorithm, rsa: NodeSigningKey, kid?: string): NodeSigningKey {
  const options = kid === undefined ? {} : { kid }
  return alg.startsWith('RS') || alg.startsWith('PS')
    ? importSigningKey({ pkcs8: rsa.exportPkcs8() }, alg, options)
    : generateSigningKey(alg, options)
}

const BACKENDS = [
  ['synchronous', nodeCrypto, (key: NodeSigningKey) => key],
  ['promise-returning', promisedCrypto(nodeCrypto), promisedSigningKey],
] as const

describe.each(BACKENDS)('on a %s backend, a request', (_, crypto, signer) => {
  it.each(SIGNATURE_ALGORITHMS)('is issued, proved and verified with %s', async (alg) => {
    const issuerKey = keyFor(alg, rsaIssuer, 'issuer')
    const workloadKey = keyFor(alg, rsaWorkload)
    const subject = new FakeIssuer().workload('/caller', { key: workloadKey }).id
    const wit = await new WitIssuer(signer(issuerKey), 'wimse').issue({
      subject,
      confirmationKey: workloadKey.publicJwk,
      now: NOW,
      ttlSeconds: 600,
    })
    const builder = new WptBuilder(wit, signer(workloadKey), crypto)
    const wpt = await builder.build({ audience: AUDIENCE, now: NOW, accessToken: 'abc' })

    const trust = new TrustStore(crypto)
    trust.set(subject.origin, { witKeys: [issuerKey.publicJwk] })
    const verifier = new RequestVerifier({
      wit: new WitVerifier({ trust, crypto }),
      wpt: new WptVerifier({
        crypto,
        audience: new AudiencePolicy({ baseUrls: ['https://api.example.org'] }),
        replayMemory: new InProcessReplayMemory(),
      }),
    })
    const verify = async (proof: string) =>
      verifier.verify(
        {
          target: '/orders',
          rawHeaders: [
            ...['Workload-Identity-Token', wit, 'Workload-Proof-Token', proof, 'Authorization', 'Bearer abc'],
          ],
        },
        NOW,
      )
    const request = await verify(wpt)
    expect(request.subject.equals(subject)).toBe(true)
    expect(request.wit.confirmationKey.alg).toBe(alg)

    const forged = mutateToken(wpt, { key: issuerKey })
    await expectCode(() => verify(forged), 'ERR_PROOF_SIGNATURE')
  })
})

describe('a JWT-SVID', () => {
  it.each(SVID_ALGORITHMS)('is issued and verified with %s', async (alg) => {
    const jwtKey = keyFor(alg, rsaIssuer, 'jwt')
    const issuer = new FakeIssuer({ jwtKey })
    const token = issuer.jwtSvid('/caller', ['db'], NOW)
    const verifier = new JwtSvidVerifier({ trust: issuer.trust })
    expect((await verifier.verify(token, 'db', NOW)).subject.toString()).toBe('spiffe://example.org/caller')
    const other = keyFor(alg, rsaWorkload)
    await expectCode(() => verifier.verify(mutateToken(token, { key: other }), 'db', NOW), 'ERR_CREDENTIAL_SIGNATURE')
  })
})
