import type { IncomingMessage } from 'node:http'
import {
  type AgentIdentity,
  EventStreamParser,
  HttpsServerClient,
  ServerTlsAgent,
  SyncReader,
  send,
} from '@countersign/agent/parts'
import type { Entry, SyncState } from '@countersign/api'
import { systemClock } from '@countersign/plugin-kit'
import { decodeBase64, parseSpiffeBundle } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { retryDelayMs } from '@countersign/workload-api/server'
import type { TrustDomain } from './trust-domain.ts'

const TRUST_DOMAIN = 'example.org'
const TIMEOUT_MS = 60_000
/** The agent's own. */
const BACKOFF = { firstMs: 1_000, maxMs: 30_000 }
const MAX_FAILURES = 10

/**
 * What an agent is to its server: the agent's own client with a certificate and connections of its own, the mutual TLS,
 * the stream, the differences and the check that they lead to what the server has. Without sockets, programs and files.
 */
export class LightAgent {
  readonly client: HttpsServerClient
  readonly #url: URL
  readonly #roots: () => readonly Uint8Array[]
  readonly #identity: AgentIdentity
  #connection: ServerTlsAgent | undefined
  #response: IncomingMessage | undefined
  state: SyncState | undefined
  /** Octets of the stream that is open. */
  received = 0
  /** Names of the events of the stream that is open. */
  events: string[] = []
  #onEvent: () => void = () => {}

  private constructor(url: string, roots: () => readonly Uint8Array[], identity: AgentIdentity) {
    this.#url = new URL(url)
    this.#roots = roots
    this.#identity = identity
    this.client = clientOf(url, roots, () => identity)
  }

  static async attest(domain: TrustDomain, name: string, selectors: readonly string[]): Promise<LightAgent> {
    const { bundle } = await domain.admin('GET', `/v1/bundles/${TRUST_DOMAIN}`)
    const roots = parseSpiffeBundle(TRUST_DOMAIN, bundle).x509Authorities
    const { token } = await domain.admin('POST', '/v1/join-tokens', { agentPath: `/${name}`, ttl: 3600, selectors })
    const key = generateSigningKey('ES256')
    const anonymous = clientOf(
      domain.machineUrl,
      () => roots,
      () => undefined,
    )
    const { credential } = await anonymous.attest({
      ...{ attestor: 'join-token', evidence: { token }, publicKey: { ...key.publicJwk } },
    })
    anonymous.close()
    const { spiffeId: agentId, expiresAt } = credential
    const identity = { agentId, chain: credential.chain.map(decodeBase64), key, issuedAt: systemClock.now(), expiresAt }
    return new LightAgent(domain.machineUrl, () => roots, identity)
  }

  get agentId(): string {
    return this.#identity.agentId
  }

  /** Follows, and tries again after a while when that fails, as an agent does. */
  async followPatiently(known?: SyncState): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        return await this.follow(known)
      } catch (error) {
        if (failures === MAX_FAILURES) throw error
        await new Promise((resolve) => setTimeout(resolve, retryDelayMs(failures, BACKOFF, Math.random)))
      }
    }
  }

  /** Opens the stream. Resolves when the first event has brought the agent to what the server has. */
  async follow(known?: SyncState): Promise<void> {
    const trust = { trustDomain: TRUST_DOMAIN, roots: this.#roots, now: () => systemClock.now() }
    this.#connection = new ServerTlsAgent(this.#url, trust, this.#identity)
    const reader = new SyncReader(known)
    const url = new URL(`/v1/agent/events${reader.claim}`, this.#url)
    const call = { url, agent: this.#connection, clock: systemClock, timeoutMs: TIMEOUT_MS }
    const response = await send({ ...call, method: 'GET', accept: 'text/event-stream' })
    this.#response = response
    const parser = new EventStreamParser(64 * 1024 * 1024)
    this.received = 0
    this.events = []
    await new Promise<void>((resolve, reject) => {
      response.on('error', reject)
      response.on('close', () => reject(new Error('stream has ended')))
      response.on('data', (chunk: Buffer) => {
        this.received += chunk.length
        try {
          for (const { event, data } of parser.push(chunk)) {
            this.events.push(event)
            this.state = reader.take(event, data) ?? this.state
            resolve()
          }
        } catch (error) {
          response.destroy()
          reject(error)
        }
        this.#onEvent()
      })
    })
  }

  /** Waits until what arrives makes it true. */
  async until(condition: (state: SyncState) => boolean): Promise<void> {
    while (this.state === undefined || !condition(this.state)) {
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve
      })
    }
  }

  has(id: string): Entry | undefined {
    return this.state?.entries.find((entry) => entry.id === id)
  }

  leave(): void {
    this.#response?.destroy()
    this.#connection?.destroy()
  }

  close(): void {
    this.leave()
    this.client.close()
  }
}

function clientOf(
  url: string,
  roots: () => readonly Uint8Array[],
  identity: () => AgentIdentity | undefined,
): HttpsServerClient {
  const trust = { trustDomain: TRUST_DOMAIN, roots, now: () => systemClock.now() }
  return new HttpsServerClient({ url, trust, identity, clock: systemClock, timeoutMs: TIMEOUT_MS })
}
