/** Holds on to an identity that lives for seconds, lets it expire, and then calls with a fresh proof all the same. */
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@countersign/sdk'
import { say, setting } from './listen.ts'

await using workload = await connect()
const { id, wit, proofs, expiresAt } = workload.identity
say({ event: 'holding', id: id.toString(), expiresAt })
// One second beyond what the service tolerates of clock difference.
await sleep(Math.max(0, (expiresAt + 2) * 1000 - Date.now()))
const target = setting('STOREFRONT_URL')
const now = Math.floor(Date.now() / 1000)
const response = await fetch(`${target}/whoami`, {
  headers: {
    'workload-identity-token': wit,
    'workload-proof-token': await proofs.build({ audience: `${target}/whoami`, now }),
  },
})
say({ event: 'answer', status: response.status, body: await response.json() })
