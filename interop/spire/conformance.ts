import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerStatus } from '@countersign/api'
import { check, type Scene } from './scene.ts'
import type { Stage } from './set-scene.ts'
import { until } from './until.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const RESULTS = fileURLToPath(new URL('../../docs/conformance/results/', import.meta.url))
/** Set to write down what was found, on our agent as well, rather than to compare with it. */
const WRITE = 'COUNTERSIGN_CONFORMANCE_WRITE'
const TIMEOUT_MS = 240_000
const ENTRY_PATIENCE_MS = 60_000
/** A user whom no entry is for. */
const NOBODY = 65_534

interface Report {
  readonly passed: number
  readonly failed: number
  readonly warned: number
  readonly skipped: number
  readonly checks: readonly { readonly id: string; readonly outcome: string }[]
}

/** Two identities of one program, so that there is something to say about hints, their order, and foreign bundles. */
const IDENTITIES = [
  { name: 'conformance', hint: 'internal', isFederated: true },
  { name: 'conformance-second', hint: 'external', isFederated: false },
] as const

/**
 * Our conformance suite for Workload API endpoints on SPIRE's agent. What it finds there is written down in
 * `docs/conformance`; another finding is a change, of SPIRE or of the suite, that somebody has to look at.
 */
export async function checkConformance(stage: Stage, scene: Scene): Promise<void> {
  // A Node of its own, so that it has identities of its own.
  const node = join(stage.folder, 'node')
  await copyFile(stage.programs[0]?.command[0] ?? '', node)
  await check(scene, "the conformance suite finds on SPIRE's agent what docs/conformance says", async () => {
    await registerOnSpire(scene, node)
    const report = await runSuite(stage, node, scene.spireAgent.endpointSocket)
    const name = `spire-agent-${stage.binaries.version}`
    return process.env[WRITE] === '1' ? write(name, report) : compare(name, report)
  })
  if (process.env[WRITE] !== '1') return
  await check(scene, 'the same on our agent', async () => {
    await registerOnOurs(scene, node)
    const report = await runSuite(stage, node, scene.ours.endpointSocket)
    const { version } = await scene.ours.admin<ServerStatus>('GET', '/v1/status')
    return write(`countersign-agent-${version}`, report)
  })
}

async function registerOnSpire({ spire, spireAgent, ours }: Scene, node: string): Promise<void> {
  for (const { name, hint, isFederated } of IDENTITIES) {
    const id = ['-parentID', spireAgent.parentId, '-spiffeID', `spiffe://${spire.trustDomain}/${name}`]
    const program = ['-selector', `unix:path:${node}`, '-selector', `unix:uid:${process.getuid?.() ?? 0}`]
    const foreign = isFederated ? ['-federatesWith', `spiffe://${ours.name}`] : []
    await spire.command('entry', 'create', ...id, ...program, '-hint', hint, ...foreign)
  }
}

async function registerOnOurs({ spire, ours }: Scene, node: string): Promise<void> {
  for (const { name, hint, isFederated } of IDENTITIES) {
    await ours.register({
      spiffeId: `spiffe://${ours.name}/${name}`,
      selectors: [
        { type: 'unix', value: `path:${node}` },
        { type: 'unix', value: `uid:${process.getuid?.() ?? 0}` },
      ],
      hint,
      ...(isFederated && { federatesWith: [spire.trustDomain] }),
    })
  }
}

async function runSuite({ context, folder }: Stage, node: string, endpointSocket: string): Promise<Report> {
  const env = { SPIFFE_ENDPOINT_SOCKET: endpointSocket }
  const run = (timeoutMs: number, ...words: readonly string[]) =>
    context.processes.run(node, [COMMAND, ...words], { env, timeoutMs })
  await until('both identities', ENTRY_PATIENCE_MS, async () => {
    const { stdout } = await run(ENTRY_PATIENCE_MS, 'x509', 'fetch', '--output', 'json')
    return IDENTITIES.every(({ name }) => stdout.includes(`/${name}"`)) || undefined
  })
  const isRoot = process.getuid?.() === 0
  // A process of another user must get as far as the agent itself.
  const agentFolder = dirname(new URL(endpointSocket).pathname)
  if (isRoot) for (const each of [dirname(folder), folder, dirname(agentFolder), agentFolder]) await chmod(each, 0o711)
  const nobody = isRoot ? ['--without-identity-uid', String(NOBODY)] : []
  const { stdout, stderr } = await run(TIMEOUT_MS, 'conformance', 'workload-api', '--output', 'json', ...nobody)
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as Report
}

async function write(name: string, report: Report): Promise<{ ok: boolean; detail: string }> {
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`)
  return { ok: true, detail: `${countsOf(report)}, written down as ${name}` }
}

async function compare(name: string, report: Report): Promise<{ ok: boolean; detail: string }> {
  const known = JSON.parse(await readFile(join(RESULTS, `${name}.json`), 'utf8')) as Report
  const changes = outcomesOf(report).filter((line) => !outcomesOf(known).includes(line))
  return {
    ok: changes.length === 0,
    detail: changes.length === 0 ? countsOf(report) : `changed: ${changes.join(', ')}`,
  }
}

function countsOf({ passed, failed, warned, skipped }: Report): string {
  return `${passed} passed, ${failed} failed, ${warned} warned, ${skipped} skipped`
}

/** What may be compared: times and texts change from run to run, and not everybody can run every check. */
function outcomesOf({ checks }: Report): string[] {
  return checks.filter(({ outcome }) => outcome !== 'skip').map(({ id, outcome }) => `${id} ${outcome}`)
}
