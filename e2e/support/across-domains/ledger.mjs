// The bank's ledger: books for users of its partner, whom the bank's own token service vouches for. Says whom it saw.
import { createServer } from 'node:http'
import { allowWorkload, connect, PublishedKeys } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'

const workload = await connect()
const fromOrders = allowWorkload('spiffe://shop.example/orders')

/** Who acted, the last one first, and whose name for them it is. */
function chainOf(actor) {
  if (actor === undefined) return []
  const { subject, issuer, previous } = actor
  return [issuer === undefined ? { subject } : { subject, issuer }, ...chainOf(previous)]
}

createServer(
  { maxHeaderSize: 65_536 },
  verifyCaller(
    {
      workload,
      audience: process.env.LEDGER_URL,
      accessTokens: {
        ...{ issuer: process.env.BANK_ISSUER, audience: process.env.LEDGER_AUDIENCE },
        keys: new PublishedKeys(process.env.BANK_JWKS, workload.runtime),
      },
      policy: (caller, call) => caller.authorization.scopes.includes('orders.write') && fromOrders(caller, call),
      onDecision: (decision) => console.log(JSON.stringify({ decision })),
    },
    (request, response) => {
      const { id, binding, authorization } = request.caller
      response.end(
        JSON.stringify({
          ...{ caller: id.toString(), binding, client: authorization.clientId, scopes: authorization.scopes },
          ...{ user: authorization.subject, email: authorization.claims.email, chain: chainOf(authorization.actor) },
        }),
      )
    },
  ),
).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('{"ready":true}'))
