/**
 * One trust domain, two servers: the upper one signs the CA of the lower one. Programs of both prove themselves to each other by
 * certificate and by token; the lower CA is rotated; the upper server is away for a while; its root is replaced and withdrawn.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AuthorityView } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { COMMAND, countersign, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const PROGRAM = fileURLToPath(new URL('./support/both-proofs.mjs', import.meta.url))
const FAST = 'bundle: { refreshHint: 1 }\n'
const PATIENCE_MS = 90_000

let upper: TrustDomain
let lower: TrustDomain | undefined
beforeEach(async () => {
  upper = await TrustDomain.create('example.org', FAST)
})
afterEach(async () => {
  await lower?.remove()
  await upper.remove()
})

const register = (domain: TrustDomain, path: string, parent: string, script: string, ...more: string[]) =>
  domain.admin(
    ...['entry', 'create', '--id', `spiffe://example.org${path}`, '--parent', parent],
    ...['--selector', `unix:uid:${process.getuid?.() ?? 0}`, '--selector', `unix:script:path:${script}`, ...more],
  )
const authorities = async (domain: TrustDomain) =>
  (await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]
const active = async (domain: TrustDomain, kind: string) =>
  (await authorities(domain)).find((each) => each.kind === kind && each.state === 'active')
const keysOf = async (domain: TrustDomain) => {
  const shown = await countersign(['bundle', 'show', '--format=spiffe', '--admin-socket', domain.adminSocket])
  return JSON.parse(shown.stdout).keys as readonly { use: string; kid?: string; x5c?: string[] }[]
}
const rootsOf = async (domain: TrustDomain) =>
  (await keysOf(domain)).flatMap(({ use, x5c }) => (use === 'x509-svid' ? x5c : [])).sort()
const kidsOf = async (domain: TrustDomain) => (await keysOf(domain)).flatMap(({ kid }) => kid ?? []).sort()

async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Asks of one domain's program what one of the other answers, both ways. */
function startAsking(domain: TrustDomain, service: Program, id: string): Program {
  const { http, https } = JSON.parse(/\{"http".*\}/.exec(service.output)?.[0] ?? '{}')
  const args = [PROGRAM, 'ask', id, String(http), String(https)]
  return domain.start(args, { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
}

async function startServing(domain: TrustDomain): Promise<Program> {
  const service = domain.start([PROGRAM, 'serve'], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await service.untilOutput(/"https":\d+/)
  return service
}

const isKnownAs = async (program: Program, id: string) => {
  for (const how of ['wpt', 'mtls']) await program.untilOutput(new RegExp(`{"how":"${how}","answer":"${id}"}`))
}
/** Answers so far that were refusals. */
const refusals = ({ output }: Program) => output.split('\n').filter((line) => line.includes('refused'))
/** Certificates that the other end showed, newest last: how many, and what the last one was signed by. */
const shown = ({ output }: Program) => output.split('\n').filter((line) => line.startsWith('{"leaf"'))

it('two servers, one trust domain', { timeout: 900_000 }, async () => {
  let upperServer = await upper.startServer()
  const host = await upper.invite('/host')
  await upper.startAgent()
  const machineUrl = String(upperServer.log.find(({ msg }) => msg === 'server started')?.['machineUrl'])
  lower = await TrustDomain.create(
    'example.org',
    `${FAST}upstreamAuthority:
  name: countersign
  config: { serverUrl: "${machineUrl}", workloadApi: "${upper.endpoint}" }
`,
  )
  expect(readFileSync(lower.serverConfig, 'utf8')).toContain(machineUrl)

  // Without the flag there is no CA, and the server says what is missing.
  await register(upper, '/nested/eu', host, COMMAND)
  const refused = lower.start([COMMAND, 'server', 'run', '--config', lower.serverConfig])
  expect(await refused.finished()).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(
      /ERR_UPSTREAM_AUTHORITY_REFUSED[\s\S]*flag downstream|flag downstream[\s\S]*ERR_UPSTREAM/,
    ),
  })
  const { entries } = await upper.admin('entry', 'list')
  await upper.admin('entry', 'update', (entries as { id: string }[])[0]?.id ?? '', '--downstream')

  const below = lower
  const lowerServer = await below.startServer()
  expect(await rootsOf(below)).toEqual(await rootsOf(upper))
  const kids = async (domain: TrustDomain) => JSON.stringify(await kidsOf(domain))
  await eventually('all token keys are known to both', async () => (await kids(upper)) === (await kids(below)))
  expect(await kidsOf(below)).toHaveLength(4)
  const below1 = await below.invite('/node')
  await below.startAgent()
  await register(upper, '/orders', host, PROGRAM)
  await register(below, '/storefront', below1, PROGRAM)

  const [orders, storefront] = [await startServing(upper), await startServing(below)]
  const fromLower = startAsking(below, orders, 'spiffe://example.org/orders')
  const fromUpper = startAsking(upper, storefront, 'spiffe://example.org/storefront')
  await isKnownAs(fromLower, 'spiffe://example.org/storefront')
  await isKnownAs(fromUpper, 'spiffe://example.org/orders')

  // The lower CA and its token key are replaced, while everything goes on.
  const first = await active(below, 'x509')
  expect(first?.root?.subject).toContain('Workload identity authority')
  const firstWit = await active(below, 'wit')
  for (const kind of ['x509', 'wit']) {
    const { id } = await below.admin('authority', 'prepare', kind)
    await eventually('published above', async () => kind === 'x509' || (await kidsOf(upper)).includes(String(id)))
    await below.admin('authority', 'activate', String(id), '--force')
  }
  for (const id of [first?.id ?? '', firstWit?.id ?? '']) await below.admin('authority', 'taint', id)
  const left = async () => (await authorities(below)).filter(({ taint }) => taint !== undefined && taint.waiting > 0)
  await eventually('nothing is left of the old CA', async () => (await left()).length === 0)
  for (const id of [first?.id ?? '', firstWit?.id ?? '']) await below.admin('authority', 'revoke', id)
  await eventually('the key is withdrawn above', async () => !(await kidsOf(upper)).includes(firstWit?.id ?? ''))

  // The upper server is away: the lower one goes on, and says so.
  await upperServer.kill()
  await lowerServer.until(
    () => lowerServer.log.some(({ what, code }) => what === 'bundle' && code === 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE'),
    'it says that its upstream is away',
  )
  const failed = await countersign([
    ...['authority', 'prepare', 'x509', '--admin-socket', below.adminSocket, '--output', 'json'],
  ])
  expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ERR_UPSTREAM_AUTHORITY_UNREACHABLE') })
  const signing = await active(below, 'x509')
  const before = shown(fromUpper).length
  await fromUpper.until(() => shown(fromUpper).length > before + 5, 'it is answered without the upper server')
  upperServer = await upper.startServer()
  await lowerServer.until(() => lowerServer.log.some(({ msg }) => msg === 'upstream answers again'), 'it is back')
  expect((await active(below, 'x509'))?.id).toBe(signing?.id)
  expect([...refusals(fromLower), ...refusals(fromUpper)]).toEqual([])

  // The root above is replaced, tainted and withdrawn: the lower CA follows by itself, and so do its workloads.
  const old = await active(upper, 'x509')
  const { id: next } = await upper.admin('authority', 'prepare', 'x509')
  // Programs below would refuse those above until then: that is what `--force` asks for, and not what this is about.
  await eventually('the new root is known below', async () => (await rootsOf(below)).length === 2)
  await upper.admin('authority', 'activate', String(next), '--force')
  await upper.admin('authority', 'taint', old?.id ?? '')
  await eventually('the lower CA is below the new root', async () => {
    const now = await active(below, 'x509')
    return now !== undefined && now.id !== signing?.id
  })
  const done = async (domain: TrustDomain) =>
    (await authorities(domain)).every(({ taint }) => taint === undefined || taint.waiting === 0)
  await eventually('nothing is left of the old root', async () => (await done(upper)) && (await done(below)))
  await upper.admin('authority', 'revoke', old?.id ?? '')
  await eventually('the old root is gone below', async () => (await rootsOf(below)).length === 1)
  expect(await rootsOf(below)).toEqual(await rootsOf(upper))
  const seen = [shown(fromLower).length, shown(fromUpper).length]
  await fromLower.until(() => shown(fromLower).length > (seen[0] ?? 0) + 5, 'it is answered under the new root')
  await fromUpper.until(() => shown(fromUpper).length > (seen[1] ?? 0) + 5, 'it is answered under the new root')
  expect([...refusals(fromLower), ...refusals(fromUpper)]).toEqual([])
})
