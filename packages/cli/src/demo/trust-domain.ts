import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry, JoinToken, NewEntry, NewFederation, ServerStatus, TrustDomainBundle } from '@countersign/api'
import { stringify } from 'yaml'
import type { AdminClient } from '../admin-client.ts'
import type { DemoFolder } from './demo-folder.ts'
import type { DemoProgram, DemoProgramOptions } from './demo-program.ts'
import { freePort } from './free-port.ts'

/** What the demo needs of its surroundings to run a trust domain. */
export interface TrustDomainHost {
  readonly folder: DemoFolder
  /** Path of this very command's script. */
  readonly command: string
  readonly openAdmin: (socket: string) => AdminClient
  /** Starts a process that somebody will end. */
  readonly start: (options: DemoProgramOptions) => DemoProgram
}

/** What differs between the demo's trust domains. */
export interface TrustDomainSettings {
  /** Names of its folder. */
  readonly label: string
  readonly publicPort: number
  /** Its token service, as the server's configuration has it. */
  readonly tokenService: object
  /** Told when the server answers, long before the agent does. */
  readonly serverIsUp?: () => void
}

/** A running trust domain: one server, one agent, each a process with a folder of its own. */
export interface DemoTrustDomain {
  readonly name: string
  readonly server: DemoProgram
  readonly agent: DemoProgram
  readonly admin: AdminClient
  readonly adminSocket: string
  readonly agentId: string
  /** Address of the Workload API, as `SPIFFE_ENDPOINT_SOCKET` wants it. */
  readonly endpointSocket: string
  readonly bundleEndpointUrl: string
  /** Folder of the server's private keys: what an attacker has who runs this domain. */
  readonly keyFolder: string
  readonly agentFolder: string
  readonly publicRootFile: string
  register(entry: Omit<NewEntry, 'parentId'>): Promise<Entry>
  federateWith(other: { name: string; bundleEndpointUrl: string; publicRootPem: string }): Promise<void>
}

/** Starts a server, has it attest an agent by a join token, and returns when both are up. */
export async function startTrustDomain(
  host: TrustDomainHost,
  name: string,
  { label, publicPort, tokenService, serverIsUp }: TrustDomainSettings,
): Promise<DemoTrustDomain> {
  const serverFolder = host.folder.make(join(label, 'server'))
  const agentFolder = host.folder.make(join(label, 'agent'))
  const machinePort = await freePort()
  const adminSocket = join(serverFolder, 'admin.sock')
  const workloadSocket = join(agentFolder, 'workload.sock')

  const serverConfig = join(serverFolder, 'server.yaml')
  writeFileSync(
    serverConfig,
    stringify({
      trustDomain: name,
      dataDir: '.',
      machine: { host: '127.0.0.1', port: machinePort },
      public: { host: '127.0.0.1', port: publicPort },
      tokenService,
      log: { level: 'info' },
    }),
  )
  const server = host.start({
    name: `server of ${name}`,
    args: [host.command, 'server', 'run', '--config', serverConfig],
    logFile: join(serverFolder, 'server.log'),
  })
  try {
    const admin = host.openAdmin(adminSocket)
    await untilReady(server, () => admin.get<ServerStatus>('/v1/status'))
    serverIsUp?.()

    const { token, agentId } = await admin.post<JoinToken>('/v1/join-tokens', { agentPath: '/demo' })
    const { bundle } = await admin.get<TrustDomainBundle>(`/v1/bundles/${name}`)
    writeFileSync(join(agentFolder, 'bundle.json'), JSON.stringify(bundle))
    writeFileSync(join(agentFolder, 'join-token'), token, { mode: 0o600 })
    const agentConfig = join(agentFolder, 'agent.yaml')
    writeFileSync(
      agentConfig,
      stringify({
        trustDomain: name,
        dataDir: '.',
        server: { url: `https://127.0.0.1:${machinePort}` },
        bootstrapBundle: './bundle.json',
        nodeAttestor: { name: 'join-token', config: { tokenFile: './join-token' } },
        socket: './workload.sock',
        log: { level: 'info' },
      }),
    )
    const agent = host.start({
      name: `agent of ${name}`,
      args: [host.command, 'agent', 'run', '--config', agentConfig],
      logFile: join(agentFolder, 'agent.log'),
    })
    return {
      name,
      server,
      agent,
      admin,
      adminSocket,
      agentId,
      endpointSocket: `unix://${workloadSocket}`,
      bundleEndpointUrl: `https://127.0.0.1:${publicPort}/bundle`,
      agentFolder,
      keyFolder: join(serverFolder, 'keys'),
      publicRootFile: join(serverFolder, 'public-root.pem'),
      register: (entry) => admin.post<Entry>('/v1/entries', { ...entry, parentId: agentId }),
      async federateWith(other) {
        const federation: NewFederation = {
          trustDomain: other.name,
          bundleEndpointUrl: other.bundleEndpointUrl,
          profile: 'https_web',
          allowedAddresses: ['127.0.0.1'],
          webRoots: other.publicRootPem,
        }
        await admin.post('/v1/federations', federation)
        await admin.post(`/v1/federations/${other.name}/refresh`)
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Asks until the answer comes, or the program ends. */
async function untilReady(program: DemoProgram, ask: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      await ask()
      return
    } catch (error) {
      if (program.hasExited || Date.now() > deadline) {
        await program.waitFor(() => false, 'ready').catch((failure) => Promise.reject(failure))
        throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}
