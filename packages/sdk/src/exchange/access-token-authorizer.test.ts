import { jwkThumbprint } from '@countersign/protocol'
import { AccessTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode, type FakeWorkload, mutateToken } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import { Programs } from '../test-support/programs.ts'
import { TransactionService } from '../test-support/transaction-service.ts'
import type { AcceptedBindings } from '../verification/binding.ts'
import { CallerVerifier } from '../verification/caller-verifier.ts'
import type { AccessTokenOptions } from './access-token-authorizer.ts'
import { PublishedKeys } from './published-keys.ts'

const ORDERS = 'https://orders.example'
const STOREFRONT = 'spiffe://shop.example/storefront'
const GATEWAY = 'spiffe://shop.example/gateway'

let programs: Programs
/** Its keys and its address stand for those of the authorization server. */
let service: TransactionService
let storefront: FakeWorkload
let decisions: Decision[]

beforeEach(async () => {
  programs = new Programs()
  service = await TransactionService.start(programs)
  storefront = programs.domain.workload('/storefront')
  decisions = []
})

afterEach(() => service.stop())

function verifierWith(options: Partial<AccessTokenOptions> = {}, accept?: AcceptedBindings): CallerVerifier {
  const workload = programs.connect('/orders')
  return new CallerVerifier({
    workload,
    audience: 'orders',
    policy: ({ authorization }) => authorization === undefined || authorization.scopes.includes('orders.read'),
    accessTokens: {
      issuer: service.origin,
      audience: ORDERS,
      keys: new PublishedKeys(service.jwksUri, workload.runtime),
      ...options,
    },
    onDecision: (decision) => decisions.push(decision),
    ...(accept === undefined ? {} : { accept }),
  })
}

/** An access token that was given to the storefront, for its key; what differs is given. */
function accessToken(change: object = {}, key = service.key, issuer = service.origin): string {
  const now = programs.clock.now()
  return new AccessTokenIssuer(key, issuer).issue({
    subject: 'partner/alice',
    audience: [ORDERS],
    clientId: STOREFRONT,
    scopes: ['orders.read'],
    issuedAt: now,
    expiresAt: now + 120,
    id: 'id-1',
    confirmation: boundTo(storefront),
    actor: { subject: STOREFRONT, previous: { subject: GATEWAY, issuer: 'https://as.example' } },
    ...change,
  }) as string
}

const boundTo = ({ key }: Pick<FakeWorkload, 'key'>) =>
  ({ kind: 'jkt', thumbprint: jwkThumbprint(key.publicJwk, nodeCrypto) as string }) as const

/** A call with a proof that covers this token, or another than it sends. */
function call(sent: string | undefined, { scheme = 'DPoP', bound = sent, by = storefront } = {}) {
  const now = programs.clock.now()
  const wit = by.wit(now)
  const content = { audience: 'orders', now, ...(bound === undefined ? {} : { accessToken: bound }) }
  const fields = ['Workload-Identity-Token', wit, 'Workload-Proof-Token', by.proof(wit, content)]
  const rawHeaders = sent === undefined ? fields : [...fields, 'Authorization', `${scheme} ${sent}`]
  return { method: 'GET', target: '/', rawHeaders }
}

