import { FakeIssuer, promisedCrypto, promisedSigningKey } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AudiencePolicy } from '../http/audience.ts'
import type { SigningKey } from '../keys/crypto-backend.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { InProcessReplayMemory } from '../verification/replay-memory.ts'
import { WitVerifier } from '../verification/wit-verifier.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { HttpSignatureBuilder, type HttpSignatureBuilderOptions } from './http-signature-builder.ts'
import { HttpSignatureVerifier } from './http-signature-verifier.ts'

const NOW = 1_800_000_000
const issuer = new FakeIssuer()
const client = issuer.workload('/client')
const server = issuer.workload('/server', { alg: 'Ed25519' })
const BODY = new TextEncoder().encode('{"sku":1}')

const GET: HttpRequest = { method: 'GET', target: '/a?b', rawHeaders: [], scheme: 'https', authority: 'api.example' }
const POST: HttpRequest = {
  ...GET,
  method: 'POST',
  rawHeaders: ['Content-Type', 'a/b', 'Authorization', 'Bearer t', 'txn-token', 'x', 'X-User', 'u', 'X-Other', 'o'],
  body: BODY,
}
const OK: HttpResponse = { status: 200, rawHeaders: ['content-type', 'a/b'], body: BODY }

const signed = <T extends HttpRequest | HttpResponse>(
  message: T,
  { rawHeaders }: { rawHeaders: readonly string[] },
): T => ({
  ...message,
  rawHeaders: [...message.rawHeaders, ...rawHeaders],
})
const inputOf = ({ rawHeaders }: { rawHeaders: readonly string[] }) =>
  rawHeaders[rawHeaders.indexOf('Signature-Input') + 1] ?? ''

describe.each([
  ['synchronous', nodeCrypto, (key: SigningKey) => key],
  ['promise-returning', promisedCrypto(nodeCrypto), promisedSigningKey],
])('HttpSignatureBuilder on a %s backend', (_, crypto, keyOf) => {
  const builder = (workload = client, options: HttpSignatureBuilderOptions = {}) =>
    new HttpSignatureBuilder(workload.wit(NOW), keyOf(workload.key), crypto, options)
  const verifier = () =>
    new HttpSignatureVerifier({
      crypto,
      wit: new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }),
      audience: new AudiencePolicy({ baseUrls: ['https://api.example'] }),
      replayMemory: new InProcessReplayMemory(),
      otherTokenFields: ['x-user'],
    })

  it('covers what the profile asks for, and nothing that is not there', async () => {
    const fields = await builder().signRequest(GET, { now: NOW })
    expect(fields.nonce).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(inputOf(fields)).toBe(
      `wimse=("@method" "@request-target" "workload-identity-token");created=${NOW};expires=${NOW + 60};` +
        `nonce="${fields.nonce}";tag="wimse-workload-to-workload";wimse-aud="https://api.example/a"`,
    )
    const full = await builder(client, { otherTokenFields: ['X-User'] }).signRequest(POST, {
      ...{ now: NOW, ttlSeconds: 10, audience: 'urn:a', signResponse: true },
    })
    expect(inputOf(full)).toBe(
      'wimse=("@method" "@request-target" "content-type" "content-digest" "authorization" "txn-token" ' +
        `"workload-identity-token" "x-user");created=${NOW};expires=${NOW + 10};nonce="${full.nonce}";` +
        'tag="wimse-workload-to-workload";wimse-aud="urn:a";wimse-sign-response',
    )
  })

  it.each(['sha-256', 'sha-512'] as const)('makes an exchange that verifies, with %s', async (digest) => {
    const options = { digest, otherTokenFields: ['x-user'] }
    const request = signed(POST, await builder(client, options).signRequest(POST, { now: NOW, signResponse: true }))
    const received = await verifier().verifyRequest(request, NOW)
    expect(received.subject.toString()).toBe('spiffe://example.org/client')
    expect(received.signResponse).toBe(true)
    const answer = await builder(server, options).signResponse(OK, {
      ...{ request, requestNonce: received.nonce, now: NOW },
    })
    expect(inputOf(answer)).toBe(
      'wimse=("@status" "workload-identity-token" "@method";req "@request-target";req "content-type" ' +
        `"content-digest");created=${NOW};expires=${NOW + 60};nonce="${answer.nonce}";` +
        `tag="wimse-workload-to-workload";wimse-req-nonce="${received.nonce}"`,
    )
    const context = { request, expectedPeer: server.id, now: NOW }
    const verified = await verifier().verifyResponse(signed(OK, answer), context)
    expect(verified?.subject.toString()).toBe('spiffe://example.org/server')
  })

  it('never uses a nonce twice', async () => {
    const one = builder()
    const nonces = await Promise.all([1, 2, 3].map(async () => (await one.signRequest(GET, { now: NOW })).nonce))
    expect(new Set(nonces).size).toBe(3)
  })

  it.each(['Signature', 'signature-input', 'Workload-Identity-Token', 'Content-Digest'])(
    'does not sign over a field %s that is there already',
    async (name) => {
      const request = { ...GET, rawHeaders: [name, 'x'] }
      await expect(async () => builder().signRequest(request, { now: NOW })).rejects.toThrow(TypeError)
    },
  )

  it.each([
    ['no authority', { ...GET, authority: undefined as unknown as string }, { now: NOW }],
    ['no scheme', { ...GET, scheme: undefined as unknown as string }, { now: NOW }],
    ['no whole seconds', GET, { now: NOW + 0.5 }],
    ['no clock', GET, { now: Number.NaN }],
    ['an audience that is not ASCII', GET, { now: NOW, audience: 'é' }],
  ])('does not sign with %s', async (__, request, content) => {
    await expect(async () => builder().signRequest(request, content)).rejects.toThrow(TypeError)
  })
})
