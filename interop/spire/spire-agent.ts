import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasExited, type Processes } from '../support/processes.ts'
import { type SpireServer, tailOf } from './spire-server.ts'
import { until } from './until.ts'

export interface SpireAgent {
  /** Address of its Workload API, as `SPIFFE_ENDPOINT_SOCKET` wants it. */
  readonly endpointSocket: string
  /** What entries name as their parent. */
  readonly parentId: string
  readonly logFile: string
}

const PROBE_TIMEOUT_MS = 10_000
const READY_PATIENCE_MS = 60_000

/** Starts a real SPIRE agent with a join token, and waits until it serves. */
export async function startSpireAgent(
  processes: Processes,
  binary: string,
  folder: string,
  server: SpireServer,
): Promise<SpireAgent> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const parentId = `spiffe://${server.trustDomain}/host`
  const { value: token } = JSON.parse(
    await server.command('token', 'generate', '-spiffeID', parentId, '-output', 'json'),
  ) as { value: string }
  await writeFile(join(folder, 'roots.pem'), await server.command('bundle', 'show'))
  const config = join(folder, 'agent.conf')
  const socket = join(folder, 'api.sock')
  const logFile = join(folder, 'agent.log')
  await writeFile(config, JSON.stringify(agentConfig(folder, socket, server, token)), { mode: 0o600 })
  const agent = processes.start(binary, ['run', '-config', config], { logFile })
  await until('SPIRE agent', READY_PATIENCE_MS, async () => {
    if (hasExited(agent)) throw new Error(`SPIRE agent ended before it was ready: ${await tailOf(logFile)}`)
    const probe = await processes.run(binary, ['healthcheck', '-socketPath', socket], { timeoutMs: PROBE_TIMEOUT_MS })
    return probe.exitCode === 0 || undefined
  })
  return { endpointSocket: `unix://${socket}`, parentId, logFile }
}

function agentConfig(folder: string, socket: string, server: SpireServer, token: string): object {
  return {
    agent: {
      data_dir: folder,
      log_level: 'DEBUG',
      server_address: '127.0.0.1',
      server_port: String(server.port),
      socket_path: socket,
      trust_bundle_path: join(folder, 'roots.pem'),
      trust_domain: server.trustDomain,
      join_token: token,
      // Instead of five seconds: nothing here is about how long a poll takes.
      experimental: { sync_interval: '1s' },
    },
    plugins: {
      NodeAttestor: [{ join_token: { plugin_data: {} } }],
      KeyManager: [{ memory: { plugin_data: {} } }],
      // No hash of the program for each call: a Node has a hundred megabytes, and no entry here asks for it.
      WorkloadAttestor: [{ unix: { plugin_data: { discover_workload_path: true, workload_size_limit: -1 } } }],
    },
  }
}
