import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { HttpSignatureBuilder } from '../http-signature/http-signature-builder.ts'
import { HttpSignatureVerifier } from '../http-signature/http-signature-verifier.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { WitIssuer } from '../issuance/issue-wit.ts'
import { SIGNATURE_ALGORITHMS } from '../keys/algorithm.ts'
import { WptBuilder } from '../presentation/build-wpt.ts'
import { InProcessReplayMemory } from '../verification/replay-memory.ts'
import { RequestVerifier } from '../verification/request-verifier.ts'
import { WitVerifier } from '../verification/wit-verifier.ts'
import { WptVerifier } from '../verification/wpt-verifier.ts'
import { generateSigningKey } from './signing-key.ts'
import { webCrypto } from './web-crypto.ts'

const NOW = 1_800_000_000
const audience = new AudiencePolicy({ baseUrls: ['https://api.example.org'] })

describe.each(SIGNATURE_ALGORITHMS)('on the Web Cryptography API alone, with %s', (alg) => {
  async function identity() {
    const issuerKey = await generateSigningKey(alg, { kid: 'issuer' })
    const key = await generateSigningKey(alg)
    const subject = WorkloadId.parse('spiffe://example.org/caller')
    const trust = new TrustStore(webCrypto)
    trust.set(subject.origin, { witKeys: [issuerKey.publicJwk] })
    const wit = await new WitIssuer(issuerKey, 'wimse').issue({
      subject,
      confirmationKey: key.publicJwk,
      now: NOW,
      ttlSeconds: 600,
    })
    return { key, wit, issuerKey, verifier: new WitVerifier({ trust, crypto: webCrypto }) }
  }

  it('a request is issued, proved, verified, and not taken twice', async () => {
    const { key, wit, verifier, issuerKey } = await identity()
    const content = { audience: 'https://api.example.org/orders', now: NOW, accessToken: 'abc' }
    const proof = await new WptBuilder(wit, key, webCrypto).build(content)
    const forged = await new WptBuilder(wit, issuerKey, webCrypto).build(content)
    const requests = new RequestVerifier({
      wit: verifier,
      wpt: new WptVerifier({ crypto: webCrypto, audience, replayMemory: new InProcessReplayMemory() }),
    })
    const verify = async (wpt: string) =>
      requests.verify(
        {
          target: '/orders',
          rawHeaders: ['Workload-Identity-Token', wit, 'Workload-Proof-Token', wpt, 'Authorization', 'Bearer abc'],
        },
        NOW,
      )
    await expectCode(verify(forged), 'ERR_PROOF_SIGNATURE')
    expect((await verify(proof)).subject.toString()).toBe('spiffe://example.org/caller')
    await expectCode(verify(proof), 'ERR_PROOF_REPLAYED')
  })

  it('a message and its answer are signed and verified', async () => {
    const { key, wit, verifier } = await identity()
    const builder = new HttpSignatureBuilder(wit, key, webCrypto)
    const body = new TextEncoder().encode('{"amount":1}')
    const bare = {
      method: 'POST',
      scheme: 'https' as const,
      authority: 'api.example.org',
      target: '/orders',
      rawHeaders: ['Content-Type', 'application/json'],
      body,
    }
    const { rawHeaders, nonce } = await builder.signRequest(bare, { now: NOW, signResponse: true })
    const request = { ...bare, rawHeaders: [...bare.rawHeaders, ...rawHeaders] }
    const messages = new HttpSignatureVerifier({
      crypto: webCrypto,
      wit: verifier,
      audience,
      replayMemory: new InProcessReplayMemory(),
    })
    const changed = { ...request, body: new TextEncoder().encode('{"amount":9}') }
    await expectCode(async () => messages.verifyRequest(changed, NOW), 'ERR_SIGNATURE_DIGEST_MISMATCH')
    expect((await messages.verifyRequest(request, NOW)).subject.toString()).toBe('spiffe://example.org/caller')

    const answer = { status: 201, rawHeaders: [] as string[], body }
    const signed = await builder.signResponse(answer, { request, requestNonce: nonce, now: NOW })
    const response = { ...answer, rawHeaders: [...signed.rawHeaders] }
    const context = { request, now: NOW, required: true, expectedPeer: WorkloadId.parse('spiffe://example.org/caller') }
    expect((await messages.verifyResponse(response, context))?.subject.toString()).toBe('spiffe://example.org/caller')
    await expectCode(
      async () => messages.verifyResponse({ ...response, status: 500, rawHeaders: [...signed.rawHeaders] }, context),
      'ERR_SIGNATURE_INVALID',
    )
  })
})
