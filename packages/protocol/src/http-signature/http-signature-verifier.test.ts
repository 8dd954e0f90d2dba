import { createHash } from 'node:crypto'
import { countingCrypto, expectCode, FakeIssuer, type FakeWorkload, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { InProcessReplayMemory, type ReplayMemory } from '../verification/replay-memory.ts'
import { WitVerifier } from '../verification/wit-verifier.ts'
import type { HttpRequest, HttpResponse } from './http-message.ts'
import { HttpSignatureVerifier, type HttpSignatureVerifierOptions } from './http-signature-verifier.ts'
import type { ResponseContext } from './verified-message.ts'

const NOW = 1_800_000_000
const SKEW = 30
const TAG = 'tag="wimse-workload-to-workload"'
const TIMES = `created=${NOW};expires=${NOW + 60}`
const AUDIENCE = 'wimse-aud="https://api.example.org/orders"'
const PARAMETERS = `;${TIMES};nonce="n1";${TAG};${AUDIENCE}`
const RESPONSE_PARAMETERS = `;${TIMES};nonce="r1";${TAG};wimse-req-nonce="n1"`

const BACKENDS: readonly (readonly [string, CryptoBackend])[] = [
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
]

const issuer = new FakeIssuer()
const client = issuer.workload('/client')
const server = issuer.workload('/server', { alg: 'EdDSA' })
const digestOf = (body: string) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
const bytes = (text: string) => new TextEncoder().encode(text)

/** A message signed by hand: the base is put together here, line by line, and not by the code under test. */
interface Draft {
  readonly fields?: readonly (readonly [string, string])[]
  readonly wit?: string
  readonly components?: readonly string[]
  readonly parameters?: string
  readonly label?: string
  readonly signer?: FakeWorkload
  readonly body?: string
}

function signedFields(draft: Draft & { readonly derived: Readonly<Record<string, string>> }): string[] {
  const { signer = client, label = 'wimse' } = draft
  const body = draft.body === undefined ? [] : [['Content-Digest', digestOf(draft.body)] as const]
  const fields = [...(draft.fields ?? []), ...body, ['Workload-Identity-Token', draft.wit ?? signer.wit(NOW)] as const]
  const names = [...new Set(fields.map(([name]) => `"${name.toLowerCase()}"`))]
  const components = draft.components ?? [...Object.keys(draft.derived), ...names]
  const componentText = (component: string) => {
    const values = fields.filter(([name]) => `"${name.toLowerCase()}"` === component).map(([, value]) => value)
    return draft.derived[component] ?? values.join(', ')
  }
  const input = `(${components.join(' ')})${draft.parameters ?? ''}`
  const lines = components.map((component) => `${component}: ${componentText(component)}\n`)
  const signature = signer.key.sign(bytes(`${lines.join('')}"@signature-params": ${input}`))
  return [
    ...fields.flat(),
    ...['Signature-Input', `${label}=${input}`],
    ...['Signature', `${label}=:${Buffer.from(signature).toString('base64')}:`],
  ]
}

function request(draft: Draft = {}, change: Partial<HttpRequest> = {}): HttpRequest {
  const derived = { '"@method"': 'POST', '"@request-target"': '/orders?q=1' }
  return {
    ...{ method: 'POST', target: '/orders?q=1', scheme: 'http', authority: 'evil.example' },
    rawHeaders: signedFields({ parameters: PARAMETERS, ...draft, derived }),
    ...(draft.body === undefined ? {} : { body: bytes(draft.body) }),
    ...change,
  }
}

const ASKED = request({ parameters: `${PARAMETERS};wimse-sign-response` })
const RESPONSE_DERIVED = { '"@status"': '200', '"@method";req': 'POST', '"@request-target";req': '/orders?q=1' }

function response(draft: Draft = {}, change: Partial<HttpResponse> = {}): HttpResponse {
  return {
    status: 200,
    rawHeaders: signedFields({ signer: server, parameters: RESPONSE_PARAMETERS, ...draft, derived: RESPONSE_DERIVED }),
    ...(draft.body === undefined ? {} : { body: bytes(draft.body) }),
    ...change,
  }
}

/** The same message with a field replaced, or taken away. */
function replaced<T extends HttpRequest | HttpResponse>(message: T, name: string, value?: string): T {
  const rawHeaders: string[] = []
  for (let index = 0; index < message.rawHeaders.length; index += 2) {
    const [key = '', old = ''] = message.rawHeaders.slice(index, index + 2)
    if (key !== name) rawHeaders.push(key, old)
    else if (value !== undefined) rawHeaders.push(key, value)
  }
  return { ...message, rawHeaders }
}

function withField<T extends HttpRequest | HttpResponse>(message: T, ...fields: string[]): T {
  return { ...message, rawHeaders: [...message.rawHeaders, ...fields] }
}

function setUp(crypto: CryptoBackend = nodeCrypto, options: Partial<HttpSignatureVerifierOptions> = {}) {
  const trust = new TrustStore(crypto)
  trust.set(issuer.origin, issuer.material())
  return new HttpSignatureVerifier({
    crypto,
    wit: new WitVerifier({ trust, crypto }),
    audience: new AudiencePolicy({ baseUrls: ['https://api.example.org'] }),
    replayMemory: new InProcessReplayMemory(),
    ...options,
  })
}

const parameters = (change: (text: string) => string) => request({ parameters: change(PARAMETERS) })
const CONTENT_TYPE = ['Content-Type', 'application/json'] as const
const uncovered = (field: readonly [string, string]) =>
  request({ fields: [field], components: ['"@method"', '"@request-target"', '"workload-identity-token"'] })
const without = (component: string) =>
  request({
    body: '{}',
    components: ['"@method"', '"@request-target"', '"content-digest"', '"workload-identity-token"'].filter(
      (name) => name !== component,
    ),
  })

interface Refusal<T> {
  readonly name: string
  readonly code: string
  readonly message: T
  readonly options?: Partial<HttpSignatureVerifierOptions>
  readonly now?: number
}

/** Each request is right in everything but the one thing that its row names. */
const REFUSED_REQUESTS: readonly Refusal<HttpRequest>[] = [
  // Which signature.
  { name: 'no Signature-Input', code: 'ERR_SIGNATURE_MISSING', message: replaced(request(), 'Signature-Input') },
  { name: 'no Signature', code: 'ERR_SIGNATURE_MISSING', message: replaced(request(), 'Signature') },
  {
    name: 'a signature under another label',
    code: 'ERR_SIGNATURE_MISSING',
    message: replaced(request(), 'Signature', 'other=:AAEC:'),
  },
  {
    name: 'text in Signature',
    code: 'ERR_SIGNATURE_MALFORMED',
    message: replaced(request(), 'Signature', 'wimse="a"'),
  },
  {
    name: 'a list in Signature',
    code: 'ERR_SIGNATURE_MALFORMED',
    message: replaced(request(), 'Signature', 'wimse=()'),
  },
  {
    name: 'an item in Signature-Input',
    code: 'ERR_SIGNATURE_MALFORMED',
    message: replaced(request(), 'Signature-Input', `wimse="@method"${PARAMETERS}`),
  },
  {
    name: 'one label twice',
    code: 'ERR_SIGNATURE_MALFORMED',
    message: withField(request(), 'Signature-Input', `wimse=()${PARAMETERS}`),
  },
  {
    name: 'an oversized field',
    code: 'ERR_SIGNATURE_TOO_LARGE',
    message: parameters((p) => `${p};x="${'x'.repeat(17_000)}"`),
  },
  { name: 'no tag', code: 'ERR_SIGNATURE_TAG', message: parameters((p) => p.replace(`;${TAG}`, '')) },
  {
    name: 'the tag of an older draft',
    code: 'ERR_SIGNATURE_TAG',
    message: parameters((p) => p.replace('workload-to-workload', 'service-to-service')),
  },
  {
    name: 'a tag that is a token',
    code: 'ERR_SIGNATURE_TAG',
    message: parameters((p) => p.replace(TAG, TAG.replaceAll('"', ''))),
  },
  {
    name: 'two signatures of the profile without its label',
    code: 'ERR_SIGNATURE_AMBIGUOUS',
    message: withField(request({ label: 'a' }), 'Signature-Input', `b=()${PARAMETERS}`),
  },

  // Parameters.
  { name: 'keyid', code: 'ERR_SIGNATURE_KEY_ID', message: parameters((p) => `${p};keyid="a"`) },
  { name: 'alg', code: 'ERR_SIGNATURE_ALGORITHM', message: parameters((p) => `${p};alg="ed25519"`) },
  ...['created', 'expires', 'nonce', 'wimse-aud'].map((name) => ({
    name: `no ${name}`,
    code: 'ERR_SIGNATURE_PARAMETER',
    message: parameters((p) => p.replace(new RegExp(`;${name}=[^;]*`), '')),
  })),
  ...[
    ['created', `"${NOW}"`],
    ['created', `${NOW}.0`],
    ['expires', 'never'],
    ['nonce', '1'],
    ['nonce', ':AAEC:'],
    ['wimse-aud', '?1'],
  ].map(([name, value]) => ({
    name: `${name}=${value}`,
    code: 'ERR_SIGNATURE_PARAMETER',
    message: parameters((p) => p.replace(new RegExp(`;${name}=[^;]*`), `;${name}=${value}`)),
  })),
  {
    name: 'wimse-sign-response that is no boolean',
    code: 'ERR_SIGNATURE_PARAMETER',
    message: parameters((p) => `${p};wimse-sign-response=1`),
  },
  { name: 'an empty nonce', code: 'ERR_SIGNATURE_NONCE', message: parameters((p) => p.replace('"n1"', '""')) },
  { name: 'a huge nonce', code: 'ERR_SIGNATURE_NONCE', message: parameters((p) => p.replace('n1', 'n'.repeat(1025))) },

  // Times.
  { name: 'created in the future', code: 'ERR_SIGNATURE_CREATED_IN_FUTURE', message: request(), now: NOW - SKEW - 1 },
  { name: 'expired', code: 'ERR_SIGNATURE_EXPIRED', message: request(), now: NOW + 60 + SKEW },
  { name: 'no clock', code: 'ERR_SIGNATURE_CREATED_IN_FUTURE', message: request(), now: Number.NaN },
  {
    name: 'too long a life',
    code: 'ERR_SIGNATURE_LIFETIME',
    message: parameters((p) => p.replace(`expires=${NOW + 60}`, `expires=${NOW + 301}`)),
  },
  {
    name: 'a life longer than configured',
    code: 'ERR_SIGNATURE_LIFETIME',
    message: request(),
    options: { maxLifetimeSeconds: 59 },
  },
  {
    name: 'a limit that is no number',
    code: 'ERR_SIGNATURE_LIFETIME',
    message: request(),
    options: { maxLifetimeSeconds: Number.NaN },
  },
  {
    name: 'a skew that is no number',
    code: 'ERR_SIGNATURE_CREATED_IN_FUTURE',
    message: request(),
    options: { clockSkewSeconds: Number.NaN },
  },
  {
    name: 'expires before created',
    code: 'ERR_SIGNATURE_LIFETIME',
    message: parameters((p) => p.replace(`expires=${NOW + 60}`, `expires=${NOW}`)),
  },

  // Audience, from configuration alone.
  {
    name: 'another audience',
    code: 'ERR_SIGNATURE_AUDIENCE',
    message: parameters((p) => p.replace('api.example.org', 'other.example')),
  },
  {
    name: 'the audience that the wire names',
    code: 'ERR_SIGNATURE_AUDIENCE',
    message: parameters((p) => p.replace('https://api.example.org', 'http://evil.example')),
  },
  { name: 'another path', code: 'ERR_SIGNATURE_AUDIENCE', message: request({}, { target: '/stock' }) },

  // Identity token and other tokens.
  { name: 'no WIT', code: 'ERR_CREDENTIAL_MISSING', message: replaced(request(), 'Workload-Identity-Token') },
  {
    name: 'two WITs',
    code: 'ERR_CREDENTIAL_MULTIPLE',
    message: withField(request(), 'workload-identity-token', client.wit(NOW)),
  },
  { name: 'an expired WIT', code: 'ERR_CREDENTIAL_EXPIRED', message: request({ wit: client.wit(NOW - 4000, 3600) }) },
  {
    name: 'a WIT of an issuer that nobody trusts',
    code: 'ERR_CREDENTIAL_KEY_UNKNOWN',
    message: request({
      wit: new FakeIssuer({ origin: issuer.origin, witKey: server.key }).workload('/client').wit(NOW),
    }),
  },
  {
    name: 'a second Authorization',
    code: 'ERR_REQUEST_AUTHORIZATION',
    message: withField(request({ fields: [['Authorization', 'Bearer a']] }), 'Authorization', 'Bearer b'),
  },
  {
    name: 'a second Txn-Token',
    code: 'ERR_REQUEST_TXN_TOKEN',
    message: withField(request({ fields: [['Txn-Token', 'a']] }), 'Txn-Token', 'b'),
  },

  // Coverage.
  { name: 'no digest', code: 'ERR_SIGNATURE_DIGEST_MISSING', message: request({}, { body: bytes('{}') }) },
  ...['"@method"', '"@request-target"', '"content-digest"', '"workload-identity-token"'].map((component) => ({
    name: `${component} not covered`,
    code: 'ERR_SIGNATURE_COMPONENT_UNCOVERED',
    message: without(component),
  })),
  ...([CONTENT_TYPE, ['Authorization', 'Bearer a'], ['Txn-Token', 'a']] as const).map((field) => ({
    name: `${field[0]} not covered`,
    code: 'ERR_SIGNATURE_COMPONENT_UNCOVERED',
    message: uncovered(field),
  })),
  {
    name: 'Authorization added on the way',
    code: 'ERR_SIGNATURE_COMPONENT_UNCOVERED',
    message: withField(request(), 'Authorization', 'Bearer a'),
  },
  {
    name: 'a token field of this service not covered',
    code: 'ERR_SIGNATURE_COMPONENT_UNCOVERED',
    message: uncovered(['X-User', 'a']),
    options: { otherTokenFields: ['X-User'] },
  },
  {
    name: 'only a member of Content-Digest covered',
    code: 'ERR_SIGNATURE_COMPONENT_UNCOVERED',
    message: request({
      body: '{}',
      components: ['"@method"', '"@request-target"', '"content-digest";key="sha-256"', '"workload-identity-token"'],
    }),
  },
  {
    name: 'a component twice',
    code: 'ERR_SIGNATURE_COMPONENT_DUPLICATE',
    message: request({ components: ['"@method"', '"@request-target"', '"workload-identity-token"', '"@method"'] }),
  },
  {
    name: 'an unknown component',
    code: 'ERR_SIGNATURE_COMPONENT',
    message: request({ components: ['"@method"', '"@request-target"', '"workload-identity-token"', '"@new"'] }),
  },
  {
    name: 'a component that the message lacks',
    code: 'ERR_SIGNATURE_COMPONENT_ABSENT',
    message: request({ components: ['"@method"', '"@request-target"', '"workload-identity-token"', '"x-gone"'] }),
  },
  {
    name: 'a folded field',
    code: 'ERR_SIGNATURE_COMPONENT_VALUE',
    message: request({ fields: [['Content-Type', 'text/plain;\r\n a=b']] }),
  },

  // Signature.
  { name: 'another method', code: 'ERR_SIGNATURE_INVALID', message: request({}, { method: 'PUT' }) },
  { name: 'another query', code: 'ERR_SIGNATURE_INVALID', message: request({}, { target: '/orders?q=2' }) },
  {
    name: 'another content type',
    code: 'ERR_SIGNATURE_INVALID',
    message: replaced(request({ fields: [CONTENT_TYPE] }), 'Content-Type', 'text/plain'),
  },
  {
    name: "another workload's WIT",
    code: 'ERR_SIGNATURE_INVALID',
    message: replaced(request(), 'Workload-Identity-Token', issuer.workload('/intruder').wit(NOW)),
  },
  {
    name: 'another WIT for the same key',
    code: 'ERR_SIGNATURE_INVALID',
    message: replaced(request(), 'Workload-Identity-Token', client.wit(NOW + 1)),
  },
  {
    name: 'other parameters',
    code: 'ERR_SIGNATURE_INVALID',
    message: replaced(
      request(),
      'Signature-Input',
      `wimse=("@method" "@request-target" "workload-identity-token")${PARAMETERS.replace('n1', 'n2')}`,
    ),
  },
  {
    name: 'parameters in another order',
    code: 'ERR_SIGNATURE_INVALID',
    message: replaced(
      request(),
      'Signature-Input',
      `wimse=("@method" "@request-target" "workload-identity-token");${AUDIENCE}${PARAMETERS.replace(`;${AUDIENCE}`, '')}`,
    ),
  },
  { name: 'no bytes', code: 'ERR_SIGNATURE_INVALID', message: replaced(request(), 'Signature', 'wimse=::') },

  // Content.
  {
    name: 'another body',
    code: 'ERR_SIGNATURE_DIGEST_MISMATCH',
    message: request({ body: '{"sku":1}' }, { body: bytes('{"sku":2}') }),
  },
  {
    name: 'a body taken away',
    code: 'ERR_SIGNATURE_DIGEST_MISMATCH',
    message: request({ body: '{}' }, { body: bytes('') }),
  },
  {
    name: 'a digest of no known algorithm',
    code: 'ERR_SIGNATURE_DIGEST_ALGORITHM',
    message: request({ fields: [['Content-Digest', 'md5=:AAEC:']] }, { body: bytes('{}') }),
  },
  {
    name: 'a full memory',
    code: 'ERR_SIGNATURE_REPLAY_MEMORY_FULL',
    message: request(),
    options: { replayMemory: { remember: () => 'full' } },
  },
  {
    name: 'a memory that is away',
    code: 'ERR_SIGNATURE_REPLAY_MEMORY_AWAY',
    message: request(),
    options: { replayMemory: { remember: () => 'away' } },
  },
  {
    name: 'a memory that answers with something else',
    code: 'ERR_SIGNATURE_REPLAYED',
    message: request(),
    options: { replayMemory: { remember: () => true } as unknown as ReplayMemory },
  },
]

describe.each(BACKENDS)('verifyRequest on a %s backend', (_, crypto) => {
  it('tells who sent a request and what came with it', async () => {
    const message = request({
      fields: [['Authorization', 'Bearer abc'], ['Txn-Token', 'txn'], CONTENT_TYPE, ['X-User', 'a']],
      parameters: `${PARAMETERS};wimse-sign-response`,
      body: '{}',
    })
    const verified = await setUp(crypto, { otherTokenFields: ['x-user'] }).verifyRequest(message, NOW)
    expect(verified.subject.toString()).toBe('spiffe://example.org/client')
    expect(verified.wit.subject).toBe(verified.subject)
    expect(verified).toMatchObject({
      ...{ audience: 'https://api.example.org/orders', nonce: 'n1', expiresAt: NOW + 60, signResponse: true },
      ...{ accessToken: 'abc', txnToken: 'txn' },
    })
  })

  it.each(REFUSED_REQUESTS)('refuses $name', async ({ code, message, options, now = NOW }) => {
    await expectCode(async () => setUp(crypto, options).verifyRequest(message, now), code)
  })

  it('accepts each second of the window that it states', async () => {
    for (const now of [NOW - SKEW, NOW, NOW + 59, NOW + 60 + SKEW - 1]) {
      expect((await setUp(crypto).verifyRequest(request(), now)).nonce).toBe('n1')
    }
    const longest = parameters((p) => p.replace(`expires=${NOW + 60}`, `expires=${NOW + 300}`))
    expect((await setUp(crypto).verifyRequest(longest, NOW)).expiresAt).toBe(NOW + 300)
  })

  it('takes a message once, and a refused one not at all', async () => {
    const verifier = setUp(crypto)
    await expectCode(async () => verifier.verifyRequest(request({}, { method: 'PUT' }), NOW), 'ERR_SIGNATURE_INVALID')
    await verifier.verifyRequest(request(), NOW)
    await expectCode(async () => verifier.verifyRequest(request(), NOW + 1), 'ERR_SIGNATURE_REPLAYED')
    await expectCode(async () => verifier.verifyRequest(request(), NOW + 60 + SKEW - 1), 'ERR_SIGNATURE_REPLAYED')
    // A nonce is the sender's own: another workload, or another key, may use the same.
    expect((await verifier.verifyRequest(request({ signer: server }), NOW)).nonce).toBe('n1')
    const sibling = issuer.workload('/client')
    expect((await verifier.verifyRequest(request({ signer: sibling }), NOW)).nonce).toBe('n1')
  })

  it('takes no message again whose content was held back until the memory let go of it', async () => {
    const verifier = setUp(crypto)
    const content = request({ body: '{}' })
    const { body, ...headed } = content
    await verifier.verifyRequest(content, NOW)
    let now = NOW
    const readBody = async () => {
      now = NOW + 60 + SKEW
      const later = PARAMETERS.replaceAll(`=${NOW}`, `=${now}`)
        .replace(`=${NOW + 60}`, `=${now + 60}`)
        .replace('n1', 'n2')
      await verifier.verifyRequest(request({ parameters: later }), now)
      return body
    }
    await expectCode(async () => verifier.verifyRequest(headed, now, readBody, () => now), 'ERR_SIGNATURE_EXPIRED')
  })

  it('remembers nonce, sender and key, under a name that no proof of another kind has', async () => {
    const keys: string[] = []
    const replayMemory: ReplayMemory = {
      remember(key) {
        keys.push(key)
        return 'fresh'
      },
    }
    const verifier = setUp(crypto, { replayMemory })
    const namesake = issuer.workload('/other', { key: client.key })
    await verifier.verifyRequest(request(), NOW)
    await verifier.verifyRequest(request({ signer: namesake }), NOW)
    const { x } = client.key.publicJwk
    const proof = createHash('sha256').update(`${client.id}\n${x}\nn1`).digest('base64url')
    expect(new Set([...keys, proof]).size).toBe(3)
  })

  it('takes a message again and again without a memory', async () => {
    const verifier = setUp(crypto, { replayMemory: undefined })
    await verifier.verifyRequest(request(), NOW)
    expect((await verifier.verifyRequest(request(), NOW)).nonce).toBe('n1')
  })

  it.each([
    ['wimse-sign-response=?1', true],
    ['wimse-sign-response', true],
    ['wimse-sign-response=?0', false],
    ['unknown="x"', false],
  ])('reads %s', async (parameter, expected) => {
    const verified = await setUp(crypto).verifyRequest(request({ parameters: `${PARAMETERS};${parameter}` }), NOW)
    expect(verified.signResponse).toBe(expected)
  })

  it('takes any label of a signature that stands alone', async () => {
    expect((await setUp(crypto).verifyRequest(request({ label: 'sig1' }), NOW)).nonce).toBe('n1')
  })

  it('passes over signatures that are made for others', async () => {
    const other = ['Signature-Input', 'proxy=();keyid="k";alg="x";tag="other"', 'Signature', 'proxy=:AAEC:']
    expect((await setUp(crypto).verifyRequest(withField(request({ label: 'a' }), ...other), NOW)).nonce).toBe('n1')
    const second = ['Signature-Input', `b=()${PARAMETERS}`, 'Signature', 'b=:AAEC:']
    expect((await setUp(crypto).verifyRequest(withField(request(), ...second), NOW)).nonce).toBe('n1')
  })

  it('accepts an audience by agreement', async () => {
    const audience = new AudiencePolicy({ accepted: ['urn:orders'] })
    const message = parameters((p) => p.replace(AUDIENCE, 'wimse-aud="urn:orders"'))
    expect((await setUp(crypto, { audience }).verifyRequest(message, NOW)).audience).toBe('urn:orders')
  })
})

describe('order of work', () => {
  it('refuses what is misshapen before any cryptography', async () => {
    const { crypto, calls } = countingCrypto(nodeCrypto)
    const verifier = setUp(crypto)
    const before = { ...calls }
    await expectCode(() => verifier.verifyRequest(without('"@method"'), NOW), 'ERR_SIGNATURE_COMPONENT_UNCOVERED')
    expect(calls).toEqual(before)
  })

  it('does not look at the content of an unsigned message', async () => {
    const { crypto, calls } = countingCrypto(nodeCrypto)
    const message = request({ body: '{}' }, { method: 'PUT' })
    await expectCode(() => setUp(crypto).verifyRequest(message, NOW), 'ERR_SIGNATURE_INVALID')
    // The one hash is the identity token's name.
    expect(calls.hashes).toBe(1)
  })

  it('says which of two messages lacks its identity token', async () => {
    const verifier = setUp()
    const missing = 'ERR_CREDENTIAL_MISSING'
    const bare = replaced(request(), 'Workload-Identity-Token')
    const ofRequest = await expectCode(() => verifier.verifyRequest(bare, NOW), missing)
    expect(ofRequest.message).toBe('request has no workload identity token')
    const answer = replaced(response(), 'Workload-Identity-Token')
    const context = { request: ASKED, expectedPeer: undefined, now: NOW }
    const ofResponse = await expectCode(() => verifier.verifyResponse(answer, context), missing)
    expect(ofResponse.message).toBe('response has no workload identity token')
  })

  it('keeps verifying when more component lists came than it remembers', () => {
    const verifier = setUp()
    for (let index = 0; index < 300; index++) {
      const fields = [[`X-Field-${index}`, 'a']] as const
      const parameters = PARAMETERS.replace('n1', `n${index}`)
      expect(verifier.verifyRequest(request({ fields, parameters }), NOW)).toMatchObject({ nonce: `n${index}` })
    }
  })

  it('is a mistake of the program to verify requests without an audience', () => {
    expect(() => setUp(nodeCrypto, { audience: undefined }).verifyRequest(request(), NOW)).toThrow(TypeError)
  })

  it.each([
    ['an object', {}],
    ['the number 1', 1],
    ['undefined', undefined],
  ])('takes %s for no signature', async (_, answer) => {
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(client.wit(NOW), NOW)
    const confirmationKey = { alg: 'ES256', verify: () => answer as boolean } as const
    const verifier = setUp(nodeCrypto, { wit: { verify: () => ({ ...wit, confirmationKey }) } })
    await expectCode(() => verifier.verifyRequest(request(), NOW), 'ERR_SIGNATURE_INVALID')
  })
})

const PEER = WorkloadId.parse('spiffe://example.org/server')
const responseParameters = (change: (text: string) => string) => response({ parameters: change(RESPONSE_PARAMETERS) })
const RESPONSE_COMPONENTS = [
  ...['"@status"', '"@method";req', '"@request-target";req'],
  ...['"content-type"', '"content-digest"', '"workload-identity-token"'],
]

interface ResponseRefusal extends Refusal<HttpResponse> {
  readonly context?: Partial<ResponseContext>
}

const REFUSED_RESPONSES: readonly ResponseRefusal[] = [
  { name: 'no signature, though asked for', code: 'ERR_SIGNATURE_MISSING', message: { status: 200, rawHeaders: [] } },
  {
    name: 'no signature, though configured',
    code: 'ERR_SIGNATURE_MISSING',
    message: { status: 200, rawHeaders: [] },
    context: { request: request(), required: true },
  },
  {
    name: 'half a signature that was not asked for',
    code: 'ERR_SIGNATURE_MISSING',
    message: replaced(response(), 'Signature-Input'),
    context: { request: request() },
  },
  {
    name: 'a wrong signature that was not asked for',
    code: 'ERR_SIGNATURE_INVALID',
    message: response({}, { status: 404 }),
    context: { request: request() },
  },
  {
    name: 'a request that was not signed',
    code: 'ERR_SIGNATURE_MISSING',
    message: response(),
    context: { request: { method: 'POST', target: '/orders?q=1', rawHeaders: [] } },
  },
  { name: 'another tag', code: 'ERR_SIGNATURE_TAG', message: responseParameters((p) => p.replace(TAG, 'tag="x"')) },
  { name: 'keyid', code: 'ERR_SIGNATURE_KEY_ID', message: responseParameters((p) => `${p};keyid="a"`) },
  { name: 'alg', code: 'ERR_SIGNATURE_ALGORITHM', message: responseParameters((p) => `${p};alg="a"`) },
  ...['created', 'expires', 'nonce', 'wimse-req-nonce'].map((name) => ({
    name: `no ${name}`,
    code: 'ERR_SIGNATURE_PARAMETER',
    message: responseParameters((p) => p.replace(new RegExp(`;${name}=[^;]*`), '')),
  })),
  {
    name: 'the nonce of another request',
    code: 'ERR_SIGNATURE_REQUEST_NONCE',
    message: responseParameters((p) => p.replace('wimse-req-nonce="n1"', 'wimse-req-nonce="n2"')),
  },
  {
    name: 'an empty request nonce',
    code: 'ERR_SIGNATURE_REQUEST_NONCE',
    message: responseParameters((p) => p.replace('wimse-req-nonce="n1"', 'wimse-req-nonce=""')),
  },
  { name: 'expired', code: 'ERR_SIGNATURE_EXPIRED', message: response(), now: NOW + 60 + SKEW },
  { name: 'created in the future', code: 'ERR_SIGNATURE_CREATED_IN_FUTURE', message: response(), now: NOW - SKEW - 1 },
  { name: 'no WIT', code: 'ERR_CREDENTIAL_MISSING', message: replaced(response(), 'Workload-Identity-Token') },
  { name: 'no digest', code: 'ERR_SIGNATURE_DIGEST_MISSING', message: response({}, { body: bytes('{}') }) },
  ...RESPONSE_COMPONENTS.map((component) => ({
    name: `${component} not covered`,
    code: 'ERR_SIGNATURE_COMPONENT_UNCOVERED',
    message: response({
      fields: [CONTENT_TYPE],
      body: '{}',
      components: RESPONSE_COMPONENTS.filter((name) => name !== component),
    }),
  })),
  {
    name: 'the method as if it were its own',
    code: 'ERR_SIGNATURE_COMPONENT',
    message: response({
      components: [...RESPONSE_COMPONENTS.filter((name) => !name.startsWith('"content')), '"@method"'],
    }),
  },
  { name: 'another status', code: 'ERR_SIGNATURE_INVALID', message: response({}, { status: 201 }) },
  {
    name: 'the answer to another method',
    code: 'ERR_SIGNATURE_INVALID',
    message: response(),
    context: { request: { ...ASKED, method: 'DELETE' } },
  },
  {
    name: 'the answer to another target',
    code: 'ERR_SIGNATURE_INVALID',
    message: response(),
    context: { request: { ...ASKED, target: '/orders?q=2' } },
  },
  { name: 'another workload', code: 'ERR_SIGNATURE_PEER', message: response({ signer: client }) },
  {
    name: 'another trust domain',
    code: 'ERR_SIGNATURE_PEER',
    message: response(),
    context: { expectedPeer: WorkloadId.parse('spiffe://other.example/server') },
  },
  {
    name: 'another body',
    code: 'ERR_SIGNATURE_DIGEST_MISMATCH',
    message: response({ body: 'a' }, { body: bytes('b') }),
  },
]

describe.each(BACKENDS)('verifyResponse on a %s backend', (_, crypto) => {
  const verify = async (
    message: HttpResponse,
    { now = NOW, ...context }: Partial<ResponseContext> = {},
    verifier = setUp(crypto, { audience: undefined }),
  ) => verifier.verifyResponse(message, { request: ASKED, expectedPeer: PEER, now, ...context })

  it('tells who answered', async () => {
    const verified = await verify(response({ fields: [CONTENT_TYPE], body: '{}' }))
    expect(verified?.subject.toString()).toBe('spiffe://example.org/server')
    expect(verified).toMatchObject({ nonce: 'r1', expiresAt: NOW + 60 })
  })

  it.each(REFUSED_RESPONSES)('refuses $name', async ({ code, message, context, now = NOW }) => {
    await expectCode(verify(message, { ...context, now }), code)
  })

  it('tells nothing of an unsigned response that did not have to be signed', async () => {
    expect(await verify({ status: 200, rawHeaders: ['Content-Type', 'a'] }, { request: request() })).toBe(undefined)
  })

  it('verifies one that was volunteered', async () => {
    expect((await verify(response(), { request: request() }))?.nonce).toBe('r1')
  })

  it('takes an answer by anyone when told so', async () => {
    expect((await verify(response(), { expectedPeer: undefined }))?.subject.toString()).toBe(PEER.toString())
  })

  it('takes an answer once', async () => {
    const verifier = setUp(crypto)
    await verify(response(), {}, verifier)
    await expectCode(verify(response(), {}, verifier), 'ERR_SIGNATURE_REPLAYED')
  })
})
