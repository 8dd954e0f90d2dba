import type { IncomingMessage } from 'node:http'
import {
  AgentCredential,
  type AttestRequest,
  JwtSvidResponse,
  SyncState,
  type TaintReport,
  type Token,
  WitSvidResponse,
  type X509Credential,
  X509SvidResponse,
} from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode, type PublicJwk } from '@countersign/protocol'
import { endWith } from '@countersign/telemetry'
import type { Static, TSchema } from 'typebox'
import type { AgentIdentity } from '../state/agent-identity.ts'
import { type AgentObservation, UNOBSERVED } from '../telemetry/observation.ts'
import { CallSlots } from './call-slots.ts'
import { EventStreamParser } from './event-stream.ts'
import { type Exchange, readBody, send, toConnectionError } from './http-exchange.ts'
import { parseAs } from './parse-as.ts'
import { RetryAfter } from './retry-after.ts'
import { ServerCallError } from './server-call-error.ts'
import type { ServerClient } from './server-client.ts'
import { ServerTlsAgent } from './server-tls-agent.ts'
import { SyncReader } from './sync-reader.ts'
import type { ServerTrust } from './verify-server.ts'

export interface HttpsServerClientOptions {
  readonly url: string
  readonly trust: ServerTrust
  /** What to show the server; read for each connection, so that a renewal takes effect at once. */
  readonly identity: () => AgentIdentity | undefined
  readonly clock: Clock
  readonly timeoutMs: number
  readonly observation?: AgentObservation
}

const MAX_BODY_BYTES = 1024 * 1024
const MAX_SYNC_BYTES = 64 * 1024 * 1024
const MAX_ISSUANCE_CALLS = 8
const MAX_ISSUANCE_WAITING = 256

/** Programs cause issuance calls. The agent's own calls have connections of their own, which no program can use up. */
type Purpose = 'control' | 'issuance'

/** The machine API over HTTPS. */
export class HttpsServerClient implements ServerClient {
  readonly #options: HttpsServerClientOptions
  readonly #anonymous: ServerTlsAgent
  readonly #issuance: CallSlots
  readonly #retryAfter: RetryAfter
  #own: (Record<Purpose, ServerTlsAgent> & { readonly identity: AgentIdentity }) | undefined

  constructor(options: HttpsServerClientOptions) {
    this.#options = options
    this.#issuance = new CallSlots({ running: MAX_ISSUANCE_CALLS, waiting: MAX_ISSUANCE_WAITING }, options.clock)
    this.#retryAfter = new RetryAfter(options.clock)
    this.#anonymous = new ServerTlsAgent(new URL(options.url), options.trust, undefined)
  }

