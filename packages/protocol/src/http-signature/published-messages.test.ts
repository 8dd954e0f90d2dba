import { readFileSync } from 'node:fs'
import { decodeToken, expectCode, FakeIssuer, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AudiencePolicy } from '../http/audience.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { parsePublicJwk, requireAlgorithm } from '../keys/public-jwk.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { WitVerifier } from '../verification/wit-verifier.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { HttpSignatureVerifier } from './http-signature-verifier.ts'

/** The working group's own sample messages. Their issuer's key is not published: the WIT here is read, not verified. */
const folder = new URL('../../../../conformance/vectors/ietf/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const NOW = 1785155797

function parseMessage(text: string) {
  const end = text.indexOf('\n\n')
  const [start = '', ...lines] = text
    .slice(0, end === -1 ? undefined : end)
    .trim()
    .split('\n')
  const rawHeaders = lines.flatMap((line) => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 1).trim(),
  ])
  return { start: start.split(' '), rawHeaders }
}

const sent = parseMessage(read('sigs-request.txt'))
const REQUEST: HttpRequest = {
  method: sent.start[0] as string,
  target: sent.start[1] as string,
  rawHeaders: sent.rawHeaders,
}
const received = parseMessage(read('sigs-response.txt'))
const RESPONSE: HttpResponse = {
  status: Number(received.start[1]),
  rawHeaders: received.rawHeaders,
  // Only with two line feeds does the content have the published digest.
  body: new TextEncoder().encode('No ice cream today.\n\n'),
}

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('published messages on a %s backend', (_, crypto) => {
  const issuer = new FakeIssuer()
  const readWit = async (token: string) => {
    const claims = decodeToken(token).claims as { sub: string; cnf: { jwk: unknown } }
    const jwk = parsePublicJwk(claims.cnf.jwk)
    const known = await new WitVerifier({ trust: issuer.trust, crypto }).verify(issuer.workload('/x').wit(NOW), NOW)
    return {
      ...known,
      subject: WorkloadId.parse(claims.sub),
      confirmationJwk: jwk,
      confirmationKey: await crypto.importPublicJwk(jwk, requireAlgorithm(jwk)),
    }
  }
  const verifier = new HttpSignatureVerifier({
    crypto,
    wit: { verify: readWit },
    audience: new AudiencePolicy({ baseUrls: ['https://svcb.example.com'] }),
    replayMemory: undefined,
    // The published response lives 302 seconds.
    maxLifetimeSeconds: 600,
  })
  const verifyRequest = async (request: HttpRequest, now = NOW) => verifier.verifyRequest(request, now)
  const verifyResponse = async (response: HttpResponse, request = REQUEST) =>
    verifier.verifyResponse(response, { request, expectedPeer: WorkloadId.parse('wimse://example.com/svcB'), now: NOW })

  it('verify', async () => {
    const request = await verifyRequest(REQUEST)
    expect(request.subject.toString()).toBe('wimse://example.com/svcA')
    expect(request).toMatchObject({ nonce: 'abcd1111', signResponse: true, expiresAt: NOW + 300 })
    const response = await verifyResponse(RESPONSE)
    expect(response?.subject.toString()).toBe('wimse://example.com/svcB')
    expect(response?.nonce).toBe('abcd2222')
  })

  it('do not verify when anything is changed', async () => {
    await expectCode(verifyRequest({ ...REQUEST, method: 'POST' }), 'ERR_SIGNATURE_INVALID')
    await expectCode(verifyRequest({ ...REQUEST, target: `${REQUEST.target}x` }), 'ERR_SIGNATURE_INVALID')
    await expectCode(verifyRequest(REQUEST, NOW + 400), 'ERR_SIGNATURE_EXPIRED')
    await expectCode(verifyResponse({ ...RESPONSE, status: 200 }), 'ERR_SIGNATURE_INVALID')
    await expectCode(verifyResponse(RESPONSE, { ...REQUEST, method: 'PUT' }), 'ERR_SIGNATURE_INVALID')
    const body = new TextEncoder().encode('No ice cream today.\n')
    await expectCode(verifyResponse({ ...RESPONSE, body }), 'ERR_SIGNATURE_DIGEST_MISMATCH')
  })
})
