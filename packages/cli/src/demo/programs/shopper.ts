/** A client of the shop: places one order, or (with LEDGER_URL) tries to write to the bank's books itself. */
import { connect } from '@countersign/sdk'
import { say, setting } from './listen.ts'

await using workload = await connect()
const target = process.env['LEDGER_URL'] ?? `${setting('STOREFRONT_URL')}/orders`
const response = await workload.fetch(target, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${setting('CUSTOMER_TOKEN')}` },
  body: JSON.stringify({ item: 'lamp', quantity: 2 }),
})
say({ event: 'answer', status: response.status, body: await response.json() })
