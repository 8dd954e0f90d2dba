/** A program nobody registered: asks the agent for an identity all the same. */
import { errorCode } from '@countersign/protocol'
import { connectWorkloadApi } from '@countersign/workload-api'
import { say } from './listen.ts'

const client = connectWorkloadApi({})
try {
  for await (const { svids } of client.fetchWitSvid()) {
    say({ event: 'answer', code: undefined, identities: svids.length })
    break
  }
} catch (error) {
  say({ event: 'answer', code: errorCode(error) ?? String(error) })
} finally {
  client.close()
}
