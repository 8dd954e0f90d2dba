// A program that wants to verify others: prints the roots of every trust domain it may believe, and again on each change.
import { createHash, X509Certificate } from 'node:crypto'
import { connectWorkloadApi, watch } from '@countersign/workload-api'

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const client = connectWorkloadApi({})
for await (const { bundles } of watch((signal) => client.fetchX509Bundles(signal), {
  onRetry: (error) => say({ retry: error.code }),
  backoff: { firstMs: 50, maxMs: 200 },
})) {
  say({ roots: Object.fromEntries(Object.entries(bundles).map(([id, der]) => [id, fingerprints(der)])) })
}

/** Of certificates that follow one another without anything between them. */
function fingerprints(der) {
  const found = []
  for (let rest = der; rest.length > 0; ) {
    const { raw } = new X509Certificate(rest)
    found.push(createHash('sha256').update(raw).digest('hex'))
    rest = rest.subarray(raw.length)
  }
  return found
}
