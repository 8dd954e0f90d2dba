import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { Entry } from '@countersign/api'
import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import {
  type BrokerApiClient,
  brokerApiMethods,
  connectBrokerApi,
  unpackErrorReason,
} from '@countersign/workload-api/broker'
import { type X509SVIDResponse, X509SVIDResponseSchema } from '@countersign/workload-api/server'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import { BrokerPolicy, type BrokerRule } from '../broker/broker-policy.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import { AGENT_ID, entry, TRUST_DOMAIN } from './fake-server.ts'
import { startReadyWorld, startWorld, type World, type WorldOptions } from './running-agent.ts'
import { temporaryFolder } from './temporary-folder.ts'
import type { TestAuthority } from './test-authority.ts'

export const BROKER_ID = `spiffe://${TRUST_DOMAIN}/mesh/proxy`

export interface BrokerWorldOptions extends Omit<WorldOptions, 'config' | 'now'> {
  readonly rules?: readonly BrokerRule[]
  readonly limits?: Partial<BrokerConfig['limits']>
  readonly tcp?: boolean | { readonly host: string; readonly port: number }
  /** Whether to wait until the agent serves; default true. */
  readonly isReady?: boolean
  readonly entries?: Entry[]
}

export interface BrokerWorld extends World {
  readonly brokerSocket: string
}

export const brokerRule: BrokerRule = {
  id: BROKER_ID,
  references: ['pid'],
  identities: [{ root: `spiffe://${TRUST_DOMAIN}/shop`, match: 'descendants' }],
}

/** An entry that matches the process with this pid and no other. */
export function entryOf(pid: number, id: string, path: string, overrides: Partial<Entry> = {}): Entry {
  return entry(id, path, { selectors: [{ type: 'test', value: `pid:${pid}` }], ...overrides })
}

/** A world whose agent serves the Broker API. Its clock begins at the machine's time, by which OpenSSL goes. */
export async function startBrokerWorld(options: BrokerWorldOptions = {}): Promise<BrokerWorld> {
  const { rules = [brokerRule], limits, tcp = false, entries = [], isReady = true, ...rest } = options
  const brokerSocket = join(await temporaryFolder(), 'broker.sock')
  const broker: BrokerConfig = {
    socket: { path: brokerSocket, mode: 0o660 },
    ...(tcp !== false && { tcp: tcp === true ? { host: '127.0.0.1', port: 0 } : tcp }),
    policy: BrokerPolicy.parse(rules),
    limits: { connections: 16, connectionsPerBroker: 8, callsPerBroker: 64, handshakeTimeout: 10, ...limits },
  }
  const start = isReady ? startReadyWorld : startWorld
  const world = await start({
    ...rest,
    now: Math.floor(Date.now() / 1000),
    prepare: async (server) => {
      server.set({ entries })
      await options.prepare?.(server)
    },
    config: { broker },
  })
  world.programs.selectors = ({ pid }) => [{ type: 'test', value: `pid:${pid}` }]
  return { ...world, brokerSocket }
}

/** A process that does nothing, until the test is over or it is killed. */
export async function startWorkload(): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  await once(child, 'spawn')
  onTestFinished(() => void child.kill('SIGKILL'))
  return child as ChildProcess & { readonly pid: number }
}

export async function end(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

export interface TestSvid {
  readonly spiffeId: string
  readonly certificate: Uint8Array
  readonly key: Uint8Array
  /** Who issued it. */
  readonly authority: TestAuthority
}

export async function issueSvid(authority: TestAuthority, spiffeId = BROKER_ID, ttlSeconds = 3600): Promise<TestSvid> {
  const key = generateSigningKey('ES256')
  const { chain } = await authority.x509(spiffeId, key.publicJwk, ttlSeconds)
  return { spiffeId, certificate: decodeBase64(chain[0] ?? ''), key: key.exportPkcs8(), authority }
}

/** What the Workload API would give a program: its own roots, and those of the agent's trust domain. */
export function identityMessage(svid: TestSvid, agents: TestAuthority): X509SVIDResponse {
  return create(X509SVIDResponseSchema, {
    svids: [
      {
        spiffeId: svid.spiffeId,
        x509Svid: svid.certificate,
        x509SvidKey: svid.key,
        bundle: svid.authority.certificate,
      },
    ],
    federatedBundles: svid.authority === agents ? {} : { [`spiffe://${TRUST_DOMAIN}`]: agents.certificate },
  })
}

/** Our own client, as a broker of the agent's trust domain. */
export async function connectBroker(
  world: BrokerWorld,
  options: { address?: string; serverId?: string; svid?: TestSvid } = {},
): Promise<BrokerApiClient> {
  const { authority } = world.server
  const client = connectBrokerApi({
    address: options.address ?? `unix://${world.brokerSocket}`,
    identity: identityMessage(options.svid ?? (await issueSvid(authority)), authority),
    serverId: options.serverId ?? AGENT_ID,
  })
  onTestFinished(() => client.close())
  return client
}

/** PEM, as TLS wants it. */
export function tlsPair(svid: TestSvid): { key: string; cert: string } {
  const key = createPrivateKey({ key: Buffer.from(svid.key), format: 'der', type: 'pkcs8' })
  return { key: key.export({ format: 'pem', type: 'pkcs8' }).toString(), cert: encodePem([svid.certificate]) }
}

export interface RawAnswer {
  readonly error: ServiceError | null
  readonly reason: string | undefined
  readonly body: Buffer | undefined
}

export const withHeader = { 'broker.spiffe.io': 'true' }

/** A client without the manners of ours: any certificate or none, any metadata, any bytes. */
export function rawBroker(world: BrokerWorld, svid: TestSvid | undefined) {
  const pair = svid === undefined ? undefined : tlsPair(svid)
  const channel = credentials.createSsl(
    Buffer.from(encodePem([world.server.authority.certificate])),
    pair === undefined ? undefined : Buffer.from(pair.key),
    pair === undefined ? undefined : Buffer.from(pair.cert),
    { checkServerIdentity: () => undefined },
  )
  const client = new Client(`unix:${world.brokerSocket}`, channel, { 'grpc.use_local_subchannel_pool': 1 })
  onTestFinished(() => client.close())
  return {
    call: (path: string, metadata: Record<string, string | string[]>, body: Uint8Array = Buffer.alloc(0)) =>
      new Promise<RawAnswer>((resolve) => {
        const headers = new Metadata()
        for (const [name, value] of Object.entries(metadata)) for (const each of [value].flat()) headers.add(name, each)
        client.makeUnaryRequest(
          path,
          (bytes: Uint8Array) => Buffer.from(bytes),
          (bytes) => bytes,
          body,
          headers,
          { deadline: Date.now() + 20_000 },
          (error, answer) =>
            resolve({ error, reason: error === null ? undefined : unpackErrorReason(error.metadata), body: answer }),
        )
      }),
  }
}

/** The paths of all methods. */
export const METHOD_PATHS = Object.values(brokerApiMethods).map(({ path }) => path)

export function encode<Schema extends DescMessage>(
  schema: Schema,
  init: MessageInitShape<Schema>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, init))
}
