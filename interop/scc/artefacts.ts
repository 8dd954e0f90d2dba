import { readFile, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { join } from 'node:path'
import { encodePem } from '@countersign/protocol'
import { connectWorkloadApi, type WorkloadApiClient, watch } from '@countersign/workload-api'
import type { InteropTrustDomain } from '../support/trust-domain.ts'

const TIMEOUT_MS = 15_000
const AUDIENCE = 'spiffe://interop.example/orders'
const MAX_BUNDLE_BYTES = 1_048_576

/** One thing that we issue, as the checker takes it. */
export interface Artefact {
  readonly name: string
  readonly kind: 'id' | 'x509-svid' | 'jwt-svid' | 'wit-svid' | 'bundle'
  /** Text or the path of a file, as the kind has it. */
  readonly argument: string
}

/** Fetches one of everything for this very process, by the ways others get it. */
export async function collectArtefacts(
  domain: InteropTrustDomain,
  spiffeId: string,
  folder: string,
): Promise<Artefact[]> {
  const client = connectWorkloadApi({ address: domain.endpointSocket })
  try {
    const { svids } = await first((signal) => client.fetchX509Svid(signal))
    const [svid] = svids
    if (svid === undefined) throw new Error('no X509-SVID')
    const leaf = join(folder, 'leaf.pem')
    const root = join(folder, 'root.pem')
    // An agent of these suites has leaf and root only, so each field holds one certificate.
    await writeFile(leaf, encodePem([svid.x509Svid]))
    await writeFile(root, encodePem([svid.bundle]))
    const bundle = join(folder, 'bundle.json')
    await writeFile(bundle, await fetchBundle(domain))
    return [
      { name: 'SPIFFE ID', kind: 'id', argument: svid.spiffeId },
      {
        name: "SPIFFE ID of the agent's kind",
        kind: 'id',
        argument: `spiffe://${domain.name}/countersign/agent/interop`,
      },
      { name: 'X509-SVID', kind: 'x509-svid', argument: leaf },
      { name: 'signing certificate', kind: 'x509-svid', argument: root },
      { name: 'JWT-SVID', kind: 'jwt-svid', argument: await fetchJwtSvid(client, spiffeId) },
      { name: 'WIT-SVID', kind: 'wit-svid', argument: await fetchWitSvid(client, spiffeId) },
      { name: 'bundle', kind: 'bundle', argument: bundle },
    ]
  } finally {
    client.close()
  }
}

async function fetchJwtSvid(client: WorkloadApiClient, spiffeId: string): Promise<string> {
  const { svids } = await client.fetchJwtSvid({ audience: [AUDIENCE], spiffeId }, AbortSignal.timeout(TIMEOUT_MS))
  return only(svids, 'JWT-SVID').svid
}

async function fetchWitSvid(client: WorkloadApiClient, spiffeId: string): Promise<string> {
  const { svids } = await first((signal) => client.fetchWitSvid({ spiffeId }, signal))
  return only(svids, 'WIT-SVID').witSvid
}

/** An agent that has just attested may not know its entries yet. */
async function first<T>(open: (signal: AbortSignal) => AsyncIterable<T>): Promise<T> {
  for await (const message of watch(open, { signal: AbortSignal.timeout(TIMEOUT_MS) })) return message
  throw new Error('no answer of the agent in time')
}

function only<T>(list: readonly T[], what: string): T {
  const [item] = list
  if (item === undefined || list.length !== 1) throw new Error(`${list.length} of ${what}`)
  return item
}

/** As another trust domain would, by `https_web`. */
async function fetchBundle({ bundleEndpointUrl, publicRootFile }: InteropTrustDomain): Promise<string> {
  const ca = await readFile(publicRootFile)
  return new Promise((resolve, reject) => {
    const call = get(bundleEndpointUrl, { ca, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_BUNDLE_BYTES) call.destroy(new Error('bundle is too large'))
        else chunks.push(chunk)
      })
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    })
    call.on('timeout', () => call.destroy(new Error('no bundle in time')))
    call.on('error', reject)
  })
}
