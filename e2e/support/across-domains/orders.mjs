// The shop's order service: called in a transaction, it has the order booked at the bank. For that it needs a grant of its own
// domain and an access token of the bank. Other paths try what must not work.
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { allowWorkload, connect, currentTransaction, PublishedKeys } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'
import { askForGrant, bringGrant, callLedger, Refused } from './token-endpoint.mjs'

const POLL_MS = 100
const MAX_POLLS = 300

const workload = await connect()
const keys = new PublishedKeys(process.env.SHOP_JWKS, workload.runtime)
const grantFor = async (form) => askForGrant(workload, await currentTransaction().token(), form)

const paths = {
  '/orders': async () => {
    const { transactionId, requestingWorkload } = currentTransaction().content
    const booking = await callLedger(workload, await bringGrant(workload, await grantFor()))
    return { transactionId, requestingWorkload, booking }
  },
  '/give-away': async () => {
    const grant = await grantFor()
    return { grant, token: await bringGrant(workload, await grantFor()) }
  },
  '/replay': async () => {
    const grant = await grantFor()
    await bringGrant(workload, grant)
    return bringGrant(workload, grant)
  },
  '/other-domain': async () => bringGrant(workload, await grantFor({ resource: process.env.OTHER_ISSUER })),
  '/unknown-domain': () => grantFor({ resource: 'https://id.nobody.example/oauth2' }),
  '/two-domains': () => grantFor({ audience: process.env.OTHER_ISSUER }),
  '/more-scope-at-home': () => grantFor({ scope: 'orders.write orders.read' }),
  '/more-scope-there': async () => bringGrant(workload, await grantFor(), { scope: 'orders.write orders.read' }),
  '/transaction-token-there': async () => bringGrant(workload, await currentTransaction().token()),
  '/grant-as-access-token': async () => callLedger(workload, await grantFor()),
  // Until the transaction is over; it must not be for ever.
  '/late': async () => {
    for (let polls = 0; polls < MAX_POLLS; polls += 1) {
      await grantFor({ scope: 'orders.brief' })
      await pause(POLL_MS)
    }
    return 'for ever'
  },
}

createServer(
  { maxHeaderSize: 65_536 },
  verifyCaller(
    {
      workload,
      audience: process.env.ORDERS_URL,
      policy: allowWorkload('spiffe://shop.example/gateway'),
      transactions: { trustDomain: 'shop.example', keys, required: false },
    },
    async (request, response) => {
      try {
        response.end(JSON.stringify(await paths[request.url]()))
      } catch (error) {
        const refused = error instanceof Refused ? error.message : String(error)
        response.writeHead(403).end(JSON.stringify({ refused }))
      }
    },
  ),
).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('{"ready":true}'))
