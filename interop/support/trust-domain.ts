import type { ChildProcess } from 'node:child_process'
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Entry, JoinToken, NewEntry, NodeList, ServerStatus, TrustDomainBundle } from '@countersign/api'
import { type AdminMethod, callAdminApi } from './admin-api.ts'
import { hasExited, type Processes, stopProcess } from './processes.ts'

export const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const READY_PATIENCE_MS = 30_000
const READY_POLL_MS = 50

/** A server and the agent of this host, each a process of the built command. */
export interface InteropTrustDomain {
  readonly name: string
  readonly agentId: string
  /** Address of the Workload API, as `SPIFFE_ENDPOINT_SOCKET` wants it. */
  readonly endpointSocket: string
  readonly bundleEndpointUrl: string
  /** The same by profile https_spiffe. */
  readonly spiffeBundleEndpointUrl: string
  /** PEM of the root that the bundle endpoint's certificate leads to. */
  readonly publicRootFile: string
  /** Registers programs of this host. */
  readonly register: (entry: Omit<NewEntry, 'parentId'>) => Promise<Entry>
  /** One call of the server's admin API. @throws Error for anything but a 2xx answer */
  readonly admin: <T>(method: AdminMethod, path: string, body?: unknown) => Promise<T>
  /** Of the server, for its command. */
  readonly adminSocket: string
  /** Ends the server and starts it again on the same folder. The agent finds it where it was told a port. */
  readonly restartServer: () => Promise<void>
  /** The end of both logs, for a failure. */
  readonly logTail: () => Promise<string>
}

type ServerSettings = Readonly<Record<string, unknown>> & { readonly bundle?: object }

export interface TrustDomainSettings {
  /** Besides what every suite has, by the names of the server's configuration file. */
  readonly server?: ServerSettings
  /** The same for the agent's. */
  readonly agent?: Readonly<Record<string, unknown>>
}

/** Starts both and returns when the agent has attested. Whoever owns `processes` ends them. */
export async function startTrustDomain(
  processes: Processes,
  folder: string,
  name: string,
  settings: TrustDomainSettings = {},
): Promise<InteropTrustDomain> {
  const serverFolder = join(folder, 'server')
  const agentFolder = join(folder, 'agent')
  for (const path of [serverFolder, agentFolder]) await mkdir(path, { recursive: true, mode: 0o700 })
  const logFiles = [join(serverFolder, 'server.log'), join(agentFolder, 'agent.log')] as const
  try {
    const adminSocket = join(serverFolder, 'admin.sock')
    const command = await serverCommand(serverFolder, name, settings.server)
    let server: ChildProcess
    const startServer = () => {
      server = processes.start(process.execPath, command, { logFile: logFiles[0] })
      return untilReady(server, 'server', () => callAdminApi<ServerStatus>(adminSocket, 'GET', '/v1/status'))
    }
    const { listeners } = await startServer()

    const joinToken = await callAdminApi<JoinToken>(adminSocket, 'POST', '/v1/join-tokens', { agentPath: '/interop' })
    const { bundle } = await callAdminApi<TrustDomainBundle>(adminSocket, 'GET', `/v1/bundles/${name}`)
    await writeFile(join(agentFolder, 'bundle.json'), JSON.stringify(bundle))
    const required = requiredSettings(name, listeners.machine, joinToken.token)
    const args = await agentCommand(agentFolder, { ...settings.agent, ...required })
    const agent = processes.start(process.execPath, args, { logFile: logFiles[1] })
    const workloadSocket = join(agentFolder, 'workload.sock')
    await untilReady(agent, 'agent', async () => {
      await access(workloadSocket)
      const { nodes } = await callAdminApi<NodeList>(adminSocket, 'GET', '/v1/nodes')
      if (!nodes.some((node) => node.agentId === joinToken.agentId)) throw new Error('agent has not attested')
    })
    return {
      name,
      agentId: joinToken.agentId,
      adminSocket,
      endpointSocket: `unix://${workloadSocket}`,
      bundleEndpointUrl: new URL('/bundle', listeners.public).href,
      spiffeBundleEndpointUrl: new URL('/bundle', listeners.spiffeBundle).href,
      publicRootFile: join(serverFolder, 'public-root.pem'),
      register: (entry) =>
        callAdminApi<Entry>(adminSocket, 'POST', '/v1/entries', { ...entry, parentId: joinToken.agentId }),
      admin: (method, path, body) => callAdminApi(adminSocket, method, path, body),
      restartServer: async () => {
        await stopProcess(server)
        await startServer()
      },
      logTail: () => tailOf(logFiles),
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await tailOf(logFiles)}`, { cause: error })
  }
}

/** Configuration files are YAML, and JSON is YAML. */
async function serverCommand(folder: string, trustDomain: string, further: ServerSettings = {}): Promise<string[]> {
  const config = join(folder, 'server.yaml')
  const loopback = { host: '127.0.0.1', port: 0 }
  const bundle = { spiffeEndpoint: loopback, ...further.bundle }
  const settings = { trustDomain, dataDir: '.', machine: loopback, public: loopback, ...further, bundle }
  await writeFile(config, JSON.stringify(settings))
  return [COMMAND, 'server', 'run', '--config', config]
}

function requiredSettings(trustDomain: string, serverUrl: string, token: string): Readonly<Record<string, unknown>> {
  return {
    trustDomain,
    dataDir: '.',
    server: { url: serverUrl },
    bootstrapBundle: './bundle.json',
    nodeAttestor: { name: 'join-token', config: { token } },
    socket: './workload.sock',
  }
}

async function agentCommand(folder: string, settings: Readonly<Record<string, unknown>>): Promise<string[]> {
  const config = join(folder, 'agent.yaml')
  await writeFile(config, JSON.stringify(settings), { mode: 0o600 })
  return [COMMAND, 'agent', 'run', '--config', config]
}

/** Asks until the answer comes, or the program ends, or patience does. */
async function untilReady<T>(program: ChildProcess, name: string, ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + READY_PATIENCE_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (hasExited(program)) throw new Error(`${name} ended before it was ready`, { cause: error })
      if (Date.now() > deadline) throw new Error(`${name} is not ready: ${(error as Error).message}`, { cause: error })
      await pause(READY_POLL_MS)
    }
  }
}

async function tailOf(logFiles: readonly string[]): Promise<string> {
  const tails = logFiles.map(async (file) => {
    const text = await readFile(file, 'utf8').catch(() => '')
    return text.trimEnd().split('\n').slice(-15)
  })
  return (await Promise.all(tails)).flat().filter(Boolean).join('\n')
}
