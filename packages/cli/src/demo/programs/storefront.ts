/** The shop's front door: takes orders from its shoppers and hands them on. Customers who signed in check out here too. */
import { allowTrustDomain, connect } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'
import type { OrderAnswer } from '../hop.ts'
import { beginCheckout } from './begin-checkout.ts'
import { hopOf } from './hop-of.ts'
import { listen, readJson, say, setting } from './listen.ts'

const workload = await connect()

const takeOrder = verifyCaller(
  {
    workload,
    audience: setting('AUDIENCE'),
    policy: allowTrustDomain('shop.example'),
    clockSkewSeconds: 1,
    onDecision: say,
  },
  async (request, response) => {
    const startedAt = performance.now()
    if (request.url === '/whoami') {
      response.end(`you are ${request.caller.id}, proved by ${request.caller.binding}\n`)
      return
    }
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (request.caller.accessToken !== undefined) headers['authorization'] = `Bearer ${request.caller.accessToken}`
    const answer = await workload.fetch(`${setting('ORDERS_URL')}/orders`, {
      method: 'POST',
      headers,
      body: JSON.stringify(await readJson(request)),
    })
    const { order, hops } = (await answer.json()) as OrderAnswer
    response.end(JSON.stringify({ order, hops: [...(hops ?? []), hopOf(request.caller, workload, startedAt)] }))
  },
)

const checkout = beginCheckout(workload)
listen((request, response) => (request.url === '/checkout' ? checkout : takeOrder)(request, response))
