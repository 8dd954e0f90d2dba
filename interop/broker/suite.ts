import { copyFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseCheck } from '../support/check-report.ts'
import { buildGo, missingGo } from '../support/go-toolchain.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const BROKER_ID = `spiffe://${TRUST_DOMAIN}/mesh/proxy`
const WORKLOAD_ID = `spiffe://${TRUST_DOMAIN}/shop/web`
const CLIENT_TIMEOUT_MS = 90_000

/** A broker made of go-spiffe's own stubs and TLS against our Broker API. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingGo(processes, FOLDER),

  async run(context) {
    const folder = await realpath(context.temporaryFolder)
    const [broker, workload, stranger] = ['broker', 'workload', 'stranger'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    await buildGo(context.processes, FOLDER, broker)
    // The same bytes under another path are another program.
    for (const copy of [workload, stranger]) await copyFile(broker, copy)
    const socket = join(folder, 'broker.sock')
    const identities = [{ root: `spiffe://${TRUST_DOMAIN}/shop`, match: 'descendants' }]
    const trustDomain = await context.startTrustDomain(TRUST_DOMAIN, {
      agent: { broker: { socket, brokers: [{ id: BROKER_ID, identities }] } },
    })
    const register = (spiffeId: string, path: string) =>
      trustDomain.register({ spiffeId, selectors: [{ type: 'unix', value: `path:${path}` }] })
    await register(BROKER_ID, broker)
    await register(WORKLOAD_ID, workload)
    await register(`spiffe://${TRUST_DOMAIN}/shop/stranger`, stranger)
    const args = ['-address', `unix:${socket}`, '-agent-id', trustDomain.agentId]
    const shared = [...args, '-workload-id', WORKLOAD_ID, '-workload', workload]
    const env = { SPIFFE_ENDPOINT_SOCKET: trustDomain.endpointSocket }
    await runClient(context, broker, shared, env)
    await runClient(context, stranger, [...shared, '-stranger'], env)
  },
}

async function runClient(
  { processes, report }: SuiteContext,
  client: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { exitCode, stdout, stderr } = await processes.run(client, args, { env, timeoutMs: CLIENT_TIMEOUT_MS })
  const checks = stdout.split('\n').flatMap((line) => parseCheck(line) ?? [])
  for (const check of checks) report.add(check)
  if (checks.length === 0) throw new Error(`client reported nothing, exit status ${exitCode}: ${stderr.trim()}`)
  const expected = checks.every(({ ok }) => ok) ? 0 : 1
  if (exitCode !== expected)
    throw new Error(`client ended with ${exitCode}, its checks say ${expected}: ${stderr.trim()}`)
}
