import type { RequestListener } from 'node:http'
import type { Actor } from '@countersign/protocol/exchange'
import { allowWorkload, type Policy, PublishedKeys, type Workload } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'
import type { SeenActor, Sighting } from '../crossing/sighting.ts'
import { say, setting } from './listen.ts'

const fromOrders = allowWorkload('spiffe://shop.example/orders')
const mayPay: Policy = (caller, call) =>
  caller.authorization?.scopes.includes('payments.write') === true && fromOrders(caller, call)

/** The ledger's part of a checkout: takes payments for whom the bank's own token service vouches, and says whom it saw. */
export function takePayment(workload: Workload): RequestListener {
  const issuer = setting('BANK_ISSUER')
  return verifyCaller(
    {
      workload,
      audience: setting('AUDIENCE'),
      policy: mayPay,
      accessTokens: {
        issuer,
        audience: setting('AUDIENCE'),
        keys: new PublishedKeys(`${issuer}/jwks`, workload.runtime),
      },
      clockSkewSeconds: 1,
      onDecision: say,
    },
    (request, response) => {
      const { id, binding, authorization } = request.caller
      const email = authorization?.claims['email']
      const sighting: Sighting = {
        user: authorization?.subject ?? '',
        email: typeof email === 'string' ? email : undefined,
        caller: id.toString(),
        binding,
        scopes: authorization?.scopes ?? [],
        chain: chainOf(authorization?.actor),
      }
      response.end(JSON.stringify(sighting))
    },
  )
}

function chainOf(actor: Actor | undefined): readonly SeenActor[] {
  if (actor === undefined) return []
  const { subject, issuer, previous } = actor
  return [issuer === undefined ? { subject } : { subject, issuer }, ...chainOf(previous)]
}
