/** A program of its own: prints the identities it is given and ends. Waits until it has one. */
import { connectWorkloadApi, watch } from '@countersign/workload-api'

const client = connectWorkloadApi({ address: process.argv[2] })
const schedule = (_delayMs: number, run: () => void) => {
  const timer = setTimeout(run, 50)
  return () => clearTimeout(timer)
}
for await (const { svids } of watch((signal) => client.fetchX509Svid(signal), { schedule })) {
  console.log(svids.map(({ spiffeId }) => spiffeId).join(' '))
  break
}
client.close()
