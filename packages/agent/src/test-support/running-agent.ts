import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AgentNodeAttestor,
  AttestationError,
  LogLevels,
  type PeerProcess,
  type Selector,
} from '@countersign/plugin-kit'
import { FakeClock } from '@countersign/testing'
import { connectWorkloadApi, type WorkloadApiClient } from '@countersign/workload-api'
import { expect, onTestFinished, vi } from 'vitest'
import { type RunningAgent, startAgent } from '../agent.ts'
import type { AgentConfig } from '../config/agent-config.ts'
import { FakeServer, TRUST_DOMAIN } from './fake-server.ts'
import { RecordingLogger } from './recording-logger.ts'
import { temporaryFolder } from './temporary-folder.ts'

// Real sockets, TLS and processes on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

/** A server, an agent and a program (this process) that calls it. */
export interface World {
  readonly server: FakeServer
  readonly clock: FakeClock
  readonly log: RecordingLogger
  /** Of a log with the component `issuance`. */
  readonly logLevels: LogLevels
  readonly folder: string
  /** What every program turns out to be; set `fail` to make attestation fail. */
  readonly programs: {
    selectors: Selector[] | ((peer: PeerProcess) => Selector[])
    fail: boolean
    attestations: number
    peers: PeerProcess[]
  }
  readonly config: AgentConfig
  agent: RunningAgent
  client(): WorkloadApiClient
  restart(): Promise<void>
}

/** Evidence from a list of tokens, each shown once. */
function tokenAttestor(tokens: string[], describeNeed: AgentNodeAttestor['describeNeed']): AgentNodeAttestor {
  return {
    ...(describeNeed === undefined ? {} : { describeNeed }),
    async gatherEvidence() {
      const token = tokens.shift()
      if (token === undefined) throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'a new join token is needed')
      return { token }
    },
  }
}

export interface WorldOptions {
  readonly tokens?: string[]
  readonly describeNeed?: AgentNodeAttestor['describeNeed']
  readonly prepare?: (server: FakeServer) => void | Promise<void>
  readonly config?: Partial<AgentConfig>
  /** Where the clock starts, for what OpenSSL judges by the machine's. Epoch seconds. */
  readonly now?: number
  readonly limits?: Partial<AgentConfig['limits']>
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const clock = new FakeClock(options.now)
  const log = new RecordingLogger()
  const folder = await temporaryFolder()
  const server = await FakeServer.start(clock)
  onTestFinished(() => server.down())
  await writeFile(join(folder, 'bundle.json'), JSON.stringify(server.authority.bundle().bundle))
  await options.prepare?.(server)
  const programs: World['programs'] = {
    selectors: [{ type: 'test', value: 'all' }],
    fail: false,
    attestations: 0,
    peers: [],
  }
  const tokens = options.tokens ?? ['good-token']
  const config: AgentConfig = {
    trustDomain: TRUST_DOMAIN,
    dataDir: join(folder, 'data'),
    configDir: folder,
    server: { url: server.url, timeout: 10, syncInterval: 30 },
    bootstrapBundle: join(folder, 'bundle.json'),
    socket: join(folder, 'agent.sock'),
    limits: {
      connections: 64,
      connectionsPerUser: 64,
      streams: 256,
      streamsPerUser: 256,
      identities: 100,
      handshakeTimeout: 10,
      credentials: 64,
      ...options.limits,
    },
    seal: { enabled: true },
    attestation: { timeout: 10, cache: 5 },
    sds: {
      defaultSvidName: 'default',
      defaultBundleName: 'ROOTCA',
      defaultAllBundlesName: 'ALL',
      disableSpiffeCertValidation: false,
    },
    operator: { enabled: true, socket: join(folder, 'operator.sock') },
    log: { level: 'info' },
    plugins: {
      nodeAttestor: { name: 'test-token', create: () => tokenAttestor(tokens, options.describeNeed) },
      workloadAttestors: [
        {
          name: 'test',
          create: () => ({
            async attest(peer) {
              programs.attestations += 1
              programs.peers.push(peer)
              if (programs.fail) throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'told to fail')
              return typeof programs.selectors === 'function' ? programs.selectors(peer) : programs.selectors
            },
          }),
        },
      ],
    },
    ...options.config,
  }
  const logLevels = new LogLevels('info', clock)
  logLevels.addComponent('issuance')
  const start = () => startAgent(config, { log, clock, random: () => 0.5, logLevels })
  const world: World = {
    server,
    clock,
    log,
    logLevels,
    folder,
    programs,
    config,
    agent: await start(),
    client() {
      const client = connectWorkloadApi({ address: `unix://${config.socket}` })
      onTestFinished(() => client.close())
      return client
    },
    async restart() {
      await world.agent.stop()
      world.agent = await start()
    },
  }
  onTestFinished(() => world.agent.stop())
  return world
}

/** Waits in real time for what happens over sockets. */
export async function eventually(holds: () => boolean, what = 'condition'): Promise<void> {
  await expect.poll(holds, { interval: 2, timeout: 15_000, message: what }).toBe(true)
}

/** Waits until the agent has what it needs to serve. */
export async function startReadyWorld(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld(options)
  await eventually(() => world.log.with('connected to the server').length > 0, 'agent is connected')
  return world
}

/** Messages of a stream, one at a time. */
export function reader<Message>(stream: AsyncIterable<Message>) {
  const iterator = stream[Symbol.asyncIterator]()
  return {
    next: async (): Promise<Message> => {
      const { value, done } = await iterator.next()
      if (done) throw new Error('stream ended')
      return value
    },
    stop: () => iterator.return?.(),
  }
}
