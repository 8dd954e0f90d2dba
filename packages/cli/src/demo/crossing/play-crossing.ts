import { isDeepStrictEqual } from 'node:util'
import { DemoError } from '../demo-error.ts'
import type { Places } from '../places.ts'
import type { CapturedRequest, Tap } from '../tap.ts'
import type { Customer } from './customer.ts'
import { type CheckoutAnswer, isCheckoutAnswer } from './sighting.ts'

/** What the bank saw of a user who signed in at the shop, held against what it had to see. */
export interface CrossingOutcome extends CheckoutAnswer {
  /** Where the user signed in. */
  readonly login: string
  readonly verified: boolean
  /** What was wrong with it, when not verified. */
  readonly problem: string | undefined
}

export interface Crossing {
  readonly outcome: CrossingOutcome
  /** Of the user: for the attackers. */
  readonly accessToken: string
  /** The storefront's request to the order service, as it went over the wire. */
  readonly checkout: CapturedRequest
}

/** A user signs in at the shop and pays at the bank. */
export async function playCrossing(customer: Customer, { urls, issuers }: Places, tap: Tap): Promise<Crossing> {
  const accessToken = await customer.signIn()
  const response = await fetch(`${urls.storefront}/checkout`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ order: '4711' }),
  })
  const answer: unknown = await response.json()
  const checkout = tap.captured.find(({ target }) => target === '/checkout')
  if (response.status !== 200 || !isCheckoutAnswer(answer) || checkout === undefined) {
    throw new DemoError('ERR_DEMO_PROGRAM_FAILED', 'the checkout was not taken', {
      detail: JSON.stringify({ status: response.status, answer }),
    })
  }
  return {
    outcome: { ...answer, login: issuers.login, ...judge(answer, customer, issuers.shop) },
    accessToken,
    checkout,
  }
}

function judge({ transaction, sighting }: CheckoutAnswer, { name, email }: Customer, shopIssuer: string) {
  const [storefront, orders] = ['spiffe://shop.example/storefront', 'spiffe://shop.example/orders']
  const expected = {
    user: `shop/${name}`,
    email,
    caller: orders,
    binding: 'wpt',
    scopes: ['payments.write'],
    chain: [{ subject: orders }, { subject: storefront, issuer: shopIssuer }],
  }
  const isSeen = isDeepStrictEqual(sighting, expected)
  const verified = isSeen && transaction.subject === name && transaction.requestedBy === storefront
  return { verified, problem: verified ? undefined : `expected ${JSON.stringify(expected)}` }
}
