import { LogLevels } from '@countersign/plugin-kit'
import { FakeClock } from '@countersign/testing'
import { onTestFinished } from 'vitest'
import { parseServerConfig } from '../config/server-config.ts'
import { type RunningServer, startServer } from '../server.ts'
import { type Call, callSocket, type Reply } from './http-call.ts'
import { RecordingLogger } from './recording-logger.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { TestAgent } from './test-agent.ts'

export interface TestServer {
  readonly server: RunningServer
  readonly clock: FakeClock
  readonly log: RecordingLogger
  /** Of a log with the component `federation`. */
  readonly logLevels: LogLevels
  readonly dataDir: string
  admin(path: string, call?: Call): Promise<Reply>
  /** An agent that attested. */
  attestedAgent(agentPath?: string): Promise<TestAgent>
}

export interface TestServerOptions {
  readonly dataDir?: string
  readonly clock?: FakeClock
  readonly config?: object
}

export function testConfig(dataDir: string, config: object = {}) {
  const value = {
    trustDomain: 'example.org',
    dataDir,
    machine: { host: '127.0.0.1', port: 0 },
    public: { host: '127.0.0.1', port: 0 },
    ...config,
  }
  return parseServerConfig(value, dataDir)
}

/** A whole server on free ports in a temporary folder, stopped when the running test ends. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? (await temporaryFolder())
  const clock = options.clock ?? new FakeClock()
  const log = new RecordingLogger()
  const logLevels = new LogLevels('info', clock)
  logLevels.addComponent('federation')
  const server = await startServer(testConfig(dataDir, options.config), { log, clock, logLevels })
  onTestFinished(() => server.stop())
  const admin = (path: string, call?: Call) => callSocket(server.adminSocket, path, call)
  return {
    server,
    clock,
    log,
    logLevels,
    dataDir,
    admin,
    async attestedAgent(agentPath) {
      const { body } = await admin('/v1/join-tokens', { body: agentPath === undefined ? {} : { agentPath } })
      const agent = new TestAgent(server.machineUrl)
      await agent.attest(body.token)
      return agent
    },
  }
}
