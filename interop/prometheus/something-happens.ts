import { request } from 'node:https'
import type { ServerStatus, TrustDomainBundle } from '@countersign/api'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { connectWorkloadApi } from '@countersign/workload-api'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import { until } from '../support/until.ts'

const PARTNER = 'partner.test'

/** Makes server and agent do, and refuse, one of each thing that is counted. */
export async function makeSomethingHappen(domain: InteropTrustDomain): Promise<void> {
  const client = connectWorkloadApi({ address: domain.endpointSocket })
  try {
    // No entry yet.
    await client.fetchJwtSvid({ audience: ['a'] }).catch(() => {})
    await federateInVain(domain)
    await guessToken((await domain.admin<ServerStatus>('GET', '/v1/status')).listeners.machine)
    const selectors = [{ type: 'unix', value: `uid:${process.getuid?.() ?? 0}` }]
    await domain.register({ spiffeId: `spiffe://${domain.name}/orders`, selectors })
    await until(() => client.fetchJwtSvid({ audience: ['a'] }).catch(() => undefined), 'a JWT-SVID')
    const stream = client.fetchX509Svid()[Symbol.asyncIterator]()
    await stream.next()
    // Pushed to the stream that is open.
    await domain.register({ spiffeId: `spiffe://${domain.name}/billing`, selectors })
    await stream.next()
    await stream.return?.()
  } finally {
    client.close()
  }
}

/** A relationship whose endpoint is refused; its bundle is given by hand. */
async function federateInVain(domain: InteropTrustDomain): Promise<void> {
  const { bundle } = await domain.admin<TrustDomainBundle>('GET', `/v1/bundles/${domain.name}`)
  const endpoint = { bundleEndpointUrl: 'https://127.0.0.1:1/', profile: 'https_web' }
  await domain.admin('POST', '/v1/federations', { trustDomain: PARTNER, ...endpoint, bundle })
  await domain.admin('POST', `/v1/federations/${PARTNER}/refresh`)
}

function guessToken(machineUrl: string): Promise<void> {
  const body = JSON.stringify({
    attestor: 'join-token',
    evidence: { token: 'guess' },
    publicKey: generateSigningKey('ES256').publicJwk,
  })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const url = new URL('/v1/agent/attest', machineUrl)
    const call = request(url, { method: 'POST', headers, rejectUnauthorized: false, agent: false }, (response) => {
      response.resume()
      response.once('end', resolve)
    })
    call.once('error', reject)
    call.end(body)
  })
}
