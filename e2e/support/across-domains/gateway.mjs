// The shop's entrance: takes the user's access token, begins a transaction for it, and calls the order service in it. What it
// tries besides, when it is told to, is not its business.
import { createServer } from 'node:http'
import { connect, TransactionTokens } from '@countersign/sdk'
import { askForGrant, bringGrant, callLedger, Refused } from './token-endpoint.mjs'

const workload = await connect()
const transactions = new TransactionTokens({
  workload,
  tokenEndpoint: process.env.SHOP_TOKEN_ENDPOINT,
  trustDomain: 'shop.example',
})

const callOrders = async (path) => {
  const response = await workload.fetch(`${process.env.ORDERS_URL}${path}`, { method: 'POST' })
  return { status: response.status, body: await response.json() }
}

/** What the order service would never hand out. */
const given = async (transaction) => (await transaction.run(() => callOrders('/give-away'))).body

const attempts = {
  'ask-for-grant': async (transaction) => askForGrant(workload, await transaction.token()),
  'bring-grant-of-another': async (transaction) => bringGrant(workload, (await given(transaction)).grant),
  'use-token-of-another': async (transaction) => callLedger(workload, (await given(transaction)).token),
  'bring-access-token': async (_, accessToken) => bringGrant(workload, accessToken),
  'use-access-token': async (_, accessToken) => callLedger(workload, accessToken, 'Bearer'),
}

createServer(async (request, response) => {
  const accessToken = request.headers.authorization?.replace('Bearer ', '') ?? ''
  const { pathname, searchParams } = new URL(request.url, 'http://gateway')
  const scope = searchParams.get('scope') ?? 'orders.write'
  const transaction = transactions.begin(accessToken, { scope, details: { order: '4711' } })
  const attempt = attempts[pathname.slice(1)]
  try {
    const { status, body } = await (attempt === undefined
      ? transaction.run(() => callOrders(pathname))
      : attempt(transaction, accessToken).then((given) => ({ status: 200, body: { given } })))
    response.writeHead(status).end(JSON.stringify(body))
  } catch (error) {
    const refused = error instanceof Refused ? error.message : (error.code ?? String(error))
    response.writeHead(403).end(JSON.stringify({ refused, reason: error.message }))
  }
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('{"ready":true}'))
