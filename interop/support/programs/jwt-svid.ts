/** A workload that prints a JWT-SVID for each audience, a line each. `node jwt-svid.ts AUDIENCE …` */
import { connectWorkloadApi } from '@countersign/workload-api'

const api = connectWorkloadApi({})
for (const audience of process.argv.slice(2)) {
  const { svids } = await api.fetchJwtSvid({ audience: [audience] })
  for (const { svid } of svids.slice(0, 1)) console.log(svid)
}
api.close()