  async attest(request: AttestRequest): Promise<AgentCredential> {
    try {
      return await this.#exchange('POST', '/v1/agent/attest', AgentCredential, {
        body: request,
        agent: this.#anonymous,
      })
    } finally {
      // Used once; an open connection that shows no identity serves nothing more.
      this.#anonymous.destroy()
    }
  }

  renew(publicKey: PublicJwk): Promise<AgentCredential> {
    return this.#exchange('POST', '/v1/agent/renew', AgentCredential, { body: { publicKey } })
  }

  sync(): Promise<SyncState> {
    return this.#exchange('GET', '/v1/agent/sync', SyncState, { maxBytes: MAX_SYNC_BYTES })
  }

  async followChanges(
    known: SyncState | undefined,
    onState: (state: SyncState) => void,
    onBytes: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const reader = new SyncReader(known)
    const path = `/v1/agent/events${reader.claim}`
    const response = await this.#send('GET', path, { signal, accept: 'text/event-stream' })
    const parser = new EventStreamParser(MAX_SYNC_BYTES)
    const stop = () => response.destroy()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        onBytes()
        for (const { event, data } of parser.push(chunk)) {
          const state = reader.take(event, data)
          if (state !== undefined) onState(state)
        }
      }
    } catch (error) {
      throw toConnectionError(error)
    } finally {
      signal.removeEventListener('abort', stop)
      response.destroy()
    }
  }

  async issueX509Svid(entryId: string, publicKey: PublicJwk): Promise<X509Credential> {
    const body = { requests: [{ entryId, publicKey }] }
    const { svids } = await this.#issue('/v1/agent/x509-svids', X509SvidResponse, body)
    return requireAnswer(svids.find((svid) => svid.entryId === entryId)).credential
  }

  async issueWitSvid(entryId: string, publicKey: PublicJwk): Promise<Token> {
    const body = { requests: [{ entryId, publicKey }] }
    const { svids } = await this.#issue('/v1/agent/wit-svids', WitSvidResponse, body)
    return requireAnswer(svids.find((svid) => svid.entryId === entryId)).wit
  }

  async issueJwtSvid(entryId: string, audience: readonly string[]): Promise<Token> {
    return (await this.#issue('/v1/agent/jwt-svids', JwtSvidResponse, { entryId, audience })).jwt
  }

  async reportTainted(report: TaintReport): Promise<void> {
    const response = await this.#send('POST', '/v1/agent/tainted', { accept: 'application/json', body: report })
    // There is nothing in it, and the connection is wanted back.
    response.resume()
  }

  reconnect(): void {
    const previous = this.#own
    this.#own = undefined
    if (previous !== undefined) for (const agent of [previous.control, previous.issuance]) destroyIdle(agent)
  }

  close(): void {
    this.#anonymous.destroy()
    this.#own?.control.destroy()
    this.#own?.issuance.destroy()
  }

  #issue<Schema extends TSchema>(path: string, schema: Schema, body: unknown): Promise<Static<Schema>> {
    const { timeoutMs } = this.#options
    const exchange = () => this.#exchange('POST', path, schema, { body, agent: this.#identifiedAgent('issuance') })
    return this.#issuance.run(timeoutMs, () => this.#retryAfter.run(timeoutMs, exchange))
  }

  async #exchange<Schema extends TSchema>(
    method: Exchange['method'],
    path: string,
    schema: Schema,
    { maxBytes = MAX_BODY_BYTES, ...options }: Partial<Exchange> & { readonly maxBytes?: number },
  ): Promise<Static<Schema>> {
    const response = await this.#send(method, path, { accept: 'application/json', ...options })
    const { clock, timeoutMs } = this.#options
    return parseAs(schema, await readBody(response, clock, timeoutMs, maxBytes))
  }

  async #send(
    method: Exchange['method'],
    path: string,
    options: Partial<Exchange> & Pick<Exchange, 'accept'>,
  ): Promise<IncomingMessage> {
    const { clock, timeoutMs, url, observation = UNOBSERVED } = this.#options
    const { recorder, tracing } = observation
    const agent = options.agent ?? this.#identifiedAgent('control')
    const seconds = recorder.stopwatch()
    const attributes = { 'http.request.method': method, 'url.path': path }
    try {
      const response = await endWith(tracing.begin(`${method} ${path}`, { kind: 'client', attributes }), () =>
        send({ url: new URL(path, url), method, clock, timeoutMs, ...options, agent, headers: tracing.headers() }),
      )
      recorder.serverAsked({ route: path, seconds: seconds() })
      return response
    } catch (error) {
      recorder.serverAsked({ route: path, code: errorCode(error) ?? '', seconds: seconds() })
      throw error
    }
  }

  #identifiedAgent(purpose: Purpose): ServerTlsAgent {
    const identity = this.#options.identity()
    if (identity === undefined) {
      throw new ServerCallError('ERR_AGENT_SERVER_REFUSED_REQUEST', 'agent has no identity to show the server yet')
    }
    if (this.#own?.identity !== identity) {
      // Requests under way keep their connection; idle ones with the old certificate end.
      const previous = this.#own
      const open = () => new ServerTlsAgent(new URL(this.#options.url), this.#options.trust, identity)
      this.#own = { identity, control: open(), issuance: open() }
      if (previous !== undefined) for (const agent of [previous.control, previous.issuance]) destroyIdle(agent)
    }
    return this.#own[purpose]
  }
}

function destroyIdle(agent: ServerTlsAgent): void {
  agent.maxFreeSockets = 0
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

function requireAnswer<T>(answer: T | undefined): T {
  if (answer === undefined) throw new ServerCallError('ERR_AGENT_SERVER_RESPONSE', 'server left the asked entry out')
  return answer
}
