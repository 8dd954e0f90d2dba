/**
 * A user signs in at a login server; the gateway of the shop begins a transaction for the access token; the shop's order service,
 * called in it, gets a grant for the bank, and of the bank's token service an access token; the bank's ledger sees user, caller
 * and chain. Whoever tries another way is refused, and for its own reason.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AcrossDomains, issuerOf, startAcrossDomains, type Tokens } from './support/across-domains/world.ts'
import type { Program } from './support/program.ts'
import type { TrustDomain } from './support/trust-domain.ts'

const GATEWAY = 'spiffe://shop.example/gateway'
const ORDERS = 'spiffe://shop.example/orders'

const domains: TrustDomain[] = []
let world: AcrossDomains
let alice: Tokens

beforeAll(async () => {
  world = await startAcrossDomains(domains)
  alice = await world.signIn('alice', 'orders.write orders.brief')
}, 120_000)
afterAll(() => Promise.all(domains.map((domain) => domain.remove())))

const eventsOf = (server: Program, event: string) => server.log.filter((line) => line['event'] === event)

describe('a user across domains', () => {
  it('is seen by the service of the other domain, with caller and chain, and found in every audit', async () => {
    const { status, body } = await world.call('/orders', alice.accessToken)
    expect(status, JSON.stringify(body)).toBe(200)
    const shopIssuer = issuerOf(world.shop)
    expect(body).toEqual({
      transactionId: expect.stringMatching(/^[\w-]{22}$/),
      requestingWorkload: GATEWAY,
      booking: {
        user: 'shop/alice',
        email: 'alice@shop.example',
        caller: ORDERS,
        binding: 'wpt',
        client: ORDERS,
        scopes: ['orders.write'],
        // The bank saw the order service itself; of the gateway it has the shop's word.
        chain: [{ subject: ORDERS }, { subject: GATEWAY, issuer: shopIssuer }],
      },
    })
    const { transactionId } = body
    expect(eventsOf(world.shopServer, 'token.issued')).toMatchObject([
      { profile: 'transaction-token', client: GATEWAY, subject: 'alice', transactionId },
      { profile: 'authorization-grant', client: ORDERS, subject: 'alice', transactionId },
    ])
    const [issued] = eventsOf(world.bankServer, 'token.issued')
    expect(issued).toMatchObject({ grant: 'jwt-bearer', client: ORDERS, subjectIssuer: 'shop', subject: 'shop/alice' })
    const isDecided = () => world.ledger.stdout.includes(`"accessTokenId":"${issued?.['tokenId']}"`)
    await world.ledger.until(isDecided, 'its decision is told')
  })

  it('keeps the access token at the gateway: no server, log or service further on has it', async () => {
    const secret = alice.accessToken.split('.')[2] as string
    for (const program of [world.shopServer, world.bankServer, world.ledger])
      expect(program.output).not.toContain(secret)
  })

  it.each<[string, string, string]>([
    ['a grant comes again', '/replay', '400 invalid_grant'],
    ['a grant is for another domain', '/other-domain', '400 invalid_grant'],
    ['a grant is asked for a domain that no rule names', '/unknown-domain', '400 invalid_target'],
    ['a grant is asked for two domains', '/two-domains', '400 invalid_target'],
    ['more scope is asked for at home', '/more-scope-at-home', '400 invalid_scope'],
    ['more scope is asked for there', '/more-scope-there', '400 invalid_scope'],
    ['a transaction token is shown for a grant', '/transaction-token-there', '400 invalid_grant'],
    ['a grant is shown for an access token', '/grant-as-access-token', '401 ERR_CREDENTIAL_TYPE'],
    ['a workload that no rule names asks for a grant', '/ask-for-grant', '400 unauthorized_client'],
    ["a workload brings another one's grant", '/bring-grant-of-another', '400 unauthorized_client'],
    ["a workload uses another one's access token", '/use-token-of-another', '403 ERR_POLICY_ACCESS_TOKEN'],
    ["the user's access token is shown for a grant", '/bring-access-token', '400 invalid_grant'],
    ["the user's access token is shown to the service", '/use-access-token', '401 ERR_CREDENTIAL_ISSUER'],
  ])('refuses when %s', async (_, path, expected) => {
    const { body } = await world.call(path, alice.accessToken)
    expect(body).toMatchObject({ refused: expected })
  })

  it('gives no grant when the transaction is over', async () => {
    const { body } = await world.call('/late?scope=orders.brief', alice.accessToken)
    expect(body).toMatchObject({ refused: '400 invalid_request' })
    const reasons = eventsOf(world.shopServer, 'token.refused').map(({ reason }) => reason)
    expect(reasons).toContain('ERR_CREDENTIAL_EXPIRED')
  })

  it.each<[string, () => string | Promise<string>]>([
    ['an ID token', () => alice.idToken],
    ['no token of the login server', () => 'a.b.c'],
    ['a token that was changed', () => `${alice.accessToken.slice(0, -6)}AAAAAA`],
    ['a token of a user who did not allow it', async () => (await world.signIn('bob', 'orders.read')).accessToken],
  ])('begins nothing for %s', async (_, token) => {
    const { status, body } = await world.call('/orders', await token())
    expect(status).toBe(403)
    expect(body).toMatchObject({ refused: 'ERR_SDK_TOKEN_REFUSED' })
  })
})
