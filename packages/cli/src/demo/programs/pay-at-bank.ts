import type { RequestListener } from 'node:http'
import { allowWorkload, currentTransaction, PublishedKeys, type Workload } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'
import { readJson, say, setting } from './listen.ts'
import { askForGrant, bringGrant, payAtLedger } from './token-request.ts'

/**
 * The order service's part of a checkout: called in the customer's transaction, it gets a grant for the bank, of the bank an
 * access token, and has the ledger book the payment.
 */
export function payAtBank(workload: Workload): RequestListener {
  return verifyCaller(
    {
      workload,
      audience: setting('AUDIENCE'),
      policy: allowWorkload('spiffe://shop.example/storefront'),
      transactions: {
        trustDomain: 'shop.example',
        keys: new PublishedKeys(`${setting('SHOP_ISSUER')}/jwks`, workload.runtime),
      },
      clockSkewSeconds: 1,
      onDecision: say,
    },
    async (request, response) => {
      const body = JSON.stringify(await readJson(request))
      const { content, token } = currentTransaction() ?? {}
      const grant = await askForGrant(workload, (await token?.()) ?? '')
      const accessToken = grant.token === undefined ? grant : await bringGrant(workload, grant.token)
      if (accessToken.token === undefined) {
        response.writeHead(502).end(JSON.stringify({ code: accessToken.refused }))
        return
      }
      const sighting = await payAtLedger(workload, accessToken.token, body)
      const transaction = {
        id: content?.transactionId,
        subject: content?.subject,
        requestedBy: content?.requestingWorkload,
      }
      response.writeHead(sighting.status).end(JSON.stringify({ transaction, sighting: sighting.body }))
    },
  )
}
