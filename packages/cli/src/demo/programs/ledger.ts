/** The bank's books, in a trust domain of their own: only the shop's order service may write to them. */
import { randomUUID } from 'node:crypto'
import { allowWorkload, connect } from '@countersign/sdk'
import { verifyCaller } from '@countersign/sdk/http'
import { hopOf } from './hop-of.ts'
import { listen, readJson, say, setting } from './listen.ts'
import { takePayment } from './take-payment.ts'

const workload = await connect()

const book = verifyCaller(
  {
    workload,
    audience: setting('AUDIENCE'),
    policy: allowWorkload('spiffe://shop.example/orders'),
    clockSkewSeconds: 1,
    onDecision: say,
  },
  async (request, response) => {
    const startedAt = performance.now()
    const order = { ...((await readJson(request)) as object), booking: randomUUID() }
    response.end(JSON.stringify({ order, hops: [hopOf(request.caller, workload, startedAt)] }))
  },
)

const pay = takePayment(workload)
listen((request, response) => (request.url === '/payments' ? pay : book)(request, response))
