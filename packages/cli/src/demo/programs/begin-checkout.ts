import type { RequestListener } from 'node:http'
import { errorCode } from '@countersign/protocol'
import { TransactionTokens, type Workload } from '@countersign/sdk'
import { readJson, setting } from './listen.ts'

/**
 * The storefront's part of a checkout: begins a transaction for the customer's access token, and calls on in it. The access token
 * goes no further. Whether it is good, the token service says.
 */
export function beginCheckout(workload: Workload): RequestListener {
  const transactions = new TransactionTokens({
    workload,
    tokenEndpoint: `${setting('SHOP_ISSUER')}/token`,
    trustDomain: 'shop.example',
  })
  return async (request, response) => {
    const accessToken = request.headers.authorization?.replace(/^Bearer /i, '') ?? ''
    try {
      const order = (await readJson(request)) as { readonly order: string }
      const transaction = transactions.begin(accessToken, { scope: 'payments.write', details: { order: order.order } })
      const answer = await transaction.run(() =>
        workload.fetch(`${setting('ORDERS_URL')}/checkout`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(order),
        }),
      )
      response.writeHead(answer.status).end(await answer.text())
    } catch (error) {
      response.writeHead(403).end(JSON.stringify({ code: errorCode(error) ?? 'ERR_INTERNAL' }))
    }
  }
}
