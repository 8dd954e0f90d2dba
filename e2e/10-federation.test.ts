/**
 * Two trust domains federate, each by another profile, while everything runs: refusals are told, corrections count at
 * once, and a rotated authority of the one reaches the workloads of the other by itself.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/bundles.mjs', import.meta.url))

/** An authority of the partner ends after a minute; its successor is published when half of that is over. */
const SHORT_AUTHORITY = 'authorities: { x509Ttl: 60 }'
const SPIFFE_ENDPOINT = 'bundle: { refreshHint: 1, spiffeEndpoint: { host: 127.0.0.1, port: 0 } }'
const ROTATION_PATIENCE_MS = 150_000
const PARTNER = 'spiffe://partner.example'

let ours: TrustDomain
let theirs: TrustDomain
beforeEach(async () => {
  ours = await TrustDomain.create('example.org')
  theirs = await TrustDomain.create('partner.example', `${SHORT_AUTHORITY}\n${SPIFFE_ENDPOINT}\n`)
})
afterEach(() => Promise.all([ours.remove(), theirs.remove()]))

/** Starts agent and workload, which may verify the workloads of `other`. */
async function startWorkload(domain: TrustDomain, other: string): Promise<Program> {
  const parent = await domain.invite()
  await domain.startAgent()
  const id = `spiffe://${domain.name}/app`
  const selector = `--selector=unix:uid:${process.getuid?.()}`
  await domain.admin('entry', 'create', '--id', id, '--parent', parent, selector, '--federates-with', other)
  const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await workload.until(() => rootsOf(workload, `spiffe://${domain.name}`).length > 0, 'it has an identity')
  return workload
}

/** What a workload was told last. */
function rootsOf(workload: Program, trustDomainId: string): readonly string[] {
  const lines = workload.output.split('\n').filter((line) => line.startsWith('{"roots"'))
  return JSON.parse(lines.at(-1) ?? '{"roots":{}}').roots[trustDomainId] ?? []
}

const startedAs = (server: Program) => server.log.find(({ msg }) => msg === 'server started') ?? {}

it('two servers, two agents, both profiles, one rotation', { timeout: 240_000 }, async () => {
  const [ourServer, theirServer] = await Promise.all([ours.startServer(), theirs.startServer()])
  // The entry names a partner that nobody knows yet.
  const ourWorkload = await startWorkload(ours, theirs.name)
  const theirWorkload = await startWorkload(theirs, ours.name)
  expect(rootsOf(ourWorkload, PARTNER)).toEqual([])

  const bundleFile = join(ours.folder, 'partner.json')
  const shown = await countersign(['bundle', 'show', '--format=spiffe', '--admin-socket', theirs.adminSocket])
  writeFileSync(bundleFile, shown.stdout)
  const create = ['federation', 'create', '--trust-domain', theirs.name]
  const endpoint = ['--endpoint-url', `${startedAs(theirServer)['spiffeBundleUrl']}/bundle`, '--profile=https_spiffe']
  const endpointId = `${PARTNER}/countersign/server`
  await ours.admin(...create, ...endpoint, '--endpoint-id', `${PARTNER}/somebody/else`, '--bundle', bundleFile)

  // Refused, with the reason where an operator looks: first the address, then the identity.
  const refresh = () =>
    countersign(['federation', 'refresh', theirs.name, '--admin-socket', ours.adminSocket, '--output=json'])
  const refused = async () => {
    const { exitCode, stdout } = await refresh()
    return [exitCode, JSON.parse(stdout).lastError?.code]
  }
  expect(await refused()).toEqual([1, 'ERR_FEDERATION_ADDRESS'])
  await ours.admin('federation', 'update', theirs.name, '--allow-address=127.0.0.1')
  expect(await refused()).toEqual([1, 'ERR_FEDERATION_IDENTITY'])
  expect(ourServer.log.filter(({ event }) => event === 'bundle.refused').map(({ code }) => code)).toEqual(
    expect.arrayContaining(['ERR_FEDERATION_ADDRESS', 'ERR_FEDERATION_IDENTITY']),
  )
  await ours.admin('federation', 'update', theirs.name, '--endpoint-id', endpointId)
  expect((await refresh()).exitCode).toBe(0)

  // The other way, by https_web, under the root that the server made for itself.
  const webEndpoint = ['--endpoint-url', `${startedAs(ourServer)['publicUrl']}/bundle`, '--profile=https_web']
  const webRoots = ['--web-roots', join(ours.folder, 'server', 'public-root.pem'), '--allow-address=127.0.0.1']
  await theirs.admin('federation', 'create', '--trust-domain', ours.name, ...webEndpoint, ...webRoots)
  await theirWorkload.until(() => rootsOf(theirWorkload, 'spiffe://example.org').length > 0, 'it knows example.org')

  await ourWorkload.until(() => rootsOf(ourWorkload, PARTNER).length > 0, 'it knows the partner')
  const first = rootsOf(ourWorkload, PARTNER)
  const isRotated = () => {
    const now = rootsOf(ourWorkload, PARTNER)
    return now.length > 0 && !now.some((root) => first.includes(root))
  }
  await ourWorkload.until(isRotated, 'it knows a new authority only', ROTATION_PATIENCE_MS)

  // A partner that is away blocks nothing, and what is known of it stays.
  await theirServer.kill()
  expect(await refused()).toEqual([1, 'ERR_FEDERATION_UNREACHABLE'])
  const selector = '--selector=unix:uid:65533'
  const late = ['--id=spiffe://example.org/late', '--parent=spiffe://example.org/countersign/agent/x', selector]
  await ours.admin('entry', 'create', ...late, '--federates-with', theirs.name)
  expect(isRotated()).toBe(true)
  const { federations } = await ours.admin('federation', 'list')
  expect(federations).toMatchObject([{ trustDomain: theirs.name, lastError: { code: 'ERR_FEDERATION_UNREACHABLE' } }])

  await ours.admin('federation', 'delete', theirs.name)
  await ourWorkload.until(() => rootsOf(ourWorkload, PARTNER).length === 0, 'it has forgotten the partner')
})
