// A program with an identity: prints it, and again whenever it changes.
import { connectWorkloadApi, watch } from '@countersign/workload-api'

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const client = connectWorkloadApi({})
const onRetry = (error) => say({ retry: error.code })
for await (const { svids } of watch((signal) => client.fetchWitSvid({}, signal), {
  onRetry,
  backoff: { firstMs: 50, maxMs: 200 },
})) {
  say({ identities: svids.map(({ spiffeId }) => spiffeId) })
}
