/** A broker: stands in for the processes named on its command line, and prints what it is given for each, until it ends. */
import { connectWorkloadApi, watch } from '@countersign/workload-api'
import { connectBrokerApi, referToPid } from '@countersign/workload-api/broker'

const [serverId, ...pids] = process.argv.slice(2)
const workloadApi = connectWorkloadApi()

async function ownIdentity() {
  for await (const identity of watch((signal) => workloadApi.fetchX509Svid(signal))) return identity
}

const broker = connectBrokerApi({ serverId, identity: await ownIdentity() })

async function standInFor(pid) {
  const print = (line) => console.log(JSON.stringify({ pid: Number(pid), ...line }))
  try {
    for await (const { svids } of broker.subscribeToX509Svid(referToPid(Number(pid)))) {
      print({ ids: svids.map(({ spiffeId }) => spiffeId) })
    }
  } catch (error) {
    print({ ended: error.code })
  }
}

await Promise.all(pids.map(standInFor))
broker.close()
workloadApi.close()
