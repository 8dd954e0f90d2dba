import { WitIssuer } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode, type FakeWorkload } from '@countersign/testing'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import { Programs } from '../test-support/programs.ts'
import { CallerVerifier, type VerifyCallerOptions } from './caller-verifier.ts'

let programs: Programs
let storefront: FakeWorkload
let decisions: Decision[]

beforeEach(() => {
  programs = new Programs()
  storefront = programs.domain.workload('/storefront')
  decisions = []
})

const verifierWith = (options: Partial<VerifyCallerOptions> = {}) =>
  new CallerVerifier({
    workload: programs.connect('/orders'),
    audience: ['https://orders.example', 'orders'],
    policy: () => true,
    onDecision: (decision) => decisions.push(decision),
    ...options,
  })

function call(target = '/', wit = storefront.wit(programs.clock.now()), content: object = {}) {
  const wpt = storefront.proof(wit, { audience: 'orders', now: programs.clock.now(), ...content })
  return { method: 'GET', target, rawHeaders: ['Workload-Identity-Token', wit, 'Workload-Proof-Token', wpt] }
}

describe('CallerVerifier', () => {
  it('tells all about a caller that a handler may want to know', async () => {
    const caller = await verifierWith().verify(call())
    expect(caller).toMatchObject({
      binding: 'wpt',
      expiresAt: programs.clock.now() + 3600,
      audience: 'orders',
      accessToken: undefined,
      txnToken: undefined,
    })
    expect(caller.id.toString()).toBe('spiffe://shop.example/storefront')
    expect(caller.claims['sub']).toBe('spiffe://shop.example/storefront')
  })

  it('shows the policy caller, method and target', async () => {
    const policy = vi.fn(() => true)
    await verifierWith({ policy }).verify(call('/v1?a=b'))
    expect(policy).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ binding: 'wpt' }),
      expect.objectContaining({ method: 'GET', target: '/v1?a=b' }),
    )
  })

  it('asks the policy only about callers that are authentic', async () => {
    const policy = vi.fn(() => true)
    await expectCode(
      verifierWith({ policy }).verify({ method: 'GET', target: '/', rawHeaders: [] }),
      'ERR_CREDENTIAL_MISSING',
    )
    expect(policy).not.toHaveBeenCalled()
  })

  it('accepts each of its audiences', async () => {
    const verifier = verifierWith()
    await verifier.verify(call('/v1'))
    await verifier.verify(call('/v1', undefined, { audience: 'https://orders.example/v1' }))
    await expectCode(verifier.verify(call('/v1', undefined, { audience: 'payments' })), 'ERR_PROOF_AUDIENCE')
  })

  it('believes a federated domain until its trust is gone, also for tokens it has seen', async () => {
    const workload = programs.connect('/orders')
    const verifier = verifierWith({ workload })
    const wit = storefront.wit(programs.clock.now())
    await verifier.verify(call('/', wit))
    workload.trust.delete('spiffe://shop.example')
    await expectCode(verifier.verify(call('/', wit)), 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')
  })

  it('accepts nothing that WIT-SVID forbids', async () => {
    const key = generateSigningKey('EdDSA')
    const issuer = new WitIssuer(programs.domain.witKey, 'wimse')
    const wit = await issuer.issue({
      subject: storefront.id,
      confirmationKey: key.publicJwk,
      now: programs.clock.now(),
      ttlSeconds: 60,
    })
    await expectCode(verifierWith().verify(call('/', wit)), 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM')
  })

  it('tolerates as much clock difference as it was told', async () => {
    const wit = storefront.wit(programs.clock.now() - 3600 - 5)
    await verifierWith().verify(call('/', wit))
    await expectCode(verifierWith({ clockSkewSeconds: 5 }).verify(call('/', wit)), 'ERR_CREDENTIAL_EXPIRED')
    const late = { now: programs.clock.now() - 60 - 5 }
    await verifierWith().verify(call('/', undefined, late))
    await expectCode(verifierWith({ clockSkewSeconds: 5 }).verify(call('/', undefined, late)), 'ERR_PROOF_EXPIRED')
  })

  it('accepts proofs as long as it was told', async () => {
    const verifier = verifierWith({ maxProofLifetimeSeconds: 60, clockSkewSeconds: 0 })
    await verifier.verify(call('/', undefined, { ttlSeconds: 60 }))
    await expectCode(verifier.verify(call('/', undefined, { ttlSeconds: 61 })), 'ERR_PROOF_LIFETIME')
  })

  it.each([
    ['/v1/orders?token=secret', '/v1/orders'],
    ['/v1/orders#secret', '/v1/orders'],
    ['http://user:secret@orders.example/v1/orders?a', '/v1/orders'],
    ['/v1?a\nb', '/v1'],
    ['*', '*'],
  ])('records of the target %j the path alone', async (target, path) => {
    await verifierWith().verify(call(target))
    expect(decisions.map((decision) => decision.path)).toEqual([path])
  })

  it('warns of a failing policy when nobody else is told', async () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const failing = (error: unknown) =>
      verifierWith({
        policy: () => {
          throw error
        },
      })
    try {
      await expect(failing(new Error('broken policy')).verify(call())).rejects.toThrow('broken policy')
      await expect(failing('text').verify(call())).rejects.toBe('text')
      const warnings = emitWarning.mock.calls.map(([warning]) => `${warning}`.split('\n')[0])
      expect(warnings).toEqual([
        'verifyCaller answered 500: Error: broken policy',
        'verifyCaller answered 500: something that is no error was thrown',
      ])
    } finally {
      emitWarning.mockRestore()
    }
  })
})

describe('the life of an identity token', () => {
  it('is a day at most, unless configured', async () => {
    const now = programs.clock.now()
    await verifierWith().verify(call('/', storefront.wit(now, 86_400)))
    await expectCode(verifierWith().verify(call('/', storefront.wit(now, 86_500))), 'ERR_CREDENTIAL_LIFETIME')
    await verifierWith({ maxCredentialLifetimeSeconds: 100_000 }).verify(call('/', storefront.wit(now, 86_500)))
  })
})
