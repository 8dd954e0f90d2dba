/** Calls the service through nginx in every way there is, and prints what came of it: one JSON object per line. */
import { setTimeout as pause } from 'node:timers/promises'
import { connect, responderOf, type Workload, type WorkloadRequestInit } from '@countersign/sdk'

interface Options {
  readonly proxy: string
  readonly changing: string
  readonly tls: string
  readonly orders: string
  readonly storefront: string
  readonly nginx: string
  readonly trafficMs: number
}

const options = JSON.parse(process.argv[2] as string) as Options
const workload = await connect()
const BODY = '{"item":"lamp"}'
const post: WorkloadRequestInit = { method: 'POST', body: BODY, headers: { 'content-type': 'application/json' } }
let failed = 0

await check('a proof token is good behind a proxy that rewrites Host', async () => {
  const seen = await seenBy(workload.fetch(`${options.proxy}/v1?a=b%20c`, post))
  expect(seen['binding'] === 'wpt' && seen['host'] === 'internal.example' && seen['id'] === options.storefront, seen)
})

await check('a signature is good behind a proxy that rewrites Host, and so is the signed response', async () => {
  const init = { ...post, proof: 'http-signature', peer: options.orders } as const
  const response = await workload.fetch(`${options.proxy}/v1?a=b%20c`, init)
  const responder = responderOf(response)?.toString()
  const seen = await seenBy(Promise.resolve(response))
  expect(seen['binding'] === 'http-signature' && seen['host'] === 'internal.example', seen)
  expect(responder === options.orders && seen['body'] === BODY, { responder })
})

await check('content that the proxy changed is refused where it is signed', async () => {
  const response = await workload.fetch(`${options.changing}/v1`, {
    ...post,
    proof: 'http-signature',
    audience: `${options.proxy}/v1`,
  })
  const { code } = (await response.json()) as { code: string }
  expect(response.status === 400 && code === 'ERR_SIGNATURE_DIGEST_MISMATCH', { status: response.status, code })
})

await check('content that the proxy changed passes with a proof token, which does not cover it', async () => {
  const seen = await seenBy(workload.fetch(`${options.changing}/v1`, { ...post, audience: `${options.proxy}/v1` }))
  expect(seen['body'] === '{"item":"safe"}', seen)
})

await check('a response that the proxy changed is refused where it is signed', async () => {
  const init = { proof: 'http-signature', signResponse: true, audience: `${options.proxy}/response` } as const
  const code = await codeOf(workload.fetch(`${options.changing}/response`, init))
  expect(code === 'ERR_SIGNATURE_DIGEST_MISMATCH', { code })
})

await check('mutual TLS with nginx on both sides, the proof token through it', async () => {
  const init = { ...post, proof: ['mtls', 'wpt'], peer: options.nginx, audience: `${options.proxy}/v1` } as const
  const seen = await seenBy(workload.fetch(`${options.tls}/v1`, init))
  expect(seen['id'] === options.storefront && seen['tlsPeer'] === options.nginx && seen['binding'] === 'wpt', seen)
})

await check('mutual TLS alone shows the service who stands before it: nginx', async () => {
  const seen = await seenBy(workload.fetch(`${options.tls}/v1`, { ...post, proof: 'mtls', peer: options.nginx }))
  expect(seen['id'] === options.nginx && seen['binding'] === 'mtls', seen)
})

await check('nginx is not taken for the service', async () => {
  const code = await codeOf(workload.fetch(`${options.tls}/v1`, { ...post, proof: 'mtls', peer: options.orders }))
  expect(code === 'ERR_CERTIFICATE_UNEXPECTED_PEER', { code })
})

await check('nginx lets nobody in without a certificate', async () => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  const status = await fetch(`${options.tls}/v1`).then(({ status }) => status)
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '1'
  expect(status === 400, { status })
})

await check('no request fails while all certificates are replaced', async () => {
  const init = { ...post, proof: ['mtls', 'wpt'], peer: options.nginx, audience: `${options.proxy}/v1` } as const
  const until = Date.now() + options.trafficMs
  const mutualTls = await workload.mutualTls()
  const certificates = new Set<string>()
  const failures: string[] = []
  let requests = 0
  let repeated = 0
  const attempt = () =>
    workload
      .fetch(`${options.tls}/v1`, init)
      .then(async (response) => response.status === 200 && (await response.text()))
      .then((text) => text || Promise.reject(new Error('refused')))
  // A reload of nginx ends its idle connections: a request that was just being sent on one is sent again, once.
  const repeat = (error: unknown) => {
    if (!wasClosed(error)) throw error
    repeated += 1
    return attempt()
  }
  const lane = async () => {
    while (Date.now() < until) {
      requests += 1
      await attempt()
        .catch(repeat)
        .catch((error) => failures.push(reasonOf(error)))
      certificates.add(Buffer.from(mutualTls.certificate.certificate).toString('base64'))
      await pause(20)
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()])
  const facts = { requests, failed: failures.length, certificates: certificates.size, first: failures[0] }
  expect(failures.length === 0 && certificates.size >= 3 && requests > 100, facts)
  expect(repeated < requests / 100, { repeated })
  return `${requests} requests, ${certificates.size} certificates, 0 failed, ${repeated} sent again`
})

workload.close()
process.exitCode = failed === 0 ? 0 : 1

async function seenBy(call: ReturnType<Workload['fetch']>): Promise<Record<string, unknown>> {
  const response = await call
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`)
  return (await response.json()) as Record<string, unknown>
}

async function codeOf(call: Promise<Response>): Promise<unknown> {
  return call.then(
    ({ status }) => `status ${status}`,
    (error: { code?: unknown }) => error.code,
  )
}

async function check(name: string, run: () => Promise<unknown>): Promise<void> {
  try {
    const detail = await run()
    console.log(
      JSON.stringify({ check: name, ok: true, detail: detail === undefined ? 'as expected' : String(detail) }),
    )
  } catch (error) {
    failed += 1
    console.log(JSON.stringify({ check: name, ok: false, detail: reasonOf(error) }))
  }
}

function expect(holds: boolean, facts: object): void {
  if (!holds) throw new Error(JSON.stringify(facts))
}

/** The other end of a kept connection had closed it. */
function wasClosed(error: unknown): boolean {
  return ((error as Error).cause as { code?: unknown } | undefined)?.code === 'UND_ERR_SOCKET'
}

function reasonOf(error: unknown): string {
  const { message, code, detail, cause } = error as { message: string; code?: string; detail?: string; cause?: unknown }
  return [message, code, detail, cause instanceof Error ? cause.message : undefined].filter(Boolean).join(': ')
}
