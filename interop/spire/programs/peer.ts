/**
 * A workload that knows nothing but our sdk: a service behind mutual TLS, or a caller of one. Takes the same options and
 * prints the same lines as the program in `../peer`.
 */
import { parseArgs } from 'node:util'
import { WorkloadId } from '@countersign/protocol'
import { connect } from '@countersign/sdk'
import { connectWorkloadApi } from '@countersign/workload-api'
import { ask } from './ask.ts'
import { serve } from './serve.ts'

const { values } = parseArgs({
  options: {
    peer: { type: 'string' },
    to: { type: 'string' },
    count: { type: 'string', default: '1' },
    'every-ms': { type: 'string', default: '1000' },
  },
})

await using workload = await connect()
const client = connectWorkloadApi()
const parts = { workload, client, mutualTls: await workload.mutualTls(), peer: WorkloadId.parse(values.peer ?? '') }
if (values.to === undefined) await serve(parts)
else await ask(parts, values.to, Number(values.count), Number(values['every-ms']))
client.close()