describe('verifyCaller with access tokens', () => {
  it('tells for whom the call is and who acted, beside who calls', async () => {
    const token = accessToken({ claims: { email: 'alice@example.org' } })
    const { id, authorization } = await verifierWith().verify(call(token))
    expect(id.toString()).toBe(STOREFRONT)
    expect(authorization).toMatchObject({
      subject: 'partner/alice',
      clientId: STOREFRONT,
      scopes: ['orders.read'],
      actor: { subject: STOREFRONT, previous: { subject: GATEWAY, issuer: 'https://as.example' } },
      claims: { email: 'alice@example.org' },
    })
    expect(authorization).not.toHaveProperty('issuer')
    expect(decisions).toMatchObject([{ allowed: true, accessTokenId: 'id-1' }])
    expect(JSON.stringify(decisions)).not.toContain(token.split('.')[2])
  })

  it('leaves authorization to the policy', async () => {
    await expectCode(verifierWith().verify(call(accessToken({ scopes: [] }))), 'ERR_POLICY_DENIED')
  })

  it.each<[string, () => string, string]>([
    ['of another server', () => accessToken({}, service.key, 'https://x.example'), 'ERR_CREDENTIAL_ISSUER'],
    ['for another service', () => accessToken({ audience: ['https://x.example'] }), 'ERR_CREDENTIAL_AUDIENCE'],
    [
      'that another signed',
      () => accessToken({}, generateSigningKey('ES256', { kid: 'oauth-1' })),
      'ERR_CREDENTIAL_SIGNATURE',
    ],
    ['of another type', () => service.token(), 'ERR_CREDENTIAL_TYPE'],
    [
      'bound in a way that is not known',
      () => mutateToken(accessToken(), { claims: { cnf: { kid: 'x' } }, key: service.key }),
      'ERR_CREDENTIAL_CONFIRMATION',
    ],
  ])('answers 401 to a token %s', async (_, make, code) => {
    const { answer } = await verifierWith().judge(call(make()))
    expect(answer?.status).toBe(401)
    expect(answer?.rawHeaders).toContain('Bearer error="invalid_token"')
    expect(decisions).toMatchObject([{ allowed: false, code, caller: STOREFRONT }])
  })

  it('refuses a token that has expired', async () => {
    const [verifier, token] = [verifierWith(), accessToken()]
    await programs.clock.advance(149)
    await verifier.verify(call(token))
    await programs.clock.advance(1)
    await expectCode(verifier.verify(call(token)), 'ERR_CREDENTIAL_EXPIRED')
  })

  it('refuses a token that is bound to another key than the caller proves', async () => {
    const thief = programs.domain.workload('/thief')
    await expectCode(verifierWith().verify(call(accessToken(), { by: thief })), 'ERR_POLICY_ACCESS_TOKEN')
    const certificate = { kind: 'x5t#S256', thumbprint: boundTo(storefront).thumbprint }
    await expectCode(verifierWith().verify(call(accessToken({ confirmation: certificate }))), 'ERR_POLICY_ACCESS_TOKEN')
  })

  it('takes a bearer token from the client that it was given to, and from nobody else', async () => {
    const token = accessToken({ confirmation: undefined })
    await verifierWith().verify(call(token, { scheme: 'Bearer' }))
    const thief = programs.domain.workload('/thief')
    const stolen = call(token, { scheme: 'Bearer', by: thief })
    await expectCode(verifierWith().verify(stolen), 'ERR_POLICY_ACCESS_TOKEN')
  })

  it('refuses a token that the proof does not cover', async () => {
    const [sent, bound] = [accessToken(), accessToken({ id: 'id-2' })]
    await expectCode(verifierWith().verify(call(sent, { bound })), 'ERR_PROOF_ACCESS_TOKEN')
  })

  it('refuses a call without a token, unless that is allowed', async () => {
    await expectCode(verifierWith().verify(call(undefined)), 'ERR_POLICY_ACCESS_TOKEN')
    expect((await verifierWith({ required: false }).verify(call(undefined))).authorization).toBeUndefined()
    const { answer } = await verifierWith({ required: false }).judge(call('a.b.c'))
    expect(answer?.status).toBe(401)
  })

  it('takes no token that says who calls for one that says what for', async () => {
    const bearer = programs.domain.jwtSvid('/storefront', ['orders'], programs.clock.now())
    const request = { method: 'GET', target: '/', rawHeaders: ['Authorization', `Bearer ${bearer}`] }
    await expectCode(verifierWith({}, ['bearer']).verify(request), 'ERR_POLICY_ACCESS_TOKEN')
    const caller = await verifierWith({ required: false }, ['bearer']).verify(request)
    expect(caller.authorization).toBeUndefined()
  })

  it('finds a new key at once, and does not ask for each name that is made up', async () => {
    const verifier = verifierWith()
    await verifier.verify(call(accessToken()))
    const next = generateSigningKey('ES256', { kid: 'oauth-2' })
    service.published = [service.key.publicJwk, next.publicJwk]
    await programs.clock.advance(30)
    await verifier.verify(call(accessToken({}, next)))
    const made = accessToken({}, generateSigningKey('ES256', { kid: 'made-up' }))
    for (let times = 0; times < 5; times++) {
      await expectCode(verifier.verify(call(made)), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    }
    expect(service.keyRequests).toBe(2)
  })

  it('answers 503 while the keys cannot be had', async () => {
    const keys = new PublishedKeys(service.jwksUri.replace(/:\d+/, ':1'), programs.connect('/orders').runtime)
    const { answer } = await verifierWith({ keys }).judge(call(accessToken()))
    expect(answer?.status).toBe(503)
  })
})
