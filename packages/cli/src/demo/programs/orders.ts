/** Keeps the shop's orders. Only the storefront may place them; payment is booked by a service of another trust domain. */
import { allowWorkload, connect } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'
import type { OrderAnswer } from '../hop.ts'
import { hopOf } from './hop-of.ts'
import { listen, readJson, say, setting } from './listen.ts'
import { payAtBank } from './pay-at-bank.ts'

const workload = await connect()

const keepOrder = verifyCaller(
  {
    workload,
    audience: setting('AUDIENCE'),
    policy: allowWorkload('spiffe://shop.example/storefront'),
    clockSkewSeconds: 1,
    onDecision: say,
  },
  async (request, response) => {
    const startedAt = performance.now()
    const answer = await workload.fetch(`${setting('LEDGER_URL')}/bookings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(await readJson(request)),
    })
    const { order, hops } = (await answer.json()) as OrderAnswer
    response.end(JSON.stringify({ order, hops: [...(hops ?? []), hopOf(request.caller, workload, startedAt)] }))
  },
)

const pay = payAtBank(workload)
listen((request, response) => (request.url === '/checkout' ? pay : keepOrder)(request, response))
